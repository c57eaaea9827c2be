"""SKAB: a water circulation testbed in `;`-separated files, one labelled run each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TIME, LABEL, OTHER = "datetime", "anomaly", "changepoint"
TRAIN_ROWS = 400
"""Rows of each run that are its training part in the usual split."""


@dataclass(frozen=True)
class _Run:
    """One labelled run."""

    name: str
    x: NDArray[np.float64]
    label: NDArray[np.int64]
    features: tuple[str, ...]
    times: NDArray[Any]


class Skab(Given, Drawn):
    """Runs of a water circulation testbed at one row per second, with an anomaly in the later part of nearly each.

    Katser & Kozitsin, Skoltech Anomaly Benchmark (SKAB), 2020, doi 10.34740/KAGGLE/DSV/1693952. Its licence is GPL-3.0,
    so it does not ship.
    """

    title: ClassVar[str] = "SKAB"
    looks: ClassVar[str] = "valve1/0.csv, ..: datetime;..;anomaly;changepoint"
    example: ClassVar[str] = "SKAB"
    kind: Literal["skab"] = "skab"
    split: Literal["runs", "usual"] = "runs"
    """`runs`: the seed draws whole runs for testing; `usual`: the first 400 rows of each run train, the rest tests."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file():
            return {"split": "usual"} if _is_run(path) else None
        names = [*listed(path, "*.csv"), *listed(path, "*/*.csv")]
        return {} if any(_is_run(name) for name in names[:20]) else None

    def files(self) -> Sequence[Path]:
        """All CSV files in the folder and its subfolders."""
        root = self.root()
        found = [root] if root.is_file() else [*listed(root, "*.csv"), *listed(root, "*/*.csv")]
        if not found:
            raise DataError(
                f"{root}: there is no CSV file in it; SKAB has folders such as valve1 with files such as 0.csv"
            )
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        tables = {
            bare(path).relative_to(self.base()).with_suffix("").as_posix(): (path, _table(path)) for path in files
        }
        labelled = {name: found for name, found in tables.items() if LABEL in found[1]}
        runs = [_run(name, path, table, missing=self.takes_missing) for name, (path, table) in labelled.items()]
        if not runs:
            raise DataError(f"{self.path}: no file has a column {LABEL!r}")
        other = next((run for run in runs if run.features != runs[0].features), None)
        if other is not None:
            raise DataError(f"{tables[other.name][0]}: has other columns than {tables[runs[0].name][0]}")
        unlabelled = [name for name, (_, table) in tables.items() if LABEL not in table]
        notes = [f"label is the column {LABEL!r}; {OTHER!r} is not used"]
        notes += [f"{', '.join(unlabelled)}: without the column {LABEL!r}, left out"] if unlabelled else []
        if self.split == "runs":
            return Loaded(known=_sequences(runs, 0, None), notes=tuple(notes))
        known, test = _sequences(runs, 0, TRAIN_ROWS), _sequences(runs, TRAIN_ROWS, None)
        notes.append(
            f"the first {TRAIN_ROWS} rows of each run train, the rest tests; {known.label.sum():,} of the "
            f"{known.length.sum():,} training steps are anomalous"
        )
        return Loaded(known=known, test=test, notes=tuple(notes))


def _is_run(path: Path) -> bool:
    names = first_line(path).strip().split(";") if bare(path).suffix.lower() == ".csv" else []
    return names[:1] == [TIME] and names[-2:] == [LABEL, OTHER]


def _sequences(runs: Sequence[_Run], start: int, end: int | None) -> Sequences:
    return Sequences.of(
        [run.x[start:end] for run in runs],
        [run.label[start:end] for run in runs],
        ids=tuple(run.name for run in runs),
        features=runs[0].features,
        offset=np.full(len(runs), start),
        time=[run.times[start:end] for run in runs],
    )


def _table(path: Path) -> pd.DataFrame:
    from seqanomaly.datasets.formats.table import read_table

    table = read_table(path)
    if TIME not in table:
        raise DataError(f"{path}: there is no column {TIME!r}; SKAB's files have it first and are separated by ';'")
    if set(table.columns) <= {TIME, LABEL, OTHER} or table.empty:
        raise DataError(f"{path}: there are no values beside {', '.join(table.columns)}")
    return table


def _run(name: str, path: Path, table: pd.DataFrame, *, missing: bool) -> _Run:
    """Check one labelled run; its rows stay in the order of the file."""
    from seqanomaly.datasets.formats.times import read_times
    from seqanomaly.datasets.frame import numbers

    features = tuple(column for column in table.columns if column not in (TIME, LABEL, OTHER))
    return _Run(
        name,
        np.column_stack([numbers(table[column], str(path), missing=missing) for column in features]),
        zero_one(table[LABEL], f"{path}: column {LABEL!r}"),
        features,
        read_times(table[TIME], str(path)).to_numpy(),
    )
