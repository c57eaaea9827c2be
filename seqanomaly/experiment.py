"""What is to be compared: an experiment, its grid of runs, and the stacks that train them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from seqanomaly.config import Config, keys, nearest
from seqanomaly.counters import Frame
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import pick_data
from seqanomaly.devices import DeviceKind
from seqanomaly.errors import ConfigError
from seqanomaly.kernel.library import library
from seqanomaly.losses.modulations import (
    Control,
    Modulation,
    Permuted,
    RateMatched,
    Reordered,
    Reverse,
    ShuffledLabels,
)
from seqanomaly.metrics.thresholds import AnyRule, Oracle
from seqanomaly.models.specs import BASELINES, GruSpec, ModelSpec, pick_model
from seqanomaly.ranking import HIGHER_IS_BETTER, UNRANKED
from seqanomaly.run_config import (
    THIRDS,
    AnyWindow,
    Bounds,
    LossSpec,
    RunConfig,
    TaskName,
    TrainSpec,
    pick_loss,
    pick_train,
)
from seqanomaly.windows import windows_per_sequence

SHIPPED = Path(__file__).parent / "_experiments"
"""Experiments that ship with the package."""
LISTS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("features", "channels", "signals", "vocabulary"), (str,)),
    **dict.fromkeys(("ignore", "masked", "apps"), (str, int)),
    "class_weight": (int, float),
}
"""Settings whose one value may be a list, and of what; for them, a list of such lists is an axis."""


def variants(value: object, key: str = "") -> Iterator[object]:
    """Every single value that `value` stands for: a list where one value could stand is an axis of the grid.

    >>> list(variants(["uniform", {"kind": "exp", "rate": [0.1, 0.2]}]))
    ['uniform', {'kind': 'exp', 'rate': 0.1}, {'kind': 'exp', 'rate': 0.2}]
    """
    if isinstance(value, list | tuple) and not (key in LISTS and all(isinstance(item, LISTS[key]) for item in value)):
        if not value:
            raise ConfigError("an empty list stands for nothing; give at least one value", (key,) if key else ())
        for item in value:
            yield from variants(item, key)
    elif isinstance(value, Mapping):
        for chosen in product(*(list(variants(item, str(name))) for name, item in value.items())):
            yield dict(zip(value, chosen, strict=True))
    else:
        yield value


def _axis(pick: Callable[[Any], object], what: str) -> BeforeValidator:
    """A validator that turns one value, or a list of them, into all the single values, each once."""

    def expand(value: object) -> object:
        chosen = [pick(single) for single in variants(value)]
        for place, item in enumerate(chosen):
            if item in chosen[:place]:
                raise ConfigError(f"{getattr(item, 'name', item)} is there twice; give each {what} once")
        names = [item.name for item in chosen if isinstance(item, DataSpec)]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"two data sets are called {name}; rename one of the files")
        return tuple(chosen)

    return BeforeValidator(expand)


def _name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
        raise ConfigError(f"must be letters, digits, dots, dashes and underscores, as it names a folder, got {value!r}")
    return value


def _seeds(value: object) -> object:
    """A count n for the seeds 0 .. n-1, or a list of seeds."""
    if isinstance(value, bool) or not isinstance(value, int | list | tuple) or (isinstance(value, int) and value < 1):
        raise ConfigError(f"must be a count of at least 1 or a list of seeds, got {value!r}")
    seeds = tuple(range(value)) if isinstance(value, int) else tuple(value)
    if any(seed in seeds[:place] for place, seed in enumerate(seeds)) or not seeds:
        raise ConfigError(f"must name each seed once and at least one, got {value!r}")
    return seeds


def _metric(value: object) -> object:
    """A metric that things may be ranked by: higher is better, and random scores do badly."""
    if value not in HIGHER_IS_BETTER:
        flatters = " (point adjustment flatters random scores, so nothing is ranked by it)" * (value in UNRANKED)
        raise ConfigError(f"nothing is ranked by {value!r}{flatters}{nearest(value, sorted(HIGHER_IS_BETTER))}")
    return value


class Choice(Config):
    """What decides, on the validation part, among the settings of a loss."""

    bucket: str
    """Name of the bucket to look at."""
    metric: Annotated[str, BeforeValidator(_metric)] = "accuracy"
    """What to look at; higher is better."""


def pick_choice(value: object) -> object:
    """The name of a bucket, or a mapping, as a choice.

    >>> pick_choice("late")
    Choice(bucket='late', metric='accuracy')
    """
    if isinstance(value, Mapping):
        return Choice(**keys(value))
    return Choice(bucket=value) if isinstance(value, str) else value


class Arm(NamedTuple):
    """A model with all that it is run with."""

    model: ModelSpec
    losses: tuple[LossSpec, ...]
    trains: tuple[TrainSpec, ...]


Digests = dict[DataSpec, str | None]
"""Digest of each data file's content; None where the seed draws the data."""


