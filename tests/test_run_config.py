"""RunConfig and its parts: defaults, names, digests, and every error's text."""

import math
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.specs import DATASETS
from seqanomaly.datasets.synthetic import Drift
from seqanomaly.errors import ConfigError
from seqanomaly.losses import MODULATIONS, Exp, Linear, Permuted, Step, Uniform
from seqanomaly.models.specs import MODELS, GruSpec, TcnSpec
from seqanomaly.run_config import (
    THIRDS,
    LossSpec,
    RunConfig,
    TrainSpec,
    last_counter,
    never_active,
    pick_loss,
    repeat_command,
    unreached,
)


def run(**values: Any) -> RunConfig:
    return RunConfig(**{"data": "drift", **values})


def test_the_defaults() -> None:
    assert run().settings() == {
        "task": "detect",
        "data": {"kind": "drift", "length": 50, "train": 400, "test": 2000, "features": 5, "noise": 0.5},
        "model": {"kind": "gru", "layers": 1, "dropout": 0.0, "hidden": 16},
        "loss": {"kind": "uniform", "normalize": "mean"},
        "train": {
            "epochs": 30,
            "batch_size": 32,
            "lr": 0.01,
            "optimizer": "adam",
            "momentum": 0.0,
            "weight_decay": None,
            "clip": None,
            "patience": None,
            "truncate": None,
            "group_by_length": False,
            "precision": "float32",
        },
        "seed": 0,
        "buckets": {"early": ["0%", "33.3%"], "mid": ["33.3%", "66.7%"], "late": ["66.7%", "100%"]},
        "threshold": None,
        "window": None,
        "frame": "sequence",
    }


def test_parts_by_name_as_mappings_or_as_they_are() -> None:
    by_name = run(data="drift", model="tcn", loss="exp", train={})
    by_mapping = run(data={"kind": "drift"}, model={"kind": "tcn"}, loss={"kind": "exp"}, train={"epochs": 30})
    as_they_are = RunConfig(data=Drift(), model=TcnSpec(), loss=LossSpec(modulation=Exp()), train=TrainSpec())
    assert by_name == by_mapping == as_they_are == run(model="tcn", loss=Exp())
    assert run(buckets={"end": ["50%", "100%"]}) == run(buckets={"end": ("50.0 %", "100%")})


def test_no_run_shares_its_buckets() -> None:
    run().buckets["more"] = ("0%", "1%")
    assert list(run().buckets) == list(THIRDS) == ["early", "mid", "late"]


# Losses


@pytest.mark.parametrize(
    ("value", "name", "flat"),
    [
        ("uniform", "uniform", {"kind": "uniform", "normalize": "mean"}),
        ({"kind": "exp", "rate": 0.1}, "exp", {"kind": "exp", "rate": 0.1, "normalize": "mean"}),
        (
            {"kind": "exp", "rate": 0.2, "normalize": "none"},
            "exp(rate=0.2,normalize=none)",
            {"kind": "exp", "rate": 0.2, "normalize": "none"},
        ),
        (
            {"pos_weight": 2, "kind": "linear"},
            "linear(pos_weight=2)",
            {"kind": "linear", "rate": 0.1, "normalize": "mean", "pos_weight": 2.0},
        ),
        (
            {"kind": "step", "class_weight": [1, 2.5]},
            "step(class_weight=[1,2.5])",
            {"kind": "step", "threshold": "50%", "normalize": "mean", "class_weight": [1.0, 2.5]},
        ),
        (
            {"kind": "permuted", "of": {"kind": "linear", "rate": 1}, "seed": 3},
            "permuted(of=linear(rate=1),seed=3)",
            {"kind": "permuted", "of": {"kind": "linear", "rate": 1.0}, "seed": 3, "normalize": "mean"},
        ),
        (Linear(rate=0.3), "linear(rate=0.3)", {"kind": "linear", "rate": 0.3, "normalize": "mean"}),
    ],
)
def test_a_loss_is_written_flat(value: object, name: str, flat: dict[str, object]) -> None:
    spec = pick_loss(value)
    assert isinstance(spec, LossSpec)
    assert (spec.name, spec.settings()) == (name, flat)
    assert pick_loss(spec) is spec
    assert pick_loss(flat) == spec


