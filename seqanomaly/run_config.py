"""What is to be run: one run's configuration, from YAML, flags or Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_serializer, model_validator

from seqanomaly.config import Config, Cut, address, call, canonical, dump_yaml, keys, nearest, one_of, share
from seqanomaly.counters import Frame
from seqanomaly.datasets.opened import VALIDATION
from seqanomaly.datasets.specs import AnyData
from seqanomaly.errors import ConfigError
from seqanomaly.losses.modulations import (
    MODULATIONS,
    AnyModulation,
    Modulation,
    RateMatched,
    ShuffledLabels,
    Step,
    Uniform,
    chain,
)
from seqanomaly.metrics.thresholds import AnyRule, Probability
from seqanomaly.models.specs import MODELS, AnyModel, GruSpec

TaskName = Literal["detect", "classify", "forecast"]


class LossSpec(Config):
    """A modulation with its normalisation and the weights of the classes, written as one flat mapping."""

    modulation: AnyModulation = Uniform()
    """Counter -> weight."""
    normalize: Literal["none", "mean"] = "mean"
    """`mean`: each sequence's weights average 1 over its valid steps; `none`: raw weights."""
    pos_weight: float | None = Field(None, gt=0)
    """Factor on the loss of anomalous steps (task detect)."""
    class_weight: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """One factor per class, normal first (task classify)."""

    @model_serializer
    def flat(self) -> dict[str, Any]:
        """`{kind: exp, rate: 0.1, normalize: mean}`, with class weights only where they are set."""
        weights = {"pos_weight": self.pos_weight, "class_weight": self.class_weight and list(self.class_weight)}
        set_weights = {key: value for key, value in weights.items() if value is not None}
        return {**self.modulation.settings(), "normalize": self.normalize, **set_weights}

    @property
    def name(self) -> str:
        """Canonical name, as in `exp(rate=0.2)` or `exp(normalize=none)`."""
        own = {k: v for k, v in self.settings().items() if k in _OWN and v != "mean"}
        return call(self.modulation.kind, {**self.modulation.changed(), **own})

    @property
    def shuffles(self) -> bool:
        """Whether training labels are shuffled."""
        return any(isinstance(inner, ShuffledLabels) for inner in chain(self.modulation))

    @property
    def matched(self) -> tuple[Modulation, ...]:
        """The modulations whose mean raw weight multiplies the learning rate."""
        return tuple(inner.of for inner in chain(self.modulation) if isinstance(inner, RateMatched))


_OWN = ("normalize", "pos_weight", "class_weight")


def pick_loss(value: object) -> object:
    """A name or a flat mapping as a `LossSpec`.

    >>> pick_loss({"kind": "exp", "rate": 0.2, "normalize": "none"}).name
    'exp(rate=0.2,normalize=none)'
    """
    if isinstance(value, LossSpec):
        return value
    if isinstance(value, Modulation):
        return LossSpec(modulation=value)
    value = keys(value) if isinstance(value, Mapping) else {"kind": value}
    own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k in _OWN}
    rest = {k: v for k, v in value.items() if k not in _OWN}
    kind = MODULATIONS.get(str(rest.get("kind")))
    unknown = next((k for k in rest if kind is not None and k not in kind.model_fields), None)
    if unknown is not None and kind is not None:
        raise ConfigError(f"unknown key {unknown!r}{nearest(unknown, (*kind.model_fields, *_OWN))}")
    own["modulation"] = one_of(MODULATIONS, "loss")(rest)
    return LossSpec(**own)


AnyLoss = Annotated[LossSpec, BeforeValidator(pick_loss)]
"""Any loss, given by name, as a flat mapping or as it is."""


class TrainSpec(Config):
    """How a member is trained."""

    epochs: int = Field(30, ge=1)
    """Passes over the training sequences."""
    batch_size: int = Field(32, ge=1)
    """Sequences per update."""
    lr: float = Field(0.01, gt=0)
    """Learning rate."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Update rule."""
    momentum: float = Field(0.0, ge=0, lt=1)
    """Momentum of sgd, in [0, 1)."""
    weight_decay: float | None = Field(None, ge=0)
    """Weight decay; null is 0.01 for adamw and 0 for the others."""
    clip: float | None = Field(None, gt=0)
    """Largest norm of a member's gradient; null for no limit."""
    patience: int | None = Field(None, ge=1)
    """Epochs without a better validation loss after which training stops; null for never."""
    truncate: int | None = Field(None, ge=1)
    """Steps of a piece: gradients go back to where a piece begins, states and counters on; null for all steps."""
    group_by_length: bool = False
    """Whether a batch is of sequences of about one length, so that less of it is padding."""
    precision: Literal["float32", "bf16"] = "float32"
    """Numbers that training computes with; parameters, losses and all that is evaluated are float32."""

    @model_validator(mode="after")
    def _momentum_is_for_sgd(self) -> TrainSpec:
        if self.momentum and self.optimizer != "sgd":
            raise ConfigError(f"is for sgd, got {self.optimizer}; leave it out", ("momentum",))
        return self


