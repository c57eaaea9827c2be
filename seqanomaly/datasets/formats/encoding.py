"""Events of a log as features: a column for each event, or columns by its hash."""

from __future__ import annotations

import hashlib
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.laid import place_of
from seqanomaly.datasets.policies import Cleaned
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.table_spec import ClassName, Names
from seqanomaly.errors import DataError

OTHER = "other"
"""The column of the events without one of their own."""
USUAL = ("0", "normal", "Normal", "NORMAL", "Success", "success")
"""Labels that mean normal without being told."""
SMALLER = "read the first events of each, as with longest: 50, or fewer sessions, as with take: 100000"
"""The remedy where a log is large."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Sessions of a log, whose events are numbers."""

    events: Sequence[str]
    """Name of each event by its number."""
    code: NDArray[np.int64]
    """The event at each step, [S], the steps of one session after those of the other."""
    length: NDArray[np.int64]
    """Events of each session, [N]."""
    ids: Sequence[str]
    """Name of each session, [N]."""
    label: NDArray[np.int64]
    """Class of each step, [S]."""

    def take(self, chosen: NDArray[np.bool_]) -> Coded:
        """Some of the sessions, [N]."""
        ids = [name for name, kept in zip(self.ids, chosen.tolist(), strict=True) if kept]
        steps = np.repeat(chosen, self.length)
        length = self.length[chosen]
        return Coded(events=self.events, code=self.code[steps], length=length, ids=ids, label=self.label[steps])

    def first(self, longest: int) -> Coded:
        """The first `longest` events of each session."""
        kept, length = self.step < longest, np.minimum(self.length, longest)
        return Coded(events=self.events, code=self.code[kept], length=length, ids=self.ids, label=self.label[kept])

    @property
    def row(self) -> NDArray[np.int64]:
        """The session of each step, [S]."""
        return np.repeat(np.arange(len(self.length)), self.length)

    @property
    def step(self) -> NDArray[np.int64]:
        """The place of each step in its session, [S]."""
        return np.arange(len(self.code)) - np.repeat(np.cumsum(self.length) - self.length, self.length)

    def held_in(self) -> NDArray[np.int64]:
        """In how many sessions each event is; in one series, at how many steps."""
        code = self.code
        if len(self.length) > 1:
            code = np.unique(self.row * len(self.events) + code) % len(self.events)
        return np.bincount(code, minlength=len(self.events))


