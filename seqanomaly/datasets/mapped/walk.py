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
from seqanomaly.datasets.mapped.tables import is_words
from seqanomaly.datasets.mapped.text import Text
from seqanomaly.errors import DataError

SORTED = "sort the rows by series and step, or read the table whole with mapped: false"
"""The remedy where rows are not in order."""
ONE_OF_THEM = "keep one of them, or name the column that tells the series apart with --series"
"""The remedy where a step stands twice in a series."""


class Walk:
    """What has been seen of a table so far, from its first row on.

    Args:
        layout: which column means what.
        part: the column that says train or test, if there is one.
        features: columns of the features.
        where: name of the table in an error.
        missing: whether features may lack values (NaN).
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
        doubles: bool = False,
        back: bool = False,
    ) -> None:
        self.layout, self.features, self.where, self.row, self.missing = layout, features, where, 0, missing
        self.doubles, self.back = doubles, back
        self.columns = [name for name in (layout.series, layout.step, layout.label, part) if name is not None]
        self.codes, self.timed = Codes(layout.label, where), False
        self.parts = None if part is None else Parts(part, where)
        self.names: list[pa.Array] = []
        self.first: list[NDArray[np.int64]] = []
        self.last: tuple[object, float | int] | None = None
        """Series and step of the last row."""
        self.steps: NDArray[np.int64] | NDArray[np.float64] = np.zeros(0, np.int64)
        """Steps of the rows that were added last; timestamps as their numbers."""

    def add(
        self, batch: pa.RecordBatch, x: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Features [rows, F], written to `x` if that is given, and label codes [rows] of the next rows."""
        x = self._features(batch, np.empty((batch.num_rows, len(self.features)), np.float32) if x is None else x)
        begins = self._series(batch.column(self.layout.series), batch.column(self.layout.step))
        label = self.codes.add(None if self.layout.label is None else batch.column(self.layout.label), self.row, len(x))
        if self.parts is not None:
            self.parts.add(batch.column(self.parts.column), begins, self.row)
        self.row += len(x)
        return x, label

    def _features(self, batch: pa.RecordBatch, x: NDArray[np.float32]) -> NDArray[np.float32]:
        for place, name in enumerate(self.features):
            column = batch.column(name)
            kind = column.type
            if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
                raise DataError(
                    f"{self.where}: column {name!r} is {called(kind)}, not numbers; name the features with --features"
                )
            with np.errstate(over="ignore"):
                values = column.to_numpy(zero_copy_only=False)
                x[:, place] = values.astype(np.float64) if pa.types.is_integer(kind) else values
        if any(batch.column(name).null_count for name in self.features) or not within(x):
            for name in self.features:
                instead = "" if self.layout.label is None else ", or leave the column out with --features"
                numbers(
                    pd.Series(batch.column(name).to_pandas(), name=name),
                    self.where,
                    instead,
                    self.row,
                    missing=self.missing,
                )
        return x

    def _series(self, series: pa.Array, step: pa.Array) -> NDArray[np.int64]:
        """Rows of this batch at which a series begins; the first one may go on with the last of the batch before."""
        name = self.layout.series
        if series.null_count:
            row = self.row + int(pc.index(series.is_null(), True).as_py()) + 1
            raise DataError(f"{self.where}: column {name!r}, data row {row}: the series is missing")
        coded = series.indices if pa.types.is_dictionary(series.type) else series
        kind = series.type.value_type if pa.types.is_dictionary(series.type) else series.type
        if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(
                f"{self.where}: column {name!r} is {called(kind)}; series of a mapped table are named by text or whole "
                "numbers: write them so, or read the table whole with mapped: false"
            )
        runs = pc.run_end_encode(coded, run_end_type=pa.int64())
        begins = np.concatenate([[0], runs.run_ends.to_numpy()[:-1]])
        values = series.take(pa.array(begins))
        values = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
        values = values.cast(pa.large_string())
        goes_on = self.last is not None and self.last[0] == values[0].as_py()
        self._ascending(step, begins, goes_on=goes_on, names=values)
        new = begins[int(goes_on) :]
        self.names.append(values[int(goes_on) :])
        self.first.append(self.row + new)
        return new

    def _ascending(self, step: pa.Array, begins: NDArray[np.int64], *, goes_on: bool, names: pa.Array) -> None:
        """Raise a `DataError` where steps of a series are missing, or do not ascend."""
        values = self.steps = self._steps(step)
        before = values[:-1]
        wrong = values[1:] < before if self.doubles else ~(values[1:] > before)
        wrong[begins[1:] - 1] = False
        first_wrong = goes_on and self.last is not None and not values[0] > self.last[1]
        if first_wrong and self.doubles and self.last is not None:
            first_wrong = values[0] < self.last[1]
        if not self.back and (first_wrong or wrong.any()):
            row = 0 if first_wrong else int(np.argmax(wrong)) + 1
            place = int(np.searchsorted(begins, row, side="right")) - 1
            same = values[row] == (self.last[1] if first_wrong and self.last is not None else values[row - 1])
            what = "has the same" if same else "goes back in"
            rows = f"data rows {self.row + row} and {self.row + row + 1}"
            remedy = ONE_OF_THEM if same else SORTED
            raise DataError(
                f"{self.where}: series {names[place].as_py()!r} {what} {self.layout.step!r} in {rows}; {remedy}"
            )
        self.last = names[-1].as_py(), values[-1]

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
        names, first = pa.concat_arrays(self.names), np.concatenate(self.first).astype(np.int64)
        self._once(names, first)
        length = np.diff(np.append(first, self.row))
        parts = None if self.parts is None else self.parts.done()
        labels, codes = self.codes.done()
        return (
            Series(names=names, first=first, length=length, parts=parts),
            About(features=self.features, labels=labels, codes=codes, timed=self.timed, text=how),
        )

    def _once(self, names: pa.Array, first: NDArray[np.int64]) -> None:
        """Raise a `DataError` where a series comes again after another one."""
        coded = pc.dictionary_encode(names)
        if len(coded.dictionary) < len(names):
            code = coded.indices.to_numpy()
            again = np.ones(len(code), bool)
            again[np.unique(code, return_index=True)[1]] = False
            at = int(np.argmax(again))
            raise DataError(
                f"{self.where}: series {names[at].as_py()!r} goes on in data row {int(first[at]) + 1} after another "
                f"one; {SORTED}"
            )


def called(kind: pa.DataType) -> str:
    """What a type is called in an error.

    >>> called(pa.large_string()), called(pa.float32())
    ('text', 'float')
    """
    return "text" if is_words(kind) else str(kind)
