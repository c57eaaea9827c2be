"""Columns of timestamps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Dates = Literal["day_first", "month_first"]
"""What stands first in dates whose year comes last."""
WRITE = "write dates as in 2024-01-31"
"""The remedy where no row says what stands first."""
SAY = f"say which with dates: day_first or dates: month_first, or {WRITE}"
"""The remedy where a setting can say it."""
DATE = r"^\s*(\d{1,2})([/.-])(\d{1,2})[/.-](?:\d{4}|\d{2})\b"
"""A date whose year comes last, so that its day or its month comes first."""
WRITTEN = re.compile(
    r"\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})(?: (\d{1,2})(?::(\d{2})(?::(\d{2})(\.\d{1,9})?)?(?: ([AaPp][Mm]))?)?)?"
)
"""How such dates are mostly written: mark, year, and hour, minute, second, its part and half of the day if they are."""


def read_times(column: pd.Series, where: str, dates: Dates | None = None, remedy: str = WRITE) -> pd.Series:
    """A column as timestamps without a zone; a `DataError` names `where`, the column and the row of another value."""
    times = read_text(column.astype(str), where, dates=dates, remedy=remedy)
    if times.isna().any():
        row = int(np.argmax(times.isna().to_numpy()))
        raise DataError(f"{where}: column {column.name!r}, data row {row + 1}: {str(column.iloc[row])!r} is no time")
    return times


def read_text(
    column: pd.Series, where: str, before: int = 0, *, dates: Dates | None = None, remedy: str = SAY
) -> pd.Series:
    """Text as timestamps without a zone, NaT where it is none; all dates are read with the day first, or none.

    The rows of the column are those of the table after the first `before` ones. What stands first is `dates`, if it is
    given.

    Raises:
        DataError: dates have day or month first, and none of them says which; it ends with the remedy.

    >>> import pandas as pd
    >>> read_text(pd.Series(["28/12/2015 22:30", "02/01/2016 08:00"]), "doc").dt.month.tolist()
    [12, 1]
    >>> read_text(pd.Series(["02/01/2016"]), "doc", dates="month_first").dt.month.tolist()
    [2]
    """
    import pandas as pd

    parts = column.str.extract(DATE)
    dated = parts[0].notna()
    day_first = dates == "day_first"
    if dates is None and dated.any():
        day_first = _has_day_first(column, parts, where, before, remedy)
    times = _alike(column, day_first=day_first) if dated.all() else None
    if times is None:
        times = pd.to_datetime(column, errors="coerce", format="mixed", utc=True, dayfirst=day_first)
    times = times.dt.tz_localize(None)
    month = parts[2 if day_first else 0]
    return times.mask(pd.to_numeric(month) > 12)  # pandas would take it for the day in that row alone


def _alike(column: pd.Series, *, day_first: bool) -> pd.Series | None:
    """Text that is all written as its first date is, as timestamps, far faster than value by value; else None."""
    import pandas as pd

    found = WRITTEN.fullmatch(str(column.iloc[0]).strip())
    if found is None:
        return None
    mark, year, hour, minute, second, part, half = found.groups()
    form = f"{'%d' if day_first else '%m'}{mark}{'%m' if day_first else '%d'}{mark}{'%Y' if len(year) == 4 else '%y'}"
    form += f" {'%I' if half else '%H'}" if hour else ""
    form += "".join(
        code for code, is_there in ((":%M", minute), (":%S", second), (".%f", part), (" %p", half)) if is_there
    )
    times = pd.to_datetime(column.str.strip(), format=form, errors="coerce", utc=True)
    return None if times.isna().any() else times


def _has_day_first(column: pd.Series, parts: pd.DataFrame, where: str, before: int, remedy: str) -> bool:
    """Whether the day comes first, as a number above 12 says there, or points between the numbers."""
    import pandas as pd

    first, second = (pd.to_numeric(parts[place]).to_numpy(np.float64) for place in (0, 2))
    if (first > 12).any() or (second > 12).any():
        return bool((first > 12).any())
    dated, pointed = ~np.isnan(first), bool((parts[1].dropna() == ".").all())
    unsure = dated & (first != second)
    if pointed or not unsure.any() or len(set(zip(first[dated], second[dated], strict=True))) == 1:
        return pointed
    row = int(np.argmax(unsure))
    raise DataError(
        f"{where}: column {column.name!r}, data row {before + row + 1}: {column.iloc[row]!r} may have the day first or "
        f"the month, and no row says which; {remedy}"
    )
