"""`seqanom compare`: the sweep and the table that answers the question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console

if TYPE_CHECKING:
    from seqanomaly.engines.base import Engine
    from seqanomaly.experiment import Digests, Experiment
    from seqanomaly.sweep import Progress

GRID, RUNNING = "Grid (each may be a list and overrides the file's)", "Running"


def compare(
    experiment: Annotated[
        Path | None, typer.Argument(help="YAML file; without one, the experiment that ships is run.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="Data sets.", rich_help_panel=GRID)] = None,
    model: Annotated[list[str] | None, typer.Option(help="Models.", rich_help_panel=GRID)] = None,
    loss: Annotated[list[str] | None, typer.Option(help="Losses, as in exp,step.", rich_help_panel=GRID)] = None,
    task: Annotated[list[str] | None, typer.Option(help="Tasks.", rich_help_panel=GRID)] = None,
    train: Annotated[
        str | None, typer.Option(help="Training settings to change, as in '{epochs: 50}'.", rich_help_panel=GRID)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="A count, or a list as in 3,5,8.", rich_help_panel=GRID)] = None,
    baseline: Annotated[str | None, typer.Option(help="Loss to compare with.", rich_help_panel=GRID)] = None,
    buckets: Annotated[
        str | None, typer.Option(help="Slices of the steps, as in '{first: [0%, 50%]}'.", rich_help_panel=GRID)
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="probability, balanced_accuracy, f1, false_alarms, quantile; or oracle, which is marked.",
            show_default="the task's",
            rich_help_panel=GRID,
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="Train on windows of so many steps, as in 100 or '{length: 100, stride: 50}'.",
            show_default="whole sequences",
            rich_help_panel=GRID,
        ),
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option(
            help="What the counter counts: sequence, window, since_onset or until_event.",
            show_default="sequence",
            rich_help_panel=GRID,
        ),
    ] = None,
    choose: Annotated[
        str | None,
        typer.Option(help="Bucket in which to choose each loss's setting on validation data.", rich_help_panel=GRID),
    ] = None,
    stack: Annotated[int | None, typer.Option(help="Members per stack.", rich_help_panel=GRID)] = None,
    controls: Annotated[
        bool,
        typer.Option("--controls", help="Add control losses and baseline models.", rich_help_panel=GRID),
    ] = False,
    metric: Annotated[
        str | None, typer.Option(help="What the findings speak of: accuracy, balanced_accuracy, f1, auroc, ..")
    ] = None,
    early_cost: Annotated[
        float | None, typer.Option(help="Also say which loss is best late that loses at most so many points early.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes.", show_default="one per core, on CUDA two", min=1, rich_help_panel=RUNNING),
    ] = None,
    engine: Annotated[str, typer.Option(help="local (processes) or serial.", rich_help_panel=RUNNING)] = "local",
    run_timeout: Annotated[
        float | None, typer.Option(help="Seconds that one stack may take.", rich_help_panel=RUNNING)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=RUNNING)] = "auto",
    save_scores: Annotated[
        bool, typer.Option("--save-scores", help="Keep the score of every test step.", rich_help_panel=RUNNING)
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of runs.", show_default="results/NAME")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Train every loss on the same data, models and seeds, and compare them with the baseline late and early.

    Flags change the experiment in the file, or the one that ships where none is given.
    """
    trainer = _engine(engine, workers, run_timeout, device)
    from seqanom.values import read_values
    from seqanomaly.engines.copies import one_thread

    flags = {"data": data, "model": model, "loss": loss, "task": task}
    given: dict[str, Any] = {
        name: [value for text in texts for value in read_values(text, name)]
        for name, texts in flags.items()
        if texts is not None
    }
    if stack is not None:
        given["stack"] = stack
    if controls:
        given["controls"] = True
    for name, text in {
        "train": train,
        "seeds": seeds,
        "baseline": baseline,
        "buckets": buckets,
        "threshold": threshold,
        "window": window,
        "frame": frame,
        "choose": choose,
    }.items():
        if text is not None:
            values = read_values(text, name)
            given[name] = values[0] if len(values) == 1 else values
    if metric is not None:
        given["metric"] = metric
    check_cost(early_cost)
    with one_thread():  # a process with more gets no helpers
        wanted = load(experiment, given)
    from seqanomaly.paths import failure_file
    from seqanomaly.report.write import get_ready
    from seqanomaly.store import Store
    from seqanomaly.sweep import run_experiment

    for note in wanted.notes():
        console.remark(f"Note: {note}")
    store = Store(out or Path("results") / wanted.name)
    with console.stopping(f"Stopped; what is finished lies in {store.root}. The same command goes on from there."):
        get_ready()
        with _progress(wanted) as show_progress:
            done = run_experiment(wanted, store, trainer, device=device, scores=save_scores, on_progress=show_progress)
        show(wanted, done.digests, store.root, early_cost=early_cost, as_json=as_json)
    for digest, reason in done.failed.items():
        console.remark(f"Failed: {reason} ({failure_file(store.root, digest)} has the command that repeats it)")
    if done.failed:
        raise typer.Exit(console.SOME_FAILED)


