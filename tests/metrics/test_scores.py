"""Metrics of scored steps against scikit-learn, and what is said where they are not defined."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from seqanomaly.metrics.scores import METRICS

Steps = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


def drawn(seed: int, classes: int, count: int = 200) -> Steps:
    """Labels, scores with ties, and decisions that are right more often than not."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, count)
    score = ((label != 0) + generator.standard_normal(count)).round(1)
    decision = np.where(generator.random(count) < 0.6, label, generator.integers(0, classes, count))
    return label, score, decision


REFERENCES: dict[str, Callable[..., float]] = {
    "accuracy": lambda label, _, decision: sk.accuracy_score(label, decision),
    "balanced_accuracy": lambda label, _, decision: sk.balanced_accuracy_score(label, decision),
    "auroc": lambda label, score, _: sk.roc_auc_score(label != 0, score),
    "average_precision": lambda label, score, _: sk.average_precision_score(label != 0, score),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_each_metric_equals_its_reference(metric: str, classes: int, seed: int) -> None:
    steps = drawn(seed, classes)
    value, note = METRICS[metric](*steps)
    assert value == pytest.approx(REFERENCES[metric](*steps), rel=1e-12)
    assert note == ""


def test_a_class_that_is_decided_and_never_there_does_not_count() -> None:
    label, decision = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert METRICS["balanced_accuracy"](label, np.zeros(4), decision) == (0.75, "")


def test_auroc_is_the_share_of_ordered_pairs() -> None:
    label, score, decision = drawn(9, 2, 40)
    pairs = [(a > n) + 0.5 * (a == n) for a in score[label == 1] for n in score[label == 0]]
    assert METRICS["auroc"](label, score, decision)[0] == pytest.approx(np.mean(pairs), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_without_steps_no_metric_has_a_value(metric: str) -> None:
    nothing = np.array([], np.int64)
    value, note = METRICS[metric](nothing, nothing.astype(np.float64), nothing)
    assert math.isnan(value)
    assert note == "no steps in this bucket"


@pytest.mark.parametrize("metric", ["balanced_accuracy", "auroc", "average_precision"])
@pytest.mark.parametrize("label", [0, 1])
def test_with_one_class_only_accuracy_has_a_value(metric: str, label: int) -> None:
    steps = np.full(3, label), np.array([0.1, 0.2, 0.3]), np.array([0, 1, 1])
    value, note = METRICS[metric](*steps)
    assert math.isnan(value)
    assert note == "only one class in this bucket"
    assert METRICS["accuracy"](*steps) == ((1 + label) / 3, "")


@pytest.mark.parametrize("metric", ["auroc", "average_precision"])
def test_anomalous_classes_alone_cannot_be_ranked(metric: str) -> None:
    label = np.array([1, 2, 1])
    value, note = METRICS[metric](label, np.array([0.1, 0.2, 0.3]), label)
    assert math.isnan(value)
    assert note == "only one class in this bucket"
    assert METRICS["balanced_accuracy"](label, np.zeros(3), label) == (1.0, "")
