"""The converted copy of a table: one Arrow file with the steps, one with the series.

`steps.arrow` is one record batch: `x`, the features of a step side by side, so that a window is one stretch of the
file; and `label`, a code. `series.arrow` has a row per series: its name, its first step, its number of steps, and how
many of them train, validate and test where a column says so. What codes and columns are called stands in its metadata.
Any Arrow reader opens both.
"""

from __future__ import annotations

import io
import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.pages import Pages
from seqanomaly.datasets.mapped.text import Text

STEPS, SERIES = "steps.arrow", "series.arrow"
ABOUT = b"seqanom"
"""Key of the metadata."""
VERSION = 2
"""Version of the layout; another one is another place in the cache."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What the columns and codes of a converted table are called."""

    features: tuple[str, ...]
    """Name of each feature."""
    labels: tuple[str, ...]
    """Name of each code of a label, in the order in which they are classes; normal may be anywhere."""
    codes: tuple[int, ...]
    """Code in the file of each of `labels`."""
    timed: bool
    """Whether timestamps order the steps."""
    text: Text | None = None
    """How the table was read, if it is text."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The series of a converted table."""

    names: pa.Array
    """Name of each, text [N]."""
    first: NDArray[np.int64]
    """Row of its first step, [N]."""
    length: NDArray[np.int64]
    """Its steps, [N]."""
    parts: NDArray[np.int64] | None
    """Steps that train, validate and test, [N, 3], where a column says so."""


def schema_of(features: int) -> pa.Schema:
    """The columns of `steps.arrow`."""
    return pa.schema([("x", pa.list_(pa.float32(), features)), ("label", pa.uint8())])


@contextmanager
def new_steps(path: Path, rows: int, features: int) -> Iterator[tuple[int, int, int]]:
    """A file of so many steps, all 0 and taking no room; gives its descriptor and where `x` and `label` begin in it.

    pyarrow writes it once with the values left out, so that they can be filled in place while they are read.
    """
    schema = schema_of(features)
    empty = mmap.mmap(-1, max(1, 4 * rows * features))  # memory that is never touched, so that none is taken
    zeros = pa.py_buffer(empty)
    x = pa.FixedSizeListArray.from_arrays(pa.Array.from_buffers(pa.float32(), rows * features, [None, zeros]), features)
    label = pa.Array.from_buffers(pa.uint8(), rows, [None, zeros])
    with _Hollow(path) as hollow, pa.PythonFile(hollow, "w") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([x, label], schema=schema))
    del x, label, zeros
    with path.open("r+b") as file:
        pages = Pages(path)
        x_at, label_at, _ = _places(pages)
        pages.close()
        yield file.fileno(), x_at, label_at


class _Hollow(io.RawIOBase):
    """A file that is written with everything large left out; a hole takes no room and reads as 0."""

    def __init__(self, path: Path) -> None:
        self.file, self.place = path.open("wb"), 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        if size < LARGE:
            self.file.seek(self.place)
            self.file.write(data)
        self.place += size
        return size

    def close(self) -> None:
        if not self.file.closed:
            self.file.truncate(self.place)
            self.file.close()
        super().close()


LARGE = 1 << 16
"""Bytes from which on a piece of the file is values, all 0, and no description of them."""


def _places(pages: Pages) -> tuple[int, int, int]:
    """Where the values of `x` and `label` begin in a steps file, and how many steps it has."""
    batch = _only_batch(pages)
    x, label = batch.column("x").values.buffers()[1], batch.column("label").buffers()[1]
    return x.address - pages.buffer.address, label.address - pages.buffer.address, batch.num_rows


def _only_batch(pages: Pages) -> pa.RecordBatch:
    reader = pa.ipc.open_file(pa.BufferReader(pages.buffer))
    if reader.num_record_batches != 1:
        raise pa.ArrowInvalid(f"has {reader.num_record_batches} record batches, not 1")
    return reader.get_batch(0)


def write_series(path: Path, series: Series, about: About) -> None:
    """Write `series.arrow`."""
    columns: dict[str, Any] = {"name": series.names, "first": series.first, "length": series.length}
    if series.parts is not None:
        columns |= {word: series.parts[:, place] for place, word in enumerate(("train", "validation", "test"))}
    table = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(asdict(about)).encode()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_series(path: Path) -> tuple[Series, About]:
    """Read `series.arrow`; `ValueError`, `KeyError`, `OSError` or `ArrowException` where it is damaged."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all().combine_chunks()
        found = json.loads(table.schema.metadata[ABOUT])
        about = About(
            features=tuple(found["features"]),
            labels=tuple(found["labels"]),
            codes=tuple(map(int, found["codes"])),
            timed=bool(found["timed"]),
            text=None if found.get("text") is None else Text(**found["text"]),
        )
        columns = {name: table[name].to_numpy().copy() for name in table.column_names if name != "name"}
        names = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in table["name"].chunks])
    parts = np.stack([columns[w] for w in ("train", "validation", "test")], axis=1) if "train" in columns else None
    return Series(names=names, first=columns["first"], length=columns["length"], parts=parts), about


def map_steps(path: Path, series: Series, about: About) -> tuple[Pages, NDArray[np.float32], NDArray[np.uint8]]:
    """The steps, mapped: the pages, features [S, F] and label codes [S].

    Raises:
        ValueError: they do not belong to the series, or the file is cut short; also `OSError`, `ArrowException`.
    """
    pages = Pages(path)
    batch = _only_batch(pages)
    if not batch.schema.equals(schema_of(len(about.features))):
        raise ValueError("its columns are not those of its series")
    ends = np.concatenate([[0], series.first + series.length])
    if not np.array_equal(ends[:-1], series.first) or ends[-1] != batch.num_rows:
        raise ValueError("its steps are not those of its series")
    x = batch.column("x").values.to_numpy(zero_copy_only=True).reshape(batch.num_rows, len(about.features))
    return pages, x, batch.column("label").to_numpy(zero_copy_only=True)
