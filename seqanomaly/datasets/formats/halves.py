"""Series with a training and a test part, as benchmarks of long series have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Halves:
    """One series: a training and a test part, features [steps, F] and labels [steps] of each."""

    name: str
    train: NDArray[np.float64]
    train_label: NDArray[np.int64]
    test: NDArray[np.float64]
    test_label: NDArray[np.int64]
    offset: int = 0
    """Number of the first test step in its series; 0 where the test part is a recording of its own."""
    train_time: NDArray[Any] | None = None
    """When each training step was, [steps], where the file says it."""
    test_time: NDArray[Any] | None = None
    """When each test step was, likewise."""

    @classmethod
    def cut(
        cls,
        name: str,
        x: NDArray[np.float64],
        label: NDArray[np.int64],
        at: int,
        time: NDArray[Any] | None = None,
    ) -> Halves:
        """Cut a series, with its times if there are any, before step `at`; a `DataError` says that a part is empty.

        >>> Halves.cut("a", np.zeros((5, 1)), np.zeros(5, int), 3).test.shape
        (2, 1)
        """
        if not 0 < at < len(x):
            raise DataError(f"{name}: has {len(x)} steps, so it cannot be cut into train and test at step {at}")
        return cls(
            name=name,
            train=x[:at],
            train_label=label[:at],
            test=x[at:],
            test_label=label[at:],
            offset=at,
            train_time=None if time is None else time[:at],
            test_time=None if time is None else time[at:],
        )


def halves_loaded(
    series: Sequence[Halves], features: tuple[str, ...], notes: Sequence[str], classes: tuple[str, ...] = ("0", "1")
) -> Loaded:
    """The parts of all series as sequences; a `DataError` names one that has other features than the first."""
    seen: set[str] = set()
    for one in series:
        if one.name in seen:
            raise DataError(f"{one.name}: two files hold a series of this name; rename one, or name one of them")
        seen.add(one.name)
        if one.train.shape[1] != len(features) or one.test.shape[1] != len(features):
            found = one.test.shape[1] if one.train.shape[1] == len(features) else one.train.shape[1]
            raise DataError(f"{one.name}: has {found} features where {series[0].name} has {len(features)}")
    names = tuple(one.name for one in series)
    return Loaded(
        known=Sequences.of(
            [one.train for one in series],
            [one.train_label for one in series],
            ids=names,
            features=features,
            classes=classes,
            time=_times([one.train_time for one in series]),
        ),
        test=Sequences.of(
            [one.test for one in series],
            [one.test_label for one in series],
            ids=names,
            features=features,
            classes=classes,
            offset=np.array([one.offset for one in series]),
            time=_times([one.test_time for one in series]),
        ),
        notes=tuple(notes),
        continued=True,
    )


def _times(of_each: Sequence[NDArray[Any] | None]) -> list[NDArray[Any]] | None:
    """The times of all series, where all have some."""
    found = [time for time in of_each if time is not None]
    return found if len(found) == len(of_each) else None
