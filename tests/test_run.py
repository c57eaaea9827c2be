"""The whole line: every data set end to end, the same bits again, what a seed redraws, and what is refused."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts, Source
from seqanomaly.datasets.synthetic import SYNTHETIC, Drift
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.losses.modulations import MODULATIONS
from seqanomaly.metrics.buckets import bucket_metrics, places, step_curve
from seqanomaly.models.specs import MODELS
from seqanomaly.preparation import Prepared, prepare
from seqanomaly.results import flatten
from seqanomaly.run import run_stack, train
from seqanomaly.run_config import LossSpec, RunConfig, TrainSpec
from seqanomaly.store import RunResult, Store
from seqanomaly.tasks import TASKS, DirectForecast
from seqanomaly.training.stack import Member
from seqanomaly.weighting import learning_rate, step_weights

FIXED = {"kind": "permuted", "seed": 5}
CPU = torch.device("cpu")
DROPOUT = {kind: {"dropout": 0.2} if "dropout" in spec.model_fields else {} for kind, spec in MODELS.items()}
MORE = (("shuffled_labels", 0, 0.01), ("rate_matched", 1, 0.01))
UNTRAINED = [kind for kind, spec in MODELS.items() if not spec.trained]
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
    ("detect", {"kind": "cmapss"}),
    ("classify", {"kind": "tep", "label": "fault"}),
    ("detect", {"kind": "robot", "subset": "lp4"}),
]
SHIPPED = ("episodes", "cmapss", "tep", "robot")
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
    for table in ("metrics", "curve", "history", "onset", "reliability"):
        pd.testing.assert_frame_equal(vars(found)[table], vars(expected)[table], check_exact=True)
    assert (found.config, found.digest) == (expected.config, expected.digest)


def test_every_synthetic_task_is_tried() -> None:
    assert {data["kind"] for _, data in LINES} >= {"episodes", *SYNTHETIC}  # families: tests/datasets/test_trained.py


@each_line
def test_the_line_ends_in_tables_and_a_detector(task: str, data: dict[str, Any]) -> None:
    result = run(task, data)
    parts = prepared(result.config).parts
    test, scored = parts.test, TASKS[task].scored(parts.test)
    buckets = result.config.buckets
    assert list(zip(result.metrics["bucket"], result.metrics["metric"], strict=True)) == list(places(buckets))
    accuracy = result.metrics[result.metrics["metric"] == "accuracy"]
    assert accuracy["n"].sum() == scored.sum()
    assert accuracy["value"].between(0, 1).all()
    assert accuracy["best_possible"].notna().tolist() == [data["kind"] not in SHIPPED] * 3
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
    seen = bucket_metrics(steps, result.config.buckets, best).drop(columns="validation")
    pd.testing.assert_frame_equal(seen, result.metrics.drop(columns="validation"))
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


@pytest.mark.parametrize("model", MODELS)
def test_a_stack_gives_what_each_run_gives_alone(model: str) -> None:
    configs = [
        config(
            model={"kind": model, **DROPOUT[model]},
            loss=loss,
            seed=seed,
            train={"epochs": 2, "batch_size": 8, "lr": lr},
        )
        for loss, seed, lr in (("uniform", 0, 0.01), ("exp", 0, 0.02), ("permuted", 1, 0.01), ("step", 2, 0.005), *MORE)
    ]
    source = configs[0].data.open()
    for its, found in zip(configs, run_stack(configs, source, CPU), strict=True):
        alone = train(its, device="cpu")
        assert isinstance(found, RunResult)
        torch.testing.assert_close(found.detector.weights, alone.detector.weights, rtol=1e-4, atol=1e-5)
        pd.testing.assert_frame_equal(found.history, alone.history, rtol=1e-4)
        assert (found.digest, found.environment["stack"], alone.environment["stack"]) == (alone.digest, 6, 1)
        assert found.environment["learning_rate"] == alone.environment["learning_rate"]
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


@pytest.mark.parametrize("data", [data for _, data in LINES[3:] if "label" not in data], ids=lambda data: data["kind"])
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


@pytest.mark.parametrize("data", [data for _, data in LINES[3:] if "label" not in data], ids=lambda data: data["kind"])
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


# baseline models


@pytest.mark.parametrize("model", UNTRAINED)
@each_line
def test_a_model_that_is_not_trained_goes_the_same_line(
    task: str, data: dict[str, Any], model: str, tmp_path: Path
) -> None:
    its, epochs = config(task, data, model=model), list[int]()
    result = train(its, tmp_path, device="cpu", on_epoch=epochs.append)
    assert (epochs, len(result.history)) == ([], 0)
    assert_equal(train(its, device="cpu"), result)
    stored = Store(tmp_path).load(result.digest)
    assert torch.equal(stored.detector.weights, result.detector.weights)
    assert stored.history.columns.tolist() == result.history.columns.tolist()
    test = its.data.open().parts(0).test
    judge = DirectForecast() if task == "forecast" else TASKS[task]
    steps = flatten(judge, test, stored.detector.judge(test))
    assert len(steps.score) == TASKS[task].scored(test).sum()
    accuracy = result.metrics[result.metrics["metric"] == "accuracy"]
    assert np.average(accuracy["value"], weights=accuracy["n"]) == pytest.approx((steps.decision == steps.label).mean())


@pytest.mark.parametrize("model", UNTRAINED)
def test_no_loss_changes_a_model_that_is_not_trained(model: str) -> None:
    plain = run(model=model)
    for loss in ("shuffled_labels", {"kind": "exp", "rate": 1e3, "normalize": "none"}, "rate_matched"):
        found = run(model=model, loss=loss, train={"epochs": 9, "lr": 1e18})
        assert torch.equal(found.detector.weights, plain.detector.weights)
        pd.testing.assert_frame_equal(found.metrics, plain.metrics, check_exact=True)


LARGE = {"train": 200, "test": 400, "length": 20}


def total(result: RunResult, metric: str = "accuracy") -> float:
    """The mean of a metric over the buckets."""
    found = result.metrics[result.metrics["metric"] == metric]
    return float(np.average(found["value"], weights=found["n"]))


@pytest.mark.parametrize("kind", ["drift", "evidence", "onset"])
def test_random_is_chance(kind: str) -> None:
    results = [run(data={"kind": kind, **LARGE}, model="random", seed=seed) for seed in range(3)]
    for metric in ("auroc", "accuracy"):
        assert np.mean([total(result, metric) for result in results]) == pytest.approx(0.5, abs=0.02)
    assert len({total(result) for result in results}) == 3


def test_majority_has_the_majority_accuracy() -> None:
    for task, hazard in (("forecast", 0.01), ("forecast", 0.5), ("detect", 0.5), ("detect", 0.01)):
        data = {"kind": "onset", "hazard": hazard, "train": 100, "test": 100, "length": 20}
        result = run(task, data, model="majority")
        accuracy = result.metrics[result.metrics["metric"] == "accuracy"]
        assert accuracy["value"].tolist() == accuracy["majority_accuracy"].tolist()
    auroc = result.metrics[result.metrics["metric"] == "auroc"]
    assert auroc["value"].tolist() == [0.5] * 3
    balanced = run(data={"kind": "evidence", **LARGE}, model="majority")
    for row in balanced.metrics[balanced.metrics["metric"] == "accuracy"].to_dict("records"):
        assert row["value"] in (pytest.approx(row["prevalence"]), pytest.approx(1 - row["prevalence"]))


def by_step(cut: int, classes: int) -> Given:
    """Noise whose label turns at a step."""
    label = [0] * cut + [classes - 1] * (10 - cut)
    return given(*[label] * 3)


@pytest.mark.parametrize("task", ["detect", "classify", "forecast"])
def test_position_wins_where_the_step_is_all_that_counts(task: str) -> None:
    results = {}
    for model in MODELS:
        (results[model],) = run_stack([config(task, model=model, train={"epochs": 5})], by_step(6, 2), CPU)
    assert all(isinstance(result, RunResult) for result in results.values())
    found = {model: total(result) for model, result in results.items() if isinstance(result, RunResult)}
    assert found["position"] == 1
    assert found["majority"] < 1
    assert found["random"] < 1
    assert found["logistic"] < 1


def test_logistic_finds_what_is_linear_and_no_more() -> None:
    data = {"kind": "evidence", "train": 400, "test": 1000, "length": 20, "mu": 1.0}
    result = run(data=data, model="logistic", train={"epochs": 10})
    assert result.environment["receptive_field"] == 1
    best = result.metrics[result.metrics["metric"] == "accuracy"]["best_possible"].mean()
    assert total(result) == pytest.approx(best, abs=0.02)
    assert result.environment["notes"] == []
    gru = run(data=data, train={"epochs": 10})
    assert total(gru) > total(result) + 0.1


# controls


def mean_accuracy(data: dict[str, Any], loss: str) -> float:
    """Mean of 24 seeds."""
    configs = [config(data=data, loss=loss, seed=seed, train={"epochs": 8, "batch_size": 16}) for seed in range(24)]
    results = run_stack(configs, configs[0].data.open(), CPU)
    return float(np.mean([total(result) for result in results if isinstance(result, RunResult)]))


@pytest.mark.parametrize(("kind", "settings"), [("evidence", {"mu": 1.0, "features": 16}), ("drift", {"features": 20})])
def test_shuffled_labels_leave_nothing_to_find(kind: str, settings: dict[str, Any]) -> None:
    data = {"kind": kind, "train": 100, "test": 200, "length": 20, **settings}
    assert mean_accuracy(data, "shuffled_labels") == pytest.approx(0.5, abs=0.03)  # three standard errors
    assert mean_accuracy(data, "uniform") > 0.7


def test_the_test_part_keeps_its_labels() -> None:
    its = config(data={"kind": "onset", "hazard": 0.1, **TINY}, loss="shuffled_labels")
    task, source = TASKS["detect"], its.data.open()
    plain, shuffled = (prepare(source, task, 0, "onset", shuffle=shuffle) for shuffle in (False, True))
    again, other = (prepare(source, task, seed, "onset", shuffle=True) for seed in (0, 1))
    for name in ("train", "validation", "test"):
        before, after = vars(plain.parts)[name], vars(shuffled.parts)[name]
        np.testing.assert_array_equal(after.x, before.x)
        np.testing.assert_array_equal(after.label.sum(axis=0), before.label.sum(axis=0))
        assert (after.label != before.label).any() == (name != "test")
        np.testing.assert_array_equal(after.label, vars(again.parts)[name].label)
    assert (shuffled.parts.train.label != other.parts.train.label).any()
    assert torch.equal(shuffled.train.target, torch.from_numpy(shuffled.parts.train.label).float())
    assert torch.equal(shuffled.test.target, plain.test.target)


def test_class_weights_follow_the_shuffled_labels() -> None:
    its = config(loss={"kind": "shuffled_labels", "of": "exp", "pos_weight": 3.0})
    data = prepare(its.data.open(), TASKS["detect"], 0, "drift", shuffle=True)
    factors = torch.where(data.train.target == 1, 3.0, 1.0)
    torch.testing.assert_close(step_weights(its, TASKS["detect"], data), weights(config(loss="exp")) * factors)


def test_members_of_a_seed_share_their_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[Member]] = []

    def kept(model: object, step_loss: object, members: list[Member], **_: object) -> None:
        made.append(members)
        raise RunError("enough")

    monkeypatch.setattr("seqanomaly.run.fit", kept)
    losses = ["uniform", "exp", "shuffled_labels", {"kind": "shuffled_labels", "of": "exp"}]
    configs = [config(loss=loss, seed=seed) for seed in (0, 1) for loss in losses]
    with pytest.raises(RunError, match="enough"):
        run_stack(configs, configs[0].data.open(), CPU)
    (members,) = made
    places = [id(member.train) for member in members]
    assert [places.index(place) for place in places] == [0, 0, 2, 2, 4, 4, 6, 6]


RAW: list[dict[str, Any]] = [
    {"kind": "exp", "rate": 0.1},
    {"kind": "linear", "rate": 0.5},
    {"kind": "step", "threshold": 4},
    {"kind": "permuted", "of": "linear"},
]


@pytest.mark.parametrize("of", RAW, ids=lambda of: of["kind"])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_rate_matched_is_uniform_with_the_learning_rate_by_hand(of: dict[str, Any], momentum: float) -> None:
    sgd = {"epochs": 4, "batch_size": 8, "optimizer": "sgd", "lr": 0.05, "momentum": momentum}
    matched = run(loss={"kind": "rate_matched", "of": of}, train=sgd, seed=2)
    factor = weights(config(loss={**of, "normalize": "none"}, seed=2)).double().mean().item()
    by_hand = run(train={**sgd, "lr": 0.05 * factor}, seed=2)
    assert matched.environment["learning_rate"] == pytest.approx(0.05 * factor)
    torch.testing.assert_close(matched.detector.weights, by_hand.detector.weights, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(matched.detector.weights, run(train=sgd, seed=2).detector.weights, atol=1e-4)


def test_rates_are_matched_over_the_steps_that_are_learned() -> None:
    its = config("forecast", {"kind": "onset", "hazard": 0.1, **TINY}, loss={"kind": "rate_matched", "of": "linear"})
    data = prepared(its)
    steps = torch.arange(10.0).expand(data.train.mask.shape)[data.train.mask]
    assert learning_rate(its, TASKS["forecast"], data) == pytest.approx(0.01 * (1 + 0.1 * steps.double().mean().item()))
    assert run().environment["learning_rate"] == 0.01


def test_a_rate_that_overflows_is_the_error_of_the_raw_loss() -> None:
    of = {"kind": "exp", "rate": 20}
    said = []
    for loss in ({**of, "normalize": "none"}, {"kind": "rate_matched", "of": of}):
        with pytest.raises(ConfigError) as error:
            run(loss=loss)
        said.append(str(error.value))
    assert (
        said
        == ["exp(rate=20): the weight at counter 5 is inf, not finite and >= 0; use normalize: mean or a smaller rate"]
        * 2
    )


def test_a_rate_that_would_be_zero_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^loss: rate_matched\(of=step\(threshold=25\)\) gives no training step a weight"
    ):
        run(loss={"kind": "rate_matched", "of": {"kind": "step", "threshold": 25}})


@pytest.mark.parametrize("of", ["linear", "exp", "step"])
def test_reverse_of_reverse_trains_the_same(of: str) -> None:
    twice = run(loss={"kind": "reverse", "of": {"kind": "reverse", "of": of}})
    assert torch.equal(twice.detector.weights, run(loss=of).detector.weights)


# windows and frames

CUTS: list[dict[str, int]] = [{"length": 4, "stride": 2}, {"length": 4, "stride": 4}, {"length": 3, "stride": 1}]
FRAMES = ("sequence", "window", "since_onset", "until_event")
RAGGED: dict[str, Any] = {"kind": "onset", "hazard": 0.1, **TINY}


class Ragged(Source):
    """Onsets in sequences of 2 to 10 steps, so that seeds have different numbers of windows."""

    official_test, digest, shape = False, None, (16, 10)

    def parts(self, seed: int) -> Parts:
        drawn = vars(config(data=RAGGED).data.open().parts(seed))
        return Parts(**{name: shortened(part, seed) for name, part in drawn.items()})

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> None:
        """Not of interest here."""


def shortened(part: Sequences, seed: int) -> Sequences:
    length = np.random.default_rng(seed).integers(2, 11, len(part))
    there = np.arange(10) < length[:, None]
    return replace(part, x=part.x * there[..., None], label=part.label * there, length=length)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("window", [None, *CUTS])
def test_a_stack_gives_what_each_run_gives_alone_in_windows(window: dict[str, int] | None, frame: str) -> None:
    settings: dict[str, Any] = {"data": RAGGED, "window": window, "frame": frame}
    model = {"kind": "gru", "hidden": 4, "dropout": 0.2}
    losses = [
        ("uniform", 0),
        ("exp", 0),
        ("permuted", 1),
        ({"kind": "step", "threshold": 2}, 2),
        ("shuffled_labels", 0),
        ("rate_matched", 1),
        ({"kind": "linear", "normalize": "none", "pos_weight": 2.0}, 2),
    ]
    configs = [config(model=model, loss=loss, seed=seed, **settings) for loss, seed in losses]
    together, again = (run_stack(configs, Ragged(), CPU) for _ in range(2))
    for its, found, same in zip(configs, together, again, strict=True):
        (alone,) = run_stack([its], Ragged(), CPU)
        assert isinstance(found, RunResult)
        assert isinstance(same, RunResult)
        assert isinstance(alone, RunResult)
        assert_equal(same, found)
        torch.testing.assert_close(found.detector.weights, alone.detector.weights, rtol=1e-4, atol=1e-5)
        pd.testing.assert_frame_equal(found.history, alone.history, rtol=1e-4)
        assert found.environment["weights"] == alone.environment["weights"]
        assert found.environment["frame"] == frame
        assert found.environment["window"] == window
    if window is not None:
        counts = {r.environment["windows"] for r in together if isinstance(r, RunResult)}
        assert len(counts) == 3  # one per seed


@pytest.mark.parametrize("window", CUTS)
@pytest.mark.parametrize("task", ["detect", "classify", "forecast"])
def test_the_detector_decides_in_windows_as_the_tables_say(task: str, window: dict[str, int], tmp_path: Path) -> None:
    its = config(task, RAGGED, window=window)
    (result,) = run_stack([its], Ragged(), CPU, scores=True)
    assert isinstance(result, RunResult)
    test = Ragged().parts(0).test
    judged = result.detector.judge(test)
    steps = flatten(TASKS[task], test, judged)
    assert result.scores is not None
    np.testing.assert_array_equal(result.scores["step"], steps.step)  # one score per step, in order
    np.testing.assert_allclose(result.scores["score"], steps.score, rtol=1e-6)
    scored = TASKS[task].scored(test)
    assert len(result.scores) == scored.sum()
    assert not np.isnan(judged.score[scored]).any()  # also where a window of a forecast begins
    position = result.scores["position"].to_numpy()
    assert position == pytest.approx((steps.step + 0.5) / test.length[steps.sequence])
    Store(tmp_path).publish(result)
    stored = Store(tmp_path).load(result.digest)
    assert stored.detector.window == (window["length"], window["stride"])
    np.testing.assert_array_equal(stored.detector.judge(test).score, judged.score)


def test_windows_as_long_as_the_sequences_change_nothing() -> None:
    for loss in MODULATIONS:
        whole, cut, by_place = (
            run(loss=loss, window=window, frame=frame)
            for window, frame in ((None, "sequence"), (10, "sequence"), (10, "window"))
        )
        assert torch.equal(cut.detector.weights, whole.detector.weights)
        pd.testing.assert_frame_equal(cut.metrics, whole.metrics, check_exact=True)
        torch.testing.assert_close(by_place.detector.weights, whole.detector.weights, rtol=1e-4, atol=1e-5)
    assert torch.equal(run(loss="exp", frame="window").detector.weights, run(loss="exp").detector.weights)


def test_frames_weigh_different_steps() -> None:
    results = {frame: run(data=RAGGED, loss="exp", window=CUTS[0], frame=frame) for frame in FRAMES}
    rows = [result.detector.weights for result in results.values()]
    assert all(not torch.allclose(a, b, atol=1e-4) for k, a in enumerate(rows) for b in rows[:k])


@pytest.mark.parametrize("frame", ["since_onset", "until_event"])
def test_weights_follow_the_frame(frame: str) -> None:
    its = config(data=RAGGED, loss={"kind": "linear", "rate": 0.5, "normalize": "none"}, frame=frame)
    source, task = its.data.open(), TASKS["detect"]
    data = prepare(source, task, 0, "onset", frame=its.frame)
    weight, label = step_weights(its, task, data), data.parts.train.label
    for row, labels in zip(weight.tolist(), label.tolist(), strict=True):
        onset = labels.index(1) if 1 in labels else None
        for t, found in enumerate(row):
            steps = 0 if onset is None else t - onset if frame == "since_onset" else onset - t
            assert found == 1 + 0.5 * max(steps, 0)
    mean = its.model_copy(update={"loss": LossSpec(modulation=its.loss.modulation)})
    torch.testing.assert_close(step_weights(mean, task, data), weight / weight.mean(1, keepdim=True))


def test_a_frame_that_no_step_has_is_refused() -> None:
    for frame, side in (("since_onset", "from"), ("until_event", "up to")):
        its = config("forecast", frame=frame)
        (found,) = run_stack([its], given([0, 0, 0], [0, 0, 0], [0, 0, 1]), CPU)
        side += " its first anomalous step" + " on" * (frame == "since_onset")
        assert isinstance(found, RunError)
        assert str(found).endswith(
            f"seed 0: no step that is learned has a counter in the frame {frame}, as none is in a sequence {side}; "
            "choose the frame sequence, or give sequences that have such steps"
        )


def test_a_threshold_that_no_window_reaches() -> None:
    late = {"kind": "step", "threshold": 5}
    with pytest.raises(ConfigError) as caught:
        run(loss=late, window=4, frame="window")
    assert str(caught.value) == (
        "loss: step(threshold=5) gives no training step a weight above 0: the longest of "
        "drift(length=10,train=16,test=12) has 10 steps and counters of the window go from 0 to 3; choose a smaller "
        "threshold"
    )
    assert run(loss=late, window=4).environment["weights"]["active_share"] == 0.5


def test_the_weights_in_windows_are_described() -> None:
    found = run(loss={"kind": "step", "threshold": 2}, window={"length": 4, "stride": 3}, frame="window")
    label, seen = prepared(config()).parts.train.label, np.array([0, 0, 1, 1, 0, 1, 1, 0, 1, 1])  # of 4 + 4 + 4 steps
    assert found.environment["windows"] == 13 * 3
    assert found.environment["weights"] == pytest.approx(
        {
            "mean_weight": 1.0,
            "ess": 6.0,
            "active_share": 0.6,
            "effective_prevalence": label[:, seen > 0].mean(),
            "prevalence": label.mean(),
        }
    )


def test_rates_are_matched_over_what_the_loss_sees_of_windows() -> None:
    window, matched = {"length": 4, "stride": 3}, {"kind": "rate_matched", "of": {"kind": "linear", "rate": 0.5}}
    by_place = run(loss=matched, window=window, frame="window")
    assert by_place.environment["learning_rate"] == pytest.approx(0.01 * (1 + 0.5 * 1.5))
    by_step = run(loss=matched, window=window)
    times = np.array([1, 1, 1, 2, 1, 1, 2, 1, 1, 1])
    assert by_step.environment["learning_rate"] == pytest.approx(
        0.01 * (1 + 0.5 * np.average(np.arange(10), weights=times))
    )


def test_a_note_about_a_tcn_knows_windows() -> None:
    tcn = {"kind": "tcn", "kernel": 2, "layers": 2, "channels": 4}  # sees 7 steps
    assert run(model=tcn, window=7).environment["notes"] == []
    (note,) = run(model=tcn, window=8).environment["notes"]
    assert note.startswith("the model sees the last 7 steps only and windows have up to 8:")


def test_the_best_possible_accuracy_knows_the_windows() -> None:
    data = {"kind": "evidence", "mu": 1, **TINY}
    source = config(data=data).data.open()
    bound = source.best_accuracy(prepared(config(data=data)).parts.test, 3)
    assert bound is not None
    assert run(data=data, window=3).curve["best_possible"].tolist() == bound.tolist()


@pytest.mark.parametrize("model", UNTRAINED)
def test_windows_and_frames_mean_nothing_to_a_model_that_is_not_trained(model: str) -> None:
    plain = run(data=RAGGED, model=model)
    for frame in FRAMES:
        found = run(data=RAGGED, model=model, window=4, frame=frame)
        assert torch.equal(found.detector.weights, plain.detector.weights)
        pd.testing.assert_frame_equal(found.metrics, plain.metrics, check_exact=True)
