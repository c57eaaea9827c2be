"""The GPU benchmark: what can be checked without a GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from seqanomaly.training.graphs import VARIABLE

SCRIPT = "experiments/speed/gpu.py"
CPU = torch.device("cpu")


@pytest.fixture
def gpu(load_script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv(VARIABLE, "")  # which the script sets; this puts back what it was
    return load_script(SCRIPT)


@pytest.fixture
def small(gpu: Any) -> Any:
    return gpu.Shape(members=2, hidden=4, batch=5, steps=12, features=3, train=12, validation=7, epochs=4)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_all_arms_train_the_same_detectors(kind: str, gpu: Any, small: Any) -> None:
    rows = [work() for work in gpu.arms(kind, small, gpu.members_of(small), CPU).values()]
    assert len(rows) == 3
    for other in rows[1:]:
        for found, expected in zip(other, rows[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_the_shape_is_that_of_the_target(gpu: Any) -> None:
    shape = gpu.Shape()
    assert (shape.members, shape.hidden, shape.steps, shape.batch, shape.updates) == (64, 32, 100, 64, 100)


def test_arms_take_turns_and_are_timed_from_idle_to_idle(gpu: Any, small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = [0.0], []
    takes = {gpu.PEER: 30.0, "stack, CUDA graphs": 1.0, "stack, no graphs": 10.0}

    def arms(kind: str, shape: Any, members: Any, device: torch.device) -> dict[str, Callable[[], list[Any]]]:
        def work(arm: str) -> list[Any]:
            done.append((arm, shape.epochs))
            clock[0] += takes[arm]
            return []

        return {arm: lambda arm=arm: work(arm) for arm in takes}  # type: ignore[misc]

    monkeypatch.setattr(gpu, "arms", arms)
    monkeypatch.setattr(gpu, "REPEATS", 3)
    monkeypatch.setattr(gpu.time, "perf_counter", lambda: clock[0])
    waited: list[int] = []
    rows = gpu.measured("gru", small, CPU, "a card", lambda: waited.append(len(done)))
    assert done == [(arm, 1) for arm in takes] + 3 * [(arm, 4) for arm in takes]
    assert waited == [number for n in range(3, 12) for number in (n, n + 1)]
    found = [dict(zip((*gpu.COLUMNS, *gpu.TIMES), row, strict=True)) for row in rows]
    assert [(row["arm"], row["median_seconds"], row["times_as_fast"]) for row in found] == [
        (gpu.PEER, "30.0000", "1.00"),
        ("stack, CUDA graphs", "1.0000", "30.00"),
        ("stack, no graphs", "10.0000", "3.00"),
    ]
    assert {(row["device"], row["members"], row["updates"]) for row in found} == {("a card", "2", "12")}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_ends_with_one_sentence() -> None:
    script = Path(__file__).parents[1] / SCRIPT
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "no CUDA device was found, so nothing was measured; run this where torch.cuda.is_available() is True\n"
    )
    assert not script.with_name("gpu.csv").exists()
