"""The training data and weights of a stack, in memory or mapped; the loop does not know which."""

from __future__ import annotations

import torch
from torch import Tensor

from seqanomaly.batch import upload
from seqanomaly.training.mapped import MappedShelf, MappedWeighting
from seqanomaly.training.stack import Member, Shelf, Stock, Weighting, Within, padded


def stock_of(members: list[Member], device: torch.device) -> tuple[Stock, Weighting]:
    """The training data of all members, and their weights."""
    mapped = [m.mapped for m in members if m.mapped is not None]
    if mapped:
        assert len(mapped) == len(members), "all members have their data in memory, or none"
        shelf = MappedShelf([weights.data for weights in mapped], device)
        return shelf, MappedWeighting(mapped, shelf.counts, device)
    weights = [m.weight for m in members]
    data = Shelf([m.train for m in members], device, beside=len(weights) * max(w.nbytes for w in weights))
    return data, Weights(weights, [m.within for m in members], data)


class Weights(Weighting):
    """The members' weights, beside their data.

    Args:
        weights: of each training step of each member, [N, T].
        withins: further factors on the weights of each member, if any.
        train: the data.
    """

    def __init__(self, weights: list[Tensor], withins: list[Within | None], train: Shelf) -> None:
        home = train.home
        self.train, self.each = train, torch.arange(len(weights), device=home).unsqueeze(1)  # [K, 1]
        self.step = padded(weights).to(home)  # [K, N, T]
        within = [w for w in withins if w is not None]
        assert len(within) in (0, len(weights)), "all members weigh places in windows, or none"
        self.within = bool(within)
        if within:
            self.rows = padded([w.rows for w in within]).to(home)  # [K, P, L]
            self.row = padded([w.row for w in within]).to(home)  # [K, W]
            self.scale = padded([w.scale for w in within]).to(home)  # [K, W]

    def read(self, index: Tensor) -> Tensor:
        index = self.train.within_reach(index)
        weight = self.train.take(self.step, self.each, index)
        if self.within:
            of_place = self.rows[self.each, self.row[self.each, index]]  # [K, B, L]
            weight = weight * of_place * self.scale[self.each, index].unsqueeze(-1)
        return upload(weight, self.train.device)
