"""`seqanom train`: one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from seqanomaly.store import RunResult

DATA, TRAINING = "Data", "Training"


def train(
    data: Annotated[str, typer.Option(help="Data set: a name, a file or folder, or a mapping.")] = "episodes",
    series: Annotated[str | None, typer.Option(help="Column that names the sequence.", rich_help_panel=DATA)] = None,
    step: Annotated[str | None, typer.Option(help="Column that orders its rows.", rich_help_panel=DATA)] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class of a row.", rich_help_panel=DATA)] = None,
    features: Annotated[
        str | None, typer.Option(help="Numeric columns to use, with commas; else all.", rich_help_panel=DATA)
    ] = None,
    ignore: Annotated[str | None, typer.Option(help="Columns that are no features.", rich_help_panel=DATA)] = None,
    normal: Annotated[str | None, typer.Option(help="The label that means normal.", rich_help_panel=DATA)] = None,
    binary: Annotated[
        bool | None, typer.Option("--binary", help="All labels but the normal one are one.", rich_help_panel=DATA)
    ] = None,
    part: Annotated[str | None, typer.Option(help="Column that says train or test.", rich_help_panel=DATA)] = None,
    task: Annotated[str, typer.Option(help="detect, classify or forecast.")] = "detect",
    model: Annotated[
        str, typer.Option(help="rnn, gru, lstm, tcn; logistic, position, majority, random; or a mapping.")
    ] = "gru",
    loss: Annotated[str, typer.Option(help="A name from `seqanom losses`, or a mapping.")] = "uniform",
    normalize: Annotated[
        str | None, typer.Option(help="mean: weights average 1 per sequence; none: raw.", show_default="mean")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.", rich_help_panel=TRAINING)] = 30,
    batch_size: Annotated[int, typer.Option(help="Sequences per update.", rich_help_panel=TRAINING)] = 32,
    lr: Annotated[float, typer.Option(help="Learning rate.", rich_help_panel=TRAINING)] = 0.01,
    optimizer: Annotated[str, typer.Option(help="adam, adamw or sgd.", rich_help_panel=TRAINING)] = "adam",
    momentum: Annotated[float, typer.Option(help="Momentum of sgd.", rich_help_panel=TRAINING)] = 0.0,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay.", rich_help_panel=TRAINING)] = None,
    clip: Annotated[float | None, typer.Option(help="Largest gradient norm.", rich_help_panel=TRAINING)] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without gain before it stops.", rich_help_panel=TRAINING)
    ] = None,
    truncate: Annotated[
        int | None, typer.Option(help="Steps that gradients go back at most.", rich_help_panel=TRAINING)
    ] = None,
    group_by_length: Annotated[
        bool, typer.Option("--group-by-length", help="Batches of sequences of one length.", rich_help_panel=TRAINING)
    ] = False,
    precision: Annotated[str, typer.Option(help="float32 or bf16.", rich_help_panel=TRAINING)] = "float32",
    buckets: Annotated[
        str | None, typer.Option(help="Slices to report, as in '{first: [0%, 50%]}'.", show_default="thirds")
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help="balanced_accuracy, f1, false_alarms, quantile, ..", show_default="the task's")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="Train on windows of so many steps, as in 100 or '{length: 100, stride: 50}'.",
            show_default="whole sequences",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    frame: Annotated[
        str, typer.Option(help="What the counter counts: sequence, window, since_onset or until_event.")
    ] = "sequence",
    seed: Annotated[int, typer.Option(help="Redraws everything that is random.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("results/train"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train one detector and show its early, mid and late accuracy."""
    from seqanom.values import names, read_value, with_columns, with_settings
    from seqanomaly.datasets.specs import data_settings
    from seqanomaly.run_config import RunConfig

    columns: dict[str, object] = {"series": series, "step": step, "label": label, "normal": normal, "binary": binary}
    columns |= {"features": names(features), "ignore": names(ignore), "part": part}
    settings: dict[str, Any] = {
        "task": task,
        "data": with_columns(data_settings(read_value(data, "data")), columns),
        "model": read_value(model, "model"),
        "loss": with_settings(read_value(loss, "loss"), {"normalize": normalize}),
        "train": {
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "optimizer": optimizer,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "clip": clip,
            "patience": patience,
            "truncate": truncate,
            "group_by_length": group_by_length,
            "precision": precision,
        },
        "seed": seed,
        "frame": frame,
    }
    if buckets is not None:
        settings["buckets"] = read_value(buckets, "buckets")
    if threshold is not None:
        settings["threshold"] = read_value(threshold, "threshold")
    if window is not None:
        settings["window"] = read_value(window, "window")
    config = RunConfig(**settings)
    from seqanomaly.run import train as train_run
    from seqanomaly.store import Store

    before = set(Store(out).digests())
    farewell = "Stopped before the run was finished; the same command starts it again."
    with console.stopping(farewell), console.progress(config.title, epochs) as advance:
        found = train_run(config, out, device=device, on_epoch=advance)
    folder = Store(out).folder(found.digest)
    if as_json:
        console.result_json(_as_json(found, folder, reused=found.digest in before))
        return
    if found.digest in before:
        console.remark("This run was trained before; showing what it left.")
    show(found, folder)


