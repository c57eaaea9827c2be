"""Training data larger than memory: what a batch needs is read, scaled and made into tensors when it is its turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.batch import Batch, upload
from seqanomaly.datasets.mapped.convert import write_at
from seqanomaly.datasets.mapped.pages import Pages
from seqanomaly.datasets.mapped.sequences import AT_ONCE, MappedSequences
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.training.stack import Stock, Weighting, Within, joined
from seqanomaly.windows import cut_windows

WEIGHED = 5_000_000
"""Most steps of a sequence whose weights are made at once."""
Read = tuple[Tensor, Tensor, Tensor]
"""Features, targets and masks."""


class Mapped:
    """The training sequences of a member in a mapped file; reads what a `Batch` of them would hold.

    Args:
        sequences: where they lie.
        learning: scales some sequences and makes the batch that the loss sees of them; a step of it depends on that
            step and the one before it only.
        labelled: what the loss sees of the labels of some sequences, whose features are left out; as `learning`, a step
            of it depends on that step and the one before it only.
        weighing: the same of whole sequences with their counters.
        cut: length and stride of the windows; None for whole sequences.
    """

    def __init__(
        self,
        sequences: MappedSequences,
        learning: Callable[[Sequences], Batch],
        labelled: Callable[[Sequences], Batch],
        weighing: Callable[[Sequences], Batch],
        cut: tuple[int, int] | None,
    ) -> None:
        self.sequences, self.learning, self.labelled, self.cut = sequences, learning, labelled, cut
        self.weighing = weighing
        self.windows = None if cut is None else cut_windows(sequences.length, sequences.steps, *cut)
        self.steps = sequences.steps if self.windows is None else self.windows.length
        self.long = sequences.length > WEIGHED if self.cut is not None else np.zeros(len(sequences), np.bool_)
        """Which sequences have too many steps to be weighed at once, [N]."""

    @property
    def lengths(self) -> Tensor | None:
        """See `Stock.lengths`."""
        found: NDArray[np.int64] | None = self.sequences.length
        if self.windows is not None:
            found = self.windows.lengths(self.sequences.length)
        return None if found is None or (found == self.steps).all() else torch.from_numpy(found)

    def __len__(self) -> int:
        """Number of windows, or of sequences where there are none."""
        return len(self.sequences) if self.windows is None else len(self.windows)

    def read(self, index: NDArray[np.int64]) -> Read:
        """Features, targets and masks [B, L, ...] of the windows, or sequences, at `index` [B]."""
        if self.windows is None:
            batch = self.learning(self.sequences.read(self.steps, index))
            return batch.x, batch.target, batch.mask
        start = self.windows.start[index]
        before = np.minimum(start, 1)  # with the step before, which a forecast reads
        found = self.sequences.read(self.steps + 1, self.windows.sequence[index], start - before)
        batch, later = self.learning(found), torch.from_numpy(before == 1)
        x, target, mask = (_moved(values, later) for values in (batch.x, batch.target, batch.mask))
        return x, target, mask

    def bounds(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row in the file of the windows, or sequences, at `index` [B], and how many rows follow, both [B]."""
        sequence, start = index, np.zeros_like(index)
        if self.windows is not None:
            sequence, start = self.windows.sequence[index], self.windows.start[index]
        return self.sequences.first[sequence] + start, self.sequences.length[sequence] - start

    def groups(self) -> Iterator[NDArray[np.int64]]:
        """Indices of all sequences in order, some at a time; one that is `long` stands alone."""
        if not self.long.any():
            yield from self.sequences.groups(self.sequences.steps)
            return
        every = np.arange(len(self.sequences))
        size = max(1, AT_ONCE // self.padded)
        for run in np.split(every, np.flatnonzero(self.long | np.append(False, self.long[:-1]))):
            for start in range(0, len(run), size):
                yield run[start : start + size]

    @property
    def padded(self) -> int:
        """Steps that sequences which are weighed at once are padded to."""
        return self.sequences.steps if not self.long.any() else int(self.sequences.length[~self.long].max(initial=1))

    def piece(self, index: NDArray[np.int64]) -> tuple[Sequences, Batch]:
        """The labels of some whole sequences [B], without their features, and what the loss sees of them."""
        part = self.sequences.labels(self.padded, index)
        batch = self.weighing(part)
        return part, batch if self.cut is None else batch.in_windows(part.length, *self.cut)

    def seen(self, number: int, low: int, high: int) -> tuple[Tensor, Batch]:
        """The classes [1, S] of the steps [low, high) of a sequence, and what the loss sees without their features."""
        before = min(low, 1)  # with the step before, on which a step may depend
        part = self.sequences.labels(high - low + before, np.array([number]), np.array([low - before]))
        batch = self.labelled(part)
        x, target, mask = (values[:, before:] for values in (batch.x, batch.target, batch.mask))
        return torch.from_numpy(part.label[:, before:]), replace(batch, x=x, target=target, mask=mask)


def _moved(values: Tensor, later: Tensor) -> Tensor:
    """The last steps of [B, L + 1, ...] where `later` [B], else the first ones."""
    return torch.where(later.view(-1, *[1] * (values.dim() - 1)), values[:, 1:], values[:, :-1])


class MappedWeights:
    """The weights of a member's training steps, in a file without a name beside the mapped one.

    Args:
        data: the training sequences.
    """

    def __init__(self, data: Mapped) -> None:
        self.data = data
        self.file = tempfile.NamedTemporaryFile(dir=data.sequences.table.folder.parent, prefix=".weights.")  # noqa: SIM115
        self.file.truncate(4 * len(data.sequences.table.x))
        self.withins: list[Within] = []

    def add(self, index: NDArray[np.int64], weight: Tensor, within: Within | None) -> None:
        """Keep the weights [B, T] of the sequences at `index` [B], and the factors of their windows."""
        first, length = self.data.sequences.first[index], self.data.sequences.length[index]
        for begin, steps, values in zip(first.tolist(), length.tolist(), weight.numpy(), strict=True):
            write_at(self.file.fileno(), values[:steps], 4 * begin)
        if within is not None:
            self.withins.append(within)

    def add_part(self, number: int, first: int, weight: Tensor, within: Within | None) -> None:
        """Keep the weights [S] of the steps from `first` on of one sequence, and the factors of the next windows."""
        write_at(self.file.fileno(), weight.numpy(), 4 * (int(self.data.sequences.first[number]) + first))
        if within is not None:
            self.withins.append(within)

    def done(self) -> MappedWeights:
        """Ready to be read."""
        self.pages = Pages(Path(self.file.name))
        self.values = np.frombuffer(self.pages.buffer, np.float32)
        self.within = joined(self.withins) if self.withins else None
        return self

    def read(self, index: NDArray[np.int64]) -> Tensor:
        """Weights [B, L] of the windows, or sequences, at `index` [B]."""
        weight = torch.from_numpy(self._of(index))
        if self.within is None:
            return weight
        of_place = self.within.rows[self.within.row[index]]
        return weight * of_place * self.within.scale[index].unsqueeze(-1)

    def _of(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        first, length = self.data.bounds(index)
        if (length >= self.data.steps).all():
            return self.pages.copy(self.values, first, self.data.steps)  # type: ignore[return-value]
        rows = first[:, None] + np.minimum(np.arange(self.data.steps), length[:, None] - 1)
        self.pages.touch(len(rows), 4 * rows.shape[1])
        found: NDArray[np.float32] = np.take(self.values, rows)
        return found


class MappedShelf(Stock):
    """Mapped training data of K members; members that read the same at once read it once.

    Args:
        parts: one per member.
        device: where what is read goes to.
    """

    def __init__(self, parts: list[Mapped], device: torch.device) -> None:
        self.parts, self.device = parts, device
        self.resident, self.home = False, torch.device("cpu")
        self.counts = [len(part) for part in parts]
        self.lengths = [part.lengths for part in parts]

    def read(self, index: Tensor) -> Read:
        found: dict[tuple[int, bytes], Read] = {}
        read, theirs = [], own_indices(index, self.counts)
        for part, own in zip(self.parts, theirs, strict=True):
            key = id(part), own.tobytes()
            if key not in found:
                found[key] = part.read(own)
            read.append(found[key])
        x, target, mask = (torch.stack(tensors) for tensors in zip(*read, strict=True))
        there = index < torch.tensor(self.counts).unsqueeze(1)  # [K, B]
        mask = mask & there.unsqueeze(-1)
        return upload(x, self.device), upload(target, self.device), upload(mask, self.device)


class MappedWeighting(Weighting):
    """The weights of K members.

    Args:
        weights: one per member.
        counts: how many windows, or sequences, each has.
        device: where what is read goes to.
    """

    def __init__(self, weights: list[MappedWeights], counts: list[int], device: torch.device) -> None:
        self.weights, self.counts, self.device = weights, counts, device

    def read(self, index: Tensor) -> Tensor:
        theirs = own_indices(index, self.counts)
        return upload(torch.stack([w.read(own) for w, own in zip(self.weights, theirs, strict=True)]), self.device)


def own_indices(index: Tensor, counts: list[int]) -> list[NDArray[np.int64]]:
    """The rows of `index` [K, B], which lies on the CPU, with 0 where a member has nothing."""
    return [np.where(row < count, row, 0) for row, count in zip(index.numpy(), counts, strict=True)]
