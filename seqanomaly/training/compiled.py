"""A stack by the compiled kernel: one member after the other, each in cache, on one thread of the CPU.

A member's sums have one order, so it has the same bits alone and in any stack.
"""

from __future__ import annotations

import ctypes
from abc import ABC
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss, StepLoss
from seqanomaly.models.base import Dropout, SequenceModel
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.models.tcn import TCN
from seqanomaly.training.compute import Compute, Torch, Truncated

KINDS: dict[type[Recurrent], int] = {RNN: 0, GRU: 1, LSTM: 2}
"""What the kernel calls a cell."""
LAYERS = 64
"""Most layers of a recurrent model that the kernel has room for."""
DEEPEST = 32
"""Most layers of a TCN that it has room for."""
LINE = 64
"""Bytes of a cache line, on which the work space begins."""
LEAST = 16
"""About how many values per step there are beside features and outputs in any case: scores, decisions, times."""


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


class Given(ctypes.Structure):
    """What a gradient is made of, as the kernel's `Given`: addresses, and the numbers between two members."""

    _fields_: ClassVar = [
        ("rows", ctypes.c_void_p),
        *(
            (name + end, type_)
            for name in ("x", "target", "mask", "weight")
            for end, type_ in (("", ctypes.c_void_p), ("_stride", ctypes.c_int64))
        ),
    ]


class Compiled(Compute, ABC):
    """A family of models by a source of `seqanomaly/kernel`.

    Args:
        model: without dropout.
        library: whose functions run.
        family: what the functions of the source are called after.
        numbers: of the model, in the order of the source, between batch, steps and base loss.
        reference: what is asked where the kernel does not know the base loss.
    """

    def __init__(
        self, model: SequenceModel, library: Library, family: str, numbers: tuple[int, ...], reference: Compute
    ) -> None:
        super().__init__(model)
        self.path, self.reference = f"compiled, {library.instructions}", reference
        self._numbers = numbers
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        name = f"seqanom_{family}"
        self._space_of = library.function(f"{name}_space", pointer, integer, result=integer)
        self._outputs = library.function(f"{name}_outputs", pointer, integer, pointer, pointer, integer, *[pointer] * 2)
        self.library, self._gradient = library, library.function(f"{name}_gradient", pointer, integer, *[pointer] * 4)
        self.gradient_at, self.outputs_at = (library.address(f"{name}_{what}") for what in ("gradient", "outputs"))
        self._space = torch.empty(0)

    @property
    def width(self) -> int:
        return max(LEAST, self.model.features + self.model.outputs)  # hidden values are forgotten block by block

    def outputs(self, rows: Tensor, x: Tensor) -> Tensor:
        rows, x = rows.contiguous(), _inner(x)
        out = x.new_empty(*x.shape[:3], self.model.outputs)  # [K, B, T, O]
        shape = self.shape(x.shape[1], x.shape[2], 0)
        space = self._space_for(shape, learns=False)
        self._outputs(shape, len(rows), rows.data_ptr(), x.data_ptr(), x.stride(0), out.data_ptr(), space)
        return out

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        base = number_of(step_loss.base)
        if base is None:
            return self.reference.gradient(step_loss, rows, x, target, mask, weight, drop)
        target = target.long() if isinstance(step_loss.base, CE) else target.float()
        rows, kept = rows.contiguous(), [_inner(values) for values in (x, target, mask, weight)]
        given = Given(rows.data_ptr(), *(number for v in kept for number in (v.data_ptr(), v.stride(0))))
        loss, gradient = rows.new_empty(len(rows)), torch.empty_like(rows)  # [K], [K, P]
        shape = self.shape(x.shape[1], x.shape[2], base)
        written = (loss.data_ptr(), gradient.data_ptr(), self._space_for(shape, learns=True))
        self._gradient(shape, len(rows), ctypes.addressof(given), *written)
        return loss, gradient

    def shape(self, batch: int, steps: int, base: int) -> ctypes.Array[ctypes.c_int64]:
        """What the kernel calls the shape: batch, steps, the numbers of the model, base loss."""
        numbers = (batch, steps, *self._numbers, base)
        return (ctypes.c_int64 * len(numbers))(*numbers)

    def space(self, shape: ctypes.Array[ctypes.c_int64], *, learns: bool) -> Tensor:
        """Work space for such calls; it begins `on_line`."""
        floats = self._space_of(shape, learns)
        assert floats is not None
        return torch.empty(floats + LINE)

    def _space_for(self, shape: ctypes.Array[ctypes.c_int64], *, learns: bool) -> int:
        """Address of work space for such a call, kept for the next one."""
        space = self.space(shape, learns=learns)
        if len(space) > len(self._space):
            self._space = space
        return on_line(self._space)


def on_line(space: Tensor) -> int:
    """Where the first cache line in `space` begins."""
    return -(-space.data_ptr() // LINE) * LINE


class CompiledRecurrent(Compiled):
    """rnn, gru and lstm by `recurrent.cpp`.

    Args:
        model: without dropout, of at most `LAYERS` layers.
        library: whose functions run.
        truncate: steps of a piece in truncated backpropagation through time, None for all of a sequence at once.
    """

    def __init__(self, model: Recurrent, library: Library, truncate: int | None = None) -> None:
        numbers = (KINDS[type(model)], model.features, model.outputs, model.hidden, model.layers, truncate or 0)
        reference = Torch(model) if truncate is None else Truncated(model, truncate)
        super().__init__(model, library, "recurrent", numbers, reference)
        self.path += ", truncated" * (truncate is not None)


class CompiledTCN(Compiled):
    """The temporal convolutional detector by `tcn.cpp`.

    Args:
        model: without dropout, of at most `DEEPEST` layers.
        library: whose functions run.
    """

    def __init__(self, model: TCN, library: Library) -> None:
        numbers = (model.features, model.outputs, model.channels, model.kernel, model.layers)
        super().__init__(model, library, "tcn", numbers, Torch(model))


def _inner(values: Tensor) -> Tensor:
    """`values` [K, B, T, ...] whose members are each contiguous; they may share their memory."""
    return values if values[0].is_contiguous() else values.contiguous()
