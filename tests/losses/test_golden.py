"""Values and gradients of the three presets against reference values, given and worked out by hand."""

import json
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqanomaly.losses import CounterLoss, ExponentialCounterLoss, LinearCounterLoss, StepCounterLoss

PRESETS: dict[str, Callable[[dict[str, Any]], CounterLoss]] = {
    "linear": lambda case: LinearCounterLoss(rate=case["rate"]),
    "exp": lambda case: ExponentialCounterLoss(rate=case["rate"]),
    "step": lambda case: StepCounterLoss(case["threshold"]),
}


def value_and_gradient(
    loss: CounterLoss, predictions: Tensor, targets: Tensor, counter: Tensor
) -> tuple[float, Tensor]:
    predictions = predictions.clone().requires_grad_()
    value = loss(predictions, targets, counter)
    (gradient,) = torch.autograd.grad(value, predictions)
    return value.item(), gradient


def test_the_golden_file(shared: Path) -> None:
    cases = json.loads((shared / "golden" / "seed_losses.json").read_text())
    assert {case["loss"] for case in cases} == set(PRESETS)
    for case in cases:
        predictions = torch.tensor(case["predictions"], dtype=torch.float64)
        targets = torch.tensor(case["targets"], dtype=torch.int64 if case["base"] == "ce" else torch.float64)
        for counter in (torch.tensor(case["counter"], dtype=torch.float64), torch.tensor(case["counter"]).long()):
            value, gradient = value_and_gradient(PRESETS[case["loss"]](case), predictions, targets, counter)
            assert value == pytest.approx(case["value"], rel=0, abs=1e-10)
            torch.testing.assert_close(gradient, torch.tensor(case["grad"], dtype=torch.float64), rtol=0, atol=1e-10)


def test_the_defaults_of_the_golden_file() -> None:
    assert str(LinearCounterLoss()) == "LinearCounterLoss(bce x linear, normalize=none, reduction=mean)"
    assert str(ExponentialCounterLoss()) == "ExponentialCounterLoss(mse x exp, normalize=none, reduction=mean)"
    assert str(StepCounterLoss(3)) == "StepCounterLoss(ce x step(threshold=3), normalize=none, reduction=mean)"
    assert LinearCounterLoss().modulation.settings() == {"kind": "linear", "rate": 0.1}
    assert ExponentialCounterLoss().modulation.settings() == {"kind": "exp", "rate": 0.1}


COUNTER = torch.arange(3)


@pytest.mark.parametrize(
    ("loss", "predictions", "targets", "value", "gradient"),
    [
        # logits of probability 1/2 and 3/4; weights 1, 1.5, 2
        (
            LinearCounterLoss(rate=0.5),
            [0.0, log(3), log(3)],
            [1.0, 1.0, 0.0],
            (log(2) + 1.5 * log(4 / 3) + 2 * log(4)) / 3,
            [-0.5 / 3, -0.375 / 3, 1.5 / 3],
        ),
        # the same with weights 2/3, 1, 4/3
        (
            LinearCounterLoss(rate=0.5, normalize="mean"),
            [0.0, log(3), log(3)],
            [1.0, 1.0, 0.0],
            (log(2) * 2 / 3 + log(4 / 3) + log(4) * 4 / 3) / 3,
            [-0.5 * 2 / 9, -0.25 / 3, 1 / 3],
        ),
        # a positive counts three times
        (
            LinearCounterLoss(rate=0.5, pos_weight=3.0, reduction="sum"),
            [0.0, log(3), log(3)],
            [1.0, 1.0, 0.0],
            3 * log(2) + 4.5 * log(4 / 3) + 2 * log(4),
            [-1.5, -1.125, 1.5],
        ),
        # squares 1, 4, 9; weights 1, 2, 4
        (ExponentialCounterLoss(rate=log(2)), [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 15.0, [2 / 3, 8 / 3, 8.0]),
        # weights 3/7, 6/7, 12/7
        (
            ExponentialCounterLoss(rate=log(2), normalize="mean"),
            [1.0, 2.0, 3.0],
            [0.0, 0.0, 0.0],
            45 / 7,
            [2 / 7, 8 / 7, 24 / 7],
        ),
        # softmax 1/4, 3/4; weights 0, 1, 1, divided by all three steps
        (
            StepCounterLoss(1),
            [[0.0, log(3)]] * 3,
            [1, 1, 0],
            (log(4 / 3) + log(4)) / 3,
            [[0.0, 0.0], [0.25 / 3, -0.25 / 3], [-0.75 / 3, 0.75 / 3]],
        ),
        # weights 0, 1.5, 1.5
        (
            StepCounterLoss("33.3%", normalize="mean"),
            [[0.0, log(3)]] * 3,
            [1, 1, 0],
            (log(4 / 3) + log(4)) / 2,
            [[0.0, 0.0], [0.125, -0.125], [-0.375, 0.375]],
        ),
        # class 1 counts twice
        (
            StepCounterLoss(1, class_weight=[1.0, 2.0], reduction="sum"),
            [[0.0, log(3)]] * 3,
            [1, 1, 0],
            2 * log(4 / 3) + log(4),
            [[0.0, 0.0], [0.5, -0.5], [-0.75, 0.75]],
        ),
    ],
)
def test_worked_by_hand(loss: CounterLoss, predictions: Any, targets: Any, value: float, gradient: Any) -> None:
    z, wanted = (torch.tensor(numbers, dtype=torch.float64) for numbers in (predictions, gradient))
    found, slope = value_and_gradient(loss, z, torch.tensor(targets), COUNTER)
    assert found == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(slope, wanted, rtol=1e-12, atol=1e-12)
