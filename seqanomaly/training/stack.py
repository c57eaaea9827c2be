"""A stack: K members that are trained together, and where their data lie."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqanomaly.batch import Batch, sliding, upload

if TYPE_CHECKING:
    from seqanomaly.training.mapped import MappedWeights

RESIDENT = 4 * 2**30
"""Bytes of one part of the data, with its weights, that a CUDA device keeps."""
HIDDEN = 4_000_000
"""About how many values an evaluation batch has, hidden ones where they are kept."""
HIDDEN_ON_CUDA = 32 * HIDDEN
"""The same on a CUDA device, where few large batches are faster."""
BLOCK = 32
"""Sequences that the compiled kernel computes at once, with the widest registers."""


@dataclass(frozen=True, kw_only=True)
class Within:
    """Weights that depend on the place of a step in its window: `rows[row] * scale`, [W, L]."""

    rows: Tensor
    """A weight for each place, one row for each number of steps that a window may really have, [P, L]."""
    row: Tensor
    """Which row a window takes, [W]."""
    scale: Tensor
    """Factor on the weights of a window, [W]."""

    def of(self, index: Tensor) -> Tensor:
        """The weights [B, L] of the windows at `index` [B]."""
        return self.rows[self.row[index]] * self.scale[index].unsqueeze(-1)


class Stock(ABC):
    """Training data of K members, read with one index per member."""

    counts: list[int]
    """How many windows, or sequences, each member has."""
    lengths: list[Tensor | None]
    """Steps of each window, or sequence, of each member, [W]; None where all of a member have as many."""
    resident: bool
    """Whether the data lie on the device, so that reading is a look-up there."""
    home: torch.device
    """Where an index must lie to be read with: the device if the data are resident, else the CPU."""

    @abstractmethod
    def read(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features, targets and masks [K, B, L, ...] of what is at `index` [K, B], or [1, B] for all members.

        What is read lies on the device. Where a member has nothing at an index, its mask is False.
        """


class Weighting(ABC):
    """The members' weights of the training steps, read with one index per member."""

    @abstractmethod
    def read(self, index: Tensor) -> Tensor:
        """Weights [K, B, L] of what is at `index` [K, B]; what stands where there is nothing means nothing."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One configuration with one seed, ready to be trained."""

    seed: int
    """Root of its random numbers: initial weights, batch order, dropout."""
    lr: float
    """Learning rate."""
    train: Batch
    """Training sequences; members that share them share the memory."""
    validation: Batch
    """Validation sequences."""
    weight: Tensor
    """Weight of each training step in the loss, [N, T], 0 where the mask is False."""
    within: Within | None = None
    """A further factor on the weights, for losses that look at the place in the window."""
    mapped: MappedWeights | None = None
    """Training sequences and weights in files, for all members of a stack or none; the others are then of no sequence.
    """