def show(run: RunResult, folder: Path) -> None:
    """Print a run: accuracy by bucket, what the weights do, where it lies."""
    console.result(_table(run))
    for line in _lines(run):
        console.result(line)
    console.result_text(f"Run folder: {folder}\n")
    for note in run.environment["notes"]:
        console.remark(f"Note: {note}.")


def _table(run: RunResult) -> Table:
    rows = {(row["bucket"], row["metric"]): row for row in run.metrics.to_dict("records")}
    known = any(row["best_possible"] == row["best_possible"] for row in rows.values())
    best = ["best possible"] if known else []
    made = console.table(
        "bucket", "accuracy", *best, "majority", "prevalence", "balanced", "AUROC", "steps", title=run.config.title
    )
    for bucket in run.config.buckets:
        about = rows[bucket, "accuracy"]
        shares = ["value", *["best_possible"] * known, "majority_accuracy", "prevalence"]
        made.add_row(
            bucket,
            *(percent(about[share]) for share in shares),
            percent(rows[bucket, "balanced_accuracy"]["value"]),
            number(rows[bucket, "auroc"]["value"], "{:.3f}"),
            str(about["n"]),
        )
    return made


def _lines(run: RunResult) -> list[str]:
    weights, sequences = run.environment["weights"], run.environment["sequences"]
    windows = run.environment.get("windows")  # runs of before had none
    counts = (
        f"\nSequences: {sequences['train']} train"
        + (f" in {windows} windows" if windows else "")
        + f", {sequences['validation']} validation, {sequences['test']} test. "
    )
    if not run.config.model.trained:
        return [f"{counts}The model is not trained: loss and training settings mean nothing to it."]
    seen, lr = run.environment["receptive_field"], run.config.train.lr
    best = int(run.history.loc[run.history["best"] == 1, "epoch"].iloc[0])
    rate = run.environment["learning_rate"] if run.config.loss.matched else lr
    return [
        f"{counts}Weights from epoch {best} of {len(run.history)}, the one with the best validation loss."
        + (f" The model sees {'one step' if seen == 1 else f'the last {seen} steps'}." if seen else "")
        + (f" Learning rate {rate:.3g} = {lr:g} x {rate / lr:.3g}." if run.config.loss.matched else ""),
        f"Loss {run.config.loss.name}: each sequence counts as {weights['ess']:.1f} effective steps (ESS), mean weight "
        f"{weights['mean_weight']:.3g}, {weights['active_share']:.0%} of the steps active, prevalence "
        f"{weights['prevalence']:.1%}, weighted by the loss {weights['effective_prevalence']:.1%}.",
    ]


def percent(share: float) -> str:
    """A share in percent, or a dash where there is none.

    >>> percent(0.8421), percent(float("nan"))
    ('84.2%', '-')
    """
    return number(share, "{:.1%}")


def number(value: float, form: str) -> str:
    """A number in that form, or a dash where there is none."""
    return form.format(value) if value == value else "-"


def plain_json(table: pd.DataFrame) -> Any:
    """The rows of a table as plain values; what is missing is null."""
    return json.loads(table.to_json(orient="records", double_precision=15))


def _as_json(run: RunResult, folder: Path, *, reused: bool) -> dict[str, Any]:
    return {
        "digest": run.digest,
        "folder": str(folder),
        "reused": reused,
        "config": run.config.settings(),
        "metrics": plain_json(run.metrics),
        "weights": run.environment["weights"],
        "notes": run.environment["notes"],
    }
