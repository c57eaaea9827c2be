"""CSV text is what pandas writes, to the last byte."""

from __future__ import annotations

import io
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.datasets import csv_text
from seqanomaly.datasets.csv_text import write_rows

BITS: dict[type[np.floating], type[np.unsignedinteger]] = {np.float32: np.uint32, np.float64: np.uint64}
EDGES = (
    0.0,
    -0.0,
    np.nan,
    np.inf,
    -np.inf,
    5e-324,
    1e-45,
    1e-5,
    1e-4,
    1e-3,
    1e5,
    999999.94,
    1e6,
    1e7,
    1e15,
    1e16,
    1e22,
)


def written(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    write_rows(frame, file, header=True)
    return file.getvalue()


def by_pandas(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()


def same(values: NDArray[Any]) -> bool:
    frame = pd.DataFrame({"a": values, "b": -values})
    return written(frame) == by_pandas(frame)


@pytest.mark.parametrize("kind", BITS)
class TestNumbers:
    @settings(max_examples=300)
    @given(bits=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50))
    def test_any_bits(self, kind: type[np.floating], bits: list[int]) -> None:
        words = np.array(bits, np.uint64)
        with np.errstate(invalid="ignore"):
            assert same(words.astype(BITS[kind]).view(kind))

    def test_edges(self, kind: type[np.floating]) -> None:
        with np.errstate(over="ignore"):
            edges = np.concatenate([np.array(EDGES), 2.0 ** np.arange(-30, 60), 10.0 ** np.arange(-30, 30)]).astype(
                kind
            )
        beside = [np.nextafter(edges, kind(way)) for way in (-np.inf, np.inf)]
        assert same(np.concatenate([edges, *beside]))

    def test_between_the_sizes_that_pyarrow_writes(self, kind: type[np.floating]) -> None:
        low, high = np.array([csv_text.LOW, csv_text.HIGH], kind).view(BITS[kind])
        generator = np.random.default_rng(0)
        assert same(generator.integers(low, high, 100_000, BITS[kind], endpoint=True).view(kind))
        places = generator.integers(0, 8, 50_000)
        decimals = generator.integers(-(10**9), 10**9, 50_000) / 10.0**places
        assert same(decimals.astype(kind))

    def test_pandas_writes_no_usual_number(self, kind: type[np.floating]) -> None:
        frame = pd.DataFrame({"a": np.array([0.5, -0.0, 7.0, np.nan, 999.25], kind), "b": np.arange(5)})
        with mock.patch.object(csv_text, "_by_pandas", wraps=csv_text._by_pandas) as called:
            written(frame)
        assert [len(call.args[0]) for call in called.call_args_list] == [0]


COLUMNS: dict[str, pd.DataFrame] = {
    "text": pd.DataFrame({"a": ["x", "", "é", None], "b": [1, 2, 3, 4]}),
    "quoted": pd.DataFrame({"a": ["x,y", 'say "so"', "two\nlines", "\r"], "b": [0.5, 1e-7, np.nan, 1e30]}),
    "objects": pd.DataFrame({"a": pd.Series(["x", 1.0, True, None], dtype=object), "b": [1, 2, 3, 4]}),
    "whole objects": pd.DataFrame({"a": pd.Series([1, 2, None, 4], dtype=object), "b": [1, 2, 3, 4]}),
    "classes": pd.DataFrame({"a": pd.Categorical(["x", "y", None, "x"], categories=["y", "x", "z,"]), "b": 1}),
    "whole classes": pd.DataFrame({"a": pd.Categorical([1, 2, None, 1]), "b": 1}),
    "truth": pd.DataFrame({"a": [True, False], "b": [0.25, 1.0]}),
    "perhaps": pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [0.25, 1.0]}),
    "times": pd.DataFrame({"a": pd.to_datetime(["2020-01-01T00:00:00", "2020-01-02T03:04:05"]), "b": [0.25, 1.0]}),
    "midnight": pd.DataFrame({"a": pd.to_datetime(["2020-01-01", "2020-01-02"]), "b": [0.25, 1.0]}),
    "halves": pd.DataFrame({"a": np.array([0.1, 1e-5], np.float16), "b": [0.25, 1.0]}),
    "unsigned": pd.DataFrame({"a": np.array([2**64 - 1, 0], np.uint64), "b": np.array([-128, 127], np.int8)}),
    "alone": pd.DataFrame({"a": [1.0, np.nan]}),
    "alone and empty": pd.DataFrame({"a": ["", "x"]}),
    "no rows": pd.DataFrame({"a,b": pd.Series([], dtype=str), "b": pd.Series([], dtype=np.float32)}),
    "named twice": pd.DataFrame([[1.0, 2]], columns=["a,", "a,"]),
    "pieces": pd.concat([pd.DataFrame({"a": ["x"], "b": [1.0]})] * 3, ignore_index=True),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str) -> None:
    assert written(COLUMNS[name]) == by_pandas(COLUMNS[name])


def test_a_block_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"a": ["x", "y", "z,", "x", "y"], "b": np.arange(5) / 4})
    monkeypatch.setattr(csv_text, "ROWS", 2)
    assert written(frame) == by_pandas(frame)
