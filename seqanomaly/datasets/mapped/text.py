"""A long text table that is larger than memory, read some rows at a time: once to learn its types, once for its values.

Columns have the types, and values the bits, that the whole table has in memory: pandas reads both.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from seqanomaly.datasets.formats.commas import Cells, Commas, commas_of
from seqanomaly.datasets.formats.stream import LINE, OPEN, stream
from seqanomaly.datasets.formats.table import (
    MORE_VALUES,
    SUFFIXES,
    Head,
    as_table,
    head_of,
    options,
)
from seqanomaly.datasets.formats.text import COLUMNS, header_of, separator_in
from seqanomaly.datasets.formats.times import Dates
from seqanomaly.datasets.frame import Layout, numbers, step_values
from seqanomaly.errors import DataError

AT_ONCE = 1 << 17
"""Most rows that are read at once."""
AMOUNT = 16 << 20
"""About how many bytes of text are read at once."""
MOST = AMOUNT + 2 * LINE
"""Bytes that the rows that are read at once may take."""
WIDEST = 10 * COLUMNS
"""Columns of a row that is not read to its end."""
SAMPLE = 16 << 20
"""Bytes of the beginning of a file by which its size is estimated."""
Kind = Literal["int64", "uint64", "float64", "bool", "str"]
"""What the values of a column are."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a text table is, as known once all of it has been looked at."""

    kinds: Mapping[str, Kind]
    """Every column in order, and what its values are."""
    rows: int
    """Its rows, without the header."""
    separator: str
    """What stands between columns."""
    decimal: str
    """What decimals follow."""
    skip: int
    """Lines above the header."""

    @property
    def head(self) -> Head:
        """How the file begins."""
        return Head(separator=self.separator, skip=self.skip, names=tuple(self.kinds))


def is_text(path: Path) -> bool:
    """Whether a file is a text table, by its ending.

    >>> is_text(Path("a.csv.gz")), is_text(Path("a.parquet"))
    (True, False)
    """
    return path.name.lower().endswith(tuple(end for end in SUFFIXES if end.startswith((".csv", ".tsv"))))


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a text table.

    Raises:
        DataError: it is no table.
    """
    with as_table(path):
        return list(head_of(path).names)


def decoded_size(path: Path) -> int:
    """About how many bytes the values of a text table take, 8 each; what its beginning has is taken for the rest.

    Raises:
        DataError: it cannot be read.
    """
    with as_table(path):
        size, separator = path.stat().st_size, separator_in(header_of(path)[1])
        with path.open("rb") as raw:
            packed = OPEN.get(path.suffix.lower())
            with raw if packed is None else packed(raw, "rb") as file:
                text = file.read(SAMPLE)
                read = raw.tell()
    values = text.count(separator.encode()) + text.count(b"\n")
    return 8 * values * size // max(1, min(read, size))


def described(path: Path, commas: Commas | None = None) -> Text:
    """What a text table is; all of it is read, in bounded memory, unless it was just now.

    What commas in its numbers mean is `commas`, or what its columns say.

    Raises:
        DataError: it is no table, in the words that a table in memory gets, many rows take far too much text, or commas
            stand between thousands.
    """
    with as_table(path):
        found = path.stat()
        return _described(path, commas, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=2)
def _described(path: Path, commas: Commas | None, _version: tuple[int, int, int]) -> Text:
    head = head_of(path)
    found, could = _looked_through(path, head, ".")
    if commas is None and could and head.separator != ",":
        commas = commas_of(_cells(path, found, could), path.name, asks=True)
    if commas == "thousands":
        raise DataError(
            f"{path.name}: has commas between thousands, which are read in memory only: read it whole with "
            f"{{path: {path}, mapped: false, commas: thousands}}, or write numbers without them"
        )
    return _looked_through(path, head, ",")[0] if commas == "decimals" else found


def _looked_through(path: Path, head: Head, decimal: str) -> tuple[Text, list[str]]:
    """What the table is, and the columns of text whose numbers may have commas."""
    rows, seen, commas = 0, [_Seen()], set[str]()
    names: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            for chunk in _chunks(path, rows=AT_ONCE, **options(head, decimal)):
                if not names:
                    names = [str(name) for name in chunk.columns]
                    seen, commas = [_Seen() for _ in names], set(names)
                rows += len(chunk)
                for place, (name, of) in enumerate(zip(names, seen, strict=True)):
                    column = chunk.iloc[:, place]
                    if of.add(column) == "text" and name in commas:
                        cells = Cells(name).add(column)
                        if not (cells.decimals or cells.thousands):
                            commas.discard(name)
        except pd.errors.ParserWarning:
            raise ValueError(MORE_VALUES) from None
    kinds = {name: of.kind for name, of in zip(names, seen, strict=True)}
    return (
        Text(kinds=kinds, rows=rows, separator=head.separator, decimal=decimal, skip=head.skip),
        [name for name in names if name in commas and kinds[name] == "str"],
    )


def _cells(path: Path, found: Text, columns: list[str]) -> list[Cells]:
    """What all cells of some columns of text can be, also where some are numbers as they are."""
    cells, row = [Cells(name) for name in columns], 0
    for chunk in _chunks(
        path, rows=AT_ONCE, usecols=columns, dtype=dict.fromkeys(columns, "str"), **options(found.head, ".")
    ):
        for one in cells:
            one.add(chunk[one.name], row)
        row += len(chunk)
    return cells


class _Seen:
    """What the values of a column have been so far."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.below_zero = False

    def add(self, column: pd.Series) -> str:
        """What some further values are: text, bool, int, uint, float or missing."""
        found = {"i": "int", "u": "uint", "f": "float", "b": "bool"}.get(column.dtype.kind, "text")
        if column.dtype == object:  # pandas has missing ones among true and false so
            found = "bool"
        elif found == "float" and column.isna().all():
            found = "missing"
        if found == "int":
            self.below_zero |= bool((column < 0).any())
        if len(column):
            self.kinds.add(found)
        return found

    @property
    def kind(self) -> Kind:
        """What the values of the whole column are, as pandas says of them together."""
        kinds = self.kinds - {"missing"}
        mixed = "bool" in kinds and kinds != {"bool"}
        if "text" in kinds or mixed or (kinds == {"int", "uint"} and self.below_zero):
            return "str"
        if kinds == {"bool"}:
            return "bool"
        if not kinds or "float" in kinds or "missing" in self.kinds:
            return "float64"
        return "uint64" if "uint" in kinds else "int64"


