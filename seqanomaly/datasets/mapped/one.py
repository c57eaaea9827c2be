"""A mapped table that holds one series: its rows get the columns that no column of it tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.mapped.runs import KnownRuns
from seqanomaly.datasets.mapped.tables import Passed, batches, frames
from seqanomaly.datasets.mapped.text import Text
from seqanomaly.datasets.single import ROW, SERIES, back_in, check_one


@dataclass(frozen=True, kw_only=True)
class One:
    """What a table that is one series does not say itself."""

    name: str
    """Name of the series."""
    step: str | None
    """Column that orders its rows; None where none does, so that their numbers do."""

    @property
    def made(self) -> tuple[str, ...]:
        """The columns that are made."""
        return (SERIES,) if self.step is not None else (SERIES, ROW)

    def columns(self, names: list[str], where: str) -> list[str]:
        """The columns of a table that has those, and of what is made; a `DataError` says that it is not one series."""
        check_one(names, where)
        return [*(name for name in names if name not in self.made), *self.made]


def runs_of(one: One | None) -> KnownRuns | None:
    """The series, where the table is one; None where they have to be found."""
    return None if one is None else KnownRuns(pa.array([one.name], pa.large_string()), np.zeros(1, np.int64))


def rows_of(
    path: Path, columns: list[str], layout: Layout, one: One | None, passed: Passed | None = None
) -> Iterator[pa.RecordBatch]:
    """As `batches`, with the column that is made where no column orders the rows of one series.

    Raises:
        DataError: also where the column that orders the rows goes back.
    """
    if one is None:
        yield from batches(path, columns, layout, passed)
        return
    row, last = 0, None
    for batch in batches(path, [name for name in columns if name not in one.made], layout, passed):
        if one.step is not None and one.step in batch.schema.names:
            last = _forward(batch.column(one.step), one.step, row, last, path.name)
        number = pa.array(np.arange(row, row + batch.num_rows))
        found = [number if name in one.made else batch.column(name) for name in columns]
        yield pa.RecordBatch.from_arrays(found, columns)
        row += batch.num_rows


def _forward(step: pa.Array, column: str, row: int, last: Any, where: str) -> Any:
    """The last step of the next rows, of which `row` came before; a `DataError` names a row that goes back."""
    kind = step.type
    if pa.types.is_temporal(kind):
        step = step.cast(pa.int64() if kind.bit_width == 64 else pa.int32())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None  # whoever takes it for steps says what is wrong
    values = step.to_numpy(zero_copy_only=False)
    back = values[1:] < values[:-1]
    if last is not None and len(values) and values[0] < last:
        raise back_in(column, row + 1, where)
    if back.any():
        raise back_in(column, row + int(np.argmax(back)) + 2, where)
    return values[-1] if len(values) else last


def rows_kept(path: Path, layout: Layout, how: Text | None, one: One | None, rows: int) -> Iterator[pd.DataFrame]:
    """The columns of series and step as a table in memory has them, of so many rows; see `frames`."""
    if one is None:
        yield from frames(path, [layout.series, layout.step], how)
    elif one.step is not None:
        for frame in frames(path, [one.step], how):
            frame.insert(0, SERIES, one.name)
            yield frame
    else:
        for first in range(0, rows, AT_ONCE):
            numbers = np.arange(first, min(first + AT_ONCE, rows))
            yield pd.DataFrame({ROW: numbers}).assign(**{SERIES: one.name})[[SERIES, ROW]]


AT_ONCE = 1 << 17
"""Rows that are made at once."""
