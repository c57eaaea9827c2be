"""The NAB score against a scorer that walks through the steps, and against the reference's values."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.errors import ConfigError, DataError
from seqanomaly.metrics import nab_score
from seqanomaly.metrics.nab import PROFILES
from seqanomaly.metrics.ranges import ranges_of

Labels = NDArray[np.int64]


def curve(place: float) -> float:
    """The scaled sigmoid of the paper; `place` in window lengths from its right end."""
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def slow_score(labels: Labels, alarms: NDArray[np.bool_], false_cost: float, miss_cost: float) -> float:
    windows = list(zip(*ranges_of(labels == 1), strict=True))
    scored_from = min(math.floor(0.15 * len(labels)), 750)
    best, total = {window: -miss_cost for window in windows if window[1] > scored_from}, 0.0
    for step in range(scored_from, len(labels)):
        if not alarms[step]:
            continue
        holding = [(a, b) for a, b in windows if a <= step < b]
        past = [(a, b) for a, b in windows if b <= step]
        if holding:
            a, b = holding[0]
            best[holding[0]] = max(best[holding[0]], curve(-(b - step) / (b - a)) / curve(-1))
        elif past and past[-1][1] - past[-1][0] > 1:
            a, b = past[-1]
            total += false_cost * curve((step - (b - 1)) / (b - 1 - a))
        else:
            total -= false_cost
    return total + sum(best.values())


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=8),
    st.integers(0, 10**6),
    st.sampled_from(sorted(PROFILES)),
)
def test_the_score_is_what_a_walk_through_the_steps_gives(
    blocks: list[tuple[int, int]], seed: int, profile: str
) -> None:
    labels = np.array([label for normal, event in blocks for label in [0] * normal + [1] * event], np.int64)
    alarms = np.random.default_rng(seed).random(len(labels)) < 0.2
    expected = slow_score(labels, alarms, *PROFILES[profile])
    assert nab_score(labels, alarms, 0.5, profile) == pytest.approx(expected, abs=1e-9)


def test_the_reference_values_are_reached(shared: Path) -> None:
    cases = json.loads((shared / "golden" / "metrics.json").read_text())
    arrays = np.load(shared / "golden" / "metrics.npz")
    assert len(cases) == 8
    for case, golden in cases.items():
        for profile, values in golden["nab"].items():
            score = nab_score(arrays[f"{case}_label"], arrays[f"{case}_score"], golden["threshold"], profile)
            assert score == pytest.approx(values["raw"], abs=1e-9), (case, profile)


def series(*alarms: int) -> tuple[Labels, NDArray[np.float64]]:
    """A hundred steps with one window, [50, 60), and some alarms."""
    scores = np.zeros(100)
    scores[list(alarms)] = 1
    return (np.arange(100) // 10 == 5).astype(np.int64), scores


def test_an_early_alarm_gains_most_and_the_first_counts() -> None:
    assert nab_score(*series(50), 0.5) == pytest.approx(1.0)
    assert nab_score(*series(50, 59), 0.5) == pytest.approx(1.0)
    assert 0 < nab_score(*series(59), 0.5) < nab_score(*series(55), 0.5) < 1


@pytest.mark.parametrize(("profile", "miss", "false"), [("standard", -1, -0.11), ("reward_low_fp", -1, -0.22)])
def test_misses_and_false_alarms_cost(profile: str, miss: float, false: float) -> None:
    assert nab_score(*series(), 0.5, profile) == miss
    assert nab_score(*series(30), 0.5, profile) == miss + false
    assert nab_score(*series(0, 14), 0.5, profile) == miss  # the first 15 steps are not scored
    assert miss + false < nab_score(*series(60), 0.5, profile) < miss  # just after the window


def test_farther_than_three_windows_is_far() -> None:
    assert nab_score(*series(86), 0.5) == pytest.approx(-1 - 0.11 * math.tanh(7.5), abs=1e-12)  # three: (86 - 59) / 9
    assert nab_score(*series(87), 0.5) == -1.11


def test_a_miss_costs_double_where_misses_matter() -> None:
    assert nab_score(*series(), 0.5, "reward_low_fn") == -2


def test_windows_within_the_unscored_steps_do_not_count() -> None:
    labels = np.zeros(100)
    labels[2:8] = 1
    assert nab_score(labels, np.zeros(100), 0.5) == 0
    assert nab_score([], [], 0.5) == 0


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        nab_score([0, 1], [0, 1], 0.5, "reward_low_FP")
    names = "standard, reward_low_fp, reward_low_fn"
    assert str(caught.value) == f"there is no NAB profile 'reward_low_FP'; choose one of {names}"
    with pytest.raises(DataError, match="the score of step 0 is nan"):
        nab_score([0, 1], [float("nan"), 1], 0.5)
    with pytest.raises(DataError, match="the threshold is NaN"):
        nab_score([0, 1], [0, 1], float("nan"))
