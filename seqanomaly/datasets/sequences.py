"""What every data set becomes: whole sequences in arrays, padded at the end or, where that takes too much, not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.laid import Scalar, Steps, check_padded, laid, piece_bounds, place_of, unstacked
from seqanomaly.errors import DataError
from seqanomaly.flat import Flat


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """N sequences of up to T steps with F features; steps past a sequence's length hold zeros.

    Where padding would take much more memory than the steps, each step is a row of its own: arrays are [S, 1, ..] where
    they are [N, T, ..] else, with the steps of one sequence after the other, which `flat` knows. What is done step by
    step is the same then, and what is chosen by a mask comes in the same order.

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
    flat: Flat | None = None
    """Where each sequence lies if every step is a row of its own; None where each sequence is a row."""

    def __len__(self) -> int:
        return len(self.length)

    @property
    def steps(self) -> int:
        """Steps that all are padded to where they are, or were they to be, T."""
        return self.x.shape[1] if self.flat is None else self.flat.steps

    @property
    def real(self) -> NDArray[np.bool_]:
        """True where a step is there, whether it takes part or not, [N, T]."""
        if self.flat is None:
            return np.arange(self.x.shape[1]) < self.length[:, None]
        if self.length.sum() == self.flat.rows:
            return np.ones((self.flat.rows, 1), np.bool_)
        return (self.flat.place < self.length[self.flat.owner])[:, None]

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
        if self.flat is None:
            return np.asarray(self.label.max(axis=1), np.int64)
        return np.asarray(np.maximum.reduceat(self.label[:, 0], self.flat.first), np.int64)

    @property
    def later(self) -> NDArray[np.bool_]:
        """True where a step takes part after another one of its sequence, [N, T].

        >>> Sequences.of([np.zeros((3, 1)), np.zeros((2, 1))], [0, 0], flat=True).later.ravel().tolist()
        [False, True, True, False, True]
        """
        mask = self.mask
        if self.flat is None:
            return mask & (mask.cumsum(axis=1) > 1)
        count = np.append(0, mask.cumsum())  # before each row
        return (
            mask & (count[:-1] > np.repeat(count[self.flat.first], np.diff(self.flat.first, append=len(mask))))[:, None]
        )

    def places(self, chosen: NDArray[np.bool_]) -> tuple[Steps, Steps]:
        """Sequence of each chosen step of all, [N, T], and its number in it, [chosen] each, in order.

        >>> two = [np.zeros((3, 1)), np.zeros((2, 1))]
        >>> [[one.tolist() for one in s.places(s.real)] for s in (Sequences.of(two, [0, 0], flat=f) for f in (0, 1))]
        [[[0, 0, 0, 1, 1], [0, 1, 2, 0, 1]], [[0, 0, 0, 1, 1], [0, 1, 2, 0, 1]]]
        """
        if self.flat is None:
            row, step = np.nonzero(chosen)
            return row, step
        return self.flat.owner[chosen[:, 0]], self.flat.place[chosen[:, 0]]

    def count(self, chosen: NDArray[np.bool_]) -> Steps:
        """How many of the chosen steps, [N, T], each sequence has, [N]."""
        if self.flat is None:
            return np.asarray(chosen.sum(axis=1), np.int64)
        return np.add.reduceat(chosen[:, 0], self.flat.first, dtype=np.int64)

    def at(self, rows: Steps, step: Steps | int) -> tuple[Steps, Steps | int]:
        """Index into [N, T, ..] of a step each of the sequences `rows`."""
        return (rows, step) if self.flat is None else (self.flat.first[rows] + step, 0)

    def span(self, row: int, start: int = 0, end: int | None = None) -> tuple[int | slice, int | slice]:
        """Index into [N, T, ..] of the steps [start, end) of one sequence, by default all of them."""
        end = int(self.length[row]) if end is None else end
        if self.flat is None:
            return row, slice(start, end)
        first = int(self.flat.first[row])
        return slice(first + start, first + end), 0

    def take(self, index: NDArray[np.int64]) -> Self:
        """The sequences at `index`, in that order."""
        if self.flat is not None:
            return self._relaid(index, self.length[index])
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
        if self.flat is not None:
            taken = self.take(rows)
            assert taken.flat is not None
            return replace(taken, offset=self.start[rows], flat=replace(taken.flat, steps=longest))
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
        bounds = [self.span(*place) for place in zip(rows.tolist(), start.tolist(), end.tolist(), strict=True)]
        return Sequences.of(
            [self.x[place] for place in bounds],
            [self.label[place] for place in bounds],
            ids=ids,
            features=self.features,
            classes=self.classes,
            offset=self.start[rows] + start,
            flat=self.flat is not None,
            **{key: [steps[place] for place in bounds] for key, steps in self._others().items()},
        )

    def _relaid(self, index: Steps, room: Steps) -> Self:
        """The sequences at `index` of flat ones, with so many rows each, [N]."""
        assert self.flat is not None
        flat = Flat.of(room, self.flat.steps)
        bounds = [self.span(row) for row in index.tolist()]

        def moved(steps: NDArray[Scalar]) -> NDArray[Scalar]:
            return laid([steps[place] for place in bounds], flat.steps, flat)

        others: dict[str, Any] = {key: moved(steps) for key, steps in self._others().items()}
        return replace(
            self,
            x=moved(self.x),
            label=moved(self.label),
            length=self.length[index],
            ids=tuple(self.ids[i] for i in index),
            offset=None if self.offset is None else self.offset[index],
            flat=flat,
            **others,
        )

    def with_room(self, steps: int) -> Self:
        """The same; flat sequences with at least that many rows, or those of the longest, for a window to end in.

        >>> s = Sequences.of([np.ones((1, 1)), np.ones((3, 1))], [1, 1], flat=True)
        >>> s.with_room(2).x.ravel().tolist(), s.with_room(9).flat.first.tolist()
        ([1.0, 0.0, 1.0, 1.0, 1.0], [0, 3])
        """
        if self.flat is None or (self.length >= min(steps, self.flat.steps)).all():
            return self
        return self._relaid(np.arange(len(self)), np.maximum(self.length, min(steps, self.flat.steps)))

    def padded(self) -> Self:
        """The same, padded.

        Raises:
            MemoryError: they would be over `PADDED` bytes.

        >>> Sequences.of([np.ones((1, 1)), np.ones((2, 1))], [1, 1], flat=True).padded().label.tolist()
        [[1, 0], [1, 1]]
        """
        if self.flat is None:
            return self
        check_padded(len(self), self.flat.steps, self.x.shape[2])
        bounds, steps = [self.span(row) for row in range(len(self))], self.flat.steps
        arrays: dict[str, NDArray[Any]] = {"x": self.x, "label": self.label, **self._others()}
        found: dict[str, Any] = {key: laid([of[place] for place in bounds], steps, None) for key, of in arrays.items()}
        return replace(self, flat=None, **found)

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
        row, start, end = piece_bounds(self.breaks & self.real, self.length, self.flat)
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
        flat: bool | None = None,
    ) -> Sequences:
        """From arrays [T_i, F] with a label per step, or one label per sequence (given to each of its steps).

        What else there is per step comes in arrays [T_i]. They are padded unless they are to be `flat`; by default
        their shapes decide, see `is_wasteful`.

        Raises:
            MemoryError: padded they would be over `PADDED` bytes.
        """
        length, width = np.array([len(a) for a in x], np.int64), x[0].shape[1]
        place = place_of(length, width, flat=flat)
        longest = int(length.max())
        every = [np.broadcast_to(np.asarray(one), len(a)) for a, one in zip(x, label, strict=True)]
        return cls(
            x=laid(x, longest, place, np.float32),
            label=laid(every, longest, place, np.int64),
            length=length,
            ids=ids or tuple(str(i) for i in range(len(x))),
            features=features or tuple(f"x{i}" for i in range(width)),
            classes=classes,
            offset=offset,
            valid=None if valid is None else laid(valid, longest, place),
            time=None if time is None else laid(time, longest, place),
            breaks=None if breaks is None else laid(breaks, longest, place),
            flat=place,
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

        They are not copied where all sequences are equally long, or too unlike in length to be padded.

        Raises:
            MemoryError: padded they would be over `PADDED` bytes.

        >>> names = {"ids": ("a", "b"), "features": ("f",), "classes": ("0", "1")}
        >>> x, label = np.array([[1], [2], [3]], np.float32), np.array([0, 0, 1])
        >>> Sequences.stacked(x, label, np.array([2, 1]), time=np.arange(3), **names).x.tolist()
        [[[1.0], [2.0]], [[3.0], [0.0]]]
        """
        flat = place_of(length, x.shape[1])
        if flat is None:
            x, label, time = (unstacked(steps, length) for steps in (x, label, time))
        else:
            x, label, time = x[:, None], label[:, None], time[:, None]
        return cls(x=x, label=label, length=length, ids=ids, features=features, classes=classes, time=time, flat=flat)
