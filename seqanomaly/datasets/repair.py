"""What can be done to the steps of one series: leave some out, mask them, fill values, add steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.errors import DataError

NEW = -1
"""Origin of a step that was not in the files."""
MOST = 20
"""How many times as many steps as there are may be added to a series."""
FREE = 100_000
"""Steps that may always be added."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """The T steps of one series, as they are being repaired."""

    x: NDArray[np.float32]
    """Features, [T, F]; NaN where a value is missing, or a step is masked."""
    label: NDArray[np.int64]
    """Class of each step, [T]."""
    valid: NDArray[np.bool_]
    """Whether each takes part, [T]."""
    part: NDArray[np.int64]
    """Number of the part of each, [T]; nothing is interpolated or added between two of them."""
    origin: NDArray[np.int64]
    """Place of each among the steps that were read, [T]; `NEW` where it was added."""
    time: NDArray[np.float64] | None = None
    """Seconds or step numbers since the first step, [T]; None where the files do not say it."""
    breaks: NDArray[np.bool_] | None = None
    """Whether a piece of its own begins at each step, [T]; None where none does."""

    def __len__(self) -> int:
        return len(self.label)

    def at(self, places: NDArray[Any]) -> Line:
        """The steps at `places`, which may be numbers in any order, or a mask."""
        columns: dict[str, Any] = {key: values[places] for key, values in vars(self).items() if values is not None}
        return replace(self, **columns)

    def without(self, chosen: NDArray[np.bool_]) -> Line:
        """The chosen steps [T] masked."""
        return replace(self, valid=self.valid & ~chosen)


def lacking(line: Line) -> NDArray[np.bool_]:
    """Whether each step lacks a value, [T]."""
    return np.asarray(np.isnan(line.x).any(axis=1), bool)


def drop_missing(line: Line) -> Line:
    """The steps that have all their values.

    >>> drop_missing(line_of([1.0, np.nan, 3.0])).x.ravel().tolist()
    [1.0, 3.0]
    """
    return line.at(~lacking(line))


def mask_missing(line: Line) -> Line:
    """The steps that lack a value masked."""
    return line.without(lacking(line))


def ffill_missing(line: Line) -> Line:
    """Each missing value as it was last; steps before the first value of a feature are masked.

    >>> filled = ffill_missing(line_of([np.nan, 2.0, np.nan]))
    >>> filled.x.ravel().tolist(), filled.valid.tolist()
    ([nan, 2.0, 2.0], [False, True, True])
    """
    known = ~np.isnan(line.x)
    last = np.maximum.accumulate(np.where(known, np.arange(len(line))[:, None], -1), axis=0)  # [T, F]
    x = np.where(last >= 0, np.take_along_axis(line.x, np.maximum(last, 0), axis=0), np.float32(np.nan))
    return mask_missing(replace(line, x=x))


def interpolate_missing(line: Line) -> Line:
    """Missing values on the line between those around them, within a part; at its end as by `ffill_missing`.

    The line is one over time where times grow, else one over steps.

    >>> interpolate_missing(line_of([1.0, np.nan, np.nan, 4.0, np.nan])).x.ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """
    grows = line.time is not None and bool((np.diff(line.time) > 0).all())
    place = line.time if grows and line.time is not None else np.arange(len(line), dtype=np.float64)
    x = line.x.copy()
    for part in np.unique(line.part):
        steps = np.flatnonzero(line.part == part)
        for feature in range(x.shape[1]):
            values = x[steps, feature]
            known = ~np.isnan(values)
            if known.any() and not known.all():
                between = ~known & (np.cumsum(known) > 0) & (np.cumsum(known[::-1])[::-1] > 0)
                values[between] = np.interp(place[steps][between], place[steps][known], values[known].astype(float))
                x[steps, feature] = values
    return ffill_missing(replace(line, x=x))


def behind(line: Line) -> NDArray[np.bool_]:
    """Whether each step is before the latest time so far, [T]."""
    assert line.time is not None
    return np.asarray(line.time < np.maximum.accumulate(line.time), bool)


def in_order(line: Line) -> Line:
    """The steps of each part in the order of time."""
    assert line.time is not None
    return line.at(np.lexsort((line.time, line.part)))


def on_grid(line: Line, usual: float, gap: float, *, between: bool, name: str) -> Line:
    """Each part on an even grid from its first step on, every `usual`; grid steps inside of gaps are left out.

    A grid step has the values, label and mask of the last step at or before it; with `between`, the values on the line
    to the next one, and it is masked where the labels of both differ.

    Args:
        line: the series.
        usual: distance of the grid.
        gap: distances over that many usual ones are gaps.
        between: whether to interpolate.
        name: of the data and the series in an error.
    """
    assert line.time is not None
    check_grows(line, name, "irregular")
    found = []
    for part in np.unique(line.part):
        piece = line.at(line.part == part)
        assert piece.time is not None
        check_added((piece.time[-1] - piece.time[0]) / usual - len(piece), len(piece), name, "irregular")
        count = int(np.floor((piece.time[-1] - piece.time[0]) / usual + 1e-6)) + 1
        grid = piece.time[0] + usual * np.arange(count)
        before = np.searchsorted(piece.time, grid + 1e-6 * usual, side="right") - 1
        after = np.minimum(before + 1, len(piece) - 1)
        inside = (piece.time[after] - piece.time[before] > gap * usual) & (grid - piece.time[before] > 1e-6 * usual)
        found.append(at_times(piece, grid[~inside], before[~inside], after[~inside], between=between))
    return _joined(found)


def fill_gaps(line: Line, usual: float, gap: float, how: str, name: str) -> Line:
    """The series with the steps that are missing in its gaps, evenly spread; none is added between two parts.

    What is added is masked (`how` is `mask`), or has the values of the step before (`ffill`), or those on the line
    between the steps around it (`interpolate`); its label is that of the steps around it, and it is masked where they
    differ.
    """
    assert line.time is not None
    check_grows(line, name, "gaps")
    apart = np.diff(line.time, append=np.nan)
    wide = (apart > gap * usual) & (np.diff(line.part, append=-1) == 0)
    number = np.where(wide, np.round(np.where(wide, apart, 0.0) / usual) - 1, 0.0)
    check_added(float(number.sum()), len(line), name, "gaps")
    copies = 1 + number.astype(np.int64)
    before = np.repeat(np.arange(len(line)), copies)
    turn = np.arange(len(before)) - np.repeat(np.cumsum(copies) - copies, copies)
    share = turn / copies[before]
    after = np.minimum(before + 1, len(line) - 1)
    time = line.time[before] + share * np.where(turn > 0, apart[before], 0.0)
    filled = at_times(line, time, before, after, between=how == "interpolate")
    added = turn > 0
    wrong = added & ((how == "mask") | (line.label[before] != line.label[after]))
    return replace(filled.without(wrong), origin=np.where(added, NEW, filled.origin))


def at_times(
    line: Line, time: NDArray[np.float64], before: NDArray[np.int64], after: NDArray[np.int64], *, between: bool
) -> Line:
    """Steps at `time` [S], from the steps `before` and `after` them, [S] each."""
    assert line.time is not None
    made = replace(line.at(before), time=time)
    if not between:
        return made
    span = line.time[after] - line.time[before]
    share = np.where(span > 0, (time - line.time[before]) / np.where(span > 0, span, 1.0), 0.0)
    exact = np.abs(share) < 1e-6
    x = line.x[before] + share[:, None] * (line.x[after].astype(np.float64) - line.x[before])
    agree = line.valid[before] & line.valid[after] & (line.label[before] == line.label[after])
    return replace(
        made,
        x=np.where(exact[:, None], line.x[before], x).astype(np.float32),
        valid=np.where(exact, line.valid[before], agree),
    )


def _joined(lines: list[Line]) -> Line:
    columns: dict[str, Any] = {
        key: np.concatenate([vars(line)[key] for line in lines])
        for key, values in vars(lines[0]).items()
        if values is not None
    }
    return replace(lines[0], **columns)


def check_grows(line: Line, name: str, setting: str) -> None:
    """Raise a `DataError` where times do not grow within a part."""
    assert line.time is not None
    stuck = (np.diff(line.time) <= 0) & (np.diff(line.part) == 0)
    if stuck.any():
        raise stuck_at(int(np.argmax(stuck)) + 1, name, setting)


def stuck_at(step: int, name: str, setting: str) -> DataError:
    """The error about a step that is not later than the one before, where steps are to be added."""
    return DataError(
        f"{name}: the time of step {step} is not after that of the step before, and "
        f"{setting} adds steps between growing times only; say what to do with duplicates and backward as well"
    )


def check_added(count: float, steps: int, name: str, setting: str) -> None:
    """Raise a `DataError` where far more steps would be added than there are."""
    if not count <= max(FREE, MOST * steps):
        raise DataError(
            f"{name}: {setting} would add {count:,.0f} steps to its {steps:,}, over {MOST} times as many; "
            "choose another policy, such as gaps: split, or correct the times"
        )


def line_of(values: list[float], label: list[int] | None = None, time: list[float] | None = None) -> Line:
    """A series of one feature in one part, for trying things out.

    >>> len(line_of([1.0, 2.0]))
    2
    """
    count = len(values)
    return Line(
        x=np.array(values, np.float32)[:, None],
        label=np.zeros(count, np.int64) if label is None else np.array(label, np.int64),
        valid=np.ones(count, np.bool_),
        part=np.zeros(count, np.int64),
        origin=np.arange(count),
        time=None if time is None else np.array(time, np.float64),
    )
