"""Metrics of scored steps: a value, and a note that says why where it is not defined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]
Value = tuple[float, str]


def accuracy(label: Labels, score: Scores, decision: Labels) -> Value:
    """Share of steps whose decision is their label.

    >>> accuracy(np.array([0, 1]), np.array([0.2, 0.3]), np.array([0, 0]))
    (0.5, '')
    """
    return _unless_empty(label) or (float((decision == label).mean()), "")


def balanced_accuracy(label: Labels, score: Scores, decision: Labels) -> Value:
    """Mean over the classes of the share of their steps that are decided right.

    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.zeros(4), np.array([0, 0, 0, 0]))
    (0.5, '')
    """
    undefined = _unless_empty(label) or _unless_mixed(label)
    return undefined or (float(np.mean([(decision[label == c] == c).mean() for c in np.unique(label)])), "")


def auroc(label: Labels, score: Scores, decision: Labels) -> Value:
    """Area under the ROC curve of the score, anomalous (any class but 0) against normal."""
    from sklearn.metrics import roc_auc_score

    return _unless_empty(label) or _unless_mixed(label != 0) or (float(roc_auc_score(label != 0, score)), "")


def average_precision(label: Labels, score: Scores, decision: Labels) -> Value:
    """Average precision of the score, anomalous (any class but 0) against normal."""
    from sklearn.metrics import average_precision_score

    return _unless_empty(label) or _unless_mixed(label != 0) or (float(average_precision_score(label != 0, score)), "")


METRICS: dict[str, Callable[[Labels, Scores, Labels], Value]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "auroc": auroc,
    "average_precision": average_precision,
}
"""Every metric by its name."""


def _unless_empty(label: Labels) -> Value | None:
    return None if len(label) else (float("nan"), "no steps in this bucket")


def _unless_mixed(label: NDArray[np.generic]) -> Value | None:
    return None if len(np.unique(label)) > 1 else (float("nan"), "only one class in this bucket")
