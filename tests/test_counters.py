"""Counters and places in a sequence."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.counters import relative_position, sequence_counter


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
    position = relative_position(np.array(lengths), max(lengths))
    assert position.dtype == np.float64
    assert position.shape == (len(lengths), max(lengths))
    for row, length in zip(position, lengths, strict=True):
        assert row.tolist() == [(i + 0.5) / length for i in range(max(lengths))]
        assert np.all(row[:length] < 1)
        assert np.all(row[length:] > 1)
        np.testing.assert_allclose(row[:length] + row[:length][::-1], 1)  # as much before as after
