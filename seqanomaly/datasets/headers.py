"""What the columns of a table are by their usual names; whatever is taken for granted so is said."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SERIES, STEP, LABEL = "series", "step", "label"
"""What the columns are called by default."""
TIMES = ("timestamp", "datetime", "time", "date", "timestamps", "date_time", "ts")
STEPS = (STEP, *TIMES, "cycle", "cycles", "time_step", "timestep", "time_cycles", "step_index", "t", "tick", "sample")
"""Columns that order the rows of a series."""
IDS = (
    *(SERIES, "sequence", "episode", "session", "trajectory", "unit", "engine", "machine", "device", "run", "trial"),
    *("subject", "patient", "case", "recording"),
)
NAMES = frozenset((*IDS, *(f"{name}_{end}" for name in IDS for end in ("id", "nr", "no", "number")), "kpi_id"))
"""Columns that tell the series apart."""
LABELS = frozenset(
    (
        *(LABEL, "labels", "anomaly", "anomalous", "is_anomaly", "is_anomalous", "anomaly_label", "outlier"),
        *("is_outlier", "attack", "is_attack", "att_flag", "normal/attack", "fault", "is_fault", "faulty"),
        *("ground_truth", "class", "target", "machine_status"),
    )
)
"""Columns with the class of a step."""
SPELLED = ("attack_label", "attack_lable")
"""How names begin that go on to say which value is which."""
NAMED = 8
"""Most columns that are named in one sentence by their values."""
TELLING = LABELS | {"change_point", "changepoint", "is_ignored", "rul", "category"}
"""Columns from which the label may be read off."""
COUNTING = (NAMES | frozenset(STEPS)) | {
    *("id", "index", "row", "row_id", "row_number", "line", "line_id", "part", "split", "fold", "is_train", "is_test"),
}
"""Columns that say where a step stands, or in which part."""


def plain(name: str) -> str:
    """A name as it is looked up: without what may differ in how it is written.

    >>> plain(" Time Stamp"), plain("isAnomaly"), plain("KPI ID"), plain("Normal/Attack")
    ('timestamp', 'is_anomaly', 'kpi_id', 'normal/attack')
    """
    split = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[\s\-_.]+", "_", split).casefold().replace("time_stamp", "timestamp")


def usual_columns(names: Sequence[str]) -> dict[str, Any]:
    """The settings that the names of a table's columns suggest, where the default names are not there.

    A column is taken if it is the only one that has a usual name. A table in which nothing tells series apart and one
    column holds times is one series.

    >>> usual_columns(["unit", "cycle", "fault", "x"])
    {'series': 'unit', 'step': 'cycle', 'label': 'fault'}
    >>> usual_columns(["timestamp", "value", "is_anomaly"])
    {'series': None, 'step': 'timestamp', 'label': 'is_anomaly'}
    >>> usual_columns(["series", "step", "label", "x"]), usual_columns(["series", "step", "fault", "attack"])
    ({}, {})
    """
    label = {} if LABEL in names else _one(LABEL, could_be_label(names))
    if SERIES in names:
        return {**({} if STEP in names else _one(STEP, _called(names, STEPS))), **label}
    series = _one(SERIES, _called(names, NAMES))
    if series:
        return {**series, **({} if STEP in names else _one(STEP, _called(names, STEPS))), **label}
    time = _called(names[:1], TIMES) or _called(names, TIMES)
    return {**({SERIES: None, STEP: time[0]} if len(time) == 1 else {}), **label}


def could_be_label(names: Iterable[str]) -> list[str]:
    """The columns that have a usual name of labels; a name that says which value is which counts, too.

    >>> could_be_label(["x", "Attack LABLE (1:No Attack, -1:Attack)", "Normal/Attack"])
    ['Attack LABLE (1:No Attack, -1:Attack)', 'Normal/Attack']
    """
    return [name for name in names if plain(name) in LABELS or plain(name).startswith(SPELLED)]


def candidates(names: Sequence[str], tables: Iterable[pd.DataFrame] = ()) -> str:
    """The columns that may be the label, in brackets: several by their names, else by their values, 0 and 1 only.

    >>> candidates(["x", "fault", "attack"]), candidates(["x"])
    (" ('fault' or 'attack')", '')
    """
    could = could_be_label(names)
    if len(could) > 1:
        return f" ({' or '.join(map(repr, could))})"
    two = _two_valued([name for name in names if not is_unnamed(name)], tables)
    more = f" and {len(two) - NAMED:,} more" if len(two) > NAMED else ""
    return f" (0 and 1 are the only values of {', '.join(map(repr, two[:NAMED]))}{more})" if two else ""


def _two_valued(names: Sequence[str], tables: Iterable[pd.DataFrame]) -> list[str]:
    """The columns that hold 0 and 1, or false and true, and nothing else in all tables together."""
    seen: dict[str, set[float]] = {name: set() for name in names}
    for table in tables:
        for name in list(seen):
            column = table[name]
            seen[name] |= {float(value) for value in column.unique()[:3]} if column.dtype.kind in "buif" else {2.0}
            if not seen[name] <= {0.0, 1.0}:
                del seen[name]
    return [name for name, values in seen.items() if values == {0.0, 1.0}]


def numbered(names: Sequence[str]) -> bool:
    """Whether names are one word with the numbers from 0 or 1 on, as those of the steps of a sequence are.

    >>> numbered(["t0", "t1", "t2"]), numbered(["heat", "flow"])
    (True, False)
    """
    parts = [found for name in names if (found := re.fullmatch(r"(\D*)(\d+)", name))]
    if len(names) < 2 or len(parts) < len(names) or len({found[1] for found in parts}) > 1:
        return False
    numbers = [int(found[2]) for found in parts]
    return numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))


def columns_note(found: Mapping[str, str | None]) -> tuple[str, ...]:
    """The sentence that says which columns were found by their names; that a table is one series is said elsewhere.

    >>> columns_note({"series": "unit", "step": "cycle"}), columns_note({"series": None, "step": "time"})
    (("series are told apart by the column 'unit'; steps are in the order of 'cycle'",), ())
    """
    said = {"series": "series are told apart by the column", "step": "steps are in the order of"}
    said[LABEL] = "labels are in the column"
    named = {
        k: name for k, name in found.items() if name is not None and (k != STEP or found.get(SERIES, "") is not None)
    }
    return ("; ".join(f"{said[option]} {name!r}" for option, name in named.items()),) if named else ()


def features_note(names: Iterable[str], chosen: Collection[str] | None = None) -> tuple[str, ...]:
    """The sentences about the columns that are features: those without a name, and names that say something else.

    Args:
        names: the columns that are left beside series, step, label and part.
        chosen: the features, if they were chosen among them.

    >>> features_note(["x", "changepoint", "is_train"])
    ("the features 'changepoint' and 'is_train' may tell the label or a step's place, by their names: if they do, \
leave them out with --ignore",)
    >>> features_note(["Unnamed: 0", "x"]), features_note(["Unnamed: 0", "x"], ["x"])
    (('the column without a name is left out; to use it as a feature, give it a name',), ())
    """
    doubtful = [repr(name) for name in chosen or names if _may_tell(plain(name))]
    return (*_unnamed_note(0 if chosen else sum(map(is_unnamed, names))), *_doubts_note(doubtful))


def is_unnamed(column: str) -> bool:
    """Whether a column has no name, as the one that counts the rows where pandas or R wrote a table with its index.

    >>> is_unnamed(""), is_unnamed("Unnamed: 0"), is_unnamed("x")
    (True, True, False)
    """
    return re.fullmatch(r"|Unnamed: \d+|__index_level_\d+__", column) is not None


def _unnamed_note(count: int) -> tuple[str, ...]:
    if count > 1:
        return (f"{count} columns without a name are left out; to use one as a feature, give it a name",)
    return ("the column without a name is left out; to use it as a feature, give it a name",) * count


def _doubts_note(names: list[str]) -> tuple[str, ...]:
    first = "may tell the label or a step's place, by"
    if len(names) < 2:
        return tuple(f"the feature {name} {first} its name: if it does, leave it out with --ignore" for name in names)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return (f"the features {listed} {first} their names: if they do, leave them out with --ignore",)


def _may_tell(name: str) -> bool:
    return name in TELLING | COUNTING or name.startswith(("anomaly_", "attack_", "fault_", "label_", "is_anomal"))


def _called(names: Iterable[str], usual: Iterable[str]) -> list[str]:
    return [name for name in names if plain(name) in usual]


def _one(option: str, found: list[str]) -> dict[str, Any]:
    return {option: found[0]} if len(found) == 1 else {}
