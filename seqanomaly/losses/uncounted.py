"""Weights of sequences in which some steps have no counter, so that the modulation does not apply to them."""

from __future__ import annotations

import torch
from torch import Tensor

from seqanomaly.losses.modulations import Modulation


def partly_counted(
    modulation: Modulation, counter: Tensor, counted: Tensor, valid: Tensor, *, averaged: bool
) -> Tensor:
    """Weights [..., T] where a valid step without a counter has the raw weight of an unmodulated one, 1.

    A share in a step loss is one of the steps that
    have a counter, and a control reorders the weights of those steps only.

    Args:
        modulation: counter -> weight.
        counter: a float, [..., T].
        counted: where the counter is defined, [..., T]; only where `valid` is True.
        valid: which steps there are, [..., T].
        averaged: whether the weights of all valid steps of a sequence average 1; else they are raw.

    Raises:
        ConfigError: a raw weight that is negative or overflows.

    >>> from seqanomaly.losses.modulations import Linear
    >>> counted, valid = torch.tensor([False, True, True, False]), torch.tensor([True, True, True, False])
    >>> partly_counted(Linear(rate=1.0), torch.tensor([0.0, 0.0, 1.0, 0.0]), counted, valid, averaged=False).tolist()
    [1.0, 1.0, 2.0, 0.0]
    """
    if not averaged:
        return torch.where(counted, modulation.raw(counter, counted), valid.to(counter.dtype))
    average_one = modulation.mean_one(counter, counted)  # over the counted steps of each sequence
    largest, at = average_one.max(-1, keepdim=True)
    raw = modulation.weight(counter, counted).gather(-1, at)  # its raw weight, which may be infinite
    unmodulated = torch.where(largest > 0, largest / raw, 1.0)  # 1 in the same unit
    weight = torch.where(counted, average_one, unmodulated).masked_fill(~valid, 0.0)
    mean = weight.sum(-1, keepdim=True) / valid.sum(-1, keepdim=True).clamp(min=1)
    return weight / mean.masked_fill(mean == 0, 1.0)
