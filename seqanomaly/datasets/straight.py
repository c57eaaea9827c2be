"""Ordinary Parquet and Feather tables become sequences a batch of rows at a time, without a data frame of their rows.

Ordinary is what needs no mending: text or whole numbers name the series, whose rows stand together and in the order of
their steps; nothing is missing but features where that is allowed. Every other table, and every error, is left to
`frame.read_frame`, which gives the same for these, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from seqanomaly.datasets.ahead import ahead
from seqanomaly.datasets.formats.stream import UNREADABLE, is_file
from seqanomaly.datasets.formats.table import BROKEN, check_size
from seqanomaly.datasets.formats.text import check_width
from seqanomaly.datasets.frame import Layout, classed, feature_names
from seqanomaly.datasets.laid import LONG, place_of
from seqanomaly.datasets.mapped.convert import AHEAD
from seqanomaly.datasets.mapped.layout import About
from seqanomaly.datasets.mapped.runs import KnownRuns, Runs, even_text
from seqanomaly.datasets.mapped.tables import batches, feather_schema, is_parquet
from seqanomaly.datasets.mapped.walk import BLOCK, Space, Walk
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.watching import begun
from seqanomaly.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Straight:
    """What was read."""

    sequences: Sequences
    parts: NDArray[np.int64] | None
    """Steps of each series that train, validate and test, [N, 3], where a column says so."""


class _UnusualError(Exception):
    """The table is not ordinary."""


def read_straight(path: Path, layout: Layout, part: str | None, *, missing: bool) -> Straight | None:
    """The sequences in a Parquet or Feather file; None where it is not ordinary, or has something wrong with it.

    Args:
        path: the file.
        layout: which column means what.
        part: the column that says train or test, if there is one.
        missing: whether features may lack values (NaN).
    """
    try:
        if not is_file(path) or not (is_parquet(path) or path.suffix.lower() == ".feather"):
            return None
        return _read(path, layout, part, missing=missing)
    except (_UnusualError, DataError, pa.ArrowException, UnicodeDecodeError, *UNREADABLE):
        return None


def _described(path: Path) -> tuple[pa.Schema, int]:
    """Columns and number of rows, from the description of the file, which is no larger than it can be."""
    if is_parquet(path):
        about = pyarrow.parquet.read_metadata(path)
        schema, rows = about.schema.to_arrow_schema(), about.num_rows
    else:
        with path.open("rb") as file:
            if file.read(6) != b"ARROW1":  # the first version of Feather
                raise _UnusualError
        schema, rows = feather_schema(path)
    check_size(8 * rows * len(schema), path)
    check_width(len(schema), path)
    if not rows:
        raise _UnusualError
    return schema, rows


def _features(schema: pa.Schema, layout: Layout, part: str | None, path: Path) -> tuple[str, ...]:
    """Names of the features, after a look at the types of all columns that are needed."""
    features = feature_names(list(schema.names), layout, path.name)
    kinds = {name: schema.field(name).type for name in schema.names}
    if part is not None and part not in kinds:
        raise _UnusualError
    label = None if layout.label is None else kinds[layout.label]
    usual = (
        all(_is_number(kinds[name]) for name in features)
        and (pa.types.is_integer(kinds[layout.series]) or _is_text(kinds[layout.series]))
        and (_is_number(kinds[layout.step]) or pa.types.is_timestamp(kinds[layout.step]))
        and not (pa.types.is_boolean(kinds[layout.step]) or pa.types.is_uint64(kinds[layout.step]))
        and (label is None or _is_number(label) or _is_text(label))
        and (part is None or _is_text(kinds[part]))
    )
    if not usual or not _columns_stay(schema):
        raise _UnusualError
    return features


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _columns_stay(schema: pa.Schema) -> bool:
    """Whether pandas, if it wrote the table, had no index or column names that become something else when read."""
    try:
        about = schema.pandas_metadata or {}
        indexes, names = about.get("index_columns", []), about.get("column_indexes", [])
        return all(one["kind"] == "range" and one["name"] is None for one in indexes) and all(
            one["pandas_type"] in ("unicode", "int64") and len(names) == 1 for one in names
        )
    except BROKEN:
        return False


def _read(path: Path, layout: Layout, part: str | None, *, missing: bool) -> Straight:
    schema, rows = _described(path)
    features = _features(schema, layout, part, path)
    begun(path)
    runs = _runs(path, layout, schema)
    if runs.row != rows:
        raise _UnusualError
    names, first = runs.done()
    length = np.diff(np.append(first, runs.row))
    flat = place_of(length, len(features))
    shape = (len(length), int(length.max())) if flat is None else (flat.rows, 1)
    walk = Walk(layout, part, features, path.name, missing=missing, runs=KnownRuns(names, first))
    new = np.zeros if flat is None and length.min() < length.max() else np.empty  # zeros need no room until written
    x, label = new((*shape, len(features)), np.float32), new(shape, np.int64)
    time = new(shape, _of_times(schema.field(layout.step).type))
    to = np.arange(len(length)) * shape[1] if flat is None else flat.first
    _fill(x, label, time.view(np.int64) if time.dtype.kind == "M" else time, length, to, path, walk, schema)
    series, about = walk.done()
    number, classes = _classes(about, layout, path.name)
    _number(label, length, number, padded=flat is None)
    sequences = Sequences(
        x=x,
        label=label,
        length=length,
        ids=tuple(names.to_pylist()),
        features=features,
        classes=classes,
        time=time,
        flat=flat,
    )
    return Straight(sequences=sequences, parts=series.parts)


def _runs(path: Path, layout: Layout, schema: pa.Schema) -> Runs:
    """The series, by their column alone, where each stands together."""
    runs = Runs(layout.series, path.name)
    for batch in batches(path, [layout.series], layout):
        batch.validate()
        if even_text(batch.column(0)) is None:
            _check(batch, schema, {})
        runs.next(batch).names.validate(full=True)  # and so is whatever equals them
    return runs


def _fill(
    x: NDArray[np.float32],
    label: NDArray[np.int64],
    steps: NDArray[np.int64] | NDArray[np.float64],
    length: NDArray[np.int64],
    to: NDArray[np.int64],
    path: Path,
    walk: Walk,
    schema: pa.Schema,
) -> None:
    """Write the steps of all series, of those lengths [N], to [N, T, F], [N, T] (codes of labels) and [N, T].

    There, counted through all steps, the first one of each is at `to` [N].
    """
    rows, first = int(length.sum()), np.cumsum(length) - length
    x, label, steps = x.reshape(-1, x.shape[2]), label.reshape(-1), steps.reshape(-1)
    shift = to - first  # from the row of a step to its place
    space = Space(x.shape[1])
    for batch in ahead(_checked(batches(path, [*walk.columns, *walk.features], walk.layout), schema), AHEAD):
        begin, end = walk.row, walk.row + batch.num_rows
        if end > rows:
            raise _UnusualError
        if not shift.any():
            label[begin:end] = walk.add(batch, x[begin:end])
            steps[begin:end] = walk.steps
            continue
        block = space.rows(end - begin)
        code = walk.add(batch, block)
        some = np.arange(*(np.searchsorted(first, [begin, end - 1], side="right") - [1, 0]))
        edges = np.clip([first[some], first[some] + length[some]], begin, end)
        if len(some) * LONG < len(block):
            for by, start, stop in zip(shift[some].tolist(), *edges.tolist(), strict=True):
                now, place = slice(start - begin, stop - begin), slice(start + by, stop + by)
                x[place], label[place], steps[place] = block[now], code[now], walk.steps[now]
        else:
            place_of = np.arange(begin, end) + np.repeat(shift[some], edges[1] - edges[0])
            x[place_of], label[place_of], steps[place_of] = block, code, walk.steps
    if walk.row != rows:
        raise _UnusualError


def _number(label: NDArray[np.int64], length: NDArray[np.int64], number: NDArray[np.int64], *, padded: bool) -> None:
    """Turn codes of labels [N, T] into classes, by the class of each code; padding, if any, is 0."""
    if np.array_equal(number, np.arange(len(number))):
        return
    flat = label.reshape(-1)
    for start in range(0, len(flat), BLOCK):
        flat[start : start + BLOCK] = number[flat[start : start + BLOCK]]
    if number[0] and padded:
        label[np.arange(label.shape[1]) >= length[:, None]] = 0


def _of_times(kind: pa.DataType) -> np.dtype[Any]:
    """The type that `read_frame` has for steps of that type."""
    if pa.types.is_timestamp(kind):
        return np.dtype(f"datetime64[{kind.unit}]")
    return np.dtype(np.int64 if pa.types.is_signed_integer(kind) else np.float64)


def _checked(items: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same, after a look at each that what Arrow says about it is true and that no word of a column is twice."""
    declared: dict[str, pa.Array] = {}
    for batch in items:
        _check(batch, schema, declared)
        yield batch


def _check(batch: pa.RecordBatch, schema: pa.Schema, declared: dict[str, pa.Array]) -> None:
    """Raise an error where a batch is not as `_checked` gives them, by the words that were `declared` before."""
    batch.validate(full=True)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind):
            words = column.dictionary
            if words.null_count or pc.count_distinct(words).as_py() < len(words):
                raise _UnusualError
            if kind.ordered and not declared.setdefault(name, words).equals(words):
                raise _UnusualError


def _classes(about: About, layout: Layout, where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The class of each label code, [codes], and the names of the classes, normal first."""
    classes, of_name = classed(list(about.labels), layout, where)
    number = np.zeros(max(about.codes) + 1, np.int64)
    number[list(about.codes)] = [of_name[name] for name in about.labels]
    return number, classes
