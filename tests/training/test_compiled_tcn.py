"""The compiled TCN computes what the torch path computes, and a member's bits do not depend on its stack."""

import ctypes
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from seqanomaly.kernel.library import SETS, VARIABLE, of, usable
from seqanomaly.losses.base import BCE, StepLoss
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.tcn import TCN
from seqanomaly.tasks import TASKS
from seqanomaly.training.choose import compute_for
from seqanomaly.training.compiled import CompiledTCN
from seqanomaly.training.compute import Torch

pytestmark = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
each_set = pytest.mark.parametrize("instructions", SETS)


class Case(NamedTuple):
    """A stack and a batch of it, drawn from a seed."""

    model: TCN
    task: str
    rows: Tensor
    x: Tensor
    target: Tensor
    mask: Tensor
    weight: Tensor

    def of_member(self, k: int) -> "Case":
        return Case(self.model, self.task, *(values[k : k + 1] for values in self[2:]))


def case(
    seed: int = 0,
    task: str = "detect",
    members: int = 2,
    batch: int = 3,
    steps: int = 20,
    features: int = 4,
    classes: int = 3,
    *,
    scale: float = 1.0,
    **model: Any,
) -> Case:
    g = torch.Generator().manual_seed(seed)
    outputs = TASKS[task].outputs(features, classes)
    tcn = TCN(features, outputs, **{"channels": 8, "kernel": 3, "layers": 2, **model})
    every = (members, batch, steps)
    target = {
        "detect": torch.randint(0, 2, every, generator=g).float(),
        "classify": torch.randint(0, classes, every, generator=g),
        "forecast": torch.randn(*every, features, generator=g),
    }[task]
    return Case(
        model=tcn,
        task=task,
        rows=torch.stack([tcn.init(g) for _ in range(members)]) * scale,
        x=torch.randn(*every, features, generator=g),
        target=target,
        mask=torch.rand(every, generator=g) < 0.8,
        weight=3 * torch.rand(every, generator=g),
    )


def compiled(c: Case, instructions: str) -> CompiledTCN:
    if instructions not in usable():
        pytest.skip(f"this machine has no {instructions}")
    return CompiledTCN(c.model, of(instructions))


def gradient(c: Case, compute: Torch | CompiledTCN) -> tuple[Tensor, Tensor]:
    return compute.gradient(TASKS[c.task].step_loss, c.rows, c.x, c.target, c.mask, c.weight, NO_DROPOUT)


def assert_alike(c: Case, instructions: str) -> None:
    """Equal to a few units in the last place of the largest value."""
    fast, reference = compiled(c, instructions), Torch(c.model)
    found, expected = fast.outputs(c.rows, c.x), reference.outputs(c.rows, c.x)
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-6 * max(1.0, expected.abs().max().item()))
    (loss, by_row), (loss_expected, by_row_expected) = gradient(c, fast), gradient(c, reference)
    torch.testing.assert_close(loss, loss_expected, rtol=3e-6, atol=1e-7)
    largest = by_row_expected.abs().max().item()
    torch.testing.assert_close(by_row, by_row_expected, rtol=0, atol=3e-6 * largest + 1e-9)


class Kinks(TorchFunctionMode):
    """How near to 0 an input of a ReLU comes, 0 itself left out: rounding decides about the gradient there."""

    nearest = float("inf")

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is Tensor.relu:
            self.nearest = min([self.nearest, *args[0].abs()[args[0] != 0].tolist()])
        return function(*args, **(kwargs or {}))


@each_set
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    task=st.sampled_from(list(TASKS)),
    members=st.integers(1, 3),
    batch=st.integers(1, 4),
    steps=st.integers(1, 40),
    features=st.integers(1, 20),
    classes=st.integers(2, 9),
    channels=st.integers(1, 40),
    kernel=st.integers(2, 5),
    layers=st.integers(1, 4),
)
def test_is_the_torch_path_to_rounding(instructions: str, **shape: Any) -> None:
    c = case(**shape)
    with Kinks() as kinks:
        Torch(c.model).outputs(c.rows, c.x)
    assert kinks.nearest < float("inf")
    assume(kinks.nearest > 1e-6)
    assert_alike(c, instructions)


