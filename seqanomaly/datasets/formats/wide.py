"""Wide tables, a row per sequence and a column per step, as long ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqanomaly.datasets.headers import is_unnamed
from seqanomaly.errors import DataError

VALUE = "value"
"""What the one feature of a wide table is called."""


def long_from_wide(frame: pd.DataFrame, series: str, step: str, kept: tuple[str, ...], where: str) -> pd.DataFrame:
    """A long frame with the columns series, step, value and those that are kept for the whole sequence.

    Every other column is a step, in the order of the columns; a sequence ends where only missing values are left.
    Without a column `series`, rows are named by their number.

    >>> wide = pd.DataFrame({"label": [0, 1], "t0": [1.0, 2.0], "t1": [3.0, None]})
    >>> long_from_wide(wide, "series", "step", ("label",), "doc").values.tolist()
    [[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 3.0, 0.0], [2.0, 0.0, 2.0, 1.0]]
    """
    if frame.empty:
        raise DataError(f"{where}: there are no rows")
    frame = frame.rename(columns=str)
    names = frame[series] if series in frame else pd.Series(np.arange(1, len(frame) + 1))
    values = frame[[name for name in frame.columns if name not in (series, *kept) and not is_unnamed(name)]]
    there = values.notna().to_numpy()
    lengths = there.shape[1] - np.argmax(there[:, ::-1], axis=1)
    lengths[~there.any(axis=1)] = 0
    if (lengths == 0).any():
        raise DataError(f"{where}: data row {int(np.argmin(lengths)) + 1} has no value")
    if not names.is_unique:
        again = names[names.duplicated()].iloc[0]
        raise DataError(
            f"{where}: two rows are called {str(again)!r} in column {series!r}; a wide table has one for each"
        )
    row = np.repeat(np.arange(len(frame)), lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    columns = {series: names.to_numpy()[row], step: place, VALUE: values.to_numpy()[row, place]}
    return pd.DataFrame({**columns, **{name: frame[name].to_numpy()[row] for name in kept if name in frame}})
