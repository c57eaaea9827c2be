"""Processes that take work off this one: copies of it as it is, so nothing is loaded twice.

Only a process with one thread is copied, as a copy of another may find a lock that nobody opens again; so on Linux
only, and where no library has started threads. Elsewhere everything is done here, with the same results.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from seqanomaly.engines import usable_cores
from seqanomaly.engines.copies import end_with_parent, no_interrupts
from seqanomaly.errors import RunError

P = ParamSpec("P")
Result = TypeVar("Result")
MOST = 8
"""Processes at most: each has a part of the work in memory."""
THREADS = Path("/proc/self/task")
"""Holds an entry per thread of this process."""


class Here(Executor):
    """Does everything at once, in this process.

    >>> Here().submit(max, 1, 2).result()
    2
    """

    def submit(self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        """What the function returns; what it raises is raised here."""
        done: Future[Result] = Future()
        done.set_result(function(*args, **kwargs))
        return done


@contextmanager
def helpers() -> Iterator[Executor]:
    """A process per core, at most `MOST`, that are copies of this one, or this one itself.

    Raises:
        RunError: a process died.
    """
    count = min(usable_cores(), MOST)
    if count == 1 or not _can_be_copied():
        yield Here()
        return
    executor = _Copies(count, multiprocessing.get_context("fork"), _begin)
    try:
        yield executor
    except BrokenProcessPool:
        raise RunError("a process that helped died, perhaps for want of memory; start the same command again") from None
    finally:
        executor.shutdown(cancel_futures=True)


def _can_be_copied() -> bool:
    return sys.platform == "linux" and len(list(THREADS.iterdir())) == 1


class _Copies(ProcessPoolExecutor):
    """All its processes begin at the first work, before it has a thread of its own."""

    def submit(self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Future[Result]:
        with no_interrupts():
            return super().submit(function, *args, **kwargs)


def _begin(*_: Any) -> None:
    """In a copy: no handler of its parent's, an end with it, and no look for garbage among what it had."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()
    end_with_parent()
