"""How far a probability of an anomaly can be taken at its word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.metrics.steps import Steps

BINS = 10
"""Bins of equal width over [0, 1]."""


def reliability(steps: Steps) -> pd.DataFrame:
    """The reliability curve: columns low, high (the bin's edges), n, confidence (mean score), frequency (anomalous).

    Bins without steps are left out.

    >>> steps = Steps(sequence=np.zeros(4, int), step=np.arange(4), position=np.arange(4) / 4,
    ...     label=np.array([0, 0, 0, 1]), score=np.array([0.12, 0.14, 0.91, 0.93]), decision=np.zeros(4, int))
    >>> reliability(steps).round(2).values.tolist()
    [[0.1, 0.2, 2.0, 0.13, 0.0], [0.9, 1.0, 2.0, 0.92, 0.5]]
    """
    return pd.DataFrame(reliability_columns(steps))


def reliability_columns(steps: Steps) -> dict[str, NDArray[Any]]:
    """The columns of `reliability`, [bins]."""
    place = np.minimum((steps.score * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    some = np.flatnonzero(count)
    confidence, frequency = (np.bincount(place, values, BINS)[some] for values in (steps.score, steps.anomalous))
    return {
        "low": some / BINS,
        "high": (some + 1) / BINS,
        "n": count[some],
        "confidence": confidence / count[some],
        "frequency": frequency / count[some],
    }


def expected_calibration_error(steps: Steps) -> float:
    """Mean distance of confidence and frequency over the bins, weighted by their steps.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; for a binary label, with the probability of the anomaly.
    """
    curve = reliability_columns(steps)
    return float(np.average(np.abs(curve["confidence"] - curve["frequency"]), weights=curve["n"]))
