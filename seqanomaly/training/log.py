"""What training has made of the members of a stack so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seqanomaly.batch import upload


@dataclass(frozen=True)
class Fitted:
    """What training made of one member."""

    weights: Tensor
    """The row [P] of the best epoch, on the CPU."""
    train_loss: list[float]
    """Mean weighted training loss of each epoch."""
    validation_loss: list[float]
    """Mean unweighted validation loss after each epoch."""
    best_epoch: int
    """Epoch with the smallest validation loss, counted from 1."""
    failure: str | None
    """Why the member has no usable weights, or None."""


class Log:
    """Per member: the losses so far, the best weights, and whether it has stopped or failed.

    Args:
        rows: parameters [K, P] as they are in the beginning.
        patience: epochs without a better validation loss after which a member stops, None for never.
    """

    def __init__(self, rows: Tensor, patience: int | None) -> None:
        self.patience, self.best = patience, rows.clone()
        self.best_loss, self.best_epoch = [float("inf")] * len(rows), [0] * len(rows)
        self.train: list[list[float]] = [[] for _ in rows]
        self.validation: list[list[float]] = [[] for _ in rows]
        self.failure: list[str | None] = [None] * len(rows)
        self.stopped = [False] * len(rows)

    @property
    def all_stopped(self) -> bool:
        """Whether no member goes on."""
        return all(self.stopped)

    def add(self, epoch: int, rows: Tensor, train: Tensor, validation: Tensor) -> None:
        """Note the losses [K] of an epoch, and keep the rows that are the best so far."""
        better = self.add_losses(epoch, train.tolist(), validation.tolist())
        if better:
            at = upload(torch.tensor(better), rows.device)
            self.best.index_copy_(0, at, rows.index_select(0, at))

    def add_losses(self, epoch: int, train: list[float], validation: list[float]) -> list[int]:
        """Note the losses of an epoch; gives the members whose best it is so far."""
        losses = enumerate(zip(train, validation, strict=True))
        return [k for k, (t, v) in losses if not self.stopped[k] and self._note(k, epoch, t, v)]

    def _note(self, k: int, epoch: int, train: float, validation: float) -> bool:
        """Whether this epoch is the best of member `k` so far."""
        self.train[k].append(train)
        self.validation[k].append(validation)
        if not (math.isfinite(train) and math.isfinite(validation)):
            what, loss = ("validation", validation) if math.isfinite(train) else ("training", train)
            self.failure[k] = f"training diverged in epoch {epoch} ({what} loss {loss:g}); try a smaller lr or clip: 1"
            self.stopped[k] = True
            return False
        if validation < self.best_loss[k]:
            self.best_loss[k], self.best_epoch[k] = validation, epoch
            return True
        self.stopped[k] = self.patience is not None and epoch - self.best_epoch[k] >= self.patience
        return False

    def fitted(self) -> list[Fitted]:
        """What training made of each member."""
        columns = zip(self.best.cpu(), self.train, self.validation, self.best_epoch, self.failure, strict=True)
        return [Fitted(*column) for column in columns]
