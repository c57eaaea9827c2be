"""How a mapped table is divided into parts, and where its series are cut in time for that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.copied import Names
from seqanomaly.datasets.mapped.layout import Series
from seqanomaly.datasets.opened import time_cuts
from seqanomaly.datasets.part_column import begins_to_validate, check_counts
from seqanomaly.datasets.split import SplitSpec, check_time


@dataclass(frozen=True)
class Division:
    """How a table is divided into parts."""

    column: str | None
    """The column that says it."""
    split: SplitSpec | None
    """In time or in folds."""
    test: float
    """Share of the series that the seed draws for testing, without either."""
    validation: float
    """Share of what is left that validates."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where series are cut, as far as no seed decides it."""

    counts: NDArray[np.int64]
    """Steps of each series that train, validate and test, [N, 3]."""
    given: bool
    """Whether the test part is given."""
    usual_validation: bool
    """Whether what validates is no more than the end of each training sequence."""


def bounds_of(series: Series, division: Division, where: str) -> Bounds:
    """Where the series of a table are cut, before anything is done to their steps.

    Raises:
        DataError: they cannot be divided so.
    """
    length, begin = series.length, None
    names = Names(series.names, np.arange(len(length)))
    if division.column is not None:
        assert series.parts is not None
        check_counts(series.parts, names, division.column, where)
        learned, begin = series.parts[:, :2].sum(axis=1), begins_to_validate(series.parts)
        continued = bool(((learned > 0) & (series.parts[:, 2] > 0)).any())
    elif division.split is not None and division.split.time is not None:
        learned, continued = check_time(length, names, division.split.time, where), True
    else:
        whole = np.stack([length, np.zeros_like(length), np.zeros_like(length)], axis=1)
        return Bounds(counts=whole, given=False, usual_validation=False)
    if begin is not None:
        assert series.parts is not None
        return Bounds(counts=series.parts, given=True, usual_validation=False)
    known = learned > 0
    trained = learned.copy()
    cut = continued or int(known.sum()) == 1
    if cut:
        trained[known] = time_cuts(learned[known], division.validation)
    counts = np.stack([trained, learned - trained, length - learned], axis=1)
    return Bounds(counts=counts, given=True, usual_validation=cut)
