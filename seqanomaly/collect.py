"""Collect the stored runs of an experiment into data frames, without training and without the data."""

from __future__ import annotations

import csv
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO, FileIO, StringIO
from itertools import groupby
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
from seqanomaly.report.parts import Detail
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
    runs = _frame([run for part in stored_parts(experiment, digests, store) for run in part.every])
    return _with_chosen(runs, experiment)


@dataclass(frozen=True)
class Run:
    """Where a run stands in an experiment, and where its files lie."""

    what: dict[str, Any]
    """Names of the data set, the model and the loss, the further axes, seed."""
    title: str
    """Model, data set and further axes in words."""
    folder: Path
    """Its folder."""
    there: bool
    """Whether it is stored."""
    trained: bool
    """Whether its model is trained."""
    absent: tuple[tuple[str, str], ...]
    """The buckets and metrics that are missing with it."""


@dataclass(frozen=True)
class Part:
    """The runs of one task, data set and model; what is compared with each other lies in one part."""

    every: list[Run]
    """Its runs, in the order of the experiment."""
    experiment: Experiment
    """Whose they are."""

    @property
    def runs(self) -> pd.DataFrame:
        """See `collect`."""
        return _with_chosen(_frame(self.every), self.experiment)

    def titles(self, detail: Detail) -> list[str]:
        """The titles of which a stored run has rows in one of its tables."""
        found: dict[str, bool] = {}
        for run in self.every:
            if not found.get(run.title) and _has(run, detail):
                with _undamaged(run.folder):
                    found[run.title] = bool(_read(run.folder, f"{detail}.csv").partition(b"\n")[2])
        return [title for title, has in found.items() if has]

    def details(self, detail: Detail, titles: Sequence[str] | None = None) -> pd.DataFrame:
        """See `collect_details`; with `titles`, of these only."""
        return _details([run for run in self.every if titles is None or run.title in titles], detail)


def stored_parts(experiment: Experiment, digests: Digests, store: Store) -> Iterator[Part]:
    """The runs of an experiment, part by part; see `collect`."""
    axes, absent = list(experiment.axes()), tuple(places(experiment.buckets))
    for _, configs in groupby(experiment.expand(), lambda run: (run.task, id(run.data), id(run.model))):
        every = []
        for config in configs:
            names, place = _names(config), _place(config, axes)
            title = ", ".join([f"{names['model']} on {names['dataset']}", *(f"{k}={v}" for k, v in place.items())])
            folder = store.folder(config.digest(digests[config.data]))
            what = {**names, **place, "seed": config.seed}
            every.append(Run(what, title, folder, folder.is_dir(), config.model.trained, absent))
        yield Part(every, experiment)


