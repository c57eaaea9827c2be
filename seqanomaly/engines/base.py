"""What an engine does: run jobs, each in its own time and place, and say how each ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Ended(Generic[Job, Result]):
    """One job's end: a result, or the reason why there is none."""

    job: Job
    result: Result | None
    crash: str | None


class Engine(Protocol):
    """Runs `work(job)` for every job; the order of the ends is free. Jobs are taken as they are needed."""

    workers: int
    """How many jobs it runs at a time."""

    def run(self, work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Ended[Job, Result]]:
        """Yield each job's end as it comes."""
        ...


def describe(error: BaseException) -> str:
    """An unexpected error as a reason."""
    return f"{type(error).__name__}: {error}"
