"""A long table, converted to the mapped layout a batch of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqanomaly.datasets.ahead import ahead
from seqanomaly.datasets.frame import Layout, feature_names
from seqanomaly.datasets.mapped.layout import SERIES, STEPS, new_steps, write_series
from seqanomaly.datasets.mapped.one import One, rows_of, runs_of
from seqanomaly.datasets.mapped.tables import Passed, columns_and_rows, unreadable
from seqanomaly.datasets.mapped.text import described, is_text
from seqanomaly.datasets.mapped.walk import Space, Walk
from seqanomaly.datasets.part_column import no_part
from seqanomaly.errors import DataError

AHEAD = 3
"""Batches of Parquet and Feather that wait to be converted, 5 MB each with 8 features."""


def convert(
    path: Path,
    layout: Layout,
    part: str | None,
    one: One | None,
    missing: bool | None,
    folder: Path,
    passed: Passed | None = None,
) -> None:
    """Convert the table at `path` to files in `folder`; rows of a series stand together and in the order of its steps.

    No value may be missing; `missing` is for the remedy, see `numbers`. `passed` is told up to which byte of the file
    nothing is needed any more, where that is known.

    Raises:
        DataError: it names the file, the column, the row and the remedy.
    """
    where = path.name
    try:
        features, rows = features_and_rows(path, layout, part, one)
        walk = Walk(layout, part, features, where, missing=missing, runs=runs_of(one))
        items = rows_of(path, [*walk.columns, *features], layout, one, passed)
        with new_steps(folder / STEPS, rows, len(features)) as places:
            write_walk(places, walk, ahead(items, 1 if is_text(path) else AHEAD))
        series, about = walk.done(described(path, layout.commas) if is_text(path) else None)
    except pa.ArrowException as error:
        raise unreadable(path, error) from None
    write_series(folder / SERIES, series, about)


def write_walk(
    places: tuple[int, int, int],
    walk: Walk,
    items: Iterator[pa.RecordBatch],
    each: Callable[[int, pa.RecordBatch], None] | None = None,
) -> None:
    """Write what a walk makes of some batches, each while the walk goes on; see `new_steps` for where.

    After the walk through a batch, `each` is given its first row and itself.
    """
    file, x_at, label_at = places
    space, other = Space(len(walk.features)), Space(len(walk.features))
    with ThreadPoolExecutor(1) as beside:
        written: list[Future[None]] = []
        for batch in items:
            space, other = other, space  # which is being written
            x, row = space.rows(batch.num_rows), walk.row
            label = walk.add(batch, x)
            for one in written:
                one.result()
            written = [
                beside.submit(write_at, file, x, x_at + 4 * row * len(walk.features)),
                beside.submit(write_at, file, label, label_at + row),
            ]
            if each is not None:
                each(row, batch)
        for one in written:
            one.result()


def features_and_rows(path: Path, layout: Layout, part: str | None, one: One | None) -> tuple[tuple[str, ...], int]:
    """The features of the table at `path` and how many rows it has; a `DataError` says that there are none."""
    names, rows = columns_and_rows(path, layout.commas)
    features = check_columns(names, layout, part, path.name, one)
    if not rows:
        raise DataError(f"{path.name}: there are no rows")
    return features, rows


def check_columns(
    names: list[str], layout: Layout, part: str | None, where: str, one: One | None = None
) -> tuple[str, ...]:
    """The features among the columns; a `DataError` names one that is missing."""
    features = feature_names(names if one is None else one.columns(names, where), layout, where)
    if part is not None and part not in names:
        raise no_part(part, names, where)
    return features


def write_at(file: int, values: NDArray[np.float32] | NDArray[np.uint8], place: int) -> None:
    """Write an array at a place of an open file, which stays out of this process's memory."""
    left = np.ascontiguousarray(values).data.cast("B")
    while left:
        written = os.pwrite(file, left, place)
        left, place = left[written:], place + written
