"""The optimisers against torch.optim, row by row with a learning rate of its own."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from seqanomaly.kernel.library import SETS, VARIABLE, usable
from seqanomaly.training.optimizers import SGD, Adam, CompiledOptimizer, OptimizerName, make_optimizer

LR = [0.1, 0.01, 1e-3]
STEPS, SIZE = 20, 7


def reference(
    name: OptimizerName, row: Tensor, lr: float, decay: float | None, momentum: float
) -> torch.optim.Optimizer:
    """torch's own; a decay of None is torch's default."""
    if name == "sgd":
        return torch.optim.SGD([row], lr=lr, momentum=momentum, weight_decay=decay or 0.0)
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind([row], lr=lr) if decay is None else kind([row], lr=lr, weight_decay=decay)


@pytest.mark.parametrize(
    ("name", "decay", "momentum"),
    [
        ("adam", None, 0.0),
        ("adam", 0.1, 0.0),
        ("adamw", None, 0.0),
        ("adamw", 0.0, 0.0),
        ("adamw", 0.3, 0.0),
        ("sgd", None, 0.0),
        ("sgd", None, 0.9),
        ("sgd", 0.2, 0.0),
        ("sgd", 0.2, 0.5),
    ],
)
def test_each_row_goes_where_torch_goes(name: OptimizerName, decay: float | None, momentum: float) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(len(LR), SIZE, generator=generator, dtype=torch.float64)
    expected = [row.clone() for row in rows]
    optimizers = [reference(name, row, lr, decay, momentum) for row, lr in zip(expected, LR, strict=True)]
    update = make_optimizer(name, rows, torch.tensor(LR, dtype=torch.float64), weight_decay=decay, momentum=momentum)
    for step in range(STEPS):
        scale = 10.0 ** (step % 4 - 3)  # gradients of very different sizes
        gradient = scale * torch.randn(rows.shape, generator=generator, dtype=torch.float64)
        update.step(gradient.clone())
        for k, optimizer in enumerate(optimizers):
            expected[k].grad = gradient[k]
            optimizer.step()
        torch.testing.assert_close(rows, torch.stack(expected), rtol=1e-10, atol=1e-12)


def test_adamw_decays_by_default_and_the_others_do_not() -> None:
    for name in get_args(OptimizerName):
        rows = torch.ones(1, 2)
        make_optimizer(name, rows, torch.tensor([0.5]), weight_decay=None, momentum=0.0).step(torch.zeros(1, 2))
        assert rows.tolist() == [[pytest.approx(0.995 if name == "adamw" else 1.0)] * 2]


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_a_row_does_not_depend_on_the_others(name: OptimizerName) -> None:
    generator = torch.Generator().manual_seed(1)
    start, gradients = (torch.randn(*shape, generator=generator) for shape in ((3, SIZE), (STEPS, 3, SIZE)))
    gradients[5:, 0] = float("nan")

    def end(members: list[int]) -> Tensor:
        rows = start[members].clone()
        update = make_optimizer(name, rows, torch.tensor(LR)[members], weight_decay=0.1, momentum=0.5)
        for gradient in gradients:
            update.step(gradient[members])
        return rows

    together = end([0, 1, 2])
    assert together[0].isnan().all()
    assert torch.equal(end([2, 1]), together[[2, 1]])


def test_the_gradient_is_left_as_it_was() -> None:
    for name in get_args(OptimizerName):
        gradient = torch.ones(1, 2)
        make_optimizer(name, torch.ones(1, 2), torch.tensor([0.1]), weight_decay=0.1, momentum=0.9).step(gradient)
        assert gradient.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_a_member_without_data_stays_as_it_is(name: OptimizerName) -> None:
    generator = torch.Generator().manual_seed(2)
    start, gradients = (torch.randn(*shape, generator=generator) for shape in ((3, SIZE), (STEPS, 3, SIZE)))
    sizes = [[int(n % (k + 2) > 0) * 5 for k in range(3)] for n in range(STEPS)]  # members are idle at different times
    together = start.clone()
    update = make_optimizer(name, together, torch.tensor(LR), weight_decay=0.1, momentum=0.5)
    for gradient, own in zip(gradients, sizes, strict=True):
        update.step(gradient, torch.tensor(own) > 0)
    for k in range(3):
        row = start[[k]].clone()
        alone = make_optimizer(name, row, torch.tensor(LR)[[k]], weight_decay=0.1, momentum=0.5)
        for gradient, own in zip(gradients, sizes, strict=True):
            if own[k]:
                alone.step(gradient[[k]])
        assert torch.equal(row[0], together[k])
    assert {sum(own[k] > 0 for own in sizes) for k in range(3)} == {10, 13, 15}


@pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("clip", [None, 0.01])
@pytest.mark.parametrize(
    ("name", "decay", "momentum"),
    [("adam", 0.0, 0.0), ("adam", 0.1, 0.0), ("adamw", 0.3, 0.0), ("sgd", 0.0, 0.0), ("sgd", 0.2, 0.9)],
)
def test_the_compiled_one_goes_where_the_formula_goes(
    monkeypatch: pytest.MonkeyPatch,
    instructions: str,
    name: OptimizerName,
    decay: float,
    momentum: float,
    clip: float | None,
) -> None:
    """To rounding, with gradients of very different sizes and odd numbers of values."""
    if instructions not in usable():
        pytest.skip(f"this machine has no {instructions}")
    generator = torch.Generator().manual_seed(3)
    expected = torch.randn(len(LR), 37, generator=generator)
    found, lr, settings = expected.clone(), torch.tensor(LR), {"momentum": momentum, "clip": clip}
    monkeypatch.setenv(VARIABLE, "off")
    formula = make_optimizer(name, expected, lr, weight_decay=decay, **settings)  # type: ignore[arg-type]
    monkeypatch.setenv(VARIABLE, instructions)
    compiled = make_optimizer(name, found, lr, weight_decay=decay, **settings)  # type: ignore[arg-type]
    assert isinstance(formula, Adam | SGD)
    assert isinstance(compiled, CompiledOptimizer)
    for step in range(50):
        gradient = 10.0 ** (step % 7 - 5) * torch.randn(expected.shape, generator=generator)
        formula.step(gradient)
        compiled.step(gradient)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", get_args(OptimizerName))
@pytest.mark.parametrize("way", ["off", ""])
def test_a_gradient_without_a_norm_moves_its_row_nowhere_known(
    monkeypatch: pytest.MonkeyPatch, name: OptimizerName, way: str
) -> None:
    monkeypatch.setenv(VARIABLE, way)
    rows = torch.ones(2, 3)
    gradient = torch.tensor([[1.0, float("nan"), 1.0], [1.0, 1.0, 1.0]])
    make_optimizer(name, rows, torch.ones(2), weight_decay=None, momentum=0.0, clip=0.5).step(gradient)
    assert rows[0].isnan().all()
    assert rows[1].isfinite().all()


def test_torch_computes_where_the_kernel_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    assert isinstance(make_optimizer("adam", torch.ones(1, 2), torch.ones(1), weight_decay=None, momentum=0.0), Adam)
