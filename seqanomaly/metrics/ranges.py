"""Runs of steps, and the F1 scores that count them: point-adjusted, event-based, range-based.

Thresholds come in ascending order, and a step's *level* is how many of them its score passes: it is found at threshold
k exactly where its level exceeds k. So one array [n] of small integers holds the decisions at every threshold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqanomaly.errors import DataError

Mask = NDArray[np.bool_]
Index = NDArray[np.int64]
Floats = NDArray[np.float64]
Levels = NDArray[np.uint8]


def checked(labels: ArrayLike, scores: ArrayLike, threshold: float | None) -> tuple[Mask, Floats]:
    """Labels [n] as a mask and scores [n] as float64; a DataError says what cannot be used, the threshold included."""
    label, score = np.asarray(labels), np.asarray(scores, np.float64)
    if label.ndim != 1 or label.shape != score.shape:
        shapes = f"labels have the shape {label.shape}, scores {score.shape}"
        raise DataError(f"{shapes}; give one label and one score for each step, in one dimension")
    mask = label == 1
    if not np.all(mask | (label == 0)):
        raise DataError(f"a label is {label[~mask & (label != 0)][0]}; labels are 0 (normal) or 1 (anomalous)")
    if not np.isfinite(score).all():
        step = int(np.argmin(np.isfinite(score)))
        raise DataError(f"the score of step {step} is {score[step]}; drop steps without a finite score")
    if threshold is not None and np.isnan(threshold):
        raise DataError("the threshold is NaN; give a number")
    return mask, score


class Ranges(NamedTuple):
    """Disjoint runs of steps in ascending order, at least one step apart unless said otherwise."""

    start: Index
    """[m], the first step of each."""
    stop: Index
    """[m], the step after the last."""

    @property
    def length(self) -> Index:
        """[m], steps."""
        return self.stop - self.start


def ranges_of(mask: Mask) -> Ranges:
    """The runs of true steps of `mask` [n].

    >>> ranges_of(np.array([True, True, False, True]))
    Ranges(start=array([0, 3]), stop=array([2, 4]))
    """
    inner = np.flatnonzero(mask[1:] != mask[:-1]) + 1  # [changes]
    first = [0] if len(mask) and mask[0] else []
    end = [len(mask)] if len(mask) and mask[-1] else []
    edges = np.concatenate([first, inner, end]).astype(np.int64)  # [2 m]
    return Ranges(edges[::2], edges[1::2])


def shared_steps(these: Ranges, those: Ranges) -> Index:
    """How many steps of each of `these` lie in any of `those`, [len(these)]."""
    if not len(those.start):
        return np.zeros(len(these.start), np.int64)
    before = np.concatenate([[0], np.cumsum(those.length)])  # [those + 1]

    def covered(step: Index) -> Index:
        """Steps of `those` before `step`."""
        begun = np.searchsorted(those.start, step)
        beyond = np.maximum(those.stop[begun - 1] - step, 0)
        return np.where(begun, before[begun] - beyond, 0)

    return covered(these.stop) - covered(these.start)


def touching(these: Ranges, those: Ranges) -> Index:
    """How many of `those` share a step with each of `these`, [len(these)]."""
    return np.searchsorted(those.start, these.stop) - np.searchsorted(those.stop, these.start, side="right")


def harmonic(precision: Floats | float, recall: Floats | float) -> Floats:
    """2 p r / (p + r), and 0 where both are 0."""
    both = np.asarray(precision + recall)
    return np.asarray(2 * precision * recall / np.where(both == 0, 1, both))


def f1(hits: Floats, false_alarms: Floats, positives: int) -> Floats:
    """2 hits / (hits + false alarms + positives), with `positives` above 0."""
    value: Floats = 2 * hits / (hits + false_alarms + positives)
    return value


def passing(levels: Levels, count: int, weights: Index | None = None) -> Floats:
    """How many entries of `levels` [m] pass each of `count` thresholds, weighted by `weights` [m]; [count].

    >>> passing(np.array([0, 1, 2, 2], np.uint8), 2)
    array([3., 2.])
    """
    at = np.bincount(levels, weights, minlength=count + 1)
    return at[:0:-1].cumsum()[::-1].astype(np.float64)


def peaks(labels: Mask, truth: Ranges, levels: Levels) -> Levels:
    """The highest level within each range of `truth`, which are the runs of `labels` [n] and not empty; [m]."""
    return np.maximum.reduceat(levels[labels], np.cumsum(truth.length) - truth.length)


def point_adjusted_f1(labels: Mask, truth: Ranges, levels: Levels, count: int) -> Floats:
    """F1 of the steps once every step of an event counts as found where one of them is; [count]. Inflated.

    Random scores reach values near 1: never rank on it. Source: Xu et al., WWW 2018; Kim et al., AAAI 2022.

    >>> mask = np.array([False, True, True, True])
    >>> point_adjusted_f1(mask, ranges_of(mask), np.array([0, 0, 0, 1], np.uint8), 1)
    array([1.])
    """
    hits = passing(peaks(labels, truth, levels), count, truth.length)
    false_alarms = passing(levels[~labels], count)
    return f1(hits, false_alarms, int(truth.length.sum()))


def event_f1(labels: Mask, truth: Ranges, levels: Levels, count: int) -> Floats:
    """Harmonic mean of the share of events that are touched and the precision of the single steps; [count].

    Source: Garg et al., IEEE TNNLS 2021 (composite F-score).

    >>> mask = np.array([False, True, True, False])
    >>> event_f1(mask, ranges_of(mask), np.array([0, 0, 1, 1], np.uint8), 1).round(4)
    array([0.6667])
    """
    found, alarms = passing(peaks(labels, truth, levels), count), passing(levels, count)
    hits = passing(levels[labels], count)
    return harmonic(hits / np.maximum(alarms, 1), found / len(truth.start))


def range_f1(truth: Ranges, found: Ranges, existence: float = 0.2) -> float:
    """Range-based F1: flat bias, overlap divided by the number of ranges that share it.

    Recall of an event is `existence` [event is touched] + (1 - existence) (share of its steps found) / (ranges that
    touch it); precision of a found range is the second factor alone. Source: Tatbul et al., NeurIPS 2018.

    >>> round(range_f1(Ranges(np.array([2]), np.array([6])), Ranges(np.array([4]), np.array([8]))), 4)
    0.5455
    """
    overlap = _overlap_reward(truth, found)
    recall = np.mean(existence * (overlap > 0) + (1 - existence) * overlap)
    precision = np.mean(_overlap_reward(found, truth)) if len(found.start) else 0.0
    return float(harmonic(float(precision), float(recall)))


def _overlap_reward(these: Ranges, those: Ranges) -> Floats:
    return shared_steps(these, those) / these.length / np.maximum(touching(these, those), 1)