def _with_chosen(runs: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    if experiment.choose is None:
        return runs
    bucket, metric = experiment.choose.bucket, experiment.choose.metric
    return with_chosen(runs, experiment.families(), list(experiment.axes()), bucket=bucket, metric=metric)


def _frame(every: list[Run]) -> pd.DataFrame:
    table = _Table()
    for run in every:
        with _undamaged(run.folder):
            if run.there:
                table.add_stored(run.what, run.folder, trained=run.trained)
            else:
                table.add_absent(run.what, list(run.absent))
    return table.frame()


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
        told, note = _told(json.loads(_read(folder, "environment.json")), trained=trained)
        head, *rows = [*csv.reader(StringIO(_read(folder, "metrics.csv").decode(), newline=""))] or [[]]
        if not rows or set(map(len, rows)) != {len(head)}:
            raise ValueError("metrics.csv is no table")
        columns = dict(zip(head, zip(*rows, strict=True), strict=True))
        for name, numbers in self.numbers.items():
            numbers.fromlist([float(text or "nan") for text in columns[name]])
        first = "" if trained else NOT_TRAINED
        noted = [
            (first, own, note if value else "") for own, value in zip(columns["note"], columns["value"], strict=True)
        ]
        said = {parts: "; ".join(filter(None, parts)) for parts in set(noted)}
        self._add({**what, **told}, columns["bucket"], columns["metric"], [said[parts] for parts in noted])

    def add_absent(self, what: dict[str, Any], absent: list[tuple[str, str]]) -> None:
        """The rows of a run that is not there: a bucket and a metric each."""
        nothing = dict.fromkeys(_SETTINGS) | dict.fromkeys((*_WEIGHTS, "train_prevalence", "resplit"), float("nan"))
        for numbers in self.numbers.values():
            numbers.fromlist([float("nan")] * len(absent))
        buckets, metrics = zip(*absent, strict=True)
        self._add({**what, **nothing}, buckets, metrics, [MISSING] * len(absent))

    def _add(self, run: dict[str, Any], *texts: Sequence[str]) -> None:
        for column, values in zip(self.texts.values(), texts, strict=True):
            column.extend(map(self.alike.setdefault, values, values))  # each text in memory once
        self.runs.append(run)
        self.counts.append(len(texts[0]))

    def frame(self) -> pd.DataFrame:
        """All rows; empty where there are no runs."""
        told = [*_SETTINGS, *_WEIGHTS, "train_prevalence", "resplit"]
        runs = pd.DataFrame(self.runs)
        runs = runs.loc[np.repeat(np.arange(len(runs)), self.counts)].reset_index(drop=True)
        columns: dict[str, Any] = {name: self.texts[name] for name in ("bucket", "metric")}
        columns |= {name: np.frombuffer(numbers) for name, numbers in self.numbers.items()}
        note = pd.DataFrame({"note": self.texts["note"]})
        return pd.concat([runs.drop(columns=told), pd.DataFrame(columns), runs[told], note], axis=1)


def _read(folder: Path, name: str) -> bytes:
    """All of a small file; there are so many of them that a path and a buffer for each would take longer."""
    with FileIO(f"{folder}/{name}") as file:
        return file.readall()


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
    return _details([run for part in stored_parts(experiment, digests, store) for run in part.every], detail)


def _details(runs: list[Run], detail: Detail) -> pd.DataFrame:
    having = [run for run in runs if _has(run, detail)]
    table, counts = _joined([run.folder for run in having], f"{detail}.csv")
    if table.empty:
        return pd.DataFrame()
    named = dict.fromkeys(("title", "dataset", "model", "loss"), "category")  # a byte or two in place of a text
    whats = pd.DataFrame([{"title": run.title, **run.what} for run in having]).astype(named)
    return pd.concat([whats.loc[np.repeat(np.arange(len(whats)), counts)].reset_index(drop=True), table], axis=1)


def _has(run: Run, detail: Detail) -> bool:
    """Whether the run has that table."""
    return run.there and (detail != "sequences" or (run.folder / f"{detail}.csv").is_file())


def _joined(folders: list[Path], name: str) -> tuple[pd.DataFrame, list[int]]:
    """The rows of a table of all folders, many parsed at once as that is faster by far, and how many each has."""
    parts, counts = [], []
    for start in range(0, len(folders), AT_ONCE):
        part, of_part = _parsed(folders[start : start + AT_ONCE], name)
        parts.append(part)
        counts += of_part
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(), counts


AT_ONCE = 500
"""Tables that are parsed at once."""


def _parsed(folders: list[Path], name: str) -> tuple[pd.DataFrame, list[int]]:
    texts = []
    for folder in folders:
        with _undamaged(folder):
            texts.append(_read(folder, name).partition(b"\n"))
    counts = [body.count(b"\n") for *_, body in texts]
    if not any(counts):
        return pd.DataFrame(), counts
    try:
        return _numbers(texts[0][0] + b"\n" + b"".join(body for *_, body in texts)), counts
    except ValueError:
        for folder in folders:  # which one is it?
            with _undamaged(folder):
                _numbers(_read(folder, name))
        raise


def _numbers(text: bytes) -> pd.DataFrame:
    """A table whose columns are numbers but for the bucket."""
    table = pd.read_csv(BytesIO(text), dtype={"bucket": str}, keep_default_na=False, na_values=[""])
    wrong = [str(name) for name in table.columns if name != "bucket" and table[name].dtype.kind not in "fi"]
    if wrong and len(table):
        raise ValueError(f"column {wrong[0]} has something else than numbers")
    return table


def collect_notes(experiment: Experiment, digests: Digests, store: Store) -> list[str]:
    """What the runs have to say to the reader, from the first run that is stored of each data set and model.

    What all models say of a data set, where there are several, is said once and names no model.
    """
    said: dict[tuple[str, str], list[str]] = {}
    for config in experiment.expand():
        title = _name(config.model), _name(config.data)
        if title in said or (digest := config.digest(digests[config.data])) not in store:
            continue
        folder = store.folder(digest)
        with _undamaged(folder):
            said[title] = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["notes"]
    models: dict[str, int] = Counter(data for _, data in said)
    times = Counter((data, note) for (_, data), notes in said.items() for note in dict.fromkeys(notes))
    lines = (
        f"{data if 1 < models[data] == times[data, note] else f'{model} on {data}'}: {note}."
        for (model, data), notes in said.items()
        for note in notes
    )
    return list(dict.fromkeys(lines))
