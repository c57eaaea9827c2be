"""Stretches of steps and pieces between breaks, beside loops over every step."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.mapped.stretch import pieces_of, stretches


@st.composite
def placed(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """First rows and lengths of sequences that lie apart in a file, in any order."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=6))
    spare = draw(st.lists(st.integers(0, 3), min_size=len(lengths), max_size=len(lengths)))
    first, rows = [], 0
    for length, before in zip(lengths, spare, strict=True):
        first.append(rows + before)
        rows += before + length
    order = draw(st.permutations(range(len(lengths))))
    return [first[i] for i in order], [lengths[i] for i in order]


@given(placed(), st.integers(1, 12))
def test_stretches_have_every_step_once_in_order(sequences: tuple[list[int], list[int]], at_once: int) -> None:
    first, length = sequences
    found = list(stretches(np.array(first), np.array(length), at_once))
    steps = [(i, begin + k, first[i] + k) for i, begin in ((i, 0) for i in range(len(first))) for k in range(length[i])]
    numbers = (np.repeat(one.sequence, one.length).tolist() for one in found)
    assert [
        step
        for number, one in zip(numbers, found, strict=True)
        for step in zip(number, one.place.tolist(), one.rows.tolist(), strict=True)
    ] == steps
    assert all(one.length.sum() < 2 * at_once for one in found)


@given(placed(), st.sets(st.integers(0, 60)))
def test_pieces_end_where_a_break_is(sequences: tuple[list[int], list[int]], breaks: set[int]) -> None:
    first, length = sequences
    expected = []
    for number, (row, steps) in enumerate(zip(first, length, strict=True)):
        starts = [0, *(place for place in range(1, steps) if row + place in breaks)]
        expected += [(number, *ends) for ends in zip(starts, [*starts[1:], steps], strict=True)]
    found = pieces_of(np.array(first), np.array(length), np.array(sorted(breaks), np.int64))
    assert list(zip(*(values.tolist() for values in found), strict=True)) == expected
