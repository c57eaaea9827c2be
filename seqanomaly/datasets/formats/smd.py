"""Server Machine Dataset: per machine a training and a test file of 38 columns, and a label per test step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, find, listed, read_numbers, upward, whole
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

PARTS = ("train", "test", "test_label")
"""The folders that hold a file per machine."""
FEATURES = tuple(f"channel_{i}" for i in range(1, 39))


class Smd(Given):
    """Server machines over five weeks each, 38 channels; the first half trains and has no labels.

    Su et al., Robust anomaly detection for multivariate time series through stochastic recurrent neural network, KDD
    2019.
    """

    title: ClassVar[str] = "the Server Machine Dataset"
    looks: ClassVar[str] = "train/, test/ and test_label/ with machine-1-6.txt, ..; 38 columns"
    example: ClassVar[str] = "ServerMachineDataset"
    kind: Literal["smd"] = "smd"
    machine: str | None = None
    """One machine, as in `machine-1-1`; all by default."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        inside = path.parent if path.is_file() else path
        here, above = whole(inside).name, upward(inside)[1:2]
        if here in PARTS and _is_root(above[0]):
            return {"path": str(above[0])} | ({"machine": bare(path).stem} if path.is_file() else {})
        return {} if _is_root(path) and listed(path / "train", "*.txt") else None

    def files(self) -> Sequence[Path]:
        """Training, test and label file of each machine."""
        root = self.root()
        there = [bare(path).stem for path in listed(root / "train", "*.txt")]
        if not there:
            raise DataError(f"{root}: there is no file in train; it needs the folders train, test and test_label")
        if self.machine is not None and self.machine not in there:
            raise DataError(f"{root}: there is no machine {self.machine!r}{nearest(self.machine, there)}")
        machines = there if self.machine is None else [self.machine]
        return [
            find(root / part, f"{machine}.txt", "each machine is in train, test and test_label")
            for machine in machines
            for part in PARTS
        ]

    def read(self, files: Sequence[Path]) -> Loaded:
        each = [_machine(*files[at : at + 3], missing=self.takes_missing) for at in range(0, len(files), 3)]
        notes = ["label is the file in test_label; the training half has none and is taken as normal"]
        return halves_loaded(each, FEATURES, notes)


def _is_root(path: Path) -> bool:
    return all((path / part).is_dir() for part in PARTS)


def _machine(train: Path, test: Path, label: Path, *, missing: bool) -> Halves:
    x, y = (_numbers(path, len(FEATURES), missing=missing) for path in (train, test))
    of_steps = zero_one(_numbers(label, 1)[:, 0], str(label))
    if len(of_steps) != len(y):
        raise DataError(f"{label}: has {len(of_steps)} labels for the {len(y)} rows of {test.name}")
    return Halves(name=bare(train).stem, train=x, train_label=np.zeros(len(x), np.int64), test=y, test_label=of_steps)


def _numbers(path: Path, columns: int, *, missing: bool | None = None) -> NDArray[np.float64]:
    values, _ = read_numbers(path, ",", header=False, missing=missing)
    if values.shape[1] != columns:
        raise DataError(f"{path}: has {values.shape[1]} columns; the Server Machine Dataset has {columns} here")
    return values
