"""What a stack computes for a batch: outputs, losses and gradients. The loop knows nothing of how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.models.base import NO_DROPOUT, Dropout, SequenceModel

StepLoss = Callable[[Tensor, Tensor], Tensor]
"""Outputs [K, B, T, O] and targets -> loss of each step [K, B, T]."""


class Compute(ABC):
    """One way to compute a model over a stack.

    Args:
        model: the shape that all members share.
    """

    path: ClassVar[str]
    """What `environment.json` calls it."""

    def __init__(self, model: SequenceModel) -> None:
        self.model = model

    @abstractmethod
    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        """Outputs [K, B, T, O] of features `x` [K, B, T, F] under `rows` [K, P], without dropout and gradients."""

    @abstractmethod
    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        """Mean weighted loss [K] over the valid steps of each member, and its gradient [K, P] by that member's row.

        Args:
            step_loss: unweighted loss of each step.
            rows: parameters, [K, P].
            x: features, [K, B, T, F].
            target: [K, B, T] or [K, B, T, F].
            mask: which steps count, [K, B, T]; what stands elsewhere means nothing.
            weight: weight of each step, [K, B, T].
            drop: dropout.
        """


class Torch(Compute):
    """Batched tensor operations and autograd: the reference, on every device."""

    path = "stacked torch"

    @torch.no_grad()
    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        return self.model.forward(self.model.views(rows), x, NO_DROPOUT)

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        rows = rows.detach().requires_grad_()
        outputs = self.model.forward(self.model.views(rows), x, drop)  # [K, B, T, O]
        weighted = torch.where(mask, step_loss(outputs, target) * weight, 0.0)  # [K, B, T]
        loss = weighted.sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)  # [K]
        (gradient,) = torch.autograd.grad(loss.sum(), rows)  # [K, P]
        return loss.detach(), gradient


def compute_for(model: SequenceModel) -> Compute:
    """How `model` is computed."""
    return Torch(model)
