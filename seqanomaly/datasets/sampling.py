"""How far apart in time the steps of a table are, where a column of timestamps orders them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqanomaly.datasets.formats.times import duration, read_times, time_notes
from seqanomaly.datasets.frame import Layout


def sampling_notes(frame: pd.DataFrame, layout: Layout, where: str) -> list[str]:
    """Sentences about the usual distance of two steps and about uneven ones; none where steps are numbers.

    >>> days = pd.DataFrame({"series": "a", "step": ["2024-01-03", "2024-01-01", "2024-01-02"]})
    >>> sampling_notes(days, Layout(), "doc")
    ['a step is every 1 d (median)']
    """
    frame = frame.rename(columns=str)
    column = frame[layout.step]
    if column.dtype.kind not in "mM" and pd.to_numeric(column, errors="coerce").notna().any():
        return []
    times = read_times(column, where)
    of_series = {
        str(name): found.sort_values().reset_index(drop=True)
        for name, found in times.groupby(frame[layout.series], sort=False)
    }
    apart = np.concatenate([found.diff().dt.total_seconds().to_numpy()[1:] for found in of_series.values()])
    usual = [f"a step is every {duration(float(np.median(apart)))} (median)"] if len(apart) else []
    return [*usual, *time_notes(of_series)]
