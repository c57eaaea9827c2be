"""A stack: K members that are trained together, and where their data lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqanomaly.batch import Batch


@dataclass(frozen=True, kw_only=True)
class Member:
    """One configuration with one seed, ready to be trained."""

    seed: int
    """Root of its random numbers: initial weights, batch order, dropout."""
    lr: float
    """Learning rate."""
    train: Batch
    """Training sequences; members that share them share the memory."""
    validation: Batch
    """Validation sequences."""
    weight: Tensor
    """Weight of each training step in the loss, [N, T], 0 where the mask is False."""


class Shelf:
    """Batches of K members on one device, each stored once, read with one index per member.

    Args:
        batches: one per member, all of one shape; the same object means the same data.
        device: where to keep them.
    """

    def __init__(self, batches: list[Batch], device: torch.device) -> None:
        unique = {id(batch): batch for batch in batches}
        places = {key: place for place, key in enumerate(unique)}
        self.place = torch.tensor([places[id(b)] for b in batches], device=device).unsqueeze(1)  # [K, 1]
        self.count = len(batches[0])
        self.x = torch.stack([b.x for b in unique.values()]).to(device)  # [D, N, T, F]
        self.target = torch.stack([b.target for b in unique.values()]).to(device)  # [D, N, T] or [D, N, T, F]
        self.mask = torch.stack([b.mask for b in unique.values()]).to(device)  # [D, N, T]

    def read(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features, targets and masks [K, B, ...] of the sequences at `index` [K, B], or [1, B] for all members."""
        return self.x[self.place, index], self.target[self.place, index], self.mask[self.place, index]

    def chunk(self, members: int, width: int) -> int:
        """How many sequences fit one evaluation batch of about 4 million hidden values: a rule of shapes alone."""
        return max(1, 4_000_000 // (members * self.x.shape[2] * width))
