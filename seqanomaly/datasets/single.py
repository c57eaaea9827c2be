"""A table that holds one series, so that no column tells series apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.formats.times import Dates

SERIES, ROW = "series", "row"
"""What the columns are called that the table does not have."""


def one_series(
    table: pd.DataFrame, step: str | None, name: str, where: str, dates: Dates | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with a column `series`, and one that numbers its rows where none orders them; what was done.

    Raises:
        DataError: the step goes back, as it does where several series stand one after the other.

    >>> import pandas as pd
    >>> one_series(pd.DataFrame({"x": [0.5, 2.0]}), None, "pump", "doc")[0].values.tolist()
    [[0.5, 'pump', 0], [2.0, 'pump', 1]]
    """
    check_one(list(table.columns), where)
    table = table.assign(**{SERIES: name})
    if step is None:
        table = table.assign(**{ROW: np.arange(len(table))})
    elif step in table:
        _forward(table[step], where, dates)
    return table, one_note(step, where)


def check_one(names: Sequence[str], where: str) -> None:
    """Raise a `DataError` where a table with those columns has one that names series."""
    if SERIES in names:
        raise DataError(f"{where}: has a column {SERIES!r}, so it is not one series; name another with --series")


def one_note(step: str | None, where: str) -> tuple[str, ...]:
    """The sentence about a table that is taken for one series."""
    if step is None:
        return (f"{where} is one series in the order of its rows",)
    return (
        f"{where} is one series in the order of {step!r}; if it holds several, name the column that tells them apart "
        "with --series",
    )


def _forward(column: pd.Series, where: str, dates: Dates | None) -> None:
    import pandas as pd

    from seqanomaly.datasets.formats.times import SAY, read_times

    counted = pd.api.types.is_numeric_dtype(column)
    if counted:
        values = column.to_numpy(np.float64)
    else:
        values = read_times(column, where, dates, SAY).to_numpy().astype(np.int64)
    back = np.diff(values) < 0
    if back.any():
        raise back_in(str(column.name), int(np.argmax(back)) + 2, where)


def back_in(column: str, row: int, where: str) -> DataError:
    """The error about a row, counted from 1, whose step is before that of the row before."""
    return DataError(
        f"{where}: column {column!r}, data row {row}: goes back from the row before, so this may be several series; "
        "name the column that tells them apart with --series, or sort the rows if it is one"
    )
