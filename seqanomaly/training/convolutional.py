"""The compiled temporal convolutional detector: the sums of models/tcn.py by seqanomaly/kernel/tcn.cpp, on the CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library
from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import Dropout
from seqanomaly.models.tcn import TCN
from seqanomaly.training.compiled import LINE, number_of
from seqanomaly.training.compute import Compute, Torch

DEEPEST = 32
"""Most layers that the kernel takes."""


class CompiledTCN(Compute):
    """One member after the other, one sequence after the other, in cache; a member's bits do not depend on the stack.

    Args:
        model: without dropout, of at most `DEEPEST` layers.
        library: whose functions run.
    """

    def __init__(self, model: TCN, library: Library) -> None:
        super().__init__(model)
        self.path = f"compiled, {library.instructions}"
        self.reference = Torch(model)
        """What is asked where the kernel does not know the base loss."""
        self._fixed = (model.features, model.outputs, model.channels, model.kernel, model.layers)
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        self._space_of = library.function("seqanom_tcn_space", pointer, result=integer)
        self._outputs = library.function(
            "seqanom_tcn_outputs", pointer, integer, pointer, pointer, integer, pointer, pointer
        )
        read = (pointer, integer)
        self._gradient = library.function(
            "seqanom_tcn_gradient", pointer, integer, pointer, *4 * read, pointer, pointer, pointer
        )
        self._space = torch.empty(0)

    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        rows, x = rows.contiguous(), _inner(x)
        out = x.new_empty(len(rows), *x.shape[1:3], self.model.outputs)  # [K, B, T, O]
        shape = self._shape(x, 0)
        self._outputs(shape, len(rows), rows.data_ptr(), *_read(x), out.data_ptr(), self._space_for(shape))
        return out

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        base = number_of(step_loss.base)
        if base is None:
            return self.reference.gradient(step_loss, rows, x, target, mask, weight, drop)
        rows, kept = rows.contiguous(), [_inner(values) for values in (x, target, mask, weight)]
        loss, gradient = rows.new_empty(len(rows)), torch.empty_like(rows)
        shape = self._shape(x, base)
        read = [number for values in kept for number in _read(values)]
        written = (loss.data_ptr(), gradient.data_ptr(), self._space_for(shape))
        self._gradient(shape, len(rows), rows.data_ptr(), *read, *written)
        return loss, gradient

    def _shape(self, x: Tensor, base: int) -> ctypes.Array[ctypes.c_int64]:
        """Batch, steps, features, outputs, channels, kernel, layers, base loss."""
        return (ctypes.c_int64 * 8)(*x.shape[1:3], *self._fixed, base)

    def _space_for(self, shape: ctypes.Array[ctypes.c_int64]) -> int:
        """Address of work space for such a call, kept for the next one."""
        floats = self._space_of(shape)
        assert floats is not None
        if len(self._space) < floats + LINE:
            self._space = torch.empty(floats + LINE)
        return -(-self._space.data_ptr() // LINE) * LINE


def _inner(values: Tensor) -> Tensor:
    """`values` [K, B, T, ...] whose members are each contiguous; they may share their memory."""
    return values if values[0].is_contiguous() else values.contiguous()


def _read(values: Tensor) -> tuple[int, int]:
    """Address of the first member, and the elements from one member to the next."""
    return values.data_ptr(), values.stride(0)
