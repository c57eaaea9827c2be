"""The grid of an experiment: what is an axis, what is refused, and the plan of stacks."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqanomaly.config import dump_yaml, parse_yaml, read_yaml
from seqanomaly.datasets.specs import DATASETS
from seqanomaly.datasets.synthetic import Drift
from seqanomaly.errors import ConfigError
from seqanomaly.experiment import (
    COSTS,
    EVALUATION,
    SHIPPED,
    Experiment,
    plan,
    stack_seconds,
    stack_size,
    stack_size_on_cuda,
    variants,
    windows_of,
)
from seqanomaly.losses.modulations import MODULATIONS, Control
from seqanomaly.models.specs import MODELS, GruSpec, LstmSpec, RnnSpec
from seqanomaly.run_config import RunConfig, TrainSpec

ROOT = Path(__file__).parents[1]
SHIPPED_FILES = sorted((ROOT / "experiments").glob("*.yaml"))


def experiment(**settings: Any) -> Experiment:
    return Experiment(**{"name": "test", "data": "drift", "loss": "exp", **settings})


# axes

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=3), inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def alternatives(value: object) -> int:
    if isinstance(value, list):
        return sum(map(alternatives, value))
    return prod(map(alternatives, value.values())) if isinstance(value, dict) else 1


def has_list(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and any(map(has_list, value.values())))


@given(values)
def test_a_list_is_an_axis_wherever_it_stands(value: object) -> None:
    found = list(variants(value))
    assert len(found) == alternatives(value)
    assert not any(map(has_list, found))
    if not has_list(value):
        assert found == [value]


def test_the_last_axis_runs_fastest() -> None:
    assert list(variants({"a": [1, 2], "b": {"c": [3, 4]}})) == [
        {"a": 1, "b": {"c": 3}},
        {"a": 1, "b": {"c": 4}},
        {"a": 2, "b": {"c": 3}},
        {"a": 2, "b": {"c": 4}},
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"features": ["a", "b"]}, [["a", "b"]]),  # names of columns: one value
        ({"features": [["a", "b"], ["c"]]}, [["a", "b"], ["c"]]),
        ({"features": [2, 5]}, [2, 5]),  # how many a synthetic task has: an axis
        ({"ignore": ["a", 2]}, [["a", 2]]),
        ({"masked": ["0"]}, [["0"]]),
        ({"class_weight": [1, 2.5]}, [[1, 2.5]]),
        ({"class_weight": [[1, 2], [1, 3]]}, [[1, 2], [1, 3]]),
    ],
)
def test_settings_whose_value_is_a_list(value: dict[str, object], expected: list[object]) -> None:
    (key,) = value
    assert [found[key] for found in variants(value) if isinstance(found, dict)] == expected


def test_features_are_an_axis_of_a_synthetic_task() -> None:
    assert [data.name for data in experiment(data={"kind": "drift", "features": [2, 5]}).data] == [
        "drift(features=2)",
        "drift",
    ]


axis = st.integers(1, 3)


@settings(max_examples=30)
@given(axis, axis, axis, axis, axis, axis, axis, st.booleans())
def test_the_number_of_runs_is_the_product(
    data: int, models: int, losses: int, rates: int, epochs: int, lrs: int, seeds: int, baseline: bool
) -> None:
    found = experiment(
        data={"kind": "drift", "length": list(range(10, 10 + data))},
        model=[{"kind": "gru", "hidden": size + 1} for size in range(models)],
        loss=["uniform"] * baseline
        + [{"kind": "exp", "rate": [0.1 * (n + 1) for n in range(rates)]}]
        + ["linear", "step"][: losses - 1],
        train={"epochs": list(range(1, epochs + 1)), "lr": [0.1 / (n + 1) for n in range(lrs)]},
        seeds=seeds,
    )
    expected = data * models * (rates + losses) * epochs * lrs * seeds  # the baseline, the rates, and what is left
    runs = list(found.expand())
    assert len(runs) == found.count == expected
    assert len({run.digest(None) for run in runs}) == expected
    assert all(RunConfig(**run.settings()) == run for run in runs[:3])


def test_names_and_mappings_mean_the_same() -> None:
    assert experiment(loss=["exp", {"kind": "step"}]) == experiment(loss=[{"kind": ["exp"]}, "step"])
    assert experiment(model="gru") == experiment() == experiment(model=GruSpec(), data=Drift())
    assert experiment(train={"lr": [0.01]}) == experiment(train=[{}]) == experiment(train=TrainSpec())


def test_the_baseline_comes_first_where_it_was_left_out() -> None:
    assert [loss.name for loss in experiment(loss=["exp", "step"]).loss] == ["uniform", "exp", "step"]
    assert [loss.name for loss in experiment(loss=["exp", "uniform"]).loss] == ["exp", "uniform"]
    found = experiment(loss="exp", baseline={"kind": "linear", "rate": 0.5})
    assert [loss.name for loss in found.loss] == ["linear(rate=0.5)", "exp"]


def test_the_defaults() -> None:
    found = experiment()
    assert found.task == ("detect",)
    assert [model.name for model in found.model] == ["gru"]
    assert found.seeds == tuple(range(10))
    assert found.train == (TrainSpec(),)
    assert list(found.buckets) == ["early", "mid", "late"]
    assert (found.baseline.name, found.stack, found.question) == ("uniform", None, "")


def test_seeds_are_a_count_or_a_list() -> None:
    assert experiment(seeds=3).seeds == (0, 1, 2)
    assert experiment(seeds=[7, 3]).seeds == (7, 3)


def test_further_axes_are_those_with_more_than_one_value() -> None:
    assert experiment().axes() == {}
    found = experiment(task=["detect", "forecast"], train={"lr": [0.1, 0.2], "clip": [None, 1.0], "epochs": [5]})
    assert found.axes() == {"task": ["detect", "forecast"], "lr": [0.1, 0.2], "clip": [None, 1.0]}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"loss": ["exp", "exp"]}, "loss: exp is there twice; give each loss once"),
        ({"loss": ["exp", {"kind": "exp", "rate": 0.1}]}, "loss: exp is there twice; give each loss once"),
        ({"model": ["gru", {"kind": "gru", "hidden": [4, 16]}]}, "model: gru is there twice; give each model once"),
        ({"data": ["drift", "drift"]}, "data: drift is there twice; give each data set once"),
        ({"data": ["a/x.csv", "b/x.csv"]}, "data: two data sets are called x; rename one of the files"),
        ({"task": ["detect", "detect"]}, "task: detect is there twice; give each task once"),
        (
            {"train": [{"lr": 0.1}, {"lr": [0.1, 0.2]}]},
            "train: epochs=30 batch_size=32 lr=0.1 optimizer='adam' momentum=0.0 weight_decay=None clip=None "
            "patience=None truncate=None group_by_length=False precision='float32' is there twice; "
            "give each training setting once",
        ),
        ({"loss": []}, "loss: an empty list stands for nothing; give at least one value"),
        (
            {"model": {"kind": "gru", "hidden": []}},
            "model.hidden: an empty list stands for nothing; give at least one value",
        ),
        (
            {"loss": "exq"},
            f"loss: unknown loss 'exq'; did you mean 'exp'? (known: {', '.join(MODULATIONS)})",
        ),
        (
            {"model": "gruu"},
            f"model: unknown model 'gruu'; did you mean 'gru'? (known: {', '.join(MODELS)})",
        ),
        (
            {"data": "dritf"},
            f"data: unknown data set 'dritf'; did you mean 'drift'? (known: {', '.join(DATASETS)})",
        ),
        (
            {"model": {"kind": "gru", "hiden": 4}},
            "model: unknown key 'hiden'; did you mean 'hidden'? (known: kind, layers, dropout, hidden)",
        ),
        ({"model": {"hidden": 4}}, "model: needs a name or a mapping with a 'kind', got {'hidden': 4}; known: "
         + ", ".join(MODELS)),
        ({"model": {"kind": "gru", "hidden": "16"}}, "model.hidden: must be an integer, got '16'"),
        ({"train": {"epochs": 0}}, "train.epochs: must be greater than or equal to 1, got 0"),
        ({"train": "fast"}, "train: must be a mapping such as {epochs: 30}, got 'fast'"),
        ({"train": {1: 2}}, "train: keys are text, got 1"),
        ({"task": "detct"}, "task.0: must be 'detect', 'classify' or 'forecast', got 'detct'"),
        ({"seeds": 0}, "seeds: must be a count of at least 1 or a list of seeds, got 0"),
        ({"seeds": True}, "seeds: must be a count of at least 1 or a list of seeds, got True"),
        ({"seeds": "ten"}, "seeds: must be a count of at least 1 or a list of seeds, got 'ten'"),
        ({"seeds": []}, "seeds: must name each seed once and at least one, got []"),
        ({"seeds": [1, 1]}, "seeds: must name each seed once and at least one, got [1, 1]"),
        ({"seeds": [[1]]}, "seeds.0: must be an integer, got [1]"),
        ({"seeds": [-1]}, "seeds.0: must be greater than or equal to 0, got -1"),
        ({"stack": 0}, "stack: must be greater than or equal to 1, got 0"),
        ({"name": "a/b"}, "name: must be letters, digits, dots, dashes and underscores, as it names a folder, got "
         "'a/b'"),
        ({"name": 5}, "name: must be a string, got 5"),
        ({"los": "exp"}, "unknown key 'los'; did you mean 'loss'? (known: name, question, task, data, model, loss, "
         "train, seeds, baseline, buckets, threshold, window, frame, choose, metric, stack, controls)"),
        ({"buckets": {"late": ["50%", "20%"]}}, "buckets.late: starts at 50% and ends at 20%; the end comes after the "
         "start"),
        ({"buckets": {"late": ["50%", "120%"]}}, "buckets.late.1: must be a step number or a share such as '50%', got "
         "'120%'"),
        ({"buckets": {"late": 5}}, "buckets.late: must be [start, end], got 5"),
        ({"buckets": {}}, "buckets: must name at least one bucket, for example {early: [0%, 50%]}"),
        (
            {"task": ["detect", "classify"], "loss": {"kind": "exp", "pos_weight": 2}},
            "loss: pos_weight is for the task detect, got classify; leave it out",
        ),
        ({"baseline": ["uniform", "exp"]}, "baseline: unknown loss ['uniform', 'exp']; known: "
         + ", ".join(MODULATIONS)),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        experiment(**changed)
    assert str(error.value) == text


@pytest.mark.parametrize("key", ["name", "data", "loss"])
def test_what_has_to_be_given(key: str) -> None:
    given: dict[str, Any] = {"name": "a", "data": "drift", "loss": "exp"}
    del given[key]
    with pytest.raises(ConfigError, match=f"^the key '{key}' is missing$"):
        Experiment(**given)


# YAML

EXAMPLES: list[dict[str, Any]] = [
    {},
    {"question": "Why: because?", "task": ["detect", "forecast"], "seeds": [5, 2], "stack": 3},
    {"data": [{"path": "a.csv", "features": ["u", "v"], "part": "where"}, {"kind": "drift", "features": [2, 3]}]},
    {"loss": [{"kind": "step", "threshold": [25, "50%"]}, {"kind": "reverse", "of": ["exp", "linear"]}]},
    {"task": "classify", "loss": {"kind": "exp", "class_weight": [[1, 2], [2.5, 1]], "normalize": ["none", "mean"]}},
    {"train": {"lr": [1e-3, 0.1], "clip": [None, 1], "optimizer": ["sgd", "adam"]}, "baseline": {"kind": "linear"}},
    {"buckets": {"first": [0, 25], "rest": [25, "100%"]}},
]


@pytest.mark.parametrize("changed", EXAMPLES)
def test_settings_are_read_back_from_yaml(changed: dict[str, Any]) -> None:
    found = experiment(**changed)
    again = Experiment(**parse_yaml(dump_yaml(found.settings()), "test"))
    assert again == found
    assert list(again.expand()) == list(found.expand())


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.name)
def test_an_experiment_that_ships_opens_with_its_question_and_its_command(path: Path) -> None:
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert first.endswith("?")
    name = "" if path.stem == "default" else f" experiments/{path.name}"
    assert second == f"# seqanom compare{name}"


@pytest.mark.parametrize("path", SHIPPED_FILES, ids=lambda path: path.name)
def test_an_experiment_that_ships_loads(path: Path) -> None:
    found = Experiment(**read_yaml(path))
    assert found.name == path.stem
    assert found.question.endswith("?")
    for run in islice(found.expand(), 1000):
        assert RunConfig(**run.settings()) == run


def test_experiments_ship_with_the_package() -> None:
    assert {"default.yaml", "null.yaml"} <= {path.name for path in SHIPPED.glob("*.yaml")}
    assert [path.name for path in SHIPPED_FILES] == sorted(path.name for path in SHIPPED.glob("*.yaml"))


# the plan


def large(**changed: Any) -> Experiment:
    return experiment(
        **{
            "task": ["detect", "forecast"],
            "data": ["drift", {"kind": "evidence", "length": 20}],
            "model": [{"kind": "rnn", "hidden": 4}, {"kind": "gru", "hidden": 64}],
            "loss": ["exp", "step", "linear"],
            "train": {"lr": [0.1, 0.01], "epochs": [5, 10]},
            "seeds": 5,
            **changed,
        }
    )


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 3), st.none() | st.integers(1, 20))
def test_the_plan_covers_each_run_once_in_even_stacks(seeds: int, lrs: int, stack: int | None) -> None:
    found = large(seeds=seeds, train={"lr": [0.1 / (n + 1) for n in range(lrs)], "epochs": [5, 10]}, stack=stack)
    stacks = list(plan(found))
    assert Counter(run.title + str(run.train) + run.task for members in stacks for run in members) == Counter(
        run.title + str(run.train) + run.task for run in found.expand()
    )
    assert sum(map(len, stacks)) == found.count
    groups: dict[tuple[str, int], list[int]] = {}
    for members in stacks:
        first = members[0]
        key = f"{first.task} {first.data.name} {first.model.name} {first.train.epochs}"
        largest = stack or stack_size(first.model, first.train.batch_size)
        groups.setdefault((key, largest), []).append(len(members))
    assert len(groups) == 2 * 2 * 2 * 2
    for (_, largest), sizes in groups.items():
        assert max(sizes) <= largest
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == -(-sum(sizes) // largest)  # as few as can be


def test_members_of_a_stack_differ_in_loss_learning_rate_and_seed_only() -> None:
    differing = set()
    for members in plan(large()):
        first = members[0]
        for run in members:
            assert (run.task, run.data, run.model, run.buckets) == (first.task, first.data, first.model, first.buckets)
            assert run.train.model_copy(update={"lr": first.train.lr}) == first.train
            differing |= {
                key
                for key, here, there in (
                    ("loss", run.loss, first.loss),
                    ("lr", run.train.lr, first.train.lr),
                    ("seed", run.seed, first.seed),
                )
                if here != there
            }
    assert differing == {"loss", "lr", "seed"}


def test_the_plan_is_a_pure_function_of_the_experiment() -> None:
    assert list(plan(large())) == list(plan(Experiment(**parse_yaml(dump_yaml(large().settings()), "test"))))


def test_runs_of_the_plan_are_as_valid_as_others() -> None:
    for members in plan(large(task="detect")):
        for run in members:
            assert RunConfig(**run.settings()) == run


@pytest.mark.parametrize(
    ("model", "batch_size", "members"),
    [
        (RnnSpec(hidden=4), 32, 16),
        (GruSpec(hidden=16), 32, 16),
        (GruSpec(hidden=17), 32, 15),
        (GruSpec(hidden=64), 32, 4),
        (GruSpec(hidden=64), 1, 16),
        (GruSpec(hidden=4096), 32, 1),
    ],
)
def test_the_size_of_a_stack_follows_the_shapes(model: RnnSpec | GruSpec, batch_size: int, members: int) -> None:
    assert stack_size(model, batch_size) == members


@pytest.mark.parametrize(
    ("model", "batch_size", "members"),
    [
        (RnnSpec(hidden=4), 32, 128),
        (GruSpec(hidden=32), 64, 64),
        (LstmSpec(hidden=48), 64, 42),
        (GruSpec(hidden=4096), 64, 1),
    ],
)
def test_a_stack_on_cuda_is_larger(model: RnnSpec | GruSpec | LstmSpec, batch_size: int, members: int) -> None:
    assert stack_size_on_cuda(model, batch_size) == members
    found = large(task="detect", data="drift", model=model.settings(), train={"batch_size": batch_size}, seeds=50)
    sizes = [len(stack) for stack in plan(found, "cuda")]
    assert max(sizes) <= members
    assert len(sizes) == -(-found.count // members)
    assert [run for stack in plan(found, "cuda") for run in stack] == list(found.expand())
    own = large(task="detect", data="drift", stack=3)
    assert list(plan(own, "cuda")) == list(plan(own, "cpu"))


@pytest.mark.parametrize("kernel", ["", "off"])
def test_the_time_of_a_stack_grows_with_what_there_is_to_do(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQANOM_KERNEL", kernel)

    def seconds(**changed: Any) -> float:
        found = experiment(stack=4, seeds=2, **changed)
        members = next(plan(found))
        return stack_seconds(members, found.data[0].open()) - len(members) * EVALUATION

    assert COSTS.keys() == {kind for kind, spec in MODELS.items() if spec.trained}
    usual = seconds()
    assert 0 < usual < 60
    assert seconds(train={"epochs": 60}) == pytest.approx(2 * usual)
    assert seconds(data={"kind": "drift", "length": 100}) == pytest.approx(2 * usual)
    assert seconds(model={"kind": "gru", "layers": 2}) == pytest.approx(2 * usual)
    assert seconds(model={"kind": "gru", "hidden": 64}) > usual
    assert seconds(model={"kind": "rnn"}) < usual


def test_windows_and_frame_are_those_of_every_run() -> None:
    found = experiment(window={"length": 20, "stride": 5}, frame="window", model=["gru", "random"])
    assert {(run.window, run.frame) for run in found.expand()} == {(found.window, "window")}
    assert found == Experiment(**parse_yaml(dump_yaml(found.settings()), "test"))
    assert experiment(window=20).window == experiment(window={"length": 20}).window
    with pytest.raises(ConfigError) as error:
        experiment(frame=["window", "sequence"])
    assert str(error.value) == (
        "frame: must be 'sequence', 'window', 'since_onset' or 'until_event', got ['window', 'sequence']"
    )


def test_the_time_of_a_stack_grows_with_its_windows() -> None:
    def seconds(**changed: Any) -> float:
        found = experiment(stack=4, seeds=2, data={"kind": "drift", "length": 100, "train": 320}, **changed)
        members = next(plan(found))
        return stack_seconds(members, found.data[0].open()) - len(members) * EVALUATION

    usual = seconds()
    assert seconds(window=100) == seconds(window=500) == usual
    assert seconds(window={"length": 20, "stride": 20}) == pytest.approx(usual)
    assert seconds(window={"length": 20, "stride": 10}) == pytest.approx(9 * 20 / 100 * usual)
    assert seconds(frame="since_onset") == usual


def test_windows_are_counted_by_the_lengths_of_a_file(tmp_path: Path) -> None:
    lengths = [4, 30, 11, 11, 11, 4]
    rows = [(name, step, step % 2, 0.5) for name, length in enumerate(lengths) for step in range(length)]
    path = tmp_path / "ragged.csv"
    path.write_text("series,step,label,x\n" + "\n".join(",".join(map(str, row)) for row in rows))
    source = experiment(data=str(path)).data[0].open()
    assert source.shape == (4, 30)
    assert windows_of(source, 10, 5) == (round(4 * (1 + 5 + 2 + 2 + 2 + 1) / 6), 10)
    assert windows_of(source, 50, 5) == (4, 30)


def test_a_hundred_thousand_runs_are_expanded_one_at_a_time() -> None:
    many = experiment(seeds=1000, model={"kind": "gru", "hidden": list(range(1, 51))})
    assert many.count == 100_000
    tracemalloc.start()
    runs = many.expand()
    first = next(runs)
    early = tracemalloc.get_traced_memory()[1]
    rest = sum(1 for _ in runs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first.seed == 0
    assert rest == 99_999
    assert early < 200_000
    assert peak < 2_000_000


# models that are not trained, and controls


def test_a_model_that_is_not_trained_has_one_run_per_seed() -> None:
    found = experiment(
        task=["detect", "forecast"],
        model=["gru", "random", "logistic"],
        loss=["exp", "step"],
        train={"lr": [0.1, 0.2], "epochs": [1, 2]},
        seeds=3,
    )
    runs = list(found.expand())
    assert len(runs) == found.count == 2 * 3 * (2 * 3 * 4 + 1)
    random = [run for run in runs if run.model.name == "random"]
    assert {run.loss for run in random} == {found.baseline}
    assert {run.train for run in random} == {found.train[0]}
    assert Counter((run.task, run.seed) for run in random) == {(t, s): 1 for t in found.task for s in range(3)}
    assert {run.loss.name for run in runs if run.model.name == "logistic"} == {"uniform", "exp", "step"}


def test_a_model_that_is_not_trained_costs_nothing_but_its_evaluation() -> None:
    found = experiment(model=["random", "logistic", "rnn"], seeds=4, stack=4)
    source = found.data[0].open()
    times = {stack[0].model.name: stack_seconds(stack, source) for stack in plan(found)}
    assert times["random"] == 4 * EVALUATION
    assert 4 * EVALUATION < times["logistic"] < times["rnn"]


def names(found: Experiment) -> list[str]:
    return [loss.name for loss in found.loss]


def test_controls_of_each_loss() -> None:
    raw = {"kind": "exp", "normalize": "none", "pos_weight": 2.0}
    found = experiment(loss=["linear", raw], controls=True)
    assert names(found) == [
        "uniform",
        "linear",
        "exp(normalize=none,pos_weight=2)",
        "reverse(of=linear(rate=0.1))",
        "permuted(of=linear(rate=0.1))",
        "reverse(normalize=none,pos_weight=2)",
        "permuted(normalize=none,pos_weight=2)",
        "rate_matched(pos_weight=2)",
        "shuffled_labels",
    ]
    assert found.notes() == []
    assert [(arm.model.name, len(arm.losses)) for arm in found.arms()] == [
        ("gru", 9),
        ("logistic", 1),
        ("position", 1),
        ("majority", 1),
        ("random", 1),
    ]
    assert all(arm.losses == (found.baseline,) for arm in found.arms()[1:])
    assert found.count == len(list(found.expand())) == 10 * (9 + 4)


def test_controls_are_added_only_where_they_are_absent() -> None:
    models: list[Any] = ["logistic", "random", "gru"]
    losses: list[Any] = ["shuffled_labels", "permuted", "exp", "uniform"]
    found = experiment(model=models, loss=losses, controls=True, train={"lr": [0.1, 0.2]})
    assert names(found) == ["shuffled_labels", "permuted", "exp", "uniform", "reverse"]
    assert {arm.model.name: len(arm.losses) for arm in found.arms()} == {
        "logistic": 5,  # it was asked for
        "random": 1,
        "gru": 5,
        "position": 1,
        "majority": 1,
    }
    assert experiment(model=models, loss=losses).loss == experiment(model=models, loss=losses, controls=False).loss


@pytest.mark.parametrize("changed", [{}, {"baseline": "exp", "loss": ["uniform", "linear"]}, {"model": "logistic"}])
def test_an_experiment_with_controls_is_read_back_as_it_is(changed: dict[str, Any]) -> None:
    found = experiment(controls=True, **changed)
    again = Experiment(**parse_yaml(dump_yaml(found.settings()), "test"))
    assert again == found
    assert again.arms() == found.arms()
    assert list(again.expand()) == list(found.expand())


def test_neither_the_baseline_nor_a_control_has_controls() -> None:
    found = experiment(loss=["uniform", "linear", "permuted"], baseline="exp", controls=True)
    assert names(found) == [
        "exp",
        "uniform",
        "linear",
        "permuted",
        "reverse(of=linear(rate=0.1))",
        "permuted(of=linear(rate=0.1))",
        "shuffled_labels",
    ]


def test_notes_say_what_was_not_added() -> None:
    mean = (
        "no loss is raw (normalize: none), so rate_matched is not added: mean-normalised losses have mean weight 1, "
        "and uniform itself is matched to their learning rate."
    )
    assert experiment().notes() == []
    assert experiment(controls=True).notes() == [mean]
    forecasts = experiment(controls=True, task=["detect", "forecast"])
    assert forecasts.notes() == [mean, "forecast learns no labels, so shuffled_labels is not added."]
    assert names(forecasts) == ["uniform", "exp", "reverse", "permuted"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sampled_from(["uniform", "linear", "exp", "step", "reverse", "shuffled_labels"]), min_size=1, unique=True
    ),
    st.sampled_from(["none", "mean"]),
    st.sampled_from(["uniform", "exp"]),
)
def test_controls_are_complete_and_each_is_there_once(losses: list[str], normalize: str, baseline: str) -> None:
    given_losses = [{"kind": loss, "normalize": normalize} for loss in losses]
    found = experiment(loss=given_losses, baseline=baseline, controls=True)
    assert len(set(found.loss)) == len(found.loss)
    assert set(experiment(loss=given_losses, baseline=baseline).loss) <= set(found.loss)
    studied = [
        loss for loss in found.loss if loss.modulation.kind in ("linear", "exp", "step") and loss != found.baseline
    ]
    for loss in studied:
        kinds = {
            (other.modulation.kind, other.normalize)
            for other in found.loss
            if isinstance(other.modulation, Control) and other.modulation.of == loss.modulation
        }
        matched = {("rate_matched", "mean")} if normalize == "none" else set()
        assert kinds >= {("reverse", normalize), ("permuted", normalize)} | matched
    assert Experiment(**found.settings()) == found
    assert sum(len(stack) for stack in plan(found)) == found.count


def test_controls_are_on_or_off() -> None:
    with pytest.raises(ConfigError) as error:
        experiment(controls="yes")
    assert str(error.value) == "controls: must be a boolean, got 'yes'"
