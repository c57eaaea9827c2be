"""`seqanom check`: what an experiment would do, without doing it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console
from seqanom.console import plural

if TYPE_CHECKING:
    from seqanomaly.datasets.source import DataSpec, Source
    from seqanomaly.experiment import Experiment


def check(
    experiment: Annotated[
        Path | None, typer.Argument(help="YAML file; without one, the experiment that ships.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.", show_default="one per core", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of runs.", show_default="results/NAME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say how many runs an experiment has, how many are done, about how long, what it could show, or what is wrong."""
    from seqanom.compare import load
    from seqanomaly.engines import usable_cores

    wanted = load(experiment, {})
    folder = out or Path("results") / wanted.name
    with console.opening("data"):
        opened = {data: data.open() for data in wanted.data}
    _refuse(wanted, opened)
    survey = _survey(wanted, opened, folder, workers or usable_cores())
    warnings = list(_warnings(wanted))
    power = _power(wanted, opened, folder, survey.done)
    pilot = _pilot(wanted, experiment, out, power)
    for note in wanted.notes():
        console.remark(f"Note: {note}")
    if as_json:
        stacks = [{"members": size, "count": count} for size, count in sorted(survey.sizes.items())]
        facts = {"name": wanted.name, "runs": wanted.count, "done": survey.done, "stacks": stacks}
        planned = {"power": power.plan, "pilot": pilot}
        console.result_json({**facts, "seconds": round(survey.seconds, 1), "warnings": warnings, **planned})
        return
    listed = ", ".join(f"{count} of {size}" for size, count in sorted(survey.sizes.items(), reverse=True))
    cores = plural(workers or usable_cores(), "core")
    console.result(f"{wanted.name}: {wanted.question}" if wanted.question else wanted.name)
    console.result(f"{plural(wanted.count, 'run')} = {_grid(wanted)}")
    console.result(f"{survey.done} are done in {folder}, {wanted.count - survey.done} are left.")
    console.result(f"Stacks (members trained together): {listed}.")
    console.result(f"About {duration(survey.seconds)} on {cores}, as a rough guide.")
    for warning in warnings:
        console.result(f"Note: {warning}")
    for sentence in power.sentences:
        console.result(f"Power: {sentence}")
    if pilot is not None:
        console.result(f"Power: `{pilot}` trains a pilot that tells how many seeds are needed, and counts as done.")


def _grid(experiment: Experiment) -> str:
    """The number of runs as products: models with every loss, and models with the baseline loss only."""
    kinds: dict[tuple[int, int], list[str]] = {}  # losses and training settings -> models
    for model, losses, trains in experiment.arms():
        kinds.setdefault((len(losses), len(trains)), []).append(model.name)
    products = []
    for (losses_count, trains_count), models in kinds.items():
        counts = {"data set": len(experiment.data), "model": len(models), "loss": losses_count}
        factors = [plural(count, what) for what, count in (counts | {"seed": len(experiment.seeds)}).items()]
        axes = {k: v for k, v in experiment.axes().items() if k == "task" or trains_count == len(experiment.train)}
        products.append(" x ".join([*factors, *(f"{len(values)} {axis}" for axis, values in axes.items())]))
    return " + ".join(products)


@dataclass(frozen=True)
class Survey:
    """What there is to do."""

    done: int
    """Runs that are stored."""
    sizes: Counter[int]
    """Members of a stack -> number of such stacks."""
    seconds: float
    """About how long the rest takes."""


def _survey(experiment: Experiment, opened: Mapping[DataSpec, Source], folder: Path, cores: int) -> Survey:
    from seqanomaly.experiment import plan, stack_seconds
    from seqanomaly.paths import RUNS

    finished = {path.name for path in folder.glob(RUNS)}
    sizes: Counter[int] = Counter()
    done, seconds = 0, 0.0
    for stack in plan(experiment):
        source = opened[stack[0].data]
        stored = sum(config.digest(source.digest) in finished for config in stack) if finished else 0
        done += stored
        sizes[len(stack)] += 1
        seconds += stack_seconds(stack, source) if stored < len(stack) else 0.0
    return Survey(done, sizes, seconds / min(cores, sizes.total()) + STARTING * (done < experiment.count))


