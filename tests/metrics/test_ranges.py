"""Runs of steps and the F1 scores that count them, against loops over single steps and decisions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.errors import DataError
from seqanomaly.metrics.ranges import (
    Ranges,
    checked,
    event_f1,
    f1,
    harmonic,
    passing,
    peaks,
    point_adjusted_f1,
    range_f1,
    ranges_of,
    shared_steps,
    touching,
)

THRESHOLDS = 4
Steps = list[tuple[bool, int]]  # label and level of each step
steps = st.lists(st.tuples(st.booleans(), st.integers(0, THRESHOLDS)), min_size=1, max_size=40)
masks = st.lists(st.booleans(), max_size=40)


def runs(mask: list[bool]) -> list[set[int]]:
    """The steps of every run, one step at a time."""
    found: list[set[int]] = []
    for step, here in enumerate(mask):
        if here and step and mask[step - 1]:
            found[-1].add(step)
        elif here:
            found.append({step})
    return found


def parts(drawn: Steps) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    return np.array([label for label, _ in drawn]), np.array([level for _, level in drawn], np.uint8)


@given(masks)
def test_ranges_are_the_runs(mask: list[bool]) -> None:
    found = ranges_of(np.array(mask, bool))
    assert [set(range(a, b)) for a, b in zip(found.start, found.stop, strict=True)] == runs(mask)
    assert found.start.dtype == found.stop.dtype == np.int64
    assert found.length.sum() == sum(mask)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_shared_steps_and_touching_ranges_are_counted(pairs: list[tuple[bool, bool]]) -> None:
    these, those = [a for a, _ in pairs], [b for _, b in pairs]
    first, second = ranges_of(np.array(these, bool)), ranges_of(np.array(those, bool))
    assert shared_steps(first, second).tolist() == [sum(those[i] for i in run) for run in runs(these)]
    assert touching(first, second).tolist() == [sum(bool(run & other) for other in runs(those)) for run in runs(these)]


@given(steps)
def test_passing_and_peaks_count_steps_and_events(drawn: Steps) -> None:
    labels, levels = parts(drawn)
    assert passing(levels, THRESHOLDS).tolist() == [sum(level > k for _, level in drawn) for k in range(THRESHOLDS)]
    if labels.any():
        best = [max(int(levels[i]) for i in run) for run in runs(labels.tolist())]
        assert peaks(labels, ranges_of(labels), levels).tolist() == best


def slow_f1(labels: list[bool], found: list[bool]) -> float:
    hits = sum(a and b for a, b in zip(labels, found, strict=True))
    return 2 * hits / (sum(labels) + sum(found))


@given(steps)
def test_point_adjusted_f1_fills_what_is_touched(drawn: Steps) -> None:
    labels, levels = parts(drawn)
    assume(labels.any())
    expected = []
    for k in range(THRESHOLDS):
        found = (levels > k).tolist()
        for run in runs(labels.tolist()):
            if any(found[i] for i in run):
                found = [here or i in run for i, here in enumerate(found)]
        expected.append(slow_f1(labels.tolist(), found))
    assert point_adjusted_f1(labels, ranges_of(labels), levels, THRESHOLDS) == pytest.approx(expected, abs=1e-12)


@given(steps)
def test_event_f1_mixes_recall_of_events_and_precision_of_steps(drawn: Steps) -> None:
    labels, levels = parts(drawn)
    assume(labels.any())
    expected = []
    for k in range(THRESHOLDS):
        found = set(np.flatnonzero(levels > k).tolist())
        recall = np.mean([bool(run & found) for run in runs(labels.tolist())])
        precision = np.mean([labels[i] for i in found]) if found else 0.0
        expected.append(2 * recall * precision / (recall + precision) if recall + precision else 0.0)
    assert event_f1(labels, ranges_of(labels), levels, THRESHOLDS) == pytest.approx(expected, abs=1e-12)


def slow_reward(run: set[int], others: list[set[int]]) -> float:
    """Share of the run that the others cover, divided by how many do."""
    touched = [run & other for other in others if run & other]
    return len(set().union(*touched)) / len(run) / len(touched) if touched else 0.0


@given(steps)
def test_range_f1_follows_its_definition(drawn: Steps) -> None:
    labels, levels = parts(drawn)
    assume(labels.any())
    truth, found = runs(labels.tolist()), runs((levels > 1).tolist())
    rewards = [slow_reward(run, found) for run in truth]
    recall = np.mean([0.2 * (reward > 0) + 0.8 * reward for reward in rewards])
    precision = np.mean([slow_reward(run, truth) for run in found]) if found else 0.0
    expected = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    assert range_f1(ranges_of(labels), ranges_of(levels > 1)) == pytest.approx(expected, abs=1e-12)


def test_a_range_in_pieces_is_worth_less() -> None:
    truth = Ranges(np.array([0]), np.array([10]))
    whole, halves = Ranges(np.array([2]), np.array([8])), Ranges(np.array([0, 7]), np.array([3, 10]))
    assert range_f1(truth, truth) == 1.0
    assert range_f1(truth, whole) == pytest.approx(2 * 0.68 / 1.68)
    assert range_f1(truth, halves) == pytest.approx(2 * 0.44 / 1.44)


def test_nothing_found_is_worth_nothing() -> None:
    assert f1(np.zeros(1), np.zeros(1), 3).tolist() == [0.0]
    assert harmonic(0.0, 0.0) == 0.0
    assert range_f1(Ranges(np.array([0]), np.array([2])), ranges_of(np.zeros(4, bool))) == 0.0


@pytest.mark.parametrize(
    ("labels", "scores", "threshold", "message"),
    [
        (
            [0, 1],
            [0.1],
            None,
            "labels have the shape (2,), scores (1,); give one label and one score for each step, in one dimension",
        ),
        (
            [[0, 1]],
            [[0.1, 0.2]],
            None,
            "labels have the shape (1, 2), scores (1, 2); give one label and one score for each step, in one dimension",
        ),
        ([0, 2], [0.1, 0.2], None, "a label is 2; labels are 0 (normal) or 1 (anomalous)"),
        ([0, float("nan")], [0.1, 0.2], None, "a label is nan; labels are 0 (normal) or 1 (anomalous)"),
        ([0, 1], [0.1, float("nan")], None, "the score of step 1 is nan; drop steps without a finite score"),
        ([0, 1], [float("-inf"), 1.0], None, "the score of step 0 is -inf; drop steps without a finite score"),
        ([0, 1], [0.1, 0.2], float("nan"), "the threshold is NaN; give a number"),
    ],
)
def test_what_cannot_be_used_is_said(
    labels: list[float], scores: list[float], threshold: float | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        checked(labels, scores, threshold)
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_labels_may_have_any_number_type(kind: type) -> None:
    mask, scores = checked(np.array([0, 1], kind), [1, 2], None)
    assert mask.tolist() == [False, True]
    assert scores.dtype == np.float64
