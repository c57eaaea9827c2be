"""What a data set is to a run: a configuration that opens to a source, which has parts for every seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import Component
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.seeds import numpy_generator


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The training, validation and test sequences of one seed; no sequence is in two of them."""

    train: Sequences
    validation: Sequences
    test: Sequences


class Source(ABC):
    """An opened data set."""

    official_test: bool
    """Whether the test part is given, so that a seed redraws training randomness only."""
    digest: str | None
    """Digest of the file's content, or None where the seed draws the data."""

    shape: tuple[int, int]
    """Training sequences, validation included, and steps of the longest: what the cost of a run depends on."""
    known: Sequences | None = None
    """All sequences that a seed may choose its training part from; None where it draws them."""
    columns: tuple[str, str] = ("series", "step")
    """What the columns for the series and the step are called."""
    notes: tuple[str, ...] = ()
    """What was recognised in the files or done to the data, a sentence each."""
    counts: Mapping[str, int] = MappingProxyType({})
    """How many values are missing and, where files hold times, how many steps are irregular in each way."""
    policies: Mapping[str, Any] = MappingProxyType({})
    """What is done about these, where it is not the usual."""

    @abstractmethod
    def parts(self, seed: int) -> Parts:
        """The parts for `seed`, the same for every loss and model."""

    @abstractmethod
    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> NDArray[np.float64] | None:
        """Best possible accuracy of each step [T] for a detector with that receptive field, where it is known."""


class DataSpec(Component, ABC):
    """A data set by its kind and settings."""

    @abstractmethod
    def content_digest(self) -> str | None:
        """Digest of the file's content without reading it whole into memory, or None where the seed draws the data."""

    @abstractmethod
    def open(self) -> Source:
        """Read the data; a `DataError` says what cannot be used."""

    def for_features(self, features: tuple[str, ...]) -> DataSpec:
        """The same data set with the features that a detector was trained on, where its files decide which it has."""
        return self


class Drawable(Protocol):
    """Sequences that some can be drawn from."""

    def __len__(self) -> int:
        """How many they are."""

    @property
    def highest(self) -> NDArray[np.int64]:
        """The highest class that a step of each sequence has, [N]."""

    def take(self, index: NDArray[np.int64], /) -> Self:
        """The sequences at `index`, in that order."""


D = TypeVar("D", bound=Drawable)


def hold_out(sequences: D, share: float, generator: np.random.Generator) -> tuple[D, D]:
    """Split by whole sequence into (rest, held out), `share` of them held out, stratified by their highest class.

    >>> s = Sequences.of([np.zeros((2, 1))] * 10, [0] * 5 + [1] * 5)
    >>> rest, held = hold_out(s, 0.2, np.random.default_rng(0))
    >>> len(rest), sorted(held.label[:, 0].tolist())
    (8, [0, 1])
    """
    count = len(sequences)
    wanted = min(max(1, round(share * count)), count - 1)
    stratum = sequences.highest
    by_stratum = np.lexsort((generator.random(count), stratum))
    evenly = ((np.arange(wanted) + generator.random()) * count / wanted).astype(int)
    held = np.sort(by_stratum[evenly])
    return sequences.take(np.setdiff1d(np.arange(count), held)), sequences.take(held)


def fold(sequences: D, folds: int, seed: int) -> tuple[D, D]:
    """Split by whole sequence into (rest, fold number `seed` modulo `folds`), stratified by their highest class.

    Seeds 0 .. folds - 1 share one division of the sequences, the next ones another, and so on: in each such round every
    sequence is held out once.

    >>> s = Sequences.of([np.zeros((2, 1))] * 6, [0, 0, 0, 1, 1, 1])
    >>> held = [fold(s, 3, seed)[1] for seed in range(3)]
    >>> sorted(name for part in held for name in part.ids), [part.label[:, 0].sum().item() for part in held]
    (['0', '1', '2', '3', '4', '5'], [1, 1, 1])
    """
    turn, number = divmod(seed, folds)
    count = len(sequences)
    by_stratum = np.lexsort((numpy_generator(turn, "folds").random(count), sequences.highest))
    held = np.sort(by_stratum[number::folds])
    return sequences.take(np.setdiff1d(np.arange(count), held)), sequences.take(held)
