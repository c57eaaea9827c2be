"""Modulations: counter -> weight, one small class each.

A weight is finite and >= 0. Every modulation knows its weights twice: raw (`weight`) and averaging 1 over the valid
steps of each sequence (`mean_one`), because the second can be computed where the first overflows. Tensors come in as
floats, [..., T] with the steps last; this file needs torch only for its types, so that configurations load quickly.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field, SerializeAsAny

from seqanomaly.config import Component, Cut, one_of
from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


class Modulation(Component, ABC):
    """A function of the counter that says how much a step counts in the loss."""

    formula: ClassVar[str]
    """The weight as a formula in the counter c."""
    emphasis: ClassVar[str]
    """Which steps it emphasises."""
    source: ClassVar[str]
    """Where it comes from."""

    @abstractmethod
    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """Raw weights [..., T] of a float counter [..., T]; values where `mask` is False mean nothing."""

    @abstractmethod
    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """Weights [..., T] that average 1 over the valid steps of each sequence; all 0 where none is active."""

    def raw(self, counter: Tensor, mask: Tensor) -> Tensor:
        """`weight`, with 0 where `mask` is False; a negative or non-finite weight is a `ConfigError`."""
        weight = self.weight(counter, mask).masked_fill(~mask, 0.0)
        self._check(weight, counter)
        return weight

    def _check(self, weight: Tensor, counter: Tensor) -> None:
        import torch

        if torch.compiler.is_compiling():  # a branch on values would break the graph
            return
        wrong = ~(weight.isfinite() & (weight >= 0))
        if bool(wrong.any()):
            cause = wrong & ~counter.isfinite()
            wrong = cause if bool(cause.any()) else wrong
            at, value = counter[wrong][0].item(), weight[wrong][0].item()
            if value < 0:
                remedy = "choose a rate that keeps it positive"
            elif math.isfinite(at):
                remedy = "use normalize: mean or a smaller rate"
            else:
                remedy = "give a finite counter, or mask the step"
            raise ConfigError(f"{self.name}: the weight at counter {at:g} is {value:g}, not finite and >= 0; {remedy}")


class Direct(Modulation, ABC):
    """A modulation whose raw weights are small enough to be averaged as they are."""

    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """Raw weights over their mean, per sequence."""
        raw = self.raw(counter, mask)
        mean = raw.sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)
        return raw / mean.masked_fill(mean == 0, 1.0)


class Uniform(Direct):
    """Every step counts the same: w = 1.

    >>> import torch
    >>> Uniform().weight(torch.arange(3.0), torch.ones(3, dtype=torch.bool)).tolist()
    [1.0, 1.0, 1.0]
    """

    formula: ClassVar[str] = "1"
    emphasis: ClassVar[str] = "none"
    source: ClassVar[str] = "control"
    kind: Literal["uniform"] = "uniform"

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """1 everywhere."""
        return counter.new_ones(counter.shape)


class Linear(Direct):
    """Weight grows in a straight line: w = 1 + rate * c.

    >>> import torch
    >>> Linear(rate=0.5).weight(torch.arange(3.0), torch.ones(3, dtype=torch.bool)).tolist()
    [1.0, 1.5, 2.0]
    """

    formula: ClassVar[str] = "1 + rate c"
    emphasis: ClassVar[str] = "late"
    source: ClassVar[str] = "this project"
    kind: Literal["linear"] = "linear"
    rate: float = 0.1
    """Gain per step; any real number that leaves no weight negative."""

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """1 + rate * c."""
        return 1 + self.rate * counter


class Exp(Modulation):
    """Weight grows exponentially: w = exp(rate * c).

    The effective number of steps saturates at coth(rate / 2), 20 for rate 0.1, however long the sequence is.
    Source: arXiv 1509.05016 (Jain et al.) and ACCV 2016 (Chan et al.) use it anchored at the sequence's end, which
    mean normalisation makes the same thing.

    >>> import torch
    >>> Exp().mean_one(torch.tensor([0.0, 100000.0]), torch.ones(2, dtype=torch.bool)).tolist()
    [0.0, 2.0]
    """

    formula: ClassVar[str] = "exp(rate c)"
    emphasis: ClassVar[str] = "late"
    source: ClassVar[str] = "Jain et al., arXiv 1509.05016"
    kind: Literal["exp"] = "exp"
    rate: float = 0.1
    """Growth per step; negative for emphasis on early steps."""

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """exp(rate * c); overflows float32 at rate * c > 88."""
        return (self.rate * counter).exp()

    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """N softmax(rate * c) over the n valid steps, anchored at the heaviest one: exact where it matters."""
        outside = float("-inf") if self.rate >= 0 else float("inf")
        known = counter.masked_fill(~mask, outside)
        anchor = known.amax(-1, keepdim=True) if self.rate >= 0 else known.amin(-1, keepdim=True)
        exponent = (self.rate * (counter - anchor)).masked_fill(~mask, float("-inf"))
        weight = (mask.sum(-1, keepdim=True) * exponent.softmax(-1)).masked_fill(~mask, 0.0)
        self._check(weight, counter)
        return weight


class Step(Direct):
    """Only steps from a threshold on count: w = 1[c >= threshold].

    Source: the burn-in of recurrent training, arXiv 2602.10911.

    >>> import torch
    >>> Step(threshold="50%").weight(torch.arange(4.0), torch.ones(4, dtype=torch.bool)).tolist()
    [0.0, 0.0, 1.0, 1.0]
    """

    formula: ClassVar[str] = "1 if c >= threshold else 0"
    emphasis: ClassVar[str] = "late"
    source: ClassVar[str] = "burn-in, arXiv 2602.10911"
    kind: Literal["step"] = "step"
    threshold: Cut = "50%"
    """First counter that counts, or the share of each sequence's valid steps that does not."""

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """1 from the threshold on, else 0."""
        if not isinstance(self.threshold, str):
            return (counter >= self.threshold).to(counter.dtype)
        share = self._share(self.threshold)
        skipped = -(-mask.sum(-1, keepdim=True) * share.numerator // share.denominator)  # whole steps, rounded up
        first = counter.masked_fill(~mask, float("inf")).amin(-1, keepdim=True)
        return (counter >= first + skipped).to(counter.dtype)

    def first_of(self, steps: int) -> float:
        """The first counter that counts among 0 .. steps - 1.

        >>> Step(threshold="50%").first_of(5)
        3.0
        """
        if not isinstance(self.threshold, str):
            return float(self.threshold)
        share = self._share(self.threshold)
        return float(-(-steps * share.numerator // share.denominator))

    def _share(self, threshold: str) -> Fraction:
        return Fraction(threshold.removesuffix("%")) / 100


def _pick(value: object) -> object:
    return one_of(MODULATIONS, "loss")(value)


AnyModulation = Annotated[Modulation, BeforeValidator(_pick), SerializeAsAny()]
"""Any modulation, given by name, as a mapping or as it is."""


class Control(Modulation, ABC):
    """A modulation made from another one, to tell what of its effect comes from where."""

    source: ClassVar[str] = "control"
    of: AnyModulation = Exp()
    """The other modulation."""


class Reordered(Control, ABC):
    """Another modulation with its weights in another order of the valid steps."""

    @abstractmethod
    def order(self, mask: Tensor) -> Tensor:
        """For every step [..., T], the step whose weight it takes; valid steps take from valid steps."""

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """The inner weights, reordered."""
        return self.of.weight(counter, mask).gather(-1, self.order(mask))

    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """The inner normalised weights, reordered."""
        return self.of.mean_one(counter, mask).gather(-1, self.order(mask)).masked_fill(~mask, 0.0)


class Reverse(Reordered):
    """Another modulation read backwards: the mirror control, late emphasis becomes early emphasis.

    >>> import torch
    >>> Reverse(of=Linear(rate=1.0)).weight(torch.arange(3.0), torch.ones(3, dtype=torch.bool)).tolist()
    [3.0, 2.0, 1.0]
    """

    formula: ClassVar[str] = "the weights of another, read backwards"
    emphasis: ClassVar[str] = "mirrored"
    kind: Literal["reverse"] = "reverse"

    def order(self, mask: Tensor) -> Tensor:
        """The r-th valid step takes from the r-th last."""
        valid_first = (~mask).int().argsort(dim=-1, stable=True)
        rank = mask.cumsum(-1) - 1
        return valid_first.gather(-1, (mask.sum(-1, keepdim=True) - 1 - rank).clamp(min=0))


class Permuted(Reordered):
    """Another modulation's weights in a random order of the steps: the control that keeps scale and variance.

    One order for all sequences; a shorter sequence has the order that the longer one has on its steps.

    >>> import torch
    >>> w = Permuted(of=Linear(rate=1.0)).weight(torch.arange(4.0), torch.ones(4, dtype=torch.bool))
    >>> sorted(w.tolist())
    [1.0, 2.0, 3.0, 4.0]
    """

    formula: ClassVar[str] = "the weights of another, in random order"
    emphasis: ClassVar[str] = "none"
    kind: Literal["permuted"] = "permuted"
    seed: int | None = Field(None, ge=0)
    """Seed of the order; by default the run's own seed, and 0 outside of runs."""

    def order(self, mask: Tensor) -> Tensor:
        """The r-th valid step takes from the valid step with the r-th smallest random key."""
        import torch

        rank = (mask.cumsum(-1) - 1).clamp(min=0)
        drawn = np.random.default_rng(self.seed or 0).random(mask.shape[-1], np.float32)
        keys = torch.as_tensor(drawn).to(mask.device)[rank]  # the r-th valid step has the r-th key
        return keys.masked_fill(~mask, 2.0).argsort(dim=-1, stable=True).gather(-1, rank)


class RateMatched(Control):
    """Every step counts the same, at the learning rate that another modulation's raw weights amount to.

    In a run the learning rate is multiplied by the mean raw weight of the valid training steps: the control for
    `normalize: none`, which under SGD is a change of the learning rate as well as of the emphasis. Outside of runs it
    is `Uniform`.

    >>> import torch
    >>> RateMatched().weight(torch.arange(3.0), torch.ones(3, dtype=torch.bool)).tolist()
    [1.0, 1.0, 1.0]
    """

    formula: ClassVar[str] = "1, at lr x the mean raw weight of another"
    emphasis: ClassVar[str] = "none"
    kind: Literal["rate_matched"] = "rate_matched"

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """1 everywhere."""
        return counter.new_ones(counter.shape)

    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """1 where the mask is True."""
        return mask.to(counter.dtype)


class ShuffledLabels(Control):
    """The weights of another, on labels that mean nothing: what is left to learn is how common they are at each step.

    In a run the labels of the training and validation sequences are permuted among the sequences, at every step by
    itself; the test part keeps its own. What a detector still reaches is what the step index alone can give.

    >>> import torch
    >>> ShuffledLabels(of=Linear(rate=1.0)).weight(torch.arange(3.0), torch.ones(3, dtype=torch.bool)).tolist()
    [1.0, 2.0, 3.0]
    """

    formula: ClassVar[str] = "the weights of another, on shuffled training labels"
    emphasis: ClassVar[str] = "that of the other"
    kind: Literal["shuffled_labels"] = "shuffled_labels"
    of: AnyModulation = Uniform()
    """The other modulation."""

    def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
        """The inner weights."""
        return self.of.weight(counter, mask)

    def mean_one(self, counter: Tensor, mask: Tensor) -> Tensor:
        """The inner normalised weights."""
        return self.of.mean_one(counter, mask)


MODULATIONS: dict[str, type[Modulation]] = {
    "uniform": Uniform,
    "linear": Linear,
    "exp": Exp,
    "step": Step,
    "reverse": Reverse,
    "permuted": Permuted,
    "rate_matched": RateMatched,
    "shuffled_labels": ShuffledLabels,
}
"""Every modulation by its name."""


def chain(modulation: Modulation) -> Iterator[Modulation]:
    """`modulation`, the one it is made from, and so on to the innermost.

    >>> [m.kind for m in chain(Reverse(of=Permuted(of=Exp())))]
    ['reverse', 'permuted', 'exp']
    """
    yield modulation
    if isinstance(modulation, Control):
        yield from chain(modulation.of)


def for_seed(modulation: Modulation, seed: int) -> Modulation:
    """`modulation` with the run's seed wherever it draws an order and none was set."""
    if isinstance(modulation, Permuted) and modulation.seed is None:
        return Permuted(of=for_seed(modulation.of, seed), seed=seed)
    if isinstance(modulation, Control):
        return modulation.model_copy(update={"of": for_seed(modulation.of, seed)})
    return modulation
