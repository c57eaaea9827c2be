"""`seqanom report`: tables and figures again from what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.ranking import HIGHER_IS_BETTER
from seqanomaly.store import Store

Run = Callable[..., Any]
Complaint = Callable[..., str]
FLAGS = ("--data", "{kind: drift, length: 8, train: 20, test: 20}", "--model", "{kind: rnn, hidden: 2}")
COMPARE = ("compare", *FLAGS, "--loss", "exp", "--train", "{epochs: 1}", "--seeds", "2", "--engine", "serial")


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def test_the_same_again_without_training(seqanom: Run) -> None:
    compared = seqanom(*COMPARE, "--out", "out")
    before = contents("out")
    for name in before.keys() - {"experiment.yaml", "data.json"}:
        Path("out", name).unlink()
    reported = seqanom("report", "out")
    assert reported == (0, compared.out, "")
    assert contents("out") == before


HELPED = """
import sys
from seqanomaly.engines import helpers
helpers.usable_cores = lambda: 2
began, begin = [], helpers._Copies
helpers._Copies = lambda *arguments: began.append(arguments) or begin(*arguments)
from seqanom import console, main
console.leave = lambda code: sys.exit(code or not began)
main.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a report has no helpers")
def test_helpers_change_no_byte(seqanom: Run) -> None:
    compared = seqanom(*COMPARE, "--model", "{kind: rnn, hidden: 3}", "--out", "out")
    before = contents("out")
    for name in before.keys() - {"experiment.yaml", "data.json"}:
        Path("out", name).unlink()
    helped = subprocess.run(
        [sys.executable, "-c", HELPED, "report", "out"], capture_output=True, check=False, encoding="utf-8"
    )
    assert (helped.returncode, helped.stderr) == (0, "")
    assert helped.stdout == compared.out
    assert contents("out") == before


def test_what_is_missing_stays_missing(seqanom: Run) -> None:
    seqanom(*COMPARE, "--out", "out")
    store = Store(Path("out"))
    folder = store.folder(store.digests()[0])
    folder.rename("elsewhere")
    done = seqanom("report", "out", "--metric", "auroc", "--early-cost", 1.5, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert any("1 of 2 runs missing" in row["note"] for row in found["comparison"])
    assert "of the losses that lose at most 1.5 points early, " in found["findings"][1]
    assert not folder.exists()
    for path in Path("out/runs").rglob("*"):
        if path.is_file():
            path.unlink()
    for digest in store.digests():
        store.folder(digest).rmdir()
    nothing = seqanom("report", "out")
    assert (nothing.code, nothing.err) == (0, "")
    assert "nothing can be said late (2 of 2 runs missing; too few pairs)" in nothing.out
    assert nothing.out.endswith("Written: out/comparison.csv, out/effects.csv, out/comparison.md\n")


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_a_folder_without_an_experiment(complaint: Complaint, folder: str) -> None:
    assert complaint("report", folder) == (
        f"{folder}: holds no experiment (experiment.yaml is missing); name the --out of a compare"
    )


def test_a_metric_that_does_not_exist(seqanom: Run, complaint: Complaint) -> None:
    seqanom(*COMPARE, "--out", "out")
    assert complaint("report", "out", "--metric", "auc") == (
        f"metric: nothing is ranked by 'auc'; did you mean 'auroc'? (known: {', '.join(sorted(HIGHER_IS_BETTER))})"
    )


@pytest.mark.parametrize("command", ["report", "compare"])
@pytest.mark.parametrize("cost", ["-1", "101", "nan", "inf"])
def test_a_cost_that_nothing_can_keep(complaint: Complaint, command: str, cost: str) -> None:
    said = complaint(command, *["."] * (command == "report"), "--early-cost", cost)
    assert said == f"--early-cost: must be a number of points from 0 to 100, got {cost}"


def test_an_experiment_that_was_edited(complaint: Complaint, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("name: a\ndata: drift\nloss: exq\n")
    (tmp_path / "data.json").write_text("{}")
    said = complaint("report", ".")
    assert said.startswith(
        ".: experiment.yaml or data.json is damaged or of another version (loss: unknown loss 'exq'; did "
    )
    assert said.endswith("; run compare again")


def test_a_damaged_run_is_named(seqanom: Run, complaint: Complaint) -> None:
    seqanom(*COMPARE, "--out", "out")
    store = Store(Path("out"))
    folder = store.folder(store.digests()[0])
    (folder / "metrics.csv").unlink()
    said = complaint("report", "out")
    assert said.startswith(f"{folder}: is damaged (")
    assert said.endswith("; delete it and start the comparison again")
