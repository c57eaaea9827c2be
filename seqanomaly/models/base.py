"""K members of one model shape as one batched model: plain tensors, no modules.

The parameters of a stack are one tensor [K, P], a row per member. `views` cuts it into named parameters with a leading
K axis, `forward` computes with them. A row is a complete model: rows can be trained, compared, kept and saved alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqanomaly.batch import upload


@dataclass(frozen=True)
class Parameter:
    """Shape of one parameter, and the bound of its initial values, uniform in [-bound, bound]."""

    shape: tuple[int, ...]
    bound: float

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


class Dropout:
    """Sets a share `rate` of the values to 0 and scales the rest, with random numbers of each member's own.

    Args:
        rate: share of the values to drop.
        generators: one per member; none at all drops nothing.
        sizes: how many sequences of a batch are a member's own, per member, where they are not all of them: it draws
            numbers for those only, as it would alone.
    """

    def __init__(self, rate: float, generators: list[torch.Generator], sizes: list[int] | None = None) -> None:
        self.rate, self.generators, self.sizes = rate, generators, sizes

    def for_sizes(self, sizes: list[int]) -> Dropout:
        """The same for a batch of which each member owns that many sequences."""
        return Dropout(self.rate, self.generators, sizes)

    def __call__(self, h: Tensor) -> Tensor:
        """`h` [K, B, ...] with values dropped."""
        if self.rate == 0 or not self.generators:
            return h
        sizes = self.sizes or [h.shape[1]] * len(self.generators)
        drawn = [torch.rand(n, *h.shape[2:], generator=g) for n, g in zip(sizes, self.generators, strict=True)]
        keep = pad_sequence(drawn, batch_first=True) >= self.rate
        return h * upload(keep, h.device) / (1 - self.rate)


NO_DROPOUT = Dropout(0.0, [])
"""Dropout as evaluation uses it: none."""


class SequenceModel(ABC):
    """Causal model from features [K, B, T, F] to outputs [K, B, T, O].

    Args:
        features: number of features F.
        outputs: number of outputs O per step.
        dropout: share of hidden values dropped while training, in [0, 1).
    """

    def __init__(self, features: int, outputs: int, dropout: float) -> None:
        self.features, self.outputs, self.dropout = features, outputs, dropout

    @abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of one member, in the order in which they lie in its row."""

    @abstractmethod
    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        """Outputs [K, B, T, O] of features `x` [K, B, T, F] under `weights` with a leading K axis."""

    @property
    @abstractmethod
    def receptive_field(self) -> int | None:
        """How many steps, the current one included, an output can see; None for all so far, 0 for none."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Largest number of values per step that a layer computes; torch keeps them all, see `Compute.width`."""

    @property
    def size(self) -> int:
        """Number of values P of one member."""
        return sum(p.size for p in self.parameters().values())

    def init(self, generator: torch.Generator) -> Tensor:
        """Initial values [P] of one member."""
        return torch.cat(
            [(2 * torch.rand(p.size, generator=generator) - 1) * p.bound for p in self.parameters().values()]
        )

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """Named parameters [K, *shape] of `rows` [K, P]."""
        parameters = self.parameters()
        parts = torch.split_with_sizes(rows, [p.size for p in parameters.values()], 1)
        return {
            name: part.reshape(len(rows), *p.shape) for (name, p), part in zip(parameters.items(), parts, strict=True)
        }

    def rows(self, weights: dict[str, Tensor]) -> Tensor:
        """The row [P] that holds the named parameters [*shape] of one member; the inverse of `views`."""
        return torch.cat([weights[name].reshape(-1) for name in self.parameters()])


class UntrainedModel(SequenceModel, ABC):
    """A model whose row follows from the labels of the training part, without a loop and without a loss.

    Args:
        features: number of features F.
        outputs: number of outputs O per step: 1 for a logit, or one logit per class.
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, dropout=0.0)

    @abstractmethod
    def fitted(self, label: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """The row [P] in closed form.

        Args:
            label: class of each training step [N, T], 0 is normal.
            mask: which of them count, [N, T].
            generator: the member's own.
        """

    @property
    def width(self) -> int:
        return self.outputs


def linear(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A dense layer per member: `h` [K, B, T, I], `weight` [K, O, I], `bias` [K, O] -> [K, B, T, O]."""
    k, b, t, i = h.shape
    return torch.baddbmm(bias.unsqueeze(1), h.reshape(k, b * t, i), weight.mT).view(k, b, t, -1)
