"""Any data set as a long table that can be read again: series, step, label, part and features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.sequences import MappedSequences
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.spans import series_names
from seqanomaly.datasets.written import ROWS, write_pieces
from seqanomaly.errors import DataError

SERIES, STEP, LABEL, PART = "series", "step", "label", "part"
"""The columns beside the features."""
USUAL = ("0", "normal", "Normal", "NORMAL")
"""Classes that are taken as normal without being told."""


@dataclass(frozen=True, kw_only=True)
class LongTable:
    """A long table, and what has to be said to read it again."""

    pieces: Callable[[], Iterator[pd.DataFrame]]
    """Makes its rows, one per step, some after the other."""
    divided: bool
    """Whether it has the column `part`."""
    settings: Mapping[str, str | float] = field(default_factory=dict)
    """Settings beside `path` with which it is read: `part`, `test`, `missing`, `normal`, as far as they are needed."""

    @property
    def frame(self) -> pd.DataFrame:
        """All rows."""
        return pd.concat(self.pieces(), ignore_index=True)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written."""

    steps: int
    """Number of rows."""
    series: int
    """Number of series."""
    sample: pd.DataFrame
    """The first row of each series and of each class."""


def long_table(source: Source, seed: int | None = None) -> LongTable:
    """Every sequence as training sees it, unscaled, in the order of the parts.

    The column `part` says what is the same for every seed; it is left out where the seed draws the test part. With a
    seed, and where the seed draws the data (0 then), it says which step trains, validates and tests under that seed.

    Args:
        source: an opened data set.
        seed: whose split is to be written; None for what no seed decides.

    Raises:
        DataError: a feature has the name of one of the other columns.

    >>> from seqanomaly.datasets.synthetic import Drift
    >>> table = long_table(Drift(length=2, train=3, test=1).open())
    >>> table.frame[["series", "step", "part"]].iloc[-2:].values.tolist(), table.settings
    ([['0 (test)', 0, 'test'], ['0 (test)', 1, 'test']], {'part': 'part'})
    """
    parts = _parts(source, seed)
    in_time = isinstance(source, Opened | MappedSource) and source.cut is not None
    names = series_names(parts, whole=not in_time)
    (some, *_) = parts.values()
    clash = next((name for name in some.features if name in (SERIES, STEP, LABEL, PART)), None)
    if clash is not None:
        raise DataError(
            f"the feature {clash!r} has the name of a column that every long table has; choose others with features: "
            "[..] (--features), or rename it in the file"
        )
    settings: dict[str, str | float] = {}
    if len(parts) > 1:
        settings["part"] = PART
    elif isinstance(source, Opened | MappedSource) and source.test_share != 0.3:
        settings["test"] = source.test_share
    if any(part.valid is not None if isinstance(part, Sequences) else part.table.validity for part in parts.values()):
        settings["missing"] = "mask"
    if next((name for name in some.classes if name in USUAL), None) != some.classes[0]:
        settings["normal"] = some.classes[0]

    def pieces() -> Iterator[pd.DataFrame]:
        for word, part in parts.items():
            for frame in _frames(part, names[word], word):
                yield frame if len(parts) > 1 else frame.drop(columns=PART)

    return LongTable(pieces=pieces, divided=len(parts) > 1, settings=settings)


def _parts(source: Source, seed: int | None) -> Mapping[str, Sequences | MappedSequences]:
    """What is written, by the word in the column `part`; a single part has none."""
    if isinstance(source, MappedSource):
        if seed is not None or source.cut is not None:
            return vars(source.divided(seed or 0))
        learned = source.sequences.pieces()
        return {"": learned} if source.given is None else {"train": learned, "test": source.given.pieces()}
    if seed is not None or not isinstance(source, Opened) or source.cut is not None:
        return dict(vars(source.parts(seed or 0)))
    known, test = source.loaded.known.pieces(), source.loaded.test
    return {"": known} if test is None else {"train": known, "test": test.pieces()}


def _frames(part: Sequences | MappedSequences, names: tuple[str, ...], word: str) -> Iterator[pd.DataFrame]:
    """The rows of one part, some after the other.

    Features of a masked step are missing.
    """
    if isinstance(part, Sequences):
        row, place = part.places(part.real)
        values, label = np.where(part.mask[..., None], part.x, np.float32(np.nan))[part.real], part.label[part.real]
        for now in (slice(first, first + ROWS) for first in range(0, len(row), ROWS)):
            yield _frame(part, names, word, row[now], place[now], label[now], values[now])
        return
    for stretch in part.stretches():
        row, rows = np.repeat(stretch.sequence, stretch.length), stretch.rows
        values = part.table.features(rows)
        values[~part.table.taking(rows)] = np.nan
        yield _frame(part, names, word, row, stretch.place, part.class_of(rows), values)


def _frame(
    part: Sequences | MappedSequences,
    names: tuple[str, ...],
    word: str,
    row: NDArray[np.int64],
    place: NDArray[np.int64],
    label: NDArray[np.int64],
    values: NDArray[np.float32],
) -> pd.DataFrame:
    """Steps at `place` in the sequences `row`; the label is an ordered categorical, so that Parquet keeps the order."""
    columns = {
        SERIES: np.array(names, object)[row],
        STEP: part.start[row] + place,
        LABEL: pd.Categorical.from_codes(label, categories=pd.Index(part.classes), ordered=True),
        PART: word,
    }
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(values, columns=list(part.features))], axis=1)


def write_long(made: LongTable, path: Path) -> Written:
    """Write a table as Parquet or CSV, by the ending of its name; the file appears whole."""
    steps, series, labels, sample = 0, set[str](), set[str](), list[pd.DataFrame]()

    def counted() -> Iterable[pd.DataFrame]:
        nonlocal steps
        for piece in made.pieces():
            steps += len(piece)
            first = [
                ~piece[of].duplicated() & ~piece[of].isin(seen) for of, seen in ((SERIES, series), (LABEL, labels))
            ]
            sample.append(piece[first[0] | first[1]])
            series.update(sample[-1][SERIES])
            labels.update(sample[-1][LABEL])
            yield piece

    write_pieces(counted(), path)
    return Written(steps=steps, series=len(series), sample=pd.concat(sample, ignore_index=True))
