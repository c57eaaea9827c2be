"""The compiled kernel against torch: every cell, loss, shape and instruction set that this machine has."""

import math
import platform
from dataclasses import dataclass, replace

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


@each_set
def test_long_sequences_whose_steps_are_weighed_in_pieces(instructions: str) -> None:
    for truncate in (None, 300):
        assert_near(case(LSTM, BCE(), members=1, batch=2, steps=1000, hidden=17), instructions, truncate)


SIZES = st.fixed_dictionaries(
    {
        "members": st.integers(1, 3),
        "batch": st.integers(1, 40),
        "steps": st.integers(1, 12),
        "features": st.integers(1, 20),
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


@each_base
@each_kind
def test_gradients_are_differences_of_losses(kind: type[Recurrent], base: BaseLoss) -> None:
    # along random directions, of losses in double precision by torch
    own = case(kind, base, members=1, layers=2)
    _, gradient = own.gradient(CompiledRecurrent(own.model, of(usable()[-1])))

    def loss(rows: Tensor) -> float:
        outputs = own.model.forward(own.model.views(rows), own.x.double(), NO_DROPOUT)
        each = StepLoss(base)(outputs, own.target if isinstance(base, CE) else own.target.double())
        return (torch.where(own.mask, each * own.weight, 0.0).sum() / own.mask.sum()).item()

    for seed in range(5):
        way = torch.randn(own.rows.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        up, down = (loss(own.rows.double() + sign * 1e-5 * way) for sign in (1, -1))
        assert (gradient.double() * way).sum().item() == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


@each_set
@each_base
@each_kind
@pytest.mark.parametrize("size", [1e3, 1e10, 1e30])
def test_saturated_gates_and_huge_features_are_what_torch_makes_of_them(
    kind: type[Recurrent], base: BaseLoss, size: float, instructions: str
) -> None:
    own = case(kind, base)
    own = Case(own.model, base, own.rows, own.x * size, own.target, own.mask, own.weight)
    (loss, found), (wanted, gradient) = (
        own.gradient(compute) for compute in (CompiledRecurrent(own.model, of(instructions)), Torch(own.model))
    )
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-6)
    assert torch.isfinite(gradient).all()
    torch.testing.assert_close(found, gradient, rtol=1e-3, atol=1e-5 * max(1.0, gradient.abs().max().item()))


@each_set
@each_base
@each_kind
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_shows_in_the_loss(
    kind: type[Recurrent], base: BaseLoss, value: float, instructions: str
) -> None:
    own = case(kind, base)
    rows = own.rows.clone()
    rows[1, -1] = value  # a bias of the head
    broken = Case(own.model, base, rows, own.x, own.target, own.mask, own.weight)
    compute = CompiledRecurrent(own.model, of(instructions))
    (loss, gradient), (good, kept) = broken.gradient(compute), own.gradient(compute)
    expected = broken.gradient(Torch(own.model))[0]
    assert not torch.isfinite(loss[1])
    assert not torch.isfinite(expected[1])
    assert torch.equal(loss[[0, 2]], good[[0, 2]])
    assert torch.equal(gradient[[0, 2]], kept[[0, 2]])
    rows = own.rows.clone()
    rows[1, 0] = math.nan  # a weight of the input
    spoilt = Case(own.model, base, rows, own.x, own.target, own.mask, own.weight)
    assert spoilt.gradient(compute)[0].isnan().tolist() == [False, True, False]
    assert compute.outputs(rows, own.x)[1].isnan().all()


@each_set
def test_what_stands_where_nothing_counts_means_nothing(instructions: str) -> None:
    own = case(LSTM, MSE())
    compute = CompiledRecurrent(own.model, of(instructions))
    loss, gradient = own.gradient(compute)
    target = own.target.masked_fill(~own.mask.unsqueeze(-1), math.nan)
    weight = own.weight.masked_fill(~own.mask, math.inf)
    again = Case(own.model, own.base, own.rows, own.x, target, own.mask, weight).gradient(compute)
    assert torch.equal(loss, again[0])
    assert torch.equal(gradient, again[1])


@each_set
@each_base
def test_members_may_share_their_data(base: BaseLoss, instructions: str) -> None:
    own = case(GRU, base)
    compute = CompiledRecurrent(own.model, of(instructions))
    shared = [v[:1].expand(3, *v.shape[1:]) for v in (own.x, own.target, own.mask, own.weight)]
    found = Case(own.model, base, own.rows, *shared).gradient(compute)
    expected = Case(own.model, base, own.rows, *(v.clone() for v in shared)).gradient(compute)
    assert all(map(torch.equal, found, expected))
    assert torch.equal(compute.outputs(own.rows, shared[0]), compute.outputs(own.rows, shared[0].clone()))


@each_set
def test_a_class_that_is_none_is_no_number(instructions: str) -> None:
    own = case(LSTM, CE())
    own.target[1][own.mask[1]] = 3
    loss, _ = own.gradient(CompiledRecurrent(own.model, of(instructions)))
    assert loss.isnan().tolist() == [False, True, False]


def test_a_member_without_steps_has_no_loss_and_no_gradient() -> None:
    own = case(GRU, BCE())
    mask = own.mask & torch.tensor([True, False, True])[:, None, None]
    compute = CompiledRecurrent(own.model, of(usable()[-1]))
    loss, gradient = Case(own.model, own.base, own.rows, own.x, own.target, mask, own.weight).gradient(compute)
    assert loss[1] == 0
    assert (gradient[1] == 0).all()
    assert (loss[[0, 2]] > 0).all()


@pytest.mark.parametrize("base", [BCE(pos_weight=3.0), CE([1.0, 2.0, 3.0])])
def test_a_loss_with_factors_goes_to_torch(base: BaseLoss) -> None:
    plain = case(LSTM, BCE() if isinstance(base, BCE) else CE())
    own = Case(plain.model, base, plain.rows, plain.x, plain.target, plain.mask, plain.weight)
    for found, expected in zip(
        own.gradient(CompiledRecurrent(own.model, of(usable()[-1]))), own.gradient(Torch(own.model)), strict=True
    ):
        assert torch.equal(found, expected)


def test_inputs_may_lie_in_memory_in_any_way() -> None:
    own = case(GRU, CE())
    compute = CompiledRecurrent(own.model, of(usable()[-1]))
    parts = (own.rows, own.x, own.target, own.mask, own.weight)
    spread = [torch.stack([part, part], dim=-1)[..., 0] for part in parts]
    assert not any(part.is_contiguous() for part in spread)
    for found, expected in zip(
        Case(own.model, own.base, *spread).gradient(compute), own.gradient(compute), strict=True
    ):
        assert torch.equal(found, expected)
    assert torch.equal(compute.outputs(spread[0], spread[1]), compute.outputs(own.rows, own.x))


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="the kernel asks x86 and ARM for it",
)
@each_set
@each_kind
def test_what_is_too_small_for_a_normal_float_is_0_there_and_only_there(
    kind: type[Recurrent], instructions: str
) -> None:
    own = case(kind, BCE())
    own = replace(own, weight=torch.full_like(own.weight, 1e-39))
    assert own.gradient(Torch(own.model))[1].abs().max() > 0
    loss, gradient = own.gradient(CompiledRecurrent(own.model, of(instructions)))
    assert not loss.any()
    assert not gradient.any()
    assert (torch.tensor([1e-39]) * 1).item() > 0
