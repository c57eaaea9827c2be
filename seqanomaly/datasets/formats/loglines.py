"""The lines of a structured log, read some at a time: their events, and the blocks that they name or their labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

EVENT, CONTENT, LABEL, LINE = "EventId", "Content", "Label", "LineId"
"""Columns that logparser writes; `Label` where each line of the log has one."""
SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""Numbers of 64 bits."""


@dataclass
class Lines:
    """What has been read of a log so far."""

    events: dict[str, int] = field(default_factory=dict)
    """Number of each event."""
    code: list[NDArray[np.int64]] = field(default_factory=list)
    """The event of each line, or of each block of a line."""
    block: list[NDArray[np.int64]] = field(default_factory=list)
    """The blocks that the lines name."""
    label: list[NDArray[np.bool_]] = field(default_factory=list)
    """Whether the label of each line is not the normal one."""
    count: int = 0
    """Lines."""
    silent: int = 0
    """Lines that name no block."""
    several: int = 0
    """Lines that name several."""
    last: int = -1
    """The number of the line that was read last."""
    disordered: int | None = None
    """The first data row whose number is not above that of the row before."""


def read_lines(path: Path, *, by_line: bool, normal: str) -> Lines:
    """The events of all lines, some lines at a time, and either the blocks that they name or their labels."""
    from seqanomaly.datasets.formats.rows import rows_of

    lines = Lines()
    for batch in rows_of(path, (EVENT, LABEL if by_line else CONTENT), also=LINE):
        code = _codes(batch.column(EVENT), lines, path)
        if by_line:
            _add_labels(batch.column(LABEL), code, lines, path, normal)
        else:
            _add_blocks(batch.column(CONTENT), code, lines, path)
        _check_order(batch, lines)
        lines.count += batch.num_rows
    if not lines.count:
        raise DataError(f"{path}: there are no rows")
    return lines


def _codes(column: pa.Array, lines: Lines, path: Path) -> NDArray[np.int64]:
    """The number of each row's event; a `DataError` names the row of one that has none."""
    coded = column.dictionary_encode()
    words = [word.strip() for word in coded.dictionary.to_pylist()]
    index = coded.indices.to_numpy(zero_copy_only=False)
    if "" in words:
        row = int(np.argmax(index == words.index("")))
        raise DataError(f"{path}: column {EVENT!r}, data row {lines.count + row + 1}: the event is missing")
    place = np.array([lines.events.setdefault(word, len(lines.events)) for word in words], np.int64)
    return np.asarray(place[index], np.int64)


def _add_labels(column: pa.Array, code: NDArray[np.int64], lines: Lines, path: Path, normal: str) -> None:
    import pyarrow.compute as pc

    words = pc.utf8_trim_whitespace(column)
    empty = pc.equal(words, "").to_numpy(zero_copy_only=False)
    if empty.any():
        row = lines.count + int(np.argmax(empty)) + 1
        raise DataError(f"{path}: column {LABEL!r}, data row {row}: the label is missing")
    lines.code.append(code)
    lines.label.append(pc.not_equal(words, normal).to_numpy(zero_copy_only=False))


def _add_blocks(column: pa.Array, code: NDArray[np.int64], lines: Lines, path: Path) -> None:
    """Add an event for each block that a line names, once where it names it twice."""
    import pandas as pd

    line, block = blocks_in(column, path, lines.count)
    once = ~pd.DataFrame({"line": line, "block": block}).duplicated().to_numpy()
    line, block = line[once], block[once]
    named = np.bincount(line, minlength=len(code))
    lines.silent += int((named == 0).sum())
    lines.several += int((named > 1).sum())
    lines.code.append(code[line])
    lines.block.append(block)


def blocks_in(column: pa.Array, path: Path, before: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row and the number of each `blk_..` in a column of text, in order; rows count after the first `before`.

    >>> import pyarrow as pa
    >>> [found.tolist() for found in blocks_in(pa.array(["blk_1 blk_-2", "none", "of blk_3."]), Path("doc"))]
    [[0, 0, 2], [1, -2, 3]]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    after = pc.list_slice(pc.split_pattern(column, "blk_"), 1)
    word = pc.struct_field(pc.extract_regex(pc.list_flatten(after), r"^(?P<number>-?\d+)"), "number")
    row = pc.list_parent_indices(after).to_numpy(zero_copy_only=False).astype(np.int64)
    there = pc.is_valid(word).to_numpy(zero_copy_only=False)
    try:
        number = word.drop_null().cast(pa.int64())
    except pa.ArrowInvalid:
        words = word.drop_null().to_pylist()
        at = next(place for place, text in enumerate(words) if not SMALLEST <= int(text) <= LARGEST)
        place = f"data row {before + int(row[there][at]) + 1}"
        raise DataError(
            f"{path}: column {CONTENT!r}, {place}: 'blk_{words[at][:40]}' is no block, whose numbers have 64 bits"
        ) from None
    return row[there], number.to_numpy()


def _check_order(batch: pa.RecordBatch, lines: Lines) -> None:
    """Remember where the numbers of the lines, if they have any, do not grow."""
    if LINE not in batch.schema.names or lines.disordered is not None:
        return
    number = batch.column(LINE).to_numpy(zero_copy_only=False)
    if number.dtype.kind not in "iu" or not len(number):
        return
    wrong = np.diff(number, prepend=lines.last) <= 0
    lines.disordered = lines.count + int(np.argmax(wrong)) + 1 if wrong.any() else None
    lines.last = int(number[-1])
