"""Masked steps take no part: what stands in them changes no weight, loss, gradient, scaler, threshold or metric."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly import train
from seqanomaly.datasets.opened import Loaded, Opened
from seqanomaly.datasets.scale import Scaler, carried
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.detector import Detector
from seqanomaly.errors import DataError
from seqanomaly.preparation import prepare
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult
from seqanomaly.tasks import TASKS

STEPS, COUNT = 12, 20
TASK_NAMES = ("detect", "classify", "forecast")


def table(path: Path, seed: int, *, gone: bool = True) -> str:
    """Series in which a fifth of the steps lack `a`; `seed` decides on what their `b` is."""
    fixed, free = np.random.default_rng(0), np.random.default_rng([seed, 1])
    x, label = fixed.standard_normal((COUNT, STEPS, 2)), fixed.integers(0, 2, (COUNT, STEPS))
    lost = fixed.random((COUNT, STEPS)) < 0.2
    x[..., 0] += label
    x[lost, 1] = 100 * free.standard_normal(lost.sum())
    if gone:
        x[lost, 0] = np.nan
    series, step = np.divmod(np.arange(COUNT * STEPS), STEPS)
    frame = pd.DataFrame({"series": series, "step": step, "label": label.ravel(), "a": x[..., 0].ravel()})
    frame.assign(b=x[..., 1].ravel()).to_csv(path, index=False)
    return str(path)


def trained(path: str, task: str, **settings: Any) -> RunResult:
    data = {"path": path, "missing": "mask"}
    return train({"data": data, "task": task, "train": {"epochs": 3, "batch_size": 4}, **settings})


@pytest.mark.parametrize("task", TASK_NAMES)
@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"kind": "gru", "hidden": 3}, "loss": "exp"},
        {"model": {"kind": "tcn", "channels": 2, "layers": 2}, "window": 5, "frame": "window", "loss": "linear"},
        {"model": "random"},
    ],
    ids=["sequences", "windows", "untrained"],
)
def test_a_run_does_not_see_them(tmp_path: Path, task: str, settings: dict[str, Any]) -> None:
    one, other = (trained(table(tmp_path / f"{seed}.csv", seed), task, **settings) for seed in (1, 2))
    assert one.digest != other.digest, "the files differ"
    assert one.detector.weights.tolist() == other.detector.weights.tolist()
    assert one.detector.scaler == other.detector.scaler
    assert one.detector.calibration == other.detector.calibration
    for name in ("metrics", "curve", "history", "onset", "reliability"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert one.environment["weights"] == other.environment["weights"]
    plain = train(
        {
            "data": {"path": table(tmp_path / "whole.csv", 1, gone=False)},
            "task": task,
            "train": {"epochs": 3, "batch_size": 4},
            **settings,
        }
    )
    some = one.metrics.query("metric == 'accuracy'")["n"].to_numpy()
    assert (some < plain.metrics.query("metric == 'accuracy'")["n"].to_numpy()).all(), "they count nowhere"


@pytest.mark.parametrize("task", TASK_NAMES)
@given(seed=st.integers(0, 2**32), share=st.floats(0.0, 0.8), windows=st.sampled_from([None, (4, 2)]))
@example_settings(max_examples=20)
def test_nothing_of_them_is_prepared(task: str, seed: int, share: float, windows: tuple[int, int] | None) -> None:
    """Batches, scaler and the weights of losses are the same bits whatever stands in masked steps."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(3, STEPS, 12).tolist()
    valid = [generator.random(length) >= share for length in lengths]
    for one in valid:
        one[:3] = True
    x: list[NDArray[np.floating]] = [generator.standard_normal((length, 2)) for length in lengths]
    label = [generator.integers(0, 2, length) * (np.arange(length) > 1) for length in lengths]
    noisy: list[NDArray[np.floating]] = [
        np.where(steps[:, None], values, 1e6 * generator.random(values.shape)).astype(np.float64)
        for steps, values in zip(valid, x, strict=True)
    ]
    made = []
    for values in (x, noisy):
        sequences = Sequences.of(values, label, valid=valid)
        source = Opened(Loaded(known=sequences), "made", digest="", test_share=0.3, few="")
        made.append(prepare(source, TASKS[task], 0, "made", cut=windows))
    one, other = made
    assert one.scaler == other.scaler
    for part in ("train", "validation", "test"):
        batches = [getattr(found, part) for found in (one, other)]
        for key in ("x", "target", "mask", "counter"):
            values, others = (getattr(batch, key) for batch in batches)
            assert torch.equal(values, others), (part, key)
        learned = getattr(one.parts, part)
        assert not batches[0].mask.numpy()[~learned.mask].any()


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=3))
def test_masked_steps_have_what_was_before(known: list[list[bool]]) -> None:
    x = np.arange(1.0, 1 + 5 * len(known)).reshape(-1, 5, 1).astype(np.float32)
    found = carried(x, np.array(known), np.ones((len(known), 5), np.bool_))
    for row, steps in enumerate(known):
        last = 0.0
        for step, there in enumerate(steps):
            last = float(x[row, step, 0]) if there else last
            assert found[row, step, 0] == last