@each_set
@pytest.mark.parametrize(("features", "channels"), [(130, 8), (4, 64), (66, 136), (200, 200)])
def test_wide_models(instructions: str, features: int, channels: int) -> None:
    assert_alike(case(features=features, channels=channels, steps=15), instructions)
    assert_alike(case(task="forecast", features=features, channels=channels, steps=15), instructions)


@each_set
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 16, 31, 47, 48, 64])
@pytest.mark.parametrize("channels", [32, 48])
def test_pairs_of_steps(instructions: str, steps: int, channels: int) -> None:
    """Three taps at dilations from 1 to 16, with and without a skip, by four products for two steps where that pays."""
    assert_alike(case(steps=steps, channels=channels, layers=5), instructions)
    assert_alike(case(steps=steps, channels=channels, features=channels, layers=1), instructions)


@each_set
@pytest.mark.parametrize(("channels", "longest"), [(8, 60), (64, 481), (80, 231), (128, 240)])
def test_space_for_the_longest_sequences_is_enough_for_all(instructions: str, channels: int, longest: int) -> None:
    """An epoch asks for it once. Around these lengths the number of sequences that are computed together changes."""
    c = case(members=1, batch=5, steps=longest, channels=channels, layers=4)
    fast = compiled(c, instructions)
    room = len(fast.space(fast.shape(5, longest, 0), learns=True))
    for batch, steps in ((1, longest), (4, longest - 1), (5, longest - 40)):
        x, target, mask, weight = (values[:, :batch, :steps] for values in c[3:])
        few = c._replace(x=x, target=target, mask=mask, weight=weight)
        fast._space = torch.full((room + 4_000_000,), 7.0)
        gradient(few, fast)
        assert (fast._space[room:] == 7.0).all()


@each_set
@pytest.mark.parametrize("channels", [64, 80])
def test_sequences_of_unlike_lengths_together(instructions: str, channels: int) -> None:
    """Weights that no cache holds: layers go over several sequences, one of which is not there, and some end early."""
    c = case(batch=7, steps=29, channels=channels, layers=4)
    end = torch.tensor([29, 3, 17, 0, 29, 1, 22])
    c = c._replace(mask=c.mask & (torch.arange(29) < end.unsqueeze(-1)))
    assert_alike(c, instructions)
    fast = compiled(c, instructions)
    alone = [fast.outputs(c.rows, c.x[:, number : number + 1]) for number in range(7)]
    assert torch.equal(fast.outputs(c.rows, c.x), torch.cat(alone, dim=1))
    target, mask, weight = (F.pad(values, (0, 500)) for values in (c.target, c.mask, c.weight))
    longer = c._replace(x=F.pad(c.x, (0, 0, 0, 500)), target=target, mask=mask, weight=weight)  # each computed alone
    assert all(map(torch.equal, gradient(longer, fast), gradient(c, fast)))


@each_set
def test_long_dilations(instructions: str) -> None:
    assert_alike(case(steps=9, layers=8, kernel=5), instructions)  # most taps lie before the first step


@each_set
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("channels", [20, 32])
def test_a_member_has_the_same_bits_in_any_stack(instructions: str, task: str, channels: int) -> None:
    stack = case(task=task, members=5, batch=4, steps=33, channels=channels, layers=4)
    fast = compiled(stack, instructions)
    loss, by_row = gradient(stack, fast)
    outputs = fast.outputs(stack.rows, stack.x)
    for k in range(5):
        alone = stack.of_member(k)
        assert all(map(torch.equal, gradient(alone, fast), (loss[k : k + 1], by_row[k : k + 1])))
        assert torch.equal(fast.outputs(alone.rows, alone.x), outputs[k : k + 1])


