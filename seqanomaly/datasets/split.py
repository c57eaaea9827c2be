"""Other ways to divide a table into parts than by sequences that the seed draws: in time, and in folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from seqanomaly.config import Config, keys
from seqanomaly.errors import ConfigError, DataError

if TYPE_CHECKING:
    from seqanomaly.datasets.opened import Loaded


class SplitSpec(Config):
    """One of two ways to say what is tested."""

    time: float | None = Field(None, gt=0, lt=1)
    """Share of each series at its end that is tested; the last 20% of what comes before it validate."""
    folds: int | None = Field(None, ge=2)
    """Number of folds k; seed s tests fold s modulo k, so that k seeds in a row test every series once."""

    @model_validator(mode="after")
    def _one_of_them(self) -> SplitSpec:
        if (self.time is None) == (self.folds is None):
            got = "both" if self.time is not None else "neither"
            raise ConfigError(f"takes one of time and folds, as in {{time: 0.3}} or {{folds: 5}}, got {got}")
        return self


def pick_split(value: object) -> object:
    """A mapping as a split.

    >>> pick_split({"folds": 5}).folds
    5
    """
    if value is None or isinstance(value, SplitSpec):
        return value
    if isinstance(value, Mapping):
        return SplitSpec(**keys(value))
    raise ConfigError(f"must be a mapping such as {{time: 0.3}} or {{folds: 5}}, got {value!r}")


AnySplit = Annotated[SplitSpec | None, BeforeValidator(pick_split)]
"""A split, given as a mapping; None for sequences that the seed draws."""


def by_time(loaded: Loaded, share: float, where: str) -> Loaded:
    """The last `share` of each series for testing; what comes before it is cut again, so that its end validates.

    Raises:
        DataError: a series is too short for the three pieces; it names `where` and the series.
    """
    from seqanomaly.datasets.opened import cut_in_time

    check_time(loaded.known.length, loaded.known.ids, share, where)
    known, test = cut_in_time(loaded.known, share)
    note = f"test is the last {100 * share:g}% of each series: {int(test.length.sum()):,} steps"
    return replace(loaded, known=known, test=test, continued=True, notes=(*loaded.notes, note))


def check_time(length: NDArray[np.int64], ids: Sequence[str], share: float, where: str) -> NDArray[np.int64]:
    """Where the last `share` of series of those lengths [N] begins, [N].

    Raises:
        DataError: a series is too short for three pieces; it names `where` and the series.
    """
    from seqanomaly.datasets.opened import time_cuts

    first = time_cuts(length, share)
    last = length - first
    short = (first < 4) | (last < 2)
    if short.any():
        place = int(np.argmax(short))
        steps, series = length[place], ids[place]
        raise DataError(
            f"{where}: series {series!r} has {steps} step{'s' * bool(steps != 1)}, of which {last[place]} would test "
            f"and {first[place]} train and validate; in time these need at least 2 and 4: leave the series out, choose "
            "another share, or split by series"
        )
    return first


def check_folds(loaded: Loaded, folds: int, where: str) -> None:
    """Raise a `DataError` that names `where` if there are too few series for so many folds."""
    check_fold_count(len(loaded.known), folds, where)


def check_fold_count(found: int, folds: int, where: str) -> None:
    """Raise a `DataError` that names `where` if so many series are too few for so many folds."""
    if folds > found or found - -(-found // folds) < 2:
        raise DataError(
            f"{where}: has {found} series for {folds} folds; each fold needs one, and two have to be left to train and "
            "validate: choose another number of folds, or give more series"
        )
