"""The rows of a table while they are mended: in files of their own, read and written some at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.convert import write_at
from seqanomaly.datasets.mapped.layout import new_steps

AT_ONCE = 1 << 18
"""Rows that are mended at once."""


@dataclass(frozen=True, kw_only=True)
class Rough:
    """Rows in open files; beside features and labels, whether each takes part and when it was."""

    features: int
    """Number of features."""
    file: int
    """The file with features and labels."""
    x_at: int
    """Where features begin in it."""
    label_at: int
    """Where labels begin in it."""
    valid: int
    """The file that says whether rows take part."""
    time: int
    """The file with their times: as they are given, or as seconds or step numbers since the first of the series."""

    def x(self, begin: int, end: int) -> NDArray[np.float32]:
        """Features [S, F] of the rows [begin, end), to be changed at will."""
        found = read_at(self.file, np.float32, (end - begin) * self.features, self.x_at + 4 * self.features * begin)
        return found.reshape(-1, self.features)

    def labels(self, begin: int, end: int) -> NDArray[np.uint8]:
        """Label codes [S] of the rows [begin, end)."""
        return read_at(self.file, np.uint8, end - begin, self.label_at + begin)

    def valids(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Whether the rows [begin, end) take part, [S]."""
        return read_at(self.valid, np.bool_, end - begin, begin)

    def times(self, begin: int, end: int, kind: Any = np.float64) -> NDArray[Any]:
        """When the rows [begin, end) were, as numbers of that type, [S]."""
        return read_at(self.time, kind, end - begin, 8 * begin)

    def put_x(self, at: int, x: NDArray[np.float32]) -> None:
        """Write features [S, F] from row `at` on."""
        write_at(self.file, x, self.x_at + 4 * self.features * at)

    def put_label(self, at: int, label: NDArray[np.uint8]) -> None:
        """Write label codes [S] from row `at` on."""
        write_at(self.file, label, self.label_at + at)

    def put(self, at: int, valid: NDArray[np.bool_], time: NDArray[Any]) -> None:
        """Write whether rows take part, and times, [S] each, from row `at` on."""
        write_at(self.valid, valid.view(np.uint8), at)
        self.put_time(at, time)

    def put_time(self, at: int, time: NDArray[Any]) -> None:
        """Write times [S] from row `at` on."""
        write_at(self.time, time.view(np.uint8), 8 * at)


def read_at(file: int, kind: Any, count: int, place: int) -> NDArray[Any]:
    """So many numbers of a type from a place of an open file on."""
    found = np.empty(count, kind)
    assert os.preadv(file, [found.view(np.uint8).data], place) == found.nbytes
    return found


@contextmanager
def new_rough(path: Path, rows: int, features: int) -> Iterator[Rough]:
    """New files for so many rows: the steps at `path`, and beside it what is removed again in the end."""
    with ExitStack() as stack:
        file, x_at, label_at = stack.enter_context(new_steps(path, rows, features))
        beside = [path.with_suffix(end) for end in (".valid", ".time")]
        valid, time = (stack.enter_context(one.open("w+b")).fileno() for one in beside)
        for one in beside:
            stack.callback(one.unlink)
        yield Rough(features=features, file=file, x_at=x_at, label_at=label_at, valid=valid, time=time)


def shorten(path: Path, rows: int, found: Rough) -> None:
    """Leave the first `rows` rows in a file of steps; features stay where they are."""
    spare = path.with_suffix(".spare")
    with new_steps(spare, rows, found.features) as (exact, x_at, label_at):
        assert x_at == found.x_at, "what comes before the features has one size"
        size = os.fstat(exact).st_size
        write_at(found.file, read_at(exact, np.uint8, x_at, 0), 0)
        end = x_at + 4 * rows * found.features
        write_at(found.file, np.zeros(label_at - end, np.uint8), end)
        for begin in range(0, rows, AT_ONCE):  # they move towards the beginning
            write_at(found.file, found.labels(begin, min(begin + AT_ONCE, rows)), label_at + begin)
        write_at(found.file, read_at(exact, np.uint8, size - label_at - rows, label_at + rows), label_at + rows)
        os.ftruncate(found.file, size)
    spare.unlink()
