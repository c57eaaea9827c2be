"""A file that is mapped: what is touched comes into memory, and is let go of again so that little stays there."""

from __future__ import annotations

import mmap
from pathlib import Path

import pyarrow as pa

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
        with path.open("rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.buffer = pa.py_buffer(self.map)
        self.touched = 0

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
