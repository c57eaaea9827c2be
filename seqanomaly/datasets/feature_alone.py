"""Whether one feature alone tells the label, as a column does that was made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts

TELLS = 0.999
"""AUROC from which on a feature tells the label."""
FEW = 20
"""Fewer anomalous or normal steps than that say nothing about a feature."""
MANY = 20_000
"""About the most steps of each kind that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Telling:
    """A feature that alone tells the label."""

    feature: str
    auroc: float
    """Of its value or its negative as a score, over all parts."""
    same: bool
    """Whether it has one value at all normal steps and another one at all others."""


def telling(parts: Parts) -> list[Telling]:
    """The features whose AUROC is at least 0.999 at the steps of all parts that take part, evenly chosen.

    >>> part = Sequences.of([np.arange(40.0)[:, None], np.arange(40.0)[::-1, None]], [[0] * 20 + [1] * 20, [0] * 40])
    >>> telling(Parts(train=part, validation=part, test=part))
    []
    >>> one = part.take(np.array([0]))
    >>> [found.feature for found in telling(Parts(train=one, validation=one, test=one))]
    ['x0']
    """
    normal, anomalous = (
        np.concatenate([_values(part, anomalous=kind) for part in vars(parts).values()]) for kind in (False, True)
    )
    if min(len(normal), len(anomalous)) < FEW:
        return []
    found = []
    for place, name in enumerate(parts.train.features):
        auroc = _auroc(normal[:, place], anomalous[:, place])
        if auroc >= TELLS:
            same = all(np.ptp(kind[:, place]) == 0 for kind in (normal, anomalous))
            found.append(Telling(feature=name, auroc=auroc, same=same))
    return found


def _values(part: Sequences, *, anomalous: bool) -> NDArray[np.float32]:
    """Features of some steps of one kind, [S, F], one out of so many."""
    row, step = np.nonzero(part.mask & ((part.label != 0) == anomalous))
    some = slice(None, None, 1 + len(row) // MANY)
    return part.x[row[some], step[some]]


def _auroc(normal: NDArray[np.float32], anomalous: NDArray[np.float32]) -> float:
    """Share of pairs in which the anomalous value is above the normal one, or below in all; ties count half."""
    ordered = np.sort(normal)
    below, up_to = (np.searchsorted(ordered, anomalous, side=side) for side in ("left", "right"))
    share = float((below + up_to).mean()) / (2 * len(normal))
    return max(share, 1 - share)
