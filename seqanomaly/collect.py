"""Collect the stored runs of an experiment into data frames, without training and without the data."""

from __future__ import annotations

import csv
import json
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqanomaly.choosing import with_chosen
from seqanomaly.comparison import MISSING, NOT_TRAINED, RESPLIT
from seqanomaly.datasets.source import DataSpec
from seqanomaly.errors import DataError
from seqanomaly.experiment import Digests, Experiment
from seqanomaly.metrics.buckets import places
from seqanomaly.models.specs import ModelSpec
from seqanomaly.report.write import Detail
from seqanomaly.run_config import LossSpec, RunConfig
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
    axes, table = list(experiment.axes()), _Table()
    absent = list(places(experiment.buckets))
    for config in experiment.expand():
        what = {**_names(config), **_place(config, axes), "seed": config.seed}
        digest = config.digest(digests[config.data])
        folder = store.folder(digest)
        with _undamaged(folder):
            if digest in store:
                table.add_stored(what, folder, trained=config.model.trained)
            else:
                table.add_absent(what, absent)
    runs = table.frame()
    if experiment.choose is not None:
        families = experiment.families()
        return with_chosen(runs, families, axes, bucket=experiment.choose.bucket, metric=experiment.choose.metric)
    return runs


def _names(config: RunConfig) -> dict[str, str]:
    """What is run on what."""
    return {"dataset": _name(config.data), "model": _name(config.model), "loss": _name(config.loss)}


@lru_cache(maxsize=4096)
def _name(part: DataSpec | ModelSpec | LossSpec) -> str:
    return part.name


def _place(config: RunConfig, axes: list[str]) -> dict[str, Any]:
    """Where a run stands on the further axes; what is not set is `null`, as in the file."""
    values = {axis: config.task if axis == "task" else getattr(config.train, axis) for axis in axes}
    return {axis: "null" if value is None else value for axis, value in values.items()}


@contextmanager
def _undamaged(folder: Path) -> Iterator[None]:
    """Name the run folder that cannot be read."""
    try:
        yield
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{folder}: is damaged ({error}); delete it and start the comparison again") from None


