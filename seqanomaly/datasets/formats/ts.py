"""`.ts` files of aeon and sktime: a header of @-lines, then a case per line, dimensions and class between colons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.files import ClassName
from seqanomaly.datasets.formats.text import bare, listed, read_text
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

STAMPED = re.compile(r"\(([^(),]+),([^(),]+)\)")
"""A value with its timestamp, as in `(2004-10-01 00:00:00,21.5)` or `(3,21.5)`."""


@dataclass(frozen=True)
class _Case:
    x: NDArray[np.float64]
    """[steps, dimensions]."""
    label: str


class Ts(Given, Drawn):
    """Labelled cases in a pair of files `.._TRAIN.ts` and `.._TEST.ts`, or in one file; the class is of the whole case.

    Middlehurst et al., aeon: a Python toolkit for learning from time series, JMLR 2024.
    """

    title: ClassVar[str] = "cases in a .ts file"
    looks: ClassVar[str] = "NAME_TRAIN.ts and NAME_TEST.ts of aeon and sktime"
    example: ClassVar[str] = "{path: GunPoint, normal: 1, label: binary}"
    kind: Literal["ts"] = "ts"
    label: Literal["class", "binary"] = "class"
    """`class`: the class of the case; `binary`: 1 for every class but the normal one."""
    normal: ClassName | None = None
    """The class that is normal; by default 0 or "normal"."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        names = [path] if path.is_file() else listed(path, "*.ts")
        return {} if any(bare(name).suffix == ".ts" for name in names) else None

    def files(self) -> Sequence[Path]:
        """The training and the test file, or the one file."""
        root = self.root()
        there = listed(root if root.is_dir() else root.parent, "*.ts")
        stem = bare(root).stem if root.is_file() else None
        problems = {bare(path).stem.removesuffix("_TRAIN").removesuffix("_TEST"): path for path in there}
        if stem is not None and not stem.endswith(("_TRAIN", "_TEST")):
            return [root]
        wanted = sorted(problems) if stem is None else [stem.removesuffix("_TRAIN").removesuffix("_TEST")]
        if len(wanted) != 1:
            found = f"the problems {', '.join(wanted)}; name one of their files" if wanted else "no .ts file"
            raise DataError(f"{root}: holds {found}")
        pair = {
            bare(path).stem.removeprefix(wanted[0]): path for path in there if bare(path).stem.startswith(wanted[0])
        }
        return [pair[end] for end in ("_TRAIN", "_TEST") if end in pair] or [there[0]]

    def read(self, files: Sequence[Path]) -> Loaded:
        notes: list[str] = []
        parts = [_cases(path, notes, missing=self.takes_missing) for path in files]
        classes = self._classes({case.label for part in parts for case in part}, files[0])
        codes = {name: place if self.label == "class" else int(place > 0) for place, name in enumerate(classes)}
        names = classes if self.label == "class" else ("0", "1")
        known, *test = (
            _sequences(part, codes, names, bare(path).stem) for part, path in zip(parts, files, strict=True)
        )
        if test and known.features != test[0].features:
            raise DataError(f"{files[1]}: has {len(test[0].features)} dimensions where {files[0].name} has "
                            f"{len(known.features)}")  # fmt: skip
        what = "the class" if self.label == "class" else f"1 for every class but {classes[0]!r}"
        return Loaded(
            known=known,
            test=test[0] if test else None,
            notes=(f"label is {what} of the case, on all of its steps", *dict.fromkeys(notes)),
        )

    def _classes(self, found: set[str], path: Path) -> tuple[str, ...]:
        """The names of the classes, the normal one first."""
        there = sorted(found)
        usual = next((name for name in ("0", "normal", "Normal") if name in found), None)
        normal = usual if self.normal is None else self.normal
        if normal is None:
            raise DataError(
                f"{path}: has the classes {', '.join(there[:8])} and none is 0 or 'normal'; say which one is normal "
                "with normal: CLASS"
            )
        if normal not in found:
            raise DataError(f"{path}: there is no class {normal!r}{nearest(normal, there)}")
        return (normal, *(name for name in there if name != normal))


