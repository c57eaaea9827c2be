"""Where the steps of some sequences of a mapped file are: stretches of them, and the pieces between breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """Pieces of some sequences, one after the other."""

    sequence: Ints
    """Number of the sequence of each piece, [P]."""
    begin: Ints
    """Its first step in the sequence, [P]."""
    first: Ints
    """Its first row in the file, [P]."""
    length: Ints
    """Its steps, [P]."""

    @property
    def starts(self) -> Ints:
        """Where each piece begins among the steps of all, [P]."""
        return self.length.cumsum() - self.length

    @property
    def rows(self) -> Ints:
        """Row of each step in the file, [S]."""
        return np.repeat(self.first - self.starts, self.length) + np.arange(self.length.sum())

    @property
    def place(self) -> Ints:
        """Number of each step in its sequence, [S]."""
        return np.repeat(self.begin - self.starts, self.length) + np.arange(self.length.sum())


def stretches(first: Ints, length: Ints, at_once: int) -> Iterator[Stretch]:
    """All steps of N sequences in order, at most about `at_once` at a time.

    Args:
        first: row of the first step of each in the file, [N].
        length: steps of each, [N].
        at_once: steps.

    >>> [one.rows.tolist() for one in stretches(np.array([0, 7]), np.array([3, 2]), 2)]
    [[0, 1], [2], [7, 8]]
    """
    pieces = -(-length // at_once)
    of = np.repeat(np.arange(len(length)), pieces)
    begin = at_once * (np.arange(len(of)) - np.repeat(pieces.cumsum() - pieces, pieces))
    steps = np.minimum(length[of] - begin, at_once)
    rows = first[of] + begin
    edges = np.flatnonzero(np.diff((steps.cumsum() - 1) // at_once, prepend=-1, append=-1))
    for low, high in pairwise(edges.tolist()):
        yield Stretch(of[low:high], begin[low:high], rows[low:high], steps[low:high])


def pieces_of(first: Ints, length: Ints, breaks: Ints) -> tuple[Ints, Ints, Ints]:
    """Sequence, first step and end of each piece that breaks leave of N sequences, [P] each, in order.

    Args:
        first: row of the first step of each in the file, [N]; sequences do not overlap.
        length: steps of each, [N].
        breaks: rows of the file at which a piece of its own begins, ascending.

    >>> [found.tolist() for found in pieces_of(np.array([10, 0]), np.array([5, 3]), np.array([7, 12]))]
    [[0, 0, 1], [0, 2, 0], [2, 5, 3]]
    """
    of = np.searchsorted(np.sort(first), breaks, side="right") - 1
    some = breaks[of >= 0]
    owner = np.argsort(first, kind="stable")[of[of >= 0]]
    inside = (some > first[owner]) & (some < first[owner] + length[owner])
    row = np.concatenate([np.arange(len(length)), owner[inside]])
    start = np.concatenate([np.zeros(len(length), np.int64), some[inside] - first[owner[inside]]])
    row, start = (values[np.lexsort((start, row))] for values in (row, start))
    last = np.append(row[1:] != row[:-1], True)
    return row, start, np.where(last, length[row], np.append(start[1:], 0))
