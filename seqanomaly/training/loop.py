"""THE training loop, over a stack of members; a single run is a stack of one.

Parameters are rows [K, P]; the loss is the sum of the members' losses, so gradients never mix; clipping, early stopping
and keeping the best weights act per row; every random number comes from a generator of the member's own seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqanomaly.batch import upload
from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import Dropout, SequenceModel
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.training.choose import compute_for
from seqanomaly.training.compute import Precision
from seqanomaly.training.device import room_on
from seqanomaly.training.evaluation import places
from seqanomaly.training.graphs import CudaRecorder, Recorder
from seqanomaly.training.judge import evaluation_of
from seqanomaly.training.optimizers import OptimizerName, make_optimizer
from seqanomaly.training.stack import Member, Shelf
from seqanomaly.training.stock import stock_of
from seqanomaly.training.update import Update, batch_orders
from seqanomaly.training.whole import epochs_of


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
    truncate: int | None = None,
    group_by_length: bool = False,
    precision: Precision = "float32",
    device: torch.device | None = None,
    recorder: Recorder | None = None,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> list[Fitted]:
    """Train all members together and return each with the weights of its best epoch.

    Args:
        model: the shape that all members share.
        step_loss: unweighted loss of each step; its mean over valid validation steps chooses the epoch.
        members: what may differ: seed, data, learning rate, weights of the steps.
        epochs: passes over the training sequences, or over all windows where there are any.
        batch_size: sequences, or windows, per update.
        optimizer: adam, adamw or sgd.
        weight_decay: see `make_optimizer`.
        momentum: of sgd.
        clip: largest norm of a member's gradient, None for no limit.
        patience: epochs without a better validation loss after which a member stops, None for never.
        truncate: steps of a piece in truncated backpropagation through time, None for none.
        group_by_length: whether a batch is of sequences of about one length.
        precision: what gradients are computed with.
        device: where to compute; the CPU by default.
        recorder: how work is recorded to be replayed; as CUDA graphs where `Compute.replayed` by default.
        on_epoch: called after each epoch with its number.
    """
    device = device or torch.device("cpu")
    train, weights = stock_of(members, device)
    validation = Shelf([m.validation for m in members], device)
    rows = torch.stack([model.init(torch_generator(m.seed, "weights")) for m in members]).to(device)
    compute = compute_for(model, device=device, truncate=truncate, precision=precision)
    change = make_optimizer(
        optimizer,
        rows,
        torch.tensor([m.lr for m in members], device=device),
        weight_decay=weight_decay,
        momentum=momentum,
        clip=clip,
    )
    drop = Dropout(model.dropout, [torch_generator(m.seed, "dropout") for m in members])
    recorder = recorder or (CudaRecorder(device) if compute.replayed else None)
    epoch_of = epochs_of(Update(compute, step_loss, change, drop), train, weights, batch_size, device, recorder)
    evaluation = evaluation_of(compute_for(model, device=device), step_loss, rows, validation, recorder)
    generators = [numpy_generator(m.seed, "order") for m in members]
    orders = batch_orders(generators, train, batch_size, group_by_length=group_by_length)
    log = _Log(rows, patience)

    with room_on(device, len(members)):
        for epoch, order in zip(range(1, epochs + 1), orders, strict=False):
            log.add(epoch, rows, epoch_of.one(order), evaluation.mean())
            on_epoch(epoch)
            if log.all_stopped:
                break
    return log.fitted()


def evaluate(model: SequenceModel, step_loss: StepLoss, rows: Tensor, data: Shelf) -> Tensor:
    """Mean unweighted loss [K] over the valid steps of all sequences, each taken once; see `predict`."""
    return evaluation_of(compute_for(model, device=rows.device), step_loss, rows.contiguous(), data).mean()


@torch.no_grad()
def predict(model: SequenceModel, rows: Tensor, data: Shelf) -> Tensor:
    """Outputs [K, N, T, O] of all sequences, on the CPU; zeros past the last sequence of a member that has fewer.

    Of overlapping windows, a step has the output of the one in which its place is the largest, so that a causal model
    has seen the most of what came before it: that is the earliest window that holds the step.
    """
    compute = compute_for(model, device=rows.device)
    found = ((index, compute.outputs(rows, data.read(index)[0]).cpu()) for index in places(model, len(rows), data))
    if data.begin is None:
        return torch.cat([outputs for _, outputs in found], dim=1)
    count, steps = data.shape
    stitched = torch.zeros(len(rows), count * steps, model.outputs)
    place = torch.arange(data.steps)
    for index, outputs in found:
        step = data.begin_at(index).cpu().unsqueeze(-1) + place  # [K, B, L]
        member, window, at = data.fresh_at(index).cpu().nonzero(as_tuple=True)
        stitched[member, step[member, window, at]] = outputs[member, window, at]
    return stitched.view(len(rows), count, steps, -1)


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
            at = upload(torch.tensor(better), rows.device)
            self.best.index_copy_(0, at, rows.index_select(0, at))

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
        columns = zip(self.best.cpu(), self.train, self.validation, self.best_epoch, self.failure, strict=True)
        return [Fitted(*column) for column in columns]
