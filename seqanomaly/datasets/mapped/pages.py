"""A file that is mapped: what is touched comes into memory, and is let go of again so that little stays there."""

from __future__ import annotations

import mmap
import os
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqanomaly.errors import DataError

KEPT = 64 << 20
"""About how many bytes of a mapped file stay in a process at once."""
AROUND = 64 << 10
"""Bytes that the system maps around a place that is touched."""


class Pages:
    """A mapped file, to be read at any place.

    Args:
        path: the file; an empty one is a `ValueError`.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.file)
        self.map = mmap.mmap(self.file, 0, access=mmap.ACCESS_READ)
        self.buffer = pa.py_buffer(self.map)
        self.touched = 0

    def copy(self, values: NDArray[np.generic], rows: NDArray[np.int64], count: int) -> NDArray[np.generic]:
        """Copies [B, count, ...] of `count` rows of `values` [R, ...] from each of `rows` [B] on.

        They are read and not mapped, which takes half the time where the places are far apart.

        Args:
            values: an array in the mapped file.
            rows: the first row of each.
            count: rows of each, all of them in the file.

        Raises:
            DataError: the file has become shorter.
        """
        found = np.empty((len(rows), count, *values.shape[1:]), values.dtype)
        row = values.dtype.itemsize * int(np.prod(values.shape[1:]))
        places = int(values.ctypes.data) - self.buffer.address + row * rows
        into, size = memoryview(found.reshape(-1).view(np.uint8).data), row * count
        for number, place in enumerate(places.tolist()):
            if os.preadv(self.file, [into[number * size : (number + 1) * size]], place) < size:
                raise DataError(f"{self.path}: has become shorter while it was read; start again")
        return found

    def touch(self, places: int, size: int) -> None:
        """Say that `places` stretches of `size` bytes were read; now and then all is let go of.

        What is let go of stays in the system's cache as long as there is room, and comes back when it is touched.
        """
        self.touched += places * (size + AROUND)
        if self.touched > KEPT:
            self.release()

    def release(self) -> None:
        """Let go of what was touched, where the system knows how."""
        self.touched = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Close the file, if nothing looks into it any more."""
        del self.buffer
