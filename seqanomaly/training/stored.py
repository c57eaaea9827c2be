"""Data and weights in memory as the compiled kernel looks them up: addresses and shapes."""

from __future__ import annotations

import ctypes
from typing import ClassVar

from torch import Tensor

from seqanomaly.training.stack import Shelf
from seqanomaly.training.stock import Weights

NUMBERS = ("sequences", "steps", "windows", "length", "features", "target_bytes", "kinds")
PLACES = ("x", "target", "mask", "begin", "fresh", "lengths", "data", "weight", "of_place", "kind", "scale")


class Fields(ctypes.Structure):
    """The kernel's `Stored`: numbers and addresses."""

    _fields_: ClassVar = [
        *((name, ctypes.c_int64) for name in NUMBERS),
        *((name, ctypes.c_void_p) for name in PLACES),
    ]


class Room(ctypes.Structure):
    """Where what is read goes, the kernel's `Batch`: addresses."""

    _fields_: ClassVar = [(name, ctypes.c_void_p) for name in ("x", "target", "mask", "weight")]


class Stored:
    """Data of a stack.

    Args:
        data: features, targets and masks.
        weights: the members' weights of its steps; None where they have none.
        classes: whether targets are class indices.
    """

    def __init__(self, data: Shelf, weights: Weights | None, *, classes: bool) -> None:
        target = data.target.long() if classes else data.target.float()  # [D, N, T] or [D, N, T, F]
        self.counts, self.steps = data.counts, data.steps
        self.read = [data.x.contiguous(), target.contiguous(), data.mask.contiguous()]
        of_windows = [None, None] if data.begin is None else [data.begin, data.fresh]
        places = [*self.read, *of_windows, data.own_lengths, data.place, *_of(weights)]
        self._kept = [None if tensor is None else tensor.contiguous() for tensor in places]
        self.fields = Fields(
            *data.shape,
            data.shape[0] if data.begin is None else data.begin.shape[1],
            data.steps,
            data.x.shape[-1],
            target[0, 0, 0].nbytes,
            weights.rows.shape[1] if weights is not None and weights.within else 0,
            *(None if tensor is None else tensor.data_ptr() for tensor in self._kept),
        )

    def room(self, size: int) -> list[Tensor]:
        """Memory for features, targets, masks and weights [size, L, ...] of some sequences or windows."""
        like = [values.new_empty(size, self.steps, *values.shape[3:]) for values in self.read]
        return [*like, like[0].new_empty(size, self.steps)]


def _of(weights: Weights | None) -> list[Tensor | None]:
    """Weights of steps, and of places in windows; None for what there is not."""
    if weights is None:
        return [None] * 4
    return [weights.step, *([weights.rows, weights.row, weights.scale] if weights.within else [None] * 3)]
