"""The series of a converted table while policies are applied to them, some steps at a time.

Doubles, jumps back and missing values are treated in place, rows that are left out making room for those after them.
Steps that are added go to another file. In the end masked steps get the values of the last one before that takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.cleaning import WRONG, check_left, no_value, wrong_at
from seqanomaly.datasets.findings import Findings
from seqanomaly.datasets.mapped import rough
from seqanomaly.datasets.mapped.clock import Clock, median_of
from seqanomaly.datasets.mapped.division import Bounds
from seqanomaly.datasets.mapped.even_out import Made, check_evenly, in_gaps, on_a_grid, write_made
from seqanomaly.datasets.mapped.layout import SERIES, STEPS, About, Series, write_series
from seqanomaly.datasets.mapped.mended import Mended, write_mended, write_valid
from seqanomaly.datasets.mapped.repaired import Repair
from seqanomaly.datasets.mapped.rough import Rough, new_rough, shorten
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.series import TEST
from seqanomaly.datasets.times import distances, duration

Given = Callable[[int, int], NDArray[Any]]
"""Gives the times of the rows [begin, end) as they are in the table."""


class Mending:
    """All series of a table.

    Args:
        rows: their rows.
        path: the file with the steps of these.
        series: which rows they are.
        about: what columns and labels are called.
        bounds: where they are cut into parts.
        policies: what is done.
        where: name of the table in an error.
    """

    def __init__(
        self, rows: Rough, path: Path, series: Series, about: About, bounds: Bounds, policies: Policies, where: str
    ) -> None:
        self.rows, self.path, self.series, self.about, self.bounds = rows, path, series, about, bounds
        self.policies, self.where, self.found = policies, where, Findings()
        self.counts = bounds.counts.copy()
        self.usual = np.full(len(series.first), np.nan)
        self.every: str | None = None

    @property
    def first(self) -> NDArray[np.int64]:
        """First row of each series, [N]."""
        length = self.counts.sum(axis=1)
        return np.asarray(length.cumsum() - length, np.int64)

    def _name(self, number: int) -> str:
        return str(self.series.names[number].as_py())

    def look(self, given: Given) -> None:
        """Count what is irregular about times, raise where that is to be an error."""
        self.given = given
        for number in range(len(self.usual)):
            clock = self._clock(number)
            self._look(number, clock)
            self.usual[number] = clock.usual
        if given(0, 1).dtype.kind == "M":
            apart = median_of(self._apart)
            self.every = None if apart != apart else f"a step is every {duration(apart, seconds=True)} (median)"

    def _clock(self, number: int) -> Clock:
        first, steps = int(self.series.first[number]), int(self.series.length[number])
        name = f"{self.where}: series {self._name(number)!r}"
        return Clock(lambda begin, end: self.given(first + begin, first + end), steps, self.policies.gap, name)

    def _apart(self) -> Iterator[NDArray[np.float64]]:
        """Distances of neighbouring steps of all series, in seconds."""
        rows = int(self.series.length.sum())
        for begin in range(0, rows, rough.AT_ONCE):
            time = self.given(max(begin - 1, 0), min(begin + rough.AT_ONCE, rows))
            apart, low = distances(time), max(begin, 1)
            first = self.series.first[slice(*np.searchsorted(self.series.first, [low, low + len(apart)]).tolist())]
            yield np.delete(apart, first - low)

    def _look(self, number: int, clock: Clock) -> None:
        wrong: dict[str, int] = {}
        seconds, name = clock.given(0, 1).dtype.kind == "M", self._name(number)
        for begin, end in clock.blocks():
            times = clock.survey(begin, end)
            if not times.odd:
                continue
            self.found.look(name, times, seconds=seconds, first=begin)
            for key, (kind, _) in WRONG.items():
                if vars(self.policies)[key] == "error" and vars(times)[kind].any():
                    wrong.setdefault(key, begin + int(np.argmax(vars(times)[kind])))
        for key in WRONG:
            if key in wrong:
                raise wrong_at(key, name, wrong[key], clock.given(wrong[key], wrong[key] + 1)[0], self.where)

    def repair(self) -> None:
        """Treat doubles, jumps back and missing values."""
        at = 0
        for number, before in enumerate(self.bounds.counts):
            first = int(self.series.first[number])
            kept = Repair(self.rows, self._clock(number), first, at, before, self.policies).run()
            if kept.lacking:
                self.found.values += kept.values
                self.found.add("missing", self._name(number), kept.lacking)
            if kept.empty is not None:
                raise no_value(self._name(number), self.about.features[kept.empty], self.policies, self.where)
            self.found.left_out += kept.left_out
            self.counts[number] = kept.counts
            at += kept.steps

    @contextmanager
    def evened(self, setting: str, how: str) -> Iterator[None]:
        """Put series on an even grid, or add the steps that are missing in gaps; to be left in the end of all."""
        counts = np.zeros_like(self.counts)
        for number in range(len(counts)):
            for made in self._made(number, setting, checked=True):
                counts[number, made.part] += len(made.time)
                self.found.added += int(made.added.sum())
        if setting == "irregular":
            self.found.on_grid += int(counts[self.usual > 0].sum())
        path = self.path.with_name(f"{setting}.arrow")
        with new_rough(path, int(counts.sum()), self.rows.features) as rows:
            at = 0
            for number, first in enumerate(self.first.tolist()):
                for made in self._made(number, setting):
                    write_made(self.rows, first, made, rows, at, how=how, setting=setting)
                    at += len(made.time)
            self.path.unlink()
            self.path, self.rows, self.counts = path, rows, counts
            yield

    def _made(self, number: int, setting: str, *, checked: bool = False) -> Iterator[Made]:
        """The steps of a series after that; as they are where no two of them are apart."""
        first, counts, usual, gap = int(self.first[number]), self.counts[number], self.usual[number], self.policies.gap
        times = partial(self._times, first)
        if not usual > 0:
            return in_gaps(times, counts, 1.0, np.inf)
        if checked:
            name = f"{self.where}: series {self._name(number)!r}"
            check_evenly(times, counts, usual, gap, name, setting)
        return (on_a_grid if setting == "irregular" else in_gaps)(times, counts, usual, gap)

    def _times(self, first: int, begin: int, end: int) -> NDArray[np.float64]:
        return self.rows.times(first + begin, first + end)

    def finish(self, folder: Path) -> None:
        """Write everything that is kept beside the steps, after a look at what is left.

        Raises:
            DataError: too little is left of a part.
        """
        masked, breaks = 0, [np.zeros(0, np.int64)]
        for number, first in enumerate(self.first.tolist()):
            before, counts = self.bounds.counts[number].tolist(), self.counts[number].tolist()
            active = self._settled(first, counts)
            check_left(self._name(number), before, counts, active, self.policies, self.where)
            masked += sum(counts) - sum(active)
            if self.policies.gaps == "split" and self.usual[number] > 0:
                breaks += self._breaks(first, sum(counts), self.policies.gap * self.usual[number])
        self.found.masked += masked
        rows = int(self.counts.sum())
        if masked:
            write_valid(folder, rows, self.rows.valids)
        shorten(self.path, rows, self.rows)
        self.path.replace(folder / STEPS)
        parts = self.counts if self.bounds.given else None
        series = Series(names=self.series.names, first=self.first, length=self.counts.sum(axis=1), parts=parts)
        write_series(folder / SERIES, series, self.about)
        done = Mended(
            sentences=tuple(self.found.sentences(self.policies)),
            counts=self.found.counts(timed=True),
            tested=int(self.bounds.counts[:, 2].sum()),
            usual_validation=self.bounds.usual_validation,
            every=self.every,
        )
        write_mended(folder, done, np.concatenate(breaks))

    def _settled(self, first: int, counts: list[int]) -> list[int]:
        """Steps of each part that take part, after masked ones got the values of the last one before that does."""
        active, last = [], -1
        for part, (low, high) in enumerate(pairwise([0, *np.cumsum(counts).tolist()])):
            last = -1 if part == TEST else last  # a test part is a sequence of its own
            active.append(0)
            for begin in range(first + low, first + high, rough.AT_ONCE):
                valid = self.rows.valids(begin, min(begin + rough.AT_ONCE, first + high))
                if not valid.all():
                    self._carry(begin, valid, last)
                if valid.any():
                    last = begin + int(np.flatnonzero(valid)[-1])
                active[-1] += int(valid.sum())
        return active

    def _carry(self, at: int, valid: NDArray[np.bool_], last: int) -> None:
        before = self.rows.x(last, last + 1) if last >= 0 else np.zeros((1, self.rows.features), np.float32)
        x = np.concatenate([before, self.rows.x(at, at + len(valid))])
        self.rows.put_x(at, x[np.maximum.accumulate(np.where(valid, np.arange(1, len(x)), 0))])

    def _breaks(self, first: int, steps: int, apart: float) -> list[NDArray[np.int64]]:
        """Rows of the steps of a series that are further from the one before."""
        found = []
        for begin in range(0, steps, rough.AT_ONCE):
            end, low = min(begin + rough.AT_ONCE, steps), max(begin - 1, 0)
            wide = np.diff(self._times(first, low, end)) > apart
            found.append(first + low + 1 + np.flatnonzero(wide))
        return found
