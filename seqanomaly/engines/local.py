"""The local engine: a pool of processes on this machine.

A worker lives on from job to job. One that dies or hangs takes only its own job with it: the pool replaces it, and the
other jobs go on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from threading import Thread
from typing import Any

from pebble import ProcessExpired, ProcessPool

from seqanomaly.engines.base import Ended, Job, Result, describe
from seqanomaly.errors import SeqanomError


class LocalEngine:
    """Runs jobs in `workers` processes.

    Args:
        workers: number of processes.
        timeout: seconds after which a job's worker is killed; None for no limit.
    """

    def __init__(self, workers: int, timeout: float | None = None) -> None:
        self.workers, self.timeout = workers, timeout

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Ended[Job, Result]]:
        """See `Engine.run`; `work` and the jobs must be picklable; a user's error ends the whole."""
        pool = self._pool(work)
        waiting, running = iter(jobs), dict[Future[Any], Job]()
        try:
            while True:
                for job in islice(waiting, 2 * self.workers - len(running)):
                    if not pool.active:  # pebble gives a pool up when a worker dies between two jobs
                        _end(pool)
                        pool = self._pool(work)
                    running[pool.schedule(_work_on, args=[work, job], timeout=self.timeout)] = job
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield self._ended(running.pop(future), future)
        finally:
            _end(pool)

    def _pool(self, work: Callable[[Job], Result]) -> ProcessPool:
        return ProcessPool(
            max_workers=self.workers,
            context=multiprocessing.get_context("spawn"),
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
    """In a new worker: end with the parent, however that ends; pebble leaves Ctrl-C to the parent."""
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _end(pool: ProcessPool) -> None:
    """Stop the workers, whatever they do."""
    pool.stop()
    pool.join()