@each_set
@pytest.mark.parametrize("channels", [8, 32, 64])
def test_what_is_padded_changes_no_bit(instructions: str, channels: int) -> None:
    own = case(steps=21, batch=3, channels=channels, layers=4)
    fast = compiled(own, instructions)
    expected = gradient(own, fast)
    padded = own._replace(  # four more steps and two more sequences, which mean nothing
        x=F.pad(own.x, (0, 0, 0, 4, 0, 2), value=1e30),
        target=F.pad(own.target, (0, 4, 0, 2), value=torch.nan),
        mask=F.pad(own.mask, (0, 4, 0, 2)),
        weight=F.pad(own.weight, (0, 4, 0, 2), value=torch.inf),
    )
    assert all(map(torch.equal, gradient(padded, fast), expected))


@each_set
def test_members_may_share_their_data(instructions: str) -> None:
    c = case(members=3)
    x, target, mask, weight = (v[:1].expand(3, *v.shape[1:]) for v in (c.x, c.target, c.mask, c.weight))
    shared = c._replace(x=x, target=target, mask=mask, weight=weight)
    copied = c._replace(x=x.clone(), target=target.clone(), mask=mask.clone(), weight=weight.clone())
    fast = compiled(c, instructions)
    assert all(map(torch.equal, gradient(shared, fast), gradient(copied, fast)))


@each_set
@pytest.mark.parametrize("task", TASKS)
def test_no_valid_step_is_no_loss_and_no_gradient(instructions: str, task: str) -> None:
    c = case(task=task)
    c = c._replace(mask=torch.zeros_like(c.mask))
    loss, by_row = gradient(c, compiled(c, instructions))
    assert not loss.any()
    assert not by_row.any()


@each_set
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("broken", [torch.nan, torch.inf, 1e30])
def test_a_broken_member_stays_broken_and_alone(instructions: str, task: str, broken: float) -> None:
    c = case(task=task, members=2, batch=2)
    c.rows[0] *= broken
    loss, by_row = gradient(c, compiled(c, instructions))
    assert not loss[0].isfinite()
    assert not by_row[0].isfinite().all()
    assert loss[1].isfinite()
    assert by_row[1].isfinite().all()


@each_set
def test_saturated_logits_are_finite(instructions: str) -> None:
    for task in ("detect", "classify"):
        c = case(task=task, scale=40.0)
        assert Torch(c.model).outputs(c.rows, c.x).abs().max() > 1000
        assert_alike(c, instructions)


@each_set
def test_a_class_that_is_none_is_no_number(instructions: str) -> None:
    c = case(task="classify", members=1)
    c.target[c.mask] = 3
    assert gradient(c, compiled(c, instructions))[0].isnan().all()


@each_set
def test_the_work_space_is_what_is_used(instructions: str) -> None:
    """Nothing is written behind it."""
    c = case(steps=30, channels=12)
    fast = compiled(c, instructions)
    shape = (ctypes.c_int64 * 8)(3, 30, 4, 1, 12, 3, 2, 0)
    count = of(instructions).function("seqanom_tcn_space", ctypes.c_void_p, ctypes.c_int64, result=ctypes.c_int64)(
        shape, 1
    )
    assert count is not None
    fast._space = torch.full((count + 64,), 7.0)
    offset = -(fast._space.data_ptr() // -64) * 64 - fast._space.data_ptr()
    gradient(c, fast)
    assert np.all(fast._space.numpy()[offset // 4 + count :] == 7)


@each_set
def test_a_base_loss_with_factors_is_left_to_torch(instructions: str) -> None:
    c = case()
    loss = StepLoss(BCE(pos_weight=3.0))
    found, expected = (
        compute.gradient(loss, c.rows, c.x, c.target, c.mask, c.weight, NO_DROPOUT)
        for compute in (compiled(c, instructions), Torch(c.model))
    )
    assert all(map(torch.equal, found, expected))


def test_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert compute_for(TCN(2, 1)).path == f"compiled, {usable()[-1]}"
    assert compute_for(TCN(2, 1, dropout=0.5)).path == "stacked torch"
    assert compute_for(TCN(2, 1, layers=33)).path == "stacked torch"
    monkeypatch.setenv(VARIABLE, "off")
    assert compute_for(TCN(2, 1)).path == "stacked torch"
