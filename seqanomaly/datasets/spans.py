"""Which steps train, validate and test: one span of each series per part, and the proof that none is in two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seqanomaly.errors import DataError


class Bounds(Protocol):
    """Sequences of which it is known where they begin and end, in memory or not."""

    @property
    def ids(self) -> Sequence[str]:
        """Name of each."""

    @property
    def length(self) -> NDArray[np.int64]:
        """Number of steps of each, [N]."""

    @property
    def start(self) -> NDArray[np.int64]:
        """Number of each one's first step in its series, [N]."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Steps of a series in one part; they are numbered from 0 in the series, in its order."""

    part: str
    """train, validation or test."""
    series: str
    """Name of the series."""
    first: int
    """Number of the first step."""
    last: int
    """Number of the last step, which belongs to the part."""

    @property
    def steps(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


def series_names(parts: Mapping[str, Bounds], *, whole: bool = False) -> dict[str, tuple[str, ...]]:
    """Names of the sequences of each part, so that a name and a step number mean one step.

    Where a part has a recording of its own under a name that an earlier part has as well (both begin at step 0), the
    name gets the part in brackets; with `whole`, also where it goes on with the steps of the earlier part.

    >>> from seqanomaly.datasets.sequences import Sequences
    >>> one = Sequences.of([np.zeros((3, 1))], [0], ids=("a",))
    >>> series_names({"train": one, "test": one})
    {'train': ('a',), 'test': ('a (test)',)}
    """
    taken: dict[str, list[tuple[int, int]]] = {}
    names = {}
    for part, sequences in parts.items():
        bounds = list(zip(sequences.start.tolist(), (sequences.start + sequences.length).tolist(), strict=True))
        again = [
            any(whole or (a < end and start < b) for a, b in taken.get(name, ()))
            for name, (start, end) in zip(sequences.ids, bounds, strict=True)
        ]
        names[part] = tuple(f"{name} ({part})" if on else name for name, on in zip(sequences.ids, again, strict=True))
        for name, bound in zip(sequences.ids, bounds, strict=True):
            taken.setdefault(name, []).append(bound)
    return names


def spans(parts: Mapping[str, Bounds]) -> list[Span]:
    """The spans of each part, in the order of its sequences.

    >>> from seqanomaly.datasets.sequences import Sequences
    >>> whole = Sequences.of([np.zeros((5, 1))], [0], ids=("a",))
    >>> first, last = whole.cut(np.array([0]), np.array([3])), whole.cut(np.array([3]), np.array([5]))
    >>> [(span.part, span.first, span.last) for span in spans({"train": first, "test": last})]
    [('train', 0, 2), ('test', 3, 4)]
    """
    names = series_names(parts)
    return [
        Span(part=part, series=name, first=first, last=first + steps - 1)
        for part, sequences in parts.items()
        for name, first, steps in zip(names[part], sequences.start.tolist(), sequences.length.tolist(), strict=True)
    ]


def prove_apart(found: list[Span]) -> int:
    """The number of different (series, step); a `DataError` names two spans that share one.

    >>> prove_apart([Span(part="train", series="a", first=0, last=4), Span(part="test", series="a", first=5, last=9)])
    10
    """
    ordered = sorted(found, key=lambda span: (span.series, span.first))
    for one, other in pairwise(ordered):
        if one.series == other.series and other.first <= one.last:
            raise DataError(
                f"series {one.series!r}: steps {one.first} to {one.last} ({one.part}) and {other.first} to "
                f"{other.last} ({other.part}) overlap; give the sequences different names"
            )
    return sum(span.steps for span in ordered)
