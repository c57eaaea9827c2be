"""The serial engine: one job after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from seqanomaly.engines.base import Ended, Job, Result, describe
from seqanomaly.errors import SeqanomError


class SerialEngine:
    """Runs jobs here; nothing protects them from each other.

    >>> [(end.job, end.result) for end in SerialEngine().run(abs, [-1, 2])]
    [(-1, 1), (2, 2)]
    """

    workers = 1

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Ended[Job, Result]]:
        """See `Engine.run`; a user's error ends the whole."""
        for job in jobs:
            try:
                yield Ended(job, work(job), None)
            except SeqanomError:
                raise
            except Exception as error:
                yield Ended(job, None, describe(error))
