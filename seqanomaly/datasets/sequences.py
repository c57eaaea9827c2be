"""What every data set becomes: whole sequences in arrays padded at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqanomaly.errors import DataError

Scalar = TypeVar("Scalar", bound=np.generic)
Steps = NDArray[np.int64]
"""Numbers of steps or sequences."""
PADDED = 16 << 30
"""Most bytes of padded sequences."""
BESIDE = 8 + 8 + 1
"""Bytes of a step beside its features: its label, its time, and whether it takes part."""
LONG = 500
"""Steps of sequences that are copied one by one."""


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """N sequences of up to T steps with F features; steps past a sequence's length hold zeros.

    >>> s = Sequences.of([np.ones((3, 2)), np.ones((1, 2))], [[0, 0, 1], [1]])
    >>> s.x.shape, s.label.tolist(), s.length.tolist()
    ((2, 3, 2), [[0, 0, 1], [1, 0, 0]], [3, 1])
    """

    x: NDArray[np.float32]
    """Features, [N, T, F]."""
    label: NDArray[np.int64]
    """Class of each step, [N, T]; 0 is normal."""
    length: NDArray[np.int64]
    """Number of steps of each sequence, [N]."""
    ids: tuple[str, ...]
    """Name of each sequence."""
    features: tuple[str, ...]
    """Name of each feature."""
    classes: tuple[str, ...] = ("0", "1")
    """Name of each class, normal first."""
    offset: NDArray[np.int64] | None = None
    """Steps of its series that come before each sequence, [N]; None where each begins its series."""
    valid: NDArray[np.bool_] | None = None
    """False where a step is there and takes no part in anything, [N, T]; None where all do."""
    time: NDArray[Any] | None = None
    """When each step was, as `datetime64`, or its number, [N, T]; None where the files do not say it."""
    breaks: NDArray[np.bool_] | None = None
    """True where a piece of its own begins, as after a gap, [N, T]; None where sequences have one piece each."""

    def __len__(self) -> int:
        return len(self.length)

    @property
    def real(self) -> NDArray[np.bool_]:
        """True where a step is there, whether it takes part or not, [N, T]."""
        return np.arange(self.x.shape[1]) < self.length[:, None]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where a step is there and takes part, [N, T]."""
        return self.real if self.valid is None else self.real & self.valid

    @property
    def start(self) -> NDArray[np.int64]:
        """Number of each sequence's first step in its series, counted from 0, [N]."""
        return np.zeros_like(self.length) if self.offset is None else self.offset

    @property
    def highest(self) -> NDArray[np.int64]:
        """The highest class that a step of each sequence has, [N]."""
        return np.asarray(self.label.max(axis=1), np.int64)

    def take(self, index: NDArray[np.int64]) -> Self:
        """The sequences at `index`, in that order."""
        others: dict[str, Any] = {key: steps[index] for key, steps in self._others().items()}
        return replace(
            self,
            x=self.x[index],
            label=self.label[index],
            length=self.length[index],
            ids=tuple(self.ids[i] for i in index),
            offset=None if self.offset is None else self.offset[index],
            **others,
        )

    def cut(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> Sequences:
        """The steps [start, end) of each sequence, both [N]; a sequence without any is left out.

        >>> s = Sequences.of([np.arange(5.0)[:, None], np.arange(3.0)[:, None]], [0, 1])
        >>> late = s.cut(np.array([3, 3]), s.length)
        >>> late.ids, late.x.tolist(), late.start.tolist()
        (('0',), [[[3.0], [4.0]]], [3])
        """
        kept = np.flatnonzero(end > start)
        if len(kept) and not start[kept].any() and np.array_equal(end[kept], self.length[kept]):
            return self._whole(kept)
        return self._spans(kept, start[kept], end[kept], tuple(self.ids[i] for i in kept))

    def _whole(self, rows: Steps) -> Sequences:
        """The sequences `rows` with all of their steps, padded to the longest of them."""
        longest = int(self.length[rows].max())
        index = slice(None) if len(rows) == len(self) else rows
        others: dict[str, Any] = {key: steps[index, :longest] for key, steps in self._others().items()}
        return replace(
            self,
            x=self.x[index, :longest],
            label=self.label[index, :longest],
            length=self.length[rows],
            ids=tuple(self.ids[i] for i in rows),
            offset=self.start[rows],
            **others,
        )

    def _spans(self, rows: Steps, start: Steps, end: Steps, ids: tuple[str, ...]) -> Sequences:
        """The steps [start, end) of the sequences `rows`, all [S], as sequences."""
        bounds = [(row, slice(a, b)) for row, a, b in zip(rows.tolist(), start.tolist(), end.tolist(), strict=True)]
        return Sequences.of(
            [self.x[place] for place in bounds],
            [self.label[place] for place in bounds],
            ids=ids,
            features=self.features,
            classes=self.classes,
            offset=self.start[rows] + start,
            **{key: [steps[place] for place in bounds] for key, steps in self._others().items()},
        )

    def _others(self) -> dict[str, NDArray[Any]]:
        """What else there is per step, [N, T] each."""
        others = {"valid": self.valid, "time": self.time, "breaks": self.breaks}
        return {key: steps for key, steps in others.items() if steps is not None}

    def pieces(self) -> Sequences:
        """The pieces between the breaks as sequences, those of one step left out.

        A sequence in several pieces gives each its name and the number of its first step in the series.

        Raises:
            DataError: no piece has two steps.

        >>> s = Sequences.of([np.arange(5.0)[:, None]], [0], breaks=[np.array([False, False, True, False, True])])
        >>> s.pieces().ids, s.pieces().length.tolist()
        (('0@0', '0@2'), [2, 2])
        """
        if self.breaks is None:
            return self
        row, start, end = piece_bounds(self.breaks & self.real, self.length)
        first = (self.start[row] + start).tolist()
        several = np.bincount(row, minlength=len(self))[row] > 1
        names = [f"{self.ids[i]}@{at}" if of else self.ids[i] for i, at, of in zip(row, first, several, strict=True)]
        kept = np.flatnonzero(end - start > 1)
        if not len(kept):
            raise DataError("no two steps stand together between gaps; keep the gaps, or fill them")
        whole = replace(self, breaks=None)
        return whole._spans(row[kept], start[kept], end[kept], tuple(names[i] for i in kept))

    @property
    def series(self) -> tuple[str, ...]:
        """Name of the series of each sequence, which its pieces share."""
        ends = (f"@{start}" for start in self.start.tolist())
        return tuple(name.removesuffix(end) for name, end in zip(self.ids, ends, strict=True))

    @classmethod
    def of(
        cls,
        x: list[NDArray[np.floating]],
        label: Sequence[Sequence[int] | NDArray[np.int64] | int],
        *,
        ids: tuple[str, ...] | None = None,
        features: tuple[str, ...] | None = None,
        classes: tuple[str, ...] = ("0", "1"),
        offset: NDArray[np.int64] | None = None,
        valid: Sequence[NDArray[np.bool_]] | None = None,
        time: Sequence[NDArray[Any]] | None = None,
        breaks: Sequence[NDArray[np.bool_]] | None = None,
    ) -> Sequences:
        """Pad arrays [T_i, F] with a label per step, or one label per sequence (given to each of its steps).

        What else there is per step comes in arrays [T_i].

        Raises:
            MemoryError: padded they would be over `PADDED` bytes.
        """
        longest, width = max(len(a) for a in x), x[0].shape[1]
        check_padded(len(x), longest, width)
        padded = np.zeros((len(x), longest, width), np.float32)
        labels = np.zeros((len(x), longest), np.int64)
        for row, (values, of_steps) in enumerate(zip(x, label, strict=True)):
            padded[row, : len(values)] = values
            labels[row, : len(values)] = np.asarray(of_steps)
        return cls(
            x=padded,
            label=labels,
            length=np.array([len(a) for a in x]),
            ids=ids or tuple(str(i) for i in range(len(x))),
            features=features or tuple(f"x{i}" for i in range(width)),
            classes=classes,
            offset=offset,
            valid=_padded(valid, longest),
            time=_padded(time, longest),
            breaks=_padded(breaks, longest),
        )

    @classmethod
    def stacked(
        cls,
        x: NDArray[np.float32],
        label: NDArray[np.int64],
        length: NDArray[np.int64],
        *,
        ids: tuple[str, ...],
        features: tuple[str, ...],
        classes: tuple[str, ...],
        time: NDArray[Any],
    ) -> Sequences:
        """As `of`, from arrays [S, F], [S] and [S] in which the steps of all sequences, [N], stand one after the other.

        They are not copied where all sequences are equally long.

        Raises:
            MemoryError: padded they would be over `PADDED` bytes.

        >>> names = {"ids": ("a", "b"), "features": ("f",), "classes": ("0", "1")}
        >>> x, label = np.array([[1], [2], [3]], np.float32), np.array([0, 0, 1])
        >>> Sequences.stacked(x, label, np.array([2, 1]), time=np.arange(3), **names).x.tolist()
        [[[1.0], [2.0]], [[3.0], [0.0]]]
        """
        check_padded(len(length), int(length.max()), x.shape[1])
        x, label, time = (unstacked(steps, length) for steps in (x, label, time))
        return cls(x=x, label=label, length=length, ids=ids, features=features, classes=classes, time=time)


def unstacked(steps: NDArray[Scalar], length: NDArray[np.int64]) -> NDArray[Scalar]:
    """The steps of all sequences, [S, ...], by sequence, [N, T, ...], with zeros past the end of each.

    >>> unstacked(np.array([5, 6, 7]), np.array([1, 2])).tolist()
    [[5, 0], [6, 7]]
    """
    longest = int(length.max())
    if (length == longest).all():
        return steps.reshape(len(length), longest, *steps.shape[1:])
    padded = np.zeros((len(length), longest, *steps.shape[1:]), steps.dtype)
    first = np.cumsum(length) - length
    if len(steps) >= LONG * len(length):
        for row, (start, count) in enumerate(zip(first.tolist(), length.tolist(), strict=True)):
            padded[row, :count] = steps[start : start + count]
    else:
        padded[np.arange(longest) < length[:, None]] = steps
    return padded


def padded_bytes(count: int, longest: int, width: int) -> int:
    """Bytes of so many sequences, padded to the longest, with features, labels, times and masks.

    >>> padded_bytes(10, 100, 2)
    25000
    """
    return count * longest * (4 * width + BESIDE)


def check_padded(count: int, longest: int, width: int) -> None:
    """Raise a `MemoryError` where so many sequences, padded to the longest, are over `PADDED` bytes."""
    if padded_bytes(count, longest, width) > PADDED:
        raise MemoryError(
            f"{count:,} sequences padded to the {longest:,} steps of the longest, {width:,} features each, "
            f"are over {PADDED >> 30} GB"
        )


def piece_bounds(
    breaks: NDArray[np.bool_], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sequence, first step and end of each piece, [pieces] each, in order.

    >>> [found.tolist() for found in piece_bounds(np.array([[False, False, True]]), np.array([3]))]
    [[0, 0], [0, 2], [2, 3]]
    """
    begins = breaks.copy()
    begins[:, 0] = length > 0
    row, start = np.nonzero(begins)
    last = np.append(row[1:] != row[:-1], True)
    return row, start, np.where(last, length[row], np.append(start[1:], 0))


def _padded(steps: Sequence[NDArray[Any]] | None, longest: int) -> NDArray[Any] | None:
    """Arrays [T_i] in one [N, T]; None for None."""
    if steps is None:
        return None
    padded = np.zeros((len(steps), longest), np.result_type(*{one.dtype for one in steps}))
    for row, values in enumerate(steps):
        padded[row, : len(values)] = values
    return padded