def text_batches(path: Path, found: Text, columns: list[str], layout: Layout) -> Iterator[pa.RecordBatch]:
    """Batches of at most `AT_ONCE` rows with those columns, in order; times that order steps as timestamps.

    Raises:
        DataError: the file cannot be read, or a feature or a step is no number.
    """
    kinds: dict[str, Any] = {name: found.kinds[name] for name in columns if found.kinds[name] != "bool"}
    special = (layout.series, layout.step, layout.label, *layout.ignore)
    instead = "" if layout.label is None else ", or leave the column out with --ignore"
    row, steps = 0, _Steps(path.name, layout.dates)
    with as_table(path):
        how = options(found.head, found.decimal)
        for chunk in _chunks(path, rows=AT_ONCE, usecols=columns, dtype=kinds, **how):
            for name in columns:
                if kinds.get(name) == "str" and name not in special:
                    chunk[name] = numbers(chunk[name], path.name, instead, row)
            if kinds.get(layout.step) == "str" and layout.step in columns:
                chunk[layout.step] = steps.values(chunk[layout.step], row)
            row += len(chunk)
            yield pa.RecordBatch.from_arrays([pa.array(chunk[name], from_pandas=True) for name in columns], columns)


class _Steps:
    """Steps in a column of text: times, as otherwise all of it would be numbers; some of both is an error."""

    def __init__(self, where: str, dates: Dates | None) -> None:
        self.where, self.dates, self.first, self.timed = where, dates, pd.Series(dtype=str), True

    def values(self, column: pd.Series, row: int) -> Any:
        """The steps in the next rows, of which `row` came before; a `DataError` names a row as for a whole column."""
        if row and not self.timed:
            return self._numbers(column, row)
        if row and pd.to_numeric(column, errors="coerce").notna().any():
            return self._numbers(self.first, 0)
        found = step_values(column, self.where, row, dates=self.dates)
        if not row:
            self.first, self.timed = column.iloc[:1], found.dtype.kind == "M"
        return found

    def _numbers(self, column: pd.Series, row: int) -> Any:
        return numbers(column, self.where, ", or name another column with --step", row)


def text_frames(path: Path, found: Text, columns: list[str]) -> Iterator[pd.DataFrame]:
    """Some columns as a table in memory has them, in order, at most `AT_ONCE` rows at a time.

    Raises:
        DataError: the file cannot be read.
    """
    kinds: dict[str, Any] = {name: found.kinds[name] for name in columns if found.kinds[name] != "bool"}
    with as_table(path):
        how = options(found.head, found.decimal)
        for chunk in _chunks(path, rows=AT_ONCE, usecols=columns, dtype=kinds, **how):
            yield chunk[columns]


def _chunks(path: Path, *, rows: int, **how: Any) -> Iterator[pd.DataFrame]:
    """Some rows of a table after the other, at most `rows` and about `AMOUNT` bytes at a time."""
    text = _Rationed(path, how["sep"].encode())
    with io.BufferedReader(text, 1 << 18) as file:
        row, size = 0, min(rows, 100)
        with pd.read_csv(file, encoding="utf-8", iterator=True, **how) as reader:
            while True:
                text.allow(row)
                try:
                    chunk = reader.get_chunk(size)
                except StopIteration:
                    return
                row += len(chunk)
                yield chunk
                size = min(rows, max(1, AMOUNT * row // max(1, text.count)))


class _Rationed(io.RawIOBase):
    """A text file of which only so much may be read for some rows, as a field that is never closed has no end."""

    def __init__(self, path: Path, separator: bytes) -> None:
        self.path, self.separator, self.file = path, separator, stream(path, text=True)
        self.count = self.row = self.columns = 0
        self.ration = MOST

    def allow(self, row: int) -> None:
        """Allow so much more, for what comes after data row `row`."""
        self.row, self.ration = row, self.count + MOST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        size = self.file.readinto(buffer)
        self.count += size
        self._check_width(bytes(buffer[:size]))
        if self.count > self.ration:
            raise DataError(
                f"{self.path}: a few rows after data row {self.row:,} take over {MOST >> 20} MB; close the quotation "
                "mark that was opened there, or leave long text out"
            )
        return size

    def _check_width(self, chunk: bytes) -> None:
        """A row of separators alone would take many times its bytes."""
        last = chunk.rfind(b"\n") + 1
        self.columns = (0 if last else self.columns) + chunk.count(self.separator, last)
        if self.columns > WIDEST:
            raise DataError(
                f"{self.path}: has a row of over {WIDEST:,} columns after data row {self.row:,}, and a table may have "
                f"{COLUMNS:,}; steps belong in rows and features in columns"
            )

    def close(self) -> None:
        self.file.close()
        super().close()
