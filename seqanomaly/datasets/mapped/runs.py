"""Where series begin, found while the rows of a long table go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.tables import is_words
from seqanomaly.errors import DataError

SORTED = "sort the rows by series and step, or read the table whole with mapped: false"
"""The remedy where rows are not in order."""


@dataclass(frozen=True)
class Stretch:
    """The series in some rows that follow one another."""

    begins: NDArray[np.int64]
    """The rows from which on each has its steps, [R]; the first is 0."""
    names: pa.Array
    """Name of each, text [R]."""
    goes_on: bool
    """Whether the first one goes on with a series of the rows before."""


class Runs:
    """The series of a table, from its first row on.

    Args:
        column: name of the column that names them.
        where: name of the table in an error.
    """

    def __init__(self, column: str, where: str) -> None:
        self.columns, self.where, self.row = (column,), where, 0
        self.names: list[pa.Array] = []
        self.first: list[NDArray[np.int64]] = []
        self.last: str | None = None

    def next(self, batch: pa.RecordBatch) -> Stretch:
        """The series of the next rows; a `DataError` says that one is missing, or that they cannot have such names."""
        (column,) = self.columns
        series = batch.column(column)
        kind = series.type.value_type if pa.types.is_dictionary(series.type) else series.type
        if series.null_count:
            row = self.row + int(pc.index(series.is_null(), True).as_py()) + 1
            raise DataError(f"{self.where}: column {column!r}, data row {row}: the series is missing")
        if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(
                f"{self.where}: column {column!r} is {called(kind)}; series of a mapped table are named by text or "
                "whole numbers: write them so, or read the table whole with mapped: false"
            )
        begins = changes(series)
        names = series.take(pa.array(begins))
        names = names.dictionary_decode() if pa.types.is_dictionary(names.type) else names
        names = names.cast(pa.large_string())
        found = Stretch(begins, names, goes_on=self.last == names[0].as_py())
        self.names.append(names[int(found.goes_on) :])
        self.first.append(self.row + begins[int(found.goes_on) :])
        self.row, self.last = self.row + len(series), names[-1].as_py()
        return found

    def done(self) -> tuple[pa.Array, NDArray[np.int64]]:
        """Names and first rows of all series, [N]; a `DataError` says that one comes again after another one."""
        names, first = pa.concat_arrays(self.names), np.concatenate(self.first).astype(np.int64)
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
        return names, first


class KnownRuns:
    """The series of a table that has been looked through for them: their column is not read again.

    Args:
        names: their names, text [N].
        first: their first rows, [N].
    """

    def __init__(self, names: pa.Array, first: NDArray[np.int64]) -> None:
        self.columns, self.row = (), 0
        self.names, self.first = names, first

    def next(self, batch: pa.RecordBatch) -> Stretch:
        """The series of the next rows."""
        begin, self.row = self.row, self.row + batch.num_rows
        some = slice(*(np.searchsorted(self.first, [begin, self.row - 1], side="right") - [1, 0]).tolist())
        first = self.first[some] - begin
        return Stretch(np.maximum(first, 0), self.names[some], goes_on=bool(first[0] < 0))

    def done(self) -> tuple[pa.Array, NDArray[np.int64]]:
        """Names and first rows of all series, [N]."""
        return self.names, self.first


def changes(column: pa.Array) -> NDArray[np.int64]:
    """Row 0 and the rows where the value is not that of the row before, [R]; none may be missing.

    >>> changes(pa.array(["a", "a", "b"])).tolist(), changes(pa.array([7, 8, 8]).dictionary_encode()).tolist()
    ([0, 2], [0, 1])
    """
    values = column.indices if pa.types.is_dictionary(column.type) else column
    if pa.types.is_integer(values.type):
        plain = values.to_numpy()
        return np.concatenate([[0], np.flatnonzero(plain[1:] != plain[:-1]) + 1])
    if (letters := even_text(values)) is not None:
        before, after = letters[:-1].reshape(-1), letters[1:].reshape(-1)
        rows = np.flatnonzero(before != after) // letters.shape[1] + 1
        return np.concatenate([[0], rows[np.diff(rows, prepend=0) > 0]])
    ends = pc.run_end_encode(values, run_end_type=pa.int64()).run_ends.to_numpy()
    return np.concatenate([[0], ends[:-1]])


def even_text(column: pa.Array) -> NDArray[np.uint8] | None:
    """The bytes of text that has as many in each row, [rows, bytes]; None of other text and of other things.

    A batch that was only looked at quickly (`validate()`) may be given: its offsets are looked at here.

    >>> even_text(pa.array(["ab", "cd"])).tolist(), even_text(pa.array(["a", "bc"]))
    ([[97, 98], [99, 100]], None)
    """
    kind = column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) or column.null_count or not len(column):
        return None
    _, places, letters = column.buffers()
    whole = np.dtype(np.int32 if pa.types.is_string(kind) else np.int64)
    offsets = np.frombuffer(places, whole, len(column) + 1, column.offset * whole.itemsize)
    first, second, last = (int(offsets[place]) for place in (0, 1, -1))
    size = second - first
    if size < 1 or first < 0 or first + size * len(column) != last or (np.diff(offsets) != size).any():
        return None
    return np.frombuffer(letters, np.uint8)[first : first + size * len(column)].reshape(len(column), size)


def called(kind: pa.DataType) -> str:
    """What a type is called in an error.

    >>> called(pa.large_string()), called(pa.float32())
    ('text', 'float')
    """
    return "text" if is_words(kind) else str(kind)
