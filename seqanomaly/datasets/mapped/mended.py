"""What was done to a table while it was converted, kept beside its converted copy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped import rough
from seqanomaly.datasets.mapped.pages import Pages

ABOUT, VALID, BREAKS = "mended.json", "valid.npy", "breaks.npy"


@dataclass(frozen=True, kw_only=True)
class Mended:
    """What was found and done."""

    sentences: tuple[str, ...]
    """A sentence about each thing found."""
    counts: dict[str, int]
    """Missing values, and the steps of each other kind."""
    tested: int
    """Steps of the test part as they were read."""
    usual_validation: bool
    """Whether what validates is no more than the end of each training sequence as it was read."""
    every: str | None = None
    """The sentence about the usual distance of two steps, where they have timestamps."""


def write_mended(folder: Path, about: Mended, breaks: NDArray[np.int64]) -> None:
    """Write what was done, and the rows at which a piece of its own begins."""
    (folder / ABOUT).write_text(json.dumps(asdict(about)), encoding="utf-8")
    np.save(folder / BREAKS, breaks, allow_pickle=False)


def read_mended(folder: Path) -> tuple[Mended, NDArray[np.int64]] | None:
    """What was done, and the rows of breaks; None where nothing was. Errors as `read_series`."""
    if not (folder / ABOUT).exists():
        return None
    found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    about = Mended(**{**found, "sentences": tuple(found["sentences"])})
    return about, np.load(folder / BREAKS, allow_pickle=False)


def write_valid(folder: Path, rows: int, valid: Callable[[int, int], NDArray[np.bool_]]) -> None:
    """Write which of so many rows take part, as `valid` says of the rows [begin, end)."""
    with (folder / VALID).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|b1", "fortran_order": False, "shape": (rows,)})
        for begin in range(0, rows, rough.AT_ONCE):
            file.write(valid(begin, min(begin + rough.AT_ONCE, rows)).tobytes())


def map_valid(folder: Path, rows: int) -> tuple[Pages, NDArray[np.bool_]] | None:
    """Which rows take part, mapped; None where all do. Errors as `map_steps`."""
    if not (folder / VALID).exists():
        return None
    pages = Pages(folder / VALID)
    with (folder / VALID).open("rb") as file:
        assert np.lib.format.read_magic(file) == (1, 0)
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
        begin = file.tell()
    if shape != (rows,) or kind != np.bool_:
        raise ValueError("what says which steps take part does not belong to them")
    return pages, np.frombuffer(pages.buffer, np.bool_, rows, begin)
