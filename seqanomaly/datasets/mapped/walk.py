"""What a walk through the rows of a long table checks and learns: features, labels, series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqanomaly.datasets.frame import Layout, numbers, within
from seqanomaly.datasets.mapped.codes import Codes, Parts
from seqanomaly.datasets.mapped.layout import About, Series
from seqanomaly.datasets.mapped.runs import SORTED, KnownRuns, Runs, Stretch, called
from seqanomaly.datasets.mapped.text import Text
from seqanomaly.errors import DataError

ONE_OF_THEM = "keep one of them, or name the column that tells the series apart with --series"
"""The remedy where a step stands twice in a series."""
BLOCK = 1 << 14
"""Rows that are put side by side at once, so that they stay in the processor's cache."""


class Space:
    """Memory for the features of some rows, the same one again for those after them, as new memory is slow.

    >>> space = Space(2)
    >>> space.rows(3).shape, np.shares_memory(space.rows(3), space.rows(2))
    ((3, 2), True)
    """

    def __init__(self, features: int) -> None:
        self.x = np.empty((0, features), np.float32)

    def rows(self, count: int) -> NDArray[np.float32]:
        """Room for so many rows, [count, F]."""
        if len(self.x) < count:
            self.x = np.empty((count, self.x.shape[1]), np.float32)
        return self.x[:count]


class Walk:
    """What has been seen of a table so far, from its first row on.

    Args:
        layout: which column means what.
        part: the column that says train or test, if there is one.
        features: columns of the features.
        where: name of the table in an error.
        missing: whether features may lack values (NaN).
        runs: the series, if they are known.
        doubles: whether a series may have a step twice.
        back: whether its steps may go back.
    """

    def __init__(
        self,
        layout: Layout,
        part: str | None,
        features: tuple[str, ...],
        where: str,
        *,
        missing: bool | None = None,
        runs: KnownRuns | None = None,
        doubles: bool = False,
        back: bool = False,
    ) -> None:
        self.layout, self.features, self.where, self.row, self.missing = layout, features, where, 0, missing
        self.runs = Runs(layout.series, where) if runs is None else runs
        others = [name for name in (layout.step, layout.label, part) if name is not None]
        self.columns = [*self.runs.columns, *others]
        self.doubles, self.back = doubles, back
        self.codes, self.timed = Codes(layout.label, where), False
        self.parts = None if part is None else Parts(part, where)
        self.last: float | int = 0
        """Step of the last row."""
        self.steps: NDArray[np.int64] | NDArray[np.float64] = np.zeros(0, np.int64)
        """Steps of the rows that were added last; timestamps as their numbers."""

    def add(self, batch: pa.RecordBatch, x: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Write the features of the next rows to `x` [rows, F]; gives their label codes [rows]."""
        self._features(batch, x)
        found = self.runs.next(batch)
        self._ascending(batch.column(self.layout.step), found)
        label = self.codes.add(None if self.layout.label is None else batch.column(self.layout.label), self.row, len(x))
        if self.parts is not None:
            begins = found.begins[int(found.goes_on) :]
            self.parts.add(batch.column(self.parts.column), begins, self.row)
        self.row += len(x)
        return label

    def _features(self, batch: pa.RecordBatch, x: NDArray[np.float32]) -> None:
        columns = [self._values(batch.column(name), name) for name in self.features]
        usual = not any(batch.column(name).null_count for name in self.features)
        for start in range(0, len(x), BLOCK):
            block = x[start : start + BLOCK]
            with np.errstate(over="ignore"):
                for place, values in enumerate(columns):
                    block[:, place] = values[start : start + BLOCK]
            usual = usual and within(block)
        if not usual:
            for name in self.features:
                instead = "" if self.layout.label is None else ", or leave the column out with --ignore"
                numbers(
                    pd.Series(batch.column(name).to_pandas(), name=name),
                    self.where,
                    instead,
                    self.row,
                    missing=self.missing,
                )

    def _values(self, column: pa.Array, name: str) -> NDArray[np.number | np.bool_]:
        """A feature as it is, whole numbers as ones with a point."""
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise DataError(
                f"{self.where}: column {name!r} is {called(kind)}, not numbers; name the features with --features"
            )
        values: NDArray[np.number | np.bool_] = column.to_numpy(zero_copy_only=False)
        return values.astype(np.float64) if pa.types.is_integer(kind) else values

    def _ascending(self, step: pa.Array, found: Stretch) -> None:
        """Raise a `DataError` where steps of a series are missing, or do not ascend."""
        values = self.steps = self._steps(step)
        before = values[:-1]
        wrong = values[1:] < before if self.doubles else ~(values[1:] > before)
        wrong[found.begins[1:] - 1] = False
        first_wrong = found.goes_on and not (values[0] >= self.last if self.doubles else values[0] > self.last)
        if not self.back and (first_wrong or wrong.any()):
            row = 0 if first_wrong else int(np.argmax(wrong)) + 1
            place = int(np.searchsorted(found.begins, row, side="right")) - 1
            same = values[row] == (self.last if first_wrong else values[row - 1])
            what = "has the same" if same else "goes back in"
            rows = f"data rows {self.row + row} and {self.row + row + 1}"
            remedy = ONE_OF_THEM if same else SORTED
            raise DataError(
                f"{self.where}: series {found.names[place].as_py()!r} {what} {self.layout.step!r} in {rows}; {remedy}"
            )
        self.last = values[-1]

    def _steps(self, step: pa.Array) -> NDArray[np.int64] | NDArray[np.float64]:
        kind, column = step.type, self.layout.step
        if pa.types.is_temporal(kind) and not step.null_count:
            self.timed = True
            return np.asarray(step.cast(pa.int64() if kind.bit_width == 64 else pa.int32()).to_numpy())
        if pa.types.is_integer(kind) and not step.null_count:
            return np.asarray(step.to_numpy(zero_copy_only=False))
        if pa.types.is_floating(kind):
            remedy = ", or name another column with --step"
            return numbers(pd.Series(step.to_pandas(), name=column), self.where, remedy, self.row)
        if step.null_count:
            row = self.row + int(pc.index(step.is_null(), True).as_py()) + 1
            raise DataError(
                f"{self.where}: column {column!r}, data row {row}: the value is missing; steps are numbers or "
                "timestamps: correct it, or name another column with --step"
            )
        raise DataError(
            f"{self.where}: column {column!r} is {called(kind)}; steps of a mapped table are numbers or "
            "timestamps: write them so, or read the table whole with mapped: false"
        )

    def done(self, how: Text | None = None) -> tuple[Series, About]:
        """The series and the names of everything, and how text was read."""
        names, first = self.runs.done()
        length = np.diff(np.append(first, self.row))
        parts = None if self.parts is None else self.parts.done()
        labels, codes = self.codes.done()
        return (
            Series(names=names, first=first, length=length, parts=parts),
            About(features=self.features, labels=labels, codes=codes, timed=self.timed, text=how),
        )
