"""Columns of timestamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_times(column: pd.Series, where: str) -> pd.Series:
    """A column as timestamps without a zone; a `DataError` names `where`, the column and the row of another value."""
    import pandas as pd

    times = pd.to_datetime(column.astype(str), errors="coerce", format="mixed", utc=True).dt.tz_localize(None)
    if times.isna().any():
        row = int(np.argmax(times.isna().to_numpy()))
        raise DataError(f"{where}: column {column.name!r}, data row {row + 1}: {str(column.iloc[row])!r} is no time")
    return times
