"""Anomaly detection files of aeon and TimeEval: timestamp, values and `is_anomaly` in CSV, a file per part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

LABEL = "is_anomaly"
PART = re.compile(r"(?P<name>.+)_(?P<part>TRAIN|TRAIN_A|TRAIN_NA|TEST)")
"""`NAME_TRAIN.csv` or, with and without anomalies, `NAME_TRAIN_A.csv` and `NAME_TRAIN_NA.csv`; `NAME_TEST.csv`."""


@dataclass(frozen=True)
class _Series:
    x: NDArray[np.float64]
    label: NDArray[np.int64]
    times: NDArray[Any]
    features: tuple[str, ...]


class Aeon(Given):
    """One series in CSV files with the columns timestamp, values and `is_anomaly`.

    Middlehurst et al., aeon: a Python toolkit for learning from time series, JMLR 2024.
    """

    title: ClassVar[str] = "an anomaly detection series of aeon"
    looks: ClassVar[str] = "timestamp, values, is_anomaly in NAME_TRAIN.csv and NAME_TEST.csv, or in one file"
    example: ClassVar[str] = "Daphnet_S06R02E0/S06R02E0.csv"
    kind: Literal["aeon"] = "aeon"
    part: Literal["TRAIN", "TRAIN_A", "TRAIN_NA"] | None = None
    """The training file, where there are several: with anomalies (`TRAIN_A`) or without (`TRAIN_NA`)."""
    train: float = Field(0.5, gt=0, lt=1)
    """Share of the steps, the first ones, that train where there is no training file."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        names = [path] if path.is_file() else listed(path, "*.csv")
        tables = [name for name in names if bare(name).suffix.lower() == ".csv"]
        if not any(re.fullmatch(rf"timestamp,.+,{LABEL}", first_line(name).strip()) for name in tables[:1]):
            return None
        if path.is_dir() and len(names) > 1 and not any(PART.fullmatch(bare(name).stem) for name in names):
            return None  # a series in each file
        part = PART.fullmatch(bare(path).stem) if path.is_file() else None
        return {"part": part["part"]} if part and part["part"].startswith("TRAIN_") else {}

    def files(self) -> Sequence[Path]:
        """The training and the test file, or the one file."""
        root = self.root()
        there = {bare(path).stem: path for path in listed(root if root.is_dir() else root.parent, "*.csv")}
        if root.is_file() and PART.fullmatch(bare(root).stem) is None:
            return [root]
        stems = list(there) if root.is_dir() else [bare(root).stem]
        names = sorted({found["name"] for stem in stems if (found := PART.fullmatch(stem))} or set(stems))
        if len(names) != 1:
            held = f"several series: {', '.join(names)}; name a file of one of them" if names else "no CSV file"
            raise DataError(f"{root}: holds {held}")
        return self._pair(names[0], there)

    def _pair(self, name: str, there: dict[str, Path]) -> list[Path]:
        training = [part for part in ("TRAIN", "TRAIN_A", "TRAIN_NA") if f"{name}_{part}" in there]
        if name in there or not training:
            return [there.get(name) or there[f"{name}_TEST"]]
        part = self.part or (training[0] if len(training) == 1 else None)
        if part not in training:
            asked = "holds" if part is None else f"has no {part}, but"
            raise DataError(
                f"{self.path}: {asked} {' and '.join(training)}; choose the training file with part: {training[0]}"
            )
        if f"{name}_TEST" not in there:
            raise DataError(f"{self.path}: there is no {name}_TEST.csv beside {name}_{part}.csv")
        return [there[f"{name}_{part}"], there[f"{name}_TEST"]]

    def read(self, files: Sequence[Path]) -> Loaded:
        parts = [self._series(path) for path in files]
        notes = [f"label is the column {LABEL}"]
        if len(parts) == 1:
            at = int(self.train * len(parts[0].x))
            notes.append(f"there is no training file, so the first {self.train:.0%} of the steps train")
            half = Halves.cut(bare(files[0]).stem, parts[0].x, parts[0].label, at, parts[0].times)
        else:
            half = _without_overlap(parts[0], parts[1], files, notes)
        if not half.test_label.any():
            notes.append("no test step is anomalous, so nothing can be missed in this part")
        return halves_loaded([half], parts[0].features, notes)

    def _series(self, path: Path) -> _Series:
        import pandas as pd

        from seqanomaly.datasets.formats.table import read_table
        from seqanomaly.datasets.formats.times import read_times
        from seqanomaly.datasets.frame import numbers

        table = read_table(path)
        names = table.columns.tolist()
        if len(names) < 3 or names[0] != "timestamp" or names[-1] != LABEL:
            raise DataError(f"{path}: has the columns {', '.join(names[:8])}; needed are timestamp, values and {LABEL}")
        counted = pd.api.types.is_numeric_dtype(table["timestamp"])
        column = table["timestamp"]
        times = numbers(column, str(path)) if counted else read_times(column, str(path)).to_numpy()
        asked = {"duplicates", "backward"} & self.policies().asked
        if counted and not asked and not (np.diff(times) > 0).all():
            row = int(np.argmin(np.diff(times) > 0)) + 1
            raise DataError(
                f"{path}: data row {row + 1}: the timestamp does not grow; sort the rows and leave one of each, or say "
                "what to do with duplicates and backward"
            )
        return _Series(
            np.column_stack([numbers(table[name], str(path), missing=self.takes_missing) for name in names[1:-1]]),
            zero_one(table[LABEL], f"{path}: column {LABEL!r}"),
            times,
            tuple(names[1:-1]),
        )


def _without_overlap(train: _Series, test: _Series, files: Sequence[Path], notes: list[str]) -> Halves:
    """The two parts; a test file that begins with the training file is tested after it only."""
    if train.features != test.features:
        raise DataError(f"{files[1]}: has other columns than {files[0].name}")
    count = len(train.x)
    start = count if len(test.x) > count and np.array_equal(train.x, test.x[:count], equal_nan=True) else 0
    if start:
        notes.append(f"the test file begins with the {start:,} steps of the training file: left out of the test part")
    return Halves(
        name=bare(files[1]).stem.removesuffix("_TEST"),
        train=train.x,
        train_label=train.label,
        test=test.x[start:],
        test_label=test.label[start:],
        offset=start,
        train_time=train.times,
        test_time=test.times[start:],
    )