def test_the_scaler_leaves_them_out() -> None:
    s = Sequences.of([np.array([[1.0], [99.0], [3.0]])], [0], valid=[np.array([True, False, True])])
    scaler = Scaler.fit(s)
    assert scaler == Scaler((2.0,), (1.0,))
    assert scaler.apply(s).x.ravel().tolist() == [-1.0, -1.0, 1.0]


def test_forecasts_begin_after_the_first_step_that_takes_part() -> None:
    valid = [np.array([False, True, False, True, True])]
    s = Sequences.of([np.arange(5.0)[:, None]], [0], valid=valid)
    assert TASKS["forecast"].scored(s).tolist() == [[False, False, False, True, True]]
    assert TASKS["detect"].scored(s).tolist() == [[False, True, False, True, True]]


def test_places_in_the_sequence_stay(tmp_path: Path) -> None:
    """A masked step keeps its number: the steps after it are not moved up."""
    result = trained(table(tmp_path / "a.csv", 1), "detect", model={"kind": "gru", "hidden": 3})
    assert result.curve["step"].tolist() == list(range(STEPS))
    assert (result.curve["n"] < 6).any()
    s = Sequences.of([np.zeros((4, 1))], [0], valid=[np.array([True, False, True, True])])
    assert TASKS["detect"].learning(s).counter.tolist() == [[0, 1, 2, 3]]
    assert s.cut(np.array([1]), np.array([4])).mask.tolist() == [[False, True, True]]
    assert s.take(np.array([0, 0])).mask.sum() == 6


POLICIES = ("drop", "ffill", "interpolate", "mask")


@pytest.mark.parametrize("missing", POLICIES)
def test_score_treats_new_data_likewise(tmp_path: Path, missing: str) -> None:
    path = table(tmp_path / "a.csv", 1)
    result = train({"data": {"path": path, "missing": missing}, "train": {"epochs": 1}}, tmp_path / "out")
    folder = tmp_path / "out" / "runs" / result.digest[:2] / result.digest
    detector = Detector.load(folder)
    assert dict(detector.policies) == {"missing": missing}
    frame = pd.read_csv(path)
    lost = frame["a"].isna()
    scored = detector.score(frame)
    unscored = scored["score"].isna()
    if missing in ("drop", "mask"):
        assert unscored.tolist() == lost.tolist()
    else:
        leading = lost & (lost.groupby(frame["series"]).cumprod() == 1)
        assert unscored.tolist() == leading.tolist()
    assert scored["decision"].isna().tolist() == unscored.tolist()
    if missing == "drop":
        alone = detector.score(frame[~lost])
        assert alone["score"].tolist() == scored["score"][~lost].tolist()
    before = replace(detector, policies={})
    whole = frame.fillna(0.0)
    pd.testing.assert_frame_equal(before.score(whole), detector.score(whole))


def test_score_cuts_at_gaps_and_leaves_the_grid_alone(tmp_path: Path) -> None:
    frame = pd.read_csv(table(tmp_path / "a.csv", 1, gone=False))
    frame["step"] += 9 * (frame["step"] > 5)
    data = {"path": table(tmp_path / "b.csv", 1, gone=False), "gaps": "split"}
    result = train({"data": data, "train": {"epochs": 1}})
    assert dict(result.detector.policies) == {"gaps": "split"}
    scored = result.detector.score(frame)
    pieces = frame.assign(series=2 * frame["series"] + (frame["step"] > 5))
    assert scored["score"].tolist() == replace(result.detector, policies={}).score(pieces)["score"].tolist()
    gridded = replace(result.detector, policies={"irregular": "ffill"})
    with pytest.raises(DataError) as error:
        gridded.score(frame, "new.csv")
    assert str(error.value) == (
        "new.csv: the detector learned from series on an even grid (irregular: ffill), and scores belong to the steps "
        "that are given; put them on such a grid first, and train without irregular"
    )


def test_a_detector_without_policies_is_written_as_before(tmp_path: Path) -> None:
    result = train({"data": {"path": table(tmp_path / "a.csv", 1, gone=False)}, "train": {"epochs": 1}})
    result.detector.save(tmp_path)
    assert "policies" not in (tmp_path / "detector.json").read_text()
    assert RunConfig(data={"path": "a.csv"}).settings()["data"].keys().isdisjoint({"missing", "gaps"})  # type: ignore[arg-type]
