"""Sequences: padding, masks and taking some of them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.datasets import laid
from seqanomaly.datasets.sequences import Sequences

lengths = st.lists(st.integers(1, 9), min_size=1, max_size=8)


def ragged(lengths: list[int], width: int = 2) -> Sequences:
    """Sequences whose values are all different from 0."""
    arrays = [np.full((length, width), place + 1.0) for place, length in enumerate(lengths)]
    return Sequences.of(arrays, [np.full(length, 1) for length in lengths])


@given(lengths)
def test_padding_is_zero_and_the_mask_marks_what_is_real(lengths: list[int]) -> None:
    made = ragged(lengths)
    assert made.x.shape == (len(lengths), max(lengths), 2)
    assert [made.x.dtype.name, made.label.dtype.name, made.length.dtype.name] == ["float32", "int64", "int64"]
    assert made.length.tolist() == lengths
    assert made.mask.sum(axis=1).tolist() == lengths
    assert made.mask[:, 0].all()
    for values in (*np.moveaxis(made.x, 2, 0), made.label):
        np.testing.assert_array_equal(values != 0, made.mask)


@given(lengths, st.data())
def test_take_keeps_everything_that_belongs_to_a_sequence(lengths: list[int], data: st.DataObject) -> None:
    made = ragged(lengths)
    index = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6)), np.int64)
    taken = made.take(index)
    assert len(taken) == len(index)
    assert taken.ids == tuple(str(i) for i in index)
    np.testing.assert_array_equal(taken.x, made.x[index])
    np.testing.assert_array_equal(taken.label, made.label[index])
    np.testing.assert_array_equal(taken.length, made.length[index])
    assert (taken.features, taken.classes) == (made.features, made.classes)


def test_names_are_kept() -> None:
    made = Sequences.of([np.ones((1, 1))], [0], ids=("a",), features=("heat",), classes=("ok", "bad"))
    assert (made.ids, made.features, made.classes) == (("a",), ("heat",), ("ok", "bad"))


def test_one_label_is_given_to_each_step() -> None:
    made = Sequences.of([np.ones((2, 1)), np.ones((3, 1))], [1, 0])
    assert made.label.tolist() == [[1, 1, 0], [0, 0, 0]]


def test_as_many_labels_as_sequences() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        Sequences.of([np.ones((2, 1)), np.ones((3, 1))], [1])


def test_pieces_know_where_they_begin() -> None:
    whole = Sequences.of([np.arange(6.0)[:, None], np.arange(4.0)[:, None]], [[0, 0, 0, 0, 1, 1], 0])
    late = whole.cut(np.array([2, 4]), np.array([6, 4]))
    assert (late.ids, late.start.tolist(), late.length.tolist()) == (("0",), [2], [4])
    latest = late.cut(np.array([1]), np.array([3]))
    assert (latest.start.tolist(), latest.x[0, :, 0].tolist(), latest.label.tolist()) == ([3], [3.0, 4.0], [[0, 1]])
    assert late.take(np.array([0])).start.tolist() == [2]
    assert whole.start.tolist() == whole.take(np.array([1, 0])).start.tolist() == [0, 0]


@given(lengths)
@pytest.mark.parametrize("long", [1, 500])
def test_stacked_steps_become_the_same_sequences(long: int, lengths: list[int]) -> None:
    with mock.patch.object(laid, "LONG", long):
        made = ragged(lengths)
        time = [np.arange(length) * 2 for length in lengths]
        names: dict[str, Any] = {"ids": made.ids, "features": made.features, "classes": made.classes}
        whole = Sequences.of(_split(made), _labels(made), time=time, **names)
        stacked = Sequences.stacked(
            made.x[made.mask], made.label[made.mask], made.length, time=np.concatenate(time), **names
        )
    _same(stacked, whole)


@given(lengths, st.integers(0, 255))
def test_whole_sequences_are_cut_out_as_any_steps_are(lengths: list[int], chosen: int) -> None:
    made = ragged(lengths)
    made = replace(made, valid=made.real & (np.arange(made.x.shape[1]) != 1), offset=np.arange(len(made)))
    ends = np.where((chosen >> np.arange(len(made))) & 1, made.length, 0)
    if ends.any():
        kept = np.flatnonzero(ends)
        _same(
            made.cut(np.zeros_like(ends), ends),
            made._spans(kept, np.zeros_like(kept), ends[kept], tuple(made.ids[i] for i in kept)),
        )


def _split(made: Sequences) -> list[NDArray[np.float32]]:
    return [x[:length] for x, length in zip(made.x, made.length, strict=True)]


def _labels(made: Sequences) -> list[NDArray[np.int64]]:
    return [label[:length] for label, length in zip(made.label, made.length, strict=True)]


def _same(one: Sequences, other: Sequences) -> None:
    for field in fields(Sequences):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert isinstance(mine, np.ndarray) == isinstance(theirs, np.ndarray)
        if isinstance(theirs, np.ndarray):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs
