"""`seqanom check`: what an experiment would do, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    """Say how many runs an experiment has, how many are done, in which stacks and about how long, or what is wrong."""
    from seqanom.compare import load
    from seqanomaly.engines import usable_cores

    wanted = load(experiment, {})
    folder = out or Path("results") / wanted.name
    opened = {data: data.open() for data in wanted.data}
    _refuse(wanted, opened)
    survey = _survey(wanted, opened, folder, workers or usable_cores())
    warnings = list(_warnings(wanted))
    for note in wanted.notes():
        console.remark(f"Note: {note}")
    if as_json:
        stacks = [{"members": size, "count": count} for size, count in sorted(survey.sizes.items())]
        facts = {"name": wanted.name, "runs": wanted.count, "done": survey.done, "stacks": stacks}
        console.result_json({**facts, "seconds": round(survey.seconds, 1), "warnings": warnings})
        return
    listed = ", ".join(f"{count} of {size}" for size, count in sorted(survey.sizes.items(), reverse=True))
    cores = plural(workers or usable_cores(), "core")
    console.result(f"{wanted.name}: {wanted.question}" if wanted.question else wanted.name)
    console.result(f"{plural(wanted.count, 'run')} = {_grid(wanted)}")
    console.result(f"{survey.done} are done in {folder}, {wanted.count - survey.done} are left.")
    console.result(f"Stacks (members trained together): {listed}.")
    console.result(f"About {_duration(survey.seconds)} on {cores}, as a rough guide.")
    for warning in warnings:
        console.result(f"Note: {warning}")


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
        stored = sum(config.digest(source.digest) in finished for config in stack)
        done += stored
        sizes[len(stack)] += 1
        seconds += stack_seconds(stack, source) if stored < len(stack) else 0.0
    return Survey(done, sizes, seconds / min(cores, sizes.total()) + STARTING * (done < experiment.count))


def _refuse(experiment: Experiment, opened: Mapping[DataSpec, Source]) -> None:
    """Raise what would end the sweep in a worker."""
    from seqanomaly.datasets.answerable import check_answerable
    from seqanomaly.run_config import never_active, unreached

    for data, source in opened.items():
        if source.known is not None:
            for task in experiment.task:
                check_answerable(task, source.known, data.name)
        for loss in experiment.loss:
            if never_active(loss, source.shape[1]):
                raise unreached(loss, data.name, source.shape[1])


STARTING = 4.0
"""Seconds until the workers have begun."""


def _warnings(experiment: Experiment) -> Iterator[str]:
    """What an experiment cannot answer."""
    from seqanomaly.comparison import pairs_needed

    needed = pairs_needed(max(1, len(experiment.loss) - 1))
    if len(experiment.seeds) < needed:
        few, others = plural(len(experiment.seeds), "seed"), plural(len(experiment.loss) - 1, "loss")
        yield f"{few} cannot make a difference significant with {others} beside the baseline; {needed} seeds can."


def _duration(seconds: float) -> str:
    """A duration in the unit that fits.

    >>> _duration(42.4), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
