"""Backward passes by hand against autograd, through `Recurrent.layer`."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seqanomaly.losses.base import BCE, StepLoss
from seqanomaly.models import rnn
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.training.compute import Torch, Truncated

KINDS = (RNN, GRU, LSTM)
MEMBERS, BATCH, STEPS, FEATURES = 3, 4, 9, 2


def drawn(model: Recurrent, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Rows and features in double precision."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(MEMBERS, model.size, generator=generator, dtype=torch.float64)
    return rows, torch.randn(MEMBERS, BATCH, steps, FEATURES, generator=generator, dtype=torch.float64)


def gradients(model: Recurrent, rows: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs, and the gradients of a sum of them in which every one counts differently, by rows and features."""
    rows, x = rows.clone().requires_grad_(), x.clone().requires_grad_()
    outputs = model.forward(model.views(rows), x, NO_DROPOUT)
    factors = torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    of_rows, of_x = torch.autograd.grad((outputs * factors).sum(), (rows, x))
    return outputs.detach(), of_rows, of_x


@pytest.mark.parametrize("steps", [1, 2, STEPS])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_backward_pass_is_autograds(
    kind: type[Recurrent], layers: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = kind(FEATURES, 2, hidden=5, layers=layers)
    rows, x = drawn(model, steps)
    expected = gradients(model, rows, x)
    monkeypatch.setattr(rnn, "BY_HAND", ("cpu",))
    for found, wanted in zip(gradients(model, rows, x), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("truncate", [None, 4])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_of_a_stack_is_the_same(
    kind: type[Recurrent], precision: Any, truncate: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = kind(FEATURES, 1, hidden=5)
    rows, x = (values.float() for values in drawn(model))
    target, mask = (x[..., 0] > 0).float(), x[..., 1] < 1
    compute = Torch(model, precision) if truncate is None else Truncated(model, truncate, precision)
    expected = compute.gradient(StepLoss(BCE()), rows, x, target, mask, torch.ones_like(target), NO_DROPOUT)
    monkeypatch.setattr(rnn, "BY_HAND", ("cpu",))
    found = compute.gradient(StepLoss(BCE()), rows, x, target, mask, torch.ones_like(target), NO_DROPOUT)
    rtol, atol = (1e-4, 1e-6) if precision == "float32" else (0.1, 5e-3)
    for by_hand, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(by_hand, wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_go_on_where_the_last_one_ended(kind: type[Recurrent], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "BY_HAND", ("cpu",))
    model = kind(FEATURES, 1, hidden=5, layers=2)
    rows, x = drawn(model)
    weights, states, outputs = model.views(rows), None, []
    for piece in x.split(4, dim=2):  # type: ignore[no-untyped-call]
        out, states = model.carry(weights, piece, NO_DROPOUT, states)
        outputs.append(out)
    torch.testing.assert_close(torch.cat(outputs, dim=2), model.forward(weights, x, NO_DROPOUT), rtol=1e-12, atol=0)


def test_a_model_of_ones_own_computes_its_own_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(RNN):
        def layer(self, inputs: Tensor, *_: Any) -> Any:
            return list((2 * inputs).unbind(2)), (inputs[:, :, -1],)

    model = Own(FEATURES, 1, hidden=5)
    rows, x = drawn(model)
    expected = model.forward(model.views(rows), x, NO_DROPOUT)
    monkeypatch.setattr(rnn, "BY_HAND", ("cpu",))
    assert torch.equal(model.forward(model.views(rows), x, NO_DROPOUT), expected)
