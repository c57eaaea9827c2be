"""The whole line: every data set end to end, the same bits again, what a seed redraws, and what is refused."""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqanomaly.counters import relative_position
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts, Source
from seqanomaly.datasets.synthetic import SYNTHETIC, Ar, Drift
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.losses.modulations import MODULATIONS, Step
from seqanomaly.metrics.buckets import bucket_metrics, step_curve
from seqanomaly.metrics.scores import METRICS
from seqanomaly.run import Prepared, flatten, prepare, run_stack, step_weights, train
from seqanomaly.run_config import LossSpec, RunConfig, TrainSpec
from seqanomaly.store import RunResult, Store
from seqanomaly.tasks import TASKS, Judged

FIXED = {"kind": "permuted", "seed": 5}
CPU = torch.device("cpu")
TINY = {"train": 16, "test": 12, "length": 10}
LINES: list[tuple[str, dict[str, Any]]] = [
    ("detect", {"kind": "episodes"}),
    ("classify", {"kind": "episodes", "label": "fault"}),
    ("forecast", {"kind": "episodes"}),
    ("detect", {"kind": "drift", **TINY}),
    ("classify", {"kind": "evidence", **TINY}),
    ("detect", {"kind": "onset", "hazard": 0.1, **TINY}),
    ("forecast", {"kind": "onset", "hazard": 0.1, **TINY}),
    ("forecast", {"kind": "ar", **TINY}),
]
each_line = pytest.mark.parametrize(
    ("task", "data"), LINES, ids=lambda value: value if isinstance(value, str) else value["kind"]
)


def config(task: str = "detect", data: dict[str, Any] | None = None, **settings: Any) -> RunConfig:
    values: dict[str, Any] = {
        "task": task,
        "data": data or {"kind": "drift", **TINY},
        "model": {"kind": "gru", "hidden": 4},
    }
    return RunConfig(**{**values, "train": {"epochs": 2, "batch_size": 8}, **settings})


def run(*arguments: Any, **settings: Any) -> RunResult:
    return train(config(*arguments, **settings), device="cpu")


def prepared(found: RunConfig) -> Prepared:
    return prepare(found.data.open(), TASKS[found.task], found.seed, found.data.name)


def assert_equal(found: RunResult, expected: RunResult) -> None:
    """Bit for bit."""
    assert torch.equal(found.detector.weights, expected.detector.weights)
    assert found.detector.scaler == expected.detector.scaler
    assert found.detector.calibration == expected.detector.calibration
    for table in ("metrics", "curve", "history"):
        pd.testing.assert_frame_equal(vars(found)[table], vars(expected)[table], check_exact=True)
    assert (found.config, found.digest) == (expected.config, expected.digest)


def test_every_synthetic_task_is_tried() -> None:
    assert {data["kind"] for _, data in LINES} == {"episodes", *SYNTHETIC}  # families: tests/datasets/test_trained.py


@each_line
def test_the_line_ends_in_tables_and_a_detector(task: str, data: dict[str, Any]) -> None:
    result = run(task, data)
    parts = prepared(result.config).parts
    test, scored = parts.test, TASKS[task].scored(parts.test)
    assert list(zip(result.metrics["bucket"], result.metrics["metric"], strict=True)) == [
        (bucket, metric) for bucket in ("early", "mid", "late") for metric in METRICS
    ]
    accuracy = result.metrics[result.metrics["metric"] == "accuracy"]
    assert accuracy["n"].sum() == scored.sum()
    assert accuracy["value"].between(0, 1).all()
    assert accuracy["best_possible"].notna().tolist() == [data["kind"] != "episodes"] * 3
    assert result.curve["step"].tolist() == np.flatnonzero(scored.any(axis=0)).tolist()
    assert result.curve["n"].tolist() == scored.sum(axis=0)[scored.any(axis=0)].tolist()
    assert np.average(result.curve["accuracy"], weights=result.curve["n"]) == pytest.approx(
        np.average(accuracy["value"], weights=accuracy["n"])
    )
    assert result.history["epoch"].tolist() == [1, 2]
    assert result.history["best"].sum() == 1
    assert (
        result.history.loc[result.history["best"] == 1, "validation_loss"].item()
        == result.history["validation_loss"].min()
    )
    assert result.environment["sequences"] == {name: len(part) for name, part in vars(parts).items()}
    assert result.detector.features == test.features
    assert result.detector.classes == test.classes


