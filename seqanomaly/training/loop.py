"""THE training loop, over a stack of members; a single run is a stack of one.

Parameters are rows [K, P]; the loss is the sum of the members' losses, so gradients never mix; clipping, early stopping
and keeping the best weights act per row; every random number comes from a generator of the member's own seed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import Dropout, SequenceModel
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.training.choose import compute_for
from seqanomaly.training.compute import Precision
from seqanomaly.training.course import course_of
from seqanomaly.training.device import room_on
from seqanomaly.training.evaluation import places
from seqanomaly.training.graphs import CudaRecorder, Recorder
from seqanomaly.training.judge import evaluation_of
from seqanomaly.training.log import Fitted, Log
from seqanomaly.training.optimizers import OptimizerName, make_optimizer
from seqanomaly.training.stack import Member, Shelf
from seqanomaly.training.stock import stock_of
from seqanomaly.training.update import Update, batch_orders
from seqanomaly.training.whole import epochs_of


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
    updates = epochs_of(Update(compute, step_loss, change, drop), train, weights, batch_size, device, recorder)
    evaluation = evaluation_of(compute_for(model, device=device), step_loss, rows, validation, recorder)
    generators = [numpy_generator(m.seed, "order") for m in members]
    orders = batch_orders(generators, train, batch_size, group_by_length=group_by_length)
    log = Log(rows, patience)

    with room_on(device, len(members)):
        for epoch in course_of(updates, evaluation, log, rows).run(orders, epochs):
            on_epoch(epoch)
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
    found = ((index, compute.outputs(rows, data.read(index)[0]).cpu()) for index in places(compute, len(rows), data))
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
