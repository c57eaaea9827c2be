"""The test for an excess over the Bayes rule: against an independent reference, its level, its power, its errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, ttest_1samp

from seqanomaly.errors import DataError
from seqanomaly.metrics.bayes import excess_over

Decisions = NDArray[np.int64]


def coins(generator: np.random.Generator, count: int, steps: int, share: float = 0.5) -> Decisions:
    return (generator.random((count, steps)) < share).astype(np.int64)


def one_sided_sign_p(gains: int, losses: int) -> float:
    return float(binom.sf(gains - 1, gains + losses, 0.5))


def slow_holm(p: list[float]) -> list[float]:
    """Of different p-values: the largest of (how many are as large) x p over those up to one's own."""
    return [min(1.0, max(sum(other >= q for other in p) * q for q in p if q <= own)) for own in p]


def test_it_agrees_with_a_plain_count() -> None:
    generator = np.random.default_rng(3)
    label, decision, rule = (coins(generator, 60, 4) for _ in range(3))
    found = excess_over(decision, rule, label)
    p = []
    for step, row in enumerate(found.steps.itertuples()):
        only = [(decision[i, step] == label[i, step], rule[i, step] == label[i, step]) for i in range(60)]
        gains, losses = only.count((True, False)), only.count((False, True))
        assert (row.step, row.n, row.gains, row.losses) == (step, 60, gains, losses)
        assert row.difference == pytest.approx((gains - losses) / 60)
        p.append(one_sided_sign_p(gains, losses))
        assert row.p_value == pytest.approx(p[-1])
    assert len(set(p)) == 4
    assert found.steps["p_adjusted"].tolist() == pytest.approx(slow_holm(p))
    means = (decision == label).mean(axis=1) - (rule == label).mean(axis=1)
    expected = ttest_1samp(means, 0, alternative="greater")
    assert found.sequences == 60
    assert found.difference == pytest.approx(means.mean())
    assert found.t == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.p == pytest.approx(min(1, 2 * min(min(slow_holm(p)), expected.pvalue)))


def test_only_the_steps_of_the_mask_count() -> None:
    generator = np.random.default_rng(4)
    label, decision, rule = (coins(generator, 50, 6) for _ in range(3))
    mask = np.zeros((50, 6), np.bool_)
    mask[:, 1:4] = True
    mask[7, 3] = False
    found = excess_over(decision, rule, label, mask)
    assert found.steps["step"].tolist() == [1, 2, 3]
    assert found.steps["n"].tolist() == [50, 50, 49]
    elsewhere = np.where(mask, decision, 1 - decision)
    again = excess_over(elsewhere, rule, label, mask)
    assert again.steps.equals(found.steps)
    assert (again.t, again.p_value) == (found.t, found.p_value)


def test_equally_good_rules_are_rarely_flagged() -> None:
    generator = np.random.default_rng(5)
    flagged = 0
    for _ in range(200):
        label, decision, rule = (coins(generator, 80, 5) for _ in range(3))
        flagged += excess_over(decision, rule, label).p < 0.05
    assert flagged <= binom.ppf(0.999, 200, 0.05)


def test_sequences_whose_steps_go_together_are_one_trial_each() -> None:
    generator = np.random.default_rng(6)
    flagged = 0
    for _ in range(200):
        label, decision, rule = (np.repeat(coins(generator, 60, 1), 20, axis=1) for _ in range(3))
        flagged += excess_over(decision, rule, label).p_value < 0.05
    assert flagged <= binom.ppf(0.999, 200, 0.05)  # 20 times as many trials would flag every fourth


def test_one_step_that_is_too_good_is_found() -> None:
    generator = np.random.default_rng(7)
    label, rule = coins(generator, 2000, 30), coins(generator, 2000, 30)
    decision = rule.copy()
    seen = generator.random(2000) < 0.1
    decision[seen, 17] = label[seen, 17]
    found = excess_over(decision, rule, label)
    assert found.steps.loc[found.steps["p_adjusted"] < 0.001, "step"].tolist() == [17]
    assert found.p < 0.001


def test_a_little_at_every_step_is_found() -> None:
    generator = np.random.default_rng(8)
    label, rule = coins(generator, 2000, 30), coins(generator, 2000, 30)
    seen = generator.random((2000, 30)) < 0.03
    found = excess_over(np.where(seen, label, rule), rule, label)
    assert found.difference == pytest.approx(0.015, abs=0.003)
    assert found.p_value < 1e-6


def test_a_worse_detector_is_never_flagged() -> None:
    label = coins(np.random.default_rng(9), 100, 5)
    found = excess_over(1 - label, label, label)
    assert (found.difference, found.t, found.p_value, found.p) == (-1.0, -np.inf, 1.0, 1.0)
    assert (found.steps["p_adjusted"] == 1).all()


def test_the_rule_itself_has_no_excess() -> None:
    generator = np.random.default_rng(10)
    rule, label = coins(generator, 100, 5), coins(generator, 100, 5)
    found = excess_over(rule, rule, label)
    assert (found.difference, found.t, found.p_value, found.p) == (0.0, 0.0, 1.0, 1.0)
    assert found.steps[["gains", "losses"]].to_numpy().sum() == 0


def test_always_right_where_the_rule_is_wrong() -> None:
    label = coins(np.random.default_rng(11), 100, 5)
    found = excess_over(label, 1 - label, label)
    assert (found.difference, found.t, found.p_value, found.p) == (1.0, np.inf, 0.0, 0.0)


ZEROS = np.zeros((3, 4), np.int64)


@pytest.mark.parametrize(
    ("decision", "label", "mask", "text"),
    [
        (
            ZEROS[:, :3],
            ZEROS,
            None,
            "all must be [sequences, steps] of one shape, got label [3, 4], decision [3, 3], bayes_decision [3, 4], "
            "mask [3, 4]",
        ),
        (
            ZEROS,
            ZEROS[0],
            None,
            "all must be [sequences, steps] of one shape, got label [4], decision [3, 4], bayes_decision [3, 4], "
            "mask [4]",
        ),
        (
            ZEROS,
            ZEROS,
            np.array([[True] * 4, [False] * 4, [True] * 4]),
            "sequence 1 has no step that counts; leave it out",
        ),
    ],
)
def test_what_cannot_be_compared(
    decision: Decisions, label: Decisions, mask: NDArray[np.bool_] | None, text: str
) -> None:
    with pytest.raises(DataError) as error:
        excess_over(decision, ZEROS, label, mask)
    assert str(error.value) == text


def test_one_sequence_is_too_few() -> None:
    with pytest.raises(DataError) as error:
        excess_over(ZEROS[:1], ZEROS[:1], ZEROS[:1])
    assert str(error.value) == "a test needs at least two sequences, got 1"
