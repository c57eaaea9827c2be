"""Where the steps of sequences lie that are too unlike in length to be padded: one sequence after the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Flat:
    """S rows of one step each; those of N sequences stand one after the other, some with rows to spare at their end.

    >>> flat = Flat.of(np.array([2, 3]), 3)
    >>> flat.owner.tolist(), flat.place.tolist()
    ([0, 0, 1, 1, 1], [0, 1, 0, 1, 2])
    """

    first: Ints
    """Row of the first step of each sequence, [N], ascending."""
    rows: int
    """How many rows there are, S."""
    steps: int
    """Steps that the sequences are padded to where they are read whole, T."""

    @classmethod
    def of(cls, room: Ints, steps: int) -> Flat:
        """Sequences that have so many rows, [N], and are padded to `steps` steps elsewhere."""
        ends = np.cumsum(room)
        return cls(first=ends - room, rows=int(ends[-1]), steps=steps)

    @property
    def owner(self) -> Ints:
        """Number of the sequence that each row belongs to, [S]; made anew each time, as it takes as much as labels."""
        return np.repeat(np.arange(len(self.first)), np.diff(self.first, append=self.rows))

    @property
    def place(self) -> Ints:
        """Number of each row in its sequence, [S]; made anew each time."""
        return np.arange(self.rows) - np.repeat(self.first, np.diff(self.first, append=self.rows))
