"""Steps without a counter weigh as much as an unmodulated step, against plain numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqanomaly.losses import MODULATIONS, CounterLoss, Exp, Linear, Modulation, Step
from seqanomaly.losses.modulations import Permuted, Reverse

PLAIN: dict[str, tuple[Modulation, Any]] = {
    "uniform": (MODULATIONS["uniform"](), lambda c: 1.0),
    "linear": (Linear(rate=0.5), lambda c: 1 + 0.5 * c),
    "exp": (Exp(rate=0.2), lambda c: math.exp(0.2 * c)),
    "decay": (Exp(rate=-0.2), lambda c: math.exp(-0.2 * c)),
    "step": (Step(threshold=3.0), lambda c: float(c >= 3)),
}
states = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=9)


def tensors(states: list[tuple[bool, bool]]) -> tuple[Tensor, Tensor, Tensor]:
    """A counter of the counted steps from 0 on, which steps are counted, and which are valid."""
    valid = torch.tensor([[v for v, _ in states]])
    counted = torch.tensor([[c for _, c in states]]) & valid
    return (counted.cumsum(-1) - 1).clamp(min=0) * counted, counted, valid


def plain(states: list[tuple[bool, bool]], weigh: Any, *, averaged: bool) -> list[float]:
    found, next_counter = [], 0
    for valid, counted in states:
        found.append((weigh(next_counter) if counted else 1.0) if valid else 0.0)
        next_counter += valid and counted
    total, steps = sum(found), sum(valid for valid, _ in states)
    return [w * steps / total if averaged and total else w for w in found]


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("name", PLAIN)
@given(states=states)
def test_weights_are_those_of_the_plain_formula(name: str, averaged: bool, states: list[tuple[bool, bool]]) -> None:
    modulation, weigh = PLAIN[name]
    counter, counted, valid = tensors(states)
    loss = CounterLoss("mse", modulation, normalize="mean" if averaged else "none")
    found = loss.weights(counter, valid, torch.float64, counted)[0].tolist()
    assert found == pytest.approx(plain(states, weigh, averaged=averaged), rel=1e-12)


@pytest.mark.parametrize("normalize", ["none", "mean"])
@pytest.mark.parametrize("kind", MODULATIONS)
def test_where_every_step_is_counted_nothing_changes(kind: str, normalize: Any) -> None:
    loss = CounterLoss("mse", kind, normalize=normalize)
    counter, mask = torch.arange(12).expand(2, 12), torch.arange(12) < torch.tensor([[12], [7]])
    torch.testing.assert_close(
        loss.weights(counter, mask, torch.float64, mask), loss.weights(counter, mask, torch.float64), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("normalize", ["none", "mean"])
@pytest.mark.parametrize("kind", MODULATIONS)
def test_where_no_step_is_counted_every_step_weighs_the_same(kind: str, normalize: Any) -> None:
    mask = torch.arange(5) < 4
    found = CounterLoss("mse", kind, normalize=normalize).weights(torch.zeros(5).long(), mask, counted=mask & ~mask)
    assert found.tolist() == [1, 1, 1, 1, 0]


def test_an_exponential_that_overflows_leaves_nothing_to_the_others() -> None:
    counter = torch.tensor([0, 0, 1, 100_000])
    counted = torch.tensor([False, True, True, True])
    loss = CounterLoss("mse", Exp(rate=1.0), normalize="mean")
    found = loss.weights(counter, None, torch.float64, counted)
    assert found.tolist() == pytest.approx([0, 0, 0, 4])
    together = loss.weights(torch.tensor([0, 0, 1, 600]), None, torch.float64, counted)
    assert together[0] == together[1] == pytest.approx(4 * math.exp(-600), rel=1e-9)


def test_a_share_is_one_of_the_counted_steps() -> None:
    counted = torch.tensor([False, False, True, True, True, True])
    counter = torch.tensor([0, 0, 0, 1, 2, 3])
    found = CounterLoss("mse", Step(threshold="50%")).weights(counter, counted=counted)
    assert found.tolist() == [1, 1, 0, 0, 1, 1]


def test_controls_reorder_the_counted_steps_only() -> None:
    counted = torch.tensor([False, True, True, True, False])
    counter = torch.tensor([0, 0, 1, 2, 0])
    backwards = CounterLoss("mse", Reverse(of=Linear(rate=1.0))).weights(counter, counted=counted)
    assert backwards.tolist() == [1, 3, 2, 1, 1]
    permuted = CounterLoss("mse", Permuted(of=Linear(rate=1.0))).weights(counter, counted=counted)
    assert permuted[[0, 4]].tolist() == [1, 1]
    assert sorted(permuted[1:4].tolist()) == [1, 2, 3]
