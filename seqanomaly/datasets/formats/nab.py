"""NAB: one value per timestamp, and windows of anomalies in `labels/combined_windows.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import inside
from seqanomaly.datasets.formats.text import bare, first_line, listed, read_text, whole
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

WINDOWS = "labels/combined_windows.json"
Window = tuple["pd.Timestamp", "pd.Timestamp"]


class Nab(Given):
    """Series of the Numenta Anomaly Benchmark; a step is anomalous inside a window, both ends included.

    Lavin & Ahmad, Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark, ICMLA 2015.
    """

    title: ClassVar[str] = "the Numenta Anomaly Benchmark"
    looks: ClassVar[str] = "data/*/*.csv with timestamp,value, and labels/combined_windows.json"
    example: ClassVar[str] = "NAB/data/realTraffic"
    kind: Literal["nab"] = "nab"
    split: Literal["probation"] = "probation"
    """The first 15% of each series, at most 750 steps, train and the rest tests, as in the benchmark."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if _base(path) is None:
            return None
        series = path / "data" if (path / WINDOWS).is_file() else path
        names = [path] if path.is_file() else listed(series, "**/*.csv")[:1]
        return {} if any(first_line(name).strip() == "timestamp,value" for name in names) else None

    def base(self) -> Path:
        found = _base(self.root())
        if found is None:
            raise DataError(f"{self.root()}: neither it nor a folder above holds {WINDOWS}, where NAB keeps its labels")
        return found

    def files(self) -> Sequence[Path]:
        """The series under the path and the windows."""
        base, root = self.base(), self.root()
        data = (base / "data") if root == base else whole(root)
        data = data if data.is_relative_to(base) else root.resolve()
        found = [data] if data.is_file() else listed(data, "**/*.csv")
        if not found:
            raise DataError(
                f"{data}: there is no CSV file in it; NAB's series are files such as realTraffic/speed_7578.csv"
            )
        return [*found, base / WINDOWS]

    def read(self, files: Sequence[Path]) -> Loaded:
        *paths, windows = files
        keys = [bare(path).relative_to(self.base() / "data").as_posix() for path in paths]
        of_all = _windows(windows)
        tables = [_table(path, missing=self.takes_missing) for path in paths]
        series = [
            _series(key, table, _of(key, of_all, windows), path)
            for key, table, path in zip(keys, tables, paths, strict=True)
        ]
        notes = [
            "label is 1 inside the windows of combined_windows.json, both ends included",
            "the first 15% of each series, at most 750 steps, train (probation) and the rest tests",
        ]
        return halves_loaded(series, ("value",), notes)


def _base(path: Path) -> Path | None:
    """The folder that holds the labels: the path itself, one above it, or above what it is a link to."""
    above = path, *whole(path).parents, *path.resolve().parents
    return next((folder for folder in above if (folder / WINDOWS).is_file()), None)


def probation(steps: int) -> int:
    """Steps of the training part: 15% of the series, at most 750.

    >>> probation(4032), probation(22695)
    (604, 750)
    """
    return min(int(0.15 * steps), 750)


def _series(key: str, table: pd.DataFrame, windows: list[Window], path: Path) -> Halves:
    times, intervals = table["timestamp"], []
    for start, end in windows:
        steps = times.between(start, end).to_numpy().nonzero()[0]
        if not len(steps):
            raise DataError(f"{path}: the window {start} to {end} of {WINDOWS} holds none of its steps")
        intervals += [(int(step), int(step) + 1) for step in steps]
    name = key.split("/")[-1].removesuffix(".csv")
    label = inside(intervals, len(table))
    return Halves.cut(name, table[["value"]].to_numpy(float), label, probation(len(table)), times.to_numpy())


def _table(path: Path, *, missing: bool) -> pd.DataFrame:
    """Timestamps and finite values, in the order of the file."""
    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.datasets.formats.times import read_times
    from seqanomaly.datasets.frame import numbers

    table = read_table(path)
    if table.columns.tolist() != ["timestamp", "value"]:
        raise DataError(f"{path}: has the columns {', '.join(table.columns)}; a series of NAB has timestamp and value")
    value = numbers(table["value"], str(path), missing=missing)
    return table.assign(timestamp=read_times(table["timestamp"], str(path)), value=value)


def _windows(path: Path) -> dict[str, list[Window]]:
    """The windows of each series."""
    text = read_text(path)
    try:
        found = json.loads(text)
        return {key: [(_time(start), _time(end)) for start, end in pairs] for key, pairs in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: is not a mapping of series to windows such as "
            f'{{"realTraffic/speed_7578.csv": [["2015-09-11 16:44:00", "2015-09-12 02:24:00"]]}} ({error})'
        ) from None


def _time(text: object) -> pd.Timestamp:
    """A time without a zone."""
    import pandas as pd

    found = pd.Timestamp(text) if isinstance(text, str) else None
    if not isinstance(found, pd.Timestamp):
        raise ValueError(f"{text!r} is no time")
    return found.tz_convert("UTC").tz_localize(None) if found.tzinfo else found


def _of(key: str, windows: dict[str, list[Window]], path: Path) -> list[Window]:
    if key not in windows:
        raise DataError(f"{path}: has no windows for {key!r}{nearest(key, windows) if len(windows) < 20 else ''}")
    return windows[key]
