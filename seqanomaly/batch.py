"""Batch: what a model and a loss see of some sequences."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """N sequences of up to T steps; steps that do not take part are False in `mask`."""

    x: Tensor
    """What the model reads, [N, T, F]; what stands where `mask` is False means nothing."""
    target: Tensor
    """[N, T] labels (detect: 0/1 as floats; classify: class indices) or [N, T, F] features (forecast)."""
    mask: Tensor
    """True where a step takes part, [N, T]."""
    counter: Tensor
    """Integer place of a step in its frame, [N, T]."""

    def __len__(self) -> int:
        return len(self.x)
