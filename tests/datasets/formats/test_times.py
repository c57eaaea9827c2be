"""Columns of timestamps: zones, and dates that have the day or the month first."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.times import read_text, read_times
from seqanomaly.errors import DataError

DAYS = st.lists(
    st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2060-01-01")).map(
        lambda t: t.replace(second=0, microsecond=0)
    ),
    min_size=1,
    max_size=20,
)


@given(
    DAYS, st.sampled_from(["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d-%m-%Y %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"])
)
def test_a_column_is_read_in_one_order_or_not_at_all(days: list[pd.Timestamp], how: str) -> None:
    column = pd.Series([day.strftime(how + " %H:%M") for day in days], name="time")
    known = how.startswith(("%Y", "%d.")) or any(day.day > 12 for day in days)
    same = len({day.date() for day in days}) == 1 or all(day.day == day.month for day in days)
    if known:
        assert read_times(column, "doc").tolist() == days
    elif same:
        assert read_times(column, "doc").diff().dropna().tolist() == pd.Series(days).diff().dropna().tolist()
    else:
        with pytest.raises(DataError, match="may have the day first or the month, and no row says which"):
            read_times(column, "doc")


def test_the_row_of_a_date_that_is_unsure() -> None:
    column = pd.Series(["2024-01-01", "01/01/2024", "02/01/2024"], name="time")
    text = r"^doc: column 'time', data row 103: '02/01/2024' may have the day first or the month, and no row says which"
    with pytest.raises(DataError, match=text):
        read_text(column, "doc", 100)


def test_a_date_in_the_other_order_is_none() -> None:
    column = pd.Series(["28/12/2015", "12/28/2015"], name="time")
    with pytest.raises(DataError, match=r"^doc: column 'time', data row 2: '12/28/2015' is no time$"):
        read_times(column, "doc")


def test_zones_are_one_clock() -> None:
    column = pd.Series(["2024-03-31T01:30:00+01:00", "2024-03-31T03:00:00+02:00"], name="time")
    assert read_times(column, "doc").diff().iloc[1] == pd.Timedelta(minutes=30)


@pytest.mark.parametrize("mapped", [False, True])
def test_a_table_says_what_stands_first(tmp_path: Path, *, mapped: bool) -> None:
    path = tmp_path / "pump.csv"
    rows = "".join(f"{month:02d}/{1 + (month == 1)}/2024,{month},{month // 12}\n" for month in range(1, 13))
    path.write_text(f"timestamp,x,label\n{rows}")
    one: dict[str, Any] = {"path": str(path), "series": None, "step": "timestamp", "mapped": mapped}
    with pytest.raises(DataError, match="no row says which; say which with dates: day_first or dates: month_first"):
        FileData(**one).open()
    assert FileData(**one, dates="month_first").open().parts(0).test.length.tolist() == [4]
    with pytest.raises(DataError, match="data row 2: goes back"):
        FileData(**one, dates="day_first").open()


def test_dates_that_are_said_wrongly() -> None:
    column = pd.Series(["28/12/2015"], name="time")
    with pytest.raises(DataError, match=r"^doc: column 'time', data row 1: '28/12/2015' is no time$"):
        read_times(column, "doc", "month_first")
