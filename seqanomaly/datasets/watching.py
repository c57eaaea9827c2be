"""Whoever waits for many files may be told which one is being read; without anyone, nothing is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

OnFile = Callable[[Path, int], None]
"""Takes a file that is begun, and how many different ones have been."""
_watcher: ContextVar[Callable[[Path], None] | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(on_file: OnFile) -> Iterator[None]:
    """Call `on_file` for each different file that readers begin inside, in this thread.

    >>> with watching(lambda path, count: print(path.name, count)):
    ...     begun(Path("a.csv")), begun(Path("b.csv")), begun(Path("a.csv"))
    a.csv 1
    b.csv 2
    (None, None, None)
    """
    seen: set[Path] = set()

    def note(path: Path) -> None:
        if path not in seen:
            seen.add(path)
            on_file(path, len(seen))

    before = _watcher.set(note)
    try:
        yield
    finally:
        _watcher.reset(before)


def begun(path: Path) -> None:
    """Say that a file is begun; readers call it where they open one."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(path)