@pytest.mark.parametrize("kind", MODULATIONS)
def test_every_modulation_is_a_loss(kind: str) -> None:
    config = run(loss=kind)
    assert config.loss.name == kind
    assert type(config.loss.modulation) is MODULATIONS[kind]
    assert RunConfig(**config.settings()) == config


def test_weights_of_classes_belong_to_their_task() -> None:
    assert run(loss={"kind": "exp", "pos_weight": 2.0}).loss.pos_weight == 2
    assert run(task="classify", loss={"kind": "exp", "class_weight": [1, 2]}).loss.class_weight == (1, 2)
    assert run(loss={"kind": "exp", "pos_weight": None, "class_weight": None}) == run(loss="exp")


# What is refused

KNOWN_LOSSES = ", ".join(MODULATIONS)
KNOWN_DATA = ", ".join(DATASETS)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"trian": {}},
            "unknown key 'trian'; did you mean 'train'? (known: task, data, model, loss, train, seed, buckets, "
            "threshold, window, frame)",
        ),
        ({"task": "detec"}, "task: must be 'detect', 'classify' or 'forecast', got 'detec'"),
        ({"seed": -1}, "seed: must be greater than or equal to 0, got -1"),
        ({"seed": 1.0}, "seed: must be an integer, got 1.0"),
        ({"seed": True}, "seed: must be an integer, got True"),
        # data and model
        ({"data": "drfit"}, f"data: unknown data set 'drfit'; did you mean 'drift'? (known: {KNOWN_DATA})"),
        ({"data": 3}, f"data: needs a name or a mapping with a 'kind', got 3; known: {KNOWN_DATA}"),
        ({"data": {"kind": "drift", 1: 2}}, "data: keys are text, got 1"),
        ({"data": {"kind": "drift", "length": 1}}, "data.length: must be greater than or equal to 2, got 1"),
        ({"model": "gur"}, f"model: unknown model 'gur'; did you mean 'gru'? (known: {', '.join(MODELS)})"),
        (
            {"model": {"kind": "gru", "hiden": 3}},
            "model: unknown key 'hiden'; did you mean 'hidden'? (known: kind, layers, dropout, hidden)",
        ),
        ({"model": {"kind": "gru", "hidden": 0}}, "model.hidden: must be greater than or equal to 1, got 0"),
        # loss
        ({"loss": "exq"}, f"loss: unknown loss 'exq'; did you mean 'exp'? (known: {KNOWN_LOSSES})"),
        ({"loss": None}, f"loss: unknown loss None; known: {KNOWN_LOSSES}"),
        (
            {"loss": {"rate": 3}},
            f"loss: needs a name or a mapping with a 'kind', got {{'rate': 3}}; known: {KNOWN_LOSSES}",
        ),
        ({"loss": {"kind": "exp", None: 2}}, "loss: keys are text, got None"),
        (
            {"loss": {"kind": "exp", "normalise": "mean"}},
            "loss: unknown key 'normalise'; did you mean 'normalize'? "
            "(known: kind, rate, normalize, pos_weight, class_weight)",
        ),
        ({"loss": {"kind": "exp", "normalize": "meen"}}, "loss.normalize: must be 'none' or 'mean', got 'meen'"),
        ({"loss": {"kind": "exp", "normalize": None}}, "loss.normalize: must be 'none' or 'mean', got None"),
        ({"loss": {"kind": "exp", "rate": math.nan}}, "loss.rate: must be a finite number, got nan"),
        (
            {"loss": {"kind": "reverse", "of": "exq"}},
            f"loss.of: unknown loss 'exq'; did you mean 'exp'? (known: {KNOWN_LOSSES})",
        ),
        (
            {"loss": {"kind": "reverse", "of": {"kind": "exp", "rat": 1}}},
            "loss.of: unknown key 'rat'; did you mean 'rate'? (known: kind, rate)",
        ),
        ({"loss": {"kind": "exp", "pos_weight": 0}}, "loss.pos_weight: must be greater than 0, got 0"),
        ({"loss": {"kind": "exp", "class_weight": 3}}, "loss.class_weight: must be a list, got 3"),
        ({"loss": {"kind": "exp", "class_weight": [1, True]}}, "loss.class_weight.1: must be a number, got True"),
        ({"loss": {"kind": "exp", "class_weight": [1, 0]}}, "loss.class_weight.1: must be greater than 0, got 0"),
        (
            {"task": "classify", "loss": {"kind": "exp", "pos_weight": 2}},
            "loss: pos_weight is for the task detect, got classify; leave it out",
        ),
        (
            {"task": "forecast", "loss": {"kind": "exp", "pos_weight": 2}},
            "loss: pos_weight is for the task detect, got forecast; leave it out",
        ),
        (
            {"loss": {"kind": "exp", "class_weight": [1, 2]}},
            "loss: class_weight is for the task classify, got detect; leave it out",
        ),
        # train
        ({"train": 3}, "train: must be a mapping such as {epochs: 30}, got 3"),
        ({"train": None}, "train: must be a mapping such as {epochs: 30}, got None"),
        ({"train": {1: 2}}, "train: keys are text, got 1"),
        (
            {"train": {"epoch": 3}},
            "train: unknown key 'epoch'; did you mean 'epochs'? "
            "(known: epochs, batch_size, lr, optimizer, momentum, weight_decay, clip, patience, truncate, "
            "group_by_length, precision)",
        ),
        ({"train": {"epochs": 0}}, "train.epochs: must be greater than or equal to 1, got 0"),
        ({"train": {"epochs": 2.5}}, "train.epochs: must be an integer, got 2.5"),
        ({"train": {"batch_size": 0}}, "train.batch_size: must be greater than or equal to 1, got 0"),
        ({"train": {"lr": 0}}, "train.lr: must be greater than 0, got 0"),
        ({"train": {"lr": math.inf}}, "train.lr: must be a finite number, got inf"),
        ({"train": {"lr": "1e-3"}}, "train.lr: must be a number, got '1e-3'"),
        ({"train": {"optimizer": "adm"}}, "train.optimizer: must be 'adam', 'adamw' or 'sgd', got 'adm'"),
        ({"train": {"momentum": 1}}, "train.momentum: must be less than 1, got 1"),
        ({"train": {"momentum": -0.1}}, "train.momentum: must be greater than or equal to 0, got -0.1"),
        ({"train": {"momentum": 0.9}}, "train.momentum: is for sgd, got adam; leave it out"),
        (
            {"train": {"momentum": 0.9, "optimizer": "adamw"}},
            "train.momentum: is for sgd, got adamw; leave it out",
        ),
        ({"train": {"weight_decay": -1}}, "train.weight_decay: must be greater than or equal to 0, got -1"),
        ({"train": {"clip": 0}}, "train.clip: must be greater than 0, got 0"),
        ({"train": {"patience": 0}}, "train.patience: must be greater than or equal to 1, got 0"),
        ({"train": {"truncate": 0}}, "train.truncate: must be greater than or equal to 1, got 0"),
        ({"train": {"precision": "bf17"}}, "train.precision: must be 'float32' or 'bf16', got 'bf17'"),
        (
            {"model": "tcn", "train": {"truncate": 5}},
            "train: truncate is for rnn, gru, lstm, whose states go from piece to piece, got tcn; leave it out",
        ),
        # buckets
        ({"buckets": 3}, "buckets: must be a mapping, got 3"),
        ({"buckets": {}}, "buckets: must name at least one bucket, for example {early: [0%, 50%]}"),
        ({"buckets": {1: ["0%", "50%"]}}, "buckets.1: must be a string, got 1"),
        ({"buckets": {"end": "50%"}}, "buckets.end: must be [start, end], got '50%'"),
        ({"buckets": {"end": ["50%"]}}, "buckets.end: must be [start, end], got ['50%']"),
        ({"buckets": {"end": [1, 2, 3]}}, "buckets.end: must be [start, end], got [1, 2, 3]"),
        (
            {"buckets": {"end": ["0%", "120%"]}},
            "buckets.end.1: must be a step number or a share such as '50%', got '120%'",
        ),
        (
            {"buckets": {"end": [False, 5]}},
            "buckets.end.0: must be a step number or a share such as '50%', got False",
        ),
        (
            {"buckets": {"end": ["60%", "50%"]}},
            "buckets.end: starts at 60% and ends at 50%; the end comes after the start",
        ),
        (
            {"buckets": {"all": ["0%", "100%"], "end": [5, 5]}},
            "buckets.end: starts at 5.0 and ends at 5.0; the end comes after the start",
        ),
        # windows and frame
        (
            {"window": {"length": 10, "stride": 11}},
            "window.stride: must be at most the length 10, as steps between two windows would be skipped, got 11",
        ),
        ({"window": {"length": 1}}, "window.length: must be greater than or equal to 2, got 1"),
        ({"window": 1}, "window.length: must be greater than or equal to 2, got 1"),
        ({"window": {"length": 5, "stride": 0}}, "window.stride: must be greater than or equal to 1, got 0"),
        ({"window": {"stride": 5}}, "window: the key 'length' is missing"),
        (
            {"window": {"length": 5, "strid": 5}},
            "window: unknown key 'strid'; did you mean 'stride'? (known: length, stride)",
        ),
        *(
            (
                {"window": value},
                f"window: must be a number of steps or a mapping such as {{length: 100, stride: 50}}, got {value!r}",
            )
            for value in ("all", True, 2.5, [5])
        ),
        (
            {"frame": "onset"},
            "frame: must be 'sequence', 'window', 'since_onset' or 'until_event', got 'onset'",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        run(**values)
    assert str(error.value) == text


def test_the_data_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError) as error:
        RunConfig(model="gru")  # type: ignore[call-arg,arg-type]
    assert str(error.value) == "the key 'data' is missing"


