"""Tables that are read a batch of rows at a time are those that a data frame of them gives."""

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqanomaly.datasets import straight
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import tables as reading
from seqanomaly.datasets.mapped import walk
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.straight import read_straight
from seqanomaly.errors import DataError

START = pd.Timestamp("2024-01-01")
LARGE = 2**53 + 1


def same(one: Sequences | None, other: Sequences | None) -> None:
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    for field in fields(Sequences):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(theirs, np.ndarray):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs


def outcome(path: Path, chosen: dict[str, Any]) -> Opened | str:
    """What is read, or what is said about it."""
    try:
        found = FileData(path=str(path), mapped=False, **chosen).open()
    except DataError as error:
        return str(error)
    assert isinstance(found, Opened)
    return found


def check(path: Path, **chosen: Any) -> bool:
    """Both ways give the same; whether the table was ordinary."""
    data = FileData(path=str(path), mapped=False, **chosen)
    missing = data.policies().missing != "error"
    ordinary = read_straight(path, data.layout(), data.part, missing=missing) is not None
    mine = outcome(path, chosen)
    with mock.patch("seqanomaly.datasets.straight.read_straight", return_value=None):
        theirs = outcome(path, chosen)
    if isinstance(mine, str) or isinstance(theirs, str):
        assert mine == theirs
        return ordinary
    same(mine.loaded.known, theirs.loaded.known)
    same(mine.loaded.test, theirs.loaded.test)
    for fact in ("notes", "digest", "counts", "official_test", "shape", "columns"):
        assert getattr(mine, fact) == getattr(theirs, fact)
    np.testing.assert_array_equal(mine.loaded.validation, theirs.loaded.validation)
    return ordinary


