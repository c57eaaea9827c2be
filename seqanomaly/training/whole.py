"""All updates of an epoch by the compiled kernel, which looks the batches up where they are stored.

Each member has its updates one after the other, so that what belongs to it stays in cache. They are the same bits as
those of `Batches`: per member the sums are the same, in the same order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.losses.base import CE
from seqanomaly.training.compiled import Compiled, number_of, on_line
from seqanomaly.training.graphs import Recorder
from seqanomaly.training.optimizers import CompiledOptimizer, Rule
from seqanomaly.training.stack import Shelf, Stock, Weighting
from seqanomaly.training.stock import Weights
from seqanomaly.training.stored import Fields, Room, Stored
from seqanomaly.training.update import Batches, Epochs, Update

AT_ONCE = 2_000_000_000
"""About how many parameters times steps one call of the kernel sees: a second or so, after which a signal is heard."""


class Learner(ctypes.Structure):
    """What is the same in every epoch, as the kernel's `Learner`: numbers and addresses."""

    _fields_: ClassVar = [
        *((name, ctypes.c_int64) for name in ("members", "batch_size")),
        *((name, ctypes.c_void_p) for name in ("counts", "shape", "gradient_of")),
        ("stored", ctypes.POINTER(Fields)),
        ("optimizer", ctypes.POINTER(Rule)),
        ("batch", Room),
        *((name, ctypes.c_void_p) for name in ("gradient", "space")),
    ]


class Whole(Epochs):
    """Passes over data in memory by the compiled kernel.

    Args:
        compute: how gradients are computed.
        base: what the kernel calls the base loss.
        change: the optimiser.
        stored: data and weights.
        batch_size: sequences, or windows, per update.
    """

    def __init__(
        self, compute: Compiled, base: int, change: CompiledOptimizer, stored: Stored, batch_size: int
    ) -> None:
        self.change, self.stored, self.library = change, stored, compute.library
        self.counts = torch.tensor(stored.counts)
        self.total = torch.zeros(len(stored.counts))
        self._longest = max(stored.counts)
        size = min(batch_size, self._longest)
        self._shape = compute.shape(size, stored.steps, base)
        self._kept = [*stored.room(size), torch.empty(change.rows.shape[1])]
        *room, gradient = (tensor.data_ptr() for tensor in self._kept)
        self._space = compute.space(self._shape, learns=True)
        self.learner = Learner(
            len(stored.counts),
            batch_size,
            self.counts.data_ptr(),
            ctypes.addressof(self._shape),
            compute.gradient_at,
            ctypes.pointer(stored.fields),
            ctypes.pointer(change.rule),
            Room(*room),
            gradient,
            on_line(self._space),
        )
        values = size * stored.steps * change.rows.numel()
        batches = -(-self._longest // batch_size)
        self.at_once = AT_ONCE // max(1, batches * values)
        """Epochs that one call may have; 0 where an epoch has several calls."""
        self._calls = list(_parts(batches, max(1, AT_ONCE // values)))
        integer, pointer = ctypes.c_int64, ctypes.c_void_p
        learner = ctypes.POINTER(Learner)
        self._updates = self.library.function("seqanom_updates", learner, pointer, *[integer] * 3, *[pointer] * 2)

    def one(self, order: Tensor) -> Tensor:
        mean = torch.empty(len(self.total))
        at, total, loss = order.data_ptr(), self.total.data_ptr(), mean.data_ptr()
        for first, last in self._calls:
            self._updates(self.learner, at, self._longest, first, last, total, loss)
        return mean


def epochs_of(
    update: Update,
    train: Stock,
    weights: Weighting,
    batch_size: int,
    device: torch.device,
    recorder: Recorder | None,
) -> Epochs:
    """Passes over the training data: by the compiled kernel as a whole where it has all that they need."""
    compute, change, base = update.compute, update.optimizer, number_of(update.step_loss.base)
    if not isinstance(compute, Compiled) or not isinstance(change, CompiledOptimizer) or base is None:
        return Batches(update, train, weights, batch_size, device, recorder)
    if not isinstance(train, Shelf) or not isinstance(weights, Weights) or recorder is not None:
        return Batches(update, train, weights, batch_size, device, recorder)
    stored = Stored(train, weights, classes=isinstance(update.step_loss.base, CE))
    return Whole(compute, base, change, stored, batch_size)


def _parts(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Begin and end of parts of `count` numbers, each of at most `size`.

    >>> list(_parts(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, count, size):
        yield start, min(start + size, count)