def _sequences(cases: Sequence[_Case], codes: dict[str, int], classes: tuple[str, ...], stem: str) -> Sequences:
    return Sequences.of(
        [case.x for case in cases],
        [codes[case.label] for case in cases],
        ids=tuple(f"{stem}-{place + 1}" for place in range(len(cases))),
        features=tuple(f"dim_{i}" for i in range(cases[0].x.shape[1])),
        classes=classes,
    )


def _cases(path: Path, notes: list[str], *, missing: bool) -> list[_Case]:
    """The cases after the header; what was done to them is added to the notes."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    start = next((place for place, line in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise DataError(f"{path}: has no line @data; it is no .ts file")
    header = {
        words[0].lower(): words[1:] for line in lines[:start] if (words := line.lstrip("@").split()) and line[0] == "@"
    }
    if header.get("targetlabel", ["false"])[0].lower() == "true":
        raise DataError(f"{path}: holds numbers to predict (@targetlabel true), which are not read")
    stamped = header.get("timestamps", ["false"])[0].lower() == "true"
    if header.get("classlabel", ["false"])[0].lower() != "true":
        raise DataError(f"{path}: its cases have no class (@classLabel true)")
    found = [
        _case(line, f"{path}: line {start + 2 + place}", missing=missing, stamped=stamped)
        for place, line in enumerate(lines[start + 1 :])
        if line and not line.startswith(("#", "%"))
    ]
    if not found:
        raise DataError(f"{path}: there is no case after @data")
    declared = set(header["classlabel"][1:])
    wrong = next((case.label for case in found if declared and case.label not in declared), None)
    if wrong is not None:
        raise DataError(f"{path}: the class {wrong!r} is not one of its header, {', '.join(sorted(declared))}")
    if len({case.x.shape[1] for case in found}) > 1:
        raise DataError(f"{path}: its cases have different numbers of dimensions")
    notes += (
        ["values have timestamps, which give their order only: steps count as equally far apart"] if stamped else []
    )
    return found


def _case(line: str, at: str, *, missing: bool, stamped: bool) -> _Case:
    *dimensions, label = re.split(r":(?![^()]*\))", line)
    values = [_values(text, at, stamped=stamped) for text in dimensions]
    if not values or len({len(one) for one in values}) > 1:
        raise DataError(f"{at}: its dimensions have {', '.join(str(len(one)) for one in values) or 'no'} values")
    x = np.stack(values, axis=1)
    gone = np.isnan(x)
    if gone.any() and not missing:
        step, dimension = (int(place[0]) for place in np.nonzero(gone))
        raise DataError(f"{at}: value {step + 1} of dimension {dimension + 1} is missing (?); {FILL_IT}")
    if not (gone | (np.abs(x) <= np.finfo(np.float32).max)).all():
        raise DataError(f"{at}: holds a value that is not finite, or too large for 32 bits")
    return _Case(x, label.strip())


def _values(text: str, at: str, *, stamped: bool) -> NDArray[np.float64]:
    """The values of one dimension, NaN where one is missing."""
    words = [value for _, value in STAMPED.findall(text)] if stamped else text.split(",")
    if stamped and STAMPED.sub("", text).strip(", "):
        raise DataError(f"{at}: holds more than pairs such as (2004-10-01 00:00:00,21.5), as its header says")
    try:
        found = np.array([np.nan if word.strip() in ("?", "NaN", "nan") else float(word) for word in words])
        if "_" in "".join(words):
            raise ValueError("a number has no _")
    except ValueError as error:
        raise DataError(f"{at}: {error}; a case is dim1:dim2:..:class with values between commas") from None
    if stamped:
        _forward([stamp for stamp, _ in STAMPED.findall(text)], at)
    return found


def _forward(stamps: Sequence[str], at: str) -> None:
    """Raise a `DataError` where a timestamp does not come after the one before."""
    import pandas as pd

    given = pd.Series(stamps)
    times = pd.to_numeric(given, errors="coerce")
    same: float | pd.Timedelta = 0.0
    if times.isna().any():
        times, same = pd.to_datetime(given, errors="coerce", format="mixed", utc=True), pd.Timedelta(0)
    wrong = times.isna() | (times.diff() <= same)
    if wrong.any():
        place = int(np.argmax(wrong.to_numpy()))
        raise DataError(
            f"{at}: timestamp {place + 1}, {stamps[place]!r}, is none, or not after the one before; sort them"
        )