class Experiment(Config):
    """A question and a grid of configurations and seeds that answers it."""

    name: Annotated[str, BeforeValidator(_name)]
    """Names the folder of results: letters, digits, dots, dashes and underscores."""
    question: str = ""
    """What the experiment asks, in one sentence."""
    task: Annotated[tuple[TaskName, ...], _axis(lambda v: v, "task")] = ("detect",)
    """What is asked per step: detect, classify, forecast."""
    data: Annotated[tuple[SerializeAsAny[DataSpec], ...], _axis(pick_data, "data set")]
    """Data sets."""
    model: Annotated[tuple[SerializeAsAny[ModelSpec], ...], _axis(pick_model, "model")] = (GruSpec(),)
    """Detectors."""
    loss: Annotated[tuple[LossSpec, ...], _axis(pick_loss, "loss")]
    """Losses; the baseline is added where it is not among them."""
    train: Annotated[tuple[TrainSpec, ...], _axis(pick_train, "training setting")] = (TrainSpec(),)
    """How members are trained."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_seeds)] = tuple(range(10))
    """A count or a list; each redraws everything that is random, the same for every loss."""
    baseline: Annotated[LossSpec, BeforeValidator(pick_loss)] = LossSpec()
    """The loss that every other is compared with."""
    buckets: dict[str, Bounds] = THIRDS
    """Slices of the steps; the first and the last are the early and the late one."""
    threshold: AnyRule = None
    """How thresholds on scores are chosen; null for each task's own rule."""
    window: AnyWindow = None
    """Windows that models are trained on and judge in; null for whole sequences."""
    frame: Frame = "sequence"
    """What the counter counts."""
    choose: Annotated[Choice | None, BeforeValidator(pick_choice)] = None
    """Where a loss's setting is chosen on validation data; null to choose none."""
    metric: Annotated[str, BeforeValidator(_metric)] = "accuracy"
    """What the findings speak of; the tables have every metric."""
    stack: int | None = Field(None, ge=1)
    """Members per stack; by default a rule of the shapes."""
    controls: bool = False
    """Whether to add the control losses and the baseline models that are not there yet."""

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if self.baseline not in self.loss:
            object.__setattr__(self, "loss", (self.baseline, *self.loss))
        if self.choose is not None and self.choose.bucket not in self.buckets:
            raise ConfigError(
                f"unknown bucket {self.choose.bucket!r}{nearest(self.choose.bucket, self.buckets)}", ("choose",)
            )
        if self.choose is not None and isinstance(self.threshold, Oracle):
            raise ConfigError(
                "a threshold by oracle would choose by the test labels; leave out one of them", ("choose",)
            )
        if self.choose is not None and not self.families():
            raise ConfigError(
                "needs a loss with several settings, for example {kind: exp, rate: [0.05, 0.1]}", ("choose",)
            )
        if self.controls:
            object.__setattr__(self, "loss", tuple(dict.fromkeys((*self.loss, *_control_losses(self)))))
        for task, data, loss in product(self.task, self.data, self.loss):
            RunConfig(task=task, data=data, loss=loss, buckets=self.buckets, threshold=self.threshold)
        return self

    def families(self) -> dict[str, list[str]]:
        """The losses of one kind and normalisation that differ in a setting: name of the chosen one -> their names."""
        kinds: dict[str, list[str]] = {}
        for loss in self.loss:
            if isinstance(loss.modulation, Reordered | Control):
                continue
            raw = ["normalize=none"] * (loss.normalize == "none")
            kinds.setdefault(f"{loss.modulation.kind}({','.join(['chosen', *raw])})", []).append(loss.name)
        return {name: members for name, members in kinds.items() if len(members) > 1}

    @property
    def count(self) -> int:
        """Number of runs."""
        per_arm = [len(arm.losses) * len(arm.trains) for arm in self.arms()]
        return len(self.task) * len(self.data) * len(self.seeds) * sum(per_arm)

    def arms(self) -> list[Arm]:
        """Every model with its losses and training settings.

        A model that is not trained, and one that `controls` adds, has the baseline loss and the first settings only.
        """
        added = tuple(model for model in BASELINES if model not in self.model) if self.controls else ()
        return [
            Arm(model, self.loss, self.train)
            if model.trained and model not in added
            else Arm(model, (self.baseline,), self.train[:1])
            for model in (*self.model, *added)
        ]

    def notes(self) -> list[str]:
        """What the reader should know about the grid, in sentences."""
        if not self.controls:
            return []
        notes = []
        if not any(_raw(loss) for loss in _studied(self)):
            notes.append(
                "no loss is raw (normalize: none), so rate_matched is not added: mean-normalised losses have mean "
                "weight 1, and uniform itself is matched to their learning rate."
            )
        if "forecast" in self.task:
            notes.append("forecast learns no labels, so shuffled_labels is not added.")
        return notes

    def axes(self) -> dict[str, list[object]]:
        """The axes beside data, model, loss and seed: name -> values, only those with more than one."""
        values: dict[str, list[object]] = {"task": list(self.task)}
        for key in TrainSpec.model_fields:
            values[key] = list(dict.fromkeys(getattr(train, key) for train in self.train))
        return {key: found for key, found in values.items() if len(found) > 1}

    def data_digests(self) -> Digests:
        """Digest of each data file's content, None for drawn data; a `DataError` names a file that is not there."""
        return {data: data.content_digest() for data in self.data}

    def expand(self) -> Iterator[RunConfig]:
        """Every run, one at a time."""
        for stack in plan(self):
            yield from stack


