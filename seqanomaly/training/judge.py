"""The mean loss of a stack by the compiled kernel: outputs and losses of one member after the other."""

from __future__ import annotations

import ctypes
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.losses.base import CE, StepLoss
from seqanomaly.training.compiled import Compiled, number_of, on_line
from seqanomaly.training.compute import Compute
from seqanomaly.training.evaluation import Added, Evaluation, Sums
from seqanomaly.training.graphs import Recorder
from seqanomaly.training.stack import BLOCK, Shelf
from seqanomaly.training.stored import Fields, Room, Stored

READ = 65_536
"""About how many features are read at once, in whole blocks of the kernel: they stay in cache."""
LANES = 16
"""Most steps whose losses the kernel computes at once."""


class Fixed(ctypes.Structure):
    """What is the same in every evaluation, as the kernel's `Judge`: numbers and addresses."""

    _fields_: ClassVar = [
        *((name, ctypes.c_int64) for name in ("members", "size", "batch_size", "base", "outputs")),
        *((name, ctypes.c_void_p) for name in ("counts", "steps", "shape", "outputs_of")),
        ("stored", ctypes.POINTER(Fields)),
        *((name, ctypes.c_void_p) for name in ("rows", "index")),
        ("batch", Room),
        *((name, ctypes.c_void_p) for name in ("ones", "out", "scratch", "space")),
    ]


class Judge(Evaluation):
    """Losses over data in memory. A member's sum has one order, so it has the same bits alone and in any stack.

    Args:
        compute: how outputs are computed.
        base: what the kernel calls the base loss.
        rows: parameters [K, P].
        data: of all members.
        classes: whether targets are class indices.
    """

    def __init__(self, compute: Compiled, base: int, rows: Tensor, data: Shelf, *, classes: bool) -> None:
        assert rows.is_contiguous()
        self.rows, self.stored, outputs = rows, Stored(data, None, classes=classes), compute.model.outputs
        size = min(data.count, max(BLOCK, READ // (data.steps * compute.model.features) // BLOCK * BLOCK))
        self._shape = compute.shape(size, data.steps, base)
        self._space = compute.space(self._shape, learns=False)
        self._counts = [torch.tensor(data.counts), data.valid, _order(data)]
        counts, steps, index = (tensor.data_ptr() for tensor in self._counts)
        values = size * data.steps
        self._kept = [torch.ones(values), torch.empty(values * outputs), torch.empty((2 * outputs + 2) * LANES)]
        self._room = self.stored.room(size)
        self.fixed = Fixed(
            *rows.shape,
            size,
            base,
            outputs,
            counts,
            steps,
            ctypes.addressof(self._shape),
            compute.outputs_at,
            ctypes.pointer(self.stored.fields),
            rows.data_ptr(),
            index,
            Room(*(tensor.data_ptr() for tensor in self._room)),
            *(tensor.data_ptr() for tensor in self._kept),
            on_line(self._space),
        )
        self._losses = compute.library.function("seqanom_losses", ctypes.POINTER(Fixed), ctypes.c_void_p)

    def mean(self) -> Tensor:
        loss = torch.empty(len(self.rows))
        self._losses(self.fixed, loss.data_ptr())
        return loss


def _order(data: Shelf) -> Tensor:
    """In which order sequences or windows are read, [D, W]: the longest first, as those read at once are padded."""
    if data.own_lengths is None:
        return torch.arange(data.count).repeat(len(data.mask), 1)
    return data.own_lengths.argsort(dim=1, descending=True, stable=True)


def evaluation_of(
    compute: Compute, step_loss: StepLoss, rows: Tensor, data: Shelf, recorder: Recorder | None = None
) -> Evaluation:
    """The mean loss of `rows` [K, P]: by the compiled kernel where it has all that it needs."""
    base = number_of(step_loss.base)
    if isinstance(compute, Compiled) and base is not None and recorder is None:
        return Judge(compute, base, rows, data, classes=isinstance(step_loss.base, CE))
    return Added(Sums(compute, step_loss, rows), data, recorder)
