"""Scaling of features, fitted on the training part only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.sequences import Sequences


@dataclass(frozen=True)
class Scaler:
    """Subtracts a mean and divides by a standard deviation, per feature; a constant feature is only centred."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, sequences: Sequences) -> Scaler:
        """Mean and standard deviation over all real steps.

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
        """The sequences with scaled features, still 0 past their ends."""
        scaled = (sequences.x.astype(np.float64) - self.mean) / self.scale
        return replace(sequences, x=np.where(sequences.mask[..., None], scaled, 0.0).astype(np.float32))
