"""CounterLoss: base loss x modulation of the counter, masked, normalised, reduced; and the three named presets."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from seqanomaly.config import nearest, one_of
from seqanomaly.errors import ConfigError
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss, base_loss
from seqanomaly.losses.modulations import MODULATIONS, Exp, Linear, Modulation, Step
from seqanomaly.losses.uncounted import partly_counted

Normalize = Literal["none", "mean"]
Reduction = Literal["mean", "sum", "none"]


class CounterLoss(nn.Module):
    """The loss of each step times a function of its counter: L = mean_t w(c_t) l(z_t, y_t).

    Args:
        base: unreduced per-step loss, `"bce"`, `"mse"`, `"ce"` or a `BaseLoss`.
        modulation: counter -> weight, a name such as `"exp"` or a `Modulation`.
        normalize: `"mean"` makes the weights of each sequence (last axis) average 1 over its valid steps;
            `"none"` leaves them raw, which mostly changes the learning rate.
        reduction: `"mean"` over all valid steps, `"sum"`, or `"none"` for the weighted loss per step.

    Weights are float32 (float64 when the predictions are), never require grad, and are checked to be finite and >= 0
    (a synchronisation on a GPU; skipped while `torch.compile` traces). Nothing is remembered between calls.

    >>> loss = CounterLoss("bce", "linear", normalize="mean")
    >>> loss(torch.zeros(2, 3), torch.ones(2, 3), torch.arange(3).expand(2, 3)).item()
    0.6931471824645996
    """

    def __init__(
        self,
        base: BaseLoss | str,
        modulation: Modulation | str,
        *,
        normalize: Normalize = "none",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.base = base_loss(base)
        self.modulation: Modulation = one_of(MODULATIONS, "loss")(modulation)
        self.normalize = _known("normalize", normalize, get_args(Normalize))
        self.reduction = _known("reduction", reduction, get_args(Reduction))

    def forward(self, predictions: Tensor, targets: Tensor, counter: Tensor, mask: Tensor | None = None) -> Tensor:
        """The reduced loss.

        Args:
            predictions: [..., T] logits or values, [..., T, C] class logits, [..., T, F] features.
            targets: [..., T] labels, values or class indices, [..., T, F] features.
            counter: [..., T], integers or floats from float32 up.
            mask: [..., T] booleans, True where a step is valid; all by default.

        Raises:
            ConfigError: shapes that do not fit, a half-precision counter, a weight that is negative or overflows.
        """
        valid = _valid(counter, mask)
        weight = self.weights(counter, valid, torch.promote_types(predictions.dtype, torch.float32))
        per_step = self.base.per_step(_blank(predictions, valid), _blank(targets, valid), counter.shape)
        weighted = torch.where(valid, per_step * weight, 0.0)
        if self.reduction == "none":
            return weighted
        total = weighted.sum()
        return total if self.reduction == "sum" else total / valid.sum().clamp(min=1)

    @torch.no_grad()
    def weights(
        self,
        counter: Tensor,
        mask: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
        counted: Tensor | None = None,
    ) -> Tensor:
        """The weight of each step, [..., T], 0 where `mask` is False.

        Where `counted` is False a step has no counter, and the raw weight 1 of an unmodulated one.

        >>> CounterLoss("mse", Step(threshold=1), normalize="mean").weights(torch.arange(3)).tolist()
        [0.0, 1.5, 1.5]
        """
        valid = _valid(counter, mask)
        number = counter_number(counter, valid, dtype)
        if counted is not None:
            return partly_counted(self.modulation, number, counted & valid, valid, averaged=self.normalize == "mean")
        return (
            self.modulation.raw(number, valid) if self.normalize == "none" else self.modulation.mean_one(number, valid)
        )

    def extra_repr(self) -> str:
        """What `print(loss)` shows."""
        base = type(self.base).__name__.lower()
        return f"{base} x {self.modulation.name}, normalize={self.normalize}, reduction={self.reduction}"


class LinearCounterLoss(CounterLoss):
    """Binary cross-entropy of logits x (1 + rate * counter), mean over all elements.

    >>> LinearCounterLoss(rate=1.0)(torch.zeros(2), torch.ones(2), torch.tensor([0, 1])).item()
    1.0397207736968994
    """

    def __init__(
        self,
        rate: float = 0.1,
        *,
        pos_weight: float | None = None,
        normalize: Normalize = "none",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(BCE(pos_weight), Linear(rate=rate), normalize=normalize, reduction=reduction)


class ExponentialCounterLoss(CounterLoss):
    """Squared error x exp(rate * counter), mean over all elements.

    >>> ExponentialCounterLoss(rate=0.0)(torch.zeros(2), torch.ones(2), torch.tensor([0, 1])).item()
    1.0
    """

    def __init__(self, rate: float = 0.1, *, normalize: Normalize = "none", reduction: Reduction = "mean") -> None:
        super().__init__(MSE(), Exp(rate=rate), normalize=normalize, reduction=reduction)


class StepCounterLoss(CounterLoss):
    """Cross-entropy (classes last) x [counter >= threshold], mean over ALL steps.

    >>> StepCounterLoss(1)(torch.zeros(2, 4), torch.tensor([0, 3]), torch.tensor([0, 1])).item()
    0.6931471824645996
    """

    def __init__(
        self,
        threshold: float | str,
        *,
        class_weight: list[float] | None = None,
        normalize: Normalize = "none",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(CE(class_weight), Step(threshold=threshold), normalize=normalize, reduction=reduction)


def _known(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ConfigError(f"unknown {name} {value!r}{nearest(value, known)}")
    return value


def _valid(counter: Tensor, mask: Tensor | None) -> Tensor:
    """The mask [..., T] as booleans, after a look at the counter."""
    if counter.dim() == 0:
        raise ConfigError("the counter needs a step axis: got a single number, give a tensor [..., T]")
    if counter.shape[-1] == 0:
        raise ConfigError(f"the counter has shape {tuple(counter.shape)}; a sequence needs at least one step")
    if counter.dtype in (torch.float16, torch.bfloat16) or counter.dtype == torch.bool or counter.is_complex():
        raise ConfigError(f"the counter is {counter.dtype}, which cannot count exactly; use int64 or float32")
    if mask is None:
        return torch.ones_like(counter, dtype=torch.bool)
    if mask.shape != counter.shape or mask.dtype != torch.bool:
        raise ConfigError(
            f"the mask is {mask.dtype} with shape {tuple(mask.shape)}; it must be torch.bool with the counter's "
            f"shape {tuple(counter.shape)}"
        )
    return mask


def counter_number(counter: Tensor, valid: Tensor, dtype: torch.dtype) -> Tensor:
    """The counter as a float; a `ConfigError` where that cannot tell neighbouring steps apart."""
    number = counter.detach().to(dtype)
    limit = 2 / torch.finfo(dtype).eps
    if counter.dtype == dtype or torch.compiler.is_compiling():
        return number
    beyond = valid & (number.abs() >= limit)
    if bool(beyond.any()):
        at = counter[beyond][0].item()
        raise ConfigError(
            f"the counter is {at} at a step, and {dtype} cannot tell steps apart from {limit:.0f} on; subtract where "
            "the counter starts"
        )
    return number


def _blank(values: Tensor, valid: Tensor) -> Tensor:
    """`values` with 0 at invalid steps, so that neither they nor their gradients can spoil the rest."""
    if values.shape[: valid.dim()] != valid.shape or values.dim() > valid.dim() + 1:
        return values  # the base loss explains which shape is wrong
    return values.masked_fill(~(valid if values.dim() == valid.dim() else valid.unsqueeze(-1)), 0)
