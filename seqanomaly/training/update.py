"""The updates of an epoch. From the batch order to the last of them nobody asks the device for a value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from seqanomaly.batch import upload
from seqanomaly.datasets.ahead import ahead
from seqanomaly.datasets.laid import Steps
from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import Dropout
from seqanomaly.training.compute import Compute
from seqanomaly.training.graphs import Recorder, Replayed, Work
from seqanomaly.training.optimizers import Optimizer
from seqanomaly.training.stack import Stock, Weighting

POOL = 50
"""Batches whose sequences are sorted at once where they are grouped by length, as others do it."""
DRAWN = 16_384
"""About how many indices are drawn at once: those of several short epochs, while what draws them is in cache."""


class Update:
    """One update of all members; what outlives it is changed in place, so that it can be recorded and replayed.

    Args:
        compute: how losses and gradients are computed.
        step_loss: unweighted loss of each step.
        optimizer: changes its rows [K, P].
        drop: dropout.
    """

    def __init__(self, compute: Compute, step_loss: StepLoss, optimizer: Optimizer, drop: Dropout) -> None:
        self.compute, self.step_loss, self.optimizer, self.drop = compute, step_loss, optimizer, drop
        self.total = torch.zeros(len(optimizer.rows), device=optimizer.rows.device)
        """Each member's losses so far in the epoch, times its sequences, [K]."""

    def __call__(
        self, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, sizes: Tensor, active: Tensor | None
    ) -> None:
        """Learn from a batch.

        Args:
            x: features, [K, B, T, F].
            target: [K, B, T] or [K, B, T, F].
            mask: which steps count, [K, B, T].
            weight: weight of each step, [K, B, T].
            sizes: how many sequences are each member's own, [K].
            active: whether a member has any, [K]; None where all have.
        """
        rows = self.optimizer.rows
        loss, gradient = self.compute.gradient(self.step_loss, rows, x, target, mask, weight, self.drop)  # [K], [K, P]
        self.optimizer.step(gradient, active)
        self.total += loss * sizes


class Epochs(ABC):
    """Passes over the training data of all members."""

    @abstractmethod
    def one(self, order: Tensor) -> Tensor:
        """Mean training loss [K] of an epoch in that order [K, N], which lies where the data do."""


class Batches(Epochs):
    """An epoch batch by batch, whatever computes it and wherever the data lie.

    Args:
        update: what is done with a batch.
        train: the data.
        weights: the members' weights of its steps.
        batch_size: sequences, or windows, per update.
        device: where the members lie.
        recorder: how updates are recorded to be replayed; None to do each as usual.
    """

    def __init__(
        self,
        update: Update,
        train: Stock,
        weights: Weighting,
        batch_size: int,
        device: torch.device,
        recorder: Recorder | None,
    ) -> None:
        self.update, self.train, self.weights, self.batch_size = update, train, weights, batch_size
        self.counts = torch.tensor(train.counts, device=device)
        self.own = own_sizes(train.counts, batch_size)
        self.rests = (self.own == 0).any(1).tolist()
        self.sizes = upload(torch.from_numpy(self.own), device)  # [batches, K]
        self.active = self.sizes > 0
        self.drop = update.drop
        self._run: Work = _from_place(update, train, weights) if train.resident else update
        if recorder is not None:
            assert self.drop.rate == 0, "dropout draws on the CPU, which cannot be recorded"
            self._run = Replayed(self._run, recorder)

    def one(self, order: Tensor) -> Tensor:
        self.update.total.zero_()
        for number, read in enumerate(self._reads(order)):
            self.update.drop = self.drop.for_sizes(self.own[number].tolist())
            self._run(*read, self.sizes[number], self.active[number] if self.rests[number] else None)
        return self.update.total / self.counts

    def _reads(self, order: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """What an update reads, batch by batch: the index [K, B] alone where the device looks it up."""
        indices = torch.split(order, self.batch_size, 1)
        if self.train.resident:
            return ((index,) for index in indices)
        reads = ((*self.train.read(index), self.weights.read(index)) for index in indices)
        # on CUDA another thread could disturb what is being recorded
        return ahead(reads) if self.counts.device.type == "cpu" else reads


def _from_place(update: Update, train: Stock, weights: Weighting) -> Callable[[Tensor, Tensor, Tensor | None], None]:
    """An update from the index [K, B] of its batch: the batch is looked up by the device."""

    def run(index: Tensor, sizes: Tensor, active: Tensor | None) -> None:
        update(*train.read(index), weights.read(index), sizes, active)

    return run


def own_sizes(counts: list[int], size: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """How many sequences of each batch of an epoch are a member's own, [batches, K].

    >>> own_sizes([5, 3], 2).tolist()
    [[2, 2], [2, 1], [1, 0]]
    """
    begin = np.arange(0, max(counts), size)[:, None]
    return np.clip(np.array(counts) - begin, 0, size)


def batch_orders(
    orders: list[np.random.Generator], train: Stock, batch_size: int, *, group_by_length: bool = False
) -> Iterator[Tensor]:
    """Indices [E, K, N] of some epochs after the others: every member's sequences once, in an order of its own.

    A member with fewer than the others has an index past its last one in what is left. Within a batch the longest
    sequences come first, so that those which are computed together are about equally long.

    Args:
        orders: what draws the order of each member.
        train: what is ordered.
        batch_size: sequences, or windows, per update.
        group_by_length: whether a batch is of sequences of about one length.
    """
    counts = train.counts
    rest = np.repeat(np.array(counts)[:, None], max(counts), axis=1)  # [K, N]
    lengths = [None if length is None else length.numpy() for length in train.lengths]
    while True:
        drawn = np.stack([rest] * max(1, DRAWN // rest.size))  # [epochs, K, N]
        for k, (generator, count, length) in enumerate(zip(orders, counts, lengths, strict=True)):
            for row in drawn[:, k, :count]:
                row[:] = generator.permutation(count)
                if length is None:
                    continue
                if group_by_length:
                    row[:] = grouped(row, length, batch_size, generator)
                row[:] = longest_first(row, length, batch_size)
        yield upload(torch.from_numpy(drawn), train.home)


def longest_first(order: Steps, length: Steps, size: int) -> Steps:
    """An order in which each run of `size` sequences begins with the longest; equally long ones stay as they are.

    >>> longest_first(np.array([0, 1, 2, 3]), np.array([5, 9, 7, 7]), 2).tolist()
    [1, 0, 2, 3]
    """
    return order[np.lexsort((-length[order], np.arange(len(order)) // size))]


def grouped(order: Steps, length: Steps, size: int, generator: np.random.Generator) -> Steps:
    """An order whose runs of `size` are of about equally long sequences, and follow each other at random.

    `POOL` runs at once are sorted, so that who shares a batch differs from epoch to epoch where there are many. What is
    left over after the last whole run stays at the end.

    >>> length = np.array([5, 1, 6, 2, 9])
    >>> sorted(grouped(np.arange(5), length, 2, np.random.default_rng(0))[:4].reshape(2, 2).tolist())
    [[2, 0], [3, 1]]
    """
    whole = len(order) // size * size
    pooled = longest_first(order[:whole], length, POOL * size).reshape(-1, size)
    return np.concatenate([generator.permutation(pooled).ravel(), order[whole:]])