class _Table:
    """The rows of many runs, column by column: what is said of a run is there once until the end."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.counts: list[int] = []
        self.texts: dict[str, list[str]] = {name: [] for name in ("bucket", "metric", "note")}
        self.numbers = {name: array("d") for name in _NUMBERS}
        self.alike: dict[str, str] = {}

    def add_stored(self, what: dict[str, Any], folder: Path, *, trained: bool) -> None:
        """The rows of a run folder."""
        told, note = _told(json.loads((folder / "environment.json").read_text(encoding="utf-8")), trained=trained)
        with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            head, *rows = [*csv.reader(file)] or [[]]
        if not rows or {len(row) for row in rows} != {len(head)}:
            raise ValueError("metrics.csv is no table")
        columns = dict(zip(head, zip(*rows, strict=True), strict=True))
        first = "" if trained else NOT_TRAINED
        for name, numbers in self.numbers.items():
            numbers.extend(float(text or "nan") for text in columns[name])
        notes = (
            "; ".join(filter(None, (first, own, note if value else "")))
            for own, value in zip(columns["note"], columns["value"], strict=True)
        )
        self._add({**what, **told}, columns["bucket"], columns["metric"], notes)

    def add_absent(self, what: dict[str, Any], absent: list[tuple[str, str]]) -> None:
        """The rows of a run that is not there: a bucket and a metric each."""
        nothing = dict.fromkeys(_SETTINGS) | dict.fromkeys((*_WEIGHTS, "train_prevalence", "resplit"), float("nan"))
        for numbers in self.numbers.values():
            numbers.extend([float("nan")] * len(absent))
        buckets, metrics = zip(*absent, strict=True)
        self._add({**what, **nothing}, buckets, metrics, [MISSING] * len(absent))

    def _add(self, run: dict[str, Any], *texts: Iterable[str]) -> None:
        for column, values in zip(self.texts.values(), texts, strict=True):
            before = len(column)
            column.extend(self.alike.setdefault(value, value) for value in values)  # each text in memory once
        self.runs.append(run)
        self.counts.append(len(column) - before)

    def frame(self) -> pd.DataFrame:
        """All rows; empty where there are no runs."""
        told = [*_SETTINGS, *_WEIGHTS, "train_prevalence", "resplit"]
        runs = pd.DataFrame(self.runs)
        runs = runs.loc[np.repeat(np.arange(len(runs)), self.counts)].reset_index(drop=True)
        columns: dict[str, Any] = {name: self.texts[name] for name in ("bucket", "metric")}
        columns |= {name: np.frombuffer(numbers) for name, numbers in self.numbers.items()}
        note = pd.DataFrame({"note": self.texts["note"]})
        return pd.concat([runs.drop(columns=told), pd.DataFrame(columns), runs[told], note], axis=1)


def _told(environment: dict[str, Any], *, trained: bool) -> tuple[dict[str, Any], str]:
    """What is said of all rows of a run, and the note of those that have a value."""
    covers, sequences = environment["covers"], environment["sequences"]
    one_file = covers == "data and training randomness" and environment["data_digest"] is not None
    overlap = sequences["test"] / (sequences["train"] + sequences["validation"]) if one_file else 0.0
    note = RESPLIT if one_file else "" if covers == "data and training randomness" else f"covers {covers}"
    weights = environment["weights"]
    told = {name: environment[name] for name in _SETTINGS} | {name: weights[name] for name in _WEIGHTS}
    told["train_prevalence"] = weights["prevalence"]
    if not trained:
        told = dict.fromkeys(_SETTINGS) | dict.fromkeys((*_WEIGHTS, "train_prevalence"), float("nan"))
    return {**told, "resplit": overlap}, note


_SETTINGS = ("frame", "normalize")
_WEIGHTS = ("mean_weight", "ess", "active_share", "effective_prevalence")
_NUMBERS = ("value", "validation", "n", "prevalence", "majority_accuracy", "best_possible")


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
            names = _names(config)
            title = ", ".join([f"{names['model']} on {names['dataset']}", *rest])
            paths.append(path)
            whats.append({"title": title, **names, **place, "seed": config.seed})
    table, counts = _joined(paths)
    if table.empty:
        return pd.DataFrame()
    named = dict.fromkeys(("title", "dataset", "model", "loss"), "category")  # a byte or two in place of a text
    what = pd.DataFrame(whats).astype(named).loc[np.repeat(np.arange(len(whats)), counts)].reset_index(drop=True)
    return pd.concat([what, table], axis=1)


def _joined(paths: list[Path]) -> tuple[pd.DataFrame, list[int]]:
    """The rows of all tables, many parsed at once as that takes a fraction of the time, and how many each has."""
    parts, counts = [], []
    for start in range(0, len(paths), AT_ONCE):
        part, of_part = _parsed(paths[start : start + AT_ONCE])
        parts.append(part)
        counts += of_part
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(), counts


AT_ONCE = 500
"""Tables that are parsed at once."""


def _parsed(paths: list[Path]) -> tuple[pd.DataFrame, list[int]]:
    texts = []
    for path in paths:
        with _undamaged(path.parent):
            texts.append(path.read_bytes().partition(b"\n"))
    counts = [body.count(b"\n") for *_, body in texts]
    if not any(counts):
        return pd.DataFrame(), counts
    try:
        return _numbers(texts[0][0] + b"\n" + b"".join(body for *_, body in texts)), counts
    except ValueError:
        for path in paths:  # which one is it?
            with _undamaged(path.parent):
                _numbers(path.read_bytes())
        raise


def _numbers(text: bytes) -> pd.DataFrame:
    """A table whose columns are numbers but for the bucket."""
    table = pd.read_csv(BytesIO(text), dtype={"bucket": str}, keep_default_na=False, na_values=[""])
    wrong = [str(name) for name in table.columns if name != "bucket" and table[name].dtype.kind not in "fi"]
    if wrong and len(table):
        raise ValueError(f"column {wrong[0]} has something else than numbers")
    return table


def collect_notes(experiment: Experiment, digests: Digests, store: Store) -> list[str]:
    """What the runs have to say to the reader, once per data set and model, from the first run that is stored."""
    said: dict[tuple[str, str], list[str]] = {}
    for config in experiment.expand():
        title = _name(config.model), _name(config.data)
        if title in said or (digest := config.digest(digests[config.data])) not in store:
            continue
        folder = store.folder(digest)
        with _undamaged(folder):
            said[title] = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["notes"]
    lines = (f"{model} on {data}: {note}." for (model, data), notes in said.items() for note in notes)
    return list(dict.fromkeys(lines))
