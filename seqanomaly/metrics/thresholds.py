"""Thresholds on scores, chosen on validation data only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_balanced(score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
    """The threshold with the best balanced accuracy of `score >= threshold`; the smallest of several.

    Args:
        score: [steps], higher is more anomalous.
        anomalous: [steps], both classes present.

    >>> best_balanced(np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True]))
    0.6
    """
    from sklearn.metrics import roc_curve

    false_alarms, hits, thresholds = roc_curve(anomalous, score, drop_intermediate=False)
    positives, negatives = anomalous.sum(), (~anomalous).sum()
    gain = np.rint(hits * positives) * negatives - np.rint(false_alarms * negatives) * positives  # exact: ties are ties
    return float(thresholds[1:][gain[1:] == gain[1:].max()].min())
