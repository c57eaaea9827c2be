"""A table that is mapped is scored as it is in memory, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from seqanom import console
from seqanom.main import app

from seqanomaly import scoring, train
from seqanomaly.datasets import written
from seqanomaly.datasets.formats.table import read_table
from seqanomaly.datasets.mapped import tables, text
from seqanomaly.detector import Detector
from seqanomaly.errors import DataError
from seqanomaly.scoring import score_pieces
from seqanomaly.training import stack

Write = Callable[[pd.DataFrame, str], Path]


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, and a few rows and windows at a time."""
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    for module in (tables, text):
        monkeypatch.setattr(module, "AT_ONCE", 90)
    monkeypatch.setattr(written.in_pieces, "__defaults__", (100,))
    for using in (scoring, stack):
        monkeypatch.setattr(using, "windows_at_once", lambda *_: 7)


@pytest.fixture(scope="module")
def new() -> pd.DataFrame:
    """Sequences of 1 to 40 steps in another order of columns, and one of 300."""
    generator = np.random.default_rng(1)
    frames = []
    for number, steps in enumerate([*generator.integers(1, 40, 30).tolist(), 300, 5]):
        x = generator.normal(size=(steps, 5)).astype(np.float32)
        frame = pd.DataFrame(x, columns=[f"x{n}" for n in range(5)])
        frames.append(frame.assign(step=np.arange(steps) * 2, series=f"s{number}", note="of no interest"))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writer(frame: pd.DataFrame, name: str) -> Path:
        path = tmp_path / name
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False, row_group_size=64)
        elif path.suffix == ".feather":
            frame.to_feather(path, chunksize=64)
        else:
            frame.to_csv(path, index=False)
        return path

    return writer


def detector(task: str = "detect", model: Any = "gru", window: Any = None, **others: Any) -> Detector:
    model = model if isinstance(model, dict) else {"kind": model}
    trained = {} if model["kind"] in ("random", "position", "majority") else {"train": {"epochs": 1}}
    data = {"kind": "drift", "train": 20, "test": 20, "features": 5}
    config: dict[str, Any] = {"data": data, "task": task, "model": model, "window": window, **trained, **others}
    return train(config).detector


DETECTORS: dict[str, dict[str, Any]] = {
    "whole sequences": {"model": {"kind": "gru", "hidden": 5}},
    "windows": {"model": {"kind": "gru", "hidden": 5}, "window": {"length": 10, "stride": 3}},
    "windows side by side": {"model": {"kind": "lstm", "layers": 2}, "window": 12},
    "windows longer than any sequence": {"model": {"kind": "rnn"}, "window": {"length": 40, "stride": 40}},
    "forecast": {"task": "forecast", "model": {"kind": "lstm", "hidden": 6}},
    "forecast in windows": {"task": "forecast", "model": {"kind": "gru"}, "window": {"length": 8, "stride": 5}},
    "forecast of steps alone": {"task": "forecast", "model": "logistic", "window": 9},
    "classes": {"task": "classify", "model": {"kind": "tcn", "channels": 8, "layers": 2}, "window": 16},
    "random": {"model": "random"},
    "position": {"model": "position"},
    "random forecast": {"model": "random", "task": "forecast"},
}


@pytest.mark.parametrize("case", DETECTORS)
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_the_scores_are_those_in_memory(case: str, name: str, new: pd.DataFrame, write: Write) -> None:
    path, one = write(new, name), detector(**DETECTORS[case])
    pieces = list(score_pieces(one, path))
    assert [len(piece) for piece in pieces[:-1]] == [100] * (len(new) // 100)
    expected = one.score(read_table(path), path.name)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), expected, check_exact=True)
    assert expected["score"].nunique() > 20


def run_folder(folder: Path, one: Detector) -> Path:
    folder.mkdir()
    one.save(folder)
    return folder


