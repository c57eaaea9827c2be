"""Exathlon: traces of Spark applications, a table each, and the intervals of anomalies in `ground_truth.csv`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.stream import is_file
from seqanomaly.datasets.formats.text import bare, column_names, find, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.table_spec import Names
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TABLE, TIME = "ground_truth.csv", "t"
START, END, EFFECT = "root_cause_start", "root_cause_end", "extended_effect_end"
COLUMNS = ("trace_name", START, END, EFFECT)
TRACE = re.compile(r"(?P<app>\d+)_(?P<kind>\d+)_\d+_\d+")
"""`APP_TYPE_RATE_NUMBER`; type 0 is undisturbed."""
FOLDER = re.compile(r"app(\d+)")
LATEST = 1e10
"""Seconds since 1970 that no trace reaches; a time in milliseconds is beyond."""
Apps = Annotated[tuple[int, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]


@dataclass(frozen=True)
class _Trace:
    """One run of an application."""

    name: str
    x: NDArray[np.float32]
    label: NDArray[np.int64]
    time: NDArray[Any]
    filled: int


class Exathlon(Given):
    """Runs of ten Spark applications at one row per second; undisturbed ones train and disturbed ones test.

    A step is anomalous from the start of a root cause to the end of its extended effect, both included, or of the root
    cause where no effect is given. Jacob et al., Exathlon: a benchmark for explainable anomaly detection over time
    series, PVLDB 2021.
    """

    title: ClassVar[str] = "Exathlon"
    looks: ClassVar[str] = "ground_truth.csv and app1/1_0_100000_15.csv, ..; a column t and 2,283 others"
    example: ClassVar[str] = "{path: Exathlon, apps: [2]}"
    kind: Literal["exathlon"] = "exathlon"
    apps: Apps | None = None
    """The applications, as in `[1, 2]`; all by default."""
    effect: bool = True
    """Whether the extended effect of an anomaly counts; else it ends with its root cause."""
    features: Names | None = None
    """The columns to use; all of them by default."""
    inactive: float | None = -1.0
    """What stands where an executor was not active and sent nothing, as with the authors; null for a missing value."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file() and bare(path).name == TABLE:
            return {"path": str(path.parent)} if _is_truth(path) else None
        inside = path if path.is_dir() else path.parent
        if path.is_dir() and any(map(_is_truth, listed(path, TABLE))):
            return {}
        app = FOLDER.fullmatch(inside.name)
        if app is None or (path.is_file() and TRACE.fullmatch(bare(path).stem) is None):
            return None
        above = listed(inside.parent, TABLE)
        return {"path": str(inside.parent), "apps": [int(app[1])]} if any(map(_is_truth, above)) else None

    def files(self) -> Sequence[Path]:
        """The table of anomalies, then the traces of the applications."""
        root = self.root()
        table = find(root, TABLE, "it has the intervals of the anomalies; the traces are beside it in app1, app2, ..")
        folders = {int(found[1]): path for path in sorted(root.glob("app*")) if (found := FOLDER.fullmatch(path.name))}
        absent = next((app for app in self.apps or () if app not in folders), None)
        if absent is not None:
            raise DataError(f"{root}: there is no folder app{absent}{nearest(f'app{absent}', map(_called, folders))}")
        chosen = [folders[app] for app in self.apps or sorted(folders)]
        traces = [path for folder in chosen for path in listed(folder, "*.csv")]
        if not traces:
            packed = any(path for folder in chosen for path in folder.rglob("*.zip"))
            what = (
                "are packed; unpack the .zip files with its extract_data.sh" if packed else "belong in app1, app2, .."
            )
            raise DataError(f"{root}: there is no trace in it; they {what}")
        return [table, *traces]

    def read(self, files: Sequence[Path]) -> Loaded:
        truth = _truth(files[0])
        kinds = {path: _kind(path, truth) for path in files[1:]}
        for undisturbed, part in ((True, "undisturbed"), (False, "disturbed")):
            if undisturbed not in kinds.values():
                what = "learn from" if undisturbed else "test"
                raise DataError(f"{self.path}: no trace is {part}, so there is nothing to {what}; choose other apps")
        names = self.features or _columns(files[1])
        traces = {path: self._trace(path, names, truth) for path in kinds}
        parts = [[traces[path] for path, kind in kinds.items() if kind == wanted] for wanted in (True, False)]
        known, test = (_sequences(part, names) for part in parts)
        return Loaded(known=known, test=test, notes=tuple(self._notes(parts, truth, traces)))

    def _notes(self, parts: list[list[_Trace]], truth: pd.DataFrame, traces: dict[Path, _Trace]) -> list[str]:
        end = "extended effect, or of the root cause where it has none" if self.effect else "root cause"
        notes = [f"label is 1 from the start of a root cause in {TABLE} to the end of its {end}, both included"]
        notes.append(f"the {len(parts[0])} undisturbed traces train and the {len(parts[1])} disturbed ones test")
        without = [trace.name for trace in parts[1] if not trace.label.any()]
        notes += [f"disturbed, but without an anomalous step: {', '.join(without)}"] if without else []
        there, apps = {trace.name for trace in traces.values()}, {path.parent.name for path in traces}
        named = truth["trace_name"].drop_duplicates().tolist()
        gone = [name for name in named if name not in there and f"app{name.split('_')[0]}" in apps]
        notes += [f"{TABLE} has traces that are not there: {', '.join(gone)}"] if gone else []
        filled = sum(trace.filled for trace in traces.values())
        if filled:
            notes.append(f"missing values: {filled:,}, where an executor was not active; {self.inactive:g} (inactive)")
        return notes

    def _trace(self, path: Path, names: Sequence[str], truth: pd.DataFrame) -> _Trace:
        from seqanomaly.datasets.formats.table import read_table
        from seqanomaly.datasets.frame import numbers

        table = read_table(path)
        table.columns = [common(str(name)) for name in table.columns]
        _check_columns(path, table, names, chosen=self.features is not None)
        seconds = numbers(table[TIME], str(path))
        if not (np.abs(seconds) < LATEST).all():
            row = int(np.argmax(np.abs(seconds) >= LATEST))
            raise DataError(f"{path}: column {TIME!r}, data row {row + 1}: {seconds[row]:.0f} is no time in seconds")
        missing = True if self.inactive is not None else self.takes_missing
        x = np.empty((len(table), len(names)), np.float32)
        for place, name in enumerate(names):
            x[:, place] = numbers(table[name], str(path), missing=missing)
        gone = np.isnan(x) if self.inactive is not None else np.zeros(x.shape, np.bool_)
        x[gone] = 0.0 if self.inactive is None else self.inactive
        name = bare(path).stem
        label = _inside(seconds, truth[truth["trace_name"] == name], effect=self.effect)
        return _Trace(name, x, label, (seconds * 1e3).round().astype("datetime64[ms]"), int(gone.sum()))


