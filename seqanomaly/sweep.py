"""Run an experiment: plan its stacks, skip what is stored, train the rest, collect the runs.

The stack is the unit of work. Where some members of a stack are missing, the whole stack trains again and the missing
members are published, so the numbers do not depend on interruptions. A stack whose worker died or hung is tried again;
if that fails too, its members train alone, so that only the guilty one ends as failed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from seqanomaly.collect import collect
from seqanomaly.comparison import compare_runs
from seqanomaly.config import keys, read_yaml
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.devices import device_kind
from seqanomaly.engines.base import Ended, Engine
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.experiment import Digests, Experiment, plan
from seqanomaly.run_config import RunConfig, repeat_command
from seqanomaly.store import Store


@dataclass(frozen=True)
class Job:
    """A stack to train: what a worker needs to know, small enough to be sent."""

    configs: tuple[RunConfig, ...]
    """All members, in the order of the plan."""
    missing: tuple[str, ...]
    """Digests of the members to publish."""
    data_digest: str | None
    """Digest of the data file when the sweep began."""
    root: Path
    """Folder of the store."""
    device: str
    """Where to compute."""
    scores: bool
    """Whether to keep scores per step."""
    attempt: int = 1
    """How often it has been tried, this time included."""


@dataclass
class Progress:
    """How far a sweep is."""

    total: int
    """Runs in the experiment."""
    found: int = 0
    """Runs that were stored before."""
    done: int = 0
    """Runs that were finished now."""
    failed: dict[str, str] = field(default_factory=dict)
    """Digest -> reason of the runs that failed now."""
    digests: Digests = field(default_factory=dict)
    """Digest of each data file when the sweep began."""
    running: int = 0
    """Runs in stacks that are being trained."""
    steps: int = 0
    """Optimiser steps of the runs that were finished now."""
    started: float = field(default_factory=time.monotonic)
    """When it began, on the monotonic clock."""
    ended: float = field(default_factory=time.monotonic)
    """When the last stack ended, likewise."""

    @property
    def remaining(self) -> int:
        """Runs still to come."""
        return self.total - self.found - self.done - len(self.failed)

    def seconds_left(self) -> float | None:
        """An estimate from the runs finished so far, which counts down until the next end; None before the first."""
        finished = self.done + len(self.failed)
        if not finished:
            return None
        return max(0.0, (self.ended - self.started) / finished * self.remaining - (time.monotonic() - self.ended))

    def steps_per_second(self) -> float | None:
        """Optimiser steps of all members per second, start of the workers included; None before the first end."""
        return self.steps / (self.ended - self.started) if self.steps and self.ended > self.started else None


@dataclass(frozen=True)
class Trained:
    """What came of a stack."""

    failed: dict[str, str]
    """Digest -> reason of the members that failed."""
    steps: int
    """Optimiser steps of the members that did not."""


def run_experiment(
    experiment: Experiment,
    store: Store,
    engine: Engine,
    *,
    device: str = "auto",
    scores: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Train what is missing of an experiment.

    Args:
        experiment: what to run.
        store: where runs lie and come to lie.
        engine: who trains the stacks.
        device: auto, cpu, cuda, cuda:N or mps.
        scores: keep the score of every test step as well.
        on_progress: called at the start and after each stack.

    Raises:
        ConfigError, DataError: something is wrong with the settings or the data.
    """
    if device != "auto":
        from seqanomaly.training.device import find_device

        find_device(device)
    store.prepare()
    digests = experiment.data_digests()
    store.keep_experiment(experiment, digests)
    progress = Progress(experiment.count, digests=digests)
    jobs = list(_missing(experiment, store, digests, device, scores, progress))
    if not jobs:
        on_progress(progress)
    _convert(jobs)
    while jobs:
        again, waiting = [], list(jobs)
        progress.running = _in_training(waiting, engine)
        on_progress(progress)
        for ended in engine.run(train_stack, jobs):
            progress.ended = time.monotonic()
            again += _settle(ended, store, progress)
            waiting.remove(ended.job)
            progress.running = _in_training(waiting, engine)
            on_progress(progress)
        jobs = again
    return progress


def _convert(jobs: list[Job]) -> None:
    """Open each table that is larger than memory, so that it is converted once and not by every worker at once."""
    for data, digest in dict.fromkeys((job.configs[0].data, job.data_digest) for job in jobs):
        if isinstance(data, FileData) and data.is_mapped():
            _open(data, digest)


def _in_training(waiting: list[Job], engine: Engine) -> int:
    """Runs that the workers have in hand."""
    return sum(len(job.missing) for job in waiting[: engine.workers])


