"""The steps of one series after the policies about doubles, jumps back and missing values, some at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped import rough
from seqanomaly.datasets.mapped.bridge import Bridge, Carry
from seqanomaly.datasets.mapped.clock import Clock
from seqanomaly.datasets.mapped.rough import Rough
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.repair import Line, drop_missing, mask_missing


@dataclass
class Kept:
    """What is left of a series, and what was found."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    """Steps that train, validate and test, [3]."""
    lacking: int = 0
    """Steps that lacked a value."""
    values: int = 0
    """Values that were missing."""
    left_out: int = 0
    """Steps that were left out."""
    empty: int | None = None
    """The first feature that has no value at all, if any."""

    @property
    def steps(self) -> int:
        """How many steps are left."""
        return int(self.counts.sum())


class Repair:
    """One series while it is repaired.

    Args:
        rows: the rows of all series, which are written again where they stand, or before it.
        clock: the times of this one.
        first: its first row.
        at: the row from which on it is written.
        before: its steps that train, validate and test, [3].
        policies: what is done.
    """

    def __init__(
        self, rows: Rough, clock: Clock, first: int, at: int, before: NDArray[np.int64], policies: Policies
    ) -> None:
        self.rows, self.clock, self.first, self.at, self.policies = rows, clock, first, at, policies
        self.ends = np.cumsum(before)[:2]
        self.latest = np.full(1, -np.inf)
        self.carry, self.bridge = Carry(rows.features), Bridge(rows.features, self._patch)
        self.grows = policies.missing == "interpolate" and self._grows()

    def run(self) -> Kept:
        """Write what is left of the series."""
        found, known = Kept(), np.zeros(self.rows.features, np.bool_)
        self.latest = np.full(1, -np.inf)
        for begin, end in self.clock.blocks():
            line = self._in_time(self._line(begin, end), begin, end)
            whole = _has_all(line.x)
            if not whole:
                lacks = np.isnan(line.x)
                found.values += int(lacks.sum())
                found.lacking += int(lacks.any(axis=1).sum())
                known |= ~lacks.all(axis=0)
            elif len(line):
                known[:] = True
            line = self._with_values(line, found.steps, whole=whole) if len(line) else line
            found.left_out += end - begin - len(line)
            if len(line):
                stays = whole and len(line) == end - begin and self.at + found.steps == self.first + begin
                self._put(self.at + found.steps, line, stays=stays)
                found.counts += np.bincount(line.part, minlength=3)
        if found.lacking and self.policies.missing != "drop" and not known.all():
            found.empty = int(np.argmin(known))
        return found

    def _put(self, at: int, line: Line, *, stays: bool) -> None:
        """Write some steps from row `at` on; those that stay as and where they are have features and labels there."""
        assert line.time is not None
        if not stays:
            self.rows.put_x(at, line.x)
            self.rows.put_label(at, line.label.astype(np.uint8))
        self.rows.put(at, line.valid, line.time)

    def _line(self, begin: int, end: int, *, whole: bool = True) -> Line:
        """The steps [begin, end) as they are given, with their features or without."""
        place = np.arange(begin, end)
        first, last = self.first + begin, self.first + end
        return Line(
            x=self.rows.x(first, last) if whole else np.zeros((end - begin, 0), np.float32),
            label=self.rows.labels(first, last).astype(np.int64) if whole else np.zeros(end - begin, np.int64),
            valid=np.ones(end - begin, np.bool_),
            part=np.searchsorted(self.ends, place, side="right"),
            origin=place,
            time=self.clock.elapsed(begin, end),
        )

    def _in_time(self, line: Line, begin: int, end: int) -> Line:
        """Duplicated and backward times treated."""
        duplicates, backward = self.policies.duplicates, self.policies.backward
        if duplicates in ("first", "last", "mask"):
            times = self.clock.survey(begin, end)
            if duplicates == "mask":
                line = line.without(times.duplicate)
            else:
                line = _less(line, times.duplicate if duplicates == "first" else times.again)
        if backward in ("drop", "mask") and len(line):
            assert line.time is not None
            upto = np.maximum.accumulate(np.concatenate([self.latest, line.time]))[1:]
            behind, self.latest = line.time < upto, upto[-1:]
            return _less(line, behind) if backward == "drop" else line.without(behind)
        return line

    def _with_values(self, line: Line, steps: int, *, whole: bool) -> Line:
        """Missing values treated, if any are, in a line before which so many steps are left."""
        missing = self.policies.missing
        if whole and missing != "interpolate":
            self.carry.last = line.x[-1].copy()
            return line
        if missing == "drop":
            return drop_missing(line)
        if missing == "mask":
            return mask_missing(line)
        if missing == "interpolate":
            line = line if whole else replace(line, x=line.x.copy())
            place = self._places(steps, steps + len(line), line)
            edges = np.concatenate([[0], np.flatnonzero(np.diff(line.part)) + 1, [len(line)]]).tolist()
            for begin, end in pairwise(edges):
                some = slice(begin, end)
                self.bridge.between(line.x[some], int(line.part[begin]), place[some], steps + begin)
            if whole:
                self.carry.last = line.x[-1].copy()
                return line
        return self.carry.filled(line) if missing in ("interpolate", "ffill") else line

    def _places(self, begin: int, end: int, line: Line | None = None) -> NDArray[np.float64]:
        """Where the steps that are left, [begin, end) of them, stand on the line between values."""
        if not self.grows:
            return np.arange(begin, end, dtype=np.float64)
        if line is not None:
            assert line.time is not None
            return line.time
        return self.rows.times(self.at + begin, self.at + end)

    def _grows(self) -> bool:
        """Whether times grow from each step that is left to the next."""
        last = np.full(1, -np.inf)
        for begin, end in self.clock.blocks():
            line = self._in_time(self._line(begin, end, whole=False), begin, end)
            assert line.time is not None
            time = np.concatenate([last, line.time])
            if (np.diff(time) <= 0).any():
                return False
            last = time[-1:]
        return True

    def _patch(
        self, feature: int, begin: int, end: int, values: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> None:
        """Put values of steps right that were written before."""
        for low in range(begin, end, rough.AT_ONCE):
            high = min(low + rough.AT_ONCE, end)
            x = self.rows.x(self.at + low, self.at + high)
            x[:, feature] = values(self._places(low, high))
            self.rows.put_x(self.at + low, x)


def _has_all(x: NDArray[np.float32]) -> bool:
    """Whether surely no value is missing; a sum is quick, and NaN where one is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return not np.isnan(x.sum())


def _less(line: Line, wrong: NDArray[np.bool_]) -> Line:
    """The steps that are not wrong."""
    return line.at(~wrong) if wrong.any() else line
