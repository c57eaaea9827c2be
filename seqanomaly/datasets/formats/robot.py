"""Robot execution failures (UCI): blocks of a class line and 15 rows of forces and torques."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Drawn, Shipped
from seqanomaly.datasets.formats.text import bare, find, listed, read_text
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

FEATURES = ("fx", "fy", "fz", "tx", "ty", "tz")
"""Three forces and three torques."""
NORMAL = ("normal", "ok")
"""What the problems call an execution without failure."""


class Robot(Shipped, Drawn):
    """Forces and torques on a robot's arm right after each of its movements, 15 steps of 315 ms in all.

    Seabra Lopes & Camarinha-Matos, Feature transformation strategies for a robot learning problem, 1998 (UCI).
    """

    title: ClassVar[str] = "robot execution failures"
    looks: ClassVar[str] = "lp1.data to lp5.data: a class line and 15 rows of 6 numbers"
    example: ClassVar[str] = "RobotExecutionFailures/lp4.data"
    kind: Literal["robot"] = "robot"
    subset: Literal["lp1", "lp2", "lp3", "lp4", "lp5"] = "lp1"
    """Learning problem: lp1 approach to grasp, lp2 transfer, lp3 position after it, lp4 approach to ungrasp, lp5
    motion with a part; lp1 and lp4 ship."""
    label: Literal["binary", "class"] = "binary"
    """`binary`: any failure or none; `class`: which, for the task `classify`."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file() and (name := re.fullmatch(r"(lp[1-5])\.data", bare(path).name)):
            return {} if name[1] == "lp1" else {"subset": name[1]}
        subsets = sorted(bare(one).stem for one in listed(path, "lp[1-5].data"))
        return None if not subsets else {} if "lp1" in subsets else {"subset": subsets[0]}

    def files(self) -> Sequence[Path]:
        """The file of the learning problem."""
        root = self.root()
        if root.is_file():
            return [root]
        if self.path is None and self.subset not in ("lp1", "lp4"):
            raise DataError(f"{self.subset} does not ship; name the folder with {self.subset}.data with path")
        there = ", ".join(path.name for path in listed(root, "lp?.data")) or "none"
        return [find(root, f"{self.subset}.data", f"found: {there}")]

    def read(self, files: Sequence[Path]) -> Loaded:
        (path,) = files
        names, blocks = zip(*_episodes(path, missing=self.takes_missing), strict=True)
        kept = _first_of_equals(names, blocks)
        normal = next((name for name in NORMAL if name in names), None)
        if normal is None:
            raise DataError(f"{path}: no episode has the class {' or '.join(NORMAL)}")
        kinds = (normal, *sorted(set(names) - {normal}))
        code = {name: place if self.label == "class" else int(place > 0) for place, name in enumerate(kinds)}
        known = Sequences.of(
            [blocks[i] for i in kept],
            [code[names[i]] for i in kept],
            ids=tuple(f"{bare(path).stem}-{i + 1}" for i in kept),
            features=FEATURES,
            classes=kinds if self.label == "class" else ("0", "1"),
        )
        what = "the class" if self.label == "class" else f"1 for every class but {normal!r}"
        notes = [f"label is {what} of the episode, on all of its steps"]
        others = [bare(one).stem for one in listed(self.root(), "lp[1-5].data") if one != path]
        if others and self.path is not None:
            notes.append(f"{bare(path).name} is read; others there, with subset: {', '.join(others)}")
        if len(kept) < len(names):
            notes.append(f"copies of earlier episodes: {len(names) - len(kept)} of {len(names)}, left out")
        return Loaded(known=known, notes=tuple(notes))


def _episodes(path: Path, *, missing: bool) -> list[tuple[str, NDArray[np.float64]]]:
    """Class and rows [15, 6] of each episode."""
    found: list[tuple[str, NDArray[np.float64]]] = []
    for block in re.split(r"\n\s*\n", read_text(path).replace("\r", "").strip()):
        name, *rows = (line.strip() for line in block.strip().split("\n"))
        at = f"{path}: episode {len(found) + 1} ({name!r})"
        try:
            if any("_" in row for row in rows):
                raise ValueError("a number has no _")
            values = np.array([[float(value) for value in row.split()] for row in rows])
        except ValueError as error:
            raise DataError(f"{at}: its rows are no numbers of equal count ({error})") from None
        usable = (np.abs(values) <= np.finfo(np.float32).max) | (np.isnan(values) if missing else False)
        if values.shape == usable.shape == (15, len(FEATURES)) and np.isnan(values[~usable]).any():
            raise DataError(f"{at}: a value is missing; {FILL_IT}")
        if values.shape != (15, len(FEATURES)) or not usable.all():
            shape = " x ".join(map(str, values.shape))
            raise DataError(f"{at}: needs a class and 15 rows of 6 finite numbers, found {shape}")
        if re.fullmatch(r"[A-Za-z_]+", name) is None:
            raise DataError(f"{at}: its class is no word of letters, such as normal or fr_collision")
        found.append((name, values))
    return found


def _first_of_equals(names: Sequence[str], blocks: Sequence[NDArray[np.float64]]) -> list[int]:
    """The first of episodes with the same class and rows, so that no copy of a training episode is tested."""
    first: dict[tuple[str, bytes], int] = {}
    for place, (name, rows) in enumerate(zip(names, blocks, strict=True)):
        first.setdefault((name, rows.tobytes()), place)
    return list(first.values())
