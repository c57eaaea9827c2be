"""The local engine: a pool of processes on this machine.

A worker lives on from job to job. One that dies or hangs takes only its own job with it: the pool replaces it, and the
other jobs go on.
"""

from __future__ import annotations

import ctypes
import gc
import platform
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.context import BaseContext
from typing import Any

from pebble import ProcessExpired, ProcessPool

from seqanomaly.engines.base import Ended, Job, Result, describe
from seqanomaly.engines.copies import NewProcesses, end_with_parent, interrupts_for_us, no_interrupts
from seqanomaly.errors import SeqanomError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of mallopt(3)."""

ATTEMPTS = 3
"""How often a job is tried in pools that are given up under it, and so by chance with one that kills its worker."""


class LocalEngine:
    """Runs jobs in `workers` processes.

    Args:
        workers: number of processes.
        timeout: seconds after which a job's worker is killed; None for no limit.
        context: what makes the processes, new ones by default; see `copies.load_for_copies`.
    """

    def __init__(self, workers: int, timeout: float | None = None, context: BaseContext | None = None) -> None:
        self.workers, self.timeout = workers, timeout
        self.context = NewProcesses() if context is None else context

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Ended[Job, Result]]:
        """See `Engine.run`; `work` and the jobs must be picklable; a user's error ends the whole."""
        waiting, running = ((job, 1) for job in jobs), dict[Future[Any], tuple[Job, int]]()
        again: list[tuple[Job, int]] = []  # the pool was given up under them
        pool: ProcessPool | None = None
        try:
            while True:
                room = max(0, 2 * self.workers - len(running) - len(again))
                for job, attempt in [*again, *islice(waiting, room)]:
                    if pool is None or not pool.active:  # pebble gives a pool up when a worker dies between two jobs
                        _end(pool)
                        pool = self._pool(work)
                        with interrupts_for_us():
                            assert pool.active  # starts it
                    running[pool.schedule(_work_on, args=[work, job], timeout=self.timeout)] = job, attempt
                if not running:
                    break
                again = []
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job, attempt = running.pop(future)
                    if attempt < ATTEMPTS and isinstance(future.exception(), BrokenProcessPool):
                        again.append((job, attempt + 1))
                    else:
                        yield self._ended(job, future)
        finally:
            _end(pool)

    def _pool(self, work: Callable[[Job], Result]) -> ProcessPool:
        return ProcessPool(
            max_workers=self.workers,
            context=self.context,
            initializer=_begin,
            initargs=[work],  # so that what it imports is there before a job is taken
        )

    def _ended(self, job: Job, future: Future[Result]) -> Ended[Job, Result]:
        try:
            return Ended(job, future.result(), None)
        except SeqanomError:
            raise
        except _CrashError as error:
            return Ended(job, None, str(error))
        except TimeoutError:
            return Ended(job, None, f"took longer than {self.timeout:g} s")
        except ProcessExpired as error:
            return Ended(job, None, f"its worker process died (exit code {error.exitcode})")
        except BrokenProcessPool:
            return Ended(job, None, "its worker process died")
        except Exception as error:
            return Ended(job, None, describe(error))


class _CrashError(Exception):
    """An unexpected error of a job, in words: not every error can be sent from one process to another."""


def _work_on(work: Callable[[Job], Result], job: Job) -> Result:
    try:
        return work(job)
    except SeqanomError:
        raise
    except Exception as error:
        raise _CrashError(describe(error)) from None


def _begin(_work: object) -> None:
    """In a new worker: end with the parent, however that ends, and look for garbage among what is new only."""
    gc.freeze()
    gc.enable()
    end_with_parent()
    _keep_memory()


def _keep_memory() -> None:
    """Large arrays come from memory that was freed before, where glibc would ask the system for new pages each time."""
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for threshold in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            library.mallopt(threshold, 1 << 28)


def _end(pool: ProcessPool | None) -> None:
    """Stop the workers, whatever they do."""
    if pool is not None:
        with no_interrupts():  # an impatient one would leave workers behind
            pool.stop()
            pool.join()
