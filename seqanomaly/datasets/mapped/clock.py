"""What is irregular about the times of a series that may be larger than memory; as `times.survey` has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.datasets.mapped import rough
from seqanomaly.datasets.times import PER_SECOND, SAFE, UNEVEN, Survey
from seqanomaly.errors import DataError

MOST = 5_000_000
"""Most steps of a series that may be at or before the latest time so far."""
FEW = 1_000_000
"""Distances that are put in order in memory."""


class Clock:
    """The times of one series, which are read when they are asked for.

    Args:
        read: gives the times [begin, end) as they stand in the file.
        steps: how many there are.
        gap: distances over that many usual ones are gaps.
        name: of the data and the series in an error.
    """

    def __init__(self, read: Callable[[int, int], NDArray[Any]], steps: int, gap: float, name: str) -> None:
        self.given, self.steps, self.gap, self.name = read, steps, gap, name
        first = read(0, 1)
        self.unit = PER_SECOND[np.datetime_data(first.dtype)[0]] if first.dtype.kind == "M" else 1.0

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Bounds of some steps after the other."""
        for begin in range(0, self.steps, rough.AT_ONCE):
            yield begin, min(begin + rough.AT_ONCE, self.steps)

    def _numbers(self, begin: int, end: int) -> NDArray[Any]:
        """Times as numbers whose differences do not overflow."""
        found = self._raw(begin, end)
        return found.astype(np.float64) if self._huge else found

    def _raw(self, begin: int, end: int) -> NDArray[Any]:
        found = self.given(begin, end)
        return found.view(np.int64) if found.dtype.kind == "M" else found

    @cached_property
    def _huge(self) -> bool:
        if self._raw(0, 1).dtype.kind != "i":
            return False
        ends = [(int(found.min()), int(found.max())) for found in (self._raw(*block) for block in self.blocks())]
        return max(max(abs(low), abs(high)) for low, high in ends) >= SAFE

    def elapsed(self, begin: int, end: int) -> NDArray[np.float64]:
        """Seconds or step numbers since the first step of the series, [S]."""
        since: NDArray[np.float64] = (self._numbers(begin, end) - self._numbers(0, 1)).astype(np.float64) / self.unit
        return since

    def apart(self, begin: int, end: int) -> NDArray[np.float64]:
        """Distance of each step from the one before in seconds or steps, [S]; NaN for the first of the series."""
        found: NDArray[np.float64] = np.diff(self._numbers(max(begin - 1, 0), end)).astype(np.float64) / self.unit
        return found if begin else np.concatenate([[np.nan], found])

    @cached_property
    def usual(self) -> float:
        """The usual distance: the median of those above 0; NaN without any."""
        return median_of(self._later)

    def _later(self) -> Iterator[NDArray[np.float64]]:
        """Distances above 0, some after the other."""
        for block in self.blocks():
            apart = self.apart(*block)
            yield apart[apart > 0]

    @cached_property
    def _doubles(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Steps whose time an earlier step has, and those whose time a later step has, in order."""
        behind, count = [], 0
        latest = self._raw(0, 1)
        for begin, end in self.blocks():
            time = self._raw(begin, end)
            upto = np.maximum.accumulate(np.concatenate([latest, time]))
            late = time <= upto[:-1]
            late[0] &= begin > 0
            latest = upto[-1:]
            behind.append(time[late])
            count += len(behind[-1])
            if count > MOST:
                raise DataError(
                    f"{self.name}: over {MOST:,} steps are not later than all before them, more than duplicates and "
                    "jumps back may be in a mapped table; put the rows in order, or leave out doubles"
                )
        shared = np.unique(np.concatenate(behind))
        if not len(shared):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        steps, times = [], []
        for begin, end in self.blocks():
            time = self._raw(begin, end)
            some = np.flatnonzero(np.isin(time, shared))
            steps.append(begin + some)
            times.append(time[some])
        step, shared_times = np.concatenate(steps), pd.Series(np.concatenate(times))
        return step[shared_times.duplicated().to_numpy()], step[shared_times.duplicated(keep="last").to_numpy()]

    def survey(self, begin: int, end: int) -> Survey:
        """What is irregular about the steps [begin, end)."""
        apart, usual = self.apart(begin, end), self.usual
        duplicate, again = (_marked(steps, begin, end) for steps in self._doubles)
        later = apart[int(not begin) :]
        if self.gap >= 1 and len(later) and later.min() == later.max() == usual:  # above 0, so only doubles are left
            none = np.zeros(end - begin, np.bool_)
            return Survey(
                duplicate=duplicate, again=again, backward=none, uneven=none, gap=none, apart=apart, usual=usual
            )
        return Survey(
            duplicate=duplicate,
            again=again,
            backward=apart < 0,
            uneven=(apart > 0) & (np.abs(apart - usual) >= UNEVEN * usual),
            gap=apart > self.gap * usual,
            apart=apart,
            usual=usual,
        )


def _marked(steps: NDArray[np.int64], begin: int, end: int) -> NDArray[np.bool_]:
    """Which of [begin, end) are among some steps that stand in order."""
    found = np.zeros(end - begin, np.bool_)
    found[steps[slice(*np.searchsorted(steps, [begin, end]).tolist())] - begin] = True
    return found


def median_of(values: Callable[[], Iterator[NDArray[np.float64]]]) -> float:
    """The median of numbers that go by some at a time, again and again, as NumPy has it; NaN without any.

    >>> median_of(lambda: iter([np.array([4.0, -1.0]), np.array([0.5, 9.0])]))
    2.25
    """
    count, low, high = 0, np.inf, -np.inf
    for piece in values():
        if len(piece):
            count, low, high = count + len(piece), min(low, piece.min()), max(high, piece.max())
    if not count:
        return float("nan")
    if low == high:
        return float(low)
    if count < FEW:
        return float(np.median(np.concatenate(list(values()))))
    return float(np.mean([_ranked(values, rank) for rank in ((count - 1) // 2, count // 2)]))


def _ranked(values: Callable[[], Iterator[NDArray[np.float64]]], rank: int) -> float:
    """The number with that rank, counted from 0; of those that share its first bits, ever more are looked at."""
    known = 0
    for shift in (48, 32, 16, 0):
        count, some, held = np.zeros(1 << 16, np.int64), list[NDArray[np.uint64]](), 0
        for piece in values():
            bits = _in_order(piece)
            if shift < 48:
                bits = bits[bits >> np.uint64(shift + 16) == known]
            count += np.bincount((bits >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64), minlength=1 << 16)
            held += len(bits)
            if shift < 48 and held < FEW:
                some.append(bits)
            else:
                some.clear()
        upto = count.cumsum()
        if shift < 48 and held < FEW:
            return _number(np.partition(np.concatenate(some), rank)[rank])
        word = int(np.searchsorted(upto, rank, side="right"))
        rank -= int(upto[word - 1]) if word else 0
        known = known << 16 | word
    return _number(np.uint64(known))


SIGN = np.uint64(1 << 63)
"""The bit that says below zero."""


def _in_order(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Whole numbers that are in the order of numbers with a point."""
    bits = np.ascontiguousarray(values).view(np.uint64)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _number(bits: np.uint64) -> float:
    """The number whose place in the order is `bits`."""
    return float((bits ^ SIGN if bits & SIGN else ~bits).view(np.float64))
