"""What is irregular about the timestamps of series, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
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


def time_notes(times: Mapping[str, pd.Series]) -> list[str]:
    """Sentences about duplicated and backward timestamps and gaps; nothing is done about them.

    >>> import pandas as pd
    >>> time_notes({"a": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"]))})
    ['duplicated timestamps: 1 step (a 1): kept, in the order of the file']
    """
    apart = {name: found.diff().dt.total_seconds().to_numpy()[1:] for name, found in times.items()}
    duplicated = {name: int(found.duplicated().sum()) for name, found in times.items()}
    backward = {name: int((seconds < 0).sum()) for name, seconds in apart.items()}
    uneven = {name: _uneven(seconds[seconds > 0]) for name, seconds in apart.items()}
    notes = [
        f"{what}: {_count(found)}: kept, in the order of the file"
        for what, found in (("duplicated timestamps", duplicated), ("jumps back in time", backward))
        if any(found.values())
    ]
    if any(uneven.values()):
        longest = max((name for name in uneven if uneven[name]), key=lambda name: apart[name].max())
        gap = duration(float(apart[longest].max()))
        notes.append(
            f"uneven distances in time: {_count(uneven)}, the longest {gap} in {longest}: steps count as equally far "
            "apart"
        )
    return notes


def _uneven(seconds: np.ndarray) -> int:
    """How many distances differ from the median one by a tenth of it or more."""
    usual = np.median(seconds) if len(seconds) else 0.0
    return int((np.abs(seconds - usual) >= 0.1 * usual).sum())


def _count(found: Mapping[str, int]) -> str:
    """The sum, and the series with the most."""
    total = sum(found.values())
    most = sorted((name for name in found if found[name]), key=lambda name: -found[name])
    listed = ", ".join(f"{name} {found[name]:,}" for name in most[:3]) + ", ..." * (len(most) > 3)
    return f"{total:,} step{'s' * (total != 1)} ({listed})"


def duration(seconds: float) -> str:
    """A duration as in `7 d 6 h`."""
    whole, parts = int(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts) or f"{seconds:g} s"