def common(name: str) -> str:
    """The name of a column as it is in all traces: metrics of a stream begin with what the run was called.

    >>> common("driver_benchmark_userclicks_1_3_9000_100000_15_2__StreamingMetrics_streaming_totalDelay_value")
    'driver_StreamingMetrics_streaming_totalDelay_value'
    """
    return re.sub(r"^([^_]+)_.*?_(?=StreamingMetrics)", r"\1_", name)


def _called(app: int) -> str:
    return f"app{app}"


def _is_truth(path: Path) -> bool:
    return is_file(path) and set(COLUMNS) <= set(column_names(path))


def _columns(path: Path) -> tuple[str, ...]:
    return tuple(name for name in map(common, column_names(path)) if name != TIME)


def _check_columns(path: Path, table: pd.DataFrame, names: Sequence[str], *, chosen: bool) -> None:
    """Raise a `DataError` where a trace has two columns of one name, no row, or not those of the others."""
    there = list(table.columns)
    double = next((name for place, name in enumerate(there) if name in there[:place]), None)
    if double is not None:
        raise DataError(f"{path}: two columns are called {double!r} once what the run was called is left out of them")
    absent = next((name for name in (TIME, *names) if name not in table), None)
    other = None if chosen else next((name for name in there if name not in (TIME, *names)), None)
    if absent is not None:
        raise DataError(f"{path}: there is no column {absent!r}{nearest(absent, there)}")
    if other is not None:
        raise DataError(f"{path}: has a column {other!r}, which the first trace has not; choose columns with features")
    if not names:
        raise DataError(f"{path}: there are no columns beside {TIME!r}")
    if table.empty:
        raise DataError(f"{path}: there are no rows")


def _kind(path: Path, truth: pd.DataFrame) -> bool:
    """Whether a trace is undisturbed, by its name; a `DataError` says that it has none or the table contradicts it."""
    name = bare(path).stem
    found = TRACE.fullmatch(name)
    if found is None:
        raise DataError(
            f"{path}: is not called APP_TYPE_RATE_NUMBER.csv as the traces are, so it is not known whether it is "
            "disturbed; rename it or take it away"
        )
    undisturbed = int(found["kind"]) == 0
    if undisturbed and (truth["trace_name"] == name).any():
        raise DataError(
            f"{path}: is undisturbed by its name (type 0) and has anomalies in {TABLE}; correct one of them"
        )
    return undisturbed


def _truth(path: Path) -> pd.DataFrame:
    """The table of anomalies, its times as seconds; a `DataError` names the row of an interval that is none."""
    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.datasets.frame import numbers

    table = read_table(path)
    absent = next((name for name in COLUMNS if name not in table), None)
    if absent is not None:
        raise DataError(f"{path}: there is no column {absent!r}{nearest(absent, table.columns)}")
    for name in (START, END, EFFECT):
        table[name] = numbers(table[name], str(path), missing=name == EFFECT or None)
    last = table[EFFECT].where(table[EFFECT].notna(), table[END])
    wrong = ((table[END] < table[START]) | (last < table[END])).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{path}: data row {row + 1}: {START}, {END} and {EFFECT} do not follow each other; correct it")
    return table.assign(trace_name=table["trace_name"].astype(str).str.strip())


def _inside(seconds: NDArray[np.float64], rows: pd.DataFrame, *, effect: bool) -> NDArray[np.int64]:
    """1 at the times that lie in an interval, ends included."""
    label = np.zeros(len(seconds), np.int64)
    last = rows[EFFECT].where(rows[EFFECT].notna(), rows[END]) if effect else rows[END]
    for start, end in zip(rows[START], last, strict=True):
        label[(seconds >= start) & (seconds <= end)] = 1
    return label


def _sequences(traces: Sequence[_Trace], names: Sequence[str]) -> Sequences:
    return Sequences.of(
        [trace.x for trace in traces],
        [trace.label for trace in traces],
        ids=tuple(trace.name for trace in traces),
        features=tuple(names),
        time=[trace.time for trace in traces],
    )
