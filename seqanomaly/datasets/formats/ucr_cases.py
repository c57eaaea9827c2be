"""The UCR classification archive: a case per line, its class first, in `NAME_TRAIN` and `NAME_TEST`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from seqanomaly.datasets.formats.cases import PART, Case, Cases, padding_note, stem, unpadded
from seqanomaly.datasets.formats.text import first_line, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

ROW = re.compile(r"\s*[-+]?\d+(\.0*)?(e[-+]?0+)?([,\s]+[-+.\dena]+)+\s*", re.IGNORECASE)
"""A class, which is a whole number, and values."""


class UcrCases(Cases):
    """Labelled cases of one channel: no header, the class first, its values after it, padded with NaN.

    Dau et al., The UCR time series archive, IEEE/CAA Journal of Automatica Sinica 2019.
    """

    title: ClassVar[str] = "the UCR classification archive"
    looks: ClassVar[str] = "NAME_TRAIN.tsv and NAME_TEST.tsv (.txt, or no ending), class and values in a line"
    example: ClassVar[str] = "{path: Wafer, normal: 1, label: binary}"
    patterns: ClassVar[tuple[str, ...]] = tuple(
        f"*_{p}{end}" for end in (".tsv", ".txt", "") for p in ("TRAIN", "TEST")
    )
    kind: Literal["ucr_cases"] = "ucr_cases"

    @classmethod
    def looks_so(cls, path: Path) -> bool:
        return (
            super().looks_so(path)
            and PART.fullmatch(stem(path)) is not None
            and ROW.fullmatch(first_line(path)) is not None
        )

    def read(self, files: Sequence[Path]) -> Loaded:
        notes: list[str] = ["a line is a case, its class first"]
        return self.loaded([self._cases(path, notes) for path in files], files, notes)

    def _cases(self, path: Path, notes: list[str]) -> list[Case]:
        first = first_line(path)
        separator = "\t" if "\t" in first else "," if "," in first else r"\s+"
        values, _ = read_numbers(path, separator, header=False, missing=True)
        if values.shape[1] < 2:
            raise DataError(f"{path}: has one value in a line; needed are the class of a case and its values")
        classes = values[:, 0]
        wrong = ~(classes == np.round(classes))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{path}: row {row + 1} begins with {classes[row]:g}, which is no class; a line is a class, a whole "
                "number, and the values of a case"
            )
        found = []
        for row, case in enumerate(values[:, 1:, None]):
            at = f"{path}: row {row + 1}"
            found.append(Case.of(unpadded(case, at), f"{classes[row]:.0f}", at, missing=self.takes_missing))
        padded = sum(len(case.x) < values.shape[1] - 1 for case in found)
        notes += padding_note(padded, len(found), path.name)
        return found
