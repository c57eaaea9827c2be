"""No number in a table comes from a threshold, a scale or an epoch that saw test labels; the oracle says so itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqanomaly.datasets.source import Parts, Source
from seqanomaly.metrics.scores import USES
from seqanomaly.metrics.thresholds import ORACLE, RULES
from seqanomaly.run import run_stack
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult

CPU = torch.device("cpu")


class Relabelled(Source):
    """A source whose test labels are drawn at random; everything else is as it was."""

    def __init__(self, source: Source) -> None:
        self.source, self.official_test, self.digest = source, source.official_test, source.digest
        self.shape, self.known = source.shape, source.known

    def parts(self, seed: int) -> Parts:
        parts = self.source.parts(seed)
        classes = len(parts.test.classes)
        label = np.random.default_rng(1).integers(0, classes, parts.test.label.shape) * parts.test.mask
        return replace(parts, test=replace(parts.test, label=label))

    def best_accuracy(self, test: Any, receptive_field: int | None) -> None:
        """Not of interest here."""


def both(task: str, threshold: str | None) -> tuple[RunResult, RunResult]:
    """The same run with its own test labels and with others."""
    settings: dict[str, Any] = {
        "task": task,
        "data": {"kind": "onset", "hazard": 0.1, "length": 10, "train": 40, "test": 30},
        "model": {"kind": "gru", "hidden": 4},
        "train": {"epochs": 2, "batch_size": 8},
        "threshold": threshold,
    }
    config = RunConfig(**settings)
    source = config.data.open()
    found = [run_stack([config], given, CPU, scores=True)[0] for given in (source, Relabelled(source))]
    assert isinstance(found[0], RunResult)
    assert isinstance(found[1], RunResult)
    return found[0], found[1]


CASES = [(task, rule) for task in ("detect", "forecast") for rule in (None, *RULES)]
CASES.remove(("forecast", "probability"))


@pytest.mark.parametrize(("task", "rule"), [*CASES, ("classify", None)])
def test_test_labels_decide_nothing(task: str, rule: str | None) -> None:
    own, other = both(task, rule)
    assert own.scores is not None
    assert other.scores is not None
    assert own.scores["label"].tolist() != other.scores["label"].tolist()
    np.testing.assert_array_equal(own.scores["score"], other.scores["score"])
    assert torch.equal(own.detector.weights, other.detector.weights)
    np.testing.assert_array_equal(own.metrics["validation"].isna(), other.metrics["validation"].isna())
    same = own.detector.calibration == other.detector.calibration
    assert same == (own.scores["decision"].tolist() == other.scores["decision"].tolist())
    decided = own.metrics["metric"].map(USES) == "decision"
    if rule == "oracle":
        assert not same, "the oracle looked at nothing"
        assert (own.metrics["note"].str.contains(ORACLE, regex=False) == decided).all()
        assert ORACLE in own.environment["notes"]
    else:
        assert same, f"threshold {rule} of {task} changed with the test labels"
        assert not own.metrics["note"].str.contains("oracle").any()
