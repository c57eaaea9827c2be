"""Labelled cases: sequences with one class each, in a training and a test file, as the classification archives have."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.formats.text import bare, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.table_spec import UNLABELLED, ClassName
from seqanomaly.errors import DataError

PART = re.compile(r"(?P<name>.+)_(?P<part>TRAIN|TEST)")
"""`NAME_TRAIN` and `NAME_TEST`, before the ending."""
DIMENSION = re.compile(r"(?P<name>.+)Dimension\d+")
"""What the archive calls a problem of one channel out of a problem of several."""
LAYOUTS = (".ts", ".arff", ".tsv", ".txt", "")
"""Endings of the files of a problem; where several are in its folder, the first of them is read."""


@dataclass(frozen=True)
class Case:
    """One sequence, x [steps, dimensions], NaN where a value is missing, and the name of its class."""

    x: NDArray[np.float64]
    label: str

    @classmethod
    def of(cls, x: NDArray[np.float64], label: str, at: str, *, missing: bool) -> Case:
        """A case whose values are checked; a `DataError` names the place in the file and the value."""
        gone = np.isnan(x)
        if gone.any() and not missing:
            step, dimension = (int(place[0]) for place in np.nonzero(gone))
            raise DataError(f"{at}: value {step + 1} of dimension {dimension + 1} is missing (?); {FILL_IT}")
        if not (gone | (np.abs(x) <= np.finfo(np.float32).max)).all():
            raise DataError(f"{at}: holds a value that is not finite, or too large for 32 bits")
        return cls(x, label)


def floats(words: Sequence[str], at: str, remedy: str) -> NDArray[np.float64]:
    """Words as numbers, NaN where one is missing; a `DataError` names the place, the word and the remedy.

    >>> floats(["1.5", "?"], "doc", "").tolist()
    [1.5, nan]
    """
    try:
        found = np.array([np.nan if word.strip() in ("?", "NaN", "nan") else float(word) for word in words])
        if "_" in "".join(words):
            raise ValueError("a number has no _")
    except ValueError as error:
        raise DataError(f"{at}: {error}; {remedy}") from None
    return found


def unpadded(x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
    """A case [steps, dimensions] without the steps at its end that have no value; a `DataError` says that none has.

    >>> unpadded(np.array([[1.0], [np.nan], [2.0], [np.nan]]), "doc").ravel().tolist()
    [1.0, nan, 2.0]
    """
    there = np.flatnonzero(~np.isnan(x).all(axis=1))
    if not there.size:
        raise DataError(f"{at}: all of its values are missing; leave the line out")
    return x[: there[-1] + 1]


def padding_note(padded: int, cases: int, where: str) -> list[str]:
    """The sentence about cases whose missing values at the end were left out, if there are any."""
    if not padded:
        return []
    return [f"{where}: {padded} of {cases} cases end in missing values, which are taken as padding and left out"]


class Cases(Given, Drawn, ABC):
    """A family of files `NAME_TRAIN` and `NAME_TEST`, or of one file; the class is of the whole case."""

    patterns: ClassVar[tuple[str, ...]]
    """Names of its files in a folder."""
    label: Literal["class", "binary"] | None = "class"
    """`class`: the class of the case; `binary`: 1 for every class but the normal one; null: all cases are normal."""
    normal: ClassName | None = None
    """The class that is normal; by default 0 or "normal"."""

    @classmethod
    def looks_so(cls, path: Path) -> bool:
        """Whether a file that may be of this family, by its name, is one."""
        return _ending(path) in {_ending(Path(pattern)) for pattern in cls.patterns}

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file():
            return {} if cls.looks_so(path) else None
        there = _there(path, cls.patterns)
        if not any(cls.looks_so(name) for name in there):
            return None
        first = min(LAYOUTS.index(_ending(name)) for name in there)
        return None if any(listed(path, f"*_TRAIN{other}") for other in LAYOUTS[:first]) else {}

    def files(self) -> Sequence[Path]:
        """The training and the test file, or the one file."""
        root = self.root()
        there = _there(root if root.is_dir() else root.parent, self.patterns)
        if root.is_file():
            if PART.fullmatch(stem(root)) is None:
                return [root]
            there = [path for path in there if _ending(path) == _ending(root)] or [root]
        problems = _problems(there)
        named = PART.fullmatch(stem(root)) if root.is_file() else None
        wanted = sorted(problems) if named is None else [named["name"]]
        if len(wanted) != 1:
            found = f"the problems {', '.join(wanted)}; name one of their files" if wanted else f"no {self._file()}"
            raise DataError(f"{root}: holds {found}")
        pair = problems[wanted[0]]
        return [pair[part] for part in ("TRAIN", "TEST") if part in pair] or [pair[""]]

    def loaded(self, parts: Sequence[Sequence[Case]], files: Sequence[Path], notes: Sequence[str]) -> Loaded:
        """The cases of each file as sequences; a `DataError` says that they do not fit each other."""
        for part, path in zip(parts, files, strict=True):
            if len({case.x.shape[1] for case in part}) > 1:
                raise DataError(f"{path}: its cases have different numbers of dimensions")
        if self.label is None:
            parts = [[replace(case, label="0") for case in part] for part in parts]
        classes = self.classes({case.label for part in parts for case in part}, files[0])
        codes, names = self.codes(classes)
        known, *test = (_sequences(part, codes, names, stem(path)) for part, path in zip(parts, files, strict=True))
        if test and known.features != test[0].features:
            raise DataError(f"{files[1]}: has {len(test[0].features)} dimensions where {files[0].name} has "
                            f"{len(known.features)}")  # fmt: skip
        what = "the class" if self.label == "class" else f"1 for every class but {classes[0]!r}"
        about = UNLABELLED if self.label is None else f"label is {what} of the case, on all of its steps"
        return Loaded(
            known=known,
            test=test[0] if test else None,
            notes=(about, *dict.fromkeys(notes), *self._unread(files)),
        )

    def classes(self, found: set[str], path: Path) -> tuple[str, ...]:
        """The names of the classes, the normal one first; a `DataError` asks which one is normal."""
        there = sorted(found)
        usual = next((name for name in ("0", "normal", "Normal") if name in found), None)
        normal = usual if self.normal is None or self.label is None else self.normal
        if normal is None:
            raise DataError(
                f"{path}: has the classes {', '.join(there[:8])} and none is 0 or 'normal'; say which one is normal "
                "with normal: CLASS"
            )
        if normal not in found:
            raise DataError(f"{path}: there is no class {normal!r}{nearest(normal, there)}")
        return (normal, *(name for name in there if name != normal))

    def codes(self, classes: tuple[str, ...]) -> tuple[dict[str, int], tuple[str, ...]]:
        """The number of each class, and the names of those numbers."""
        if self.label == "class":
            return {name: place for place, name in enumerate(classes)}, classes
        return {name: int(place > 0) for place, name in enumerate(classes)}, ("0", "1")

    def _file(self) -> str:
        return f"{_ending(Path(self.patterns[0]))} file"

    def _unread(self, files: Sequence[Path]) -> list[str]:
        """The sentence about files of the same problem in other layouts."""
        name = stem(files[0])
        names = [name + end for end in LAYOUTS[LAYOUTS.index(_ending(files[0])) + 1 :]]
        beside = [path.name for path in (files[0].parent / name for name in names) if path.is_file()]
        about = "taken to hold the same cases and not read"
        return [f"{' and '.join(beside)}: {about}"] if beside and self.root().is_dir() else []


def stem(path: Path) -> str:
    """The name of a file without its ending.

    >>> stem(Path("a/Gun.Point_TRAIN")), stem(Path("GunPoint_TRAIN.ts.gz"))
    ('Gun.Point_TRAIN', 'GunPoint_TRAIN')
    """
    name = bare(path)
    return name.stem if _ending(path) else name.name


def _ending(path: Path) -> str:
    """The ending of a file of cases; the empty one where it has none of them."""
    suffix = bare(path).suffix.lower()
    return suffix if suffix in LAYOUTS else ""


def _there(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return [path for pattern in patterns for path in listed(folder, pattern)]


def _problems(there: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """The files of each problem by their part; the empty one is that of a file that says none."""
    problems: dict[str, dict[str, Path]] = {}
    for path in there:
        found = PART.fullmatch(stem(path))
        name, part = (found["name"], found["part"]) if found else (stem(path), "")
        problems.setdefault(name, {}).setdefault(part, path)
    return {
        name: parts
        for name, parts in problems.items()
        if (single := DIMENSION.fullmatch(name)) is None or single["name"] not in problems
    }


def _sequences(cases: Sequence[Case], codes: dict[str, int], classes: tuple[str, ...], name: str) -> Sequences:
    return Sequences.of(
        [case.x for case in cases],
        [codes[case.label] for case in cases],
        ids=tuple(f"{name}-{place + 1}" for place in range(len(cases))),
        features=tuple(f"dim_{i}" for i in range(cases[0].x.shape[1])),
        classes=classes,
    )
