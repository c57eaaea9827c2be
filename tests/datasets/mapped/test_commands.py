"""What `seqanom data convert` and `split` write about a mapped table is what they write about it in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from seqanom import console
from seqanom.main import app

from seqanomaly.datasets.mapped import sequences, source

Write = Callable[..., Path]
Both = Callable[..., tuple[Any, Any]]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps are read at once, and none may be held in memory."""
    monkeypatch.setattr(sequences, "AT_ONCE", 70)
    monkeypatch.setattr(source, "HELD", 0)


@pytest.fixture
def both(capsys: pytest.CaptureFixture[str]) -> Both:
    """What a command prints about a table that is mapped, and about the same one in memory."""

    def run(command: list[str], path: Path, settings: str = "", *others: str) -> tuple[Any, Any]:
        said = []
        for mapped in ("true", "false"):
            data = f"{{path: {path}, mapped: {mapped}{settings}}}"
            assert console.run(app, [*command, data, *(text.replace("HOW", mapped) for text in others)]) == 0
            found = capsys.readouterr()
            said.append((found.out.replace(f"{mapped}.", "HOW."), found.err.replace(f"{mapped}.", "HOW.")))
        return said[0], said[1]

    return run


SETTINGS = ["", ", split: {time: 0.3}", ", split: {folds: 4}", ", test: 0.5", ", normal: 1", ", label: null"]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", [[], ["--seed", "2"]])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_convert(
    long: pd.DataFrame, write: Write, both: Both, tmp_path: Path, settings: str, seed: list[str], ending: str
) -> None:
    if "label" in settings:
        long = long.drop(columns="label")
    mine, theirs = both(["data", "convert"], write(long), settings, f"{tmp_path}/HOW.{ending}", *seed)
    assert mine == theirs
    one, other = tmp_path / f"true.{ending}", tmp_path / f"false.{ending}"
    if ending == "csv":
        assert one.read_bytes() == other.read_bytes()
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other))
    assert not list(tmp_path.glob(".*"))


def test_convert_by_a_column_of_text_with_names_that_look_like_numbers(
    long: pd.DataFrame, write: Write, both: Both, tmp_path: Path
) -> None:
    whole = long.assign(
        series="0" + long["series"].str[1:],
        part=np.where(long["step"] < 10, "train", np.where(long["step"] < 14, "validation", "test")),
        label=pd.Categorical(long["label"].map({0: "0", 1: "b"}), ["0", "b", "a"], ordered=True),
    )
    mine, theirs = both(["data", "convert"], write(whole), ", part: part", f"{tmp_path}/HOW.csv")
    assert mine == theirs
    assert "Note: read again, the CSV file gives other names of series and classes; .parquet keeps them." in mine[1]
    assert (tmp_path / "true.csv").read_bytes() == (tmp_path / "false.csv").read_bytes()


@pytest.mark.parametrize(
    "settings",
    [", missing: mask", ", missing: interpolate, gaps: split, split: {time: 0.5}", ", missing: drop, gaps: mask"],
)
@pytest.mark.parametrize("seed", [[], ["--seed", "2"]])
def test_convert_and_split_what_is_mended(
    long: pd.DataFrame, write: Write, both: Both, tmp_path: Path, settings: str, seed: list[str]
) -> None:
    lacks = long["step"] % 7 < 2
    path = write(long.assign(a=long["a"].mask(lacks), step=long["step"] + 9 * (long["step"] > 11)))
    mine, theirs = both(["data", "convert"], path, settings, f"{tmp_path}/HOW.csv", *seed)
    assert mine == theirs
    assert (tmp_path / "true.csv").read_bytes() == (tmp_path / "false.csv").read_bytes()
    mine, theirs = both(["data", "split"], path, settings, *seed)
    assert mine == theirs


@pytest.mark.parametrize("settings", SETTINGS[:4])
@pytest.mark.parametrize("more", [[], ["--json"], ["--seed", "3"]])
def test_split(long: pd.DataFrame, write: Write, both: Both, settings: str, more: list[str]) -> None:
    mine, theirs = both(["data", "split"], write(long, "t.csv"), settings, *more)
    assert mine == theirs


def test_a_file_that_cannot_be_written_is_left_as_it_was(
    long: pd.DataFrame,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = write(long), tmp_path / "out.csv"
    out.write_text("before")
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert console.run(app, ["data", "convert", f"{{path: {path}, mapped: true}}", str(out)]) == console.USAGE
    assert capsys.readouterr().err == f"Error: OUT: cannot write {out} (No space left)\n"
    assert out.read_text() == "before"
    assert not list(tmp_path.glob(".*"))
