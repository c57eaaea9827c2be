"""What every data set becomes: whole sequences in arrays padded at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

PADDED = 16 << 30
"""Bytes of the largest padded features."""


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

    def __len__(self) -> int:
        return len(self.length)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where a step is real, [N, T]."""
        return np.arange(self.x.shape[1]) < self.length[:, None]

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
        return replace(
            self,
            x=self.x[index],
            label=self.label[index],
            length=self.length[index],
            ids=tuple(self.ids[i] for i in index),
            offset=None if self.offset is None else self.offset[index],
        )

    def cut(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> Sequences:
        """The steps [start, end) of each sequence, both [N]; a sequence without any is left out.

        >>> s = Sequences.of([np.arange(5.0)[:, None], np.arange(3.0)[:, None]], [0, 1])
        >>> late = s.cut(np.array([3, 3]), s.length)
        >>> late.ids, late.x.tolist(), late.start.tolist()
        (('0',), [[[3.0], [4.0]]], [3])
        """
        kept = np.flatnonzero(end > start).tolist()
        bounds = [slice(int(start[i]), int(end[i])) for i in kept]
        return Sequences.of(
            [self.x[i, steps] for i, steps in zip(kept, bounds, strict=True)],
            [self.label[i, steps] for i, steps in zip(kept, bounds, strict=True)],
            ids=tuple(self.ids[i] for i in kept),
            features=self.features,
            classes=self.classes,
            offset=(self.start + start)[kept],
        )

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
    ) -> Sequences:
        """Pad arrays [T_i, F] with a label per step, or one label per sequence (given to each of its steps).

        Raises:
            MemoryError: padded they would be over `PADDED` bytes.
        """
        longest, width = max(len(a) for a in x), x[0].shape[1]
        if len(x) * longest * width * 4 > PADDED:
            raise MemoryError(
                f"{len(x):,} sequences padded to the {longest:,} steps of the longest, {width:,} features each, "
                f"are over {PADDED >> 30} GB"
            )
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
        )
