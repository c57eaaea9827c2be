"""What paired differences say, against scipy on the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from seqanomaly.pairs import equivalence_p, exceeds_p, superiority

Reals = NDArray[np.float64]
PAIRS = np.array([0.004, -0.002, 0.001, 0.006, -0.001, 0.003, 0.0])
DIFFERENCES = st.lists(st.integers(-1000, 1000).map(lambda value: value / 1000), min_size=2, max_size=30)


@given(st.integers(0, 40), st.integers(0, 40))
def test_without_ties_the_limits_are_wilsons(wins: int, losses: int) -> None:
    assume(wins + losses > 0)
    found = superiority(np.array([0.3] * wins + [-0.2] * losses))
    interval = stats.binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
    assert found == pytest.approx((wins / (wins + losses), interval.low, interval.high), abs=1e-12)


def test_two_ties_are_a_win_and_a_loss() -> None:
    assert superiority(np.array([0.1, 0.0, 0.0, 0.2])) == superiority(np.array([0.1, 0.1, -0.1, 0.2]))
    assert superiority(np.array([0.1 + 0.2 - 0.3]))[0] == 0.5  # but for rounding it ties


def test_without_pairs_there_is_no_superiority() -> None:
    assert np.isnan(superiority(np.array([]))).all()


@given(DIFFERENCES)
def test_superiority_turns_with_the_sign_and_stays_a_share(values: list[float]) -> None:
    share, low, high = superiority(np.array(values))
    assert 0 <= low <= share <= high <= 1
    turned = superiority(-np.array(values))
    assert turned == pytest.approx((1 - share, 1 - high, 1 - low), abs=1e-12)


@given(DIFFERENCES, st.floats(-1, 1))
def test_one_sided_p_is_scipys(values: list[float], bound: float) -> None:
    assume(np.ptp(values) > 0)
    expected = stats.ttest_1samp(values, bound, alternative="greater").pvalue
    assert exceeds_p(np.array(values), bound) == pytest.approx(expected, rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("margin", [0.002, 0.005, 0.01])
def test_equivalence_is_two_one_sided_tests(margin: float) -> None:
    above = stats.ttest_1samp(PAIRS, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(PAIRS, margin, alternative="less").pvalue
    assert equivalence_p(PAIRS, margin) == pytest.approx(max(above, below), rel=1e-12)


@given(DIFFERENCES, st.floats(0.001, 1))
def test_equivalence_at_5_percent_is_a_90_percent_interval_inside(values: list[float], margin: float) -> None:
    assume(np.ptp(values) > 0)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    ends = float(max(-interval.low, interval.high))
    assume(abs(ends - margin) > 1e-9)
    assert (equivalence_p(np.array(values), margin) < 0.05) == (ends < margin)
