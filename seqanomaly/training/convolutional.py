"""The compiled temporal convolutional detector: the sums of models/tcn.py by seqanomaly/kernel/tcn.cpp, on the CPU."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library
from seqanomaly.models.base import Dropout
from seqanomaly.models.tcn import TCN
from seqanomaly.training.compute import Compute, StepLoss

BASES = {"bce": 0, "mse": 1, "ce": 2}
"""Number of each base loss in the kernel."""
ALIGNMENT = 64
"""Bytes of a cache line."""


class CompiledTCN(Compute):
    """One member after the other, one sequence after the other, in cache; a member's bits do not depend on the stack.

    Args:
        model: without dropout.
        base: name of the base loss that `step_loss` is.
        library: whose functions run.
    """

    path = "compiled"

    def __init__(self, model: TCN, base: str, library: Library) -> None:
        super().__init__(model)
        self.base, self.library = BASES[base], library
        self.fixed = (model.features, model.outputs, model.channels, model.kernel, model.layers, self.base)
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        self._space = library.function("seqanom_tcn_space", pointer, result=integer)
        self._outputs = library.function(
            "seqanom_tcn_outputs", pointer, integer, pointer, pointer, integer, pointer, pointer
        )
        read = (pointer, integer)
        self._gradient = library.function(
            "seqanom_tcn_gradient", pointer, integer, pointer, *4 * read, pointer, pointer, pointer
        )
        self._work = torch.empty(0)

    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        x, members = _inner(x), len(rows)
        out = rows.new_empty(members, *x.shape[1:3], self.model.outputs)  # [K, B, T, O]
        shape = self._shape(x)
        self._outputs(shape, members, rows.data_ptr(), *_read(x), out.data_ptr(), self._space_for(shape))
        return out

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        members = len(rows)
        x, target, mask, weight = (_inner(values) for values in (x, target, mask, weight))
        loss, gradient = rows.new_empty(members), torch.empty_like(rows)
        shape = self._shape(x)
        self._gradient(
            shape,
            members,
            rows.data_ptr(),
            *_read(x),
            *_read(target),
            *_read(mask),
            *_read(weight),
            loss.data_ptr(),
            gradient.data_ptr(),
            self._space_for(shape),
        )
        return loss, gradient

    def _shape(self, x: Tensor) -> ctypes.Array[ctypes.c_int64]:
        """Batch, steps, features, outputs, channels, kernel, layers, base loss."""
        return (ctypes.c_int64 * 8)(x.shape[1], x.shape[2], *self.fixed)

    def _space_for(self, shape: ctypes.Array[ctypes.c_int64]) -> int:
        """Address of work space."""
        wanted = self._space(shape)
        assert wanted is not None
        if len(self._work) < wanted + ALIGNMENT:
            self._work = torch.empty(wanted + ALIGNMENT)
        return -(-self._work.data_ptr() // ALIGNMENT) * ALIGNMENT


def _inner(values: Tensor) -> Tensor:
    """`values` [K, B, T, ...] whose members are each contiguous; they may share their memory."""
    return values if values[0].is_contiguous() else values.contiguous()


def _read(values: Tensor) -> tuple[int, int]:
    """Address of the first member, and the elements from one member to the next."""
    return values.data_ptr(), values.stride(0)
