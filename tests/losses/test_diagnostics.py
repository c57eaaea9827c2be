"""Diagnostics of a weighting: published figures and worked examples."""

import math

import pytest
import torch
from torch import Tensor

from seqanomaly.losses import CounterLoss, Diagnostics, Exp, Modulation, Permuted, Reverse, diagnose


def facts(modulation: Modulation | str, steps: int) -> Diagnostics:
    """Diagnostics of raw weights in float64 over one sequence without anomalies."""
    counter = torch.arange(steps).expand(1, steps)
    weight = CounterLoss("mse", modulation).weights(counter, None, torch.float64)
    return diagnose(weight, nothing(weight), ~nothing(weight))


def nothing(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight, dtype=torch.bool)


@pytest.mark.parametrize(
    ("modulation", "steps", "mean", "percent"),
    [
        ("linear", 20, 1.95, 92),
        ("linear", 50, 3.45, 85),
        ("linear", 100, 5.95, 81),
        ("linear", 200, 10.95, 78),
        ("exp", 20, 3.04, 76),
        ("exp", 50, 28.03, 39),
        ("exp", 100, 2094, 20),
        ("exp", 200, 2.3e7, 10),
        ("uniform", 200, 1, 100),
        ("step", 200, 0.5, 50),
    ],
)
def test_published_figures(modulation: str, steps: int, mean: float, percent: int) -> None:
    found = facts(modulation, steps)
    assert found.mean_weight == pytest.approx(mean, rel=0.005)
    assert round(100 * found.ess / steps) == percent


@pytest.mark.parametrize("rate", [0.1, -0.1, 0.5, 2.0])
def test_the_effective_steps_of_exp_saturate(rate: float) -> None:
    limit = 1 / math.tanh(abs(rate) / 2)
    assert facts(Exp(rate=rate), 300).ess == pytest.approx(limit, rel=1e-10)
    assert facts(Exp(rate=rate), 3).ess < limit
    counter = torch.arange(100_000).expand(1, -1)
    weight = CounterLoss("mse", Exp(rate=rate), normalize="mean").weights(counter)
    assert diagnose(weight, nothing(weight), ~nothing(weight)).ess == pytest.approx(limit, rel=1e-4)
    assert 1 / math.tanh(0.1 / 2) == pytest.approx(20.0, abs=0.02)


def test_controls_keep_the_effective_steps() -> None:
    for control in (Reverse(of=Exp()), Permuted(of=Exp())):
        assert facts(control, 50).ess == pytest.approx(facts("exp", 50).ess, rel=1e-12)
        assert facts(control, 50).mean_weight == pytest.approx(facts("exp", 50).mean_weight, rel=1e-12)


def test_late_weights_shift_the_prevalence() -> None:
    steps = 50
    counter = torch.arange(steps).expand(2, steps)
    late = counter >= 40
    weight = CounterLoss("bce", "linear", normalize="mean").weights(counter, None, torch.float64)
    found = diagnose(weight, late, torch.ones_like(late))
    assert found.prevalence == pytest.approx(0.2)
    assert found.effective_prevalence == pytest.approx((10 + 0.1 * sum(range(40, 50))) / (50 + 0.1 * sum(range(50))))


def test_worked_by_hand() -> None:
    weight = torch.tensor([[1.0, 3.0, 0.0, 9.0], [2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 7.0, 7.0]])
    anomalous = torch.tensor([[0, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]]) > 0
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]]) > 0
    found = diagnose(weight, anomalous, mask)
    assert found.mean_weight == pytest.approx(12 / 9)
    assert found.ess == pytest.approx((16 / 10 + 4) / 2)
    assert found.active_share == pytest.approx(6 / 9)
    assert found.effective_prevalence == pytest.approx(5 / 12)
    assert found.prevalence == pytest.approx(5 / 9)


def test_masked_steps_do_not_count_whatever_they_hold() -> None:
    mask = torch.tensor([[True, True, False]])
    anomalous = torch.tensor([[False, True, True]])
    for garbage in (math.nan, math.inf, -1.0, 1e30):
        found = diagnose(torch.tensor([[1.0, 3.0, garbage]]), anomalous, mask)
        assert found == Diagnostics(
            mean_weight=2.0, ess=1.6, active_share=1.0, effective_prevalence=0.75, prevalence=0.5
        )


@pytest.mark.parametrize("valid", [True, False])
def test_no_weight_at_all_is_zero_and_not_nan(valid: bool) -> None:
    weight = torch.zeros(2, 3)
    anomalous = torch.ones(2, 3, dtype=torch.bool)
    found = diagnose(weight, anomalous, torch.full((2, 3), valid))
    assert found == Diagnostics(
        mean_weight=0.0, ess=0.0, active_share=0.0, effective_prevalence=0.0, prevalence=float(valid)
    )
