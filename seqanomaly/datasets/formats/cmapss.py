"""C-MAPSS: simulated turbofan engines until they fail, in the space-separated files of the NASA repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seqanomaly.datasets.family import Shipped
from seqanomaly.datasets.formats.text import bare, find, listed, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

FEATURES = (*(f"setting_{i}" for i in range(1, 4)), *(f"sensor_{i}" for i in range(1, 22)))
"""Three operational settings and 21 sensors (the original readme says 26 sensors by mistake)."""


class Cmapss(Shipped):
    """Simulated turbofan engines (C-MAPSS); a step is a cycle and is anomalous when failure is near.

    Training engines run to their failure; test engines end before it, with the cycles left in a file of their own.
    Saxena, Goebel, Simon & Eklund, Damage propagation modeling for aircraft engine run-to-failure simulation, PHM 2008.
    """

    title: ClassVar[str] = "C-MAPSS"
    looks: ClassVar[str] = "train_FD001.txt, test_FD001.txt, RUL_FD001.txt; 26 columns"
    example: ClassVar[str] = "CMAPSSData"
    kind: Literal["cmapss"] = "cmapss"
    subset: Literal["FD001", "FD002", "FD003", "FD004"] = "FD001"
    """Which of the four simulations; FD001 ships."""
    horizon: int = Field(30, ge=1)
    """The label is 1 where at most this many cycles are left; 1 or more."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        subsets = sorted(bare(one).stem.removeprefix("train_") for one in listed(path, "train_FD00[1-4].txt"))
        if path.is_file() and (name := re.fullmatch(r"(train|test|RUL)_(FD00[1-4])\.txt", bare(path).name)):
            return {"path": str(path.parent), "subset": name[2]}
        return None if not subsets else {} if "FD001" in subsets else {"subset": subsets[0]}

    def files(self) -> Sequence[Path]:
        """The training, test and remaining-life file of the subset."""
        folder = self.root()
        if not folder.is_dir():
            raise DataError(
                f"{folder}: is not a folder; name the one with the files train_FD001.txt, test_.. and RUL_.."
            )
        there = ", ".join(path.name for path in listed(folder, "train_FD*.txt")) or "no training file"
        if self.path is None and self.subset != "FD001":
            raise DataError(f"{self.subset} does not ship; name the folder of the unpacked C-MAPSS archive with path")
        remedy = f"a subset has the files train_, test_ and RUL_{self.subset}.txt (found: {there})"
        return [find(folder, f"{part}_{self.subset}.txt", remedy) for part in ("train", "test", "RUL")]

    def read(self, files: Sequence[Path]) -> Loaded:
        train, test, left = files
        names = [bare(path).name for path in files]
        notes = [
            f"label is 1 where the remaining useful life is at most {self.horizon} cycles, in {names[0]} and, with "
            f"the cycles left in {names[2]}, in {names[1]}"
        ]
        there = [bare(one).stem.removeprefix("train_") for one in listed(self.root(), "train_FD00[1-4].txt")]
        others = [subset for subset in there if subset != self.subset]
        notes += (
            [f"{self.subset} is read; others there, with subset: {', '.join(others)}"]
            if others and self.path is not None
            else []
        )
        parts = [_engines(path, notes, missing=self.takes_missing) for path in (train, test)]
        remaining = _numbers(left, 1, notes)[:, 0]
        if (remaining < 0).any():
            at = int(np.argmax(remaining < 0))
            raise DataError(f"{left}: data row {at + 1}: {remaining[at]:g} cycles are left; it must be 0 or more")
        if len(remaining) != len(parts[1]):
            raise DataError(
                f"{left}: has {len(remaining)} rows for the {len(parts[1])} engines of {names[1]}; it needs one each"
            )
        known, official = (
            self._labelled(engines, of_each, prefix)
            for engines, of_each, prefix in zip(
                parts, (np.zeros(len(parts[0])), remaining), ("train", "test"), strict=True
            )
        )
        return Loaded(known=known, test=official, notes=tuple(notes))

    def _labelled(self, engines: list[NDArray[np.float64]], left: NDArray[np.float64], prefix: str) -> Sequences:
        """Engines as sequences; `left` is each one's cycles left after its last row."""
        life = [rows[-1, 1] - rows[:, 1] + after for rows, after in zip(engines, left, strict=True)]
        return Sequences.of(
            [rows[:, 2:] for rows in engines],
            [(remaining <= self.horizon).astype(np.int64) for remaining in life],
            ids=tuple(f"{prefix}-{rows[0, 0]:g}" for rows in engines),
            features=FEATURES,
        )


def _engines(path: Path, notes: list[str], *, missing: bool) -> list[NDArray[np.float64]]:
    """The rows of each engine, its cycles 1, 2, ... in order."""
    rows = _numbers(path, 2 + len(FEATURES), notes, missing=missing)
    whole = (rows[:, 0] == np.round(rows[:, 0])) & (np.abs(rows[:, 0]) < 1e6)
    if not whole.all():
        at = int(np.argmin(whole))
        raise DataError(f"{path}: data row {at + 1}: {rows[at, 0]:g} is not the number of an engine; they are whole")
    starts = np.flatnonzero(np.diff(rows[:, 0], prepend=np.nan) != 0)
    if len(np.unique(rows[starts, 0])) < len(starts):
        raise DataError(f"{path}: the rows of an engine do not stand together; sort them by engine and cycle")
    cycle = np.arange(1, len(rows) + 1) - np.repeat(starts, np.diff(starts, append=len(rows)))
    wrong = rows[:, 1] != cycle
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataError(
            f"{path}: data row {at + 1}: engine {rows[at, 0]:g} has cycle {rows[at, 1]:g} instead of {cycle[at]}; the "
            "cycles of an engine count from 1 without gaps"
        )
    return np.split(rows, starts[1:])


def _numbers(path: Path, columns: int, notes: list[str], *, missing: bool | None = None) -> NDArray[np.float64]:
    rows, header = read_numbers(path, missing=missing)
    if rows.shape[1] != columns:
        raise DataError(f"{path}: has {rows.shape[1]} columns; C-MAPSS has {columns} here")
    if header:
        notes.append(f"{bare(path).name}: its first row holds names and was left out")
    return rows
