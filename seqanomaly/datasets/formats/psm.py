"""Pooled Server Metrics: a training table, a test table, and a table with the label of each test step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, find, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FILES = ("train.csv", "test.csv", "test_label.csv")
TIME, LABEL = "timestamp_(min)", "label"


class Psm(Given):
    """Metrics of application servers, a step per minute; the training table has no labels.

    Abdulaal et al., Practical approach to asynchronous multivariate time series anomaly detection and localization, KDD
    2021.
    """

    title: ClassVar[str] = "the Pooled Server Metrics"
    looks: ClassVar[str] = "train.csv, test.csv and test_label.csv; timestamp_(min), feature_0, .."
    example: ClassVar[str] = "PSM"
    kind: Literal["psm"] = "psm"

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        inside = path.parent if path.is_file() else path
        if path.is_file() and bare(path).name not in FILES:
            return None
        there = {bare(found).name for found in listed(inside, "*.csv")}
        return {"path": str(inside)} if there.issuperset(FILES) else None

    def files(self) -> Sequence[Path]:
        """Training, test and label table."""
        return [find(self.root(), name, "the Pooled Server Metrics are three tables") for name in FILES]

    def read(self, files: Sequence[Path]) -> Loaded:
        train, test, label = (self._table(path) for path in files)
        features = tuple(str(name) for name in train if name != TIME)
        _same(features, [str(name) for name in test if name != TIME], files[1], files[0])
        _same([LABEL], [str(name) for name in label if name != TIME], files[2], None)
        if len(label) != len(test) or not np.array_equal(label[TIME], test[TIME]):
            raise DataError(f"{files[2]}: has not the times of {files[1].name}; it needs a label for each of its rows")
        x, y = (self._features(table, features, path) for table, path in zip((train, test), files, strict=False))
        half = Halves(
            name="servers",
            train=x,
            train_label=np.zeros(len(x), np.int64),
            test=y,
            test_label=zero_one(label[LABEL], f"{files[2]}: column {LABEL!r}"),
            train_time=train[TIME].to_numpy(np.float64),
            test_time=test[TIME].to_numpy(np.float64),
        )
        notes = ["label is the table test_label; the training table has none and is taken as normal"]
        return halves_loaded([half], features, notes)

    def _table(self, path: Path) -> pd.DataFrame:
        from seqanomaly.datasets.formats.table import read_table
        from seqanomaly.datasets.frame import numbers

        table = read_table(path)
        if TIME not in table:
            raise DataError(f"{path}: there is no column {TIME!r}; its columns are {', '.join(table.columns[:8])}")
        return table.assign(**{TIME: numbers(table[TIME], str(path))})

    def _features(self, table: pd.DataFrame, features: Sequence[str], path: Path) -> np.ndarray[Any, Any]:
        from seqanomaly.datasets.frame import numbers

        return np.column_stack([numbers(table[name], str(path), missing=self.takes_missing) for name in features])


def _same(expected: Sequence[str], found: Sequence[str], path: Path, other: Path | None) -> None:
    if list(expected) != list(found) or not found:
        whose = f"needed are {TIME} and {LABEL}" if other is None else f"{other.name} has {', '.join(expected[:8])}"
        raise DataError(f"{path}: has the columns {', '.join(found[:8]) or 'of no feature'} beside its times; {whose}")
