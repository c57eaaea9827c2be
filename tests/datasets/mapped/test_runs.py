"""Where series begin, found a batch after the other, and known beforehand."""

from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.mapped.runs import KnownRuns, Runs, changes, even_text
from seqanomaly.errors import DataError

WORDS = {
    "as many letters": ["ab", "ac", "bc", "ß", "ä"],
    "any letters": ["", "a", "ab", "b", "äß"],
}
KINDS = {
    "text": pa.string(),
    "large text": pa.large_string(),
    "codes": pa.dictionary(pa.int8(), pa.string()),
}


@st.composite
def names(draw: st.DrawFn) -> list[str]:
    """Names of rows, the same one several times in a row."""
    words = draw(st.sampled_from(list(WORDS.values())))
    runs = draw(st.lists(st.tuples(st.sampled_from(words), st.integers(1, 4)), min_size=1, max_size=9))
    return [word for word, count in runs for _ in range(count)]


@given(names(), st.sampled_from(list(KINDS.values())), st.integers(0, 3))
def test_changes_are_where_the_value_is_another_one(rows: list[str], kind: pa.DataType, first: int) -> None:
    column, rows = pa.array(rows, kind)[first:], rows[first:]
    if rows:
        expected = [0, *(row for row, (one, other) in enumerate(pairwise(rows), 1) if one != other)]
        assert changes(column).tolist() == expected
    if (letters := even_text(column)) is not None:
        assert [bytes(one).decode() for one in letters] == rows


@pytest.mark.parametrize("ends", [[0, 2, 4, 5], [1, 2, 4, 5], [0, 0, 0, 0], [0, 6, 0, 6]])
def test_offsets_that_are_not_even(ends: list[int]) -> None:
    letters = pa.py_buffer(b"abcdef")
    column = pa.StringArray.from_buffers(3, pa.py_buffer(np.array(ends, np.int32)), letters)
    assert even_text(column) is None


def test_offsets_that_wrap_around() -> None:
    size = 2**30
    ends = np.array([0, size, 2 * size, 3 * size, 4 * size]).astype(np.int32)  # the last one is 0
    assert (np.diff(ends) == size).all()
    column = pa.StringArray.from_buffers(4, pa.py_buffer(ends), pa.py_buffer(b"abcdef"))
    assert even_text(column) is None


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.integers(1, 7))
def test_series_that_are_known_are_those_that_were_found(lengths: list[int], once: int) -> None:
    batch = pa.record_batch({"unit": np.repeat([f"s{n}" for n in range(len(lengths))], lengths)})
    batches = [batch[start : start + once] for start in range(0, len(batch), once)]
    runs = Runs("unit", "t")
    found = [runs.next(one) for one in batches]
    series, first = runs.done()
    assert series.to_pylist() == [name for name, _ in groupby(batch["unit"].to_pylist())]
    assert first.tolist() == (np.cumsum(lengths) - lengths).tolist()
    known = KnownRuns(series, first)
    assert known.done() == (series, first)
    for one, expected in zip(batches, found, strict=True):
        again = known.next(one)
        assert again.begins.tolist() == expected.begins.tolist()
        assert (again.names, again.goes_on) == (expected.names, expected.goes_on)


def test_a_series_that_comes_again() -> None:
    runs = Runs("unit", "t")
    for word in "abca":
        runs.next(pa.record_batch({"unit": [word, word]}))
    with pytest.raises(DataError) as error:
        runs.done()
    assert str(error.value) == (
        "t: series 'a' goes on in data row 7 after another one; sort the rows by series and step, or read the table "
        "whole with mapped: false"
    )
