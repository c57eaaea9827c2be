"""Collect the stored runs of an experiment into data frames, without training and without the data."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqanomaly.choosing import with_chosen
from seqanomaly.comparison import MISSING, NOT_TRAINED, RESPLIT
from seqanomaly.errors import DataError
from seqanomaly.experiment import Digests, Experiment
from seqanomaly.metrics.buckets import places
from seqanomaly.report.write import Detail
from seqanomaly.run_config import RunConfig
from seqanomaly.store import Store


def collect(experiment: Experiment, digests: Digests, store: Store) -> pd.DataFrame:
    """One row per run, bucket and metric of an experiment, as `compare_runs` takes them.

    Beside its columns: validation, n, prevalence, majority_accuracy, and what the loss's weights do. A run that is not
    stored has NaN and the note `missing`.

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
    runs = pd.DataFrame(rows)
    if experiment.choose is not None:
        families = experiment.families()
        return with_chosen(runs, families, axes, bucket=experiment.choose.bucket, metric=experiment.choose.metric)
    return runs


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
    sequences = environment["sequences"]
    one_file = covers == "data and training randomness" and environment["data_digest"] is not None
    overlap = sequences["test"] / (sequences["train"] + sequences["validation"]) if one_file else 0.0
    note = RESPLIT if one_file else "" if covers == "data and training randomness" else f"covers {covers}"
    weights = environment["weights"]
    told = {name: environment[name] for name in _SETTINGS} | {name: weights[name] for name in _WEIGHTS}
    told["train_prevalence"] = weights["prevalence"]
    if not trained:
        told = dict.fromkeys(_SETTINGS) | dict.fromkeys((*_WEIGHTS, "train_prevalence"), float("nan"))
    first = [] if trained else [NOT_TRAINED]
    with (folder / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield {
                "bucket": row["bucket"],
                "metric": row["metric"],
                **{name: float(row[name] or "nan") for name in _NUMBERS},
                **told,
                "resplit": overlap,
                "note": "; ".join(filter(None, [*first, row["note"], note if row["value"] else ""])),
            }


_SETTINGS = ("frame", "normalize")
_WEIGHTS = ("mean_weight", "ess", "active_share", "effective_prevalence")
_NUMBERS = ("value", "validation", "n", "prevalence", "majority_accuracy", "best_possible")


def _absent(experiment: Experiment) -> Iterator[dict[str, Any]]:
    nothing = dict.fromkeys(_NUMBERS, float("nan")) | dict.fromkeys(_SETTINGS)
    nothing |= dict.fromkeys((*_WEIGHTS, "train_prevalence", "resplit"), float("nan"))
    for bucket, metric in places(experiment.buckets):
        yield {"bucket": bucket, "metric": metric, **nothing, "note": MISSING}


def collect_details(experiment: Experiment, digests: Digests, store: Store, detail: Detail) -> pd.DataFrame:
    """One of the runs' tables, of all finished runs that have it: title, dataset, model, loss, axes, seed, its columns.

    Empty where no run has it.
    """
    axes = list(experiment.axes())
    paths, whats = [], []
    for config in experiment.expand():
        digest = config.digest(digests[config.data])
        path = store.folder(digest) / f"{detail}.csv"
        if digest in store and (detail != "sequences" or path.is_file()):
            place = _place(config, axes)
            rest = [f"{axis}={value}" for axis, value in place.items()]
            title = ", ".join([f"{config.model.name} on {config.data.name}", *rest])
            names = {"dataset": config.data.name, "model": config.model.name, "loss": config.loss.name}
            paths.append(path)
            whats.append({"title": title, **names, **place, "seed": config.seed})
    table, counts = _joined(paths)
    if table.empty:
        return pd.DataFrame()
    what = pd.DataFrame(whats).loc[np.repeat(np.arange(len(whats)), counts)].reset_index(drop=True)
    return pd.concat([what, table], axis=1)


def _joined(paths: list[Path]) -> tuple[pd.DataFrame, list[int]]:
    """The rows of all tables, parsed at once as that takes a fraction of the time, and how many each has."""
    texts = []
    for path in paths:
        with _undamaged(path.parent):
            texts.append(path.read_text(encoding="utf-8").partition("\n"))
    if not any(body for *_, body in texts):
        return pd.DataFrame(), []
    try:
        table = _numbers(texts[0][0] + "\n" + "".join(body for *_, body in texts))
    except ValueError:
        for path in paths:  # which one is it?
            with _undamaged(path.parent):
                _numbers(path.read_text(encoding="utf-8"))
        raise
    return table, [body.count("\n") for *_, body in texts]


def _numbers(text: str) -> pd.DataFrame:
    """A table whose columns are numbers but for the bucket."""
    table = pd.read_csv(StringIO(text), dtype={"bucket": str}, keep_default_na=False, na_values=[""])
    wrong = [str(name) for name in table.columns if name != "bucket" and table[name].dtype.kind not in "fi"]
    if wrong and len(table):
        raise ValueError(f"column {wrong[0]} has something else than numbers")
    return table


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