def load(path: Path | None, given: dict[str, Any]) -> Experiment:
    """The experiment in a file, or the one that ships, with the given fields instead of its own."""
    from seqanomaly.config import keys, read_yaml
    from seqanomaly.errors import ConfigError
    from seqanomaly.experiment import SHIPPED, Experiment

    try:
        settings = read_yaml(path or SHIPPED / "default.yaml")
    except ConfigError as error:
        if path is None or path.suffix.lower() in (".yaml", ".yml"):
            raise
        raise ConfigError(f"{error}; an experiment is YAML, and data go to `seqanom compare --data {path}`") from None
    if path is None and given:
        settings |= {"name": "compare", "question": ""}
    if isinstance(given.get("train"), dict) and isinstance(settings.get("train"), dict):
        given = {**given, "train": {**settings["train"], **given["train"]}}
    try:
        return Experiment(**{**keys(settings), **given})
    except ConfigError as error:
        from_file = path is not None and not (error.path and error.path[0] in given)
        raise (ConfigError(f"{path}: {error}") if from_file else error) from None


def show(
    experiment: Experiment,
    digests: Digests,
    folder: Path,
    *,
    early_cost: float | None,
    as_json: bool = False,
) -> None:
    """Collect the stored runs, write the report beside them, and print it."""
    from seqanom.train import plain_json
    from seqanomaly.collect import collect_notes, stored_parts
    from seqanomaly.engines.helpers import helpers
    from seqanomaly.report.tables import blocks
    from seqanomaly.report.units import unit
    from seqanomaly.report.write import make_report
    from seqanomaly.store import Store

    store = Store(folder)
    with helpers() as helper:
        report = make_report(
            stored_parts(experiment, digests, store),
            folder,
            name=experiment.name,
            question=experiment.question,
            baseline=experiment.baseline.name,
            buckets=list(experiment.buckets),
            axes=list(experiment.axes()),
            early_cost=None if early_cost is None else early_cost / 100,
            metric=experiment.metric,
            helper=helper,
        )
    if as_json:
        rows = plain_json(report.comparison)
        console.result_json(
            {
                "comparison": rows,
                "findings": [*report.sentences, *report.margins, *report.power],
                "files": [str(f) for f in report.files],
            }
        )
        return
    for note in collect_notes(experiment, digests, store):
        console.remark(f"Note: {note}")
    for block in blocks(report.comparison, report.context, report.buckets, experiment.metric):
        made = console.table(*block.heads, title=block.title)
        for row in block.rows:
            made.add_row(*row)
        console.result(made)
        console.result(f"{block.footer}\n")
    for sentence in report.sentences:
        console.result(f"- {sentence}")
    for sentence in report.power:
        console.result(f"- {sentence}")
    console.result(
        f"\n{unit(experiment.metric).title} in points (%) ± half the 95% interval over "
        f"{console.plural(len(experiment.seeds), 'seed')}; changes are paired differences from "
        f"{experiment.baseline.name}, * p < 0.05 after Holm over the losses."
    )
    console.result("Written: " + ", ".join(str(path) for path in report.files))


def check_cost(early_cost: float | None) -> None:
    """Refuse a cost that nothing can keep."""
    from seqanomaly.errors import ConfigError

    if early_cost is not None and not 0 <= early_cost <= 100:
        raise ConfigError(f"--early-cost: must be a number of points from 0 to 100, got {early_cost:g}")


def _engine(name: str, workers: int | None, timeout: float | None, device: str) -> Engine:
    from seqanomaly.devices import device_kind
    from seqanomaly.engines import ENGINES, choose_engine
    from seqanomaly.engines.copies import load_for_copies
    from seqanomaly.errors import ConfigError

    if name not in ENGINES:
        raise ConfigError(f"--engine: unknown engine {name!r}; known: {', '.join(ENGINES)}")
    if timeout is not None and not timeout > 0:
        raise ConfigError(f"--run-timeout: must be greater than 0 seconds, got {timeout:g}")
    if name == "serial" and (workers is not None or timeout is not None):
        raise ConfigError("--engine: serial trains in this one process, so leave out --workers and --run-timeout")
    if name == "serial":
        return choose_engine(0)
    context = load_for_copies("seqanomaly.run")  # torch takes seconds, in which this process reads, plans and loads
    return choose_engine(workers, timeout, context, device_kind(device))


def _progress(experiment: Experiment) -> Any:
    return console.counting(experiment.name, experiment.count, so_far)


def so_far(progress: Progress) -> tuple[int, str]:
    """How many runs need no more work, and in words: done, failed, time left, running, steps per second.

    The time left comes early, as a narrow terminal cuts off the end.
    """
    from seqanom.check import duration

    left = progress.seconds_left()
    counts = f"{progress.found + progress.done} of {progress.total} runs done"
    counts += f" ({progress.found} before)" * bool(progress.found)
    counts += f", {len(progress.failed)} failed" * bool(progress.failed)
    counts += f", about {duration(left)} left" if left else ""
    counts += f", {progress.running} in training" * bool(progress.running)
    rate = progress.steps_per_second() if progress.running else None
    return progress.total - progress.remaining, counts + ("" if rate is None else f", {rate:,.0f} steps/s")
