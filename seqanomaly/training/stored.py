"""Training data and weights in memory as the compiled kernel looks them up: addresses and shapes."""

from __future__ import annotations

import ctypes
from typing import ClassVar

from torch import Tensor

from seqanomaly.training.stack import Shelf
from seqanomaly.training.stock import Weights

NUMBERS = ("sequences", "steps", "windows", "length", "features", "target_bytes", "kinds")
PLACES = ("x", "target", "mask", "begin", "data", "weight", "of_place", "kind", "scale")


class Fields(ctypes.Structure):
    """The kernel's `Stored`: numbers and addresses."""

    _fields_: ClassVar = [
        *((name, ctypes.c_int64) for name in NUMBERS),
        *((name, ctypes.c_void_p) for name in PLACES),
    ]


class Room(ctypes.Structure):
    """Where what an update reads goes, the kernel's `Batch`: addresses."""

    _fields_: ClassVar = [(name, ctypes.c_void_p) for name in ("x", "target", "mask", "weight")]


class Stored:
    """Training data and weights of a stack.

    Args:
        train: the data.
        weights: the members' weights of its steps.
        classes: whether targets are class indices.
    """

    def __init__(self, train: Shelf, weights: Weights, *, classes: bool) -> None:
        assert weights.step.shape[1:] == train.shape
        target = train.target.long() if classes else train.target.float()  # [D, N, T] or [D, N, T, F]
        self.counts, self.steps = train.counts, train.steps
        self.read = [train.x.contiguous(), target.contiguous(), train.mask.contiguous()]
        of_places = [weights.rows, weights.row, weights.scale] if weights.within else [None] * 3
        places = [*self.read, train.begin, train.place, weights.step, *of_places]
        self._kept = [None if tensor is None else tensor.contiguous() for tensor in places]
        self.fields = Fields(
            *train.shape,
            train.shape[0] if train.begin is None else train.begin.shape[1],
            train.steps,
            train.x.shape[-1],
            target[0, 0, 0].nbytes,
            weights.rows.shape[1] if weights.within else 0,
            *(None if tensor is None else tensor.data_ptr() for tensor in self._kept),
        )

    def room(self, size: int) -> list[Tensor]:
        """Memory for features, targets, masks and weights [size, L, ...] of some sequences or windows."""
        like = [values.new_empty(size, self.steps, *values.shape[3:]) for values in self.read]
        return [*like, like[0].new_empty(size, self.steps)]
