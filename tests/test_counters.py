"""Counters and places in a sequence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.counters import relative_position, sequence_counter, since_onset, until_event


@given(count=st.integers(0, 5), steps=st.integers(0, 20))
def test_the_counter_is_the_index(count: int, steps: int) -> None:
    counter = sequence_counter(count, steps)
    assert counter.dtype == np.int64
    assert counter.shape == (count, steps)
    assert counter.tolist() == [list(range(steps))] * count


def test_each_sequence_has_a_counter_of_its_own() -> None:
    counter = sequence_counter(2, 3)
    counter[0, 0] = 7
    assert counter.tolist() == [[7, 1, 2], [0, 1, 2]]


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_the_place_is_the_middle_of_the_step(lengths: list[int]) -> None:
    position = relative_position(np.arange(max(lengths)), np.array(lengths)[:, None])
    assert position.dtype == np.float64
    assert position.shape == (len(lengths), max(lengths))
    for row, length in zip(position, lengths, strict=True):
        assert row.tolist() == [(i + 0.5) / length for i in range(max(lengths))]
        assert np.all(row[:length] < 1)
        assert np.all(row[length:] > 1)
        np.testing.assert_allclose(row[:length] + row[:length][::-1], 1)  # as much before as after


labels = st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=5)


@given(labels)
def test_frames_of_the_first_anomalous_step(anomalous: list[list[bool]]) -> None:
    longest = max(map(len, anomalous))
    array = np.array(
        [[*row, *[True] * (longest - len(row))] for row in anomalous]
    )  # what is past the end means nothing
    length = np.array([len(row) for row in anomalous])
    (since, after), (until, before) = since_onset(array, length), until_event(array, length)
    for n, row in enumerate(anomalous):
        onset = row.index(True) if any(row) else None
        for t in range(longest):
            passed = None if onset is None or t >= len(row) else t - onset
            assert after[n, t] == (passed is not None and passed >= 0)
            assert before[n, t] == (passed is not None and passed <= 0)
            assert since[n, t] == (passed if after[n, t] else 0)
            assert until[n, t] == (-passed if passed is not None and before[n, t] else 0)
    assert since.dtype == until.dtype == np.int64


def test_a_run_to_failure_counts_down_to_where_its_label_turns() -> None:
    healthy_then_failing = np.array([[False] * 5 + [True] * 2])
    counter, defined = until_event(healthy_then_failing, np.array([7]))
    assert counter.tolist() == [[5, 4, 3, 2, 1, 0, 0]]
    assert defined.tolist() == [[True] * 6 + [False]]
