"""Shuffled labels: each step keeps how many there are of each class, and nothing else is left."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.shuffle import shuffled_labels


def sequences(labels: list[list[int]]) -> Sequences:
    """Labels of sequences whose features say which step of which sequence they are."""
    x = [np.array([[100.0 * n + t] for t in range(len(label))]) for n, label in enumerate(labels)]
    return Sequences.of(x, labels)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8), st.integers(0, 99))
def test_each_step_keeps_its_labels(labels: list[list[int]], seed: int) -> None:
    given = sequences(labels)
    found = shuffled_labels(given, np.random.default_rng(seed))
    for t in range(given.x.shape[1]):
        real = given.mask[:, t]
        assert sorted(found.label[real, t]) == sorted(given.label[real, t])
        assert (found.label[~real, t] == 0).all()
    np.testing.assert_array_equal(found.x, given.x)
    np.testing.assert_array_equal(found.length, given.length)
    assert (found.ids, found.features, found.classes) == (given.ids, given.features, given.classes)


def test_every_step_has_an_order_of_its_own() -> None:
    given = sequences([[n] * 30 for n in range(20)])
    found = shuffled_labels(given, np.random.default_rng(0))
    orders = {tuple(found.label[:, t].tolist()) for t in range(30)}
    assert len(orders) == 30
    assert (given.label == [[n] * 30 for n in range(20)]).all()  # what was given is left alone


def test_every_label_comes_everywhere() -> None:
    found = shuffled_labels(sequences([[n] * 6000 for n in range(6)]), np.random.default_rng(1)).label  # [6, 6000]
    counts = np.stack([(found == n).sum(axis=1) for n in range(6)])
    assert ((counts - 1000) ** 2 / 1000).sum() < 52.6  # the 0.999 quantile with 25 degrees of freedom


def test_the_generator_decides() -> None:
    given = sequences([[n] * 9 for n in range(9)])
    first, same, other = (shuffled_labels(given, np.random.default_rng(seed)).label for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
