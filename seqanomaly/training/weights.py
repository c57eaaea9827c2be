"""The weights of training steps in the loss, made once before training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.batch import Batch
from seqanomaly.losses.counter_loss import CounterLoss
from seqanomaly.training.stack import Within

AT_ONCE = 1_000_000
"""About how many steps of windows are written out at once."""


def sequence_weights(loss: CounterLoss, batch: Batch, whole: Tensor) -> Tensor:
    """The weight of each step of whole sequences, [N, T], 0 where the batch's mask is False.

    A share in the loss is one of the whole sequence. Weights that are normalised average 1 over the steps of a sequence
    that the loss sees, as often as it sees them: windows that overlap have some steps more often than others.

    Args:
        loss: its modulation and normalisation.
        batch: the training sequences with their counters.
        whole: which steps there are, [N, T], learned or not.
    """
    averaged = loss.normalize == "mean"
    weight = loss.weights(batch.counter, whole, torch.float64 if averaged else torch.float32, batch.counted)
    weight = weight.masked_fill(~batch.mask, 0.0)
    if averaged:
        times = batch.times()
        weight = weight / _or_one((weight * times).sum(-1, keepdim=True) / times.sum(-1, keepdim=True).clamp(min=1))
    return weight.float()


def window_weights(loss: CounterLoss, batch: Batch, lengths: NDArray[np.int64]) -> Within:
    """The weight of each place in the windows of a batch: its counter is the index in the window.

    A share in the loss is one of the window, and weights that are normalised average 1 over the steps of a window that
    the loss sees. Only windows of sequences that are shorter than the window differ before that.

    Args:
        loss: its modulation and normalisation.
        batch: the training sequences in windows.
        lengths: steps of each sequence, [N].
    """
    assert batch.windows is not None
    averaged, windows = loss.normalize == "mean", batch.windows
    real, row = np.unique(np.minimum(lengths[windows.sequence], windows.length), return_inverse=True)
    place = torch.arange(windows.length).expand(len(real), -1)  # [P, L]
    there = place < torch.from_numpy(real).unsqueeze(1)
    rows = loss.weights(place, there, torch.float64 if averaged else torch.float32)
    within = Within(rows=rows, row=torch.from_numpy(row), scale=torch.ones(len(windows), dtype=rows.dtype))
    if averaged:
        for index, step in _in_chunks(batch):
            learned = batch.mask.flatten()[step]  # [B, L]
            mean = (within.of(index) * learned).sum(-1) / learned.sum(-1).clamp(min=1)
            within.scale[index] = 1 / _or_one(mean)
    return Within(rows=rows.float(), row=within.row, scale=within.scale.float())


def seen_weights(weight: Tensor, within: Within | None, batch: Batch) -> Tensor:
    """What each step counts in an epoch, [N, T]: its weights in all windows that hold it, added up.

    Args:
        weight: weight of each step, [N, T].
        within: further factors on its weights, if any.
        batch: the training sequences.
    """
    if within is None:
        return weight.double() * batch.times()
    total = torch.zeros(weight.numel(), dtype=torch.float64)
    for index, step in _in_chunks(batch):
        total.index_add_(0, step.flatten(), within.of(index).double().flatten())
    return total.view_as(weight) * weight


def _in_chunks(batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """Indices [B] of windows, and of their steps [B, L] counted through all of the batch, some at once."""
    assert batch.windows is not None
    windows, place = batch.windows, torch.arange(batch.windows.length)
    begin = batch.begins()
    for index in torch.split(torch.arange(len(windows)), max(1, AT_ONCE // windows.length)):
        yield index, begin[index].unsqueeze(1) + place


def _or_one(mean: Tensor) -> Tensor:
    """1 where nothing has a weight, so that it can be divided by."""
    return mean.masked_fill(mean == 0, 1.0)