def pick_train(value: object) -> object:
    """A mapping as training settings."""
    if isinstance(value, TrainSpec):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"must be a mapping such as {{epochs: 30}}, got {value!r}")
    return TrainSpec(**keys(value))


AnyTrain = Annotated[TrainSpec, BeforeValidator(pick_train)]
"""Training settings, given as a mapping or as they are."""


class WindowSpec(Config):
    """Sliding windows over each sequence of each part; none crosses a sequence, and together they hold every step.

    A model is trained on windows, an epoch being all of them. What it says about a step is then taken from the window
    in which the step has the largest place, so that most is known of what came before it; see `windows.Windows`.
    """

    length: int = Field(ge=2)
    """Steps of a window, at least 2; a shorter sequence is one window."""
    stride: int | None = Field(None, ge=1)
    """Steps from the start of a window to that of the next, at most the length; by default half of it."""

    @model_validator(mode="after")
    def _no_step_is_skipped(self) -> WindowSpec:
        if self.stride is None:
            object.__setattr__(self, "stride", self.length // 2)
        elif self.stride > self.length:
            raise ConfigError(
                f"must be at most the length {self.length}, as steps between two windows would be skipped, "
                f"got {self.stride}",
                ("stride",),
            )
        return self

    @property
    def cut(self) -> tuple[int, int]:
        """Length and stride."""
        assert self.stride is not None
        return self.length, self.stride


def pick_window(value: object) -> object:
    """A number of steps or a mapping as windows.

    >>> pick_window(100)
    WindowSpec(length=100, stride=50)
    """
    if value is None or isinstance(value, WindowSpec):
        return value
    if isinstance(value, Mapping):
        return WindowSpec(**keys(value))
    if type(value) is int:
        return WindowSpec(length=value)
    raise ConfigError(f"must be a number of steps or a mapping such as {{length: 100, stride: 50}}, got {value!r}")


AnyWindow = Annotated[WindowSpec | None, BeforeValidator(pick_window)]
"""Windows, given by their length or as a mapping; None for whole sequences."""


def _bounds(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ConfigError(f"must be [start, end], got {value!r}")
    return tuple(value)


Bounds = Annotated[tuple[Cut, Cut], BeforeValidator(_bounds)]
THIRDS: dict[str, tuple[float | str, float | str]] = {
    "early": ("0%", "33.3%"),
    "mid": ("33.3%", "66.7%"),
    "late": ("66.7%", "100%"),
}
"""The default buckets."""


class RunConfig(Config):
    """Everything that a run's result depends on, beside the bytes of its data file."""

    task: TaskName = "detect"
    """What is asked per step."""
    data: AnyData
    """Data set."""
    model: AnyModel = GruSpec()
    """Detector."""
    loss: AnyLoss = LossSpec()
    """Counter loss."""
    train: AnyTrain = TrainSpec()
    """How it is trained."""
    seed: int = Field(0, ge=0)
    """Redraws everything that is random; the same for every loss."""
    buckets: dict[str, Bounds] = THIRDS
    """Slices of the steps: shares of the sequence with %, or step numbers, [start, end)."""
    threshold: AnyRule = None
    """How the threshold on the score is chosen; null for the task's own rule."""
    window: AnyWindow = None
    """Windows that a model is trained on and judges in; null for whole sequences."""
    frame: Frame = "sequence"
    """What the counter counts: steps of the whole sequence, of the window, since the onset or until the event."""

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        if self.threshold is not None and self.task == "classify":
            raise ConfigError(
                f"is for detect and forecast, got {self.threshold.name} with classify, which decides for the likeliest "
                "class; leave it out",
                ("threshold",),
            )
        if isinstance(self.threshold, Probability) and self.task == "forecast":
            raise ConfigError(
                "probability is for detect, as a residual is no probability; choose quantile or balanced_accuracy",
                ("threshold",),
            )
        if self.train.truncate is not None and self.model.trained and not self.model.carries:
            known = ", ".join(kind for kind, spec in MODELS.items() if spec.carries)
            raise ConfigError(
                f"truncate is for {known}, whose states go from piece to piece, got {self.model.kind}; leave it out",
                ("train",),
            )
        if self.train.group_by_length and self.window is not None:
            raise ConfigError(
                "group_by_length is for whole sequences, and windows are equally long; leave it out", ("train",)
            )
        for key, task in (("pos_weight", "detect"), ("class_weight", "classify")):
            if getattr(self.loss, key) is not None and self.task != task:
                raise ConfigError(f"{key} is for the task {task}, got {self.task}; leave it out", ("loss",))
        if self.task == "forecast" and self.loss.shuffles:
            raise ConfigError(
                "shuffled_labels is for the tasks detect and classify, got forecast, which learns the next step's "
                "features and no labels; leave it out",
                ("loss",),
            )
        for name, (start, end) in self.buckets.items():
            if (share(start) is None) == (share(end) is None) and _number(start) >= _number(end):
                raise ConfigError(
                    f"starts at {start} and ends at {end}; the end comes after the start", ("buckets", name)
                )
        if not self.buckets:
            raise ConfigError("must name at least one bucket, for example {early: [0%, 50%]}", ("buckets",))
        return self

    def digest(self, data_digest: str | None) -> str:
        """Name of the run's folder: 16 hexadecimal digits; a file counts by its content, not by its place."""
        parts = (_text(part) for part in (self.data, self.model, self.loss, self.train))
        rule = None if self.threshold is None else self.threshold.settings()
        seen = [] if self.window is None else [canonical(self.window.settings())]
        counted = [] if self.frame == "sequence" else [canonical(self.frame)]  # runs without either keep their address
        buckets, after = (
            _slices(tuple(self.buckets.items())),
            [canonical(rule), canonical(data_digest), *seen, *counted],
        )
        return address(f"[{','.join([str(FORMAT), canonical(self.task), *parts, str(self.seed), buckets, *after])}]")

    @property
    def cut(self) -> tuple[int, int] | None:
        """Length and stride of the windows; None without any, and for a model that is not trained on them."""
        return None if self.window is None or not self.model.trained else self.window.cut

    @property
    def title(self) -> str:
        """`model on data with loss, seed`, in canonical names."""
        return f"{self.model.name} on {self.data.name} with {self.loss.name}, seed {self.seed}"


@lru_cache(maxsize=4096)
def _text(part: Config) -> str:
    """A part of a configuration as text in JSON: without the place of a file and the way in which it is read.

    Settings that came later are in it only where they are set, so that runs without them keep their address.
    """
    later = {"truncate": None, "group_by_length": False, "precision": "float32", "validation": VALIDATION}
    kept = {
        key: of
        for key, of in part.settings().items()
        if key not in ("path", "mapped") and (key not in later or of != later[key])
    }
    return canonical(json.dumps(kept, sort_keys=True))


@lru_cache(maxsize=64)
def _slices(buckets: tuple[tuple[str, tuple[float | str, float | str]], ...]) -> str:
    """Buckets as JSON."""
    return canonical(dict(buckets))


def last_counter(frame: Frame, window: WindowSpec | None, longest: int) -> int | None:
    """The largest counter in data whose longest sequence has so many steps; None where labels decide.

    >>> last_counter("sequence", None, 50), last_counter("window", WindowSpec(length=20), 50)
    (49, 19)
    """
    if frame == "window" and window is not None:
        return min(longest, window.length) - 1
    return longest - 1 if frame in ("sequence", "window") else None


def never_active(loss: LossSpec, last: int | None) -> bool:
    """Whether a step loss begins after the last counter, as far as its settings tell; see `last_counter`."""
    *_, inner = chain(loss.modulation)
    begins = inner.threshold if isinstance(inner, Step) else 0.0
    return last is not None and not isinstance(begins, str) and begins > last


def unreached(loss: LossSpec, data: str, longest: int, last: int | None) -> ConfigError:
    """The error about a loss that no training step would ever feel; `last` as for `never_active`."""
    what = f"the longest of {data} has {longest} steps"
    if last is not None:
        what += ", so counters " if last == longest - 1 else " and counters of the window "
        what += f"go from 0 to {last}"
    return ConfigError(
        f"{loss.name} gives no training step a weight above 0: {what}; choose a smaller threshold", ("loss",)
    )


FORMAT = 2
"""Version of the run folder's layout and of the numbers in it; a new one makes every run new."""


def _number(cut: float | str) -> float:
    part = share(cut)
    return float(cut) if part is None else part


def repeat_command(config: RunConfig, out: Path) -> str:
    """The shell command that trains `config` again."""
    import shlex

    settings = config.settings()
    flags: dict[str, str] = {"task": config.task}
    flags |= {key: dump_yaml(settings[key], flow=True).strip() for key in ("data", "model", "loss", "buckets")}
    if config.threshold is not None:
        flags["threshold"] = dump_yaml(settings["threshold"], flow=True).strip()
    if config.window is not None:
        flags["window"] = dump_yaml(settings["window"], flow=True).strip()
    if config.frame != "sequence":
        flags["frame"] = config.frame
    trained: dict[str, Any] = {key.replace("_", "-"): value for key, value in settings["train"].items()}
    switches = "".join(f" --{key}" for key, value in trained.items() if value is True)
    flags |= {key: str(value) for key, value in trained.items() if value is not None and not isinstance(value, bool)}
    flags |= {"seed": str(config.seed), "out": str(out)}
    return "seqanom train " + " ".join(f"--{key} {shlex.quote(value)}" for key, value in flags.items()) + switches