@each_line
def test_the_detector_decides_as_the_tables_say(task: str, data: dict[str, Any]) -> None:
    result = run(task, data)
    source = result.config.data.open()
    test = source.parts(0).test  # as they are: the detector scales by itself
    steps = flatten(TASKS[task], test, result.detector.judge(test))
    best = source.best_accuracy(test, None)
    pd.testing.assert_frame_equal(bucket_metrics(steps, result.config.buckets, best), result.metrics)
    pd.testing.assert_frame_equal(step_curve(steps, best), result.curve)


@each_line
def test_the_same_configuration_gives_the_same_bits(task: str, data: dict[str, Any]) -> None:
    model = {"kind": "gru", "hidden": 4, "dropout": 0.3}
    assert_equal(run(task, data, model=model, seed=3), run(task, data, model=model, seed=3))


def test_global_random_state_means_nothing() -> None:
    first = run()
    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = torch.get_rng_state()
        assert_equal(run(), first)
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm", "tcn"])
def test_a_stack_gives_what_each_run_gives_alone(model: str) -> None:
    configs = [
        config(
            model={"kind": model, "dropout": 0.2}, loss=loss, seed=seed, train={"epochs": 2, "batch_size": 8, "lr": lr}
        )
        for loss, seed, lr in (("uniform", 0, 0.01), ("exp", 0, 0.02), ("permuted", 1, 0.01), ("step", 2, 0.005))
    ]
    source = configs[0].data.open()
    for its, found in zip(configs, run_stack(configs, source, CPU), strict=True):
        alone = train(its, device="cpu")
        assert isinstance(found, RunResult)
        torch.testing.assert_close(found.detector.weights, alone.detector.weights, rtol=1e-4, atol=1e-5)
        pd.testing.assert_frame_equal(found.history, alone.history, rtol=1e-4)
        assert (found.digest, found.environment["stack"], alone.environment["stack"]) == (alone.digest, 4, 1)
        assert found.detector.scaler == alone.detector.scaler


def test_only_the_diverged_run_of_a_stack_fails() -> None:
    data, sgd = {"kind": "ar", **TINY}, {"epochs": 5, "batch_size": 4, "optimizer": "sgd"}
    configs = [config("forecast", data, train={**sgd, "lr": lr}) for lr in (0.01, 1e18, 0.02)]
    first, failed, last = run_stack(configs, configs[0].data.open(), CPU)
    assert isinstance(failed, RunError)
    assert re.match(
        r"^gru\(hidden=4\) on ar\(length=10,train=16,test=12\) with uniform, seed 0: training diverged in epoch \d "
        r"\(training loss (nan|inf)\); try a smaller lr or clip: 1$",
        str(failed),
    )
    for found, its in ((first, configs[0]), (last, configs[2])):
        assert isinstance(found, RunResult)
        alone = train(its, device="cpu")
        torch.testing.assert_close(found.detector.weights, alone.detector.weights, rtol=1e-4, atol=1e-5)


def data_bytes(data: Prepared) -> list[bytes]:
    """The bytes of each part."""
    return [part.x.tobytes() + part.label.tobytes() for part in vars(data.parts).values()]


@pytest.mark.parametrize("data", [data for _, data in LINES[3:]], ids=lambda data: data["kind"])
def test_a_seed_draws_the_same_data_for_every_loss(data: dict[str, Any]) -> None:
    expected = data_bytes(prepared(config(data=data)))
    for loss in MODULATIONS:
        assert data_bytes(prepared(config(data=data, loss=loss))) == expected


def test_losses_are_tested_on_the_same_steps() -> None:
    results = [run(loss=loss) for loss in MODULATIONS]
    for result in results[1:]:
        columns = ["bucket", "metric", "n", "prevalence", "majority_accuracy", "best_possible"]
        pd.testing.assert_frame_equal(result.metrics[columns], results[0].metrics[columns], check_exact=True)
        assert not torch.equal(result.detector.weights, results[0].detector.weights)


