"""The commands of docs/data.md are there, and they work."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from seqanom.data import data
from typer.main import get_command

from seqanomaly.config import parse_yaml
from seqanomaly.datasets.catalogue import FAMILIES
from seqanomaly.datasets.specs import data_settings

Run = Callable[..., Any]
Declared = Mapping[str, Any]
Collections = Mapping[str, Callable[[Path], None]]
PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LINES = [" ".join(line.split()) for line in re.findall(r"^seqanom data (.+?)(?:\s+#.*)?$", BLOCKS, re.MULTILINE)]
COMPARED = re.findall(r"^seqanom compare (.+)$", BLOCKS, re.MULTILINE)
QUICK = shlex.split("--model '{kind: gru, hidden: 2}' --train '{epochs: 1}' --seeds 2 --engine serial")


@pytest.mark.parametrize("line", LINES)
def test_commands_and_options_are_there(line: str) -> None:
    command, *rest = shlex.split(line)
    found = get_command(data).commands[command]  # type: ignore[attr-defined]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


def test_every_family_is_shown() -> None:
    assert {family.command.removeprefix("seqanom data ") for family in FAMILIES} <= set(LINES)


def test_every_family_is_compared(shared: Path, machines: pd.DataFrame, declared: Declared, tmp_path: Path) -> None:
    _beside(shared, machines, declared, tmp_path)
    values = [shlex.split(line)[1] for line in COMPARED]
    assert all(line.startswith("--data ") for line in COMPARED)
    kinds = {_kind(value, tmp_path) for value in values}
    assert kinds == {family.kind for family in FAMILIES}


def _kind(value: str, folder: Path) -> str:
    """The kind that a value of `--data` is recognised as."""
    given = parse_yaml(value, "--data")
    settings = {"path": given} if isinstance(given, str) else dict(given)
    found = data_settings({**settings, "path": str(folder / settings["path"])})
    assert isinstance(found, dict)
    return str(found["kind"])


@pytest.mark.slow
@pytest.mark.parametrize("line", COMPARED)
def test_comparisons_run(
    seqanom: Run, shared: Path, machines: pd.DataFrame, declared: Declared, tmp_path: Path, line: str
) -> None:
    _beside(shared, machines, declared, tmp_path)
    if "mitdb" in line and not (tmp_path / "mitdb" / "100.dat").exists():
        pytest.skip("the package wfdb is not installed (extra wfdb)")
    done = seqanom("compare", *shlex.split(line), *QUICK)
    assert done.code == 0, done.err
    assert "uniform" in done.out


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_commands_work(
    seqanom: Run,
    shared: Path,
    machines: pd.DataFrame,
    declared: Declared,
    collections: Collections,
    tmp_path: Path,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    _beside(shared, machines, declared, tmp_path)
    for name, write in collections.items():
        write(tmp_path / name)
    if "mitdb" in line and not (tmp_path / "mitdb" / "100.dat").exists():
        pytest.skip("the package wfdb is not installed (extra wfdb)")
    done = seqanom("data", *shlex.split(line))
    assert done.code == 0, done.err
    assert done.out


def _beside(shared: Path, machines: pd.DataFrame, declared: Declared, tmp_path: Path) -> None:
    """The public data sets and a user's own files, under the names of the page."""
    given = shared / "datasets"
    for place in (*given.iterdir(), *(given / "aeon").iterdir(), *(given / "TSB-AD").iterdir()):
        if place.is_dir():
            (tmp_path / place.name).symlink_to(place)
    _own(machines, tmp_path)
    for kind, sample in declared.items():
        example = next(family.example for family in FAMILIES if family.kind == kind)
        found = parse_yaml(example, "--data")
        example = found["path"] if isinstance(found, dict) else example
        if not (tmp_path / example).exists():
            sample.write(tmp_path / example if sample.path == "." else tmp_path)


def _own(machines: pd.DataFrame, folder: Path) -> None:
    """What a user would have: a table, a folder of tables, a wide table, arrays."""
    machines.to_csv(folder / "mine.csv", index=False)
    long = machines.rename(columns={"unit": "series", "cycle": "step", "fault": "label"})
    long.assign(heat=long["heat"].where(long["step"] % 4 > 0)).to_csv(folder / "holes.csv", index=False)
    long.sort_values(["series", "step"]).to_parquet(folder / "small.parquet", index=False)
    (folder / "machines").mkdir()
    for unit, run in machines.rename(columns={"fault": "label"}).groupby("unit"):
        run.sort_values("cycle").drop(columns=["unit", "cycle"]).to_csv(
            folder / "machines" / f"{unit}.csv", index=False
        )
    wide = pd.DataFrame(np.arange(60.0).reshape(12, 5), columns=[f"t{i}" for i in range(5)])
    wide.assign(label=np.arange(12) % 2).to_csv(folder / "wide.csv", index=False)
    step = np.arange(400)
    pump = pd.DataFrame({"timestamp": step, "flow": np.sin(step / 7), "label": step // 20 % 4 == 3})
    pump.assign(label=pump["label"].astype(int)).to_csv(folder / "pump.csv", index=False)
    _record(folder / "mitdb")
    x, y = np.random.default_rng(0).random((20, 8, 3)), np.arange(20) % 2
    np.savez(folder / "runs.npz", x=x, y=y)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def _record(folder: Path) -> None:
    """Half a minute of two leads, where every fifth beat is not normal; without the library only its header."""
    folder.mkdir()
    (folder / "100.hea").write_text("100 2 360 10800\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import wfdb
        except ModuleNotFoundError:
            return
        x = np.random.default_rng(0).standard_normal((10_800, 2)).cumsum(axis=0)
        named = {"units": ["mV", "mV"], "sig_name": ["MLII", "V5"], "fmt": ["16", "16"], "write_dir": str(folder)}
        wfdb.wrsamp("100", fs=360, p_signal=x, **named)
        beats = np.arange(100, 10_800, 300)
        wfdb.wrann("100", "atr", beats, ["NNNNV"[place % 5] for place in range(len(beats))], write_dir=str(folder))
