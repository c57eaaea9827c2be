"""Windows against a brute-force reference: each step once, from where its history is the longest."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.windows import Windows, cut_windows, windows_per_sequence

some_lengths = st.lists(st.integers(1, 40), min_size=1, max_size=6)
settings = st.integers(1, 25).flatmap(lambda length: st.tuples(st.just(length), st.integers(1, length)))


def starts(n: int, length: int, stride: int) -> list[int]:
    """Of the windows over a sequence of n steps, one after the other."""
    found = [0]
    while found[-1] + length < n:
        found.append(min(found[-1] + stride, n - length))
    return found


@given(some_lengths, settings)
def test_windows_start_every_stride_and_end_with_the_sequence(lengths: list[int], cut: tuple[int, int]) -> None:
    windows = cut_windows(np.array(lengths), max(lengths), *cut)
    expected = [(row, start) for row, n in enumerate(lengths) for start in starts(n, *cut)]
    assert list(zip(windows.sequence.tolist(), windows.start.tolist(), strict=True)) == expected
    assert len(windows) == len(expected) == windows_per_sequence(np.array(lengths), *cut).sum()
    assert windows.length == min(cut[0], max(lengths))
    for row, n in enumerate(lengths):
        own = windows.start[windows.sequence == row]
        assert own[0] == 0
        assert own[-1] + cut[0] == max(n, cut[0])  # the last one ends with its sequence, and none goes on after it
        assert all(0 < b - a <= cut[1] for a, b in pairwise(own.tolist()))


@given(some_lengths, settings)
def test_each_step_is_taken_from_the_window_with_the_longest_history(lengths: list[int], cut: tuple[int, int]) -> None:
    windows = cut_windows(np.array(lengths), max(lengths), *cut)
    for row, n in enumerate(lengths):
        for t in range(n):
            assert taken(windows, row, t) == [largest_place(windows, row, t)]


def largest_place(windows: Windows, row: int, t: int) -> int:
    """The window in which step t of a sequence has the largest place, of all windows that hold it."""
    holds = [w for w in np.flatnonzero(windows.sequence == row) if 0 <= t - windows.start[w] < windows.length]
    return int(max(holds, key=lambda w: t - windows.start[w]))


def taken(windows: Windows, row: int, t: int) -> list[int]:
    """The windows whose output step t of a sequence takes."""
    place = t - windows.start
    return np.flatnonzero((windows.sequence == row) & (windows.fresh <= place) & (place < windows.length)).tolist()


@given(some_lengths, settings)
def test_how_often_a_step_is_seen(lengths: list[int], cut: tuple[int, int]) -> None:
    steps = max(lengths)
    windows = cut_windows(np.array(lengths), steps, *cut)
    counted = np.zeros((len(lengths), steps), np.int64)
    for row, start in zip(windows.sequence, windows.start, strict=True):
        counted[row, start : start + windows.length] += 1
    np.testing.assert_array_equal(windows.times(len(lengths), steps), counted)
    assert all((counted[row, :n] > 0).all() for row, n in enumerate(lengths))


def test_a_window_longer_than_all_sequences_is_the_whole_sequence() -> None:
    windows = cut_windows(np.array([5, 3]), 5, 100, 50)
    assert (windows.length, windows.sequence.tolist(), windows.start.tolist()) == (5, [0, 1], [0, 0])
