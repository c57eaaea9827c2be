"""What a weighting does to a data set, in four numbers."""

from __future__ import annotations

from dataclasses import astuple, dataclass

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
    return Spread.of(weight, anomalous, mask, times).result()


@dataclass(frozen=True)
class Spread:
    """The sums behind the diagnostics; those of two groups of sequences add up."""

    weight: float = 0.0
    """Of all weights."""
    anomalous_weight: float = 0.0
    """Of those of anomalous steps."""
    active: float = 0.0
    """Steps with a weight above 0."""
    anomalous: float = 0.0
    """Anomalous steps."""
    steps: float = 0.0
    """Valid steps."""
    times: float = 0.0
    """Valid steps, each as often as an epoch has it."""
    ess: float = 0.0
    """Of the effective numbers of steps."""
    sequences: float = 0.0
    """Sequences with a weight above 0."""

    @classmethod
    def of(cls, weight: Tensor, anomalous: Tensor, mask: Tensor, times: Tensor | None = None) -> Spread:
        """The sums of some sequences; see `diagnose`."""
        w = torch.where(mask, weight.double(), 0.0)  # [N, T]
        y = (anomalous & mask).double()
        _, exponent = torch.frexp(w.amax(-1, keepdim=True))  # [N, 1]
        r = w * torch.exp2(-exponent.double())  # [N, T], below 1, so that no square overflows
        total, squares = r.sum(-1), (r**2).sum(-1)  # [N]
        some, steps = squares > 0, mask.sum()
        return cls(
            weight=w.sum().item(),
            anomalous_weight=(w * y).sum().item(),
            active=(w > 0).sum().item(),
            anomalous=y.sum().item(),
            steps=steps.item(),
            times=(steps if times is None else times.sum()).item(),
            ess=(total[some] ** 2 / squares[some]).sum().item(),
            sequences=some.sum().item(),
        )

    def __add__(self, other: Spread) -> Spread:
        return Spread(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def result(self) -> Diagnostics:
        """The four numbers, and the prevalence."""
        steps = max(self.steps, 1)
        return Diagnostics(
            mean_weight=self.weight / max(self.times, 1),
            ess=self.ess / max(self.sequences, 1),
            active_share=self.active / steps,
            effective_prevalence=self.anomalous_weight / max(self.weight, 1e-300),
            prevalence=self.anomalous / steps,
        )