@pytest.mark.parametrize("bounds", [["9%", "10%"], [2, 10], [9, "10%"], ["50%", 1], [0, 0.5], [-3, 0]])
def test_buckets_of_shares_and_step_numbers(bounds: list[float | str]) -> None:
    # a share and a step number cannot be compared before the length is known
    assert list(run(buckets={"some": bounds}).buckets["some"]) == bounds


# Digests and titles


def test_the_digest_covers_every_setting() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"task": "forecast"},
        {"data": "ar"},
        {"data": {"kind": "drift", "length": 51}},
        {"model": "lstm"},
        {"model": {"kind": "gru", "hidden": 17}},
        {"loss": "exp"},
        {"loss": {"kind": "exp", "rate": 0.2}},
        {"loss": {"kind": "exp", "normalize": "none"}},
        {"loss": {"kind": "uniform", "pos_weight": 2.0}},
        {"loss": {"kind": "permuted", "seed": 0}},
        {"loss": "permuted"},
        *({"train": {key: value}} for key, value in [("epochs", 31), ("batch_size", 31), ("lr", 0.02), ("clip", 1.0)]),
        *(
            {"train": {key: value}}
            for key, value in [
                ("optimizer", "sgd"),
                ("patience", 3),
                ("truncate", 9),
                ("precision", "bf16"),
                ("weight_decay", 0.0),
            ]
        ),
        {"train": {"optimizer": "sgd", "momentum": 0.9}},
        {"seed": 1},
        {"buckets": {"late": ["66.7%", "100%"]}},
        {"buckets": {"end": ["66.7%", "100%"]}},
        {"window": 10},
        {"window": {"length": 10, "stride": 4}},
        *({"frame": frame} for frame in ("window", "since_onset", "until_event")),
        {"window": 10, "frame": "window"},
    ]
    assert len({run(**change).digest(None) for change in changes}) == len(changes)
    assert run().digest(None) == run(loss={"normalize": "mean", "kind": "uniform"}).digest(None)


