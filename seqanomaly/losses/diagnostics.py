"""What a weighting does to a data set, in four numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Diagnostics:
    """How the weights of a training set are spread; every number is a mean over its sequences or its steps."""

    mean_weight: float
    """Mean weight of a valid step: the factor on the learning rate under SGD."""
    ess: float
    """Effective number of steps of a sequence, (sum w)^2 / sum w^2, averaged over sequences that have any."""
    active_share: float
    """Share of the valid steps with a weight above 0."""
    effective_prevalence: float
    """Share of anomalous steps as the loss sees it, sum(w y) / sum(w)."""
    prevalence: float
    """Share of anomalous steps among the valid ones."""


def diagnose(weight: Tensor, anomalous: Tensor, mask: Tensor, times: Tensor | None = None) -> Diagnostics:
    """Diagnostics of weights [N, T] over steps that are `anomalous` or not, [N, T], where `mask` [N, T] is True.

    Where an epoch has a step more than once, `times` [N, T] says how often, and its weight is the sum of all of them.

    >>> w = torch.tensor([[1.0, 3.0]])
    >>> diagnose(w, torch.tensor([[False, True]]), torch.ones(1, 2, dtype=torch.bool))
    Diagnostics(mean_weight=2.0, ess=1.6, active_share=1.0, effective_prevalence=0.75, prevalence=0.5)
    """
    w = torch.where(mask, weight.double(), 0.0)  # [N, T]
    y = (anomalous & mask).double()
    steps = mask.sum().clamp(min=1)
    _, exponent = torch.frexp(w.amax(-1, keepdim=True))  # [N, 1]
    r = w * torch.exp2(-exponent.double())  # [N, T], below 1, so that no square overflows
    total, squares = r.sum(-1), (r**2).sum(-1)  # [N]
    some = squares > 0
    ess = (total[some] ** 2 / squares[some]).mean() if bool(some.any()) else total.new_zeros(())
    return Diagnostics(
        mean_weight=(w.sum() / (steps if times is None else times.sum().clamp(min=1))).item(),
        ess=ess.item(),
        active_share=((w > 0).sum() / steps).item(),
        effective_prevalence=((w * y).sum() / w.sum().clamp(min=1e-300)).item(),
        prevalence=(y.sum() / steps).item(),
    )
