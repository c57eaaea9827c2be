"""The compiled kernel against torch: every cell, loss, shape and instruction set that this machine has."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seqanomaly.kernel.library import SETS, of, usable
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss, StepLoss
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.training.compiled import CompiledRecurrent
from seqanomaly.training.compute import Compute, Torch, Truncated

pytestmark = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
KINDS: list[type[Recurrent]] = [RNN, GRU, LSTM]
BASES: list[BaseLoss] = [BCE(), MSE(), CE()]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_base = pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
each_set = pytest.mark.parametrize("instructions", usable())


@dataclass(frozen=True)
class Case:
    """A model, its rows and a batch."""

    model: Recurrent
    base: BaseLoss
    rows: Tensor
    x: Tensor
    target: Tensor
    mask: Tensor
    weight: Tensor

    def gradient(self, compute: Compute) -> tuple[Tensor, Tensor]:
        loss = StepLoss(self.base)
        return compute.gradient(loss, self.rows, self.x, self.target, self.mask, self.weight, NO_DROPOUT)


def case(
    kind: type[Recurrent],
    base: BaseLoss,
    *,
    members: int = 3,
    batch: int = 5,
    steps: int = 7,
    features: int = 3,
    hidden: int = 6,
    layers: int = 1,
    outputs: int = 3,
    scale: float = 1.5,
    seed: int = 0,
) -> Case:
    draw = torch.Generator().manual_seed(seed)
    shape = (members, batch, steps)
    outputs = 1 if isinstance(base, BCE) else outputs
    model = kind(features, outputs, hidden=hidden, layers=layers)
    targets = {
        BCE: torch.randint(0, 2, shape, generator=draw).float(),
        MSE: torch.randn(*shape, outputs, generator=draw),
        CE: torch.randint(0, outputs, shape, generator=draw),
    }
    return Case(
        model,
        base,
        rows=scale * torch.stack([model.init(draw) for _ in range(members)]),
        x=torch.randn(*shape, features, generator=draw),
        target=targets[type(base)],
        mask=torch.rand(shape, generator=draw) < 0.8,
        weight=2 * torch.rand(shape, generator=draw),
    )


def assert_near(own: Case, instructions: str, truncate: int | None = None) -> None:
    """Outputs and losses to 2e-6, gradients to 1e-5 of their largest value."""
    compute = CompiledRecurrent(own.model, of(instructions), truncate)
    reference = Torch(own.model) if truncate is None else Truncated(own.model, truncate)
    expected = reference.outputs(own.rows, own.x)
    torch.testing.assert_close(compute.outputs(own.rows, own.x), expected, rtol=2e-6, atol=4e-6)
    (loss, found), (wanted, gradient) = own.gradient(compute), own.gradient(reference)
    torch.testing.assert_close(loss, wanted, rtol=4e-6, atol=4e-7)
    torch.testing.assert_close(found, gradient, rtol=0, atol=1e-5 * gradient.abs().max().item() + 1e-9)


@each_set
@each_base
@each_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_it_computes_what_torch_computes(kind: type[Recurrent], base: BaseLoss, layers: int, instructions: str) -> None:
    for batch in (1, 5, 16, 17, 33, 70):
        assert_near(case(kind, base, batch=batch, layers=layers, hidden=batch % 7 + 1, steps=9), instructions)


SIZES = st.fixed_dictionaries(
    {
        "members": st.integers(1, 3),
        "batch": st.integers(1, 40),
        "steps": st.integers(1, 12),
        "features": st.integers(1, 9),
        "hidden": st.integers(1, 37),
        "layers": st.integers(1, 3),
        "outputs": st.integers(1, 19),
        "seed": st.integers(0, 99),
    }
)


@given(
    kind=st.sampled_from(KINDS),
    base=st.sampled_from(BASES),
    sizes=SIZES,
    instructions=st.sampled_from(usable() or SETS),
    truncate=st.none() | st.integers(1, 6),
)
def test_it_computes_what_torch_computes_for_any_sizes(
    kind: type[Recurrent], base: BaseLoss, sizes: dict[str, int], instructions: str, truncate: int | None
) -> None:
    assert_near(case(kind, base, **sizes), instructions, truncate)


@each_set
@each_base
@each_kind
def test_a_member_has_the_same_bits_alone_and_in_any_stack(
    kind: type[Recurrent], base: BaseLoss, instructions: str
) -> None:
    own = case(kind, base, members=4, batch=37, hidden=5)
    compute = CompiledRecurrent(own.model, of(instructions))
    outputs, (loss, gradient) = compute.outputs(own.rows, own.x), own.gradient(compute)
    for order in ([0], [3], [2, 1], [3, 0, 2]):
        part = Case(own.model, base, *(v[order] for v in (own.rows, own.x, own.target, own.mask, own.weight)))
        again = part.gradient(compute)
        assert torch.equal(compute.outputs(part.rows, part.x), outputs[order])
        assert torch.equal(again[0], loss[order])
        assert torch.equal(again[1], gradient[order])


@each_set
@each_kind
@pytest.mark.parametrize("batch", [1, 7, 16, 31, 33])
def test_sequences_that_do_not_count_change_no_bit(kind: type[Recurrent], batch: int, instructions: str) -> None:
    own = case(kind, BCE(), batch=40)
    mask = own.mask & (torch.arange(40) < batch).unsqueeze(-1)
    compute = CompiledRecurrent(own.model, of(instructions))
    longer = Case(own.model, BCE(), own.rows, own.x, own.target, mask, own.weight).gradient(compute)
    parts = (own.x, own.target, mask, own.weight)
    alone = Case(own.model, BCE(), own.rows, *(v[:, :batch] for v in parts)).gradient(compute)
    assert torch.equal(alone[0], longer[0])
    assert torch.equal(alone[1], longer[1])
