"""`seqanom data`: the group, its list, and what all of its commands say about a mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqanomaly.datasets.specs import DATASETS

Run = Callable[..., Any]
Complaint = Callable[..., str]


def test_list(seqanom: Run) -> None:
    done = seqanom("data", "list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "Ships with seqanom"
    assert "episodes                          204       80        12" in lines
    assert "cmapss                            200   31-362        24" in lines
    assert "  licence: CC BY 4.0" in lines
    assert "  drift: A linear boundary that turns by 90 degrees in the course of the sequence." in lines
    assert lines[lines.index("ucr: the UCR anomaly archive") + 2] == "  seqanom data show UCR_Anomaly"


def test_list_as_json(seqanom: Run) -> None:
    done = seqanom("data", "list", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert set(found) == {"ships", "drawn", "families"}
    assert found["ships"][0] == {
        "name": "episodes",
        "about": "chemical plant runs, half with a fault from their first step; official test part",
        "sequences": 204,
        "steps": [80, 80],
        "channels": 12,
        "labels": "fault or not, balanced at every step; {kind: episodes, label: fault}: which of 6 faults",
        "licence": "Apache-2.0",
    }
    assert [family["kind"] for family in found["families"]][-1] == "file"
    assert {task["name"] for task in found["drawn"]} == {"drift", "evidence", "onset", "ar"}


def test_without_a_command_the_help(seqanom: Run) -> None:
    done = seqanom("data")
    assert done.code == 2
    for command in ("list", "show", "convert", "split"):
        assert command in done.out


@pytest.mark.parametrize("command", [("show",), ("split",), ("convert", "out.parquet")], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("data", "flags", "text"),
    [
        (
            "episodess",
            (),
            "data: unknown data set 'episodess'; did you mean 'episodes'? (known: " + ", ".join(DATASETS) + ")",
        ),
        ("no.csv", (), "no.csv: there is no such file"),
        ("", (), "DATA is one data set, got 0 in ''; look at one after the other"),
        ("episodes,robot", (), "DATA is one data set, got 2 in 'episodes,robot'; look at one after the other"),
        (
            "episodes",
            ("--series", "unit"),
            "data: --series does not apply to the data set 'episodes', whose columns are known; leave it out (it has "
            "the settings label)",
        ),
        (
            "odd.csv",
            (),
            "odd.csv: there is no column 'series'; say which one it is with series (--series), or read the file as "
            "one series with {path: odd.csv, series: null, step: null}; known: pump, cycle, heat, load, fault",
        ),
        (
            "mine.csv",
            ("--series", "unit", "--step", "cycle", "--label", "fault", "--features", "heat,laod"),
            "mine.csv: there is no column 'laod'; it is needed as a feature; did you mean 'load'? (known: unit, cycle, "
            "heat, load, fault)",
        ),
    ],
)
def test_mistakes(
    complaint: Complaint,
    machines: pd.DataFrame,
    tmp_path: Path,
    command: tuple[str, ...],
    data: str,
    flags: tuple[str, ...],
    text: str,
) -> None:
    machines.to_csv(tmp_path / "mine.csv", index=False)
    machines.rename(columns={"unit": "pump"}).to_csv(tmp_path / "odd.csv", index=False)
    name, *rest = command
    assert complaint("data", name, data, *rest, *flags) == text
    assert {path.name for path in tmp_path.iterdir()} == {"mine.csv", "odd.csv"}


def test_a_name_that_is_there_is_a_path(seqanom: Run, machines: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "plant").mkdir()
    for unit, run in machines.groupby("unit"):
        run.drop(columns="unit").to_csv(tmp_path / "plant" / f"{unit}.csv", index=False)
    done = seqanom("data", "show", "plant", "--label", "fault", "--step", "cycle")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("- plant is read as a folder of tables, one sequence in each (kind: folder)\n")
