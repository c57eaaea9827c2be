"""Base losses: each against plain Python and against torch's own, and what they refuse."""

from collections.abc import Callable
from math import exp, inf, log, log1p, nan
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqanomaly.errors import ConfigError
from seqanomaly.losses import BASES, BCE, CE, MSE, BaseLoss
from seqanomaly.losses.base import base_loss

STEPS = torch.Size([2, 5])


def plain_bce(z: float, y: float) -> float:
    p = 1 / (1 + exp(-z))
    return -y * log(p) - (1 - y) * log(1 - p)


def plain_mse(z: list[float], y: list[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(z, y, strict=True)) / len(z)


def plain_ce(z: list[float], y: int) -> float:
    return log(sum(exp(a - z[y]) for a in z))


PLAIN: dict[str, Callable[..., float]] = {"bce": plain_bce, "mse": plain_mse, "ce": plain_ce}


def example(base: str, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Predictions and targets of STEPS; two features, or three classes."""
    draw = torch.Generator().manual_seed(1)
    tail = {"bce": (), "mse": (2,), "ce": (3,)}[base]
    predictions = 2 * torch.randn(*STEPS, *tail, generator=draw, dtype=torch.float64).to(dtype)
    targets = {
        "bce": torch.randint(2, STEPS, generator=draw),
        "mse": torch.randn(*STEPS, 2, generator=draw, dtype=torch.float64).to(dtype),
        "ce": torch.randint(3, STEPS, generator=draw),
    }[base]
    return predictions, targets


@pytest.mark.parametrize("name", BASES)
def test_each_step_against_plain_python(name: str) -> None:
    predictions, targets = example(name)
    found = BASES[name]().per_step(predictions, targets, STEPS)
    steps = zip(predictions.flatten(0, 1).tolist(), targets.flatten(0, 1).tolist(), strict=True)
    wanted = [PLAIN[name](z, y) for z, y in steps]
    torch.testing.assert_close(found.flatten(), torch.tensor(wanted, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_bce_is_torchs_own() -> None:
    predictions, targets = example("bce", torch.float32)
    for weight in (None, 0.25, 7.0):
        found = BCE(pos_weight=weight).per_step(predictions, targets, STEPS).mean()
        own = F.binary_cross_entropy_with_logits(
            predictions, targets.float(), pos_weight=None if weight is None else torch.tensor(weight)
        )
        assert found.item() == pytest.approx(own.item(), rel=1e-6)


def test_bce_stays_finite_at_the_largest_logits() -> None:
    loss = BCE().per_step(torch.tensor([-1e4, 1e4, 1e4]), torch.tensor([1, 0, 1]), torch.Size([3]))
    assert loss.tolist() == [1e4, 1e4, 0]


def test_mse_is_torchs_own() -> None:
    predictions, targets = example("mse", torch.float32)
    assert MSE().per_step(predictions, targets, STEPS).mean().item() == pytest.approx(
        F.mse_loss(predictions, targets).item(), rel=1e-6
    )
    without_features = MSE().per_step(predictions[..., 0], targets[..., 0], STEPS)
    torch.testing.assert_close(without_features, (predictions[..., 0] - targets[..., 0]).square())


def test_ce_is_torchs_own() -> None:
    predictions, targets = example("ce", torch.float32)
    classes_second = predictions.transpose(1, 2)  # [B, C, T], as torch wants it
    for weights in (None, [0.5, 1.0, 4.0]):
        own = F.cross_entropy(
            classes_second, targets, weight=None if weights is None else torch.tensor(weights), reduction="none"
        )
        torch.testing.assert_close(CE(class_weight=weights).per_step(predictions, targets, STEPS), own)


def test_the_mean_with_class_weights_divides_by_the_steps() -> None:
    predictions, targets, weights = torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]), [1.0, 5.0]
    mean = CE(class_weight=weights).per_step(predictions, targets, torch.Size([4])).mean().item()
    assert mean == pytest.approx(log(2) * (1 + 1 + 1 + 5) / 4)
    torchs = F.cross_entropy(predictions, targets, weight=torch.tensor(weights)).item()
    assert torchs == pytest.approx(log(2))  # the trap: torch divides by the sum of the weights


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32])
@pytest.mark.parametrize("name", ["bce", "mse"])
def test_any_kind_of_number_is_a_target(name: str, kind: torch.dtype) -> None:
    predictions = torch.tensor([0.5, -1.0])
    found = BASES[name]().per_step(predictions, torch.tensor([0, 1]).to(kind), torch.Size([2]))
    assert found.dtype == torch.float32
    wanted = {"bce": [log1p(exp(0.5)), log1p(exp(1.0))], "mse": [0.25, 4.0]}[name]
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_small_integers_are_class_indices() -> None:
    for kind in (torch.bool, torch.uint8, torch.int32):
        found = CE().per_step(torch.tensor([[0.0, log(3)]]), torch.tensor([1]).to(kind), torch.Size([1]))
        assert found.item() == pytest.approx(log(4 / 3))


@pytest.mark.parametrize(
    ("name", "predictions", "targets", "text"),
    [
        (
            "bce",
            (2, 5, 1),
            (2, 5),
            "predictions have shape (2, 5, 1), the counter asks for (2, 5); drop the last axis with "
            "predictions.squeeze(-1)",
        ),
        (
            "bce",
            (2, 5),
            (2, 5, 1),
            "targets have shape (2, 5, 1), the predictions ask for (2, 5); drop the last axis with targets.squeeze(-1)",
        ),
        ("bce", (5,), (2, 5), "predictions have shape (5,), the counter asks for (2, 5)"),
        ("bce", (2, 5), (5,), "targets have shape (5,), the predictions ask for (2, 5)"),
        ("bce", (2, 1), (2, 5), "predictions have shape (2, 1), the counter asks for (2, 5)"),
        ("mse", (2, 4), (2, 4), "predictions have shape (2, 4), the counter asks for (2, 5)"),
        ("mse", (2, 5, 3), (2, 5), "targets have shape (2, 5), the predictions ask for (2, 5, 3)"),
        ("mse", (2, 5, 1), (2, 5), "targets have shape (2, 5), the predictions ask for (2, 5, 1)"),
        ("mse", (3, 5, 2), (3, 5, 2), "predictions have shape (3, 5, 2), the counter asks for (2, 5, 2)"),
        ("mse", (), (2, 5), "predictions have shape (), the counter asks for (2, 5)"),
        ("ce", (2, 5), (2, 5), "predictions have shape (2, 5), the counter asks for (2, 5, 5)"),
        ("ce", (2, 3, 5), (2, 5), "predictions have shape (2, 3, 5), the counter asks for (2, 5, 5)"),
        ("ce", (), (2, 5), "predictions have shape (), the counter asks for (2, 5, 0)"),
        (
            "ce",
            (2, 5, 3),
            (2, 5, 1),
            "targets have shape (2, 5, 1), the predictions ask for (2, 5); drop the last axis with targets.squeeze(-1)",
        ),
    ],
)
def test_shapes_that_do_not_fit(name: str, predictions: tuple[int, ...], targets: tuple[int, ...], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        BASES[name]().per_step(torch.zeros(predictions), torch.zeros(targets, dtype=torch.int64), STEPS)
    assert str(error.value) == text


def test_ce_wants_class_indices() -> None:
    with pytest.raises(ConfigError) as error:
        CE().per_step(torch.zeros(2, 3), torch.zeros(2), torch.Size([2]))
    assert str(error.value) == "targets of ce are class indices, got torch.float32; use targets.long()"


def test_ce_wants_a_weight_per_class() -> None:
    with pytest.raises(ConfigError) as error:
        CE([1.0, 2.0]).per_step(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), torch.Size([2]))
    assert str(error.value) == "class_weight has 2 values for 3 classes; give one each"


@pytest.mark.parametrize("value", [0.0, -1.0, inf, nan])
def test_weights_of_classes_are_positive(value: float) -> None:
    for make, name in ((lambda: BCE(value), "pos_weight"), (lambda: CE([1.0, value]), "class_weight")):
        with pytest.raises(ConfigError) as error:
            make()
        assert str(error.value) == f"{name} must be finite and greater than 0, got {value!r}"


def test_a_name_or_a_base_loss() -> None:
    assert {name: type(base_loss(name)) for name in BASES} == BASES
    assert list(BASES) == ["bce", "mse", "ce"]
    mine: BaseLoss = BCE(2.0)
    assert base_loss(mine) is mine
    with pytest.raises(ConfigError) as error:
        base_loss("mes")
    assert str(error.value) == "unknown base loss 'mes'; did you mean 'mse'? (known: bce, mse, ce)"


def test_the_base_class_is_abstract() -> None:
    abstract: Any = BaseLoss
    with pytest.raises(TypeError, match="abstract"):
        abstract()
