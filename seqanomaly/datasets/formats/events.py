"""Event logs with a session per row: its name, the ids of its events in a text, its label; as in the loghub tables."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.files import UNLABELLED, ClassName, Names
from seqanomaly.datasets.formats.text import bare, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

OTHER = "other"
"""The column of the events without one of their own."""
SESSIONS = ("session", "session_id", "blockid", "block_id")
EVENTS = ("events", "event_sequence", "eventsequence", "features")
"""Names of the two columns, in lower case, by which a table is recognised."""
USUAL = ("0", "normal", "Normal", "NORMAL", "Success", "success")
"""Labels that mean normal without being told."""


class Events(Given, Drawn):
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
    normal: ClassName | None = None
    """The label that means normal; by default 0, "normal" or "Success"."""
    encode: Literal["onehot", "hashed"] = "onehot"
    """`onehot`: a column per event; `hashed`: `size` columns, an event in the one that its hash says."""
    size: int = Field(16, ge=2)
    """Columns of `hashed`; events that share one look alike."""
    min_sessions: int = Field(5, ge=1)
    """Events in fewer sessions of the table have no column of their own in `onehot`."""
    vocabulary: Names | None = None
    """The events with a column of their own in `onehot`; by default those in at least `min_sessions` sessions."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_dir() and (traces := listed(path, "Event_traces.csv")):
            found = cls.recognise(traces[0])
            return None if found is None else {"path": str(traces[0]), **found}
        if not path.is_file() or bare(path).suffix.lower() not in (".csv", ".tsv"):
            return None
        names = {name.lower(): name for name in re.split(r"[,;\t]", first_line(path).strip().replace('"', ""))}
        found = {
            "session": next((names[name] for name in SESSIONS if name in names), None),
            "events": next((names[name] for name in EVENTS if name in names), None),
        }
        if None in found.values():
            return None
        found |= {"label": names["label"]} if "label" in names else {}
        return {key: name for key, name in found.items() if name != cls._default(key)}

    def files(self) -> Sequence[Path]:
        """The one table."""
        return [self.root()]

    def for_features(self, features: tuple[str, ...]) -> Events:
        """The same log with the columns that a detector was trained on."""
        if self.encode == "hashed" or self.vocabulary is not None:
            return self
        own = tuple(name.removeprefix("event_") for name in features if name != OTHER)
        return self.model_copy(update={"vocabulary": own})

    def read(self, files: Sequence[Path]) -> Loaded:
        from seqanomaly.datasets.formats.table import read_noted

        (path,) = files
        table, notes = read_noted(path)
        sessions = self._sessions(table.rename(columns=str), path)
        long = np.array([len(one) > 1 for one in sessions])
        if not long.any():
            raise DataError(f"{path}: no session has 2 events or more, so there is no early and no late one")
        codes, classes = self._codes(table, path)
        kept = [one for one, enough in zip(sessions, long, strict=True) if enough]
        x, features, said = self._encoded(kept, path)
        gone = int((~long).sum())
        said += [f"sessions with fewer than 2 events: {gone:,} of {len(long):,}, left out"] if gone else []
        known = Sequences.of(
            x,
            codes[long].tolist(),
            ids=tuple(np.array(table[self.session].astype(str), object)[long]),
            features=features,
            classes=classes,
        )
        return Loaded(known=known, notes=(*notes, *said))

    def _sessions(self, table: pd.DataFrame, path: Path) -> list[list[str]]:
        """The events of each session, after checking the columns."""
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

    def _codes(self, table: pd.DataFrame, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Class of each session and the names of the classes, the normal one first."""
        if self.label is None:
            return np.zeros(len(table), np.int64), ("0", "1")
        labels = table[self.label].astype(str).tolist()
        found = sorted(set(labels))
        normal = self.normal or next((name for name in USUAL if name in found), None)
        if normal is None or normal not in found:
            asked = "none is 0, 'normal' or 'Success'" if normal is None else f"none is {normal!r}"
            raise DataError(
                f"{path}: column {self.label!r} has the labels {', '.join(found[:8])} and {asked}; say which one is "
                "normal with normal: LABEL"
            )
        classes = (normal, *(name for name in found if name != normal))
        return np.array([classes.index(name) for name in labels], np.int64), classes if len(classes) > 1 else ("0", "1")

    def _encoded(
        self, sessions: Sequence[Sequence[str]], path: Path
    ) -> tuple[list[NDArray[np.floating]], tuple[str, ...], list[str]]:
        """Features [events, columns] of each session, the names of the columns, and what was done."""
        of_session = f"label is the column {self.label!r} of the session, on all of its events"
        said = [UNLABELLED if self.label is None else of_session]
        counts = Counter(event for session in sessions for event in set(session))
        if self.encode == "hashed":
            place = {event: hashed(event, self.size) for event in counts}
            names = tuple(f"hash_{number}" for number in range(self.size))
            shared = len(place) - len(set(place.values()))
            said.append(
                f"{len(place):,} events in {self.size} columns by their hash: {shared:,} share one with another"
            )
        else:
            common = sorted(event for event, count in counts.items() if count >= self.min_sessions)
            own = common if self.vocabulary is None else self.vocabulary
            if not own:
                raise DataError(
                    f"{path}: none of its {len(counts):,} events is in {self.min_sessions} sessions; choose a smaller "
                    "min_sessions, or encode: hashed"
                )
            place = {event: len(own) for event in counts} | {event: number for number, event in enumerate(own)}
            names = (*(f"event_{event}" for event in own), OTHER)
            rest = len(set(counts) - set(own))
            why = f"in fewer than {self.min_sessions} sessions" if self.vocabulary is None else "not in the vocabulary"
            said.append(f"{len(own):,} events have a column each; {rest:,} {why} share the column {OTHER!r}")
        eye = np.eye(len(names))
        return [eye[[place[event] for event in session]] for session in sessions], names, said


def hashed(event: str, size: int) -> int:
    """The column of an event, the same everywhere and always.

    >>> hashed("E5", 16), hashed("E5", 16) == hashed("E22", 16)
    (3, False)
    """
    return int.from_bytes(hashlib.sha256(event.encode()).digest()[:8], "big") % size
