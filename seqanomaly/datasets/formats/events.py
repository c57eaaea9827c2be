"""Event logs with a session per row: its name, the ids of its events in a text, its label; as in the loghub tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from seqanomaly.config import nearest
from seqanomaly.datasets.formats.encoding import Coded, Encoded, classes_of
from seqanomaly.datasets.formats.text import bare, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.table_spec import UNLABELLED
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SESSIONS = ("session", "session_id", "blockid", "block_id")
EVENTS = ("events", "event_sequence", "eventsequence", "features")
"""Names of the two columns, in lower case, by which a table is recognised."""


class Events(Encoded):
    """Sessions of a log in a table: each row has the ids of a session's events, as in `5 5 22 11` or `[E5,E22]`.

    A step is an event. `onehot` gives each event a column, the rarer ones one together, where also those go that the
    table does not hold but new data do. The input weights of a model are a learned embedding of such columns, so
    there is no other. He et al., Loghub: a large collection of system log datasets, ISSRE 2023.
    """

    title: ClassVar[str] = "an event log"
    looks: ClassVar[str] = "a table with a session per row; BlockId, Features, Label or session, events, label"
    example: ClassVar[str] = "Event_traces.csv"
    kind: Literal["events"] = "events"
    session: str = "session"
    """Column that names the session."""
    events: str = "events"
    """Column with the ids of its events, in their order."""
    label: str | None = "label"
    """Column with the class of the session; null to take all as normal."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_dir():
            logs = listed(path, "*structured.csv")
            tables = listed(path, "Event_traces.csv") or ([] if logs else listed(path, "Event_occurrence_matrix.csv"))
            found = cls.recognise(tables[0]) if tables else None
            return None if found is None else {"path": str(tables[0]), **found}
        if not path.is_file() or bare(path).suffix.lower() not in (".csv", ".tsv"):
            return None
        names = {name.lower(): name for name in re.split(r"[,;\t]", first_line(path).strip().replace('"', ""))}
        found = {
            "session": next((names[name] for name in SESSIONS if name in names), None),
            "events": next((names[name] for name in EVENTS if name in names), None),
        }
        if found["session"] is not None and _counted(names):
            found["events"] = cls._default("events")
        if None in found.values():
            return None
        found |= {"label": names["label"]} if "label" in names else {}
        return {key: name for key, name in found.items() if name != cls._default(key)}

    def files(self) -> Sequence[Path]:
        """The one table."""
        return [self.root()]

    def read(self, files: Sequence[Path]) -> Loaded:
        from seqanomaly.datasets.formats.table import read_noted

        (path,) = files
        table, notes = read_noted(path)
        sessions = self._sessions(table.rename(columns=str), path)
        label = np.zeros(len(table), np.int64)
        classes: tuple[str, ...] = ("0", "1")
        if self.label is not None:
            label, classes = classes_of(
                table[self.label].astype(str).tolist(), self.normal, f"{path}: column {self.label!r}"
            )
        number: dict[str, int] = {}
        code = [number.setdefault(event, len(number)) for session in sessions for event in session]
        length = np.array([len(session) for session in sessions], np.int64)
        log = Coded(
            events=list(number),
            code=np.array(code, np.int64),
            length=length,
            ids=table[self.session].astype(str).tolist(),
            label=np.repeat(label, length),
        )
        known, said = self.sequences(log, classes, path)
        of_session = f"label is the column {self.label!r} of the session, on all of its events"
        return Loaded(known=known, notes=(*notes, UNLABELLED if self.label is None else of_session, *said))

    def _sessions(self, table: pd.DataFrame, path: Path) -> list[list[str]]:
        """The events of each session, after checking the columns."""
        if self.events not in table and _counted(table.columns):
            raise DataError(
                f"{path}: has how often each event is in a session (columns such as {_counted(table.columns)[0]!r}) "
                "and not in which order, so no steps; read loghub's Event_traces.csv, which has the order"
            )
        for option in ("session", "events", "label"):
            name = getattr(self, option)
            if name is not None and name not in table:
                raise DataError(
                    f"{path}: there is no column {name!r}; say which one it is with {option}: NAME"
                    f"{nearest(name, table.columns)}"
                )
        for name in (self.session, self.events, self.label):
            if name is not None and table[name].isna().any():
                row = int(np.argmax(table[name].isna().to_numpy()))
                raise DataError(
                    f"{path}: column {name!r}, data row {row + 1}: the value is missing; fill it or drop the row"
                )
        twice = table[self.session].astype(str).duplicated()
        if twice.any():
            row = int(np.argmax(twice.to_numpy()))
            raise DataError(
                f"{path}: column {self.session!r}, data row {row + 1}: session {str(table[self.session].iloc[row])!r} "
                "has a row already, and a session is one row with all of its events; a table with a row per step is "
                "read with kind: file"
            )
        return [re.findall(r"[^\s,;\[\]()'\"]+", str(text)) for text in table[self.events]]


def _counted(names: Iterable[object]) -> list[str]:
    """The columns that count an event each, as `E1`, `E2`, .. in loghub's `Event_occurrence_matrix.csv`."""
    found = [str(name) for name in names if re.fullmatch(r"[Ee]\d+", str(name).strip())]
    return found if len(found) > 1 else []
