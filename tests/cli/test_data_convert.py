"""`seqanom data convert`: what it writes and says, and that `train` reads it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]
Complaint = Callable[..., str]
QUICK = ("--model", "position", "--json")


def test_episodes_are_the_same_again(seqanom: Run) -> None:
    done = seqanom("data", "convert", "episodes", "out.parquet")
    assert (done.code, done.out) == (0, "out.parquet\n")
    assert done.err == (
        "16,320 steps of 204 series; the column part says which train and which test.\n"
        "Read it with --data '{path: out.parquet, part: part}'\n"
    )
    frame = pd.read_parquet("out.parquet")
    assert list(frame.columns[:5]) == ["series", "step", "label", "part", "a_feed"]
    option = shlex.split(done.err.splitlines()[-1].removeprefix("Read it with "))
    first, second = (
        json.loads(seqanom("train", *data, "--model", "{kind: gru, hidden: 2}", "--epochs", 1, "--json").out)
        for data in (("--data", "episodes"), option)
    )
    assert first["metrics"] == second["metrics"]


def test_what_the_seed_draws(seqanom: Run) -> None:
    done = seqanom("data", "convert", "robot", "out.csv")
    assert done.err == ("1,320 steps of 88 series; the seed draws the test part.\nRead it with --data out.csv\n")
    assert list(pd.read_csv("out.csv").columns[:4]) == ["series", "step", "label", "fx"]
    first, second = (
        json.loads(seqanom("train", "--data", data, "--seed", 3, *QUICK).out) for data in ("robot", "out.csv")
    )
    assert first["metrics"] == second["metrics"]
    seqanom("data", "convert", "robot", "seed.csv", "--seed", 3)
    assert set(pd.read_csv("seed.csv")["part"]) == {"train", "validation", "test"}
    third = json.loads(seqanom("train", "--data", "{path: seed.csv, part: part}", "--seed", 8, *QUICK).out)
    values = [[row["value"] for row in found["metrics"]] for found in (first, third)]
    assert values[0] == values[1]


def test_what_csv_cannot_keep_is_said(seqanom: Run) -> None:
    done = seqanom("data", "convert", "{kind: tep, label: fault}", "out.csv")
    assert done.err.splitlines()[-1] == "Note: read again, the CSV file gives other classes; .parquet keeps them."
    assert "Note" not in seqanom("data", "convert", "{kind: tep, label: fault}", "out.parquet").err
    pd.DataFrame(
        {"series": [f"00{i // 2}" for i in range(8)], "step": [0, 1] * 4, "label": [0, 1] * 4, "x": 0.5}
    ).to_parquet("numbered.parquet")
    done = seqanom("data", "convert", "numbered.parquet", "out.csv")
    assert done.err.splitlines()[-1] == (
        "Note: read again, the CSV file gives other names of series; .parquet keeps them."
    )


def test_a_column_of_ones_own(seqanom: Run, machines: pd.DataFrame, tmp_path: Path) -> None:
    machines.to_csv(tmp_path / "mine.csv", index=False)
    columns = ("--series", "unit", "--step", "cycle", "--label", "fault", "--normal", "1", "--features", "heat")
    done = seqanom("data", "convert", "mine.csv", "out.parquet", *columns)
    assert done.err.splitlines()[-1] == """Read it with --data '{path: out.parquet, normal: '"'"'1'"'"'}'"""
    assert list(pd.read_parquet("out.parquet").columns) == ["series", "step", "label", "heat"]


@pytest.mark.parametrize(
    ("data", "out", "text"),
    [
        ("robot", "out.xlsx", "OUT: unknown ending of out.xlsx; use .parquet or .csv"),
        ("robot", "no/out.csv", "OUT: cannot write no/out.csv (No such file or directory)"),
        ("no/out.csv", "no/out.parquet", "no/out.csv: there is no such file"),
        ("./mine.csv", "mine.csv", "OUT: mine.csv is the data to convert; name another file"),
    ],
)
def test_mistakes(complaint: Complaint, tmp_path: Path, data: str, out: str, text: str) -> None:
    rows = ["series,step,label,x", *(f"{i // 2},{i % 2},{i % 2},{i}" for i in range(8))]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    assert complaint("data", "convert", data, out) == text
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
