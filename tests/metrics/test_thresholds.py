"""Thresholds against trying every one, and what a rule needs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.errors import ConfigError, DataError
from seqanomaly.metrics.thresholds import RULES, at_false_alarm_rate, best_balanced, best_f1, pick_rule

Scores = NDArray[np.float64]
Anomalous = NDArray[np.bool_]


def balanced(score: Scores, anomalous: Anomalous, threshold: float) -> float:
    decided = score >= threshold
    return float(decided[anomalous].mean() + (~decided[~anomalous]).mean()) / 2


@pytest.mark.parametrize(
    ("score", "anomalous", "threshold"),
    [
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 0.6),
        ([0.9, 0.6, 0.4, 0.1], [1, 1, 0, 0], 0.6),
        ([0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1], 0.4),  # 0.9 is as good
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], 0.5),
        ([2.0, 1.0], [0, 1], 1.0),  # the wrong way round: everything is called anomalous
        ([0.0, 0.0, 3.0], [0, 0, 1], 3.0),
        ([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 0.0),  # 1 - 0.8 is as much as 0.2 - 0
    ],
)
def test_known_thresholds(score: list[float], anomalous: list[int], threshold: float) -> None:
    assert best_balanced(np.array(score), np.array(anomalous, bool)) == threshold


steps = st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=2, max_size=40).filter(
    lambda found: len({anomalous for _, anomalous in found}) == 2
)


@given(steps)
def test_no_other_threshold_is_better(found: list[tuple[int, bool]]) -> None:
    score = np.array([value / 4 for value, _ in found])
    anomalous = np.array([flag for _, flag in found])
    chosen = best_balanced(score, anomalous)
    assert chosen in score
    value = {t: balanced(score, anomalous, t) for t in sorted(set(score.tolist()))}
    best = max(value.values())
    assert value[chosen] == pytest.approx(best, abs=1e-12)
    assert chosen == min(t for t, v in value.items() if v > best - 1e-12)


def f1(score: Scores, anomalous: Anomalous, threshold: float) -> float:
    decided = score >= threshold
    return float(2 * (decided & anomalous).sum() / (decided.sum() + anomalous.sum()))


@given(steps)
def test_no_other_threshold_has_a_better_f1(found: list[tuple[int, bool]]) -> None:
    score = np.array([value / 4 for value, _ in found])
    anomalous = np.array([flag for _, flag in found])
    chosen = best_f1(score, anomalous)
    value = {t: f1(score, anomalous, t) for t in sorted(set(score.tolist()))}
    assert value[chosen] == pytest.approx(max(value.values()), abs=1e-12)
    assert chosen == min(t for t, v in value.items() if v > max(value.values()) - 1e-12)


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=60), st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5, 0.99]))
def test_a_false_alarm_budget_is_kept_and_used(values: list[int], rate: float) -> None:
    normal = np.array(values) / 4
    chosen = at_false_alarm_rate(normal, rate)
    assert (normal >= chosen).mean() <= rate + 1e-12
    below = normal[normal < chosen]
    if len(below):  # the next lower threshold would break the budget
        assert (normal >= below.max()).mean() > rate


@pytest.mark.parametrize("name", RULES)
def test_each_rule_by_its_name(name: str) -> None:
    rule = pick_rule(name)
    assert isinstance(rule, RULES[name])
    generator = np.random.default_rng(0)
    anomalous = generator.random(400) < 0.3
    score = np.clip(0.4 * anomalous + generator.random(400) / 1.5, 0, 1)
    expected = {
        "probability": 0.5,
        "balanced_accuracy": best_balanced(score, anomalous),
        "oracle": best_balanced(score, anomalous),
        "f1": best_f1(score, anomalous),
        "false_alarms": at_false_alarm_rate(score[~anomalous], 0.01),
        "quantile": np.quantile(score[~anomalous], 0.99),
    }
    assert rule.choose(score, anomalous) == expected[name]


@pytest.mark.parametrize("labels", [[], [False], [True]])
@pytest.mark.parametrize("name", RULES)
def test_validation_labels_that_cannot_decide(name: str, labels: list[bool]) -> None:
    rule, given_labels = RULES[name](), np.array(labels, bool)
    enough = {"both": False, "normal": labels == [False], "nothing": True}[rule.needs]
    if enough:
        rule.check(given_labels, "plant, seed 3")
        return
    found = {(): "no steps", (False,): "normal steps only", (True,): "anomalous steps only"}[tuple(labels)]
    wanted = "normal and anomalous steps" if rule.needs == "both" else "normal steps"
    with pytest.raises(DataError) as error:
        rule.check(given_labels, "plant, seed 3")
    assert str(error.value) == (
        f"plant, seed 3: threshold {name} needs {wanted} in the validation part and there are {found}; "
        "choose another rule, such as probability or quantile"
    )


def test_none_is_the_task_s_own() -> None:
    assert pick_rule(None) is None
    with pytest.raises(ConfigError, match=r"^unknown threshold 'orakle'; did you mean 'oracle'\?"):
        pick_rule("orakle")
