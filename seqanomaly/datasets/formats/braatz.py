"""The Tennessee Eastman files of Russell, Chiang & Braatz: `dNN.dat` trains, `dNN_te.dat` tests, 52 values a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import inside
from seqanomaly.datasets.formats.tep import CHANNELS
from seqanomaly.datasets.formats.text import bare, find, listed, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

FEATURES = CHANNELS[:52]
"""41 measurements and 11 manipulated variables; the agitation speed is left out."""
ONSET = 160
"""Normal steps at the beginning of each test file with a fault."""


class Braatz(Given):
    """One training and one test run of a chemical plant per fault (Tennessee Eastman), a step every 3 minutes.

    A training run has its fault throughout; a test run after 160 steps. Fault 0 is none.
    Russell, Chiang & Braatz, Data-driven methods for fault detection and diagnosis in chemical processes, 2000.
    """

    title: ClassVar[str] = "the Tennessee Eastman files of Braatz"
    looks: ClassVar[str] = "d00.dat, d00_te.dat, d01.dat, ..; 52 columns"
    example: ClassVar[str] = "TEP_Braatz"
    kind: Literal["braatz"] = "braatz"
    label: Literal["label", "fault"] = "label"
    """`label`: 1 where there is a fault; `fault`: which, for the task `classify`."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file() and re.fullmatch(r"d\d\d(_te)?\.dat", bare(path).name):
            return {"path": str(path.parent)}
        return {} if listed(path, "d[0-9][0-9]_te.dat") and listed(path, "d[0-9][0-9].dat") else None

    def files(self) -> Sequence[Path]:
        """Training and test file of each fault."""
        root = self.root()
        train = listed(root, "d[0-9][0-9].dat")
        if not train:
            raise DataError(f"{root}: there is no file such as d00.dat in it")
        remedy = "each fault has a training file dNN.dat and a test file dNN_te.dat"
        return [path for one in train for path in (one, find(root, f"{bare(one).stem}_te.dat", remedy))]

    def read(self, files: Sequence[Path]) -> Loaded:
        numbers = [int(re.sub(r"\D", "", bare(path).stem)) for path in files[::2]]
        faults = [number for number in numbers if number]
        names = ("normal", *(f"fault{number}" for number in faults))
        notes = [
            f"label is {'the fault' if self.label == 'fault' else '1'} in all of a fault's training file and after "
            f"step {ONSET} of its test file"
        ]
        series = []
        for number, train, test in zip(numbers, files[::2], files[1::2], strict=True):
            code = faults.index(number) + 1 if number and self.label == "fault" else int(number > 0)
            x, y = (_rows(path, notes, missing=self.takes_missing) for path in (train, test))
            series.append(
                Halves(
                    name=f"fault{number}" if number else "normal",
                    train=x,
                    train_label=np.full(len(x), code),
                    test=y,
                    test_label=inside([(ONSET, len(y))], len(y)) * code,
                )
            )
        return halves_loaded(series, FEATURES, notes, names if self.label == "fault" else ("0", "1"))


def _rows(path: Path, notes: list[str], *, missing: bool) -> NDArray[np.float64]:
    """Steps in rows; a file with the channels in rows is turned, which is said in `notes`."""
    values, _ = read_numbers(path, header=False, missing=missing)
    if values.shape[1] == len(FEATURES):
        return values
    if values.shape[0] == len(FEATURES):
        notes.append(f"{bare(path).name}: its {values.shape[0]} rows are the channels, so it is turned")
        return values.T
    raise DataError(
        f"{path}: has {values.shape[0]} rows of {values.shape[1]} values; one of both must be {len(FEATURES)}"
    )
