"""A run on data that are not padded ends as the run on the same data padded does, bit for bit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqanomaly import preparation
from seqanomaly.datasets import laid
from seqanomaly.datasets.opened import Opened
from seqanomaly.errors import DataError, RunError
from seqanomaly.run import run_stack, train
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult

CPU = torch.device("cpu")
Alike = Callable[[RunResult, RunResult], None]


@contextmanager
def held(*, flat: bool) -> Iterator[None]:
    """Whether what is read is flat, and a few sequences are weighed at once then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laid, "is_wasteful", lambda *_: flat)
        patch.setattr(preparation, "AT_ONCE", 70)
        yield


def made(lengths: list[int], seed: int = 1) -> pd.DataFrame:
    """Series of those lengths, every second one with an anomaly of some steps."""
    generator, frames = np.random.default_rng(seed), []
    for number, steps in enumerate(lengths):
        place, onset = np.arange(steps), generator.integers(1, max(2, steps - 2))
        label = (number % 2) * ((place >= onset) & (place < onset + 5)).astype(int)
        x = generator.normal(size=(steps, 2)) + label[:, None]
        frames.append(pd.DataFrame({"series": number, "step": place, "label": label, "a": x[:, 0], "b": x[:, 1]}))
    return pd.concat(frames)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 series of 2 to 30 steps."""
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    made(np.random.default_rng(1).integers(2, 31, 24).tolist()).to_parquet(path, index=False, row_group_size=50)
    return path


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series with missing values, also at their beginning, a feature that never changes, and gaps."""
    frame, generator = made([12, 30, 9, 14, 22, 8, 17, 25, 11, 20]), np.random.default_rng(3)
    frame.loc[(generator.random(len(frame)) < 0.2) | ((frame["series"] % 3 == 0) & (frame["step"] < 4)), "a"] = np.nan
    frame["step"] += 9 * (frame["step"] > 12) + 2 * (frame["step"] > 4)
    path = tmp_path_factory.mktemp("broken") / "broken.parquet"
    frame.assign(c=5.0).to_parquet(path, index=False)
    return path


def config(table: Path, **settings: Any) -> RunConfig:
    data = {"kind": "file", "path": str(table), **settings.pop("data", {})}
    model = {"kind": "gru", "hidden": 3}
    return RunConfig(**{"data": data, "model": model, "train": {"epochs": 1, "batch_size": 8}, **settings})


def both(configs: list[RunConfig]) -> Iterator[tuple[RunResult, RunResult]]:
    """Each run on flat data and on padded ones, in one stack."""
    found = []
    for flat in (True, False):
        with held(flat=flat):
            source = configs[0].data.open()
            assert isinstance(source, Opened)
            assert (source.loaded.known.flat is not None) == flat
            found.append(run_stack(configs, source, CPU, scores=True))
    for one, other in zip(*found, strict=True):
        assert isinstance(one, RunResult)
        assert isinstance(other, RunResult)
        yield one, other


@pytest.mark.parametrize("window", [None, {"length": 7, "stride": 3}, {"length": 40, "stride": 40}])
def test_every_frame_and_task(question: tuple[str, str], window: object, table: Path, alike: Alike) -> None:
    task, frame = question
    for pair in both([config(table, task=task, frame=frame, window=window, loss="exp")]):
        alike(*pair)


@pytest.mark.parametrize(
    "loss",
    [
        "uniform",
        {"kind": "step", "normalize": "none"},
        {"kind": "linear", "pos_weight": 3.0},
        {"kind": "permuted", "of": "exp"},
        {"kind": "reverse", "of": "linear"},
        {"kind": "shuffled_labels", "of": "exp"},
    ],
)
def test_every_kind_of_loss(loss: object, table: Path, alike: Alike) -> None:
    for pair in both([config(table, loss=loss, window=6)]):
        alike(*pair)


def test_every_split(division: dict[str, Any], tmp_path: Path, alike: Alike) -> None:
    path = tmp_path / "t.csv"
    made([8, 30, 9, 14, 22, 8, 17, 25, 11, 20]).to_csv(path, index=False)
    for pair in both([config(path, data=division, loss="exp", window=5)]):
        alike(*pair)


@pytest.mark.parametrize("policies", [{}, {"missing": "mask"}, {"missing": "mask", "gaps": "split"}])
@pytest.mark.parametrize("task", ["detect", "forecast"])
def test_mended_tables(policies: dict[str, Any], task: str, broken: Path, alike: Alike) -> None:
    policies = {"missing": "interpolate", "constant": "drop"} | policies
    for pair in both([config(broken, data=policies, task=task, window={"length": 7, "stride": 3}, loss="exp")]):
        alike(*pair)


@pytest.mark.parametrize("kernel", ["auto", "off"])
def test_a_stack_of_members_with_other_numbers_of_windows(
    kernel: str, table: Path, monkeypatch: pytest.MonkeyPatch, alike: Alike
) -> None:
    if kernel == "off":
        monkeypatch.setenv("SEQANOM_KERNEL", kernel)
    for frame in ("sequence", "window"):
        losses = [("exp", 0), ("uniform", 0), ("exp", 1)]
        for pair in both([config(table, seed=seed, frame=frame, loss=loss, window=6) for loss, seed in losses]):
            alike(*pair)


def test_a_matched_rate_agrees_to_rounding(table: Path) -> None:
    ((flat, padded),) = both([config(table, loss={"kind": "rate_matched", "of": "exp"}, window=6)])
    assert flat.environment["learning_rate"] == pytest.approx(padded.environment["learning_rate"], rel=1e-12)
    torch.testing.assert_close(flat.detector.weights, padded.detector.weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policies", [{}, {"missing": "mask", "gaps": "split"}])
@pytest.mark.parametrize("window", [None, 6])
def test_a_detector_scores_alike(policies: dict[str, str], window: int | None, table: Path, broken: Path) -> None:
    with held(flat=False):
        of = broken if policies else table
        found = train(config(of, data=policies, window=window, task="forecast"))
    frame = pd.read_parquet(of)
    with held(flat=True):
        one = found.detector.score(frame)
    with held(flat=False):
        other = found.detector.score(frame)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@settings(max_examples=10, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 25), min_size=8, max_size=14),
    window=st.integers(2, 30),
    stride=st.integers(1, 30),
    task=st.sampled_from(["forecast", "detect"]),
    frame=st.sampled_from(["sequence", "window"]),
    batch=st.integers(1, 9),
)
def test_any_lengths_and_windows(
    lengths: list[int],
    window: int,
    stride: int,
    task: str,
    frame: str,
    batch: int,
    tmp_path_factory: pytest.TempPathFactory,
    alike: Alike,
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    made([25, *lengths]).to_csv(path, index=False)
    how = {"window": {"length": window, "stride": min(stride, window)}, "train": {"epochs": 2, "batch_size": batch}}
    outcomes: list[Any] = []
    for flat in (True, False):
        with held(flat=flat):
            try:
                outcomes.append(train(config(path, task=task, frame=frame, loss="exp", **how)))
            except (DataError, RunError) as error:
                outcomes.append(str(error))
    if isinstance(outcomes[0], RunResult):
        alike(*outcomes)
    else:
        assert outcomes[0] == outcomes[1]


def test_whole_sequences_that_do_not_fit_padded_are_refused(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(flat=True):
        monkeypatch.setattr(laid, "PADDED", 5000)
        with pytest.raises(RunError, match=r"t: 1\d sequences padded to the .* are over 0 GB; train with --window"):
            train(config(table))
        train(config(table, window=6))
