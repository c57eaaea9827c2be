"""`.ts` files of aeon and sktime: a header of @-lines, then a case per line, dimensions and class between colons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.formats.cases import Case, Cases, floats
from seqanomaly.datasets.formats.text import read_text
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

STAMPED = re.compile(r"\(([^(),]+),([^(),]+)\)")
"""A value with its timestamp, as in `(2004-10-01 00:00:00,21.5)` or `(3,21.5)`."""


NO_CLASS = "take every step as normal, as for forecast, with label: null"


class Ts(Cases):
    """Labelled cases in a pair of files `.._TRAIN.ts` and `.._TEST.ts`, or in one file; the class is of the whole case.

    Middlehurst et al., aeon: a Python toolkit for learning from time series, JMLR 2024.
    """

    title: ClassVar[str] = "cases in a .ts file"
    looks: ClassVar[str] = "NAME_TRAIN.ts and NAME_TEST.ts of aeon and sktime"
    example: ClassVar[str] = "{path: GunPoint, normal: 1, label: binary}"
    kind: Literal["ts"] = "ts"
    patterns: ClassVar[tuple[str, ...]] = ("*.ts",)

    def read(self, files: Sequence[Path]) -> Loaded:
        notes: list[str] = []
        return self.loaded(
            [_cases(path, notes, missing=self.takes_missing, labelled=self.label is not None) for path in files],
            files,
            notes,
        )


def _cases(path: Path, notes: list[str], *, missing: bool, labelled: bool) -> list[Case]:
    """The cases after the header; what was done to them is added to the notes."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    start = next((place for place, line in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise DataError(f"{path}: has no line @data; it is no .ts file")
    header = {
        words[0].lower(): words[1:] for line in lines[:start] if (words := line.lstrip("@").split()) and line[0] == "@"
    }
    numbers, classes = (_says(header, key) for key in ("targetlabel", "classlabel"))
    if labelled and (numbers or not classes):
        why = "a number to predict (@targetlabel true) and no class" if numbers else "no class (@classLabel true)"
        raise DataError(f"{path}: its cases have {why}; {NO_CLASS}")
    stamped = _says(header, "timestamps")
    found = [
        _case(line, f"{path}: line {start + 2 + place}", missing=missing, stamped=stamped, ends=numbers or classes)
        for place, line in enumerate(lines[start + 1 :])
        if line and not line.startswith(("#", "%"))
    ]
    if not found:
        raise DataError(f"{path}: there is no case after @data")
    declared = set(header["classlabel"][1:]) if labelled else set()
    wrong = next((case.label for case in found if declared and case.label not in declared), None)
    if wrong is not None:
        raise DataError(f"{path}: the class {wrong!r} is not one of its header, {', '.join(sorted(declared))}")
    notes += (
        ["values have timestamps, which give their order only: steps count as equally far apart"] if stamped else []
    )
    return found


def _says(header: Mapping[str, Sequence[str]], key: str) -> bool:
    return [word.lower() for word in header.get(key, ())[:1]] == ["true"]


def _case(line: str, at: str, *, missing: bool, stamped: bool, ends: bool) -> Case:
    """A case, whose line `ends` with its class or a number, or with its last dimension."""
    *dimensions, label = re.split(r":(?![^()]*\))", line if ends else f"{line}:")
    values = [_values(text, at, stamped=stamped) for text in dimensions]
    if not values or len({len(one) for one in values}) > 1:
        raise DataError(f"{at}: its dimensions have {', '.join(str(len(one)) for one in values) or 'no'} values")
    return Case.of(np.stack(values, axis=1), label.strip(), at, missing=missing)


def _values(text: str, at: str, *, stamped: bool) -> NDArray[np.float64]:
    """The values of one dimension, NaN where one is missing."""
    words = [value for _, value in STAMPED.findall(text)] if stamped else text.split(",")
    if stamped and STAMPED.sub("", text).strip(", "):
        raise DataError(f"{at}: holds more than pairs such as (2004-10-01 00:00:00,21.5), as its header says")
    found = floats(words, at, "a case is dim1:dim2:..:class with values between commas")
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
