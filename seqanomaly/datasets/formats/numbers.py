"""Text tables without a header, one sequence in each: columns are known by their numbers, from 1 on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.formats.stream import is_file, visible
from seqanomaly.datasets.formats.text import bare, first_line, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.split import by_time
from seqanomaly.datasets.table_spec import UNLABELLED, ClassName
from seqanomaly.errors import DataError

ENDINGS = (".txt", ".dat", ".data", ".csv", ".tsv", ".asc")
Column = Annotated[int, Field(ge=1)]
AsTuple = BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)
Span = Annotated[str, Field(pattern=r"^\s*[1-9]\d*\s*-\s*[1-9]\d*\s*$")]


class Numbers(Given, Drawn):
    """Rows of numbers between spaces, commas, semicolons or tabs; a file is a sequence, a row a step.

    Raw recordings such as those of Daphnet and OPPORTUNITY are so. A single file is cut in time, of several the seed
    draws some for testing.
    """

    title: ClassVar[str] = "tables of numbers without a header"
    looks: ClassVar[str] = ".txt or .dat, a row of numbers per step and a file per sequence; only with kind: numbers"
    example: ClassVar[str] = "{kind: numbers, path: daphnet, step: 1, label: 11, masked: [0], normal: 1}"
    kind: Literal["numbers"] = "numbers"
    label: int | None = Field(0, ge=0)
    """Number of the column with the class of a step, which has to be said; null to take all steps as normal."""
    step: Column | None = None
    """Number of the column with the time of a step; by default there is none."""
    ignore: Annotated[tuple[Column | Span, ...], AsTuple] | None = None
    """Columns that are no features, by number or as in `245-250`."""
    masked: Annotated[tuple[ClassName, ...], AsTuple] | None = None
    """Labels of steps that take no part."""
    normal: ClassName | None = None
    """The label that means normal; by default 0."""
    binary: bool = False
    """Whether all labels but the normal one are one class."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        return None  # which column is the label is in no file

    def files(self) -> Sequence[Path]:
        """The file, or all in the folder and its subfolders that begin with a row of numbers."""
        root = self.root()
        found = [root] if is_file(root) else [path for path in _texts(root) if _begins_with_numbers(path)]
        if not found:
            raise DataError(f"{root}: no file in it begins with a row of numbers; known endings: {', '.join(ENDINGS)}")
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        tables = [read_numbers(path, _separator(path), header=False, missing=True)[0] for path in files]
        width = tables[0].shape[1]
        for path, table in zip(files, tables, strict=True):
            if table.shape[1] != width:
                raise DataError(f"{path}: has {table.shape[1]} columns where {files[0].name} has {width}")
        chosen = self._features(width, files[0])
        labels = [self._labels(table, path) for table, path in zip(tables, files, strict=True)]
        classes = self._classes(Counter(word for words in labels for word in words), files[0])
        codes = {name: min(place, 1) if self.binary else place for place, name in enumerate(classes)}
        known = Sequences.of(
            [self._values(table, chosen, path) for table, path in zip(tables, files, strict=True)],
            [np.array([codes.get(word, 0) for word in words], np.int64) for words in labels],
            ids=tuple(bare(path).relative_to(self.base()).with_suffix("").as_posix() for path in files),
            features=tuple(f"column_{number}" for number in chosen),
            classes=("0", "1") if self.binary or len(classes) < 2 else classes,
            valid=[np.array([word not in (self.masked or ()) for word in words]) for words in labels]
            if self.masked
            else None,
            time=None
            if self.step is None
            else [self._times(table, path) for table, path in zip(tables, files, strict=True)],
        )
        loaded = Loaded(known=known, notes=tuple(self._said(files, labels, chosen, width)))
        return by_time(loaded, self.test, str(self.path)) if len(files) == 1 else loaded

    def _features(self, width: int, path: Path) -> list[int]:
        """Numbers of the columns that are features."""
        if self.label == 0:
            raise DataError(
                f"{path}: has {width} columns without names; say which one holds the labels with label: NUMBER, from 1 "
                "on, or take every step as normal with label: null"
            )
        ignored = [number for part in self.ignore or () for number in _numbers(part)]
        taken = [number for number in (self.label, self.step, *ignored) if number is not None]
        wrong = next((number for number in taken if number > width), None)
        if wrong is not None:
            raise DataError(f"{path}: there is no column {wrong}; it has {width}")
        if not (left := [number for number in range(1, width + 1) if number not in set(taken)]):
            raise DataError(f"{path}: of its {width} columns none is left as a feature")
        return left

    def _values(self, table: NDArray[np.float64], chosen: Sequence[int], path: Path) -> NDArray[np.float64]:
        x = table[:, [number - 1 for number in chosen]]
        if not self.takes_missing and np.isnan(x).any():
            row, place = (int(at[0]) for at in np.nonzero(np.isnan(x)))
            raise DataError(f"{path}: row {row + 1}, column {chosen[place]} is missing; {FILL_IT}")
        return x

    def _times(self, table: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
        assert self.step is not None
        return _there(table[:, self.step - 1], path, self.step)

    def _labels(self, table: NDArray[np.float64], path: Path) -> list[str]:
        """The label of each row as it is written, without decimals that say nothing."""
        if self.label is None:
            return ["0"] * len(table)
        values = _there(table[:, self.label - 1], path, self.label)
        return [f"{value:.0f}" if value == round(value) else repr(value) for value in values.tolist()]

    def _classes(self, found: Counter[str], path: Path) -> tuple[str, ...]:
        """Names of the classes that take part, the normal one first."""
        absent = next((word for word in (self.masked or ()) if word not in found), None)
        if absent is not None:
            raise DataError(
                f"{path}: no step of the data has the label {absent!r} that is masked{nearest(absent, found)}"
            )
        there = sorted(set(found) - set(self.masked or ()), key=float)
        normal = self.normal or "0"
        if normal not in there:
            raise DataError(
                f"{path}: column {self.label} has the labels {', '.join(there[:8])} and none is {normal!r}; say which "
                "one is normal with normal: LABEL"
            )
        return (normal, *(name for name in there if name != normal))

    def _said(
        self, files: Sequence[Path], labels: Sequence[Sequence[str]], chosen: Sequence[int], width: int
    ) -> list[str]:
        normal = self.normal or "0"
        said = [UNLABELLED if self.label is None else f"label is column {self.label}, where {normal} is normal"]
        said.append(f"{len(chosen)} of the {width} columns are features")
        if self.masked:
            count = sum(word in self.masked for words in labels for word in words)
            steps = sum(len(words) for words in labels)
            said.append(f"masked, as their label is {' or '.join(self.masked)}: {count:,} of {steps:,} steps")
        others = [] if is_file(self.root()) else [path.name for path in _texts(self.root()) if path not in files]
        return said + ([f"left out, as they begin with no row of numbers: {', '.join(others)}"] if others else [])


def _there(values: NDArray[np.float64], path: Path, column: int) -> NDArray[np.float64]:
    if np.isnan(values).any():
        raise DataError(f"{path}: row {int(np.argmax(np.isnan(values))) + 1}, column {column} is missing; drop the row")
    return values


def _numbers(part: int | str) -> range:
    first, _, last = str(part).partition("-")
    return range(int(first), int(last or first) + 1)


def _texts(folder: Path) -> list[Path]:
    found = (path for pattern in ("*", "*/*") for path in visible(folder, pattern))
    return sorted(path for path in found if bare(path).suffix.lower() in ENDINGS and is_file(path))


def _begins_with_numbers(path: Path) -> bool:
    words = [word for word in re.split(r"[,;\s]+", first_line(path)) if word]
    return bool(words) and all(re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan", word, re.I) for word in words)


def _separator(path: Path) -> str:
    line = first_line(path).strip()
    return next((mark for mark in ("\t", ";", ",") if mark in line), r"\s+")
