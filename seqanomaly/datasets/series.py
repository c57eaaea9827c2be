"""The series of a data set as lines of steps: a training piece and the test piece that goes on with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.opened import Loaded, is_cut, time_cuts
from seqanomaly.datasets.repair import Line
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.times import Survey, elapsed, survey

TRAIN, VALIDATE, TEST = 0, 1, 2
"""Numbers of the parts of a series."""
NEVER = np.iinfo(np.int64).max
"""The step from which on a series validates where a seed draws that."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series: its pieces in the training and in the test part."""

    name: str
    known: int | None
    """Its place among the training sequences, if it is there."""
    test: int | None
    """Its place among the test sequences, if it is there."""
    pieces: tuple[tuple[Sequences, int], ...]
    """The sequences and the place of each piece, in order."""
    validates: int = NEVER
    """Step from which on it validates."""

    def steps(self, key: str) -> NDArray[Any] | None:
        """What the sequences hold under `key` for each of its steps; None where they hold nothing."""
        if vars(self.pieces[0][0])[key] is None:
            return None
        return np.concatenate([vars(part)[key][part.span(at)] for part, at in self.pieces])

    def line(self) -> Line:
        """Its steps, ready to be repaired."""
        x, label, time, valid = (self.steps(key) for key in ("x", "label", "time", "valid"))
        assert x is not None
        assert label is not None
        place = np.arange(len(label))
        first, at = self.pieces[0]
        learned = 0 if self.known is None else first.length[at]
        part = np.where(place >= learned, TEST, np.where(place >= self.validates, VALIDATE, TRAIN))
        time = None if time is None else elapsed(time)
        valid = np.ones(len(label), np.bool_) if valid is None else valid
        return Line(x=x, label=label, valid=valid, part=part, origin=place, time=time)

    def counts(self) -> tuple[int, int, int]:
        """Its steps that train, validate and test."""
        whole = sum(int(part.length[at]) for part, at in self.pieces)
        tested = 0 if self.test is None else int(self.pieces[-1][0].length[self.pieces[-1][1]])
        trained = min(whole - tested, self.validates)
        return trained, whole - tested - trained, tested

    def survey(self, gap: float) -> Survey | None:
        """What is irregular about its times; None where it has none."""
        time = self.steps("time")
        return None if time is None else survey(time, gap)


def series_of(loaded: Loaded) -> list[Series]:
    """All series; a test sequence that goes on with the steps of a training one is of the same series.

    >>> whole = Sequences.of([np.arange(6.0)[:, None]], [0])
    >>> first, last = (whole.cut(np.array([at]), np.array([at + 3])) for at in (0, 3))
    >>> [one.line().part.tolist() for one in series_of(Loaded(known=first, test=last))]
    [[0, 0, 1, 2, 2, 2]]
    """
    known, test, begins = loaded.known, loaded.test, _validates(loaded)
    if test is None:
        return [Series(name=name, known=i, test=None, pieces=((known, i),)) for i, name in enumerate(known.ids)]
    places = {name: j for j, name in enumerate(test.ids)}
    goes_on = {name for name, j in places.items() if test.start[j] > 0} & set(known.ids)
    learned = [
        Series(
            name=name,
            known=i,
            test=places[name] if name in goes_on else None,
            pieces=((known, i), (test, places[name])) if name in goes_on else ((known, i),),
            validates=int(begins[i]),
        )
        for i, name in enumerate(known.ids)
    ]
    alone = [(name, j) for name, j in places.items() if name not in goes_on]
    return learned + [Series(name=name, known=None, test=j, pieces=((test, j),)) for name, j in alone]


def _validates(loaded: Loaded) -> NDArray[np.int64]:
    """Step of each training sequence from which on it validates, as far as no seed draws that."""
    if loaded.validation is not None:
        return loaded.validation
    if is_cut(loaded):
        return time_cuts(loaded.known.length, loaded.validating)
    return np.full(len(loaded.known), NEVER)