def _missing(
    experiment: Experiment,
    store: Store,
    digests: Mapping[DataSpec, str | None],
    device: str,
    scores: bool,
    progress: Progress,
) -> Iterator[Job]:
    """The stacks with members that are not stored."""
    for configs in plan(experiment, device_kind(device)):
        data_digest = digests[configs[0].data]
        named = [config.digest(data_digest) for config in configs]
        missing = tuple(digest for digest in named if not store.has(digest, scores=scores))
        progress.found += len(named) - len(missing)
        if missing:
            yield Job(configs, missing, data_digest, store.root, device, scores)


def _settle(ended: Ended[Job, Trained], store: Store, progress: Progress) -> list[Job]:
    """Count a stack that has ended; what to try again."""
    job = ended.job
    if ended.result is not None:
        progress.failed |= ended.result.failed
        progress.done += len(job.missing) - len(ended.result.failed)
        progress.steps += ended.result.steps
        return []
    left = tuple(digest for digest in job.missing if not store.has(digest, scores=job.scores))
    progress.done += len(job.missing) - len(left)
    if job.attempt == 1 and left:
        return [_retry(job, job.configs, left)]
    named = {config.digest(job.data_digest): config for config in job.configs}
    if len(job.configs) > 1:
        return [_retry(job, (named[digest],), (digest,)) for digest in left]
    for digest in left:
        store.record_failure(named[digest], digest, str(ended.crash), repeat_command(named[digest], store.root))
        progress.failed[digest] = str(ended.crash)
    return []


def _retry(job: Job, configs: tuple[RunConfig, ...], missing: tuple[str, ...]) -> Job:
    return Job(configs, missing, job.data_digest, job.root, job.device, job.scores, job.attempt + 1)


def train_stack(job: Job) -> Trained:
    """Train a stack and publish its missing members."""
    from seqanomaly.run import run_stack
    from seqanomaly.training.device import find_device

    store, source = Store(job.root), _open(job.configs[0].data, job.data_digest)
    failed, steps = {}, 0
    for config, result in zip(
        job.configs, run_stack(list(job.configs), source, find_device(job.device), scores=job.scores), strict=True
    ):
        digest = config.digest(source.digest)
        if digest not in job.missing:
            continue
        if isinstance(result, RunError):
            store.record_failure(config, digest, str(result), repeat_command(config, store.root))
            failed[digest] = str(result)
        else:
            store.publish(result)
            store.add_scores(result)
            seen = result.environment["windows"] or result.environment["sequences"]["train"]
            steps += len(result.history) * -(-seen // config.train.batch_size)
    return Trained(failed, steps)


@lru_cache(maxsize=4)
def _open(data: DataSpec, digest: str | None) -> Source:
    """The opened data set; a worker keeps the last ones."""
    source = data.open()
    if source.digest != digest:
        raise DataError(f"{data.name}: the file has changed since the sweep began; start it again")
    return source


def compare(
    experiment: Experiment | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    workers: int | None = None,
    device: str = "auto",
) -> pd.DataFrame:
    """Run an experiment and return its comparison, one row per data set, model, loss, bucket and metric.

    Args:
        experiment: an `Experiment`, a mapping of its fields, or the path of its YAML file.
        out: folder of runs, `results/<name>` by default; what is there already is not trained again.
        workers: processes; one per core by default, on CUDA at most two, 0 to train in this process.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        ConfigError, DataError: something is wrong with the settings or the data.

    >>> import tempfile
    >>> table = compare({"name": "doc", "data": {"kind": "drift", "train": 20, "test": 20}, "loss": ["uniform", "exp"],
    ...     "seeds": 2, "train": {"epochs": 1}}, out=tempfile.mkdtemp(), workers=0)
    >>> table["loss"].unique().tolist()
    ['uniform', 'exp']
    """
    from seqanomaly.engines import choose_engine

    if isinstance(experiment, Path | str):
        experiment = load_experiment(Path(experiment))
    elif not isinstance(experiment, Experiment):
        experiment = Experiment(**keys(experiment))
    store = Store(Path(out) if out is not None else Path("results") / experiment.name)
    done = run_experiment(experiment, store, choose_engine(workers, kind=device_kind(device)), device=device)
    if done.failed:
        reason = next(iter(done.failed.values()))
        warnings.warn(
            f"{len(done.failed)} of {experiment.count} runs failed, the first because: {reason}", stacklevel=2
        )
    return compare_runs(collect(experiment, done.digests, store), experiment.baseline.name, list(experiment.axes()))


def load_experiment(path: Path) -> Experiment:
    """The experiment in a YAML file; errors name the file."""
    try:
        return Experiment(**keys(read_yaml(path)))
    except ConfigError as error:
        raise error if str(path) in str(error) else ConfigError(f"{path}: {error}") from None
