"""A stack by the compiled kernel: one member after the other, each in cache, on one thread of the CPU.

A member's sums have one order, so it has the same bits alone and in any stack.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss, StepLoss
from seqanomaly.models.base import Dropout
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.training.compute import Compute, Torch, Truncated

KINDS: dict[type[Recurrent], int] = {RNN: 0, GRU: 1, LSTM: 2}
"""What the kernel calls a cell."""
LAYERS = 64
"""Most layers that it has room for."""
LINE = 64
"""Bytes of a cache line, on which the work space begins."""


def number_of(base: BaseLoss) -> int | None:
    """What the kernel calls a base loss; None for one with factors of its own, which runs have in their weights.

    >>> number_of(CE()), number_of(CE([1.0, 2.0]))
    (2, None)
    """
    match base:
        case BCE(pos_weight=None):
            return 0
        case MSE():
            return 1
        case CE(class_weight=None):
            return 2
    return None


class CompiledRecurrent(Compute):
    """rnn, gru and lstm by `seqanomaly/kernel/recurrent.cpp`.

    Args:
        model: without dropout.
        library: whose functions run.
        truncate: steps of a piece in truncated backpropagation through time, None for all of a sequence at once.
    """

    def __init__(self, model: Recurrent, library: Library, truncate: int | None = None) -> None:
        super().__init__(model)
        self.path = f"compiled, {library.instructions}" + ", truncated" * (truncate is not None)
        self.reference = Torch(model) if truncate is None else Truncated(model, truncate)
        """What is asked where the kernel does not know the base loss."""
        self._kind = KINDS[type(model)]
        self._fixed = (model.features, model.outputs, model.hidden, model.layers, truncate or 0)
        pointer = ctypes.c_void_p
        self._outputs = library.function("seqanom_recurrent_outputs", *[pointer] * 5)
        self._gradient = library.function("seqanom_recurrent_gradient", *[pointer] * 9)
        self._space_of = library.function("seqanom_recurrent_space", pointer, ctypes.c_int64, result=ctypes.c_int64)
        self._space = torch.empty(0)

    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        rows, x = rows.contiguous(), x.contiguous()
        shape = self._shape(x, 0)
        out = x.new_empty(*x.shape[:3], self.model.outputs)
        self._outputs(shape, rows.data_ptr(), x.data_ptr(), out.data_ptr(), self._space_for(shape, learns=False))
        return out

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        base = number_of(step_loss.base)
        if base is None:
            return self.reference.gradient(step_loss, rows, x, target, mask, weight, drop)
        shape = self._shape(x, base)
        read = [tensor.contiguous() for tensor in (rows, x, target.float(), mask, weight)]
        loss, gradient = rows.new_empty(len(rows)), torch.empty_like(read[0])
        written = [tensor.data_ptr() for tensor in (*read, loss, gradient)]
        self._gradient(shape, *written, self._space_for(shape, learns=True))
        return loss, gradient

    def _shape(self, x: Tensor, base: int) -> ctypes.Array[ctypes.c_int64]:
        """What a call works on, in the order of the kernel's `Shape`."""
        numbers = (self._kind, base, *x.shape[:3], *self._fixed)
        return (ctypes.c_int64 * len(numbers))(*numbers)

    def _space_for(self, shape: ctypes.Array[ctypes.c_int64], *, learns: bool) -> int:
        """Address of work space for such a call, kept for the next one."""
        floats = self._space_of(shape, learns)
        assert floats is not None
        if len(self._space) < floats + LINE:
            self._space = torch.empty(floats + LINE)
        return -(-self._space.data_ptr() // LINE) * LINE
