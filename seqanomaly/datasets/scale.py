"""Scaling of features, fitted on the training part only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.flat import Flat

AT_ONCE = 1 << 18
"""About how many values are scaled at once, in the processor's cache."""


@dataclass(frozen=True)
class Scaler:
    """Subtracts a mean and divides by a standard deviation, per feature; a constant feature is only centred."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, sequences: Sequences) -> Scaler:
        """Mean and standard deviation over all steps that take part.

        >>> Scaler.fit(Sequences.of([np.array([[0.0, 5.0], [2.0, 5.0]])], [0]))
        Scaler(mean=(1.0, 5.0), scale=(1.0, 1.0))
        """
        steps = sequences.x[sequences.mask].astype(np.float64)  # [steps, F]
        return cls.from_moments(steps.mean(axis=0), steps.std(axis=0))

    @classmethod
    def from_moments(cls, mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> Scaler:
        """Of the mean and the standard deviation of each feature, both [F]."""
        constant = deviation <= 1e-7 * np.abs(mean)
        return cls(tuple(mean.tolist()), tuple(np.where(constant, 1.0, deviation).tolist()))

    def apply(self, sequences: Sequences) -> Sequences:
        """The sequences with scaled features, still 0 past their ends.

        A step that takes no part has the features of the last one before it that does, or 0 where there is none: so
        what stood there has no influence on anything.
        """
        mask, x = sequences.mask, np.empty_like(sequences.x)
        rows = max(1, AT_ONCE // max(1, x[0].size)) if len(x) else 1
        for now in (slice(first, first + rows) for first in range(0, len(x), rows)):
            scaled = sequences.x[now].astype(np.float64)
            scaled -= self.mean
            scaled /= self.scale
            scaled[~mask[now]] = 0.0
            x[now] = scaled
        if sequences.valid is None:
            return replace(sequences, x=x)
        return replace(sequences, x=carried(x, mask, sequences.real, sequences.flat))


def carried(
    x: NDArray[np.float32], known: NDArray[np.bool_], real: NDArray[np.bool_], flat: Flat | None = None
) -> NDArray[np.float32]:
    """The rows of `x` [N, T, F]; where `known` [N, T] is False those of the last known step before, else 0.

    Where they are `flat`, [S, 1, F], the last known step of the same sequence.

    >>> x = np.array([[[5.0], [1.0], [7.0], [2.0]]], np.float32)
    >>> known = np.array([[False, True, False, True]])
    >>> carried(x, known, np.ones_like(known)).ravel().tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    if flat is not None:
        last = np.maximum.accumulate(np.where(known[:, 0], np.arange(len(x)), -1))  # [S]
        there = (last >= flat.first[flat.owner]) & real[:, 0]
        return np.where(there[:, None, None], x[np.maximum(last, 0)], np.float32(0.0))
    last = np.maximum.accumulate(np.where(known, np.arange(x.shape[1]), -1), axis=1)  # [N, T]
    found = np.take_along_axis(x, np.maximum(last, 0)[..., None], axis=1)
    return np.where(((last >= 0) & real)[..., None], found, np.float32(0.0))
