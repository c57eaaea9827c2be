"""Anomaly detection files of aeon: counts of the real series, parts that overlap, and broken files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.aeon import Aeon
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Aeon(path=str(path), **settings).open()
    return str(error.value).replace(str(path), "HERE")


def series(steps: int = 20, **columns: Any) -> pd.DataFrame:
    usual = {"timestamp": np.arange(steps), "a": np.arange(steps) / 2, "is_anomaly": (np.arange(steps) > 15) * 1.0}
    return pd.DataFrame({**usual, **columns})


@pytest.mark.parametrize(("part", "anomalous"), [("TRAIN_A", 300), ("TRAIN_NA", 0)])
def test_the_counts_of_the_readme(shared: Path, part: Any, anomalous: int) -> None:
    data = Aeon(path=str(shared / "datasets" / "aeon" / "UnitTest"), part=part)
    source = data.open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.x.shape, test.x.shape) == ((1, 10_000, 1), (1, 10_000, 1))
    assert (known.label.sum(), test.label.sum()) == (anomalous, 300)
    assert test.ids == ("ecg-diff-count-3",)
    assert data.name == f"aeon(path=UnitTest,part={part})"


def test_several_training_files_need_a_choice(shared: Path) -> None:
    folder = shared / "datasets" / "aeon" / "UnitTest"
    assert heard(folder) == "HERE: holds TRAIN_A and TRAIN_NA; choose the training file with part: TRAIN_A"
    assert heard(folder, part="TRAIN").startswith("HERE: has no TRAIN, but TRAIN_A and TRAIN_NA; choose")


def test_a_test_file_that_begins_with_the_training_file(shared: Path) -> None:
    source = Aeon(path=str(shared / "datasets" / "aeon" / "KDD-TSAD_135")).open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.length.tolist(), test.length.tolist()) == ([1_200], [6_301])
    assert np.flatnonzero(test.label[0]).tolist() == list(range(4_187 - 1_200, 4_199 - 1_200))
    assert source.notes[2] == (
        "the test file begins with the 1,200 steps of the training file: left out of the test part"
    )


def test_a_series_without_training_file_or_anomaly(shared: Path) -> None:
    source = Aeon(path=str(shared / "datasets" / "aeon" / "Daphnet_S06R02E0" / "S06R02E0.csv")).open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.x.shape, test.x.shape) == ((1, 3_520, 9), (1, 3_520, 9))
    assert not test.label.any()
    assert source.notes[1:4] == (
        "label is the column is_anomaly",
        "there is no training file, so the first 50% of the steps train",
        "no test step is anomalous, so nothing can be missed in this part",
    )


@pytest.mark.parametrize("name", ["", "made_TRAIN.csv", "made_TEST.csv"])
def test_a_pair_of_files(samples: Samples, tmp_path: Path, name: str) -> None:
    samples["aeon"](tmp_path / "made")
    parts = Aeon(path=str(tmp_path / "made" / name)).open().parts(0)
    assert [part.length.tolist() for part in (parts.train, parts.validation, parts.test)] == [[24], [6], [30]]
    assert parts.test.features == ("a", "b")
    assert parts.test.label[0].tolist() == [0] * 20 + [1] * 10


def test_the_share_that_trains(tmp_path: Path) -> None:
    series().to_csv(tmp_path / "s.csv", index=False)
    parts = Aeon(path=str(tmp_path / "s.csv"), train=0.25).open().parts(0)
    assert [part.length.tolist() for part in (parts.train, parts.validation, parts.test)] == [[4], [1], [15]]


def test_timestamps_that_are_irregular_are_said(tmp_path: Path) -> None:
    hours = np.arange(20)
    hours[[3, 9]] = 2, 2
    time = pd.Timestamp("2024-01-01") + pd.to_timedelta(hours, unit="h")
    series(timestamp=time).to_csv(tmp_path / "s.csv", index=False)
    notes = Aeon(path=str(tmp_path / "s.csv")).open().notes
    assert "duplicated timestamps: 2 steps (s 2): kept, in the order of the file" in notes
    assert "jumps back in time: 1 step (s 1): kept, in the order of the file" in notes
    assert "uneven distances in time: 2 steps (s 2): steps count as equally far apart" in notes


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            series().rename(columns={"timestamp": "time"}),
            "has the columns time, a, is_anomaly; needed are timestamp, va",
        ),
        (series()[["timestamp", "is_anomaly"]], "has the columns timestamp, is_anomaly; needed are timestamp, values"),
        (series(is_anomaly=2), "column 'is_anomaly', data row 1: the label is 2; it must be 0 or 1"),
        (series(is_anomaly=np.nan), "column 'is_anomaly', data row 1: the label is nan; it must be 0 or 1"),
        (series(a="x"), "column 'a', data row 1: 'x' is not a number; correct it"),
        (series(timestamp=1), "data row 2: the timestamp does not grow; sort the rows and leave one of each"),
        (series(timestamp="x"), "column 'timestamp', data row 1: 'x' is no time"),
    ],
)
def test_broken_files(tmp_path: Path, frame: pd.DataFrame, text: str) -> None:
    path = tmp_path / "s.csv"
    frame.to_csv(path, index=False)
    assert heard(path).removeprefix("HERE: ").startswith(text)


def test_what_is_not_one_series(tmp_path: Path) -> None:
    assert heard(tmp_path) == "HERE: holds no CSV file"
    for name in ("a_TRAIN", "a_TEST", "b_TRAIN"):
        series().to_csv(tmp_path / f"{name}.csv", index=False)
    assert heard(tmp_path) == "HERE: holds several series: a, b; name a file of one of them"
    assert heard(tmp_path / "b_TRAIN.csv") == "HERE: there is no b_TEST.csv beside b_TRAIN.csv"
    series(extra=1).to_csv(tmp_path / "a_TRAIN.csv", index=False)
    assert "needed are timestamp, values and is_anomaly" in heard(tmp_path / "a_TRAIN.csv")
    series().rename(columns={"a": "b"}).to_csv(tmp_path / "a_TRAIN.csv", index=False)
    assert heard(tmp_path / "a_TRAIN.csv") == f"{tmp_path / 'a_TEST.csv'}: has other columns than a_TRAIN.csv"