def test_a_file_counts_by_its_content_and_not_by_its_place() -> None:
    here, there = (run(data={"path": path}) for path in ("here/a.csv", "there/b.csv"))
    assert here.digest("content") == there.digest("content")
    assert here.digest("content") != here.digest("other")
    other_label = run(data={"path": "here/a.csv", "label": "fault"})
    assert other_label.digest("content") != here.digest("content")
    assert here.settings()["data"]["path"] == "here/a.csv"  # the digest leaves the configuration as it is


def test_titles() -> None:
    assert run().title == "gru on drift with uniform, seed 0"
    named = RunConfig(
        data=FileData(path="far/away/plant.csv", label="fault"),
        model=GruSpec(hidden=4),
        loss=LossSpec(modulation=Permuted(of=Step(threshold=25.0)), normalize="none"),
        seed=3,
    )
    assert named.title == (
        "gru(hidden=4) on plant(label=fault) with permuted(of=step(threshold=25),normalize=none), seed 3"
    )
    assert LossSpec() == LossSpec(modulation=Uniform(), normalize="mean")


@pytest.mark.parametrize("loss", ["shuffled_labels", {"kind": "reverse", "of": "shuffled_labels"}])
def test_there_are_no_labels_to_shuffle_for_a_forecast(loss: object) -> None:
    with pytest.raises(ConfigError) as error:
        run(task="forecast", loss=loss)
    assert str(error.value) == (
        "loss: shuffled_labels is for the tasks detect and classify, got forecast, which learns the next step's "
        "features and no labels; leave it out"
    )
    assert run(task="classify", loss=loss).loss.shuffles
    assert not run(loss="permuted").loss.shuffles


