"""Volume under the surface: ROC and PR areas over soft label borders of every width up to a window.

With border width w, a normal step at distance d <= w // 2 from an event is anomalous to the degree sqrt(1 - d / w), and
wholly so where a second event is as near. Scores are cut at 250 ranks. The true positive rate is multiplied by the
share of events, merged where their borders meet, that are touched at all. Sources: Paparrizos et al., "Volume under the
surface", VLDB 2022; the conventions are those of TSB-AD's version `opt` (Liu and Paparrizos, NeurIPS 2024).

The levels of `ranges.py` describe each step by one byte. A step near an event adds 1 to one cell (distance, level) of a
table, so the surface takes one pass over the steps and none per threshold or width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqanomaly.metrics.ranges import Floats, Index, Levels, Mask, Ranges, passing, peaks, ranges_of

CUTS = 250
"""Thresholds; at most 255, as levels are bytes."""

_BLOCK = 1 << 20
"""Steps worked on at once."""
_FAR = 1 << 60
"""Farther than any step."""


def vus(labels: Mask, scores: Floats, window: int) -> tuple[float, float]:
    """(VUS-ROC, VUS-PR): means over the widths 0..window of the areas under the ROC and the precision-recall curve.

    Args:
        labels: [n], both classes present.
        scores: [n], finite, higher is more anomalous.
        window: widest border in steps, >= 0.

    >>> labels, scores = np.array([0, 0, 0, 0, 1, 1, 0, 0], bool), np.array([0, 1, 2, 9, 8, 3, 1, 0.0])
    >>> [round(value, 4) for value in vus(labels, scores, 4)]
    [0.9151, 0.7577]
    """
    truth, levels = ranges_of(labels), score_levels(scores)
    soft = _soft(_near(truth, levels, window // 2), window)  # [widths, cuts]
    touched = _touched(truth, peaks(labels, truth, levels), levels, window // 2)[np.arange(window + 1) // 2]
    hits, alarms = passing(levels[labels], CUTS) + soft, passing(levels, CUTS)
    positives = labels.sum() + soft / 2  # between the events alone and the events with their found borders
    true_rate = np.minimum(hits / positives, 1) * touched
    false_rate = (alarms - hits) / (len(labels) - positives)
    return float(_roc(true_rate, false_rate).mean()), float(_pr(true_rate, hits / alarms).mean())


def score_levels(scores: Floats) -> Levels:
    """How many of the thresholds each score reaches, 1..CUTS; thresholds are the scores at evenly spread ranks."""
    ordered = np.sort(scores)
    ranks = np.linspace(0, len(scores) - 1, CUTS).astype(np.int64)  # from the highest score, rounded down
    thresholds = ordered[len(scores) - 1 - ranks][::-1]  # [CUTS], ascending
    levels = np.empty(len(scores), np.uint8)
    for at in range(0, len(scores), _BLOCK):
        levels[at : at + _BLOCK] = np.searchsorted(thresholds, scores[at : at + _BLOCK], side="right")
    return levels


class _Near(NamedTuple):
    """The normal steps within reach of an event."""

    table: Floats
    """[reach + 1, CUTS + 1], how many there are by distance to the nearest event and level."""
    second: Index
    """[m], ascending distance to the second nearest event, of the steps where that is within reach."""
    cell: Index
    """[m], index in the flat table of each of these steps."""


def _near(truth: Ranges, levels: Levels, reach: int) -> _Near:
    table, second, cell = np.zeros((reach + 1) * (CUTS + 1)), [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    steps = _border_steps(truth, len(levels), reach)
    for at in range(0, len(steps), _BLOCK):
        block = steps[at : at + _BLOCK]
        nearest, next_nearest = _distances(truth, block)
        cells = nearest * (CUTS + 1) + levels[block]
        table += np.bincount(cells, minlength=len(table))
        both = next_nearest <= reach
        second.append(next_nearest[both])
        cell.append(cells[both])
    distance = np.concatenate(second)
    order = np.argsort(distance, kind="stable")
    return _Near(table.reshape(reach + 1, CUTS + 1), distance[order], np.concatenate(cell)[order])


def _border_steps(truth: Ranges, length: int, reach: int) -> Index:
    """Every normal step at most `reach` from an event, once."""
    free = np.append(truth.start[1:], length)  # where the next event, or nothing, begins
    after = Ranges(truth.stop, np.minimum(truth.stop + reach, free))
    taken = np.concatenate([[0], after.stop[:-1]])
    before = Ranges(np.maximum(truth.start - reach, taken), truth.start)
    start, size = np.concatenate([after.start, before.start]), np.concatenate([after.length, before.length])
    return np.repeat(start - (np.cumsum(size) - size), size) + np.arange(size.sum())


def _distances(truth: Ranges, steps: Index) -> tuple[Index, Index]:
    """Distance of normal steps to the nearest and to the second nearest event, on whatever side, both [steps]."""
    last, first = np.append([-_FAR, -_FAR], truth.stop - 1), np.append(truth.start, [_FAR, _FAR])
    right = np.searchsorted(truth.start, steps)  # [steps], the event to the right
    left_1, left_2 = steps - last[right + 1], steps - last[right]
    right_1, right_2 = first[right] - steps, first[right + 1] - steps
    second = np.minimum(np.maximum(left_1, right_1), np.minimum(left_2, right_2))
    return np.minimum(left_1, right_1), second


def _soft(near: _Near, window: int) -> Floats:
    """Sum of the degrees of the normal steps that reach each threshold, [widths, CUTS]."""
    table, whole, total = near.table.ravel(), np.zeros(CUTS + 1), np.zeros((window + 1, CUTS + 1))
    ends = np.searchsorted(near.second, np.arange(window // 2 + 2))
    for width in range(2, window + 1):
        reach = width // 2
        if width % 2 == 0:  # steps whose second event comes within reach are anomalous wholly from here on
            cells = near.cell[ends[reach] : ends[reach + 1]]
            np.subtract.at(table, cells, 1)
            whole += np.bincount(cells % (CUTS + 1), minlength=CUTS + 1)
        degree = np.sqrt(1 - np.arange(1, reach + 1) / width)
        total[width] = degree @ near.table[1 : reach + 1] + whole
    return total[:, :0:-1].cumsum(axis=1)[:, ::-1]


def _touched(truth: Ranges, peak: Levels, levels: Levels, reach: int) -> Floats:
    """Share of the events with borders, merged where these meet, that reach each threshold; [reach + 1, CUTS]."""
    share, start, last = np.empty((reach + 1, CUTS)), truth.start, truth.stop - 1
    for distance in range(reach + 1):
        borders = levels[np.maximum(start - distance, 0)], levels[np.minimum(last + distance, len(levels) - 1)]
        peak = np.maximum(peak, np.maximum(*borders))
        heads = np.flatnonzero(np.append([True], start[1:] - last[:-1] > 2 * distance))
        peak, start, last = np.maximum.reduceat(peak, heads), start[heads], last[np.append(heads[1:] - 1, -1)]
        share[distance] = passing(peak, CUTS) / len(peak)
    return share


def _roc(true_rate: Floats, false_rate: Floats) -> Floats:
    """Area of each curve from (0, 0), through its points from the highest threshold down, to (1, 1); [widths]."""
    origin, end = np.zeros((len(true_rate), 1)), np.ones((len(true_rate), 1))
    hits, alarms = (np.concatenate([origin, rate[:, ::-1], end], axis=1) for rate in (true_rate, false_rate))
    return np.asarray(np.trapezoid(hits, alarms, axis=1))


def _pr(true_rate: Floats, precision: Floats) -> Floats:
    """Sum over the thresholds, from the highest down, of the gain in true rate times the precision; [widths]."""
    gain = np.diff(true_rate[:, ::-1], axis=1, prepend=0)
    return np.asarray(np.sum(gain * precision[:, ::-1], axis=1))
