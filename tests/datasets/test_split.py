"""Splits of a table: by series, in time and in folds; no step is in two parts, and none is lost."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.opened import Loaded, Opened
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts, Source, fold
from seqanomaly.datasets.split import SplitSpec, by_time, check_folds
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.run_config import RunConfig


def table(lengths: list[int]) -> pd.DataFrame:
    """Series of those lengths, every second one worn at its end; each step holds its own number."""
    series = np.repeat(np.arange(len(lengths)), lengths)
    step = np.concatenate([np.arange(n) for n in lengths])
    late = step >= np.repeat(lengths, lengths) // 2
    return pd.DataFrame({"series": series, "step": step, "label": late * (series % 2), "x": np.arange(len(series))})


def opened(frame: pd.DataFrame, folder: Path, **given: Any) -> Source:
    path = folder / "mine.csv"
    frame.to_csv(path, index=False)
    return FileData(path=str(path), **given).open()


def steps(part: Sequences) -> list[int]:
    """The numbers of a part's steps."""
    return [int(x) for x in part.x[..., 0][part.mask]]


def in_order(parts: Parts) -> list[list[int]]:
    return [steps(part) for part in (parts.train, parts.validation, parts.test)]


SPLITS: list[dict[str, Any]] = [
    {},
    {"test": 0.5},
    {"split": {"time": 0.3}},
    {"split": {"time": 0.5}},
    {"split": {"folds": 2}},
    {"split": {"folds": 5}},
]


@pytest.mark.parametrize("split", SPLITS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 6])
def test_no_step_is_in_two_parts_and_none_is_lost(tmp_path: Path, split: dict[str, Any], seed: int) -> None:
    lengths = [8, 20, 9, 13, 30, 8, 11, 8, 17]
    parts = in_order(opened(table(lengths), tmp_path, **split).parts(seed))
    assert sorted(chain(*parts)) == list(range(sum(lengths)))
    assert all(parts)


@settings(max_examples=30)
@given(
    st.lists(st.integers(8, 40), min_size=4, max_size=9),
    st.sampled_from([{"time": 0.3}, {"time": 0.45}, {"folds": 2}, {"folds": 4}]),
    st.integers(0, 20),
)
def test_no_step_is_shared_whatever_the_lengths(lengths: list[int], split: dict[str, Any], seed: int) -> None:
    number = iter(range(1000))
    known = Sequences.of(
        [np.array([[next(number)] for _ in range(n)], np.float64) for n in lengths], [0] * len(lengths)
    )
    loaded, folds = Loaded(known=known), split.get("folds")
    loaded = by_time(loaded, split["time"], "mine") if folds is None else loaded
    source = Opened(loaded, "mine", digest="d", test_share=0.3, few="add some", folds=folds)
    parts = in_order(source.parts(seed))
    assert Counter(chain(*parts)) == Counter(range(sum(lengths)))


def test_in_time_each_series_is_cut_at_the_same_share(tmp_path: Path) -> None:
    source = opened(table([20, 10]), tmp_path, split={"time": 0.3})
    first, other = source.parts(0), source.parts(1)
    assert steps(first.train) == [*range(11), *range(20, 26)]  # of 14 and 7 steps before the test
    assert steps(first.validation) == [*range(11, 14), 26]
    assert steps(first.test) == [*range(14, 20), *range(27, 30)]
    assert first.test.start.tolist() == [14, 7]
    assert in_order(first) == in_order(other)
    assert source.official_test
    assert source.notes[0] == "test is the last 30% of each series: 9 steps"
    assert source.notes[1] == "validation is the last 20% of each training sequence: 17 steps train and 4 validate"


def test_one_series_can_be_split_in_time(tmp_path: Path) -> None:
    parts = opened(table([30]), tmp_path, split={"time": 0.2}).parts(0)
    assert [len(part) for part in in_order(parts)] == [19, 5, 6]


def test_folds_test_every_series_once_in_each_round(tmp_path: Path) -> None:
    source = opened(table([8] * 10), tmp_path, split={"folds": 5})
    rounds = [[source.parts(seed).test.ids for seed in range(start, start + 5)] for start in (0, 5)]
    for tested in rounds:
        assert sorted(sum(tested, ()), key=int) == [str(n) for n in range(10)]
        assert [len(ids) for ids in tested] == [2] * 5
        assert all({int(name) % 2 for name in ids} == {0, 1} for ids in tested)  # one of each class
    assert rounds[0] != rounds[1]
    assert not source.official_test
    assert source.shape == (8, 8)
    assert source.parts(3).test.ids == source.parts(3).test.ids


