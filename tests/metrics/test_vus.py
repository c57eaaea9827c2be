"""The volume under the surface against its definition, written as loops over widths, thresholds and events."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.metrics import vus as module
from seqanomaly.metrics.ranges import ranges_of
from seqanomaly.metrics.vus import score_levels, vus

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


def slow_vus(labels: Mask, scores: Floats, window: int) -> tuple[float, float]:
    ordered = np.sort(scores)[::-1]
    cuts = [ordered[int(rank)] for rank in np.linspace(0, len(scores) - 1, 250)]
    curves = [slow_areas(labels, scores, cuts, width) for width in range(window + 1)]
    roc, pr = np.mean(curves, axis=0)
    return float(roc), float(pr)


def slow_areas(labels: Mask, scores: Floats, cuts: list[float], width: int) -> tuple[float, float]:
    """Areas under the ROC and precision-recall curve with soft borders of one width."""
    events = ranges_of(labels)
    bounds = [(int(a), int(b) - 1) for a, b in zip(events.start, events.stop, strict=True)]
    soft, regions = soft_labels(labels, bounds, width), merged(bounds, width // 2, len(labels))
    true_rate, false_rate, precision = [0.0], [0.0], []
    for cut in cuts:
        found = scores >= cut
        hits = (soft * found).sum()
        positives = (labels.sum() + np.where(labels, 1.0, soft * found).sum()) / 2
        touched = np.mean([found[a : b + 1].any() for a, b in regions])
        true_rate.append(min(hits / positives, 1) * touched)
        false_rate.append((found.sum() - hits) / (len(labels) - positives))
        precision.append(hits / found.sum())
    pr = sum((after - before) * p for before, after, p in zip(true_rate[:-1], true_rate[1:], precision, strict=True))
    roc = 0.0
    for k, (rate, alarms) in enumerate(zip([*true_rate[1:], 1], [*false_rate[1:], 1], strict=True)):
        roc += (alarms - false_rate[k]) * (rate + true_rate[k]) / 2
    return roc, pr


def soft_labels(labels: Mask, bounds: list[tuple[int, int]], width: int) -> Floats:
    soft = labels.astype(np.float64)
    for first, last in bounds:
        for distance in range(1, width // 2 + 1):
            for step in (first - distance, last + distance):
                if 0 <= step < len(labels):
                    soft[step] += np.sqrt(1 - distance / width)
    return np.minimum(soft, 1)


def merged(bounds: list[tuple[int, int]], border: int, count: int) -> list[tuple[int, int]]:
    regions = [bounds[0]]
    for first, last in bounds[1:]:
        if regions[-1][1] + border < first - border:
            regions.append((first, last))
        else:
            regions[-1] = (regions[-1][0], last)
    return [(max(a - border, 0), min(b + border, count - 1)) for a, b in regions]


def drawn(seed: int, count: int, share: float, ties: bool) -> tuple[Mask, Floats]:
    """Events of one to nine steps anywhere, the ends included, and scores that are somewhat higher there."""
    generator = np.random.default_rng(seed)
    labels = np.convolve(generator.random(count) < share, np.ones(generator.integers(1, 10)), "same")[:count] > 0
    scores = labels * 0.7 + generator.standard_normal(count)
    return labels, scores.round(0) if ties else scores


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 120), st.sampled_from([0.02, 0.1, 0.3]), st.booleans(), st.integers(0, 12))
def test_the_volume_is_what_its_definition_says(seed: int, count: int, share: float, ties: bool, window: int) -> None:
    labels, scores = drawn(seed, count, share, ties)
    assume(0 < labels.sum() < count)
    assert vus(labels, scores, window) == pytest.approx(slow_vus(labels, scores, window), abs=1e-12)


@pytest.mark.parametrize("count", [400, 3])
def test_a_window_longer_than_the_series_is_fine(count: int) -> None:
    labels = np.arange(count) == count // 2
    scores = np.random.default_rng(3).standard_normal(count)
    window = min(2 * count, 60)
    assert vus(labels, scores, window) == pytest.approx(slow_vus(labels, scores, window), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_direction_and_scale_do_not_matter(seed: int) -> None:
    labels, scores = drawn(seed, 1000, 0.02, ties=False)
    volume = vus(labels, scores, 30)
    assert vus(labels, np.exp(scores) * 3 - 7, 30) == pytest.approx(volume, abs=1e-12)
    assert vus(labels[::-1], scores[::-1], 30) == pytest.approx(volume, abs=1e-12)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores = drawn(1, 1000, 0.05, ties=True)
    whole = vus(labels, scores, 25)
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert vus(labels, scores, 25) == whole


def test_a_perfect_score_has_all_of_the_volume_without_borders() -> None:
    labels, _ = drawn(0, 200, 0.05, ties=False)
    assert vus(labels, labels * 2.0 + np.arange(200) / 200, 0) == pytest.approx((1.0, 1.0))


def test_constant_scores_find_everything_at_once() -> None:
    labels = np.arange(50) < 10
    assert vus(labels, np.zeros(50), 0) == pytest.approx((0.5, 0.2))


def test_levels_count_the_thresholds_that_are_reached() -> None:
    levels = score_levels(np.arange(1000.0))
    assert levels.dtype == np.uint8
    assert levels.min() == 1
    assert levels.max() == 250
    assert (np.diff(levels.astype(int)) >= 0).all()
