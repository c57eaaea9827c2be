"""The rows of a long table, Parquet, Feather or text, a batch after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.stream import UNREADABLE, not_opened
from seqanomaly.datasets.formats.table import frame_of
from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.mapped import text
from seqanomaly.datasets.mapped.text import Text, described, is_text, text_batches, text_frames
from seqanomaly.errors import DataError

Passed = Callable[[int], object]
DAMAGED = (pa.ArrowException, UnicodeDecodeError, *UNREADABLE)
"""What reading a table of Arrow may raise where it is damaged."""
AT_ONCE = 1 << 17
"""Rows that are read at once."""


def is_arrow(path: Path) -> bool:
    """Whether a file is Parquet or Feather, by its ending; other tables that can be converted are text."""
    return is_parquet(path) or path.suffix.lower() in (".feather", ".arrow")


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its ending."""
    return path.suffix.lower() in (".parquet", ".pq")


def columns_of(path: Path) -> list[str]:
    """Names of the columns; a `DataError` says that the file cannot be read."""
    return columns_and_rows(path)[0] if is_arrow(path) else text.columns_of(path)


def columns_and_rows(path: Path, commas: Commas | None = None) -> tuple[list[str], int]:
    """Names of the columns and number of the rows, from the description of the file; text is looked through for them.

    Raises:
        DataError: it cannot be read.
    """
    if is_text(path):
        found = described(path, commas)
        return list(found.kinds), found.rows
    try:
        return _described(path)
    except DAMAGED as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> DataError:
    """The sentence about a file that Arrow cannot read."""
    if (closed := not_opened(path, error)) is not None:
        return closed
    reason = " ".join(str(error).split())
    return DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {reason}")


def _described(path: Path) -> tuple[list[str], int]:
    if is_parquet(path):
        with pq.ParquetFile(path) as file:
            return list(file.schema_arrow.names), file.metadata.num_rows
    schema, rows = feather_schema(path)
    return list(schema.names), rows


def feather_schema(path: Path) -> tuple[pa.Schema, int]:
    """Columns and number of rows of a Feather file, of which no more than the narrowest column is read."""
    with pa.OSFile(str(path)) as source:
        schema = pa.ipc.open_file(source).schema
        widths = [kind.bit_width if pa.types.is_primitive(kind) else 128 for kind in schema.types]
        narrowest = [int(np.argmin(widths))] if widths else None
        reader = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=narrowest))
        return schema, sum(reader.get_batch(n).num_rows for n in range(reader.num_record_batches))


def is_words(kind: pa.DataType) -> bool:
    """Whether a column of that type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def batches(path: Path, columns: list[str], layout: Layout, passed: Passed | None = None) -> Iterator[pa.RecordBatch]:
    """Batches of at most `AT_ONCE` rows with those columns, in order; series, label and part may come as codes.

    Of Parquet, `passed` is told up to which byte of the file everything has been read.

    Raises:
        DataError: the file cannot be read.
    """
    if is_text(path):
        yield from text_batches(path, described(path, layout.commas), columns, layout)
        return
    try:
        if is_parquet(path):
            yield from _parquet(path, columns, _words(path, columns, layout), passed)
        else:
            yield from _feather(path, columns)
    except DAMAGED as error:
        raise unreadable(path, error) from None


def frames(path: Path, columns: list[str], how: Text | None) -> Iterator[pd.DataFrame]:
    """Some columns as a table in memory has them, in order, at most `AT_ONCE` rows at a time.

    Args:
        path: the file.
        columns: their names.
        how: how it is read, if it is text.

    Raises:
        DataError: the file cannot be read.
    """
    if how is not None:
        yield from text_frames(path, how, columns)
        return
    try:
        for batch in _parquet(path, columns) if is_parquet(path) else _feather(path, columns):
            yield frame_of(pa.Table.from_batches([batch]))[columns]
    except DAMAGED as error:
        raise unreadable(path, error) from None


def _words(path: Path, columns: list[str], layout: Layout) -> list[str]:
    """Columns of text that may come as codes."""
    schema, asked = pq.read_schema(path), (layout.series, layout.label, *layout.ignore)
    return [name for name in columns if name in asked and is_words(schema.field(name).type)]


def _parquet(
    path: Path, columns: list[str], codes: Sequence[str] = (), passed: Passed | None = None
) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, read_dictionary=codes, buffer_size=1 << 20, pre_buffer=False) as file:
        for group in range(file.num_row_groups):  # of several groups at once pyarrow would hold all
            if passed is not None:
                first = file.metadata.row_group(group).column(0)
                passed(first.dictionary_page_offset or first.data_page_offset)
            yield from file.iter_batches(AT_ONCE, [group], columns)


def _feather(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as source:
        names = pa.ipc.open_file(source).schema.names
        wanted = pa.ipc.IpcReadOptions(included_fields=[names.index(name) for name in columns])
        reader = pa.ipc.open_file(source, options=wanted)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number).select(columns)
            for start in range(0, batch.num_rows, AT_ONCE):
                yield batch.slice(start, AT_ONCE)
