"""The weights of training steps that are not padded, made of some sequences after the other."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.flat import Flat
from seqanomaly.training.stack import Within, joined


class FlatWeights:
    """The weights of a member's flat training steps.

    Args:
        flat: where the training sequences lie.

    >>> kept = FlatWeights(Flat.of(np.array([2, 1]), 2))
    >>> kept.add(np.array([0, 1]), torch.tensor([[0.5, 1.5], [1.0, 0.0]]), None)
    >>> kept.weight.squeeze(1).tolist()
    [0.5, 1.5, 1.0]
    """

    def __init__(self, flat: Flat) -> None:
        self.flat = flat
        self.weight = torch.zeros(flat.rows, 1)
        """Of each step, [S, 1]."""
        self.withins: list[Within] = []

    def add(self, index: NDArray[np.int64], weight: Tensor, within: Within | None) -> None:
        """Keep the weights [B, T] of the sequences at `index` [B], and the factors of their windows."""
        ends = np.append(self.flat.first, self.flat.rows)
        for number, values in zip(index.tolist(), weight, strict=True):
            place = self.weight[ends[number] : ends[number + 1], 0]
            place[:] = values[: len(place)]
        if within is not None:
            self.withins.append(within)

    @property
    def within(self) -> Within | None:
        """The factors of all windows, if any."""
        return joined(self.withins) if self.withins else None