@pytest.mark.parametrize("data", [data for _, data in LINES[3:]], ids=lambda data: data["kind"])
def test_seeds_draw_different_data(data: dict[str, Any]) -> None:
    first, second = (data_bytes(prepared(config(data=data, seed=seed))) for seed in (0, 1))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_a_seed_keeps_an_official_test_part() -> None:
    first, second = (prepared(config(data={"kind": "episodes"}, seed=seed)).parts for seed in (0, 1))
    assert first.test.ids == second.test.ids
    assert first.validation.ids != second.validation.ids
    assert sorted(first.train.ids + first.validation.ids) == sorted(second.train.ids + second.validation.ids)
    assert run(data={"kind": "episodes"}).environment["covers"] == "training randomness only"
    assert run().environment["covers"] == "data and training randomness"


def test_seeds_give_different_results() -> None:
    first, second = (run(seed=seed) for seed in (0, 1))
    assert (first.detector.weights != second.detector.weights).all()
    assert first.curve["prevalence"].tolist() != second.curve["prevalence"].tolist()


def test_features_are_scaled_by_the_training_part() -> None:
    data = prepared(config(data={"kind": "episodes"}))
    x = data.parts.train.x[data.parts.train.mask].astype(np.float64)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=1e-4)
    assert abs(data.parts.test.x[data.parts.test.mask].mean(axis=0)).max() > 1e-3


def weights(found: RunConfig) -> torch.Tensor:
    return step_weights(found, TASKS[found.task], prepared(found))


def test_weights_follow_the_loss() -> None:
    steps = torch.arange(10.0)
    raw = weights(config(loss={"kind": "linear", "rate": 0.5, "normalize": "none"}))
    assert raw.shape == (13, 10)
    torch.testing.assert_close(raw, (1 + 0.5 * steps).expand(13, 10))
    torch.testing.assert_close(weights(config(loss={"kind": "linear", "rate": 0.5})), raw / raw[0].mean())
    assert torch.equal(weights(config()), torch.ones(13, 10))


def test_weights_are_zero_where_nothing_is_learned() -> None:
    found = config("forecast", {"kind": "onset", "hazard": 0.1, **TINY}, loss="exp")
    data = prepared(found)
    weight = step_weights(found, TASKS["forecast"], data)
    assert torch.equal(weight > 0, data.train.mask)
    assert not data.train.mask[:, 0].any()
    some = data.train.mask.any(1)
    torch.testing.assert_close(weight.sum(1)[some], data.train.mask.sum(1)[some].float())


def test_a_permuted_order_is_redrawn_by_the_seed_unless_it_is_set() -> None:
    free, fixed = ([weights(config(loss=loss, seed=seed))[0] for seed in (0, 1)] for loss in ("permuted", FIXED))
    assert not torch.equal(*free)
    assert torch.equal(*fixed)
    torch.testing.assert_close(free[0].sort().values, free[1].sort().values)


def test_positive_steps_weigh_more() -> None:
    found = config(loss={"kind": "exp", "pos_weight": 3.0})
    label = torch.from_numpy(prepared(found).parts.train.label)
    torch.testing.assert_close(weights(found), weights(config(loss="exp")) * torch.where(label == 1, 3.0, 1.0))


def test_each_class_has_its_weight() -> None:
    data = {"kind": "episodes", "label": "fault"}
    classes = prepared(config("classify", data)).parts.train.classes
    factors = [0.5 + index for index in range(len(classes))]
    found = config("classify", data, loss={"kind": "linear", "class_weight": factors})
    label = torch.from_numpy(prepared(found).parts.train.label)
    plain = weights(config("classify", data, loss="linear"))
    torch.testing.assert_close(weights(found), plain * torch.tensor(factors)[label])
    assert len(classes) > 2


