"""`seqanom check`: what an experiment would do, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqanom import console
from seqanom.console import plural

if TYPE_CHECKING:
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
    from seqanomaly.datasets.answerable import check_answerable
    from seqanomaly.engines import usable_cores
    from seqanomaly.experiment import plan, stack_seconds
    from seqanomaly.paths import RUNS
    from seqanomaly.run_config import never_active, unreached

    wanted = load(experiment, {})
    folder = out or Path("results") / wanted.name
    opened = {data: data.open() for data in wanted.data}
    for (data, source), task in product(opened.items(), wanted.task):
        if source.known is not None:
            check_answerable(task, source.known, data.name)
    for (data, source), loss in product(opened.items(), wanted.loss):
        if never_active(loss, source.shape[1]):
            raise unreached(loss, data.name, source.shape[1])
    finished = {path.name for path in folder.glob(RUNS)}
    sizes: Counter[int] = Counter()
    done, seconds = 0, 0.0
    for stack in plan(wanted):
        source = opened[stack[0].data]
        stored = sum(config.digest(source.digest) in finished for config in stack)
        done += stored
        sizes[len(stack)] += 1
        if stored < len(stack):
            seconds += stack_seconds(stack, source)
    seconds = seconds / min(workers or usable_cores(), sum(sizes.values())) + STARTING * (done < wanted.count)
    warnings = list(_warnings(wanted))
    if as_json:
        console.result_json(
            {
                "name": wanted.name,
                "runs": wanted.count,
                "done": done,
                "stacks": [{"members": size, "count": count} for size, count in sorted(sizes.items())],
                "seconds": round(seconds, 1),
                "warnings": warnings,
            }
        )
        return
    stacks = ", ".join(f"{count} of {size}" for size, count in sorted(sizes.items(), reverse=True))
    console.result(f"{wanted.name}: {wanted.question}" if wanted.question else wanted.name)
    console.result(
        f"{plural(wanted.count, 'run')} = {plural(len(wanted.data), 'data set')} x "
        f"{plural(len(wanted.model), 'model')} x {plural(len(wanted.loss), 'loss')} x "
        f"{plural(len(wanted.seeds), 'seed')}"
        + "".join(f" x {len(values)} {axis}" for axis, values in wanted.axes().items())
    )
    console.result(f"{done} are done in {folder}, {wanted.count - done} are left.")
    console.result(f"Stacks (members trained together): {stacks}.")
    console.result(f"About {_duration(seconds)} on {plural(workers or usable_cores(), 'core')}, as a rough guide.")
    for warning in warnings:
        console.result(f"Note: {warning}")


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
