"""Wide tables: a row per sequence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.errors import DataError

FRAME = pd.DataFrame(
    {
        "label": [0, 1, 0, 1, 0],
        "0": [1.0, 2, 3, 4, 5],
        "1": [1.5, 2.5, 3.5, 4.5, 5.5],
        "2": [1.75, None, 3.75, 4.75, None],
    }
)


def opened(folder: Path, frame: pd.DataFrame, **settings: Any) -> Any:
    frame.to_csv(folder / "wide.csv", index=False)
    return FileData(path=str(folder / "wide.csv"), rows="sequences", **settings).open()


def heard(folder: Path, frame: pd.DataFrame) -> str:
    with pytest.raises(DataError) as error:
        opened(folder, frame)
    return str(error.value)


def test_each_row_is_a_sequence(tmp_path: Path) -> None:
    source = opened(tmp_path, FRAME)
    assert source.known.ids == ("1", "2", "3", "4", "5")
    assert source.known.length.tolist() == [3, 2, 3, 3, 2]
    assert source.known.x[1, :, 0].tolist() == [2.0, 2.5, 0.0]
    assert source.known.label.tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert source.known.features == ("value",)
    assert source.notes[0] == "each row is a sequence and each other column a step of its one feature"


def test_names_and_parts(tmp_path: Path) -> None:
    frame = FRAME.assign(unit=list("abcde"), set=["train", "test", "train", "train", "test"])
    source = opened(tmp_path, frame, series="unit", part="set")
    assert source.parts(0).test.ids == ("b", "e")
    assert sorted(source.known.ids) == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (FRAME.drop(columns="label"), "there is no column 'label'; say which one it is with label (--label)"),
        (
            FRAME.assign(**{"1": None}),
            "column 'value', data row 2: the value is missing; fill it, or set missing: drop",
        ),
        (FRAME.assign(**{"0": None, "1": None}), "data row 2 has no value"),
        (FRAME.assign(series="a"), "two rows are called 'a' in column 'series'; a wide table has one for each"),
        (FRAME.assign(**{"1": "x"}), "column 'value', data row 2: 'x' is not a number"),
        (FRAME.iloc[:0], "there are no rows"),
    ],
)
def test_broken_tables(tmp_path: Path, frame: pd.DataFrame, text: str) -> None:
    assert heard(tmp_path, frame).startswith(f"wide.csv: {text}")
