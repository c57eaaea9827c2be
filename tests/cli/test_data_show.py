"""`seqanom data show`: what it says about data sets, and its picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

Run = Callable[..., Any]
Complaint = Callable[..., str]
COLUMNS = ("--series", "unit", "--step", "cycle", "--label", "fault")


def test_episodes(seqanom: Run) -> None:
    done = seqanom("data", "show", "episodes")
    assert (done.code, done.err) == (0, "")
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert lines[:5] == [
        "episodes, seed 0; the test part is given",
        "part        sequences  steps  shortest  median  longest  anomalous  sequences with any",
        "train              96  7,680        80      80       80      50.0%                  48",
        "validation         24  1,920        80      80       80      50.0%                  12",
        "test               84  6,720        80      80       80      50.0%                  42",
    ]
    assert "12 channels: range in the training part and in the test part" in lines
    assert "Missing values: none. Times: even, each step after the one before." in lines
    assert "1            3,840         960  3,360  50.0%        102" in lines
    assert "90-100%   50.0%  50.0%  50.0%  ██████████" in lines
    assert lines[-2] == (
        "Step index alone: 'anomalous from step 0 on', fitted to the training part, has a balanced accuracy of 50.0% "
        "on the rest (95% interval from 50.0%)."
    )
    assert "Warning" not in done.out


def test_where_the_step_alone_is_enough(seqanom: Run) -> None:
    done = seqanom("data", "show", "cmapss", "--seed", 1)
    assert (done.code, done.err) == (0, "")
    assert "\n7 of 24 features" not in done.out
    assert "- 7 of 24 features never change in the training part (setting_3, sensor_1, " in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[0] for line in lines if line[-1:] == ["constant"]] == [
        "setting_3",
        *(f"sensor_{i}" for i in (1, 5, 10, 16, 18, 19)),
    ]
    (warning,) = [line for line in done.out.splitlines() if line.startswith("Warning: ")]
    assert warning.startswith("Warning: the step index alone predicts the label: 'anomalous from step 1")
    assert warning.endswith("hold every detector against the model position.")


def test_json(seqanom: Run) -> None:
    done = seqanom("data", "show", "tep", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert set(found) == {
        "data",
        "seed",
        "test_part",
        "notes",
        "parts",
        "channels",
        "classes",
        "tenths",
        "missing_values",
        "gaps",
        "duplicates",
        "backward",
        "irregular",
        "place_alone",
        "warnings",
    }
    assert (found["data"], found["seed"], found["test_part"], found["missing_values"]) == ("tep", 0, "given", 0)
    assert [found[kind] for kind in ("gaps", "duplicates", "backward", "irregular")] == [0, 0, 0, 0]
    assert [part["steps"] for part in found["parts"]] == [8382, 2160, 5275]
    assert len(found["channels"]) == 53
    assert [(one["place"], one["clear"]) for one in found["place_alone"]] == [("step", True), ("position", True)]
    assert len(found["tenths"]) == 10
    assert len(found["warnings"]) == 1


def test_a_users_table(seqanom: Run, machines: pd.DataFrame, tmp_path: Path) -> None:
    machines.assign(cycle=pd.Timestamp("2024-01-01") + machines["cycle"] * pd.Timedelta("10min")).to_csv(
        tmp_path / "mine.csv", index=False
    )
    done = seqanom("data", "show", "mine.csv", *COLUMNS, "--features", "heat")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("- a step is every 10 min (median)\nmine(label=fault,features=[heat]), seed 0; the")
    assert "\n1 channel: range" in done.out
    assert "the test part is drawn by the seed\n" in done.out
    other = seqanom("data", "show", "mine.csv", *COLUMNS, "--normal", "1")
    classes = other.out[other.out.index("Classes") :].splitlines()
    assert [line.split()[0] for line in classes[2:4]] == ["1", "0"]


def test_one_class_and_few_sequences(seqanom: Run, tmp_path: Path) -> None:
    (tmp_path / "001_UCR_Anomaly_one_20_30_33.txt").write_text("\n".join(str(i % 7) for i in range(60)))
    done = seqanom("data", "show", "001_UCR_Anomaly_one_20_30_33.txt")
    assert (done.code, done.err) == (0, "")
    tail = done.out[done.out.index("Step index alone") :]
    assert tail.splitlines() == [
        "Step index alone: not asked, as the training part or the rest has one class only.",
        "Warning: every training step has the label '0': only forecast can learn from it.",
        "Warning: 1 of 1 test sequences has an anomalous step: what is said about anomalies hangs on few sequences.",
        "Warning: test sequences are much longer than training ones (median 40 and 16 steps): counters and late steps "
        "do not mean the same in both.",
    ]


def test_the_picture(seqanom: Run, tmp_path: Path) -> None:
    done = seqanom("data", "show", "{kind: robot, label: class}", "--json", "--picture", "robot.png")
    assert (done.code, done.err) == (0, "Picture: robot.png\n")
    assert json.loads(done.out)["data"] == "robot(label=class)"
    height, width, _ = imread(tmp_path / "robot.png").shape
    assert (height > 700, width > 1200) == (True, True)
    assert [path.name for path in tmp_path.iterdir()] == ["robot.png"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("robot.pdf", "--picture: unknown ending of robot.pdf; use .png"),
        ("no/robot.png", "--picture: cannot write no/robot.png (No such file or directory)"),
    ],
)
def test_a_picture_that_cannot_be_written(seqanom: Run, path: str, text: str) -> None:
    done = seqanom("data", "show", "robot", "--picture", path)
    assert (done.code, done.err) == (2, f"Error: {text}\n")


def test_what_is_irregular_is_counted(seqanom: Run, machines: pd.DataFrame, tmp_path: Path) -> None:
    late = machines.assign(cycle=machines["cycle"] + 9 * ((machines["unit"] == 3) & (machines["cycle"] > 20)))
    late.loc[late["cycle"] == 7, "heat"] = np.nan
    late.to_csv(tmp_path / "late.csv", index=False)
    done = seqanom("data", "show", "{path: late.csv, missing: ffill}", *COLUMNS)
    assert (done.code, done.err) == (0, "")
    lines = [line.rstrip() for line in done.out.splitlines()]
    assert "Missing values: 24; gaps in time: 1; uneven distances in time: 1." in lines
    assert (
        "- gaps in time: 1 (3 1), the longest 10 step numbers in 3 before step 21: kept, so sequences and windows go "
        "on across them (gaps: split cuts there)"
    ) in lines
    assert any(line.startswith("- missing values: 24 steps (") for line in lines)
    done = seqanom("data", "show", "{path: late.csv, missing: fill}", *COLUMNS)
    assert (done.code, done.out) == (2, "")
    assert "data.missing: unknown policy 'fill'; did you mean 'ffill'?" in done.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "x.pkl",
            "is a pickle, which could run any code when read, so it is not read; save the values as .npy or .csv",
        ),
        ("x.zip", "is an archive; unpack it and name the file or folder"),
    ],
)
def test_what_is_not_read(complaint: Complaint, name: str, text: str) -> None:
    Path("data").mkdir()
    (Path("data") / name).write_bytes(b"PK")
    assert complaint("data", "show", f"data/{name}") == f"data/{name}: {text}"
    assert complaint("data", "show", "data") == f"data: holds no data that is recognised: {name} {text}"
