"""`seqanom runs`: what has been trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console
from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    from seqanomaly.store import Store


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs, as given to --out.")] = Path("results/train"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the runs as JSON.")] = False,
) -> None:
    """List finished and failed runs with their accuracy by bucket."""
    if not (folder / "runs").is_dir():
        raise ConfigError(
            f"{folder}: is not a folder of runs (it has no folder 'runs' in it); name the --out of a command"
        )
    from seqanomaly.store import Store

    store = Store(folder)
    finished = list(_rows(store))
    failed = [{"digest": digest, **record} for digest, record in store.failures()]
    if as_json:
        console.result_json({"runs": finished, "failures": failed})
        return
    from seqanom.train import percent

    buckets = list(dict.fromkeys(bucket for row in finished for bucket in row["accuracy"]))
    title = f"Finished runs in {folder}: {len(finished)}"
    made = console.table("run", "data", "model", "loss", "task", "seed", *buckets, title=title)
    made.columns[0].no_wrap = True
    for column in made.columns[:5]:
        column.justify = "left"
    for row in finished:
        shares = [percent(row["accuracy"].get(bucket, float("nan"))) for bucket in buckets]
        made.add_row(row["digest"][:8], row["data"], row["model"], row["loss"], row["task"], str(row["seed"]), *shares)
    console.result(made)
    for record in failed:
        console.result_text(f"failed: {record['reason']}\n  repeat: {record['command']}\n")


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    """The finished runs; a damaged one is remarked upon and left out."""
    from seqanomaly.errors import DataError

    for digest in store.digests():
        try:
            yield _row(store, digest)
        except DataError as error:
            console.remark(f"Left out: {error}")


def _row(store: Store, digest: str) -> dict[str, Any]:
    from seqanomaly.store import read_config, read_table

    place = store.folder(digest)
    config, metrics = read_config(place), read_table(place / "metrics.csv")
    accuracy = metrics[metrics["metric"] == "accuracy"]
    return {
        "digest": digest,
        "data": config.data.name,
        "model": config.model.name,
        "loss": config.loss.name,
        "task": config.task,
        "seed": config.seed,
        "accuracy": dict(zip(accuracy["bucket"], accuracy["value"].tolist(), strict=True)),
        "folder": str(place),
    }
