"""What is done to the steps of a series, against plain loops."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.repair import (
    NEW,
    Line,
    behind,
    drop_missing,
    ffill_missing,
    fill_gaps,
    in_order,
    interpolate_missing,
    line_of,
    mask_missing,
    on_grid,
)
from seqanomaly.errors import DataError

NAN = float("nan")
VALUES = st.lists(st.one_of(st.just(NAN), st.integers(-9, 9).map(float)), min_size=1, max_size=10)


def one(line: Line) -> list[float | None]:
    """The values of the one feature, None where a step is masked."""
    return [value if valid else None for value, valid in zip(line.x.ravel().tolist(), line.valid, strict=True)]


@given(VALUES)
def test_drop_and_mask(values: list[float]) -> None:
    assert one(drop_missing(line_of(values))) == [value for value in values if not math.isnan(value)]
    assert one(mask_missing(line_of(values))) == [None if math.isnan(value) else value for value in values]


@given(VALUES)
def test_ffill(values: list[float]) -> None:
    last: float | None = None
    wanted = [last := (last if math.isnan(value) else value) for value in values]
    assert one(ffill_missing(line_of(values))) == wanted


@given(VALUES, st.data())
def test_interpolate(values: list[float], data: st.DataObject) -> None:
    count = len(values)
    time = sorted(data.draw(st.lists(st.integers(0, 40).map(float), min_size=count, max_size=count, unique=True)))
    cut = data.draw(st.integers(0, count))
    line = replace(line_of(values, time=time), part=np.array([int(i >= cut) for i in range(count)]))
    last: float | None = None
    wanted: list[float | None] = []
    for i, value in enumerate(values):
        piece = range(cut) if i < cut else range(cut, count)  # nothing is taken from the other part but the last value
        before = [j for j in piece if j < i and not math.isnan(values[j])]
        after = [j for j in piece if j > i and not math.isnan(values[j])]
        if math.isnan(value) and before and after:
            a, b = before[-1], after[0]
            value = values[a] + (values[b] - values[a]) * (time[i] - time[a]) / (time[b] - time[a])
        last = last if math.isnan(value) else value
        wanted.append(last)
    found = one(interpolate_missing(line))
    assert [value is None for value in found] == [value is None for value in wanted]
    assert [v for v in found if v is not None] == pytest.approx([v for v in wanted if v is not None], abs=1e-5)


def test_interpolation_counts_steps_where_times_do_not_grow() -> None:
    assert one(interpolate_missing(line_of([0.0, NAN, 4.0], time=[0.0, 9.0, 9.0]))) == [0.0, 2.0, 4.0]


def test_each_feature_by_itself() -> None:
    x = np.array([[1, NAN], [NAN, 2], [3, NAN]], np.float32)
    line = replace(line_of([0.0] * 3), x=x)
    assert drop_missing(line).x.tolist() == []
    assert ffill_missing(line).x[1:].tolist() == [[1, 2], [3, 2]]
    assert ffill_missing(line).valid.tolist() == [False, True, True]
    assert interpolate_missing(line).x[1:].tolist() == [[2, 2], [3, 2]]


TIMES = st.lists(st.integers(0, 30).map(float), min_size=1, max_size=12)


@given(TIMES)
def test_what_is_behind(time: list[float]) -> None:
    line = line_of(list(range(len(time))), time=time)
    assert behind(line).tolist() == [any(earlier > at for earlier in time[:i]) for i, at in enumerate(time)]
    ordered = in_order(line)
    assert ordered.time is not None
    assert ordered.time.tolist() == sorted(time)
    assert ordered.origin.tolist() == sorted(range(len(time)), key=lambda i: time[i])


GROWING = st.lists(st.integers(0, 40), min_size=2, max_size=10, unique=True).map(sorted)
LABELS = st.lists(st.integers(0, 1), min_size=10, max_size=10)


@given(GROWING, LABELS, st.integers(1, 4), st.sampled_from(["ffill", "interpolate", "mask"]), st.integers(0, 10))
def test_gaps_are_filled(time: list[int], labels: list[int], usual: int, how: str, cut: int) -> None:
    count = len(time)
    values = [float(i * i) for i in range(count)]
    line = line_of(values, labels[:count], [float(at) for at in time])
    line = replace(line, part=np.array([int(i >= cut) for i in range(count)]))
    wanted: list[tuple[float, float | None, int]] = []
    for i in range(count):
        wanted.append((time[i], values[i], i))
        apart = time[i + 1] - time[i] if i + 1 < count and i + 1 != cut else 0
        if apart > 1.5 * usual:
            pieces = round(apart / usual)
            for k in range(1, pieces):
                share = k / pieces
                value = values[i] + (values[i + 1] - values[i]) * (share if how == "interpolate" else 0)
                known = how != "mask" and labels[i] == labels[i + 1]
                wanted.append((time[i] + share * apart, value if known else None, NEW))
    filled = fill_gaps(line, usual, 1.5, how, "doc")
    assert filled.time is not None
    assert filled.time.tolist() == pytest.approx([at for at, _, _ in wanted])
    assert filled.origin.tolist() == [origin for *_, origin in wanted]
    found = one(filled)
    assert [value is None for value in found] == [value is None for _, value, _ in wanted]
    assert [v for v in found if v is not None] == pytest.approx([v for _, v, _ in wanted if v is not None], rel=1e-5)


@given(GROWING, LABELS, st.integers(1, 4), st.booleans())
def test_an_even_grid(time: list[int], labels: list[int], usual: int, between: bool) -> None:
    count = len(time)
    values = [float(i * i) for i in range(count)]
    wanted: list[tuple[int, float | None, int]] = []
    for at in range(time[0], time[-1] + 1, usual):
        i = bisect_right(time, at) - 1
        if time[i] == at:
            wanted.append((at, values[i], labels[i]))
        elif time[i + 1] - time[i] <= 1.5 * usual:
            share = (at - time[i]) / (time[i + 1] - time[i])
            value = values[i] + (values[i + 1] - values[i]) * (share if between else 0)
            wanted.append((at, None if between and labels[i] != labels[i + 1] else value, labels[i]))
    line = line_of(values, labels[:count], [float(at) for at in time])
    grid = on_grid(line, usual, 1.5, between=between, name="doc")
    assert grid.time is not None
    assert grid.time.tolist() == [at for at, *_ in wanted]
    assert grid.label.tolist() == [label for *_, label in wanted]
    found = one(grid)
    assert [value is None for value in found] == [value is None for _, value, _ in wanted]
    assert [v for v in found if v is not None] == pytest.approx([v for _, v, _ in wanted if v is not None], rel=1e-5)


def added(line: Line, setting: str) -> Line:
    """The series with steps added."""
    name = "doc: series 'a'"
    filled = setting == "gaps"
    return fill_gaps(line, 1.0, 1.5, "mask", name) if filled else on_grid(line, 1.0, 1.5, between=True, name=name)


def test_times_that_do_not_grow_cannot_be_filled() -> None:
    line = line_of([1.0, 2.0, 3.0], time=[0.0, 5.0, 5.0])
    for setting in ("gaps", "irregular"):
        with pytest.raises(DataError) as error:
            added(line, setting)
        assert str(error.value) == (
            f"doc: series 'a': the time of step 2 is not after that of the step before, and {setting} adds steps "
            "between growing times only; say what to do with duplicates and backward as well"
        )


def test_no_flood_of_steps() -> None:
    line = line_of([1.0, 2.0, 3.0], time=[0.0, 1.0, 1e15])
    for setting in ("gaps", "irregular"):
        with pytest.raises(DataError) as error:
            added(line, setting)
        assert str(error.value).startswith(f"doc: series 'a': {setting} would add 999,999,999,99")
        assert str(error.value).endswith(
            "steps to its 3, over 20 times as many; choose another policy, such as gaps: split, or correct the times"
        )
