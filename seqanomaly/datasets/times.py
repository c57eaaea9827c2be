"""What is irregular about the times of a series: one look for all families whose files hold times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNEVEN = 0.1
"""Share of the usual distance by which an uneven one differs from it at least."""
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""How many of its units a second has."""
AT_ONCE = 1 << 16
"""Steps that are looked at together, so that they stay in the processor's cache."""
SAFE = 2**62
"""Whole numbers up to here have differences that are whole numbers of 64 bits, too."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The steps of one series that are irregular, [T] each, in the order in which they stand."""

    duplicate: NDArray[np.bool_]
    """An earlier step has the same time."""
    again: NDArray[np.bool_]
    """A later step has the same time."""
    backward: NDArray[np.bool_]
    """The time is before that of the step before."""
    uneven: NDArray[np.bool_]
    """The time is later than that of the step before, by another distance than usual."""
    gap: NDArray[np.bool_]
    """So much later that steps are missing in between."""
    apart: NDArray[np.float64]
    """Distance from the step before in seconds or steps; of the first step it means nothing."""
    usual: float
    """The usual distance: the median of those above 0; NaN without any."""

    @property
    def odd(self) -> bool:
        """Whether any step is irregular."""
        return bool((self.duplicate | self.backward | self.uneven | self.gap).any())


def survey(time: NDArray[Any], gap: float) -> Survey:
    """Look at the times [T] of one series; distances over `gap` usual ones are gaps.

    >>> found = survey(np.array([0, 1, 1, 2, 1, 2, 3, 9]), 1.5)
    >>> found.duplicate.sum().item(), found.backward.sum().item(), np.flatnonzero(found.gap).tolist()
    (3, 1, [7])
    """
    import pandas as pd

    seconds = distances(time)
    if not len(seconds) or 0 < seconds.min() == seconds.max():
        none = np.zeros(len(time), np.bool_)
        apart = np.full(len(time), seconds[0] if len(seconds) else np.nan)
        usual = float(apart[0]) if len(apart) else float("nan")
        return Survey(duplicate=none, again=none, backward=none, uneven=none, gap=none, apart=apart, usual=usual)
    later = seconds[seconds > 0]
    usual = float(np.median(later)) if len(later) else float("nan")
    apart = np.concatenate([[np.nan], seconds])[: len(time)]
    return Survey(
        duplicate=pd.Series(time).duplicated().to_numpy(),
        again=pd.Series(time).duplicated(keep="last").to_numpy(),
        backward=apart < 0,
        uneven=(apart > 0) & (np.abs(apart - usual) >= UNEVEN * usual),
        gap=apart > gap * usual,
        apart=apart,
        usual=usual,
    )


def distances(time: NDArray[Any]) -> NDArray[np.float64]:
    """Distances of neighbouring steps, [T - 1]: in seconds where times are timestamps, else in their own unit.

    >>> distances(np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")).tolist()
    [86400.0]
    """
    number, unit = _numbers(time)
    return np.diff(number).astype(np.float64) / unit


def even(time: NDArray[Any], length: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which series, of times [N, T] and lengths [N], have all their steps equally far apart; `survey` finds nothing.

    Some of very large numbers are not found to be so.

    >>> even(np.array([[0, 2, 4], [0, 1, 3], [0, 1, 0]]), np.array([3, 3, 2])).tolist()
    [True, False, True]
    """
    found, number = np.zeros(len(time), np.bool_), time.view(np.int64) if time.dtype.kind == "M" else time
    if time.shape[1] < 2:
        return ~found
    rows, whole = max(1, AT_ONCE // time.shape[1]), number.dtype.kind == "i"
    for first in range(0, len(time), rows):
        now, steps = number[first : first + rows], length[first : first + rows]
        if whole and not -SAFE < int(now.min()) <= int(now.max()) < SAFE:
            return np.zeros_like(found)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            apart = np.diff(now)
        same = apart == apart[:, :1]
        if (steps < time.shape[1]).any():
            same |= np.arange(1, time.shape[1]) >= steps[:, None]
        found[first : first + rows] = same.all(axis=1) & ((apart[:, 0] > 0) | (steps < 2))
    return found


def elapsed(time: NDArray[Any]) -> NDArray[np.float64]:
    """Seconds or step numbers since the first step, [T].

    >>> elapsed(np.array([5, 7, 6])).tolist()
    [0.0, 2.0, 1.0]
    """
    number, unit = _numbers(time)
    since: NDArray[np.float64] = (number - number[:1]).astype(np.float64) / unit
    return since


def _numbers(time: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Times as numbers whose differences do not overflow, and how many of them are a second or a step."""
    is_time = time.dtype.kind == "M"
    number = time.view(np.int64) if is_time else time
    if number.dtype.kind == "i" and len(number) and max(abs(int(number.min())), abs(int(number.max()))) >= SAFE:
        number = number.astype(np.float64)
    return number, PER_SECOND[np.datetime_data(time.dtype)[0]] if is_time else 1.0


def duration(apart: float, *, seconds: bool) -> str:
    """A distance in words: as in `7 d 6 h`, or in steps.

    >>> duration(626400.0, seconds=True), duration(3.0, seconds=False)
    ('7 d 6 h', '3 step numbers')
    """
    if not seconds:
        return f"{apart:g} step number{'s' * (apart != 1)}"
    whole, parts = int(apart), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or f"{apart:g} s"
