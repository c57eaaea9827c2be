"""Sliding windows: which steps of which sequence a model sees at once, as indices into the sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """W windows of `length` steps over sequences; none crosses a sequence and together they hold every step.

    A window that starts at step s of its sequence holds the steps s .. s + length - 1; a sequence shorter than that is
    one window, padded at its end.
    """

    length: int
    """Steps of a window, L."""
    sequence: Ints
    """Index of the sequence of each window, [W], in order."""
    start: Ints
    """First step of each window in its sequence, [W], ascending within a sequence."""
    fresh: Ints
    """First place in each window whose step no earlier window holds, [W]: from there on its outputs are the ones taken.

    So a step takes the output of the earliest window that holds it, where its place in the window is the largest and a
    causal model has the longest history of it.
    """

    def __len__(self) -> int:
        return len(self.start)

    def lengths(self, sequences: Ints) -> Ints | None:
        """Steps of each window that sequences of so many steps [N] really have, [W]; None where all have L.

        >>> cut_windows(np.array([5, 2]), 5, 4, 2).lengths(np.array([5, 2])).tolist()
        [4, 4, 2]
        """
        if (sequences >= self.length).all():
            return None
        return np.asarray(np.minimum(sequences[self.sequence], self.length))

    def times(self, count: int, steps: int) -> Ints:
        """How many windows hold each step, [count, steps], of sequences padded to that many steps.

        >>> cut_windows(np.array([5, 2]), 5, 4, 2).times(2, 5).tolist()
        [[1, 2, 2, 2, 1], [1, 1, 1, 1, 0]]
        """
        change = np.zeros((count, steps + 1), np.int64)
        np.add.at(change, (self.sequence, self.start), 1)
        np.add.at(change, (self.sequence, self.start + self.length), -1)
        return change.cumsum(axis=1)[:, :-1]


def windows_per_sequence(lengths: Ints, length: int, stride: int) -> Ints:
    """How many windows sequences of those `lengths` [N] are cut into, [N].

    >>> windows_per_sequence(np.array([3, 100, 101, 150, 151]), 100, 50).tolist()
    [1, 1, 2, 2, 3]
    """
    return 1 + -(-np.maximum(lengths - length, 0) // stride)


def cut_windows(lengths: Ints, steps: int, length: int, stride: int) -> Windows:
    """Windows over sequences of those `lengths` [N] that are padded to `steps` steps.

    Windows start every `stride` steps; the last one of a sequence is moved back so that it ends with the sequence. A
    window longer than `steps` has `steps` steps.

    >>> windows = cut_windows(np.array([9, 3]), 9, 4, 3)
    >>> windows.sequence.tolist(), windows.start.tolist(), windows.fresh.tolist()
    ([0, 0, 0, 1], [0, 3, 5, 0], [0, 1, 2, 0])
    """
    per_sequence = windows_per_sequence(lengths, length, stride)
    sequence = np.repeat(np.arange(len(lengths)), per_sequence)
    number = np.arange(len(sequence)) - np.repeat(per_sequence.cumsum() - per_sequence, per_sequence)
    return _numbered(lengths, steps, length, stride, sequence, number)


def some_windows(lengths: Ints, steps: int, length: int, stride: int, at_once: int) -> Iterator[Windows]:
    """The windows of `cut_windows`, `at_once` at a time and fewer at the end, so that not all have to be in memory.

    >>> [windows.start.tolist() for windows in some_windows(np.array([9, 3]), 9, 4, 3, 3)]
    [[0, 3, 5], [0]]
    """
    per_sequence = windows_per_sequence(lengths, length, stride)
    ends = per_sequence.cumsum()
    for first in range(0, int(per_sequence.sum()), at_once):
        index = np.arange(first, min(first + at_once, ends[-1]))
        sequence = np.searchsorted(ends, index, side="right")
        number = index - (ends - per_sequence)[sequence]
        yield _numbered(lengths, steps, length, stride, sequence, number)


def _numbered(lengths: Ints, steps: int, length: int, stride: int, sequence: Ints, number: Ints) -> Windows:
    """The windows with those numbers, counted from 0 in each sequence."""
    assert 1 <= stride <= length, "a larger stride would skip steps"
    start = np.minimum(number * stride, np.maximum(lengths - length, 0)[sequence])
    before = (number - 1) * stride + length  # where the window before ends
    fresh = np.where(number == 0, 0, before - start)
    return Windows(length=min(length, steps), sequence=sequence, start=start, fresh=fresh)
