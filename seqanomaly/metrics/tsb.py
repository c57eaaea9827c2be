"""The nine metrics of the TSB-AD benchmark under their names there."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from seqanomaly.errors import DataError
from seqanomaly.metrics.affiliation import affiliation_f
from seqanomaly.metrics.ranges import (
    Floats,
    Levels,
    Mask,
    Ranges,
    checked,
    event_f1,
    f1,
    harmonic,
    passing,
    point_adjusted_f1,
    range_f1,
    ranges_of,
)
from seqanomaly.metrics.vus import vus

NAMES = (
    "AUC-PR",
    "AUC-ROC",
    "VUS-PR",
    "VUS-ROC",
    "Standard-F1",
    "PA-F1",
    "Event-based-F1",
    "R-based-F1",
    "Affiliation-F",
)
"""The metrics in the benchmark's order."""

ORACLE = 100
"""Thresholds the oracle tries, evenly spread from the lowest to the highest score; Standard-F1 tries every score."""

_BLOCK = 1 << 20


def benchmark(labels: ArrayLike, scores: ArrayLike, window: int, threshold: float | None = None) -> dict[str, float]:
    """The nine TSB-AD metrics of one series; NaN where a metric is undefined.

    Without a threshold the five F1 scores take the best threshold for these very labels, each its own: an *oracle*
    that no detector has. With one, a step is found where `score >= threshold`. All are NaN where the labels have one
    class only, and Affiliation-F where nothing is found. PA-F1 is inflated: random scores do well in it.

    Args:
        labels: [n], 0 (normal) or 1 (anomalous).
        scores: [n], finite, higher is more anomalous.
        window: widest label border of the VUS metrics in steps, >= 0; TSB-AD takes the period of the series.
        threshold: in units of the scores.

    Raises:
        DataError: labels, scores, window or threshold cannot be used.

    Source: Liu and Paparrizos, "The elephant in the room", NeurIPS 2024 (datasets and benchmarks track).

    >>> values = benchmark([0, 0, 1, 1, 0, 0], [0.1, 0.3, 0.2, 0.9, 0.4, 0.1], window=2, threshold=0.5)
    >>> values["AUC-ROC"], values["PA-F1"], round(values["Standard-F1"], 4)
    (0.75, 1.0, 0.6667)
    """
    mask, values = checked(labels, scores, threshold)
    if window < 0:
        raise DataError(f"the window is {window} steps; give 0 or more")
    if not mask.any() or mask.all():
        return dict.fromkeys(NAMES, float("nan"))
    return _areas(mask, values, window) | _f1_family(mask, values, threshold)


def _areas(mask: Mask, scores: Floats, window: int) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    vus_roc, vus_pr = vus(mask, scores, window)
    return {
        "AUC-PR": float(average_precision_score(mask, scores)),
        "AUC-ROC": float(roc_auc_score(mask, scores)),
        "VUS-PR": vus_pr,
        "VUS-ROC": vus_roc,
    }


def _f1_family(mask: Mask, scores: Floats, threshold: float | None) -> dict[str, float]:
    levels, count = _oracle_levels(scores) if threshold is None else ((scores >= threshold).astype(np.uint8), 1)
    truth = ranges_of(mask)
    standard = _point_f1(mask, levels, count) if threshold is not None else _every_point_f1(mask, scores)
    ranged = [_of_ranges(truth, levels, cut) for cut in range(count)]  # (R-based-F1, Affiliation-F) at each threshold
    return {
        "Standard-F1": float(standard.max()),
        "PA-F1": float(point_adjusted_f1(mask, truth, levels, count).max()),
        "Event-based-F1": float(event_f1(mask, truth, levels, count).max()),
        "R-based-F1": max(range_based for range_based, _ in ranged),
        "Affiliation-F": float(np.fmax.reduce([affiliated for _, affiliated in ranged])),  # NaN only if all are
    }


def _oracle_levels(scores: Floats) -> tuple[Levels, int]:
    """How many of the oracle's thresholds each score exceeds, and how many there are."""
    thresholds = np.linspace(scores.min(), scores.max(), ORACLE)
    levels = np.empty(len(scores), np.uint8)
    for at in range(0, len(scores), _BLOCK):
        levels[at : at + _BLOCK] = np.searchsorted(thresholds, scores[at : at + _BLOCK])
    return levels, ORACLE


def _of_ranges(truth: Ranges, levels: Levels, cut: int) -> tuple[float, float]:
    found = ranges_of(levels > cut)
    return range_f1(truth, found), affiliation_f(truth, found, len(levels))


def _point_f1(mask: Mask, levels: Levels, count: int) -> Floats:
    return f1(passing(levels[mask], count), passing(levels[~mask], count), int(mask.sum()))


def _every_point_f1(mask: Mask, scores: Floats) -> Floats:
    """F1 at every score."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(mask, scores)
    return harmonic(precision, recall)
