"""Optimisers over a stack: one update of all rows [K, P], each row with a learning rate of its own.

torch.optim has one learning rate per tensor; these are the same formulas with one per row. Being pointwise, a row's
update is the same whatever the other rows are.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar, Literal

import torch
from torch import Tensor

from seqanomaly.kernel.library import Library, library

OptimizerName = Literal["adam", "adamw", "sgd"]
RULES: dict[OptimizerName, int] = {"sgd": 0, "adam": 1, "adamw": 2}
"""What the kernel calls an optimiser."""
LAST = 40_000
"""Updates after which 1 - 0.999^n is 1 in double precision, and more."""


class Optimizer(ABC):
    """Updates rows [K, P] in place from gradients of the same shape.

    Args:
        rows: parameters of all members.
        lr: learning rate of each member, [K].
        weight_decay: strength of the decay; added to the gradient by adam and sgd, decoupled in adamw.
        clip: largest norm of a member's gradient, longer ones are shortened to it; None for no limit.
    """

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, clip: float | None) -> None:
        self.rows, self.lr, self.weight_decay, self.clip = rows, lr.unsqueeze(1), weight_decay, clip

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

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, clip: float | None, momentum: float) -> None:
        super().__init__(rows, lr, weight_decay, clip)
        self.momentum, self.velocity = momentum, torch.zeros_like(rows)

    def state(self) -> list[Tensor]:
        return [self.rows, self.velocity]

    def update(self, gradient: Tensor) -> None:
        self.velocity.mul_(self.momentum).add_(clipped(gradient, self.clip)).add_(self.rows, alpha=self.weight_decay)
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

    def __init__(self, rows: Tensor, lr: Tensor, weight_decay: float, clip: float | None, *, decoupled: bool) -> None:
        super().__init__(rows, lr, weight_decay, clip)
        self.decoupled, self.steps = decoupled, torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        self.mean, self.square = torch.zeros_like(rows), torch.zeros_like(rows)
        self._corrections = torch.tensor(corrections(), dtype=rows.dtype, device=rows.device)  # [updates, 2]

    def state(self) -> list[Tensor]:
        return [self.rows, self.mean, self.square, self.steps]

    def update(self, gradient: Tensor) -> None:
        gradient = clipped(gradient, self.clip)
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


class Rule(ctypes.Structure):
    """How rows are updated, as the kernel's `Optimizer`: numbers and addresses."""

    _fields_: ClassVar = [
        *((name, ctypes.c_int64) for name in ("rule", "size")),
        *((name, ctypes.c_void_p) for name in ("rows", "mean", "square", "steps", "lr")),
        *((name, ctypes.c_double) for name in ("weight_decay", "momentum", "clip")),
    ]


class CompiledOptimizer(Optimizer):
    """The same by the compiled kernel, in one pass over memory; for float32 on the CPU."""

    def __init__(
        self,
        name: OptimizerName,
        rows: Tensor,
        lr: Tensor,
        weight_decay: float,
        clip: float | None,
        momentum: float,
        found: Library,
    ) -> None:
        assert rows.dtype == torch.float32
        assert rows.is_contiguous()
        super().__init__(rows, lr.float().contiguous(), weight_decay, clip)
        self.steps = torch.zeros(len(rows), dtype=torch.int64)
        self.mean, self.square = torch.zeros_like(rows), torch.zeros_like(rows)
        places = [tensor.data_ptr() for tensor in (rows, self.mean, self.square, self.steps, self.lr)]
        self.rule = Rule(RULES[name], rows.shape[1], *places, weight_decay, momentum, clip or 0.0)
        self._update = found.function("seqanom_update", ctypes.POINTER(Rule), ctypes.c_int64, ctypes.c_void_p)

    def state(self) -> list[Tensor]:
        return [self.rows, self.mean, self.square, self.steps]

    def update(self, gradient: Tensor) -> None:
        self._update(self.rule, len(self.rows), gradient.contiguous().data_ptr())


def clipped(gradient: Tensor, limit: float | None) -> Tensor:
    """Gradients [K, P], each shortened to the norm `limit` if it is longer; None for no limit.

    >>> clipped(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), 1.0).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.30000001192092896, 0.4000000059604645]]
    """
    if limit is None:
        return gradient
    norm: Tensor = gradient.norm(dim=1, keepdim=True)
    return gradient * (limit / norm.clamp(min=limit))


def make_optimizer(
    name: OptimizerName,
    rows: Tensor,
    lr: Tensor,
    *,
    weight_decay: float | None,
    momentum: float,
    clip: float | None = None,
) -> Optimizer:
    """The optimiser of that name; a `weight_decay` of None is 0.01 for adamw and 0 otherwise."""
    decay = (0.01 if name == "adamw" else 0.0) if weight_decay is None else weight_decay
    found = library() if rows.device.type == "cpu" and rows.dtype == torch.float32 else None
    if found is not None:
        return CompiledOptimizer(name, rows, lr, decay, clip, momentum, found)
    if name == "sgd":
        return SGD(rows, lr, decay, clip, momentum)
    return Adam(rows, lr, decay, clip, decoupled=name == "adamw")
