"""The local engine: a pool of processes on this machine.

A worker lives on from job to job. One that dies or hangs takes only its own job with it: the pool replaces it, and the
other jobs go on.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
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
        pool = ProcessPool(
            max_workers=self.workers, context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
        )
        waiting, running = iter(jobs), dict[Future[Any], Job]()
        try:
            while True:
                for job in islice(waiting, 2 * self.workers - len(running)):
                    running[pool.schedule(work, args=[job], timeout=self.timeout)] = job
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield self._ended(running.pop(future), future)
            pool.close()
        except BaseException:
            pool.stop()
            raise
        finally:
            pool.join()

    def _ended(self, job: Job, future: Future[Result]) -> Ended[Job, Result]:
        try:
            return Ended(job, future.result(), None)
        except SeqanomError:
            raise
        except TimeoutError:
            return Ended(job, None, f"took longer than {self.timeout:g} s")
        except ProcessExpired as error:
            return Ended(job, None, f"its worker process died (exit code {error.exitcode})")
        except Exception as error:
            return Ended(job, None, describe(error))


def _ignore_interrupts() -> None:
    """Ctrl-C is for the parent, which stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