class Shelf(Stock):
    """Batches of K members on one device, each stored once, read with one index per member.

    What is read is a sequence, or a window of one where the batches are seen in windows: those are views of the stored
    sequences, so they take no memory. Members may have different numbers of sequences and windows.

    Args:
        batches: one per member, all of one number of steps, all with windows of one length or none with any; the same
            object means the same data.
        device: where what is read goes to, and where they are kept if they fit; see `fits`.
        beside: bytes of what is to be kept with them.
    """

    def __init__(self, batches: list[Batch], device: torch.device, beside: int = 0) -> None:
        unique = {id(batch): batch for batch in batches}
        places = {key: place for place, key in enumerate(unique)}
        own = list(unique.values())
        x, target, mask = padded([b.x for b in own]), padded([b.target for b in own]), padded([b.mask for b in own])
        self.device, self.resident = device, fits(x.nbytes + target.nbytes + mask.nbytes + beside, device)
        self.home = home = device if self.resident else torch.device("cpu")
        self.place = torch.tensor([places[id(b)] for b in batches], device=home).unsqueeze(1)  # [K, 1]
        self.counts = [len(b) for b in batches]
        lengths = {id(b): b.lengths() for b in own}
        self.lengths = [lengths[id(b)] for b in batches]
        self.even = len(set(self.counts)) == 1
        self.sizes = torch.tensor(self.counts, device=home).unsqueeze(1)  # [K, 1]
        self.x = x.to(home)  # [D, N, T, F]
        self.target = target.to(home)  # [D, N, T] or [D, N, T, F]
        self.mask = mask.to(home)  # [D, N, T]
        windows = [b.windows for b in own if b.windows is not None]
        assert len(windows) in (0, len(own)), "all batches have windows, or none"
        assert len({w.length for w in windows}) <= 1, "all windows have one length"
        assert windows or all(b.flat is None for b in own), "whole sequences are padded"
        self.steps = windows[0].length if windows else self.mask.shape[2]
        self.begin: Tensor | None = None
        if windows:
            self.begin = padded([b.begins() for b in own]).to(home)  # [D, W]
            self.fresh = padded([torch.from_numpy(w.fresh) for w in windows]).to(home)  # [D, W]
        self.own_lengths = self._lengths(own)
        """Steps of each window, or sequence, of each batch, [D, W]; None where all have as many."""

    def _lengths(self, own: list[Batch]) -> Tensor | None:
        found = [b.lengths() for b in own]
        if all(length is None for length in found):
            return None
        full = [torch.full((len(b),), self.steps) for b in own]
        return padded([all_ if length is None else length for all_, length in zip(full, found, strict=True)])

    @property
    def count(self) -> int:
        """Most windows, or sequences, that a member has."""
        return max(self.counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Most sequences, and their steps."""
        return self.mask.shape[1], self.mask.shape[2]

    @property
    def valid(self) -> Tensor:
        """How many steps of all sequences count, [K]."""
        return self.mask.sum((1, 2))[self.place.squeeze(1)]

    def read(self, index: Tensor, *, once: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """See `Stock.read`; `once`: of the windows that hold a step, only the first one has it in its mask."""
        x, target, mask = (self.take(values, self.place, index) for values in (self.x, self.target, self.mask))
        there = self.there(index)
        mask = mask if there is None else mask & there.unsqueeze(-1)
        mask = mask & self.fresh_at(index) if once and self.begin is not None else mask
        return upload(x, self.device), upload(target, self.device), upload(mask, self.device)

    def take(self, values: Tensor, place: Tensor, index: Tensor) -> Tensor:
        """From `values` [D, N, T, ...], those [K, B, L, ...] of what is at `index` [K, B]; `place` [K, 1] is in D.

        What stands where a member has nothing means nothing.
        """
        count, steps, *rest = values.shape[1:]
        if self.begin is None:
            every, at = values.flatten(0, 1), place * count + self.within_reach(index)  # [D N, T, ...], [K, B]
        else:
            every, at = sliding(values, self.steps), place * (count * steps) + self.begin_at(index)
        taken = every.flatten(1).index_select(0, at.flatten())  # [K B, L ...], several times as fast as every[at]
        return taken.view(*at.shape, self.steps, *rest)

    def begin_at(self, index: Tensor) -> Tensor:
        """Where the windows at `index` begin, counted through all steps [N, T] of a member, [K, B]."""
        assert self.begin is not None
        return self.begin[self.place, self.within_reach(index)]

    def fresh_at(self, index: Tensor) -> Tensor:
        """True for the steps of windows at `index` that no earlier window holds, [K, B, L]; see `Windows`."""
        fresh = self.fresh[self.place, self.within_reach(index)].unsqueeze(-1)  # [K, B, 1]
        new, there = torch.arange(self.steps, device=index.device) >= fresh, self.there(index)
        return new if there is None else new & there.unsqueeze(-1)

    def chunk(self, members: int, width: int) -> int:
        """How many windows fit one evaluation batch: a rule of shapes and the kind of device alone."""
        return windows_at_once(members, self.steps, width, HIDDEN_ON_CUDA if self.device.type == "cuda" else HIDDEN)

    def there(self, index: Tensor) -> Tensor | None:
        """Whether a member has something at `index`, [K, B]; None where every one has."""
        if self.even:
            return None
        return index < self.sizes

    def within_reach(self, index: Tensor) -> Tensor:
        """`index` [K, B] with 0 where a member has nothing."""
        there = self.there(index)
        return index if there is None else torch.where(there, index, 0)


def fits(size: int, device: torch.device) -> bool:
    """Whether data of `size` bytes are kept on the device; else they stay in memory and go there batch by batch.

    >>> fits(RESIDENT, torch.device("cuda")), fits(RESIDENT + 1, torch.device("cuda"))
    (True, False)
    """
    return device.type != "cuda" or size <= RESIDENT


def windows_at_once(members: int, steps: int, width: int, values: int = HIDDEN) -> int:
    """How many windows of so many steps fit one evaluation batch of about so many values.

    From half a block on they are whole blocks, so that the kernel leaves no room in one empty.

    >>> windows_at_once(1, 100, 16), windows_at_once(64, 100, 16), windows_at_once(64, 1000, 16)
    (2496, 32, 3)
    """
    size = max(1, values // (members * steps * width))
    return size if size < BLOCK // 2 else max(BLOCK, size // BLOCK * BLOCK)


def padded(tensors: list[Tensor]) -> Tensor:
    """Tensors [N_d, ...] in one [D, N, ...], with zeros where one is shorter than the longest.

    >>> padded([torch.tensor([1, 2]), torch.tensor([3])]).tolist()
    [[1, 2], [3, 0]]
    """
    return pad_sequence(tensors, batch_first=True)


def joined(withins: list[Within]) -> Within:
    """The factors of one group of windows after the other."""
    before = np.cumsum([0, *[len(w.rows) for w in withins]]).tolist()
    return Within(
        rows=torch.cat([w.rows for w in withins]),
        row=torch.cat([w.row + start for w, start in zip(withins, before, strict=False)]),
        scale=torch.cat([w.scale for w in withins]),
    )
