"""The epochs of a stack: updates, the validation loss after them, and what is kept of both."""

from __future__ import annotations

import ctypes
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import chain
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.training.evaluation import Evaluation
from seqanomaly.training.judge import Fixed, Judge
from seqanomaly.training.log import Log
from seqanomaly.training.update import Epochs
from seqanomaly.training.whole import Learner, Whole


class Course(ABC):
    """All epochs until all members have stopped."""

    @abstractmethod
    def run(self, orders: Iterator[Tensor], epochs: int) -> Iterator[int]:
        """Gives the number of each epoch when it is over.

        Args:
            orders: batch orders [E, K, N] of some epochs after the others.
            epochs: most epochs.
        """


class OneByOne(Course):
    """An epoch is over before the next one begins, whatever computes it.

    Args:
        updates: the updates of an epoch.
        evaluation: the validation loss.
        log: what is kept.
        rows: parameters [K, P], which the updates change.
    """

    def __init__(self, updates: Epochs, evaluation: Evaluation, log: Log, rows: Tensor) -> None:
        self.updates, self.evaluation, self.log, self.rows = updates, evaluation, log, rows

    def run(self, orders: Iterator[Tensor], epochs: int) -> Iterator[int]:
        for epoch, order in zip(range(1, epochs + 1), chain.from_iterable(orders), strict=False):
            self.log.add(epoch, self.rows, self.updates.one(order), self.evaluation.mean())
            yield epoch
            if self.log.all_stopped:
                return


class State(ctypes.Structure):
    """What is known of the members, as the kernel's `State`: a number and addresses."""

    _fields_: ClassVar = [
        ("patience", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("best", "loss", "since", "stopped")),
    ]


class Several(Course):
    """Some epochs at once by the compiled kernel, one member after the other; who has stopped computes nothing.

    They are the same bits as those of `OneByOne`.

    Args:
        updates: the updates of an epoch.
        judge: the validation loss.
        log: what is kept.
    """

    def __init__(self, updates: Whole, judge: Judge, log: Log) -> None:
        self.updates, self.judge, self.log, count = updates, judge, log, len(log.best)
        self._kept = [torch.full((count,), math.inf), torch.zeros(count, dtype=torch.long), torch.zeros(count).bool()]
        places = (tensor.data_ptr() for tensor in (log.best, *self._kept))
        self._state = State(log.patience or 0, *places)
        pointer, integer = ctypes.c_void_p, ctypes.c_int64
        structures = (ctypes.POINTER(kind) for kind in (Learner, Fixed, State))
        library = updates.library
        self._epochs = library.function("seqanom_epochs", *structures, pointer, *[integer] * 2, *[pointer] * 2)

    def run(self, orders: Iterator[Tensor], epochs: int) -> Iterator[int]:
        done = 0
        for order in chain.from_iterable(torch.split(block, self.updates.at_once) for block in orders):
            order = order[: epochs - done]
            losses = zip(*(each.tolist() for each in self.losses(order)), strict=True)
            for train, validation in losses:
                done += 1
                self.log.add_losses(done, train, validation)
                yield done
                if self.log.all_stopped:
                    return
            if done == epochs:
                return

    def losses(self, order: Tensor) -> Tensor:
        """Training and validation losses [2, E, K] of some epochs; those of a member that has stopped mean nothing."""
        losses = torch.empty(2, *order.shape[:2])
        train, validation = (each.data_ptr() for each in losses)
        at, count, row = order.data_ptr(), len(order), order.shape[2]
        self._epochs(self.updates.learner, self.judge.fixed, self._state, at, row, count, train, validation)
        return losses


def course_of(updates: Epochs, evaluation: Evaluation, log: Log, rows: Tensor) -> Course:
    """Several epochs at once where the compiled kernel does all of them in about a second, else one by one."""
    if isinstance(updates, Whole) and isinstance(evaluation, Judge) and updates.at_once:
        return Several(updates, evaluation, log)
    return OneByOne(updates, evaluation, log, rows)
