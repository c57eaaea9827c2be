"""Some columns of a text table, a block of its rows after the other, for tables that are too long to be held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqanomaly.config import nearest
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 8 << 20
"""Bytes of text that are read at once."""


def rows_of(path: Path, columns: tuple[str, ...], also: str | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file with those columns as text, and one that may be there; in order, some MB at a time.

    Raises:
        DataError: it is no table, a column is not there, or a row has another number of values than the header.
    """
    import pyarrow as pa
    import pyarrow.csv

    from seqanomaly.datasets.formats.stream import stream
    from seqanomaly.datasets.formats.table import as_table, head_of

    with as_table(path):
        head = head_of(path)
        for name in columns:
            if name not in head.names:
                raise DataError(f"{path}: there is no column {name!r}{nearest(name, head.names)}")
        taken = [*columns, *([also] if also in head.names else [])]
        try:
            with stream(path, text=True) as file:
                yield from pyarrow.csv.open_csv(
                    file,
                    read_options=pyarrow.csv.ReadOptions(
                        column_names=list(head.names), skip_rows=head.skip + 1, block_size=AT_ONCE
                    ),
                    parse_options=pyarrow.csv.ParseOptions(delimiter=head.separator),
                    convert_options=pyarrow.csv.ConvertOptions(
                        include_columns=taken,
                        column_types=dict.fromkeys(columns, pa.string()),
                        strings_can_be_null=False,
                    ),
                )
        except pa.ArrowInvalid as error:
            raise DataError(f"{path}: {_problem(str(error))}") from None


def _problem(reason: str) -> str:
    """What is wrong with the rows, in the words of a reader.

    >>> _problem("Empty CSV file")
    'there are no rows'
    """
    if "Empty CSV" in reason:
        return "there are no rows"
    if "straddling" in reason:
        return f"has a line of over {AT_ONCE >> 20} MB, so it is no table with a line per row"
    text = " ".join(reason.split())
    row = re.search(r"Expected (\d+) columns, got (\d+): (.*)", text)
    if row is not None:
        return f"a row has {row[2]} values where the header has {row[1]} names ({row[3]}); correct it"
    return f"cannot be read as rows of one table: {text}"
