"""Metrics of scored steps against scikit-learn, what is said where they are not defined, and what they may look at."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from seqanomaly.metrics.scores import METRICS, USES
from seqanomaly.metrics.steps import Steps
from seqanomaly.metrics.whole import WHOLE_METRICS, whole_metrics


def of(label: list[int], *, score: list[float] | None = None, decision: list[int] | None = None) -> Steps:
    """Steps of one sequence."""
    count = len(label)
    return Steps(
        sequence=np.zeros(count, np.int64),
        step=np.arange(count),
        position=(np.arange(count) + 0.5) / max(1, count),
        label=np.array(label, np.int64),
        score=np.array(score if score is not None else np.zeros(count), np.float64),
        decision=np.array(decision if decision is not None else np.zeros(count), np.int64),
        alarm=np.zeros(count, bool),
    )


def drawn(seed: int, classes: int, count: int = 200) -> Steps:
    """Labels, probabilities with ties, and decisions that are right more often than not."""
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, count)
    steps = of(label.tolist())
    return replace(
        steps,
        sequence=np.arange(count) // 20,
        step=np.arange(count) % 20,
        score=(1 / (1 + np.exp(-1.0 * (label != 0) - generator.standard_normal(count)))).round(2),
        decision=np.where(generator.random(count) < 0.6, label, generator.integers(0, classes, count)),
        alarm=generator.random(count) < 0.4,
    )


def plain_ece(steps: Steps) -> float:
    """Bin by bin, [k/10, (k+1)/10), the last one closed."""
    total = 0.0
    for k in range(10):
        inside = [i for i, s in enumerate(steps.score) if int(min(s * 10, 9)) == k]
        if inside:
            total += abs(sum(steps.score[i] for i in inside) - sum(steps.label[i] != 0 for i in inside))
    return total / len(steps)


REFERENCES: dict[str, Callable[[Steps], float]] = {
    "accuracy": lambda s: sk.accuracy_score(s.label, s.decision),
    "balanced_accuracy": lambda s: sk.balanced_accuracy_score(s.label, s.decision),
    "f1": lambda s: sk.f1_score(s.label != 0, s.decision != 0),
    "auroc": lambda s: sk.roc_auc_score(s.label != 0, s.score),
    "average_precision": lambda s: sk.average_precision_score(s.label != 0, s.score),
    "brier": lambda s: sk.brier_score_loss(s.label != 0, s.score),
    "ece": plain_ece,
    "accuracy_at_far": lambda s: sk.accuracy_score(s.label != 0, s.alarm),
    "false_alarms": lambda s: 1000 * (1 - sk.recall_score(s.label == 0, s.decision == 0)),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_each_metric_equals_its_reference(metric: str, classes: int, seed: int) -> None:
    steps = drawn(seed, classes)
    value, note = METRICS[metric](steps)
    assert value == pytest.approx(REFERENCES[metric](steps), rel=1e-12)
    assert note == ""


@given(seed=st.integers(0, 10_000), count=st.integers(2, 300), levels=st.integers(1, 400))
def test_rankings_with_any_ties_equal_their_references(seed: int, count: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    label = np.append([0, 1], generator.integers(0, 2, count - 2))
    steps = of(label.tolist(), score=(generator.integers(0, levels, count) / levels).tolist())
    for metric in ("auroc", "average_precision"):
        assert METRICS[metric](steps)[0] == pytest.approx(REFERENCES[metric](steps), abs=1e-12, rel=0)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_not_ranked(wrong: float) -> None:
    with pytest.raises(AssertionError, match="a score is not finite"):
        METRICS["average_precision"](of([0, 1, 1], score=[0.1, wrong, 0.3]))


def test_a_class_that_is_decided_and_never_there_does_not_count() -> None:
    assert METRICS["balanced_accuracy"](of([0, 0, 1, 1], decision=[0, 2, 1, 1])) == (0.75, "")


def test_auroc_is_the_share_of_ordered_pairs() -> None:
    steps = drawn(9, 2, 40)
    score, label = steps.score, steps.label
    pairs = [(a > n) + 0.5 * (a == n) for a in score[label == 1] for n in score[label == 0]]
    assert METRICS["auroc"](steps)[0] == pytest.approx(np.mean(pairs), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_without_steps_no_metric_has_a_value(metric: str) -> None:
    value, note = METRICS[metric](of([]))
    assert math.isnan(value)
    assert note == "no steps in this bucket"


UNDEFINED = {
    "balanced_accuracy": ("only one class in this bucket", "only one class in this bucket"),
    "f1": ("no anomalous step in this bucket", ""),
    "auroc": ("only one class in this bucket", "only one class in this bucket"),
    "average_precision": ("only one class in this bucket", "only one class in this bucket"),
    "false_alarms": ("", "no normal step in this bucket"),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("label", [0, 1])
def test_with_one_class_a_metric_has_a_value_or_a_reason(metric: str, label: int) -> None:
    value, note = METRICS[metric](of([label] * 3, score=[0.1, 0.2, 0.3], decision=[0, 1, 1]))
    assert note == UNDEFINED.get(metric, ("", ""))[label]
    assert math.isnan(value) == bool(note)


@pytest.mark.parametrize("metric", ["auroc", "average_precision"])
def test_anomalous_classes_alone_cannot_be_ranked(metric: str) -> None:
    steps = of([1, 2, 1], score=[0.1, 0.2, 0.3], decision=[1, 2, 1])
    value, note = METRICS[metric](steps)
    assert math.isnan(value)
    assert note == "only one class in this bucket"
    assert METRICS["balanced_accuracy"](steps) == (1.0, "")


def test_f1_is_zero_where_every_anomaly_is_missed() -> None:
    assert METRICS["f1"](of([0, 1, 1])) == (0.0, "")


@pytest.mark.parametrize("metric", ["brier", "ece"])
def test_a_residual_is_no_probability(metric: str) -> None:
    value, note = METRICS[metric](replace(drawn(0, 2), score=np.full(200, 7.0), probability=False))
    assert math.isnan(value)
    assert note == "the score is not a probability"


def test_without_a_false_alarm_threshold_there_is_a_reason() -> None:
    value, note = METRICS["accuracy_at_far"](replace(drawn(0, 2), alarm=None))
    assert math.isnan(value)
    assert note == "no normal validation step to set the false-alarm rate on"


def test_what_every_metric_looks_at_is_written_down() -> None:
    assert list(USES) == [*METRICS, *WHOLE_METRICS]


def value_of(metric: str, steps: Steps) -> float:
    return METRICS[metric](steps)[0] if metric in METRICS else whole_metrics(steps)[metric].value


@pytest.mark.parametrize("metric", USES)
@given(seed=st.integers(0, 50))
def test_a_metric_looks_at_nothing_but_that(metric: str, seed: int) -> None:
    """A metric of decisions that put a threshold of its own on the scores, by their labels, would be caught here."""
    steps, other = drawn(seed, 2, 60), drawn(seed + 1000, 2, 60)
    assert steps.alarm is not None
    assert other.alarm is not None
    changed = {
        "decision": replace(steps, score=other.score, alarm=other.alarm),
        "score": replace(steps, decision=other.decision, alarm=other.alarm),
        "alarm": replace(steps, score=other.score, decision=other.decision),
    }[USES[metric]]
    assert value_of(metric, changed) == value_of(metric, steps)


@pytest.mark.parametrize("metric", ["auroc", "average_precision"])
@given(seed=st.integers(0, 50))
def test_a_ranking_has_no_threshold_to_choose(metric: str, seed: int) -> None:
    """Areas are sums over all thresholds: a monotone change of the scores, which moves every one, changes nothing."""
    steps = drawn(seed, 2, 60)
    stretched = replace(steps, score=np.exp(3 * steps.score))
    assert value_of(metric, stretched) == pytest.approx(value_of(metric, steps), rel=1e-12)