def test_a_weight_for_every_class_is_needed() -> None:
    text = (
        r"^loss\.class_weight: has 3 values for the 2 classes of evidence\(length=10,train=16,test=12\); "
        r"give one each, normal first$"
    )
    with pytest.raises(ConfigError, match=text):
        run("classify", {"kind": "evidence", **TINY}, loss={"kind": "uniform", "class_weight": [1.0, 2.0, 3.0]})


def test_a_threshold_that_no_step_reaches() -> None:
    text = (
        "loss: step(threshold=25) gives no training step a weight above 0: the longest of "
        "drift(length=10,train=16,test=12) has 10 steps, so counters go from 0 to 9; choose a smaller threshold"
    )
    with pytest.raises(ConfigError) as caught:
        run(loss={"kind": "step", "threshold": 25})
    assert str(caught.value) == text
    assert run(loss={"kind": "step", "threshold": 9}).environment["weights"]["active_share"] == pytest.approx(0.1)


def test_the_weights_are_described() -> None:
    label = prepared(config()).parts.train.label
    assert run(loss={"kind": "step", "threshold": 5}).environment["weights"] == pytest.approx(
        {
            "mean_weight": 1.0,
            "ess": 5.0,
            "active_share": 0.5,
            "effective_prevalence": label[:, 5:].mean(),
            "prevalence": label.mean(),
        }
    )


def test_a_tcn_that_sees_too_little_is_noted() -> None:
    short = run(model={"kind": "tcn", "kernel": 2, "layers": 2, "channels": 4})
    assert short.environment["notes"] == [
        "the model sees the last 7 steps only and sequences have up to 10: raise its layers or kernel for it to see "
        "them whole"
    ]
    assert run(model={"kind": "tcn", "kernel": 2, "layers": 3, "channels": 4}).environment["notes"] == []
    assert run().environment["notes"] == []


def test_the_best_possible_accuracy_knows_the_receptive_field() -> None:
    data = {"kind": "evidence", "mu": 1, **TINY}
    tcn, gru = run(data=data, model={"kind": "tcn", "kernel": 2, "layers": 1}), run(data=data)
    bound = config(data=data).data.open().best_accuracy(prepared(config(data=data)).parts.test, 3)
    assert bound is not None
    assert tcn.curve["best_possible"].tolist() == bound.tolist()
    assert (tcn.curve["best_possible"] < gru.curve["best_possible"]).tolist() == [False] * 3 + [True] * 7


def test_what_was_trained_before_is_returned(tmp_path: Path) -> None:
    epochs: list[int] = []
    first = train(config(), tmp_path, device="cpu", on_epoch=epochs.append)
    assert epochs == [1, 2]
    second = train(config(), tmp_path, device="cpu", on_epoch=epochs.append)
    assert epochs == [1, 2]
    assert_equal(second, first)
    assert second.environment == first.environment
    train(config(seed=1), tmp_path, device="cpu", on_epoch=epochs.append)
    assert epochs == [1, 2, 1, 2]
    assert len(Store(tmp_path).digests()) == 2


def test_a_mapping_is_a_configuration() -> None:
    settings = config().settings()
    assert_equal(train(settings, device="cpu"), run())


def test_a_run_that_diverges_is_kept_as_a_failure(tmp_path: Path) -> None:
    bad = config(
        "forecast", {"kind": "ar", **TINY}, train={"epochs": 5, "batch_size": 4, "optimizer": "sgd", "lr": 1e18}
    )
    with pytest.raises(
        RunError, match=r"seed 0: training diverged in epoch \d \(training loss (nan|inf)\); try a"
    ) as caught:
        train(bad, tmp_path, device="cpu")
    assert Store(tmp_path).digests() == []
    assert [record["reason"] for _, record in Store(tmp_path).failures()] == [str(caught.value)]


def test_an_unknown_device_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^device: unknown device 'gpu';"):
        train(config(), tmp_path / "out", device="gpu")
    assert not (tmp_path / "out").exists()


class Given(Source):
    """The parts as they are given."""

    official_test, digest = True, None

    def __init__(self, parts: Parts) -> None:
        self.given = parts

    def parts(self, seed: int) -> Parts:
        return self.given

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> None:
        """Unknown."""


