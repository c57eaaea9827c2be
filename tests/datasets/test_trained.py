"""Every family of files goes through the whole line: a detector is trained, tested and named."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.datasets.family import Family
from seqanomaly.datasets.specs import DATASETS
from seqanomaly.run import train

Samples = Mapping[str, Callable[[Path], None]]
LEARNED: dict[str, tuple[str, dict[str, Any]]] = {
    "skab": ("detect", {}),
    "nab": ("forecast", {}),
    "ucr": ("forecast", {}),
    "smd": ("forecast", {}),
    "smap": ("forecast", {"spacecraft": "SMAP"}),
    "braatz": ("classify", {"label": "fault"}),
    "tsb_ad": ("forecast", {}),
    "tsb_uad": ("forecast", {}),
    "ts": ("detect", {}),
    "aeon": ("forecast", {}),
    "numpy": ("detect", {}),
    "folder": ("detect", {}),
}


SHIPPED: list[dict[str, Any]] = [
    {"kind": "cmapss"},
    {"kind": "tep", "label": "fault"},
    {"kind": "robot", "subset": "lp4", "label": "class"},
]


@pytest.mark.parametrize("kind", LEARNED)
def test_a_detector_is_trained(samples: Samples, tmp_path: Path, kind: str) -> None:
    samples[kind](tmp_path / "here")
    task, settings = LEARNED[kind]
    path = next((tmp_path / "here").glob("*.npz"), tmp_path / "here")
    result = train({"task": task, "data": {"path": str(path), **settings}, "train": {"epochs": 1}})
    assert result.config.data.name.startswith(f"{kind}(path={path.name}")
    accuracy = result.metrics.query("metric == 'accuracy'").set_index("bucket")["value"]
    assert accuracy.between(0, 1).all()
    assert list(accuracy.index) == ["early", "mid", "late"]


@pytest.mark.parametrize("data", SHIPPED, ids=lambda data: data["kind"])
def test_a_detector_is_trained_on_what_ships(data: dict[str, Any]) -> None:
    task = "classify" if data.get("label") in ("fault", "class") else "detect"
    result = train({"task": task, "data": data, "model": {"kind": "rnn", "hidden": 2}, "train": {"epochs": 1}})
    accuracy = result.metrics.query("metric == 'accuracy'")["value"]
    assert accuracy.between(0, 1).all()
    assert len(accuracy) == 3


def test_a_detector_is_trained_on_declared_samples(declared: Mapping[str, Any], tmp_path: Path) -> None:
    for kind, sample in declared.items():
        if sample.needs is None or importlib.util.find_spec(sample.needs) is not None:
            sample.write(tmp_path / kind)
            data = sample.opened_with(tmp_path / kind)
            result = train({"task": sample.task, "data": data, "train": {"epochs": 1}})
            assert result.metrics.query("metric == 'accuracy'")["value"].between(0, 1).all(), kind


def test_all_families_are_trained(samples: Samples, declared: Mapping[str, Any]) -> None:
    families = {kind for kind, data in DATASETS.items() if issubclass(data, Family)}
    shipped = {data["kind"] for data in SHIPPED}
    assert families == {*LEARNED, *declared} | shipped
    assert set(LEARNED) == set(samples)
