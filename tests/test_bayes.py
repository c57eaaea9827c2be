"""No detector beats the Bayes rule on the same test sequences, and one that is shown labels early is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts, Source
from seqanomaly.datasets.synthetic import SYNTHETIC, Synthetic
from seqanomaly.metrics.bayes import Excess, excess_over
from seqanomaly.run import run_stack
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult

FOLDER = Path(__file__).parents[1] / "experiments" / "bayes"
TEST, LENGTH = 3000, 8
SETTINGS: dict[str, dict[str, Any]] = {"evidence": {"mu": 0.5}, "drift": {}, "onset": {"hazard": 0.1}, "ar": {}}
each_task = pytest.mark.parametrize("kind", SETTINGS)


class ShownEarly(Source):
    """A data set with the label of the next step among the features, as a misaligned table would have it."""

    def __init__(self, source: Source) -> None:
        self.source, self.shape = source, source.shape
        self.official_test, self.digest = source.official_test, source.digest

    def parts(self, seed: int) -> Parts:
        return Parts(**{name: self.with_label(part) for name, part in vars(self.source.parts(seed)).items()})

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> NDArray[np.float64] | None:
        return None

    @staticmethod
    def with_label(part: Sequences) -> Sequences:
        following = np.roll(part.label, -1, axis=1)
        following[:, -1] = 0
        x = np.concatenate([part.x, following[..., None].astype(np.float32)], axis=2)
        return replace(part, x=x, features=(*part.features, "next"))


def excess(kind: str, *, leak: bool) -> Excess:
    """What a small gru has over the Bayes rule."""
    settings: dict[str, Any] = {
        "data": {"kind": kind, "length": LENGTH, "train": 1200, "test": TEST, **SETTINGS[kind]},
        "model": {"kind": "gru", "hidden": 8},
        "train": {"epochs": 8, "batch_size": 32, "lr": 0.02},
    }
    config = RunConfig(**settings)
    assert isinstance(config.data, Synthetic)
    source = config.data.open()
    (result,) = run_stack([config], ShownEarly(source) if leak else source, torch.device("cpu"), scores=True)
    assert isinstance(result, RunResult)
    assert result.scores is not None
    test = source.parts(config.seed).test
    assert result.scores["label"].to_numpy().reshape(TEST, LENGTH).tolist() == test.label.tolist()
    decision = result.scores["decision"].to_numpy().reshape(TEST, LENGTH)
    return excess_over(decision, (config.data.posterior(test.x) >= 0.5).astype(np.int64), test.label)


def test_every_task_has_its_gate() -> None:
    assert set(SETTINGS) == set(SYNTHETIC)


@each_task
def test_a_detector_comes_near_the_bayes_rule_and_does_not_beat_it(kind: str) -> None:
    found = excess(kind, leak=False)
    assert found.difference > -0.02
    assert found.steps["difference"].min() > -0.06
    assert found.p > 0.01


@each_task
def test_a_detector_that_is_shown_labels_early_is_found_out(kind: str) -> None:
    found = excess(kind, leak=True)
    assert found.p < 1e-6
    assert found.difference > 0.02


# the committed results, and a part of them again


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("experiments/bayes/bayes.py")


def check(detectors: pd.DataFrame) -> None:
    """The gates: near enough, over all steps and late, and no significant excess among that many detectors."""
    assert detectors[["difference", "late_difference"]].min().min() > -0.02
    assert detectors["p"].min() * len(detectors) > 0.05


def check_forecast(forecasters: pd.DataFrame) -> None:
    assert forecasters["ratio"].max() < 1.02
    assert forecasters["p"].min() * len(forecasters) > 0.05
    assert (forecasters["auroc_signed"] - forecasters["auroc_innovation"]).abs().max() < 0.01
    assert (forecasters["auroc_absolute"] < forecasters["auroc_signed"] - 0.1).all()


def test_the_committed_results_pass_the_gates(script: ModuleType) -> None:
    detectors, steps, forecasters = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("bayes", "steps", "forecast"))
    assert len(detectors) == len(SETTINGS) * len(script.MODELS) * len(script.SEEDS)
    assert len(forecasters) == len(script.MODELS) * len(script.SEEDS)
    check(detectors)
    check_forecast(forecasters)
    of_runs = steps.groupby(["dataset", "model", "seed"], sort=False)
    assert of_runs.size().unique().tolist() == [script.SIZES["length"]]
    assert of_runs["difference"].mean().tolist() == pytest.approx(detectors["difference"].tolist(), abs=1e-6)
    assert of_runs["difference"].max().tolist() == pytest.approx(detectors["best_step"].tolist(), abs=1e-6)
    assert of_runs["p_adjusted"].min().tolist() == pytest.approx(detectors["smallest_p_step"].tolist(), abs=1e-6)
    assert (FOLDER / "bayes.md").read_text(encoding="utf-8") == script.page(detectors, steps, forecasters)


@pytest.mark.slow
@each_task
def test_every_model_passes_the_gates_with_a_new_seed(kind: str, script: ModuleType) -> None:
    runs = [script.detected(*run)[0] for run in script.trained(script.experiment("detect", kind, [200]))]
    assert len(runs) == 4
    check(pd.DataFrame(runs))


@pytest.mark.slow
def test_every_forecaster_passes_the_gates_with_a_new_seed(script: ModuleType) -> None:
    runs = [script.forecast(*run) for run in script.trained(script.experiment("forecast", "ar", [200]))]
    assert len(runs) == 4
    check_forecast(pd.DataFrame(runs))
