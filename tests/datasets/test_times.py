"""What is irregular about the times of a series, against a look at one step after the other."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.datasets.times import distances, duration, elapsed, even, survey

NUMBERS = st.lists(st.integers(-20, 20), min_size=1, max_size=12)


@given(NUMBERS, st.sampled_from([1.2, 1.5, 3.0]), st.booleans())
def test_as_one_step_after_the_other_says(numbers: list[int], gap: float, stamps: bool) -> None:
    time: NDArray[np.generic] = np.array(numbers)
    if stamps:
        time = np.datetime64("2024-01-01", "ns") + time.astype("timedelta64[s]")
    found = survey(time, gap)
    apart = [b - a for a, b in pairwise(numbers)]
    later = [distance for distance in apart if distance > 0]
    usual = median(later) if later else float("nan")
    assert found.duplicate.tolist() == [number in numbers[:i] for i, number in enumerate(numbers)]
    assert found.again.tolist() == [number in numbers[i + 1 :] for i, number in enumerate(numbers)]
    assert found.backward.tolist() == [False] + [distance < 0 for distance in apart]
    uneven = [d > 0 and abs(d - usual) >= 0.1 * usual for d in apart]
    assert found.uneven.tolist() == [False, *uneven]
    assert found.gap.tolist() == [False] + [d > gap * usual for d in apart]
    assert found.odd == (sorted(set(numbers)) != numbers or any(uneven))
    np.testing.assert_allclose(elapsed(time), np.array(numbers) - numbers[0])


def test_a_tenth_of_the_usual_distance_is_even() -> None:
    assert not survey(np.array([0, 1, 2.05, 3]), 1.5).odd
    assert survey(np.array([0, 1, 2.25, 3.25]), 1.5).uneven.tolist() == [False, False, True, False]


def test_far_times_do_not_overflow() -> None:
    far = np.array([-(2**63), 2**63 - 1])
    assert distances(far).tolist() == [2.0**64]
    assert distances(np.array(["1700-01-01", "2250-01-01"], "datetime64[ns]")).tolist() == [200_883.0 * 86400]
    assert distances(np.array(["0001-01-01", "9999-01-01"], "datetime64[s]")).tolist() == [3_651_694.0 * 86400]


@pytest.mark.parametrize(
    ("apart", "words"),
    [(90061, "1 d 1 h 1 min 1 s"), (7 * 86400 + 6 * 3600, "7 d 6 h"), (0.25, "0.25 s"), (247, "4 min 7 s")],
)
def test_durations(apart: float, words: str) -> None:
    assert duration(apart, seconds=True) == words
    assert duration(1, seconds=False) == "1 step number"


@given(st.lists(st.lists(st.sampled_from([0, 0, 1, 2, 3, 2**61, -(2**61)]), min_size=1, max_size=5), min_size=1))
def test_nothing_is_found_in_what_is_even(series: list[list[int]]) -> None:
    length = np.array([len(one) for one in series])
    time = np.zeros((len(series), max(length)), np.int64)
    for row, one in enumerate(series):
        time[row, : len(one)] = np.cumsum(one)
    for times in (time, time * 0.1, time.view("datetime64[us]")):
        for row, found in enumerate(even(times, length)):
            if found:
                assert not survey(times[row, : length[row]], 1.5).odd
    small = [len(set(one[1:])) < 2 and (len(one) < 2 or 0 < one[1] < 9) for one in series]
    assert even(time, length)[small].all() or np.abs(time).max() >= 2**61


def test_many_even_series_are_looked_at_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.datasets.times.AT_ONCE", 8)
    time = np.arange(5) * np.arange(1, 10)[:, None]
    time[6, 4] += 1
    time[7, 4] = 0
    length = np.array([5, 5, 5, 5, 5, 5, 5, 4, 1])
    assert even(time, length).tolist() == [True] * 6 + [False, True, True]
    assert even(time[:, :1], np.ones(9, np.int64)).all()
    assert not even(time + 2**62, length).any()
    assert not even(np.full((1, 3), np.inf), np.array([3])).any()
