"""The TSB benchmarks: TSB-AD in CSV files whose names say the cut, TSB-UAD in `.out` files of value and label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, first_line, listed, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

NAME = re.compile(r"(?P<name>\d+_(?P<dataset>.+)_id_\d+_.+)_tr_(?P<train>\d+)_1st_(?P<first>\d+)\.(?i:csv)")
"""`index_dataset_id_k_domain_tr_TRAIN_1st_FIRST.csv`."""


class TsbAd(Given):
    """Series of TSB-AD; the last column is the label, and the file's name says how many steps train.

    Liu & Paparrizos, The elephant in the room: towards a reliable time-series anomaly detection benchmark, NeurIPS
    2024.
    """

    title: ClassVar[str] = "TSB-AD"
    looks: ClassVar[str] = "001_NAB_id_1_Facility_tr_1007_1st_2014.csv, ..; last column Label"
    example: ClassVar[str] = "TSB-AD-U"
    kind: Literal["tsb_ad"] = "tsb_ad"

    dataset: str | None = None
    """The series of one data set, as in `MSL`; all by default, which must have as many features."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        names = [path] if path.is_file() else _tsb_ad_files(path)
        return {} if any(NAME.fullmatch(bare(name).name) for name in names) else None

    def files(self) -> Sequence[Path]:
        """The file, or all of the benchmark's files in the folder and its folders TSB-AD-U and TSB-AD-M."""
        root = self.root()
        found = [root] if root.is_file() else _tsb_ad_files(root)
        if not found:
            raise DataError(f"{root}: there is no file such as 001_NAB_id_1_Facility_tr_1007_1st_2014.csv in it")
        there = {path: _named(path)[1] for path in found}
        if self.dataset is None:
            return found
        if self.dataset not in there.values():
            raise DataError(
                f"{root}: there is no data set {self.dataset!r}{nearest(self.dataset, sorted(set(there.values())))}"
            )
        return [path for path, dataset in there.items() if dataset == self.dataset]

    def read(self, files: Sequence[Path]) -> Loaded:
        each = [_tsb_ad(path, missing=self.takes_missing) for path in files]
        width = each[0].train.shape[1]
        other = next((place for place, one in enumerate(each) if one.train.shape[1] != width), None)
        if other is not None:
            raise DataError(
                f"{self.path}: {files[0].name} has {width} feature{'s' * (width != 1)} and {files[other].name} "
                f"{each[other].train.shape[1]}; name one of them, or choose with dataset: {_named(files[other])[1]}"
            )
        notes = ["label is the column Label; the file's name says how many steps train, and the rest tests"]
        return halves_loaded(each, tuple(f"x{i}" for i in range(width)), notes)


class TsbUad(Given):
    """Series of TSB-UAD: a value and a label per line, without a given training part.

    Paparrizos et al., TSB-UAD: an end-to-end benchmark suite for univariate time-series anomaly detection, VLDB 2022.
    """

    title: ClassVar[str] = "TSB-UAD"
    looks: ClassVar[str] = "*.out: a value and a label per line"
    example: ClassVar[str] = "TSB-UAD"
    kind: Literal["tsb_uad"] = "tsb_uad"
    train: float = Field(0.1, gt=0, lt=1)
    """Share of the steps of each series, its first ones, that train; a tenth is the benchmark's usual choice."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        names = [path] if path.is_file() else listed(path, "*.out")
        return {} if any(bare(name).suffix.lower() == ".out" for name in names) else None

    def files(self) -> Sequence[Path]:
        """The file, or all `.out` files in the folder."""
        root = self.root()
        found = [root] if root.is_file() else listed(root, "*.out")
        if not found:
            raise DataError(f"{root}: there is no file that ends in .out in it")
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        each = [self._series(path) for path in files]
        anomalous, steps = (
            sum(int(count) for count in counts)
            for counts in zip(*((one.train_label.sum(), len(one.train)) for one in each), strict=True)
        )
        notes = [
            f"label is the second column; no training part is given, so the first {self.train:.0%} of each series "
            f"train ({anomalous:,} of {steps:,} training steps are anomalous)"
        ]
        return halves_loaded(each, ("value",), notes)

    def _series(self, path: Path) -> Halves:
        rows, _ = read_numbers(path, ",", header=False, missing=self.takes_missing)
        if rows.shape[1] != 2:
            raise DataError(f"{path}: has {rows.shape[1]} columns; TSB-UAD has two, value and label")
        return Halves.cut(bare(path).stem, rows[:, :1], zero_one(rows[:, 1], str(path)), int(self.train * len(rows)))


def _tsb_ad_files(folder: Path) -> list[Path]:
    pattern = "*_tr_*_1st_*.csv"
    return [*listed(folder, pattern), *listed(folder, f"TSB-AD-*/{pattern}")]


def _named(path: Path) -> tuple[str, str, int, int]:
    """What a file's name says: the series, the data set, the training steps and the first anomalous one."""
    found = NAME.fullmatch(bare(path).name)
    if found is None:
        raise DataError(f"{path}: its name does not say where training ends: .._tr_TRAIN_1st_FIRST.csv")
    return found["name"], found["dataset"], int(found["train"]), int(found["first"])


def _tsb_ad(path: Path, *, missing: bool) -> Halves:
    name, _, train, first_of_name = _named(path)
    last = first_line(path).strip().split(",")[-1]
    if last != "Label":
        raise DataError(f"{path}: its last column is {last!r}; in TSB-AD it is 'Label'")
    rows, _ = read_numbers(path, ",", header=True, missing=missing)
    label = zero_one(rows[:, -1], str(path))
    first = int(np.argmax(label)) if label.any() else None
    if first != first_of_name:
        raise DataError(
            f"{path}: its name says that step {first_of_name} is the first anomaly, and its column says {first}"
        )
    return Halves.cut(name, rows[:, :-1], label, train)
