"""Steps added to series in files: in gaps, or on an even grid; `fill_gaps` and `on_grid`, some steps at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped import rough
from seqanomaly.datasets.mapped.rough import Rough
from seqanomaly.datasets.repair import Line, at_times, check_added, stuck_at

Times = Callable[[int, int], NDArray[np.float64]]
"""Gives the times [begin, end) of a series."""
SLACK = 1e-6
"""Share of the usual distance by which a time may be off the grid."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Steps that are made of the steps [begin, end) of a series."""

    begin: int
    end: int
    part: int
    """Number of the part of them all."""
    before: NDArray[np.int64]
    """Which step comes before each, counted from `begin`, [S]."""
    after: NDArray[np.int64]
    """Which step comes after each, counted from `begin`, [S]."""
    time: NDArray[np.float64]
    """When each is, [S]."""
    added: NDArray[np.bool_]
    """Which were not there, [S]."""


def in_gaps(times: Times, counts: NDArray[np.int64], usual: float, gap: float) -> Iterator[Made]:
    """The steps of a series with those that are missing in its gaps; see `fill_gaps`.

    Args:
        times: its times.
        counts: steps that train, validate and test, [3], in that order.
        usual: the usual distance.
        gap: distances over that many usual ones are gaps.
    """
    for part, begin, end in _blocks(counts):
        last = end == int(counts[: part + 1].sum())
        time = times(begin, end if last else end + 1)
        apart = np.diff(time, append=np.nan) if last else np.diff(time)
        wide = apart > gap * usual
        copies = 1 + np.where(wide, np.round(np.where(wide, apart, 0.0) / usual) - 1, 0.0).astype(np.int64)
        ends = np.cumsum(copies)
        for low in range(0, int(ends[-1]), rough.AT_ONCE):
            made = np.arange(low, min(low + rough.AT_ONCE, int(ends[-1])))
            before = np.searchsorted(ends, made, side="right")
            turn = made - (ends - copies)[before]
            share = turn / copies[before]
            yield Made(
                begin=begin,
                end=begin + len(time),
                part=part,
                before=before,
                after=np.minimum(before + 1, len(time) - 1),
                time=time[before] + share * np.where(turn > 0, apart[before], 0.0),
                added=turn > 0,
            )


def on_a_grid(times: Times, counts: NDArray[np.int64], usual: float, gap: float) -> Iterator[Made]:
    """Each part of a series on an even grid; arguments as `in_gaps`, see `on_grid`."""
    for part, begin, end in _blocks(counts):
        first, stop = int(counts[:part].sum()), int(counts[: part + 1].sum())
        start, latest = float(times(first, first + 1)[0]), float(times(stop - 1, stop)[0])
        count = int(np.floor((latest - start) / usual + SLACK)) + 1
        time = times(begin, min(end + 1, stop))
        until = np.inf if end == stop else time[-1]
        low = max(0, int((time[0] - start) / usual) - 2)
        high = count if end == stop else min(count, int((until - start) / usual) + 3)
        for some in range(low, high, rough.AT_ONCE):
            grid = start + usual * np.arange(some, min(some + rough.AT_ONCE, high))
            mine = (grid + SLACK * usual >= time[0]) & (grid + SLACK * usual < until)
            grid = grid[mine]
            before = np.searchsorted(time, grid + SLACK * usual, side="right") - 1
            after = np.minimum(before + 1, len(time) - 1)
            inside = (time[after] - time[before] > gap * usual) & (grid - time[before] > SLACK * usual)
            yield Made(
                begin=begin,
                end=begin + len(time),
                part=part,
                before=before[~inside],
                after=after[~inside],
                time=grid[~inside],
                added=np.zeros(int((~inside).sum()), np.bool_),
            )


def _blocks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Part, first step and end of some steps of each part after the other."""
    first = 0
    for part, steps in enumerate(counts.tolist()):
        for begin in range(first, first + steps, rough.AT_ONCE):
            yield part, begin, min(begin + rough.AT_ONCE, first + steps)
        first += steps


def check_evenly(times: Times, counts: NDArray[np.int64], usual: float, gap: float, name: str, setting: str) -> None:
    """Raise a `DataError` where times do not grow within a part, or far too many steps would be added."""
    added, every = 0.0, int(counts.sum())
    for part, begin, end in _blocks(counts):
        apart = np.diff(times(begin, min(end + 1, int(counts[: part + 1].sum()))))
        if (apart <= 0).any():
            raise stuck_at(begin + int(np.argmax(apart <= 0)) + 1, name, setting)
        wide = apart > gap * usual
        added += float((np.round(apart[wide] / usual) - 1).sum())
    if setting == "gaps":
        check_added(added, every, name, setting)
        return
    first = 0
    for steps in counts.tolist():
        if steps:
            span = float(times(first + steps - 1, first + steps)[0] - times(first, first + 1)[0])
            check_added(span / usual - steps, steps, name, setting)
        first += steps


def write_made(old: Rough, first: int, made: Made, new: Rough, at: int, *, how: str, setting: str) -> None:
    """Write the steps that are made of those of a series, whose first row is `first`, from row `at` of `new` on."""
    begin, end = first + made.begin, first + made.end
    line = Line(
        x=old.x(begin, end),
        label=old.labels(begin, end).astype(np.int64),
        valid=old.valids(begin, end),
        part=np.zeros(end - begin, np.int64),
        origin=np.arange(end - begin),
        time=old.times(begin, end),
    )
    found = at_times(line, made.time, made.before, made.after, between=how == "interpolate")
    if setting == "gaps":
        wrong = made.added & ((how == "mask") | (line.label[made.before] != line.label[made.after]))
        found = found.without(wrong)
    if len(found):
        new.put_x(at, found.x)
        new.put_label(at, found.label.astype(np.uint8))
        new.put(at, found.valid, made.time)