@dataclass(frozen=True)
class Power:
    """What the seeds can show, as far as stored runs tell."""

    plan: list[dict[str, Any]]
    """A row per data set and model, see `power.planned_seeds`, with bucket, metric and margin."""
    sentences: list[str]
    """The same in words."""
    complete: bool
    """Whether every data set and model has pairs enough, or no run is left that could give more."""


def _power(experiment: Experiment, opened: Mapping[DataSpec, Source], folder: Path, done: int) -> Power:
    """Read the stored runs, if there are any."""
    if not done or len(experiment.loss) == 1:
        return Power([], [], complete=len(experiment.loss) == 1)
    from seqanom.train import plain_json
    from seqanomaly.collect import collect
    from seqanomaly.comparison import NOT_TRAINED
    from seqanomaly.power import PILOT, planned_seeds
    from seqanomaly.report.power import planned_notes
    from seqanomaly.report.words import MARGIN
    from seqanomaly.store import Store

    runs = collect(experiment, {data: source.digest for data, source in opened.items()}, Store(folder))
    runs = runs[~runs["note"].str.startswith(NOT_TRAINED) & ~(runs["resplit"] > 0)]
    late = list(experiment.buckets)[-1]
    plan = planned_seeds(runs, experiment.baseline.name, list(experiment.axes()), late, experiment.metric, MARGIN)
    rows = plain_json(plan.assign(bucket=late, metric=experiment.metric, margin=MARGIN))
    complete = done == experiment.count or bool((plan["n_pairs"] >= PILOT).all())
    return Power(rows, planned_notes(plan, late, experiment.metric, MARGIN), complete)


def _pilot(experiment: Experiment, path: Path | None, out: Path | None, power: Power) -> str | None:
    """The command that trains the first few seeds; None where pairs are there, or the seeds are too few for any."""
    if power.complete or len(experiment.seeds) < FEW_SEEDS:
        return None
    seeds = experiment.seeds[:PILOT_SEEDS]
    given = str(len(seeds)) if seeds == tuple(range(len(seeds))) else ",".join(map(str, seeds))
    words = ["seqanom", "compare", *([str(path)] if path else []), "--seeds", given]
    folder = out or (None if path else Path("results") / experiment.name)  # flags alone would rename the experiment
    return shlex.join([*words, *(["--out", str(folder)] if folder else [])])


PILOT_SEEDS = 5
"""Seeds of a pilot."""
FEW_SEEDS = 3
"""Fewer seeds than that have no spread to plan from."""


def _refuse(experiment: Experiment, opened: Mapping[DataSpec, Source]) -> None:
    """Raise what would end the sweep in a worker."""
    from seqanomaly.datasets.answerable import check_answerable
    from seqanomaly.run_config import last_counter, never_active, unreached

    for data, source in opened.items():
        if source.known is not None:
            for task in experiment.task:
                check_answerable(task, source.known, data.name)
        longest = source.shape[1]
        last = last_counter(experiment.frame, experiment.window, longest)
        for loss in experiment.loss:
            if never_active(loss, last):
                raise unreached(loss, data.name, longest, last)


STARTING = 4.0
"""Seconds until the workers have begun."""


def _warnings(experiment: Experiment) -> Iterator[str]:
    """What an experiment cannot answer."""
    from seqanomaly.comparison import pairs_needed

    needed = pairs_needed(max(1, len(experiment.loss) - 1))
    if len(experiment.seeds) < needed:
        few, others = plural(len(experiment.seeds), "seed"), plural(len(experiment.loss) - 1, "loss")
        yield f"{few} cannot make a difference significant with {others} beside the baseline; {needed} seeds can."


def duration(seconds: float) -> str:
    """A duration in the unit that fits.

    >>> duration(42.4), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
