"""Collect the stored runs of an experiment into data frames, without training and without the data."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from seqanomaly.comparison import MISSING, NOT_TRAINED
from seqanomaly.errors import DataError
from seqanomaly.experiment import Digests, Experiment
from seqanomaly.metrics.scores import METRICS
from seqanomaly.run_config import RunConfig
from seqanomaly.store import Store


def collect(experiment: Experiment, digests: Digests, store: Store) -> pd.DataFrame:
    """One row per run, bucket and metric of an experiment, as `compare_runs` takes them.

    Beside its columns: n, prevalence, majority_accuracy. A run that is not stored has NaN and the note `missing`.

    Args:
        experiment: whose runs to collect.
        digests: digest of each data file, see `Experiment.data_digests` and `Store.experiment`.
        store: where they lie.
    """
    axes = list(experiment.axes())
    rows = []
    for config in experiment.expand():
        what = {
            "dataset": config.data.name,
            "model": config.model.name,
            "loss": config.loss.name,
            **_place(config, axes),
            "seed": config.seed,
        }
        digest = config.digest(digests[config.data])
        folder = store.folder(digest)
        with _undamaged(folder):
            stored = _stored(folder, trained=config.model.trained) if digest in store else _absent(experiment)
            rows += [{**what, **row} for row in stored]
    return pd.DataFrame(rows)


def _place(config: RunConfig, axes: list[str]) -> dict[str, Any]:
    """Where a run stands on the further axes; what is not set is `null`, as in the file."""
    values = {axis: config.task if axis == "task" else getattr(config.train, axis) for axis in axes}
    return {axis: "null" if value is None else value for axis, value in values.items()}


@contextmanager
def _undamaged(folder: Path) -> Iterator[None]:
    """Name the run folder that cannot be read."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder}: is damaged ({error}); delete it and start the comparison again") from None


def _stored(folder: Path, *, trained: bool) -> Iterator[dict[str, Any]]:
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    covers = environment["covers"]
    note = "" if covers == "data and training randomness" else f"covers {covers}"
    first = [] if trained else [NOT_TRAINED]
    with (folder / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield {
                "bucket": row["bucket"],
                "metric": row["metric"],
                **{name: float(row[name] or "nan") for name in _NUMBERS},
                "ess": environment["weights"]["ess"] if trained else float("nan"),
                "note": "; ".join(filter(None, [*first, row["note"] or note])),
            }


_NUMBERS = ("value", "n", "prevalence", "majority_accuracy", "best_possible")


def _absent(experiment: Experiment) -> Iterator[dict[str, Any]]:
    for bucket in experiment.buckets:
        for metric in METRICS:
            yield {
                "bucket": bucket,
                "metric": metric,
                **dict.fromkeys(_NUMBERS, float("nan")),
                "ess": float("nan"),
                "note": MISSING,
            }


def collect_curves(experiment: Experiment, digests: Digests, store: Store) -> pd.DataFrame:
    """One row per finished run and step: title, loss, seed, step, n, accuracy, prevalence, best_possible."""
    axes = list(experiment.axes())
    rows = []
    for config in experiment.expand():
        digest = config.digest(digests[config.data])
        if digest not in store:
            continue
        rest = [f"{axis}={value}" for axis, value in _place(config, axes).items()]
        title = ", ".join([f"{config.model.name} on {config.data.name}", *rest])
        folder = store.folder(digest)
        with _undamaged(folder), (folder / "curve.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                numbers = {name: float(value or "nan") for name, value in row.items()}
                rows.append({"title": title, "loss": config.loss.name, "seed": config.seed, **numbers})
    return pd.DataFrame(rows)


def collect_notes(experiment: Experiment, digests: Digests, store: Store) -> list[str]:
    """What the runs have to say to the reader, once per data set and model, from the first run that is stored."""
    said: dict[tuple[str, str], list[str]] = {}
    for config in experiment.expand():
        title = config.model.name, config.data.name
        if title in said or (digest := config.digest(digests[config.data])) not in store:
            continue
        folder = store.folder(digest)
        with _undamaged(folder):
            said[title] = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["notes"]
    lines = (f"{model} on {data}: {note}." for (model, data), notes in said.items() for note in notes)
    return list(dict.fromkeys(lines))
