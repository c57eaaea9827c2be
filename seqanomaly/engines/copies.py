"""Workers that begin as copies of one process, which has loaded what they need while their parent did other things.

On Linux, by Python's fork server; elsewhere each worker is a new process that loads everything itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess
from types import ModuleType

from seqanomaly.engines.loading import MARK

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Variables that tell libraries, when they are loaded, to start no threads: the workers share the cores among them."""
LOADS = {MARK: "1", "PYTHONSAFEPATH": "1"}
"""Variables of a process that loads for its copies: it does not look for packages in the folder where it runs, in which
there may be another copy of this one, as in a checkout."""
STOPS = (signal.SIGINT, signal.SIGTERM)
"""What a program is stopped by."""
FIRST = "seqanomaly.engines.loading"
"""What is loaded first."""


def load_for_copies(module: str) -> BaseContext:
    """Begin to load a module in a process of its own; returns the context that makes workers which are copies of it.

    Workers that are started before it is loaded wait for it. For programs that start processes in this way only: Python
    has one such process per program, and everything started by it has one thread.
    """
    if sys.platform != "linux":  # a copy is not safe on macOS, and there is none on Windows
        return NewProcesses()
    from multiprocessing import forkserver

    multiprocessing.get_context("forkserver").set_forkserver_preload([FIRST, module])
    with variables({**ONE_THREAD, **LOADS}), interrupts_for_us():
        forkserver.ensure_running()
    return Copies()


@contextmanager
def interrupts_for_us() -> Iterator[None]:
    """Processes that are started inside never see Ctrl-C: it is for their parent."""
    resource_tracker.ensure_running()  # its start unblocks interrupts
    with no_interrupts():
        yield


@contextmanager
def no_interrupts() -> Iterator[None]:
    """Ctrl-C waits for the end of this, and what is started inside never sees it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _signals_wait():  # another thread may take what this one blocks, and Python raises it here all the same
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """What the handlers of signals would do, they do at the end of this."""
    handlers = {number: signal.getsignal(number) for number in STOPS}
    waiting = [number for number, handler in handlers.items() if callable(handler)]
    if threading.current_thread() is not threading.main_thread():  # which alone runs handlers
        waiting = []
    came: list[int] = []
    for number in waiting:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number in waiting:
            signal.signal(number, handlers[number])
        if came:
            signal.raise_signal(came[0])


def end_with_parent() -> None:
    """End this process when the one that started it has ended, however that ends."""
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes that are started inside have one thread."""
    with variables(ONE_THREAD):
        yield


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Processes that are started inside have these environment variables."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def _start(start: Callable[[], None]) -> None:
    """Start a worker that does not import the caller's script, so that needs no `if __name__ == "__main__"` for it."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with one_thread():
            start()
    finally:
        sys.modules["__main__"] = script


class _NewProcess(SpawnProcess):
    def start(self) -> None:
        _start(super().start)


class NewProcesses(SpawnContext):
    """Workers that load everything themselves."""

    Process = _NewProcess


if sys.platform == "linux":
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _Copy(ForkServerProcess):
        def start(self) -> None:
            _start(super().start)

    class Copies(ForkServerContext):
        """Workers that are copies of the process which `load_for_copies` started."""

        Process = _Copy
