"""Metrics of scored steps: a value, and a note that says why where it is not defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from seqanomaly.metrics.calibration import expected_calibration_error
from seqanomaly.metrics.steps import Steps

Value = tuple[float, str]
Metric = Callable[[Steps], Value]

FALSE_ALARM_RATE = 0.05
"""Share of the normal validation steps that `accuracy_at_far` lets raise an alarm."""


def accuracy(steps: Steps) -> Value:
    """Share of steps whose decision is their label."""
    return _empty(steps) or (float((steps.decision == steps.label).mean()), "")


def balanced_accuracy(steps: Steps) -> Value:
    """Mean over the classes of the share of their steps that are decided right."""
    count = np.bincount(steps.label)
    there = np.flatnonzero(count)
    right = np.bincount(steps.label, steps.decision == steps.label)
    undefined = _empty(steps) or _one_class(len(there) > 1)
    return undefined or (float((right[there] / count[there]).mean()), "")


def f1(steps: Steps) -> Value:
    """F1 of anomalous (any class but 0) against normal; 0 where anomalies are there and none is found."""
    found = steps.decision != 0
    hits = int((found & steps.anomalous).sum())
    undefined = _empty(steps) or (None if steps.anomalous.any() else (np.nan, "no anomalous step in this bucket"))
    return undefined or (float(2 * hits / (found.sum() + steps.anomalous.sum())), "")


def auroc(steps: Steps) -> Value:
    """Area under the ROC curve of the score, anomalous against normal: the rank sum of Mann and Whitney (1947)."""
    if undefined := _unrankable(steps):
        return undefined
    hits, false = steps.ranked
    ties = np.diff(false, prepend=0)  # normal steps with that very score
    twice_below = 2 * (false[-1] - false) + ties  # in whole numbers, so the sum has no rounding and needs no threads
    return int((np.diff(hits, prepend=0) * twice_below).sum()) / 2 / (int(hits[-1]) * int(false[-1])), ""


def average_precision(steps: Steps) -> Value:
    """Average precision of the score, anomalous against normal: the mean precision, weighted by the gain in recall."""
    if undefined := _unrankable(steps):
        return undefined
    hits, false = steps.ranked  # one sort for two metrics; scikit-learn's average_precision_score gives the same bits
    precision, recall = (hits / (hits + false))[::-1], np.append((hits / hits[-1])[::-1], 0.0)
    return float(-(np.diff(recall) * precision).sum()), ""


def brier(steps: Steps) -> Value:
    """Brier score: mean squared distance of the probability of an anomaly from the label; lower is better."""
    return _no_probability(steps) or (float(((steps.score - steps.anomalous) ** 2).mean()), "")


def ece(steps: Steps) -> Value:
    """Expected calibration error over ten bins; lower is better."""
    return _no_probability(steps) or (expected_calibration_error(steps), "")


def accuracy_at_far(steps: Steps) -> Value:
    """Accuracy, anomalous or not, of the threshold that lets 5% of the normal validation steps raise an alarm."""
    if steps.alarm is None:
        return np.nan, "no normal validation step to set the false-alarm rate on"
    return _empty(steps) or (float((steps.alarm == steps.anomalous).mean()), "")


def false_alarms(steps: Steps) -> Value:
    """Alarms (decisions for any class but 0) per 1,000 normal steps; lower is better."""
    normal = ~steps.anomalous
    undefined = _empty(steps) or (None if normal.any() else (np.nan, "no normal step in this bucket"))
    return undefined or (float(1000 * (steps.decision[normal] != 0).mean()), "")


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "auroc": auroc,
    "average_precision": average_precision,
    "brier": brier,
    "ece": ece,
    "accuracy_at_far": accuracy_at_far,
    "false_alarms": false_alarms,
}
"""Every metric of a bucket by its name."""

USES: dict[str, Literal["decision", "score", "alarm"]] = {
    "accuracy": "decision",
    "balanced_accuracy": "decision",
    "f1": "decision",
    "auroc": "score",
    "average_precision": "score",
    "brier": "score",
    "ece": "score",
    "accuracy_at_far": "alarm",
    "false_alarms": "decision",
    "delay_median": "decision",
    "delay_lower_quartile": "decision",
    "delay_upper_quartile": "decision",
    "never_detected": "decision",
    "point_adjusted_f1": "decision",
    "point_adjusted_f1_random": "decision",
}
"""What of a step, beside its label, a metric may look at: no metric has a threshold of its own to put on scores."""


def _empty(steps: Steps) -> Value | None:
    return None if len(steps) else (np.nan, "no steps in this bucket")


def _one_class(mixed: bool) -> Value | None:
    return None if mixed else (np.nan, "only one class in this bucket")


def _unrankable(steps: Steps) -> Value | None:
    return _empty(steps) or _one_class(bool(steps.anomalous.any() and not steps.anomalous.all()))


def _no_probability(steps: Steps) -> Value | None:
    return _empty(steps) or (None if steps.probability else (np.nan, "the score is not a probability"))
