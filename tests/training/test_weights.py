"""The weights of training steps in windows, against windows that are written out one by one."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from seqanomaly.batch import Batch
from seqanomaly.losses import MODULATIONS, CounterLoss, Linear
from seqanomaly.training.stack import Within
from seqanomaly.training.weights import seen_weights, sequence_weights, window_weights

LENGTHS = np.array([11, 3, 7, 11, 5])
STEPS, LENGTH, STRIDE = 11, 5, 3
Normalize = Literal["none", "mean"]
each_loss = pytest.mark.parametrize("kind", MODULATIONS)
each_normalize = pytest.mark.parametrize("normalize", ["none", "mean"])


def batch(*, learn_all: bool = False) -> tuple[Batch, Tensor]:
    """Sequences of which some steps are not learned, in windows; and which steps there are."""
    whole = torch.arange(STEPS) < torch.from_numpy(LENGTHS).unsqueeze(1)
    drawn = torch.rand(len(LENGTHS), STEPS, generator=torch.Generator().manual_seed(0)) < 0.7
    mask = whole if learn_all else whole & drawn
    counter = torch.arange(STEPS).expand(len(LENGTHS), STEPS)
    made = Batch(x=torch.zeros(len(LENGTHS), STEPS, 1), target=counter, mask=mask, counter=counter)
    return made.in_windows(LENGTHS, LENGTH, STRIDE), whole


def written_out(own: Batch) -> list[tuple[int, slice]]:
    """Sequence and steps of each window."""
    assert own.windows is not None
    pairs = zip(own.windows.sequence.tolist(), own.windows.start.tolist(), strict=True)
    return [(row, slice(start, start + LENGTH)) for row, start in pairs]


def of_slots(weight: Tensor, within: Within | None, own: Batch) -> Tensor:
    """The weights as the loop reads them, [W, L]."""
    steps = torch.stack([weight[row, steps] for row, steps in written_out(own)])
    return steps if within is None else steps * within.of(torch.arange(len(own)))


@each_normalize
@each_loss
def test_weights_of_the_sequence_average_one_over_what_the_loss_sees(kind: str, normalize: Normalize) -> None:
    own, whole = batch()
    weight = sequence_weights(CounterLoss("mse", kind, normalize=normalize), own, whole)
    plain = CounterLoss("mse", kind).weights(own.counter, whole).masked_fill(~own.mask, 0.0)
    slots, rows = of_slots(weight, None, own), [row for row, _ in written_out(own)]
    learned = of_slots(own.mask.float(), None, own)
    for row in range(len(LENGTHS)):
        here = [w for w, of in enumerate(rows) if of == row]
        if normalize == "mean":
            assert slots[here].sum().item() == pytest.approx(learned[here].sum().item(), rel=1e-5)
        factor = 1.0 if normalize == "none" else weight[row].max() / plain[row].max()
        torch.testing.assert_close(weight[row], plain[row] * factor, rtol=1e-4, atol=1e-6)


@each_normalize
@each_loss
def test_weights_of_the_window_are_those_of_the_window_alone(kind: str, normalize: Normalize) -> None:
    own, _ = batch()
    loss = CounterLoss("mse", kind, normalize=normalize)
    within = window_weights(loss, own, LENGTHS)
    assert len(within.rows) == 2  # windows of 5 and of 3 steps
    slots = of_slots(own.mask.float(), within, own)
    for w, (row, steps) in enumerate(written_out(own)):
        real, learned = min(LENGTH, int(LENGTHS[row])), own.mask[row, steps]
        expected = CounterLoss("mse", kind, normalize=normalize).weights(torch.arange(real)).double()
        expected = torch.cat([expected, torch.zeros(LENGTH - real)]) * learned
        if normalize == "mean" and expected.sum() > 0:
            expected = expected * learned.sum() / expected.sum()
        torch.testing.assert_close(slots[w].double(), expected, rtol=1e-5, atol=1e-6)


def test_a_window_of_normalised_weights_averages_one() -> None:
    own, _ = batch(learn_all=True)
    within = window_weights(CounterLoss("mse", "exp", normalize="mean"), own, LENGTHS)
    slots = of_slots(own.mask.float(), within, own)
    real = torch.tensor([float(min(LENGTH, LENGTHS[row])) for row, _ in written_out(own)])
    torch.testing.assert_close(slots.sum(1), real)
    assert torch.equal(within.scale, torch.ones(len(own)))


@pytest.mark.parametrize("by_place", [False, True])
def test_what_a_step_counts_in_an_epoch(by_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own, whole = batch()
    loss = CounterLoss("mse", Linear(rate=0.3), normalize="mean")
    factor = 1 + torch.arange(STEPS).expand(len(LENGTHS), STEPS) % 3  # as of classes
    within = window_weights(loss, own, LENGTHS) if by_place else None
    weight = (own.mask if by_place else sequence_weights(loss, own, whole)) * factor
    expected = torch.zeros(len(LENGTHS), STEPS, dtype=torch.float64)
    for slot, (row, steps) in zip(of_slots(weight, within, own), written_out(own), strict=True):
        expected[row, steps] += slot
    found = seen_weights(weight, within, own)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)
    assert torch.equal(found > 0, own.mask)
    monkeypatch.setattr("seqanomaly.training.weights.AT_ONCE", 7)  # a window or two at a time
    torch.testing.assert_close(seen_weights(weight, within, own), found, rtol=1e-12, atol=0)
    if by_place:
        assert torch.equal(window_weights(loss, own, LENGTHS).scale, within.scale if within else torch.zeros(0))


def test_without_windows_a_step_counts_once() -> None:
    own, _ = batch()
    whole = Batch(x=own.x, target=own.target, mask=own.mask, counter=own.counter)
    weight = own.mask * 2.5
    assert torch.equal(seen_weights(weight, None, whole), weight.double())
