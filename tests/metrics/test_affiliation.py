"""Affiliation precision and recall against their definition, integrated on a fine grid."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seqanomaly.metrics.affiliation import affiliation, affiliation_f
from seqanomaly.metrics.ranges import Ranges, ranges_of

CELLS = 8
"""Grid points per step: all integrands are straight lines between multiples of 1/4, so mid-points are exact."""


def intervals(ranges: Ranges) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in zip(ranges.start, ranges.stop, strict=True)]


def distance(point: float, parts: list[tuple[float, float]]) -> float:
    return min(max(a - point, point - b, 0.0) for a, b in parts)


def slow_affiliation(truth: Ranges, found: Ranges, length: int) -> list[tuple[float, float]]:
    events, values = intervals(truth), []
    points = (np.arange(length * CELLS) + 0.5) / CELLS
    nearest = np.argmin([[distance(point, [event]) for event in events] for point in points], axis=1)
    for index, (first, end) in enumerate(events):
        zone = points[nearest == index]
        low, high = zone[0] - 0.5 / CELLS, zone[-1] + 0.5 / CELLS
        here = [(max(a, low), min(b, high)) for a, b in intervals(found) if min(b, high) > max(a, low)]
        hit = [x for x in zone if here and distance(x, here) == 0]
        precise = [survival(first, end, distance(x, [(first, end)]), low, high) for x in hit]
        event = [y for y in zone if first < y < end]
        recalled = [survival(y, y, distance(y, here), low, high) if here else 0.0 for y in event]
        values.append((float(np.mean(precise)) if precise else np.nan, float(np.mean(recalled))))
    return values


def survival(first: float, end: float, far: float, low: float, high: float) -> float:
    """Share of [low, high] that is at least `far` from [first, end]."""
    return 1.0 if far == 0 else (max(first - far - low, 0) + max(high - end - far, 0)) / (high - low)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([(0, 0), (0, 0), (0, 1), (1, 0), (1, 1)]), min_size=2, max_size=30))
def test_affiliation_is_what_its_definition_says(steps: list[tuple[int, int]]) -> None:
    truth, found = (ranges_of(np.array([step[side] for step in steps], bool)) for side in (0, 1))
    assume(len(truth.start) and len(found.start))
    precision, recall = affiliation(truth, found, len(steps))
    expected = slow_affiliation(truth, found, len(steps))
    assert precision == pytest.approx([p for p, _ in expected], abs=1e-9, nan_ok=True)
    assert recall == pytest.approx([r for _, r in expected], abs=1e-9)


def ranges(*pairs: tuple[int, int]) -> Ranges:
    return Ranges(np.array([a for a, _ in pairs], np.int64), np.array([b for _, b in pairs], np.int64))


def test_finding_the_events_alone_is_perfect() -> None:
    truth = ranges((3, 7), (20, 21), (40, 60))
    assert affiliation_f(truth, truth, 60) == pytest.approx(1.0)


def test_nearer_is_better() -> None:
    truth = ranges((40, 50))
    values = [affiliation_f(truth, ranges((at, at + 2)), 100) for at in (50, 55, 60, 80, 98)]
    assert values == sorted(values, reverse=True)


def test_time_may_run_backwards() -> None:
    truth, found = ranges((3, 7), (20, 21)), ranges((0, 2), (9, 16))
    back_truth, back_found = ranges((9, 10), (23, 27)), ranges((14, 21), (28, 30))
    assert affiliation_f(back_truth, back_found, 30) == pytest.approx(affiliation_f(truth, found, 30), abs=1e-12)


def test_a_range_over_several_zones_counts_in_each() -> None:
    truth, found = ranges((10, 12), (30, 32), (50, 52)), ranges((5, 55))
    precision, recall = affiliation(truth, found, 60)
    assert precision == pytest.approx([p for p, _ in slow_affiliation(truth, found, 60)])
    assert recall.tolist() == [1.0, 1.0, 1.0]


def test_without_found_steps_there_is_no_value() -> None:
    assert np.isnan(affiliation_f(ranges((2, 4)), ranges(), 10))


def test_ten_million_steps_lose_no_digits() -> None:
    far = 10**7
    truth, found = ranges((far - 1010, far - 1000)), ranges((far - 1005, far - 995))
    precision, recall = affiliation(truth, found, far)
    width = float(far)
    outside = (5 * (width - 1010) - 12.5 + 5 * 1000 - 12.5) / width  # five steps after the event
    inside = 5 - 25 / width  # five missed steps before the found ones
    assert precision[0] == pytest.approx((5 + outside) / 10, abs=1e-9)
    assert recall[0] == pytest.approx((5 + inside) / 10, abs=1e-9)
