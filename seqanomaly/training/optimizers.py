"""Optimisers over a stack: one update of all rows [K, P], each row with a learning rate of its own.

torch.optim has one learning rate per tensor; these are the same formulas with one per row. Being pointwise, a row's
update is the same whatever the other rows are.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library, library

OptimizerName = Literal["adam", "adamw", "sgd"]
LAST = 40_000
"""Updates after which 1 - 0.999^n is 1 in double precision, and more."""


class Optimizer(ABC):
    """Updates rows [K, P] in place from gradients of the same shape.

    Args:
        rows: parameters of all members.
        lr: learning rate of each member, [K].
        weight_decay: strength of the decay; added to the gradient by adam and sgd, decoupled in adamw.
    """

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float) -> None:
        self.rows, self.lr, self.weight_decay = rows, lr.unsqueeze(1), weight_decay

    def step(self, gradient: Tensor, active: Tensor | None = None) -> None:
        """One update by `gradient` [K, P]; a member that is not `active` [K] has no data in it and stays as it is."""
        kept = [(tensor, tensor.clone()) for tensor in self.state()] if active is not None else []
        self.update(gradient)
        for tensor, before in kept:
            assert active is not None
            tensor.copy_(torch.where(active.view(-1, *[1] * (tensor.dim() - 1)), tensor, before))

    @abstractmethod
    def update(self, gradient: Tensor) -> None:
        """Change all rows by `gradient` [K, P]."""

    @abstractmethod
    def state(self) -> list[Tensor]:
        """Everything that `update` changes in place, each with a row per member."""


class SGD(Optimizer):
    """Stochastic gradient descent: v' = momentum v + g; p' = p - lr v'."""

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, momentum: float) -> None:
        super().__init__(rows, lr, weight_decay)
        self.momentum, self.velocity = momentum, torch.zeros_like(rows)

    def state(self) -> list[Tensor]:
        return [self.rows, self.velocity]

    def update(self, gradient: Tensor) -> None:
        self.velocity.mul_(self.momentum).add_(gradient).add_(self.rows, alpha=self.weight_decay)
        self.rows.sub_(self.lr * self.velocity)


@cache
def corrections() -> tuple[tuple[float, float], ...]:
    """What Adam divides its means by after n updates, at n: 1 - 0.9^n and (1 - 0.999^n)^(1/2), up to where both are 1.

    A table, so that a device looks them up by its own count of the updates, and its bits are those of the CPU.

    >>> corrections()[1], corrections()[-1]
    ((0.09999999999999998, 0.031622776601683805), (1.0, 1.0))
    """
    return tuple((1 - 0.9**n, (1 - 0.999**n) ** 0.5) for n in range(LAST + 1))


class Adam(Optimizer):
    """Adam, and AdamW with `decoupled` decay. Source: arXiv 1412.6980 and 1711.05101, betas 0.9 and 0.999."""

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, *, decoupled: bool) -> None:
        super().__init__(rows, lr, weight_decay)
        self.decoupled, self.steps = decoupled, torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        self.mean, self.square = torch.zeros_like(rows), torch.zeros_like(rows)
        self._corrections = torch.tensor(corrections(), dtype=rows.dtype, device=rows.device)  # [updates, 2]

    def state(self) -> list[Tensor]:
        return [self.rows, self.mean, self.square, self.steps]

    def update(self, gradient: Tensor) -> None:
        self.steps += 1
        at = self.steps.clamp(max=len(self._corrections) - 1)
        of_mean, of_square = torch.split(self._corrections.index_select(0, at), 1, dim=1)  # [K, 1]
        if self.decoupled:
            self.rows.mul_(1 - self.lr * self.weight_decay)
        elif self.weight_decay:
            gradient = gradient + self.weight_decay * self.rows
        self.mean.lerp_(gradient, 0.1)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        spread = (self.square.sqrt() / of_square).add_(1e-8)
        self.rows.sub_(self.lr / of_mean * self.mean / spread)


class CompiledAdam(Optimizer):
    """The same as `Adam`, in one pass over memory; for float32 on the CPU."""

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, found: Library, *, decoupled: bool) -> None:
        assert rows.dtype == torch.float32
        assert rows.is_contiguous()
        super().__init__(rows, lr.float().contiguous(), weight_decay)
        self.decoupled, self.steps = decoupled, torch.zeros(len(rows), dtype=torch.int64)
        self.mean, self.square = torch.zeros_like(rows), torch.zeros_like(rows)
        integer = ctypes.c_int64
        self._adam = found.function("seqanom_adam", integer, integer, *[ctypes.c_void_p] * 6, ctypes.c_double, integer)

    def state(self) -> list[Tensor]:
        return [self.rows, self.mean, self.square, self.steps]

    def update(self, gradient: Tensor) -> None:
        tensors = (self.rows, gradient.contiguous(), self.mean, self.square, self.steps, self.lr)
        self._adam(*self.rows.shape, *[t.data_ptr() for t in tensors], self.weight_decay, self.decoupled)


def make_optimizer(
    name: OptimizerName, rows: Tensor, lr: Tensor, *, weight_decay: float | None, momentum: float
) -> Optimizer:
    """The optimiser of that name; a `weight_decay` of None is 0.01 for adamw and 0 otherwise."""
    if name == "sgd":
        return SGD(rows, lr, weight_decay or 0.0, momentum)
    decoupled = name == "adamw"
    decay = (0.01 if decoupled else 0.0) if weight_decay is None else weight_decay
    found = library() if rows.device.type == "cpu" and rows.dtype == torch.float32 else None
    if found is None:
        return Adam(rows, lr, decay, decoupled=decoupled)
    return CompiledAdam(rows, lr, decay, found, decoupled=decoupled)
