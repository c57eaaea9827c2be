"""Sequences that lie in a mapped file: bounds in memory, and steps that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.copied import MappedTable, Names
from seqanomaly.datasets.mapped.layout import About, Series
from seqanomaly.datasets.mapped.stretch import Stretch, pieces_of, stretches
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

AT_ONCE = 1 << 18
"""About how many steps are read at once."""


@dataclass(frozen=True, kw_only=True)
class MappedSequences:
    """N sequences of a mapped file; what `Sequences` holds in memory, without it."""

    table: MappedTable
    """Where they lie."""
    series: NDArray[np.int64]
    """Number of the series of each in the file, [N]."""
    first: NDArray[np.int64]
    """Row of the first step of each, [N]."""
    length: NDArray[np.int64]
    """Number of steps of each sequence, [N]."""
    steps: int
    """Steps that all are padded to where they are read, as they are in memory."""
    classes: tuple[str, ...]
    """Name of each class, normal first."""
    code: NDArray[np.int64]
    """Class of each code of the file, [256]."""
    offset: NDArray[np.int64] | None = None
    """Steps of its series that come before each sequence, [N]; None where each begins its series."""
    broken: bool = False
    """Whether any of them, or of those that they were cut from, is in several pieces."""
    piece_of: NDArray[np.bool_] | None = None
    """Which of them are one of several pieces, so that they are named by their first step, [N]; None for none."""

    def __len__(self) -> int:
        return len(self.length)

    @classmethod
    def of(cls, table: MappedTable, classes: tuple[str, ...], number: Mapping[str, int]) -> MappedSequences:
        """All series of a table, whose classes are those, normal first; `number` says the class of each label."""
        code = np.zeros(256, np.int64)
        for name, place in zip(table.about.labels, table.about.codes, strict=True):
            code[place] = number[name]
        found: Series = table.series
        every = np.arange(len(found.first))
        return cls(
            table=table,
            series=every,
            first=found.first,
            length=found.length,
            steps=int(found.length.max()),
            classes=classes,
            code=code,
        )

    @property
    def about(self) -> About:
        """Names of features and labels."""
        return self.table.about

    @property
    def features(self) -> tuple[str, ...]:
        """Name of each feature."""
        return self.about.features

    @property
    def ids(self) -> Names:
        """Name of each sequence."""
        return Names(self.table.series.names, self.series, None if self.piece_of is None else self._ends)

    @property
    def _ends(self) -> NDArray[np.int64]:
        """The step that ends the name of each sequence, [N]; -1 for none."""
        assert self.piece_of is not None
        return np.where(self.piece_of, self.start, -1)

    @property
    def start(self) -> NDArray[np.int64]:
        """Number of each sequence's first step in its series, counted from 0, [N]."""
        return np.zeros_like(self.length) if self.offset is None else self.offset

    def take(self, index: NDArray[np.int64]) -> Self:
        """The sequences at `index`, in that order."""
        return replace(
            self,
            series=self.series[index],
            first=self.first[index],
            length=self.length[index],
            offset=None if self.offset is None else self.offset[index],
            piece_of=None if self.piece_of is None else self.piece_of[index],
        )

    def cut(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> Self:
        """The steps [start, end) of each sequence, both [N]; a sequence without any is left out."""
        length = end - start
        pieces = replace(
            self, first=self.first + start, length=length, steps=int(length.max()), offset=self.start + start
        )
        return pieces.take(np.flatnonzero(end > start))

    def with_breaks(self) -> Self:
        """The same, after a look whether any of them is in several pieces."""
        low, high = (np.searchsorted(self.table.breaks, rows) for rows in (self.first, self.first + self.length))
        return replace(self, broken=bool((high > low).any()))

    def pieces(self) -> Self:
        """The pieces between the breaks as sequences, those of one step left out; see `Sequences.pieces`."""
        if not self.broken:
            return self
        row, start, end = pieces_of(self.first, self.length, self.table.breaks)
        kept = np.flatnonzero(end - start > 1)
        if not len(kept):
            raise DataError("no two steps stand together between gaps; keep the gaps, or fill them")
        several = np.bincount(row, minlength=len(self))[row] > 1
        of_kept = replace(self.take(row[kept]), broken=False)
        begin, length = start[kept], (end - start)[kept]
        return replace(
            of_kept,
            first=of_kept.first + begin,
            length=length,
            steps=int(length.max()),
            offset=of_kept.start + begin,
            piece_of=several[kept],
        )

    def read(self, steps: int, index: NDArray[np.int64], begin: NDArray[np.int64] | None = None) -> Sequences:
        """Up to `steps` steps of the sequences at `index` [B], from their first or from step `begin` [B] on.

        They are padded to `steps`, and have no names.
        """
        first, length = self._bounds(steps, index, begin)
        if (length >= steps).all():
            x, codes = self.table.copies(first, steps)
            full = np.full(len(index), steps)
            return Sequences(
                x=x,
                label=self.code[codes],
                length=full,
                ids=(),
                features=self.features,
                classes=self.classes,
                valid=self._valid(first[:, None] + np.arange(steps), index, begin),
            )
        rows = first[:, None] + np.minimum(np.arange(steps), length[:, None] - 1)
        there = np.arange(steps) < length[:, None]
        x = self.table.features(rows)
        x[~there] = 0.0
        return self._sequences(x, rows, there, length, self._valid(rows, index, begin))

    def labels(self, steps: int, index: NDArray[np.int64], begin: NDArray[np.int64] | None = None) -> Sequences:
        """As `read`, without any feature."""
        first, length = self._bounds(steps, index, begin)
        rows = first[:, None] + np.minimum(np.arange(steps), length[:, None] - 1)
        there = np.arange(steps) < length[:, None]
        x = np.zeros((*rows.shape, 0), np.float32)
        return self._sequences(x, rows, there, length, self._valid(rows, index, begin))

    def _valid(
        self, rows: NDArray[np.int64], index: NDArray[np.int64], begin: NDArray[np.int64] | None
    ) -> NDArray[np.bool_] | None:
        """Which steps in `rows` [B, steps] of the sequences at `index` [B] take part; None where all of a table do.

        Of what begins later, the first step stands for all before it: it takes part if any of them does.
        """
        if self.table.validity is None:
            return None
        valid = self.table.taking(rows)
        if begin is not None:
            valid[:, 0] = np.where(begin > 0, begin >= self.active[index], valid[:, 0])
        return valid

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Number of the first step of each sequence that takes part, [N]."""
        if self.table.validity is None:
            return np.zeros_like(self.length)
        found = np.where(self.table.taking(self.first), 0, self.length)
        for number in np.flatnonzero(found).tolist():
            for begin in range(1, int(self.length[number]), AT_ONCE):
                rows = self.first[number] + np.arange(begin, min(begin + AT_ONCE, int(self.length[number])))
                taking = self.table.taking(rows)
                if taking.any():
                    found[number] = begin + int(np.argmax(taking))
                    break
        return found

    def _bounds(
        self, steps: int, index: NDArray[np.int64], begin: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row in the file and number of steps of each stretch, both [B]."""
        first, length = self.first[index], self.length[index]
        return (first, length) if begin is None else (first + begin, np.minimum(length - begin, steps))

    def _sequences(
        self,
        x: NDArray[np.float32],
        rows: NDArray[np.int64],
        there: NDArray[np.bool_],
        length: NDArray[np.int64],
        valid: NDArray[np.bool_] | None,
    ) -> Sequences:
        label = np.where(there, self.class_of(rows), 0)
        return Sequences(
            x=x, label=label, length=length, ids=(), features=self.features, classes=self.classes, valid=valid
        )

    def groups(self, steps: int) -> Iterator[NDArray[np.int64]]:
        """Indices of some sequences after the other, which have about `at_once` steps padded to `steps` each."""
        size = max(1, AT_ONCE // steps)
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))

    def stretches(self, at_once: int | None = None) -> Iterator[Stretch]:
        """All steps in order, at most about `at_once` at a time; by default `AT_ONCE`."""
        return stretches(self.first, self.length, at_once or AT_ONCE)

    def taking(self, stretch: Stretch) -> NDArray[np.int64]:
        """Rows of the steps of a stretch that take part."""
        rows = stretch.rows
        return rows if self.table.validity is None else rows[self.table.taking(rows)]

    def taking_steps(self) -> int:
        """How many steps take part."""
        if self.table.validity is None:
            return int(self.length.sum())
        return sum(len(self.taking(stretch)) for stretch in self.stretches())

    @property
    def highest(self) -> NDArray[np.int64]:
        """The highest class that a step of each sequence has, [N]."""
        found = np.zeros(len(self), np.int64)
        for stretch in self.stretches():
            label = self.class_of(stretch.rows)
            np.maximum.at(found, stretch.sequence, np.maximum.reduceat(label, stretch.starts))
        return found

    def class_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Class of the steps in some rows of the file."""
        return self.code[self.table.labels(rows)]

    def outline(self) -> Sequences:
        """A few steps that have the classes of all, and a normal step after a first one if there is any."""
        present, later = np.zeros(len(self.classes), bool), False
        for stretch in self.stretches():
            rows, place, active = stretch.rows, stretch.place, np.repeat(self.active[stretch.sequence], stretch.length)
            if self.table.validity is not None:
                taking = self.table.taking(rows)
                rows, place, active = rows[taking], place[taking], active[taking]
            label = self.class_of(rows)
            present |= np.bincount(label, minlength=len(present)) > 0
            later = later or bool((label[place > active] == 0).any())
            if later and present.all():
                break
        found = np.flatnonzero(present).tolist()
        steps = [np.zeros((1 if number == 0 and not later else 2, 0)) for number in found]
        return Sequences.of(list(steps), found, features=self.features, classes=self.classes)