SERIES: dict[str, Callable[[pd.Series], Any]] = {
    "text": lambda n: "s" + n.astype(str),
    "numbers": lambda n: n * 7 - 3,
    "categories": lambda n: ("s" + n.astype(str)).astype("category"),
    "categories of numbers": lambda n: n.astype("category"),
    "a float": lambda n: n * 0.5,
}
STEPS: dict[str, Callable[[pd.Series], Any]] = {
    "int64": lambda n: n,
    "int8": lambda n: n.astype(np.int8),
    "uint16": lambda n: n.astype(np.uint16),
    "uint64": lambda n: n.astype(np.uint64) + LARGE,
    "large": lambda n: n + LARGE,
    "float32": lambda n: n.astype(np.float32) * np.float32(0.1),
    "float64": lambda n: n * 0.1,
    "uneven": lambda n: n + n // 5,
    "times": lambda n: START + pd.to_timedelta(n, "s"),
    "times in ms": lambda n: (START + pd.to_timedelta(n // 4 * 3600, "s")).astype("datetime64[ms]"),
    "times of a zone": lambda n: (START + pd.to_timedelta(n, "h")).dt.tz_localize("Europe/Berlin"),
    "text": lambda n: (START + pd.to_timedelta(n, "h")).astype(str),
    "nullable": lambda n: n.astype("Int64"),
}
LABELS: dict[str, Callable[[pd.Series], Any]] = {
    "int64": lambda n: n,
    "int8": lambda n: n.astype(np.int8),
    "bool": lambda n: n > 0,
    "float": lambda n: n.astype(np.float64),
    "float32": lambda n: n.astype(np.float32),
    "negative": lambda n: -n,
    "text": lambda n: n.map({0: "normal", 1: "a leak", 2: "10"}),
    "categories": lambda n: n.map({0: "0", 1: "9", 2: "10"}).astype("category"),
    "ordered": lambda n: n.map({0: "0", 1: "9", 2: "10"}).astype(
        pd.CategoricalDtype(["9", "0", "never", "10"], ordered=True)
    ),
    "numbered": lambda n: n.astype("category"),
    "nullable": lambda n: n.astype("Int64"),
    "a half": lambda n: n * 0.5,
    "no normal one": lambda n: n + 4,
}
FEATURES: dict[str, Callable[[pd.Series], Any]] = {
    "float64": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "int16": lambda x: (x * 100).astype(np.int16),
    "int64": lambda x: (x * 1e17).astype(np.int64),
    "bool": lambda x: x > 0,
    "constant": lambda x: x * 0,
    "text": lambda x: x.astype(str),
    "nullable": lambda x: (x * 100).astype(np.int64).astype("Int64"),
}
VALUES = {"missing": np.nan, "infinite": -np.inf, "too large": 1e39, "just too large": 3.40282347e38, "largest": 3.4e38}
ROWS = ["as they are", "shuffled", "one twice", "interleaved", "one moved"]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A long table, mostly ordinary, with something odd in it at times."""
    lengths = draw(st.one_of(st.just([6] * 7), st.lists(st.integers(1, 12), min_size=1, max_size=9)))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    number = pd.Series(np.repeat(np.arange(len(lengths)), lengths))
    step = pd.Series(np.concatenate([np.arange(length) for length in lengths]))
    label = pd.Series(generator.integers(0, 3, len(lengths))[number]) * (step > 3)
    x = pd.DataFrame(generator.normal(size=(len(step), 2)), columns=["a", "b"])
    share = draw(st.sampled_from(["whole", "in time", "wrong"]))
    part = np.where(number % 2 == 0, "train", np.where(number % 4 == 1, "Validation", "test"))
    if share == "in time":
        part = np.where(step < 3, "train", np.where(step < 4, "validation", "test"))
    if share == "wrong":
        part[draw(st.integers(0, len(part) - 1))] = draw(st.sampled_from(["train", "exam"]))
    usual = st.booleans()

    def one(of: dict[str, Callable[[pd.Series], Any]], values: pd.Series) -> Any:
        return next(iter(of.values()))(values) if draw(usual) else draw(st.sampled_from(list(of.values())))(values)

    columns = {"series": one(SERIES, number), "step": one(STEPS, step), "label": one(LABELS, label), "part": part}
    table = pd.DataFrame({**columns, "a": one(FEATURES, x["a"]), "b": one(FEATURES, x["b"])})
    table = odd_values(draw, table) if draw(st.integers(0, 3)) == 0 else table
    return odd_rows(draw(st.sampled_from(ROWS)), table, generator) if draw(st.integers(0, 3)) == 0 else table


def odd_values(draw: st.DrawFn, table: pd.DataFrame) -> pd.DataFrame:
    """Something else in one place."""
    name, row = draw(st.sampled_from(["series", "step", "label", "part", "a"])), draw(st.integers(0, len(table) - 1))
    column = table[name].astype(object if name != "a" else np.float64)
    column.iloc[row] = None if name != "a" else draw(st.sampled_from(list(VALUES.values())))
    return table.assign(**{name: column.infer_objects()})


def odd_rows(how: str, table: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    orders = {
        "as they are": np.arange(len(table)),
        "shuffled": generator.permutation(len(table)),
        "one twice": np.sort(np.append(np.arange(len(table)), len(table) // 2)),
        "interleaved": np.argsort(np.arange(len(table)) % 3, kind="stable"),
        "one moved": np.roll(np.arange(len(table)), 1),
    }
    return table.iloc[orders[how]].reset_index(drop=True)


CHOSEN: list[dict[str, Any]] = [
    {},
    {"missing": "mask"},
    {"missing": "interpolate"},
    {"part": "part", "missing": "ffill"},
    {"part": "part"},
    {"split": {"time": 0.4}},
    {"split": {"folds": 3}},
    {"label": None},
    {"features": ("b",), "normal": "0"},
    {"duplicates": "first", "backward": "keep"},
    {"gaps": "split"},
    {"constant": "drop"},
]


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), chosen=st.sampled_from(CHOSEN), rows=st.integers(1, 40), once=st.integers(1, 40))
def test_both_ways_give_the_same(
    ending: str, table: pd.DataFrame, chosen: dict[str, Any], rows: int, once: int, tmp_path: Path
) -> None:
    path = tmp_path / f"t.{ending}"
    if "part" not in chosen:
        table = table.drop(columns="part")
    if ending == "parquet":
        table.to_parquet(path, index=False, row_group_size=rows)
    else:
        pa.feather.write_feather(table, str(path), chunksize=rows)
    with (
        mock.patch.object(reading, "AT_ONCE", once),
        mock.patch.object(straight, "LONG", rows % 3),
        mock.patch.object(walk, "BLOCK", 1 + rows % 7),
        mock.patch.object(straight, "BLOCK", 1 + rows % 7),
    ):
        check(path, **chosen)


@pytest.fixture
def ordinary() -> pd.DataFrame:
    """Six series of eight steps."""
    number, step = pd.Series(np.repeat(np.arange(6), 8)), pd.Series(np.tile(np.arange(8), 6))
    x = np.random.default_rng(0).normal(size=48)
    return pd.DataFrame({"series": "s" + number.astype(str), "step": step, "label": (step > 4) * (number % 2), "x": x})


Change = Callable[[pd.DataFrame], pd.DataFrame]


def changing(column: str, kinds: dict[str, Callable[[pd.Series], Any]], *others: str) -> dict[str, Change]:
    """Tables whose column is of each kind, without `others`."""

    def change(to: Callable[[pd.Series], Any]) -> Change:
        return lambda t: t.assign(**{column: to(t[column].str[1:].astype(int) if column == "series" else t[column])})

    return {f"{column}: {name}": change(to) for name, to in kinds.items() if name not in others}


TAKEN: dict[str, Change] = {
    "as it is": lambda t: t,
    **changing("series", SERIES, "categories of numbers", "a float"),
    **changing("step", STEPS, "uint64", "text", "times in ms"),
    **changing("label", LABELS, "numbered", "a half", "no normal one"),
    **changing("x", FEATURES, "float16", "text"),
    "series of unlike lengths": lambda t: t.drop(index=range(11, 15)),
    "a number for a name": lambda t: t.rename(columns={"x": 7}),
}


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("name", TAKEN)
def test_what_is_ordinary(name: str, ending: str, ordinary: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    changed = TAKEN[name](ordinary).reset_index(drop=True)
    if ending == "parquet":
        changed.to_parquet(path, index=False)
    else:
        changed.rename(columns=str).to_feather(path)
    assert check(path)


LEFT: dict[str, Change] = {
    "an index": lambda t: t.set_index("x").assign(y=1.0),
    "a named range": lambda t: t.set_index(pd.RangeIndex(len(t), name="place")),
    "rows of two series in turn": lambda t: t.sort_values(["step", "series"]),
    "steps that go back": lambda t: t[::-1],
    "text among the features": lambda t: t.assign(x=t["x"].astype(str)),
    "a label per series": lambda t: t.assign(label=t["label"].where(t["step"] == 0)),
    "no rows": lambda t: t[:0],
    "no such column": lambda t: t.drop(columns="label"),
    "no normal label": lambda t: t.assign(label=7),
    "a missing value": lambda t: t.assign(x=t["x"].where(t["step"] != 3)),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_a_data_frame(name: str, ordinary: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    LEFT[name](ordinary).to_parquet(path)
    assert not check(path)


def test_words_that_stand_twice_in_a_dictionary_are_left_too(ordinary: pd.DataFrame, tmp_path: Path) -> None:
    path, table = tmp_path / "t.feather", pa.Table.from_pandas(ordinary, preserve_index=False)
    for words in (["a", "b", "c", "d", "e", "a"], ["a", "b", "c", "d", "e", None]):
        series = pa.DictionaryArray.from_arrays(np.repeat(np.arange(6), 8), words)
        pa.feather.write_feather(table.set_column(0, "series", series), str(path))
        assert not check(path)


@pytest.mark.parametrize("name", ["t.csv", "none.parquet", "folder.parquet", "broken.parquet", "old.feather"])
def test_other_files_are_left_too(name: str, ordinary: pd.DataFrame, tmp_path: Path) -> None:
    ordinary.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "old.feather").write_bytes(b"FEA1FEA1")
    assert not check(tmp_path / name)


@pytest.mark.parametrize("ends", [np.repeat(np.arange(7), 8)[7:], np.arange(49)])
def test_text_that_is_none_is_found(ends: Any, ordinary: pd.DataFrame, tmp_path: Path) -> None:
    path, table = tmp_path / "t.feather", pa.Table.from_pandas(ordinary, preserve_index=False)
    series = pa.StringArray.from_buffers(48, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"\xff" * 48))
    pa.feather.write_feather(table.set_column(0, "series", series), str(path))
    assert not check(path)
    assert "Invalid UTF8" in str(outcome(path, {}))


def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.parquet")
    assert "is a pipe or a device, not a file" in str(outcome(tmp_path / "t.parquet", {}))


def test_rows_are_counted_by_the_narrowest_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["x"] * 7, "b": np.arange(7), "c": np.ones(7, bool), "d": 0.5})
    frame.to_feather(tmp_path / "t.feather", chunksize=3)
    schema, rows = reading.feather_schema(tmp_path / "t.feather")
    assert (schema.names, rows) == (["a", "b", "c", "d"], 7)
