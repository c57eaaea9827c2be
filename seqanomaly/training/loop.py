"""THE training loop, over a stack of members; a single run is a stack of one.

Parameters are rows [K, P]; the loss is the sum of the members' losses, so gradients never mix; clipping, early stopping
and keeping the best weights act per row; every random number comes from a generator of the member's own seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqanomaly.models.base import NO_DROPOUT, Dropout, SequenceModel
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.training.optimizers import OptimizerName, make_optimizer
from seqanomaly.training.stack import Member, Shelf

StepLoss = Callable[[Tensor, Tensor], Tensor]
"""Outputs [K, B, T, O] and targets -> loss of each step [K, B, T]."""


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


def fit(
    model: SequenceModel,
    step_loss: StepLoss,
    members: list[Member],
    *,
    epochs: int,
    batch_size: int,
    optimizer: OptimizerName = "adam",
    weight_decay: float | None = None,
    momentum: float = 0.0,
    clip: float | None = None,
    patience: int | None = None,
    device: torch.device | None = None,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> list[Fitted]:
    """Train all members together and return each with the weights of its best epoch.

    Args:
        model: the shape that all members share.
        step_loss: unweighted loss of each step; its mean over valid validation steps chooses the epoch.
        members: what may differ: seed, data, learning rate, weights of the steps.
        epochs: passes over the training sequences.
        batch_size: sequences per update.
        optimizer: adam, adamw or sgd.
        weight_decay: see `make_optimizer`.
        momentum: of sgd.
        clip: largest norm of a member's gradient, None for no limit.
        patience: epochs without a better validation loss after which a member stops, None for never.
        device: where to compute; the CPU by default.
        on_epoch: called after each epoch with its number.
    """
    device = device or torch.device("cpu")
    train, validation = (Shelf([getattr(m, part) for m in members], device) for part in ("train", "validation"))
    weight = torch.stack([m.weight for m in members]).to(device)  # [K, N, T]
    rows = torch.stack([model.init(torch_generator(m.seed, "weights")) for m in members]).to(device).requires_grad_()
    update = make_optimizer(
        optimizer,
        rows.detach(),
        torch.tensor([m.lr for m in members], device=device),
        weight_decay=weight_decay,
        momentum=momentum,
    )
    drop = Dropout(model.dropout, [torch_generator(m.seed, "dropout") for m in members])
    orders = [numpy_generator(m.seed, "order") for m in members]
    each = torch.arange(len(members), device=device).unsqueeze(1)  # [K, 1]
    log = _Log(rows.detach(), patience)

    for epoch in range(1, epochs + 1):
        total = torch.zeros(len(members), device=device)
        for index in _batches(orders, train.count, batch_size, device):  # [K, B]
            x, target, mask = train.read(index)
            outputs = model.forward(model.views(rows), x, drop)  # [K, B, T, O]
            weighted = torch.where(mask, step_loss(outputs, target) * weight[each, index], 0.0)  # [K, B, T]
            loss = weighted.sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)  # [K]
            (gradient,) = torch.autograd.grad(loss.sum(), rows)  # [K, P]
            if clip is not None:
                gradient = gradient * (clip / gradient.norm(dim=1, keepdim=True).clamp(min=clip))
            update.step(gradient)
            total += loss.detach() * index.shape[1]
        log.add(epoch, rows.detach(), total / train.count, evaluate(model, step_loss, rows.detach(), validation))
        on_epoch(epoch)
        if log.all_stopped:
            break
    return log.fitted()


@torch.no_grad()
def evaluate(model: SequenceModel, step_loss: StepLoss, rows: Tensor, data: Shelf) -> Tensor:
    """Mean unweighted loss [K] over the valid steps of all sequences."""
    total, count = rows.new_zeros(len(rows)), rows.new_zeros(len(rows))
    for target, mask, outputs in _chunks(model, rows, data):
        total += torch.where(mask, step_loss(outputs, target), 0.0).sum((1, 2))
        count += mask.sum((1, 2))
    return total / count.clamp(min=1)


@torch.no_grad()
def predict(model: SequenceModel, rows: Tensor, data: Shelf) -> Tensor:
    """Outputs [K, N, T, O] of all sequences, on the CPU."""
    return torch.cat([outputs.cpu() for *_, outputs in _chunks(model, rows, data)], dim=1)


def _chunks(model: SequenceModel, rows: Tensor, data: Shelf) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    weights, size = model.views(rows), data.chunk(len(rows), max(model.features, model.width))
    for start in range(0, data.count, size):
        index = torch.arange(start, min(start + size, data.count), device=rows.device).unsqueeze(0)  # [1, B]
        x, target, mask = data.read(index)
        yield target, mask, model.forward(weights, x, NO_DROPOUT)


def _batches(orders: list[np.random.Generator], count: int, size: int, device: torch.device) -> Iterator[Tensor]:
    """Indices [K, B] of one epoch: every member's sequences once, in an order of its own."""
    index = torch.from_numpy(np.stack([order.permutation(count) for order in orders])).to(device)  # [K, N]
    yield from torch.split_with_sizes(index, [min(size, count - at) for at in range(0, count, size)], 1)


class _Log:
    """Per member: the losses so far, the best weights, and whether it has stopped or failed."""

    def __init__(self, rows: Tensor, patience: int | None) -> None:
        self.patience, self.best = patience, rows.clone()
        self.best_loss, self.best_epoch = [float("inf")] * len(rows), [0] * len(rows)
        self.train: list[list[float]] = [[] for _ in rows]
        self.validation: list[list[float]] = [[] for _ in rows]
        self.failure: list[str | None] = [None] * len(rows)
        self.stopped = [False] * len(rows)

    @property
    def all_stopped(self) -> bool:
        return all(self.stopped)

    def add(self, epoch: int, rows: Tensor, train: Tensor, validation: Tensor) -> None:
        better = []
        for k, (t, v) in enumerate(zip(train.tolist(), validation.tolist(), strict=True)):
            if not self.stopped[k] and self._note(k, epoch, t, v):
                better.append(k)
        if better:
            self.best[better] = rows[better]

    def _note(self, k: int, epoch: int, train: float, validation: float) -> bool:
        """Whether this epoch is the best of member `k` so far."""
        self.train[k].append(train)
        self.validation[k].append(validation)
        if not (np.isfinite(train) and np.isfinite(validation)):
            what, loss = ("validation", validation) if np.isfinite(train) else ("training", train)
            self.failure[k] = f"training diverged in epoch {epoch} ({what} loss {loss:g}); try a smaller lr or clip: 1"
            self.stopped[k] = True
            return False
        if validation < self.best_loss[k]:
            self.best_loss[k], self.best_epoch[k] = validation, epoch
            return True
        self.stopped[k] = self.patience is not None and epoch - self.best_epoch[k] >= self.patience
        return False

    def fitted(self) -> list[Fitted]:
        columns = zip(self.best.cpu(), self.train, self.validation, self.best_epoch, self.failure, strict=True)
        return [Fitted(*column) for column in columns]