def test_a_loss_says_what_its_learning_rate_is_matched_to() -> None:
    nested = {"kind": "shuffled_labels", "of": {"kind": "rate_matched", "of": {"kind": "linear", "rate": 0.5}}}
    assert run(loss=nested).loss.matched == (Linear(rate=0.5),)
    assert run(loss="rate_matched").loss.matched == (Exp(),)
    assert run(loss="exp").loss.matched == ()


@pytest.mark.parametrize("kind", ["reverse", "rate_matched", "shuffled_labels"])
def test_a_step_that_is_never_reached_is_seen_inside_of_others(kind: str) -> None:
    late = run(loss={"kind": kind, "of": {"kind": "step", "threshold": 8}}).loss
    assert (never_active(late, 7), never_active(late, 8), never_active(late, None)) == (True, False, False)


# Windows and frames


def test_windows_are_a_length_or_a_mapping() -> None:
    spec = run(window=100).window
    assert spec is not None
    assert spec.settings() == {"length": 100, "stride": 50}
    assert run(window={"length": 100}) == run(window=spec) == run(window={"length": 100, "stride": 50})
    assert run(window=100).digest(None) == run(window={"length": 100, "stride": 50}).digest(None)
    assert (run(window=3).cut, run(window={"length": 3, "stride": 3}).cut, run().cut) == ((3, 1), (3, 3), None)
    assert run(window=3, model="position").cut is None  # what is not trained sees whole sequences
    assert RunConfig(**run(window=7, frame="window").settings()) == run(window=7, frame="window")


@pytest.mark.parametrize(
    ("frame", "window", "last"),
    [
        ("sequence", None, 49),
        ("sequence", 20, 49),
        ("window", None, 49),
        ("window", 20, 19),
        ("window", 60, 49),
        ("since_onset", 20, None),
        ("until_event", None, None),
    ],
)
def test_the_last_counter(frame: Any, window: int | None, last: int | None) -> None:
    assert last_counter(frame, run(window=window).window, 50) == last


def test_the_sentence_about_a_loss_that_is_never_felt() -> None:
    late = run(loss={"kind": "step", "threshold": 60}).loss
    told = "loss: step(threshold=60) gives no training step a weight above 0: the longest of x has 50 steps"
    assert str(unreached(late, "x", 50, 49)) == f"{told}, so counters go from 0 to 49; choose a smaller threshold"
    assert str(unreached(late, "x", 50, 19)) == (
        f"{told} and counters of the window go from 0 to 19; choose a smaller threshold"
    )
    assert str(unreached(late, "x", 50, None)) == f"{told}; choose a smaller threshold"


def test_the_command_knows_windows_and_frame() -> None:
    said = repeat_command(run(window=100, frame="since_onset"), Path("out"))
    assert "--window '{length: 100, stride: 50}' --frame since_onset" in said
    assert "--window" not in repeat_command(run(), Path("out"))
    assert "--group-by-length" not in repeat_command(run(), Path("out"))
    assert repeat_command(run(train={"group_by_length": True}), Path("out")).endswith(" --group-by-length")
    assert "--frame" not in repeat_command(run(), Path("out"))
