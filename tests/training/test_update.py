"""Batch orders: every sequence once, the longest of a batch first, and batches of one length if asked for."""

from itertools import chain, islice

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.seeds import numpy_generator
from seqanomaly.training.stack import Stock
from seqanomaly.training.update import batch_orders

EPOCHS = 3
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=40)


class Lengths(Stock):
    """Members that have nothing but sequences of those lengths; None for some that are equally long."""

    def __init__(self, members: list[list[int] | int]) -> None:
        self.counts = [own if isinstance(own, int) else len(own) for own in members]
        self.lengths = [None if isinstance(own, int) else torch.tensor(own) for own in members]
        self.resident, self.home = True, torch.device("cpu")

    def read(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raise AssertionError(index)


def orders(members: list[list[int] | int], size: int, *, grouped: bool = False) -> list[NDArray[np.int64]]:
    """The first epochs, [K, N] each; member k has seed k."""
    generators = [numpy_generator(seed, "order") for seed in range(len(members))]
    blocks = batch_orders(generators, Lengths(members), size, group_by_length=grouped)
    return [epoch.numpy() for epoch in islice(chain.from_iterable(blocks), EPOCHS)]


def padding(order: NDArray[np.int64], length: list[int], size: int) -> int:
    """Steps that the batches of an epoch are padded with."""
    batches = [np.array(length)[order[start : start + size]] for start in range(0, len(order), size)]
    return sum(int((batch.max() - batch).sum()) for batch in batches)


@given(st.lists(LENGTHS, min_size=1, max_size=3), st.integers(1, 12), st.booleans())
def test_every_sequence_comes_once_and_the_longest_of_a_batch_first(
    members: list[list[int]], size: int, grouped: bool
) -> None:
    for epoch in orders([*members], size, grouped=grouped):
        for own, order in zip(members, epoch, strict=True):
            assert sorted(order[: len(own)]) == [*range(len(own))]
            assert (order[len(own) :] == len(own)).all()
            length = np.array(own)[order[: len(own)]]
            within = np.arange(1, len(own)) % size != 0
            assert (np.diff(length)[within] <= 0).all()


@given(LENGTHS, st.integers(1, 12), st.booleans())
def test_a_member_has_its_own_order_in_any_stack(own: list[int], size: int, grouped: bool) -> None:
    alone = orders([own], size, grouped=grouped)
    together = orders([own, 50, [3, 4]], size, grouped=grouped)
    assert all(np.array_equal(a[0], b[0, : len(own)]) for a, b in zip(alone, together, strict=True))


@given(st.integers(1, 40), st.integers(1, 12))
def test_which_sequences_share_a_batch_depends_on_lengths_only_if_asked_for(count: int, size: int) -> None:
    even, uneven = orders([count], size), orders([[*range(1, count + 1)]], size)
    for a, b in zip(even, uneven, strict=True):
        for start in range(0, count, size):
            assert set(a[0, start : start + size]) == set(b[0, start : start + size])
    assert np.array_equal(orders([[7] * count], size), even)


def test_grouped_batches_have_little_padding_and_differ_from_epoch_to_epoch() -> None:
    length = np.random.default_rng(0).integers(10, 500, 5000).tolist()
    usual, grouped = orders([length], 16), orders([length], 16, grouped=True)
    for a, b in zip(usual, grouped, strict=True):
        assert padding(b[0], length, 16) < 0.1 * padding(a[0], length, 16)
    assert len({frozenset(epoch[0, :16].tolist()) for epoch in grouped}) == EPOCHS
    means = [np.array(length)[grouped[0][0, start : start + 16]].mean() for start in range(0, 4992, 16)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2, "long batches come at any time"
