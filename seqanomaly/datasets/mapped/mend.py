"""A long table, converted with its policies applied: what `cleaning.clean` does, in bounded memory.

Rows are converted as they are, then go by again, some at a time; see `Mending`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from seqanomaly.datasets.ahead import ahead
from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.mapped.convert import AHEAD, features_and_rows, write_at, write_walk
from seqanomaly.datasets.mapped.division import Division, bounds_of
from seqanomaly.datasets.mapped.layout import STEPS
from seqanomaly.datasets.mapped.mending import Mending
from seqanomaly.datasets.mapped.one import One, rows_of, runs_of
from seqanomaly.datasets.mapped.rough import Rough, new_rough, read_at
from seqanomaly.datasets.mapped.tables import Passed, unreadable
from seqanomaly.datasets.mapped.text import described, is_text
from seqanomaly.datasets.mapped.walk import Walk
from seqanomaly.datasets.policies import FILLS, Policies


def convert_mended(
    path: Path,
    layout: Layout,
    part: str | None,
    one: One | None,
    policies: Policies,
    division: Division,
    folder: Path,
    passed: Passed | None = None,
) -> None:
    """As `convert`, with the policies applied.

    Raises:
        DataError: also where something is found that is to be an error, or a policy cannot be applied.
    """
    where = path.name
    try:
        features, rows = features_and_rows(path, layout, part, one)
        doubles = policies.duplicates != "error" or policies.backward != "sort"
        back, missing = policies.backward != "sort", policies.missing != "error"
        walk = Walk(layout, part, features, where, missing=missing, runs=runs_of(one), doubles=doubles, back=back)
        with ExitStack() as stack:
            found = stack.enter_context(new_rough(folder / STEPS, rows, len(features)))
            given = stack.enter_context((folder / "given").open("w+b")).fileno()
            stack.callback((folder / "given").unlink)
            items = rows_of(path, [*walk.columns, *features], layout, one, passed)
            kind = _as_given(ahead(items, 1 if is_text(path) else AHEAD), walk, found, given)
            series, about = walk.done(described(path, layout.commas) if is_text(path) else None)
            mending = Mending(found, folder / STEPS, series, about, bounds_of(series, division, where), policies, where)
            mending.look(lambda begin, end: read_at(given, kind, end - begin, 8 * begin))
            mending.repair()
            for setting, how in (("irregular", policies.irregular), ("gaps", policies.gaps)):
                if how in FILLS:
                    stack.enter_context(mending.evened(setting, how))
            mending.finish(folder)
    except pa.ArrowException as error:
        raise unreadable(path, error) from None


def _as_given(batches: Iterator[pa.RecordBatch], walk: Walk, found: Rough, given: int) -> np.dtype[Any]:
    """Write all rows as they are, and their steps as numbers to the file `given`; gives what these are."""
    kind: np.dtype[Any] = np.dtype(np.int64)

    def times(row: int, batch: pa.RecordBatch) -> None:
        nonlocal kind
        steps, kind = _numbers(walk.steps, batch.column(walk.layout.step).type)
        write_at(given, steps.view(np.uint8), 8 * row)

    write_walk((found.file, found.x_at, found.label_at), walk, batches, times)
    return kind


def _numbers(steps: np.ndarray[Any, Any], kind: pa.DataType) -> tuple[np.ndarray[Any, Any], np.dtype[Any]]:
    """Steps in 64 bits, and what they are: whole numbers, numbers with a point, or times."""
    if pa.types.is_date32(kind):
        return steps.astype(np.int64) * 86_400, np.dtype("datetime64[s]")
    if pa.types.is_temporal(kind):
        return steps.astype(np.int64), np.dtype(f"datetime64[{'ms' if pa.types.is_date64(kind) else kind.unit}]")
    if steps.dtype.kind == "i":
        return steps.astype(np.int64), np.dtype(np.int64)
    return steps.astype(np.float64), np.dtype(np.float64)