TIMES = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(400), "D")
COLUMNS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as they are": lambda t: t,
    "numbers": lambda t: t.assign(series=t["series"].str[1:].astype(int), step=t["step"] * 0.25),
    "codes": lambda t: t.assign(series=t["series"].astype("category")),
    "times": lambda t: t.assign(step=TIMES[t["step"] // 2]),
    "times with a zone": lambda t: t.assign(step=TIMES.tz_localize("Europe/Paris")[t["step"] // 2]),
    "small numbers": lambda t: t.assign(step=t["step"].astype("int16")),
}


FILES = [(columns, name) for columns in COLUMNS for name in ("t.parquet", "t.csv")]


@pytest.mark.parametrize(("columns", "name"), [*FILES, ("as they are", "t.feather"), ("as they are", "t.csv.gz")])
@pytest.mark.parametrize("out", ["csv", "parquet"])
def test_files_are_equal(
    columns: str, name: str, out: str, new: pd.DataFrame, write: Write, tmp_path: Path, capsys: Any, shared_run: Path
) -> None:
    path = write(COLUMNS[columns](new), name)
    said = []
    for mapped in ("true", "false"):
        data, file = f"{{path: {path}, mapped: {mapped}}}", tmp_path / f"{mapped}.{out}"
        assert console.run(app, ["score", str(shared_run), data, "--out", str(file)]) == 0
        said.append(capsys.readouterr().err.replace(mapped, "HOW"))
    assert said[0] == said[1]
    one, other = tmp_path / f"true.{out}", tmp_path / f"false.{out}"
    if out == "csv":
        assert one.read_bytes() == other.read_bytes()
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(other), check_exact=True)


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    one = detector(task="forecast", model={"kind": "gru", "hidden": 4}, window={"length": 10, "stride": 4})
    return run_folder(tmp_path_factory.mktemp("runs") / "run", one)


def test_standard_output_is_equal(
    new: pd.DataFrame, write: Write, capsys: pytest.CaptureFixture[str], shared_run: Path
) -> None:
    path, said = write(new.rename(columns={"series": "id", "step": "t"}), "t.csv"), []
    for mapped in ("true", "false"):
        data = f"{{path: {path}, mapped: {mapped}}}"
        assert console.run(app, ["score", str(shared_run), data, "--series", "id", "--step", "t"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].startswith("id,t,score,decision\ns0,0,,\n")
    assert said[0].count("\n") == len(new) + 1


@pytest.mark.parametrize("name", ["pump.parquet", "pump.csv"])
@pytest.mark.parametrize("order", ["step: null", "step: step", "step: time"])
def test_one_series(
    name: str, order: str, new: pd.DataFrame, write: Write, capsys: pytest.CaptureFixture[str], shared_run: Path
) -> None:
    one = new[new["series"] == "s30"].drop(columns="series")
    path = write(one.rename(columns={"step": "time"}) if order == "step: time" else one, name)
    said = []
    for mapped in ("true", "false"):
        data = f"{{path: {path}, mapped: {mapped}, series: null, {order}}}"
        assert console.run(app, ["score", str(shared_run), data]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].count("\n") == 301


def test_what_cannot_be_scored_so(new: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(one: Detector, path: Path) -> str:
        with pytest.raises(DataError) as error:
            next(score_pieces(one, path))
        return str(error.value)

    path, one = write(new, "t.csv"), detector()
    assert said(one, write(new.drop(columns="x3"), "few.csv")) == (
        "few.csv: there is no column 'x3'; it is needed as a feature; known: x0, x1, x2, x4, step, series, note"
    )
    assert said(one, write(new.iloc[::-1], "back.csv")).endswith(
        "in data rows 1 and 2; sort the rows by series and step, or read the table whole with mapped: false"
    )
    hole = new.assign(x1=new["x1"].where(new.index != 222))
    assert said(one, write(hole, "hole.csv")) == (
        "hole.csv: column 'x1', data row 223: the value is missing; fill it or drop the row"
    )
    monkeypatch.setattr(scoring, "LONGEST", 200)
    assert said(one, path) == (
        "t.csv: series 's30' has 300 steps, and a detector that sees whole sequences is given at most 200; cut it into "
        "several series, or train with --window"
    )
    mended = detector()
    object.__setattr__(mended, "policies", {"missing": "ffill"})
    assert said(mended, path) == (
        "t.csv: the detector learned from data that were mended (missing: ffill), and a mapped table is scored as it "
        f"is; score a part of it, or read it whole with {{path: {path}, mapped: false}}"
    )