def given(*labels: list[int]) -> Given:
    parts = [
        Sequences.of([np.random.default_rng(n).standard_normal((len(label), 2))], [label])
        for n, label in enumerate(labels)
    ]
    return Given(Parts(train=parts[0], validation=parts[1], test=parts[2]))


@pytest.mark.parametrize("validation", [[1, 1, 1], [0, 1, 1]])
def test_the_best_epoch_needs_validation_steps(validation: list[int]) -> None:
    text = (
        r"^plant: the validation sequences of seed 4 have no normal step after a first one to choose the best epoch "
        r"on; add normal sequences, or take another seed$"
    )
    with pytest.raises(DataError, match=text):
        prepare(given([0, 0, 1], validation, [0, 0, 1]), TASKS["forecast"], 4, "plant")
    assert prepare(given([0, 0, 1], validation, [0, 0, 1]), TASKS["detect"], 4, "plant").validation.mask.all()
    assert prepare(given([0, 0, 1], [0, 0, 1], [1, 1]), TASKS["forecast"], 4, "plant").validation.mask.any()


def test_a_training_part_that_cannot_answer_is_refused() -> None:
    with pytest.raises(DataError, match=r"^plant: every training step has the label '1';"):
        prepare(given([1, 1], [0, 1], [0, 1]), TASKS["detect"], 0, "plant")


def test_flatten_keeps_the_scored_steps_in_order() -> None:
    sequences = Sequences.of([np.ones((3, 1)), np.ones((2, 1))], [[0, 1, 0], [1, 1]])
    judged = Judged(score=np.arange(6.0).reshape(2, 3), decision=np.arange(6).reshape(2, 3))
    assert {name: values.tolist() for name, values in asdict(flatten(TASKS["detect"], sequences, judged)).items()} == {
        "sequence": [0, 0, 0, 1, 1],
        "step": [0, 1, 2, 0, 1],
        "position": pytest.approx([1 / 6, 3 / 6, 5 / 6, 1 / 4, 3 / 4]),
        "label": [0, 1, 0, 1, 1],
        "score": [0, 1, 2, 3, 4],
        "decision": [0, 1, 2, 3, 4],
    }
    forecast = flatten(TASKS["forecast"], sequences, judged)
    assert forecast.step.tolist() == [1, 2, 1]
    assert forecast.position.tolist() == relative_position(np.array([3, 2]), 3)[[0, 0, 1], [1, 2, 1]].tolist()


def test_a_share_is_one_of_the_whole_sequence_whatever_is_learned_of_it() -> None:
    late = RunConfig(task="forecast", data=Ar(length=50, train=20, test=2), loss=LossSpec(modulation=Step()))
    data = prepare(late.data.open(), TASKS["forecast"], 0, "ar")
    weight = step_weights(late, TASKS["forecast"], data)
    assert bool((weight[:, :25] == 0).all())
    assert torch.equal(weight > 0, data.train.mask & (torch.arange(50) >= 25))
    learned = data.train.mask.sum(-1)
    torch.testing.assert_close(weight.sum(-1), learned.float())


def test_a_seed_whose_split_cannot_be_used_fails_alone() -> None:
    source = OneUnusableSeed()
    configs = [RunConfig(data=Drift(train=20, test=10), train=TrainSpec(epochs=1), seed=seed) for seed in (0, 1)]
    bad, good = run_stack(configs, source, torch.device("cpu"))
    assert isinstance(bad, RunError)
    assert str(bad).startswith("gru on drift(train=20,test=10) with uniform, seed 0: ")
    assert "every training step has the label '0'" in str(bad)
    assert isinstance(good, RunResult)


class OneUnusableSeed(Source):
    """Drift, but the training part of seed 0 is normal throughout."""

    official_test = False
    digest = None
    shape = (20, 50)

    def parts(self, seed: int) -> Parts:
        parts = Drift(train=20, test=10).open().parts(seed)
        normal = replace(parts.train, label=np.zeros_like(parts.train.label))
        return replace(parts, train=normal) if seed == 0 else parts

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> None:
        """Not of interest here."""
