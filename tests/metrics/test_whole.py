"""Metrics of whole sequences: delays as they are, and point adjustment with its warning."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.metrics.delay import detection_delay
from seqanomaly.metrics.steps import Steps
from seqanomaly.metrics.tsb import benchmark
from seqanomaly.metrics.whole import INFLATED, WHOLE_METRICS, point_adjusted, whole_metrics


def steps_of(label: list[list[int]], decision: list[list[int]]) -> Steps:
    """One list per sequence."""
    flat = [
        (n, t, y, d)
        for n, (ys, ds) in enumerate(zip(label, decision, strict=True))
        for t, (y, d) in enumerate(zip(ys, ds, strict=True))
    ]
    sequence, step, labels, decisions = np.array(flat, np.int64).reshape(-1, 4).T
    zeros = np.zeros(len(flat))
    return Steps(sequence=sequence, step=step, position=zeros, label=labels, score=zeros, decision=decisions)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40))
def test_point_adjustment_is_the_benchmark_s_on_one_sequence(pairs: list[tuple[int, int]]) -> None:
    labels, alarms = ([pair[k] for pair in pairs] for k in (0, 1))
    if 0 < sum(labels) < len(labels):
        expected = benchmark(labels, np.array(alarms, float), window=0, threshold=0.5)["PA-F1"]
        found = point_adjusted(steps_of([labels], [alarms]), np.array(alarms, bool))
        assert found == pytest.approx(expected, abs=1e-4)  # the benchmark adds 1e-5 to its denominators


def test_an_anomaly_does_not_reach_into_the_next_sequence() -> None:
    steps = steps_of([[0, 1], [1, 0]], [[0, 1], [0, 0]])
    assert point_adjusted(steps, steps.decision != 0) == pytest.approx(2 * 1 / (1 + 2))


def test_the_metrics_in_order_with_their_notes() -> None:
    steps = steps_of([[0, 0, 1, 1], [1, 1, 1, 1]], [[1, 0, 0, 1], [0, 0, 1, 0]])
    found, delay = whole_metrics(steps), detection_delay(steps)
    assert tuple(found) == WHOLE_METRICS
    assert (found["delay_median"].value, found["never_detected"].value) == (delay.median, delay.never) == (1.0, 0.0)
    assert found["delay_median"].note == ""
    assert found["point_adjusted_f1"].note == found["point_adjusted_f1_random"].note == INFLATED
    assert 0 < found["point_adjusted_f1_random"].value < 1


def test_random_alarms_look_good_after_adjustment() -> None:
    """What the warning is about: long anomalies, and alarms that know nothing."""
    generator = np.random.default_rng(0)
    label = [[0] * 100 + [1] * 100 for _ in range(20)]
    alarms = [(generator.random(200) < 0.1).astype(int).tolist() for _ in range(20)]
    found = whole_metrics(steps_of(label, alarms))
    assert found["point_adjusted_f1"].value > 0.9
    assert found["point_adjusted_f1_random"].value > 0.9


def test_as_many_that_are_never_detected() -> None:
    found = whole_metrics(steps_of([[1, 1], [1, 1], [0, 0]], [[0, 0], [1, 0], [0, 0]]))
    assert found["delay_lower_quartile"].value == 0.0
    assert found["delay_upper_quartile"].value == math.inf
    assert found["delay_upper_quartile"].note == "as many are never detected"
    assert found["never_detected"].value == 0.5


def test_without_anomalies_nothing_is_defined() -> None:
    found = whole_metrics(steps_of([[0, 0]], [[0, 1]]))
    assert all(math.isnan(value) and note == "no anomalous step" for value, note in found.values())


def test_the_same_decisions_give_the_same_random_alarms() -> None:
    steps = steps_of([[0, 0, 1, 1]], [[1, 0, 0, 1]])
    assert whole_metrics(steps) == whole_metrics(replace(steps))
