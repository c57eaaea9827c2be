"""Tables that are written a piece after the other, so that all of one need not be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from seqanomaly.datasets.csv_text import write_rows
from seqanomaly.paths import whole

ROWS = 250_000
"""Rows of a piece; pandas writes times of midnight in its own way, 25,000 rows of 4 columns at a time."""


def write_pieces(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    r"""Write a table as Parquet or CSV, by the ending of its name; the file appears whole.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_pieces([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})], path)
    >>> path.read_text()
    'a\n1\n2\n'
    """
    with whole(path) as draft:
        if path.suffix.lower() == ".parquet":
            _write_parquet(iter(pieces), draft)
        else:
            with draft.open("wb") as file:
                for number, piece in enumerate(pieces):
                    write_rows(piece, file, header=not number)


def _write_parquet(pieces: Iterator[pd.DataFrame], draft: Path) -> None:
    first = next(pieces)
    schema = pa.Schema.from_pandas(first, preserve_index=False)
    with pq.ParquetWriter(draft, schema) as writer:
        writer.write_table(pa.Table.from_pandas(first, schema, preserve_index=False))
        del first
        for piece in pieces:
            writer.write_table(pa.Table.from_pandas(piece, schema, preserve_index=False))


def in_pieces(frames: Iterable[pd.DataFrame], rows: int = ROWS) -> Iterator[pd.DataFrame]:
    """The rows of some frames, `rows` at a time and fewer at the end.

    >>> [len(piece) for piece in in_pieces([pd.DataFrame({"a": range(5)})] * 2, 4)]
    [4, 4, 2]
    """
    held: list[pd.DataFrame] = []
    for frame in frames:
        held.append(frame)
        if sum(map(len, held)) >= rows:
            joined = pd.concat(held, ignore_index=True)
            full = len(joined) // rows * rows
            for start in range(0, full, rows):
                yield joined.iloc[start : start + rows].reset_index(drop=True)
            held = [joined.iloc[full:]] if full < len(joined) else []
    if held:
        yield pd.concat(held, ignore_index=True)
