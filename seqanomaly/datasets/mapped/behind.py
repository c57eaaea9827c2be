"""A large file that is read once leaves the system's cache as it is read, so that what is made of it has room there."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

LARGE = 1 << 30
"""Bytes from which on a file leaves the cache; a smaller one stays, as it may be read again."""
ONCE = 64 << 20
"""Bytes that leave it together."""


class Behind:
    """What all readers of a file have passed leaves the system's cache, where the system knows how.

    Args:
        path: the file.
        readers: how many read it from its beginning to its end, each at its own speed.
    """

    def __init__(self, path: Path, readers: int) -> None:
        self.path, self.places, self.gone = path, [0] * readers, 0
        self.size = path.stat().st_size
        self.lock, self.beside = threading.Lock(), ThreadPoolExecutor(1)

    def past(self, reader: int, place: int) -> None:
        """Say that `reader` needs nothing any more of what is before byte `place`."""
        if self.size < LARGE or not hasattr(os, "posix_fadvise"):
            return
        with self.lock:
            self.places[reader] = place
            start, end = self.gone, min(self.places)
            if end - start < ONCE:
                return
            self.gone = end
        self.beside.submit(self._leave, start, end - start)  # as the system may let it wait

    def _leave(self, start: int, size: int) -> None:
        with suppress(OSError), self.path.open("rb") as file:  # it stays where it is, then
            os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_DONTNEED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.beside.shutdown()
