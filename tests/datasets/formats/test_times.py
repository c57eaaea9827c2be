"""Columns of timestamps: zones, and dates that have the day or the month first."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
