"""The benchmarks of what is not training measure what they say they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seqanomaly.kernel.library import usable


@pytest.fixture(scope="module")
def parts(load_script: Callable[[str], ModuleType]) -> Any:
    return load_script("experiments/speed/parts.py")


@pytest.fixture(scope="module")
def wait(load_script: Callable[[str], ModuleType]) -> Any:
    return load_script("experiments/speed/wait.py")


@pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
def test_the_parts_of_a_run_are_told_apart(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_imports", lambda what: 1.5 if "seqanom" in what else 1.0)
    monkeypatch.setattr(parts, "FEW", 2)
    clock = parts.clocked(monkeypatch.setattr)
    for _ in range(2):  # what was before is forgotten
        seconds = parts.profile(clock, [("other", parts.long_run(4, 0.05))])
        assert set(seconds) == set(parts.PARTS)
        assert (seconds["torch"], seconds["import"]) == (1.0, 0.5)
        assert seconds["report"] == 0
        measured = {part for part, taken in seconds.items() if taken > 0}
        assert measured >= {"data", "updates", "outputs", "gathering", "training loop", "metrics", "writing"}
        assert min(seconds.values()) >= 0
    assert sum(count for _, count in clock.gathered.values()) % (320 + 80) == 0  # training and validation sequences


def test_the_runners_share_is_all_but_forward_backward_and_step(parts: Any) -> None:
    took = {"torch": 1.0, "import": 0.5, "updates": 5.0, "outputs": 1.0, "training loop": 2.5}
    seconds = dict.fromkeys(parts.PARTS, 0.0) | took
    *_, whole, runner, with_torch = parts.markdown({"a run": seconds}).splitlines()
    assert whole.endswith("| 10.0 | 100.0 |")
    assert runner.endswith("| 3.0 | 30.0 |")
    assert with_torch.endswith("| 4.0 | 40.0 |")


def test_arms_are_compared_in_the_same_turn(wait: Any) -> None:
    base = iter([1.0, 5.0, 2.0])  # how loaded the machine is
    now: list[float] = []

    def arm(more: float) -> Callable[[], Any]:
        def run() -> Any:
            if len(now) % 2 == 0:
                now.append(next(base))
            else:
                now.append(now[-1])
            return wait.Spent(now[-1] + more, now[-1] + 2 * more, 100 + more)

        return run

    rows = list(wait.in_turn("display", {"none": arm(0.0), "bar": arm(0.25)}, 3, against="none"))
    assert [row[1] for row in rows[:2]] == ["none", "bar"]
    assert rows[0][2:] == [3, "2.00", "2.00", "100"]
    assert rows[2][1] == "bar, more than none (half of the turns: +0.50 to +0.50 s of cpu)"
    assert rows[2][2:] == [3, "+0.25", "+0.50", "+0"]


@pytest.mark.slow
def test_a_command_runs_with_every_display(wait: Any, tmp_path: Path) -> None:
    arguments = ["train", "--data", "{kind: drift, train: 20, test: 10}", "--epochs", "2"]
    rows = list(wait.displayed(tmp_path, "run", arguments, 2))
    assert [row[1].split(",")[1].strip() for row in rows[:3]] == ["no display", "plain lines", "on a terminal"]
    assert len(rows) == 5
    assert all(float(row[4]) > 0 for row in rows[:3])
    assert len(list(tmp_path.iterdir())) == 6
