"""`seqanom check`: what an experiment would do, without doing it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from seqanom import console


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
    from seqanomaly.experiment import plan, stack_seconds
    from seqanomaly.paths import run_folder

    wanted = load(experiment, {})
    folder = out or Path("results") / wanted.name
    opened = {data: data.open() for data in wanted.data}
    sizes: Counter[int] = Counter()
    done, seconds = 0, 0.0
    for stack in plan(wanted):
        source = opened[stack[0].data]
        stored = sum(run_folder(folder, config.digest(source.digest)).is_dir() for config in stack)
        done += stored
        sizes[len(stack)] += 1
        if stored < len(stack):
            seconds += stack_seconds(stack, source)
    seconds /= min(workers or usable_cores(), max(1, sum(sizes.values())))
    if as_json:
        console.result_json(
            {
                "name": wanted.name,
                "runs": wanted.count,
                "done": done,
                "stacks": [{"members": size, "count": count} for size, count in sorted(sizes.items())],
                "seconds": round(seconds, 1),
            }
        )
        return
    stacks = ", ".join(f"{count} of {size}" for size, count in sorted(sizes.items(), reverse=True))
    console.result(f"{wanted.name}: {wanted.question}" if wanted.question else wanted.name)
    console.result(
        f"{wanted.count} runs = {len(wanted.data)} data sets x {len(wanted.model)} models x {len(wanted.loss)} losses "
        f"x {len(wanted.seeds)} seeds" + "".join(f" x {len(v)} {axis}" for axis, v in wanted.axes().items())
    )
    console.result(f"{done} are done in {folder}, {wanted.count - done} are left.")
    console.result(f"Stacks (members trained together): {stacks}.")
    console.result(f"About {_duration(seconds)} on {workers or usable_cores()} cores, as a rough guide.")


def _duration(seconds: float) -> str:
    """A duration in the unit that fits.

    >>> _duration(42.4), _duration(600), _duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
