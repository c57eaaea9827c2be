"""The long frame: what goes in comes out, and every mistake is named."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqanomaly.datasets.formats.table import read_table
from seqanomaly.datasets.frame import Layout, read_frame
from seqanomaly.errors import DataError

STEPS: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-(2**62), 2**62),
    "real": st.floats(-1e30, 1e30),
    "time": st.datetimes(datetime.datetime(1600, 1, 1), datetime.datetime(3000, 1, 1)),
}
NAMES: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text('ab é",;', max_size=4).map(lambda text: f"s{text}."),
    "number": st.integers(-(10**9), 10**9),
}
WRITE: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


@st.composite
def long_frames(draw: st.DrawFn) -> pd.DataFrame:
    """A long frame: ragged series, shuffled rows, steps of any kind."""
    names = draw(st.lists(draw(st.sampled_from(list(NAMES.values()))), min_size=1, max_size=4, unique=True))
    steps = draw(st.sampled_from(list(STEPS.values())))
    rows = [(name, s) for name in names for s in draw(st.lists(steps, min_size=1, max_size=5, unique=True))]
    count = len(rows)
    columns = {f"x{i}": draw(_several(st.floats(width=32, allow_nan=False, allow_infinity=False), count)) for i in "01"}
    labels = [0, *draw(_several(st.integers(0, 2), count - 1))]
    frame = pd.DataFrame({"series": [r[0] for r in rows], "step": [r[1] for r in rows], **columns, "label": labels})
    return frame.iloc[draw(st.permutations(range(count)))].reset_index(drop=True)


def _several(values: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=count, max_size=count)


def check_round_trip(frame: pd.DataFrame, read: pd.DataFrame) -> None:
    found = read_frame(read, Layout(), "test")
    sequences = found.sequences
    assert sequences.ids == tuple(str(name) for name in frame["series"].unique())
    assert sequences.features == ("x0", "x1")
    assert sequences.classes == tuple(str(label) for label in sorted(frame["label"].unique()))
    for place, name in enumerate(frame["series"].unique()):
        rows = frame[frame["series"] == name].sort_values("step")
        length = len(rows)
        assert sequences.length[place] == length
        np.testing.assert_array_equal(sequences.x[place, :length], rows[["x0", "x1"]].to_numpy(np.float32))
        labels = [sequences.classes[label] for label in sequences.label[place, :length]]
        assert labels == rows["label"].astype(str).tolist()
    np.testing.assert_array_equal(frame["x0"].to_numpy(np.float32)[found.rows], sequences.x[sequences.mask][:, 0])


@settings(deadline=None, max_examples=60)
@given(long_frames())
def test_what_goes_in_comes_out(frame: pd.DataFrame) -> None:
    check_round_trip(frame, frame)


@pytest.mark.parametrize("ending", WRITE)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=long_frames())
def test_what_goes_into_a_file_comes_out(ending: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"long.{ending}"
    WRITE[ending](frame, path)
    check_round_trip(frame, read_table(path))


@settings(deadline=None, max_examples=40)
@given(frame=long_frames())
def test_a_label_on_the_first_row_of_a_series_is_given_to_all_its_steps(frame: pd.DataFrame) -> None:
    of_series = {name: float(place % 2) for place, name in enumerate(frame["series"].unique())}
    whole = frame.assign(label=frame["series"].map(of_series))
    sparse = whole.assign(label=whole["label"].where(~whole["series"].duplicated()))
    for labels in (whole["label"], sparse["label"]):
        read = read_frame(whole.assign(label=labels), Layout(), "test").sequences
        assert [read.classes[label] for label in read.label[:, 0]] == [f"{v:.0f}" for v in of_series.values()]
        np.testing.assert_array_equal(read.label, read.label[:, :1] * read.mask)


def small(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(
        {"series": list("aabb"), "step": [0, 1, 0, 1], "label": [0, 1, 0, 1], "x": [1.0, 2, 3, 4], **columns}
    )


def heard(frame: pd.DataFrame, **layout: Any) -> str:
    """What is said about a frame that cannot be read."""
    with pytest.raises(DataError) as error:
        read_frame(frame, Layout(**layout), "f.csv")
    return str(error.value)


@pytest.mark.parametrize(
    ("labels", "normal", "classes", "indices"),
    [
        (["ok", "bad", "ok", "worse"], "ok", ("ok", "bad", "worse"), [[0, 1], [0, 2]]),
        (["normal", "bad"] * 2, None, ("normal", "bad"), [[0, 1], [0, 1]]),
        (["Normal", "Alarm"] * 2, None, ("Normal", "Alarm"), [[0, 1], [0, 1]]),
        ([False, True] * 2, None, ("0", "1"), [[0, 1], [0, 1]]),
        ([False, None, True, None], None, ("0", "1"), [[0, 0], [1, 1]]),
        ([0.0, 2.0] * 2, None, ("0", "2"), [[0, 1], [0, 1]]),
        ([-1, 10, 10, 2], "2", ("2", "-1", "10"), [[1, 2], [2, 0]]),
        ([1, 0] * 2, "1", ("1", "0"), [[0, 1], [0, 1]]),
        (["ok", None, "bad", "bad"], "ok", ("ok", "bad"), [[0, 0], [1, 1]]),
        ([0, "bad"] * 2, None, ("0", "bad"), [[0, 1], [0, 1]]),
        (pd.Categorical(["normal", "bad"] * 2), None, ("normal", "bad"), [[0, 1], [0, 1]]),
        (pd.array([0, None, 1, None], dtype="Int64"), None, ("0", "1"), [[0, 0], [1, 1]]),
    ],
)
def test_labels(labels: Any, normal: str | None, classes: tuple[str, ...], indices: list[list[int]]) -> None:
    found = read_frame(small(label=labels), Layout(normal=normal), "test").sequences
    assert found.classes == classes
    assert found.label.tolist() == indices


@pytest.mark.parametrize(
    "steps",
    [
        ["10", "9", "2", "1"],
        [1.5, -1.0, 3.0, 2.0],
        [1700000000000000002, 1700000000000000001] * 2,
        ["2020-01-02 00:00", "2020-01-01 23:59"] * 2,
        ["3000-01-01", "2020-01-01"] * 2,
        ["2020-01-01T00:00+00:00", "2020-01-01T00:30+01:00"] * 2,
        [datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)] * 2,
        pd.to_datetime(["2020-01-01 00:00:00.000000002", "2020-01-01 00:00:00.000000001"] * 2),
        pd.to_datetime(["2020-01-02", "2020-01-01"] * 2).tz_localize("Europe/Berlin"),
        pd.Categorical([1, 0, 1, 0]),
        pd.array([1, 0, 1, 0], dtype="Int64"),
    ],
)
def test_steps_are_put_in_order(steps: Any) -> None:
    assert read_frame(small(step=steps), Layout(), "test").sequences.x[..., 0].tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize("x", [["1", "2", "3", "4"], pd.Categorical([1, 2, 3, 4]), [Decimal(i) for i in (1, 2, 3, 4)]])
def test_numbers_in_other_clothes(x: Any) -> None:
    assert read_frame(small(x=x), Layout(), "test").sequences.x[..., 0].tolist() == [[1, 2], [3, 4]]


def test_the_layout_names_the_columns() -> None:
    frame = (
        small().rename(columns={"series": "unit", "step": "cycle", "label": "fault"}).assign(note="n", y=[5, 6, 7, 8])
    )
    layout = Layout(series="unit", step="cycle", label="fault", features=("y", "x"))
    found = read_frame(frame, layout, "test").sequences
    assert found.features == ("y", "x")
    assert found.x.tolist() == [[[5, 1], [6, 2]], [[7, 3], [8, 4]]]
    ignoring = Layout(series="unit", step="cycle", label="fault", ignore=("note",))
    assert read_frame(frame, ignoring, "test").sequences.features == ("x", "y")


def test_columns_may_have_numbers_for_names() -> None:
    assert read_frame(small().rename(columns={"x": 7}), Layout(), "test").sequences.features == ("7",)


def test_without_labels_none_are_needed() -> None:
    found = read_frame(small().drop(columns="label"), Layout(label=None), "test").sequences
    assert found.classes == ("0", "1")
    assert not found.label.any()


NAN, INF = float("nan"), float("inf")
LEAVE_OUT = "or leave the column out with --ignore"
OTHER_STEP = "or name another column with --step"


@pytest.mark.parametrize(
    ("columns", "layout", "text"),
    [
        (
            {"x": [1, 2, NAN, 4]},
            {},
            f"column 'x', data row 3: the value is missing; fill it or drop the row, {LEAVE_OUT}",
        ),
        ({"x": [1, "two", 3, 4]}, {}, f"column 'x', data row 2: 'two' is not a number; correct it, {LEAVE_OUT}"),
        (
            {"x": [1, 2, 3, INF]},
            {},
            "column 'x', data row 4: the value is inf, not a finite 32-bit number; correct it or drop the row",
        ),
        (
            {"x": [1e39, 2, 3, 4]},
            {},
            "column 'x', data row 1: the value is 1e+39, not a finite 32-bit number; correct it or drop the row",
        ),
        (
            {"x": pd.to_datetime(["2020-01-01"] * 4)},
            {},
            f"column 'x', data row 1: '2020-01-01 00:00:00' is not a number; correct it, {LEAVE_OUT}",
        ),
        (
            {"x": [NAN, 2, 3, 4]},
            {"label": None},
            "column 'x', data row 1: the value is missing; fill it or drop the row",
        ),
        (
            {"x": ["?", 2, 3, 4]},
            {"label": None},
            "column 'x', data row 1: '?' is not a number; leave the cell empty where the value is missing",
        ),
        ({"series": ["a", None, "b", "b"]}, {}, "column 'series', data row 2: the series is missing"),
        (
            {"step": [0, NAN, 0, 1]},
            {},
            f"column 'step', data row 2: the value is missing; fill it or drop the row, {OTHER_STEP}",
        ),
        (
            {"step": [0, 1, "last", 1]},
            {},
            f"column 'step', data row 3: 'last' is not a number; correct it, {OTHER_STEP}",
        ),
        (
            {"step": ["2020-01-01", "soon", "2020-01-01", "2020-01-02"]},
            {},
            "column 'step', data row 2: 'soon' is no time; steps are numbers or timestamps: correct it, " + OTHER_STEP,
        ),
        (
            {"step": ["2020-01-01", None, "2020-01-01", "2020-01-02"]},
            {},
            "column 'step', data row 2: the value is missing; steps are numbers or timestamps: correct it, "
            + OTHER_STEP,
        ),
        (
            {"step": [0, 1, 7, 7]},
            {},
            "series 'b' has the same 'step' in data rows 3 and 4; keep one of them, or name the column that tells the "
            "series apart with --series",
        ),
        (
            {"label": [0, 0.5, 1, 1]},
            {},
            "column 'label', data row 2: the label is 0.5; labels are classes, so whole numbers or text",
        ),
        (
            {"label": [0, 1, 1, INF]},
            {},
            "column 'label', data row 4: the label is inf; labels are classes, so whole numbers or text",
        ),
        (
            {"label": [0, 1, None, None]},
            {},
            "column 'label', data row 3: the label is missing; label every row of series 'b', or only its first one if "
            "the label is meant for the whole series",
        ),
        (
            {"series": ["a", "a", "a", "b"], "label": [0, 1, None, 1], "step": [0, 1, 2, 3]},
            {},
            "column 'label', data row 3: the label is missing; label every row of series 'a', or only its first one if "
            "the label is meant for the whole series",
        ),
        (
            {"label": ["ok", "bad"] * 2},
            {},
            "column 'label' has the labels bad, ok and none is 0 or 'normal'; say which one is normal with "
            "normal: LABEL (--normal LABEL)",
        ),
        (
            {"label": ["ok", "bad"] * 2},
            {"normal": "okay"},
            "column 'label' has no label 'okay'; did you mean 'ok'? (known: bad, ok)",
        ),
        (
            {},
            {"label": "lable"},
            "there is no column 'lable'; say which one it is with label (--label); did you mean 'label'? "
            "(known: series, step, label, x)",
        ),
        (
            {},
            {"series": "unit"},
            "there is no column 'unit'; say which one it is with series (--series); known: series, step, label, x",
        ),
        *(
            (
                {},
                {"features": ("x", name)},
                f"column '{name}' cannot be a feature, as it is the series, step, label or part",
            )
            for name in ("series", "step", "label")
        ),
        (
            {},
            {"features": ("x1",)},
            "there is no column 'x1'; it is needed as a feature; did you mean 'x'? (known: series, step, label, x)",
        ),
        ({}, {"ignore": ("x",)}, "no columns are left for features beside label, series, step, x"),
    ],
)
def test_what_cannot_be_read_is_named(columns: dict[str, Any], layout: dict[str, Any], text: str) -> None:
    assert heard(small(**columns), **layout) == f"f.csv: {text}"


def test_no_rows() -> None:
    assert heard(small().iloc[:0]) == "f.csv: there are no rows"


def test_two_columns_of_one_name() -> None:
    twice = pd.concat([small(), small()[["x"]]], axis=1)
    assert heard(twice) == "f.csv: two columns are called 'x'; rename one"
