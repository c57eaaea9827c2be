"""The UCR anomaly archive: one number per line, with the cut and the one anomaly in the file's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import inside
from seqanomaly.datasets.formats.text import bare, listed, read_numbers
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

NAME = re.compile(r"(?P<id>\d+)_UCR_Anomaly_(?P<name>.+)_(?P<train>\d+)_(?P<begin>\d+)_(?P<end>\d+)\.(?i:txt)")
"""`id_UCR_Anomaly_name_TRAIN_BEGIN_END.txt`."""


class Ucr(Given):
    """Series of the UCR anomaly archive with exactly one anomaly each, after a normal training part.

    The name says TRAIN, BEGIN and END: the first TRAIN values train, and the anomaly is on the lines BEGIN + 1 to END,
    which is where the variants of one series in the archive differ; where both are the same, on that line.
    Wu & Keogh, Current time series anomaly detection benchmarks are flawed, TKDE 2021. The archive states no licence,
    so it does not ship.
    """

    title: ClassVar[str] = "the UCR anomaly archive"
    looks: ClassVar[str] = "135_UCR_Anomaly_NAME_TRAIN_BEGIN_END.txt, one number per line"
    example: ClassVar[str] = "UCR_Anomaly"
    kind: Literal["ucr"] = "ucr"

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        names = [path] if path.is_file() else listed(path, "*_UCR_Anomaly_*.txt")
        return {} if any(NAME.fullmatch(bare(name).name) for name in names) else None

    def files(self) -> Sequence[Path]:
        """The file, or all of the archive's files in the folder."""
        root = self.root()
        found = [root] if root.is_file() else listed(root, "*_UCR_Anomaly_*.txt")
        if not found:
            raise DataError(
                f"{root}: there is no file such as 135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.txt in it"
            )
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        notes = [
            "label is 1 on the lines BEGIN + 1 to END of a file named .._TRAIN_BEGIN_END.txt; the first TRAIN values "
            "train"
        ]
        return halves_loaded([_series(path, missing=self.takes_missing) for path in files], ("value",), notes)


def _series(path: Path, *, missing: bool) -> Halves:
    name = NAME.fullmatch(bare(path).name)
    if name is None:
        raise DataError(f"{path}: its name does not say where training ends and the anomaly is: .._TRAIN_BEGIN_END.txt")
    train, begin, end = (int(name[key]) for key in ("train", "begin", "end"))
    values, _ = read_numbers(path, header=False, missing=missing)
    if 1 not in values.shape:
        raise DataError(f"{path}: has {values.shape[1]} values in a row; the archive has one number per line")
    x = values.reshape(-1, 1)
    if not (0 < train <= begin <= end <= len(x) and train < end):
        raise DataError(f"{path}: its name gives {train}, {begin}, {end}, which are no places in its {len(x)} values")
    label = inside([(min(begin, end - 1), end)], len(x))  # an anomaly of one value is on the line END
    return Halves.cut(f"{name['id']}_{name['name']}", x, label, train)
