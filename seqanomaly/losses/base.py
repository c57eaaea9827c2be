"""Base losses: what one step costs before it is weighted, unreduced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqanomaly.config import nearest
from seqanomaly.errors import ConfigError


class BaseLoss(ABC):
    """An unreduced loss per step."""

    @abstractmethod
    def per_step(self, predictions: Tensor, targets: Tensor, steps: torch.Size) -> Tensor:
        """Loss of each step, with shape `steps` [..., T]; a `ConfigError` says which shapes do not fit."""


class BCE(BaseLoss):
    """Binary cross-entropy of logits: -(p y log s(z) + (1 - y) log(1 - s(z))).

    Args:
        pos_weight: factor p > 0 on the positive class.

    >>> BCE().per_step(torch.zeros(2), torch.tensor([0, 1]), torch.Size([2])).tolist()
    [0.6931471824645996, 0.6931471824645996]
    """

    def __init__(self, pos_weight: float | None = None) -> None:
        self.pos_weight = None if pos_weight is None else _positive("pos_weight", pos_weight)

    def per_step(self, predictions: Tensor, targets: Tensor, steps: torch.Size) -> Tensor:
        """Predictions and targets [..., T]."""
        _expect("predictions", predictions, steps)
        _expect("targets", targets, steps)
        weight = None if self.pos_weight is None else predictions.new_full((), self.pos_weight)
        target = targets.to(predictions.dtype)
        return F.binary_cross_entropy_with_logits(predictions, target, pos_weight=weight, reduction="none")


class MSE(BaseLoss):
    """Squared error, averaged over the features where there is a feature axis.

    >>> MSE().per_step(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]]), torch.Size([1])).tolist()
    [5.0]
    """

    def per_step(self, predictions: Tensor, targets: Tensor, steps: torch.Size) -> Tensor:
        """Predictions and targets [..., T] or [..., T, F]."""
        wanted = (*steps, *predictions.shape[-1:]) if predictions.dim() > len(steps) else steps
        _expect("predictions", predictions, wanted)
        _expect("targets", targets, wanted)
        squared = (predictions - (targets.to(predictions.dtype) if targets.dtype == torch.bool else targets)) ** 2
        return squared if squared.dim() == len(steps) else squared.mean(-1)  # [..., T, F] -> [..., T]


class CE(BaseLoss):
    """Cross-entropy of class logits: -a_y log softmax(z)_y.

    Args:
        class_weight: one factor a > 0 per class; the mean over steps divides by the steps, not by these factors.

    >>> CE().per_step(torch.zeros(1, 4), torch.tensor([3]), torch.Size([1])).tolist()
    [1.3862943649291992]
    """

    def __init__(self, class_weight: Sequence[float] | None = None) -> None:
        self.class_weight = None if class_weight is None else [_positive("class_weight", w) for w in class_weight]

    def per_step(self, predictions: Tensor, targets: Tensor, steps: torch.Size) -> Tensor:
        """Predictions [..., T, C], targets [..., T] as class indices."""
        _expect("predictions", predictions, (*steps, predictions.shape[-1] if predictions.dim() else 0))
        _expect("targets", targets, steps)
        if targets.is_floating_point():
            raise ConfigError(f"targets of ce are class indices, got {targets.dtype}; use targets.long()")
        index = targets.long()
        loss = -predictions.log_softmax(-1).gather(-1, index.unsqueeze(-1)).squeeze(-1)  # [..., T]
        if self.class_weight is None:
            return loss
        if len(self.class_weight) != predictions.shape[-1]:
            raise ConfigError(
                f"class_weight has {len(self.class_weight)} values for {predictions.shape[-1]} classes; give one each"
            )
        factors = torch.stack([predictions.new_full((), factor) for factor in self.class_weight])  # [C], no copy
        return loss * factors[index]


@dataclass(frozen=True)
class StepLoss:
    """A base loss as a training loop calls it, with a model's outputs; it says which one it is.

    >>> StepLoss(BCE())(torch.zeros(1, 2, 1), torch.tensor([[0, 1]])).tolist()
    [[0.6931471824645996, 0.6931471824645996]]
    """

    base: BaseLoss

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Unweighted loss of each step [..., T] of outputs [..., T, O]."""
        predictions = outputs.squeeze(-1) if isinstance(self.base, BCE) else outputs
        return self.base.per_step(predictions, targets, outputs.shape[:-1])


BASES: dict[str, type[BCE] | type[MSE] | type[CE]] = {"bce": BCE, "mse": MSE, "ce": CE}
"""Every base loss by its name."""

BaseName = Literal["bce", "mse", "ce"]


def base_loss(base: BaseLoss | str) -> BaseLoss:
    """The base loss of that name, or `base` itself."""
    if isinstance(base, BaseLoss):
        return base
    if base not in BASES:
        raise ConfigError(f"unknown base loss {base!r}{nearest(base, BASES)}")
    return BASES[base]()


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name} must be finite and greater than 0, got {value!r}")
    return float(value)


def _expect(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    if tensor.shape == torch.Size(shape):
        return
    extra = tensor.dim() == len(shape) + 1 and tensor.shape[-1] == 1
    remedy = f"; drop the last axis with {name}.squeeze(-1)" if extra else ""
    asks = "the predictions ask" if name == "targets" else "the counter asks"
    raise ConfigError(f"{name} have shape {tuple(tensor.shape)}, {asks} for {tuple(shape)}{remedy}")
