"""How far apart steps are, where timestamps order them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.sampling import sampling_notes


def frame(freq: str, steps: int = 10) -> pd.DataFrame:
    time = pd.date_range("2024-03-01", periods=steps, freq=freq)
    one = pd.DataFrame({"series": np.repeat(["a", "b", "c"], steps), "step": np.tile(time, 3)})
    return one.assign(x=np.arange(3.0 * steps), label=np.tile([0, 1], 3 * steps // 2))


@pytest.mark.parametrize(("freq", "said"), [("5min", "5 min"), ("36h", "1 d 12 h"), ("500ms", "0.5 s")])
def test_the_usual_distance(freq: str, said: str) -> None:
    shuffled = frame(freq).sample(frac=1, random_state=0)
    assert sampling_notes(shuffled, Layout(), "doc") == [f"a step is every {said} (median)"]


def test_a_gap_is_said() -> None:
    gap = frame("1h")
    gap.loc[gap["series"].eq("b") & (gap["step"] > "2024-03-01 04:30"), "step"] += pd.Timedelta("2h")
    assert sampling_notes(gap, Layout(), "doc") == [
        "a step is every 1 h (median)",
        "uneven distances in time: 1 step (b 1), the longest 3 h in b: steps count as equally far apart",
    ]


@pytest.mark.parametrize("step", [list(range(5)), ["0", "1", "2", "3", "4"], [0.5, 1, 2, 3, 4]])
def test_numbers_are_no_times(step: list[object]) -> None:
    assert sampling_notes(pd.DataFrame({"series": "a", "step": step}), Layout(), "doc") == []


def test_a_table_says_it(tmp_path: Path) -> None:
    frame("5min").to_csv(tmp_path / "mine.csv", index=False)
    assert FileData(path=str(tmp_path / "mine.csv")).open().notes[0] == "a step is every 5 min (median)"
