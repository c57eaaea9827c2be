"""What a stack computes for a batch: outputs, losses and gradients. The loop knows nothing of how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import NO_DROPOUT, Dropout, SequenceModel
from seqanomaly.models.rnn import Recurrent

Precision = Literal["float32", "bf16"]
"""What gradients are computed with."""


class Compute(ABC):
    """One way to compute a model over a stack.

    Args:
        model: the shape that all members share.
    """

    path: str
    """What `environment.json` calls it."""
    replayed: bool = False
    """Whether updates are recorded as CUDA graphs and replayed."""

    def __init__(self, model: SequenceModel) -> None:
        self.model = model

    @property
    def width(self) -> int:
        """Values per step of each sequence that `outputs` has in memory at once."""
        return max(self.model.features, self.model.width)

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
    """Batched tensor operations and autograd: the reference, on every device.

    Args:
        model: the shape that all members share.
        precision: what gradients are computed with; parameters, losses and `outputs` are float32 in any case.
        replayed: see `Compute.replayed`.
    """

    path = "stacked torch"

    def __init__(self, model: SequenceModel, precision: Precision = "float32", *, replayed: bool = False) -> None:
        super().__init__(model)
        self.replayed, self.path = replayed, self.path + ", cuda graphs" * replayed
        self.number = torch.bfloat16 if precision == "bf16" else torch.float32

    @torch.no_grad()
    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        return self.model.forward(self.model.views(rows), x, NO_DROPOUT)

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        rows = rows.detach().requires_grad_()
        outputs = self.model.forward(self.views(rows), x.to(self.number), drop).float()  # [K, B, T, O]
        weighted = torch.where(mask, step_loss(outputs, target) * weight, 0.0)  # [K, B, T]
        loss = weighted.sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)  # [K]
        (gradient,) = torch.autograd.grad(loss.sum(), rows)  # [K, P]
        return loss.detach(), gradient

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """The parameters in the precision of gradients."""
        return self.model.views(rows.to(self.number))


class Truncated(Torch):
    """Truncated backpropagation through time: sequences in pieces, whose states go on but whose gradients do not.

    A batch is one update as ever, by the sum of the pieces' gradients, and a step's loss and weight are what they are
    without pieces: the one difference is that a step's gradient goes back to where its piece begins, and no further.
    Memory for intermediate values is that of one piece. Source: Williams & Peng, Neural Computation 2 (1990).

    Args:
        model: recurrent.
        steps: length of a piece.
        precision: as for `Torch`.
        replayed: as for `Torch`.
    """

    path = "stacked torch, truncated"

    def __init__(
        self, model: Recurrent, steps: int, precision: Precision = "float32", *, replayed: bool = False
    ) -> None:
        super().__init__(model, precision, replayed=replayed)
        self.recurrent, self.steps = model, steps

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        valid = mask.sum((1, 2)).clamp(min=1)  # [K]
        loss, gradient = torch.zeros_like(rows[:, 0]), torch.zeros_like(rows)
        states = None
        pieces = (torch.split(part, self.steps, dim=2) for part in (x.to(self.number), target, mask, weight))
        for features, wanted, there, factor in zip(*pieces, strict=True):
            own = rows.detach().requires_grad_()
            outputs, states = self.recurrent.carry(self.views(own), features, drop, states)
            weighted = torch.where(there, step_loss(outputs.float(), wanted) * factor, 0.0)  # [K, B, steps]
            part = weighted.sum((1, 2)) / valid  # [K]
            gradient += torch.autograd.grad(part.sum(), own)[0]
            loss += part.detach()
            states = [tuple(value.detach() for value in state) for state in states]
        return loss, gradient
