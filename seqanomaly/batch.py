"""Batch: what a model and a loss see of some sequences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.flat import Flat
from seqanomaly.windows import Windows, cut_windows


@dataclass(frozen=True, kw_only=True)
class Batch:
    """N sequences of up to T steps; steps that do not take part are False in `mask`.

    Where they are `flat` each step is a row of its own, so that tensors are [S, 1, ..] instead of [N, T, ..].
    """

    x: Tensor
    """What the model reads, [N, T, F]; what stands where `mask` is False means nothing."""
    target: Tensor
    """[N, T] labels (detect: 0/1 as floats; classify: class indices) or [N, T, F] features (forecast)."""
    mask: Tensor
    """True where a step takes part, [N, T]."""
    counter: Tensor
    """Integer place of a step in its frame, [N, T]; for the frame `window`, its place in the whole sequence."""
    counted: Tensor | None = None
    """True where the counter is defined, [N, T]; None for everywhere."""
    length: Tensor | None = None
    """Steps of each sequence, [N]; None where all are equally long."""
    windows: Windows | None = None
    """What the model sees at once; None for whole sequences."""
    flat: Flat | None = None
    """Where each sequence lies if every step is a row of its own, for windows only; None where each sequence is a row.
    """

    def __len__(self) -> int:
        """Number of windows, or of sequences where there are none."""
        return len(self.x) if self.windows is None else len(self.windows)

    def in_windows(self, lengths: NDArray[np.int64], length: int, stride: int) -> Batch:
        """The same sequences, seen in windows.

        Args:
            lengths: steps of each sequence, [N].
            length: steps of a window.
            stride: steps from the start of a window to that of the next, at most `length`.
        """
        steps = self.mask.shape[1] if self.flat is None else self.flat.steps
        return replace(self, windows=cut_windows(lengths, steps, length, stride))

    def lengths(self) -> Tensor | None:
        """Steps of each window, or sequence, that are there, [W]; None where all have as many."""
        if self.length is None or self.windows is None:
            return self.length
        found = self.windows.lengths(self.length.numpy())
        return None if found is None else torch.from_numpy(found)

    def begins(self) -> Tensor:
        """Where each window begins, counted through all steps [N, T], [W]."""
        assert self.windows is not None
        first = (
            self.mask.shape[1] * self.windows.sequence if self.flat is None else self.flat.first[self.windows.sequence]
        )
        return torch.from_numpy(first + self.windows.start)

    def times(self) -> Tensor:
        """How often an epoch has each step that takes part, [N, T]; 0 where the mask is False."""
        assert self.flat is None, "weights are made of padded sequences"
        if self.windows is None:
            return self.mask.long()
        return torch.from_numpy(self.windows.times(*self.mask.shape)) * self.mask


def upload(values: Tensor, device: torch.device) -> Tensor:
    """`values` on that device; what goes from the CPU to CUDA goes through pinned memory, so that nobody waits for it.

    >>> upload(torch.tensor([1, 2]), torch.device("cpu")).tolist()
    [1, 2]
    """
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def sliding(values: Tensor, length: int) -> Tensor:
    """All windows of `length` steps of [D, N, T, ...] as a view [D N T - length + 1, length, ...] that copies nothing.

    The window that starts at step s of sequence n of d is number (d N + n) T + s.

    >>> sliding(torch.arange(6).view(1, 2, 3), 2)[[1, 3]].tolist()
    [[1, 2], [3, 4]]
    """
    return values.flatten(0, 2).unfold(0, length, 1).movedim(-1, 1)
