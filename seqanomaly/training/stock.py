"""The training data and weights of a stack, in memory or mapped; the loop does not know which."""

from __future__ import annotations

import torch
from torch import Tensor

from seqanomaly.training.mapped import MappedShelf, MappedWeighting
from seqanomaly.training.stack import Member, Shelf, Stock, Weighting, Within, padded


def stock_of(members: list[Member], device: torch.device) -> tuple[Stock, Weighting]:
    """The training data of all members, and their weights."""
    mapped = [m.mapped for m in members if m.mapped is not None]
    if mapped:
        assert len(mapped) == len(members), "all members have their data in memory, or none"
        shelf = MappedShelf([weights.data for weights in mapped], device)
        return shelf, MappedWeighting(mapped, shelf.counts, device)
    data = Shelf([m.train for m in members], device)
    return data, Weights([m.weight for m in members], [m.within for m in members], data, device)


class Weights(Weighting):
    """The members' weights on one device.

    Args:
        weights: of each training step of each member, [N, T].
        withins: further factors on the weights of each member, if any.
        train: the data.
        device: where to keep them.
    """

    def __init__(self, weights: list[Tensor], withins: list[Within | None], train: Shelf, device: torch.device) -> None:
        self.train, self.each = train, torch.arange(len(weights), device=device).unsqueeze(1)  # [K, 1]
        self.step = padded(weights).to(device)  # [K, N, T]
        within = [w for w in withins if w is not None]
        assert len(within) in (0, len(weights)), "all members weigh places in windows, or none"
        self.within = bool(within)
        if within:
            self.rows = padded([w.rows for w in within]).to(device)  # [K, P, L]
            self.row = padded([w.row for w in within]).to(device)  # [K, W]
            self.scale = padded([w.scale for w in within]).to(device)  # [K, W]

    def read(self, index: Tensor) -> Tensor:
        index = self.train.within_reach(index)
        weight = self.train.take(self.step, self.each, index)
        if not self.within:
            return weight
        return weight * self.rows[self.each, self.row[self.each, index]] * self.scale[self.each, index].unsqueeze(-1)