class Encoded(Given, Drawn, ABC):
    """A log whose steps are events, each of a finite number of kinds."""

    normal: ClassName | None = None
    """The label that means normal; by default 0, "normal" or "Success"."""
    encode: Literal["onehot", "hashed"] = "onehot"
    """`onehot`: a column per event; `hashed`: `size` columns, an event in the one that its hash says."""
    size: int = Field(16, ge=2)
    """Columns of `hashed`; events that share one look alike."""
    min_sessions: int = Field(5, ge=1)
    """Events in fewer sessions have no column of their own in `onehot`; in one series, those at fewer steps."""
    vocabulary: Names | None = None
    """The events with a column of their own in `onehot`; by default those in at least `min_sessions` sessions."""
    unwritten: ClassVar[frozenset[str]] = Cleaned.unwritten | {"take", "longest"}
    take: int | None = Field(None, ge=3)
    """Most sessions that are read, evenly chosen from the log; null for all."""
    longest: int | None = Field(None, ge=2)
    """Most events of a session that are read, its first ones; null for all."""

    def for_features(self, features: tuple[str, ...]) -> Self:
        """The same log with the columns that a detector was trained on."""
        if self.encode == "hashed" or self.vocabulary is not None:
            return self
        own = tuple(name.removeprefix("event_") for name in features if name != OTHER)
        return self.model_copy(update={"vocabulary": own})

    def sequences(self, log: Coded, classes: tuple[str, ...], path: Path) -> tuple[Sequences, list[str]]:
        """The sessions with two events or more, encoded, and what was done."""
        log, said = self._chosen(log, path)
        place, features, how = self._columns(log, path)
        try:
            flat = place_of(log.length, len(features))
        except MemoryError as error:
            raise DataError(f"{path}: {error}; {SMALLER}") from None
        if flat is not None:
            said.append(f"of sessions so unlike in length, {SMALLER}, if memory is short")
        shape = (len(log.length), int(log.length.max())) if flat is None else (flat.rows, 1)
        at = (log.row, log.step) if flat is None else (np.arange(flat.rows), np.zeros(flat.rows, np.int64))
        x, label = np.zeros((*shape, len(features)), np.float32), np.zeros(shape, np.int64)
        x[(*at, place[log.code])] = 1
        label[at] = log.label
        ids = tuple(log.ids)
        found = Sequences(x=x, label=label, length=log.length, ids=ids, features=features, classes=classes, flat=flat)
        return found, [how, *said]

    def _chosen(self, log: Coded, path: Path) -> tuple[Coded, list[str]]:
        long, said = log.length > 1, []
        if not long.any():
            raise DataError(f"{path}: no session has 2 events or more, so there is no early and no late one")
        if not long.all():
            said.append(f"sessions with fewer than 2 events: {int((~long).sum()):,} of {len(long):,}, left out")
            log = log.take(long)
        if self.take is not None and self.take < len(log.length):
            said.append(f"{self.take:,} of {len(log.length):,} sessions are read, evenly chosen (take)")
            chosen = np.zeros(len(log.length), np.bool_)
            chosen[np.arange(self.take) * len(log.length) // self.take] = True
            log = log.take(chosen)
        cut = 0 if self.longest is None else int((log.length > self.longest).sum())
        if self.longest is not None and cut:
            said.append(f"{cut:,} of {len(log.length):,} sessions end after {self.longest} events (longest)")
            log = log.first(self.longest)
        return log, said

    def _columns(self, log: Coded, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...], str]:
        """The column of each event, the names of the columns, and the sentence about them."""
        held = log.held_in()
        there = [event for event, count in zip(log.events, held.tolist(), strict=True) if count]
        if self.encode == "hashed":
            place = np.array([hashed(event, self.size) for event in log.events])
            shared = len(there) - len({hashed(event, self.size) for event in there})
            said = f"{len(there):,} events in {self.size} columns by their hash: {shared:,} share one with another"
            return place, tuple(f"hash_{number}" for number in range(self.size)), said
        common = sorted(event for event, count in zip(log.events, held, strict=True) if count >= self.min_sessions)
        own = common if self.vocabulary is None else self.vocabulary
        unit = "sessions" if len(log.length) > 1 else "lines"
        if not own:
            raise DataError(
                f"{path}: none of its {len(there):,} events is in {self.min_sessions} {unit}; choose a smaller "
                "min_sessions, or encode: hashed"
            )
        number = {event: column for column, event in enumerate(own)}
        place = np.array([number.get(event, len(own)) for event in log.events])
        why = f"in fewer than {self.min_sessions} {unit}" if self.vocabulary is None else "not in the vocabulary"
        rest = len(set(there) - set(own))
        said = f"{len(own):,} events have a column each; {rest:,} {why} share the column {OTHER!r}"
        return place, (*(f"event_{event}" for event in own), OTHER), said


def hashed(event: str, size: int) -> int:
    """The column of an event, the same everywhere and always.

    >>> hashed("E5", 16), hashed("E5", 16) == hashed("E22", 16)
    (3, False)
    """
    return int.from_bytes(hashlib.sha256(event.encode()).digest()[:8], "big") % size


def classes_of(labels: Sequence[str], normal: str | None, where: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class of each session and the names of the classes, the normal one first; a `DataError` asks which it is.

    >>> classes_of(["Anomaly", "Normal"], None, "doc")
    (array([1, 0]), ('Normal', 'Anomaly'))
    """
    found = sorted(set(labels))
    usual = next((name for name in USUAL if name in found), None) if normal is None else normal
    if usual is None or usual not in found:
        asked = "none is 0, 'normal' or 'Success'" if usual is None else f"none is {usual!r}"
        raise DataError(
            f"{where} has the labels {', '.join(found[:8])} and {asked}; say which one is normal with normal: LABEL"
        )
    classes = (usual, *(name for name in found if name != usual))
    number = {name: place for place, name in enumerate(classes)}
    return np.array([number[name] for name in labels], np.int64), classes if len(classes) > 1 else ("0", "1")
