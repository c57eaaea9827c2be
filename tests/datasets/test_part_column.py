"""The column that says train, validation or test: whole series, series cut in time, and what cannot be meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import Source
from seqanomaly.errors import DataError

Read = Callable[..., Source]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read series of steps whose parts are written one letter per step, as in `ttvvee` (e is test)."""

    def opened(*series: str) -> Source:
        words = {"t": "train", "v": "Validation", "e": "test"}
        steps = [(f"s{place}", step, words[of]) for place, text in enumerate(series) for step, of in enumerate(text)]
        frame = pd.DataFrame(steps, columns=["series", "step", "part"])
        frame["x"], frame["label"] = np.arange(len(frame)), frame["step"] % 2
        frame.sort_values(["series", "step"], ascending=[True, False]).to_csv(tmp_path / "mine.csv", index=False)
        return FileData(path=str(tmp_path / "mine.csv"), part="part").open()

    return opened


def test_series_that_are_all_cut_in_time(read: Read) -> None:
    source = read("ttttttttee", "ttttteeee")
    assert source.official_test
    for seed in (0, 1):
        parts = source.parts(seed)
        found = {name: (part.start.tolist(), part.length.tolist()) for name, part in vars(parts).items()}
        assert found == {"train": ([0, 0], [6, 4]), "validation": ([6, 4], [2, 1]), "test": ([8, 5], [2, 4])}
        assert parts.train.ids == parts.validation.ids == parts.test.ids
        values = np.concatenate([part.x[0, : part.length[0], 0] for part in vars(parts).values()])
        assert np.all(np.diff(values) == 1)


def test_a_validation_part_is_taken_as_it_is(read: Read) -> None:
    source = read("ttt", "vvv", "ee", "ttt", "tt", "vv")
    drawn = [source.parts(seed) for seed in (0, 1)]
    for parts in drawn:
        assert [part.length.tolist() for part in vars(parts).values()] == [[3, 3, 2], [3, 2], [2]]
    assert isinstance(source, Opened)
    assert len(source.loaded.known) == 5
    assert source.notes[0] == "validation is given: 8 steps train and 5 validate"


def test_a_validation_part_of_each_series(read: Read) -> None:
    parts = read("ttv", "tvv", "ee").parts(0)
    assert [part.length.tolist() for part in vars(parts).values()] == [[2, 1], [1, 2], [2]]
    assert parts.validation.start.tolist() == [2, 1]


def test_one_training_series_is_cut(read: Read) -> None:
    parts = read("tttttttttt", "ee", "eee").parts(0)
    assert [part.length.tolist() for part in vars(parts).values()] == [[8], [2], [2, 3]]


@pytest.mark.parametrize(
    ("series", "text"),
    [
        (
            ["tete", "tt"],
            "series 's0' has a train step after a test one; a series belongs to one part as a whole, or its first "
            "steps train and later ones test",
        ),
        (
            ["tt", "ttvv", "ee"],
            "series 's1' is in more than one part and series 's0' is not; either every series is cut in time, or each "
            "belongs to one part as a whole",
        ),
        (["vv", "ee"], "column 'part' gives 0 series to train and 1 to test; each needs at least 1"),
    ],
)
def test_what_cannot_be_meant(read: Read, series: list[str], text: str) -> None:
    with pytest.raises(DataError) as error:
        read(*series)
    assert str(error.value) == f"mine.csv: {text}"


def test_an_ordered_categorical_keeps_its_classes(tmp_path: Path) -> None:
    names = ["normal", "fault2", "fault11", "never"]
    frame = pd.DataFrame({"series": np.repeat(np.arange(4), 3), "step": np.tile(np.arange(3), 4), "x": 0.5})
    label = np.repeat(["fault11", "normal", "fault2", "normal"], 3)
    for ordered, classes in ((True, tuple(names)), (False, ("normal", "fault11", "fault2"))):
        frame["label"] = pd.Categorical(label, categories=names, ordered=ordered)
        frame.to_parquet(tmp_path / "mine.parquet")
        known = FileData(path=str(tmp_path / "mine.parquet")).open().known
        assert known is not None
        assert known.classes == classes
        assert [classes[code] for code in known.label[:, 0]] == ["fault11", "normal", "fault2", "normal"]