def plan(experiment: Experiment, kind: DeviceKind = "cpu") -> Iterator[tuple[RunConfig, ...]]:
    """The stacks: a pure function of the experiment, whatever the workers are and whatever is done already.

    Members of a stack share data source, model, epochs and batch size; they differ in loss, learning rate and seed.

    Args:
        experiment: what to run.
        kind: of the device that trains them.
    """
    size_on = stack_size_on_cuda if kind == "cuda" else stack_size
    for task, data, (model, losses, trains) in product(experiment.task, experiment.data, experiment.arms()):
        for alike in _alike(trains):
            members = (
                RunConfig.model_construct(
                    task=task,
                    data=data,
                    model=model,
                    loss=loss,
                    train=train,
                    seed=seed,
                    buckets=experiment.buckets,
                    threshold=experiment.threshold,
                    window=experiment.window,
                    frame=experiment.frame,
                )
                for seed, train, loss in product(experiment.seeds, alike, losses)
            )
            count = len(experiment.seeds) * len(alike) * len(losses)
            largest = experiment.stack or size_on(model, alike[0].batch_size)
            stacks = -(-count // largest)
            for place in range(stacks):
                yield tuple(islice(members, count * (place + 1) // stacks - count * place // stacks))


def stack_size(model: ModelSpec, batch_size: int) -> int:
    """Most members that a stack takes: as many as keep the hidden values of a step around 8,192, at most 16.

    >>> stack_size(GruSpec(hidden=16), 32), stack_size(GruSpec(hidden=64), 32)
    (16, 4)
    """
    return max(1, min(16, 8192 // (batch_size * model.width)))


def stack_size_on_cuda(model: ModelSpec, batch_size: int) -> int:
    """Most members that a stack takes on a CUDA device: up to 131,072 hidden values of a step, at most 128 members.

    By count, an update of a full one keeps about 1.5 GB per layer and 100 steps; long sequences, or a small card, may
    need a smaller `stack:`. Not measured on a GPU.

    >>> stack_size_on_cuda(GruSpec(hidden=16), 32), stack_size_on_cuda(GruSpec(hidden=32), 64)
    (128, 64)
    """
    return max(1, min(128, 131_072 // (batch_size * model.width)))


def stack_seconds(stack: tuple[RunConfig, ...], source: Source) -> float:
    """About how long a stack trains on one core, from a rule of its shapes; within a factor of a few."""
    train, first = source.shape, stack[0]
    if not first.model.trained:
        return len(stack) * EVALUATION
    count, steps = train if first.cut is None else windows_of(source, *first.cut)
    updates = first.train.epochs * -(-count // first.train.batch_size)
    return updates * steps * first.model.depth * _step_seconds(first, len(stack)) + len(stack) * EVALUATION


def _step_seconds(run: RunConfig, members: int) -> float:
    """About how long a stack takes for one step of a batch and one layer."""
    batch, width = run.train.batch_size, run.model.width
    if library() is None or run.model.kind not in COMPILED:
        fixed = 0.0 if run.model.kind == "logistic" else FIXED  # it computes all steps at once
        return fixed + members * COSTS[run.model.kind] * (1 + batch * width / 512)
    return members * (AROUND + COMPILED[run.model.kind] * batch * width * (width + 8))


def windows_of(source: Source, length: int, stride: int) -> tuple[int, int]:
    """About how many windows a training part is cut into, and their steps."""
    count, steps = source.shape
    lengths = np.array([steps]) if source.known is None else source.known.length
    return round(count * float(windows_per_sequence(lengths, length, stride).mean())), min(length, steps)


FIXED = 60e-6
"""Seconds per step of a stack, whatever its members, by torch."""
AROUND = 2e-6
"""Seconds per step and member around the compiled kernel: batches, optimiser, evaluation."""
COMPILED: dict[str, float] = {"rnn": 0.8e-10, "gru": 2.2e-10, "lstm": 2.9e-10, "tcn": 2.2e-10}
"""Seconds of the compiled kernel per step and sequence, times the width and the width + 8, from speed/kernel.csv."""
EVALUATION = 0.06
"""Seconds to evaluate and store a run."""
COSTS: dict[str, float] = {"rnn": 8e-6, "gru": 15e-6, "lstm": 20e-6, "tcn": 10e-6, "logistic": 1e-6}
"""Seconds per step and member of the smallest models that are trained, by torch on one core."""


def _studied(experiment: Experiment) -> list[LossSpec]:
    """The losses that an experiment asks about: neither the baseline nor controls."""
    return [loss for loss in experiment.loss if loss != experiment.baseline and loss.modulation.source != "control"]


def _raw(loss: LossSpec) -> bool:
    return loss.normalize == "none"


def _control_losses(experiment: Experiment) -> Iterator[LossSpec]:
    """The controls of every loss that is studied, and shuffled labels where there are any."""
    for loss in _studied(experiment):
        controls: list[Modulation] = [Reverse(of=loss.modulation), Permuted(of=loss.modulation)]
        for control in controls:
            yield loss.model_copy(update={"modulation": control})
        if _raw(loss):
            yield loss.model_copy(update={"modulation": RateMatched(of=loss.modulation), "normalize": "mean"})
    if "forecast" not in experiment.task:
        yield LossSpec(modulation=ShuffledLabels())


def _alike(trains: tuple[TrainSpec, ...]) -> list[list[TrainSpec]]:
    """Training settings in groups that differ in the learning rate only."""
    groups: dict[TrainSpec, list[TrainSpec]] = {}
    for train in trains:
        groups.setdefault(train.model_copy(update={"lr": 1.0}), []).append(train)
    return list(groups.values())
