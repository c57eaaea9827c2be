"""Holding out whole sequences: how many, of which class, and by whom it is decided."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import hold_out

classes = st.lists(st.integers(0, 3), min_size=2, max_size=60)
shares = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


def of_classes(highest: list[int]) -> Sequences:
    """A sequence of two steps for each class, which it has at its second step only."""
    return Sequences.of([np.ones((2, 1))] * len(highest), [[0, c] for c in highest], classes=("0", "1", "2", "3"))


@given(classes, shares, seeds)
def test_every_sequence_is_in_one_part_and_in_order(highest: list[int], share: float, seed: int) -> None:
    rest, held = hold_out(of_classes(highest), share, np.random.default_rng(seed))
    assert sorted([*rest.ids, *held.ids], key=int) == [str(i) for i in range(len(highest))]
    for part in (rest, held):
        assert list(part.ids) == sorted(part.ids, key=int)
        assert part.label[:, 1].tolist() == [highest[int(i)] for i in part.ids]


@given(classes, shares, seeds)
def test_the_share_is_exact_and_no_part_is_empty(highest: list[int], share: float, seed: int) -> None:
    count = len(highest)
    rest, held = hold_out(of_classes(highest), share, np.random.default_rng(seed))
    assert len(held) == min(max(round(share * count), 1), count - 1)
    assert len(rest) == count - len(held)


@given(classes, shares, seeds)
def test_each_class_is_held_out_in_proportion(highest: list[int], share: float, seed: int) -> None:
    _, held = hold_out(of_classes(highest), share, np.random.default_rng(seed))
    for c in set(highest):
        fair = highest.count(c) * len(held) / len(highest)
        found = int((held.label[:, 1] == c).sum())
        assert abs(found - fair) < 1, f"{found} of class {c} where {fair:.2f} would be fair"


@given(classes, shares, seeds)
def test_the_generator_alone_decides(highest: list[int], share: float, seed: int) -> None:
    parts = [hold_out(of_classes(highest), share, np.random.default_rng(seed)) for _ in range(2)]
    assert parts[0][1].ids == parts[1][1].ids


def test_another_seed_holds_out_others() -> None:
    held = {hold_out(of_classes([0, 1] * 20), 0.2, np.random.default_rng(seed))[1].ids for seed in range(10)}
    assert len(held) == 10


def test_every_sequence_is_held_out_equally_often() -> None:
    sequences, generator, draws = of_classes([0] * 7 + [1] * 3), np.random.default_rng(0), 4000
    often = np.zeros(10)
    for _ in range(draws):
        often[[int(i) for i in hold_out(sequences, 0.3, generator)[1].ids]] += 1
    np.testing.assert_allclose(often / draws, 0.3, atol=5 * np.sqrt(0.3 * 0.7 / draws))
