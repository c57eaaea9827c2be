"""Losses of a stack over some data, without gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from seqanomaly.losses.base import StepLoss
from seqanomaly.training.compute import Compute
from seqanomaly.training.graphs import Recorder, Replayed, Work
from seqanomaly.training.stack import Shelf


class Sums:
    """Losses of valid steps added up; changed in place, so that adding can be recorded and replayed.

    Args:
        compute: how outputs are computed.
        step_loss: unweighted loss of each step.
        rows: parameters [K, P].
    """

    def __init__(self, compute: Compute, step_loss: StepLoss, rows: Tensor) -> None:
        self.compute, self.step_loss, self.rows = compute, step_loss, rows
        self.loss = rows.new_zeros(len(rows))

    @torch.no_grad()
    def add(self, x: Tensor, target: Tensor, mask: Tensor) -> None:
        """Add a batch: features [K, B, T, F], targets and which steps count [K, B, T]."""
        outputs = self.compute.outputs(self.rows, x)
        self.loss += torch.where(mask, self.step_loss(outputs, target), 0.0).sum((1, 2))


class Evaluation(ABC):
    """Mean unweighted loss over the valid steps of all sequences, each step taken once."""

    @abstractmethod
    def mean(self) -> Tensor:
        """The loss [K] of the rows as they are now."""


class Added(Evaluation):
    """The losses of one batch after the other, whatever computes them.

    Args:
        sums: where it is added up.
        data: of all members.
        recorder: how the work is recorded to be replayed; None to do it as usual.
    """

    def __init__(self, sums: Sums, data: Shelf, recorder: Recorder | None = None) -> None:
        self.sums, self.data, self.steps = sums, data, data.valid.to(sums.rows).clamp(min=1)  # [K]
        self.places = list(places(sums.compute, len(sums.rows), data))
        self._by_place = recorder is not None and data.resident
        self._run: Work = _from_place(sums, data) if self._by_place else sums.add
        if recorder is not None:
            self._run = Replayed(self._run, recorder)
        self._kept = list(self._reads()) if len(self.places) == 1 else None

    def mean(self) -> Tensor:
        self.sums.loss.zero_()
        for read in self._kept or self._reads():
            self._run(*read)
        return self.sums.loss / self.steps

    def _reads(self) -> Iterator[tuple[Tensor, ...]]:
        """What is added, batch by batch: the index [1, B] alone where the device looks it up; see `Sums.add`."""
        for index in self.places:
            yield (index,) if self._by_place else self.data.read(index, once=True)


def _from_place(sums: Sums, data: Shelf) -> Work:
    """Adding what is at an index [1, B], which the device looks up."""

    def run(index: Tensor) -> None:
        sums.add(*data.read(index, once=True))

    return run


def places(compute: Compute, members: int, data: Shelf) -> Iterator[Tensor]:
    """Indices [1, B] of some windows or sequences after the other, where the data lie."""
    size = data.chunk(members, compute.width)
    for start in range(0, data.count, size):
        yield torch.arange(start, min(start + size, data.count), device=data.home).unsqueeze(0)
