"""What is irregular about timestamps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.times import read_times, time_notes
from seqanomaly.errors import DataError


def times(*seconds: float) -> pd.Series:
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.array(seconds), unit="s"))


def test_regular_times_need_no_words() -> None:
    assert time_notes({"a": times(0, 60, 120), "b": times(0, 3600), "c": times(5)}) == []


def test_a_tenth_of_the_usual_distance_is_even() -> None:
    assert time_notes({"a": times(0, 1, 2.05, 3)}) == []
    assert time_notes({"a": times(0, 1, 2.25, 3.25)})[0].startswith(
        "uneven distances in time: 1 step (a 1), the longest"
    )


@pytest.mark.parametrize(
    ("gap", "words"),
    [(90061, "1 d 1 h 1 min 1 s"), (7 * 86400 + 6 * 3600, "7 d 6 h"), (0.25, "0.25 s"), (247, "4 min 7 s")],
)
def test_how_long_the_longest_gap_is(gap: float, words: str) -> None:
    found = times(*np.arange(5) * 0.1, 0.4 + gap)
    assert f"the longest {words} in a:" in time_notes({"a": found, "b": times(0, 1)})[0]


def test_the_series_with_the_most_come_first() -> None:
    found = {name: times(*range(5), *[4] * count) for name, count in zip("abcd", (1, 3, 2, 4), strict=True)}
    assert time_notes(found) == ["duplicated timestamps: 10 steps (d 4, b 3, c 2, ...): kept, in the order of the file"]


def test_zones_and_mixed_forms_are_read() -> None:
    found = read_times(pd.Series(["2024-01-01 00:00:00", "2024-01-01T01:00:00+00:00", "2024-01-01 02:00:00.5"]), "t")
    assert found.diff().dt.total_seconds().tolist()[1:] == [3600.0, 3600.5]
    with pytest.raises(DataError) as error:
        read_times(pd.Series(["2024-01-01", "?"], name="when"), "t.csv")
    assert str(error.value) == "t.csv: column 'when', data row 2: '?' is no time"
