"""Affiliation: how near the found steps are to the events, against steps drawn uniformly at random.

Source: Huet, Navarro and Rossi, "Local evaluation of time series anomaly detection algorithms", KDD 2022. Step i is the
interval [i, i + 1) of a line; every point of the line belongs to the zone of its nearest event.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqanomaly.metrics.ranges import Floats, Index, Ranges, harmonic, shared_steps


class _Zones(NamedTuple):
    """Zones and the event in each."""

    low: Floats
    """Where each zone begins."""
    start: Floats
    """Where its event begins."""
    stop: Floats
    """Where its event ends."""
    high: Floats
    """Where each zone ends."""

    def of(self, zone: Index) -> _Zones:
        """The entries of these zones."""
        return _Zones(*(edge[zone] for edge in self))


class _Pieces(NamedTuple):
    """The found ranges, cut where zones meet; ascending, and two may touch at a cut."""

    start: Floats
    stop: Floats
    zone: Index

    def at(self, which: Index) -> _Pieces:
        """Some of the pieces."""
        return _Pieces(self.start[which], self.stop[which], self.zone[which])


def affiliation_f(truth: Ranges, found: Ranges, length: int) -> float:
    """Harmonic mean of affiliation precision and recall; NaN where nothing is found, as precision then has no value.

    Args:
        truth: the events, at least one.
        found: the found ranges.
        length: steps of the whole series.

    >>> event, near, far = (Ranges(np.array([a]), np.array([b])) for a, b in [(40, 50), (50, 52), (90, 92)])
    >>> round(affiliation_f(event, near, 100), 4), round(affiliation_f(event, far, 100), 4)
    (0.8899, 0.1047)
    """
    if not len(found.start):
        return float("nan")
    precision, recall = affiliation(truth, found, length)
    return float(harmonic(float(np.nanmean(precision)), float(np.mean(recall))))


def affiliation(truth: Ranges, found: Ranges, length: int) -> tuple[Floats, Floats]:
    """Precision (NaN where its zone has no found step) and recall of each event, both [events]."""
    cuts = (truth.stop[:-1] + truth.start[1:]) / 2  # [events - 1]
    edges = np.concatenate([[0.0], cuts, [length]])
    zones = _Zones(edges[:-1], truth.start.astype(np.float64), truth.stop.astype(np.float64), edges[1:])
    pieces = _cut(found, cuts)
    return _precision(zones, pieces), _recall(zones, pieces, truth, found)


def _cut(found: Ranges, cuts: Floats) -> _Pieces:
    holder = np.searchsorted(found.start, cuts) - 1  # [cuts], the last range that begins before each
    inside = (holder >= 0) & (cuts < found.stop[holder])
    cuts_inside, holder = cuts[inside], holder[inside]
    start = np.insert(found.start.astype(np.float64), holder + 1, cuts_inside)
    stop = np.insert(found.stop.astype(np.float64), holder, cuts_inside)
    return _Pieces(start, stop, np.searchsorted(cuts, start, side="right"))


def _precision(zones: _Zones, pieces: _Pieces) -> Floats:
    """Mean over the found points x of P(a random point of the zone is at least as far from the event as x)."""
    zone = zones.of(pieces.zone)
    inside = np.maximum(np.minimum(pieces.stop, zone.stop) - np.maximum(pieces.start, zone.start), 0)
    left = _tail(zone, np.maximum(zone.start - pieces.start, 0)) - _tail(zone, np.maximum(zone.start - pieces.stop, 0))
    right = _tail(zone, np.maximum(pieces.stop - zone.stop, 0)) - _tail(zone, np.maximum(pieces.start - zone.stop, 0))
    count = len(zones.low)
    gained = np.bincount(pieces.zone, inside + left + right, minlength=count)
    steps = np.bincount(pieces.zone, pieces.stop - pieces.start, minlength=count)
    return np.asarray(np.divide(gained, steps, out=np.full(count, np.nan), where=steps > 0))


def _tail(zone: _Zones, distance: Floats) -> Floats:
    """Integral over d from 0 to `distance` of P(a random point of the zone is farther than d from its event)."""
    total = np.zeros(len(distance))
    for side in (zone.start - zone.low, zone.high - zone.stop):
        within = np.minimum(distance, side)
        total += within * side - within**2 / 2
    return np.asarray(total / (zone.high - zone.low))


def _recall(zones: _Zones, pieces: _Pieces, truth: Ranges, found: Ranges) -> Floats:
    """Mean over the event's points y of P(a random point of the zone is at least as far from y as the found ones)."""
    gap = _gaps(pieces)
    zone = zones.of(gap.zone)
    some = (np.minimum(gap.stop, zone.stop) > np.maximum(gap.start, zone.start)).nonzero()[0]
    gap, zone = gap.at(some), zone.of(some)
    first, end = np.maximum(gap.start, zone.start), np.minimum(gap.stop, zone.stop)  # of the event in the gap
    middle = np.clip((gap.start + gap.stop) / 2, first, end)  # an open side is infinitely far: the other is nearer
    left, right = np.maximum(gap.start, zone.low), np.minimum(gap.stop, zone.high)  # finite; unused where it was open
    nearer = _ball(middle - left, zone.high - left) - _ball(first - left, zone.high - left)
    nearer += _ball(right - middle, right - zone.low) - _ball(right - end, right - zone.low)
    gained = end - first - nearer / (zone.high - zone.low)
    missed = np.bincount(gap.zone, gained, minlength=len(zones.low))
    return np.asarray((shared_steps(truth, found) + missed) / truth.length)


def _gaps(pieces: _Pieces) -> _Pieces:
    """What lies between the pieces of each zone that has any; infinite before its first and after its last."""
    new = np.diff(pieces.zone, prepend=-1) != 0  # [pieces], first of their zone
    last = np.append(new[1:], [True])
    before = np.where(new, -np.inf, np.concatenate([[0.0], pieces.stop[:-1]]))
    start, stop = np.append(before, pieces.stop[last]), np.append(pieces.start, np.full(last.sum(), np.inf))
    return _Pieces(start, stop, np.append(pieces.zone, pieces.zone[last]))


def _ball(distance: Floats, room: Floats) -> Floats:
    """Integral over d from 0 to `distance` of min(2 d, room)."""
    within = np.minimum(distance, room / 2)
    return within**2 + room * (distance - within)
