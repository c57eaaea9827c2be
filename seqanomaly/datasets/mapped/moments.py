"""The mean and standard deviation of the features of a mapped file, made without reading it whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.sequences import MappedSequences
from seqanomaly.datasets.scale import Scaler


def fit_scaler(sequences: MappedSequences) -> Scaler:
    """Mean and standard deviation over all steps, as `Scaler.fit` has them; the file goes by twice.

    Steps are added up one after the other as NumPy does where there are two features or more, so that the bits are the
    same; with one feature NumPy adds in another order, and the last bits may differ.
    """
    count, total = sequences.taking_steps(), None
    for stretch in sequences.stretches():
        total = _added(total, sequences.table.features(sequences.taking(stretch)).astype(np.float64))
    assert total is not None
    mean, total = total / count, None
    for stretch in sequences.stretches():
        apart = sequences.table.features(sequences.taking(stretch)) - mean
        total = _added(total, np.multiply(apart, apart, out=apart))
    assert total is not None
    return Scaler.from_moments(mean, np.sqrt(total / count))


def _added(total: NDArray[np.float64] | None, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of `steps` [S, F] by feature, onto `total`."""
    if total is not None:
        if not len(steps):
            return total
        steps[0] += total
    return np.asarray(steps.sum(axis=0))
