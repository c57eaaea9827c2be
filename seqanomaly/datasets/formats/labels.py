"""Labels in the forms that the families use: 0 and 1 per step, intervals of steps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from seqanomaly.errors import DataError


def zero_one(values: Iterable[object], where: str) -> NDArray[np.int64]:
    """Labels that are 0 or 1, also written as 0.0 and 1.0; a `DataError` names `where` and the row of another one.

    >>> zero_one([0.0, "1", True], "doc").tolist()
    [0, 1, 1]
    """
    import pandas as pd

    given = pd.Series(list(values), dtype=object)
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isin(numbers, (0, 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{where}, data row {row + 1}: the label is {given.iloc[row]}; it must be 0 or 1")
    return numbers.astype(np.int64)


def inside(intervals: Iterable[tuple[int, int]], steps: int) -> NDArray[np.int64]:
    """1 on the steps of half-open intervals [start, end), in any order and overlapping or not.

    >>> inside([(3, 4), (0, 2)], 5).tolist()
    [1, 1, 0, 1, 0]
    """
    label = np.zeros(steps, np.int64)
    for start, end in intervals:
        label[start:end] = 1
    return label
