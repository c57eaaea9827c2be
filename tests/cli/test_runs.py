"""`seqanom runs`: what has been trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.store import Store

Run = Callable[..., Any]
DRIFT = (
    "--data",
    "{kind: drift, length: 9, train: 20, test: 10}",
    "--model",
    "{kind: gru, hidden: 4}",
    "--epochs",
    "1",
)
DIVERGING = ("--task", "forecast", "--lr", "1e38", "--optimizer", "sgd")


@pytest.fixture
def digests(seqanom: Run) -> list[str]:
    """Two finished runs and a failed one, in the default folder."""
    assert seqanom("train", *DRIFT).code == 0
    assert (
        seqanom("train", *DRIFT, "--loss", "exp", "--seed", 2, "--buckets", "{early: [0%, 9%], none: [9, 10]}").code
        == 0
    )
    assert seqanom("train", *DRIFT, *DIVERGING).code == 1
    return Store(Path("results/train")).digests()


def test_the_list(seqanom: Run, digests: list[str]) -> None:
    done = seqanom("runs")
    assert (done.code, done.err) == (0, "")
    title, head, *lines = [line.rstrip() for line in done.out.splitlines()]
    assert title == "Finished runs in results/train: 2"
    assert head.split()[:6] == ["run", "data", "model", "loss", "task", "seed"]
    assert set(head.split()[6:]) == {"early", "mid", "late", "none"}
    assert [line.split()[0] for line in lines[:2]] == [digest[:8] for digest in digests]
    for line in lines[:2]:
        _, data, model, loss, task, seed, *shares = line.split()
        assert (data, model, task) == ("drift(length=9,train=20,test=10)", "gru(hidden=4)", "detect")
        assert (loss, seed) in {("uniform", "0"), ("exp", "2")}
        assert shares.count("-") == (1 if loss == "uniform" else 3)
    ((_, record),) = Store(Path("results/train")).failures()
    assert lines[2:] == [f"failed: {record['reason']}", f"  repeat: {record['command']}"]


def test_json(seqanom: Run, digests: list[str]) -> None:
    done = seqanom("runs", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert [row["digest"] for row in found["runs"]] == digests
    exp = next(row for row in found["runs"] if row["loss"] == "exp")
    assert exp["seed"] == 2
    assert exp["accuracy"]["none"] is None
    assert 0 <= exp["accuracy"]["early"] <= 1
    assert Path(exp["folder"], "config.yaml").is_file()
    (failed,) = found["failures"]
    assert failed["reason"].startswith(
        "gru(hidden=4) on drift(length=9,train=20,test=10) with uniform, seed 0: training"
    )
    assert failed["command"].startswith("seqanom train --task forecast ")


def test_an_empty_folder_of_runs(seqanom: Run) -> None:
    Path("results/mine/runs").mkdir(parents=True)
    done = seqanom("runs", "results/mine")
    assert done.out.splitlines()[0].rstrip() == "Finished runs in results/mine: 0"
    assert json.loads(seqanom("runs", "results/mine", "--json").out) == {"runs": [], "failures": []}


def test_a_folder_that_is_none(complaint: Callable[..., str]) -> None:
    for folder in (".", "nowhere"):
        assert complaint("runs", folder) == (
            f"{folder}: is not a folder of runs (it has no folder 'runs' in it); name the --out of a command"
        )


def test_a_damaged_run_is_left_out_and_named(seqanom: Run, digests: list[str]) -> None:
    path = Store(Path("results/train")).folder(digests[0]) / "metrics.csv"
    path.write_bytes(b"")
    done = seqanom("runs")
    assert done.code == 0
    assert done.err == f"Left out: {path}: missing or damaged (No columns to parse from file)\n"
    assert digests[0][:8] not in done.out
    assert f"\n{digests[1][:8]} " in done.out
