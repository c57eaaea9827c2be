"""Ways to compute a stack: truncated gradients against a definition, half precision against full."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from seqanomaly.models.base import NO_DROPOUT, Dropout
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.seeds import torch_generator
from seqanomaly.tasks import TASKS
from seqanomaly.training.choose import compute_for
from seqanomaly.training.compute import Compute, Precision, Torch, Truncated

RECURRENT: list[type[Recurrent]] = [RNN, GRU, LSTM]
BCE = TASKS["detect"].step_loss
K, B, T, F = 3, 4, 11, 2


def batch() -> dict[str, Tensor]:
    """A batch with sequences of different lengths and uneven weights."""
    generator = torch.Generator().manual_seed(5)
    length = torch.tensor([[11, 7, 3, 5], [11, 11, 1, 2], [2, 9, 10, 4]])
    return {
        "x": torch.randn(K, B, T, F, generator=generator),
        "target": torch.randint(0, 2, (K, B, T), generator=generator).float(),
        "mask": torch.arange(T) < length.unsqueeze(-1),
        "weight": torch.rand(K, B, T, generator=generator) + 0.5,
    }


def build(kind: type[Recurrent], layers: int = 1, dropout: float = 0.0) -> tuple[Recurrent, Tensor]:
    model = kind(F, 1, hidden=4, layers=layers, dropout=dropout)
    return model, torch.stack([model.init(torch_generator(seed, "weights")) for seed in range(K)])


def gradient(compute: Compute, rows: Tensor, drop: Dropout = NO_DROPOUT) -> tuple[Tensor, Tensor]:
    return compute.gradient(BCE, rows, **batch(), drop=drop)


each_kind = pytest.mark.parametrize("kind", RECURRENT)
each_depth = pytest.mark.parametrize("layers", [1, 2])


@each_kind
@each_depth
@pytest.mark.parametrize("steps", [T, T + 1, 10 * T])
def test_one_piece_is_no_truncation(kind: type[Recurrent], layers: int, steps: int) -> None:
    model, rows = build(kind, layers)
    for found, expected in zip(gradient(Truncated(model, steps), rows), gradient(Torch(model), rows), strict=True):
        assert torch.equal(found, expected)


@each_kind
@each_depth
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
def test_pieces_change_gradients_but_no_loss(kind: type[Recurrent], layers: int, steps: int) -> None:
    model, rows = build(kind, layers)
    (loss, found), (whole, full) = gradient(Truncated(model, steps), rows), gradient(Torch(model), rows)
    torch.testing.assert_close(loss, whole, rtol=1e-6, atol=0)
    assert (found - full).abs().max() > 1e-4


@each_kind
@pytest.mark.parametrize("steps", [1, 4])
def test_a_gradient_goes_back_to_where_its_piece_begins(kind: type[Recurrent], steps: int) -> None:
    """Against the definition: of each piece alone, with the states that lead to it held fixed."""
    model, rows = build(kind)
    data, valid = batch(), batch()["mask"].sum((1, 2))
    expected = torch.zeros_like(rows)
    for begin in range(0, T, steps):
        piece = slice(begin, begin + steps)
        with torch.no_grad():
            states = model.carry(model.views(rows), data["x"][:, :, :begin], NO_DROPOUT, None)[1] if begin else None
        own = rows.clone().requires_grad_()
        outputs, _ = model.carry(model.views(own), data["x"][:, :, piece], NO_DROPOUT, states)
        per_step = BCE(outputs, data["target"][:, :, piece]) * data["weight"][:, :, piece]
        loss = torch.where(data["mask"][:, :, piece], per_step, 0.0).sum((1, 2)) / valid
        expected += torch.autograd.grad(loss.sum(), own)[0]
    torch.testing.assert_close(gradient(Truncated(model, steps), rows)[1], expected, rtol=1e-5, atol=1e-7)


@each_kind
@pytest.mark.parametrize("precision", get_args(Precision))
@pytest.mark.parametrize("truncate", [None, 3])
def test_a_member_alone_is_the_member_in_a_stack(
    kind: type[Recurrent], precision: Precision, truncate: int | None
) -> None:
    model, rows = build(kind, dropout=0.3)
    compute = compute_for(model, truncate=truncate, precision=precision)

    def drop(*seeds: int) -> Dropout:
        return Dropout(0.3, [torch_generator(seed, "dropout") for seed in seeds])

    rtol, atol = (1e-5, 1e-7) if precision == "float32" else (2e-2, 2e-3)
    loss, found = gradient(compute, rows, drop(*range(K)))
    for k in range(K):
        own = {name: value[k : k + 1] for name, value in batch().items()}
        alone_loss, alone = compute.gradient(BCE, rows[k : k + 1], **own, drop=drop(k))
        torch.testing.assert_close(loss[k : k + 1], alone_loss, rtol=rtol, atol=atol)
        torch.testing.assert_close(found[k : k + 1], alone, rtol=rtol, atol=atol)


@each_kind
def test_half_precision_is_near_full_and_leaves_parameters_and_outputs_whole(kind: type[Recurrent]) -> None:
    model, rows = build(kind)
    half = compute_for(model, precision="bf16")
    (loss, found), (whole, full) = gradient(half, rows), gradient(Torch(model), rows)
    assert loss.dtype == found.dtype == torch.float32
    torch.testing.assert_close(loss, whole, rtol=1e-2, atol=0)
    assert 1e-5 < (found - full).norm() / full.norm() < 3e-2
    assert torch.equal(half.outputs(rows, batch()["x"]), Torch(model).outputs(rows, batch()["x"]))