@given(st.integers(2, 7), st.lists(st.integers(0, 1), min_size=7, max_size=30), st.integers(0, 3))
def test_folds_are_even_and_stratified(folds: int, labels: list[int], turn: int) -> None:
    whole = Sequences.of([np.zeros((2, 1))] * len(labels), labels)
    held = [fold(whole, folds, turn * folds + number)[1] for number in range(folds)]
    assert sorted(sum((part.ids for part in held), ()), key=int) == [str(n) for n in range(len(labels))]
    sizes, worn = [len(part) for part in held], [int(part.label[:, 0].sum()) for part in held]
    assert max(sizes) - min(sizes) <= 1
    assert max(worn) - min(worn) <= 1


def test_members_with_folds_of_different_size_train_together(tmp_path: Path) -> None:
    import torch

    from seqanomaly.run import run_stack
    from seqanomaly.store import RunResult

    frame, path = table([12] * 7), tmp_path / "mine.csv"
    frame.assign(x=frame["x"] % 12 + 5.0 * frame["label"]).to_csv(path, index=False)
    wanted: dict[str, Any] = {
        "data": {"path": str(path), "split": {"folds": 3}},
        "model": {"kind": "gru", "hidden": 3},
        "train": {"epochs": 2, "batch_size": 2},
    }
    configs = [RunConfig(**wanted, seed=seed) for seed in range(3)]
    source, device = configs[0].data.open(), torch.device("cpu")
    together = run_stack(configs, source, device)
    counts = []
    for config, found in zip(configs, together, strict=True):
        (alone,) = run_stack([config], source, device)
        assert isinstance(found, RunResult)
        assert isinstance(alone, RunResult)
        torch.testing.assert_close(found.detector.weights, alone.detector.weights, rtol=1e-4, atol=1e-5)
        pd.testing.assert_frame_equal(found.metrics, alone.metrics, rtol=1e-4)
        counts.append(tuple(found.environment["sequences"].values()))
    assert sorted(counts) == [(3, 1, 3), (4, 1, 2), (4, 1, 2)]


@pytest.mark.parametrize(
    ("given_settings", "text"),
    [
        ({"split": {}}, "split: takes one of time and folds, as in {time: 0.3} or {folds: 5}, got neither"),
        (
            {"split": {"time": 0.3, "folds": 5}},
            "split: takes one of time and folds, as in {time: 0.3} or {folds: 5}, got both",
        ),
        ({"split": "time"}, "split: must be a mapping such as {time: 0.3} or {folds: 5}, got 'time'"),
        ({"split": {"time": 1.0}}, "split.time: must be less than 1, got 1.0"),
        ({"split": {"time": 0.0}}, "split.time: must be greater than 0, got 0.0"),
        ({"split": {"folds": 1}}, "split.folds: must be greater than or equal to 2, got 1"),
        (
            {"split": {"fold": 5}},
            "split: unknown key 'fold'; did you mean 'folds'? (known: time, folds)",
        ),
        (
            {"split": {"folds": 5}, "part": "set"},
            "split: part and split both say what is tested; leave one of them out",
        ),
        (
            {"split": {"time": 0.3}, "test": 0.2},
            "split: test and split both say what is tested; leave one of them out",
        ),
    ],
)
def test_splits_that_cannot_be(given_settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        FileData(path="mine.csv", **given_settings)
    assert str(error.value) == text


def test_series_too_short_to_be_split_in_time(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        opened(table([20, 5, 20]), tmp_path, split={"time": 0.3})
    assert str(error.value) == (
        "mine.csv: series '1' has 5 steps, of which 1 would test and 4 train and validate; in time these need at least "
        "2 and 4: leave the series out, choose another share, or split by series"
    )


@pytest.mark.parametrize(("count", "folds"), [(3, 4), (3, 2)])
def test_too_few_series_for_the_folds(count: int, folds: int) -> None:
    loaded = Loaded(known=Sequences.of([np.zeros((2, 1))] * count, [0] * count))
    with pytest.raises(DataError) as error:
        check_folds(loaded, folds, "mine.csv")
    assert str(error.value) == (
        f"mine.csv: has {count} series for {folds} folds; each fold needs one, and two have to be left to train and "
        "validate: choose another number of folds, or give more series"
    )
    check_folds(loaded, 3, "mine.csv")


def test_a_split_is_part_of_the_name_and_of_the_address() -> None:
    plain, timed, folded = (
        FileData(path="a/mine.csv", **settings)
        for settings in ({}, {"split": SplitSpec(time=0.3)}, {"split": {"folds": 5}, "label": "fault"})
    )
    assert [data.name for data in (plain, timed, folded)] == ["mine", "mine(time=0.3)", "mine(label=fault,folds=5)"]
    assert len({RunConfig(data=data).digest("content") for data in (plain, timed, folded)}) == 3
    assert FileData(**folded.settings()) == folded
