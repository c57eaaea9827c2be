"""Pooled Server Metrics: three tables as they are published, and broken ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.psm import TIME, Psm
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

NAMES = ("feature_0", "feature_1", "feature_2")


def write(folder: Path) -> None:
    folder.mkdir()
    for place, (name, steps) in enumerate((("train", 60), ("test", 40))):
        x = np.random.default_rng(place).random((steps, len(NAMES)))
        table = pd.DataFrame(x, columns=list(NAMES))
        table.insert(0, TIME, np.arange(steps) + 60 * place)
        table.to_csv(folder / f"{name}.csv", index=False)
    label = (np.arange(40) >= 30).astype(int)
    pd.DataFrame({TIME: np.arange(60, 100), "label": label}).to_csv(folder / "test_label.csv", index=False)


def lack(folder: Path) -> None:
    table = pd.read_csv(folder / "train.csv")
    table.loc[5, "feature_1"] = np.nan
    table.to_csv(folder / "train.csv", index=False)


SAMPLE = {"kind": "psm", "write": write, "path": ".", "parts": "continued", "task": "forecast", "lack": lack}


def change(path: Path, column: str, value: Any) -> None:
    pd.read_csv(path).assign(**{column: value}).to_csv(path, index=False)


def test_three_tables_are_one_series(tmp_path: Path) -> None:
    write(tmp_path / "PSM")
    for path in (tmp_path / "PSM", tmp_path / "PSM" / "test_label.csv"):
        assert recognise(str(path)) == {"kind": "psm", "path": str(tmp_path / "PSM")}
    source = Psm(path=str(tmp_path / "PSM")).open()
    parts = source.parts(0)
    assert (parts.train.length.sum() + parts.validation.length.sum(), parts.test.length.tolist()) == (60, [40])
    assert (parts.test.features, parts.test.label[0].sum()) == (NAMES, 10)
    assert not parts.train.label.any()
    test = pd.read_csv(tmp_path / "PSM" / "test.csv")
    np.testing.assert_allclose(parts.test.x[0], test[list(NAMES)], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "column", "value", "text"),
    [
        (
            "test",
            "x",
            1.0,
            "test.csv: has the columns feature_0, feature_1, feature_2, x beside its times; train",
        ),
        ("test", "feature_2", [None] * 40, "test.csv: column 'feature_2', data row 1: the value is missing"),
        ("test_label", TIME, range(40), "test_label.csv: has not the times of test.csv; it needs a label for each"),
        ("test_label", "label", 2, "test_label.csv: column 'label', data row 1: the label is 2"),
        ("train", "feature_0", "a", "train.csv: column 'feature_0', data row 1: 'a' is not a number"),
        ("train", TIME, "a", f"train.csv: column '{TIME}', data row 1: 'a' is not a number"),
    ],
)
def test_broken_tables(tmp_path: Path, name: str, column: str, value: Any, text: str) -> None:
    write(tmp_path / "PSM")
    change(tmp_path / "PSM" / f"{name}.csv", column, value)
    with pytest.raises(DataError) as error:
        Psm(path=str(tmp_path / "PSM")).open()
    assert text in str(error.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "PSM")
    (tmp_path / "PSM" / "test.csv").unlink()
    with pytest.raises(DataError, match=r"there is no test\.csv in it; the Pooled Server Metrics are three tables$"):
        Psm(path=str(tmp_path / "PSM")).open()
