"""`seqanom check`: what an experiment would do, quickly and without doing it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats
from seqanom.check import FEW_SEEDS, STARTING, duration

from seqanomaly.experiment import EVALUATION
from seqanomaly.power import PILOT
from seqanomaly.run import train

Run = Callable[..., Any]
DATA = {"kind": "drift", "length": 8, "train": 20, "test": 20}
MINE = """\
name: mine
question: Does it help?
data: {kind: drift, length: 8, train: 20, test: 20}
model: {kind: rnn, hidden: [2, 3]}
loss: [exp, step]
train: {epochs: 100, lr: [0.1, 0.01]}
seeds: 5
stack: 8
"""
PILOT_TELLS = "trains a pilot that tells how many seeds are needed, and counts as done."
FEW = "5 seeds cannot make a difference significant with 2 losses beside the baseline; 7 seeds can."


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(MINE)
    return Path("mine.yaml")


def test_runs_stacks_and_time(seqanom: Run, mine: Path, tmp_path: Path) -> None:
    done = seqanom("check", mine, "--workers", 2)
    assert (done.code, done.err) == (0, "")
    *lines, last, note, power = done.out.splitlines()
    assert lines == [
        "mine: Does it help?",
        "60 runs = 1 data set x 2 models x 3 losses x 5 seeds x 2 lr",
        "0 are done in results/mine, 60 are left.",
        "Stacks (members trained together): 4 of 8, 4 of 7.",
    ]
    assert re.fullmatch(r"About \d+ s on 2 cores, as a rough guide\.", last)
    assert note == f"Note: {FEW}"
    assert power == f"Power: `seqanom compare mine.yaml --seeds 5` {PILOT_TELLS}"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_what_is_done_is_known(seqanom: Run, mine: Path) -> None:
    config = {"data": DATA, "model": {"kind": "rnn", "hidden": 2}, "loss": "exp", "train": {"epochs": 100, "lr": 0.1}}
    train(config, "results/mine", device="cpu")
    assert "1 are done in results/mine, 59 are left.\n" in seqanom("check", mine).out
    assert "0 are done in elsewhere, 60 are left.\n" in seqanom("check", mine, "--out", "elsewhere").out


def test_json(seqanom: Run, mine: Path) -> None:
    done = seqanom("check", mine, "--json", "--workers", 1)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    half = json.loads(seqanom("check", mine, "--json", "--workers", 2).out)
    seconds = found.pop("seconds")
    assert found == {
        "name": "mine",
        "runs": 60,
        "done": 0,
        "stacks": [{"members": 7, "count": 4}, {"members": 8, "count": 4}],
        "warnings": [FEW],
        "power": [],
        "pilot": "seqanom compare mine.yaml --seeds 5",
    }
    assert seconds > STARTING
    assert half["seconds"] - STARTING == pytest.approx((seconds - STARTING) / 2, abs=0.1)


def test_one_of_each_is_said_in_the_singular(seqanom: Run, tmp_path: Path) -> None:
    text = MINE.replace("[2, 3]", "2").replace("[exp, step]", "uniform").replace("[0.1, 0.01]", "0.1")
    (tmp_path / "mine.yaml").write_text(text.replace("seeds: 5", "seeds: 1"))
    out = seqanom("check", "mine.yaml", "--workers", 1).out
    assert "\n1 run = 1 data set x 1 model x 1 loss x 1 seed\n" in out
    assert " on 1 core, as a rough guide.\n" in out


def test_enough_seeds_need_no_note(seqanom: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("seeds: 5", "seeds: 7"))
    assert json.loads(seqanom("check", "mine.yaml", "--json").out)["warnings"] == []
    assert "Note:" not in seqanom("check", "mine.yaml").out


@pytest.mark.parametrize("loss", ["{kind: step, threshold: 8}", "{kind: reverse, of: {kind: step, threshold: 8}}"])
def test_a_threshold_that_no_sequence_reaches(complaint: Callable[..., str], tmp_path: Path, loss: str) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("step]", f"{loss}]"))
    said = complaint("check", "mine.yaml")
    assert said.startswith("loss: ")
    assert said.endswith(
        "gives no training step a weight above 0: the longest of drift(length=8,train=20,test=20) has 8 steps, so "
        "counters go from 0 to 7; choose a smaller threshold"
    )


def test_the_experiment_that_ships(seqanom: Run) -> None:
    done = seqanom("check")
    assert done.code == 0
    assert "\n200 runs = 2 data sets x 2 models x 5 losses x 10 seeds\n" in done.out
    assert "0 are done in results/default, 200 are left." in done.out


def test_an_experiment_without_a_question(seqanom: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("question: Does it help?\n", ""))
    assert seqanom("check", "mine.yaml").out.startswith("mine\n60 runs")


def test_torch_is_not_needed(mine: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from seqanom import console; from seqanom.main import app; code = console.run(app, ['check', "
        "'mine.yaml']); print(code, [name for name in ('torch', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_loss_that_no_window_would_feel(complaint: Callable[..., str], mine: Path, tmp_path: Path) -> None:
    step = MINE.replace("loss: [exp, step]", "loss: [{kind: step, threshold: 5}]")
    (tmp_path / "mine.yaml").write_text(step + "window: 4\nframe: window\n")
    assert complaint("check", mine) == (
        "loss: step(threshold=5) gives no training step a weight above 0: the longest of "
        "drift(length=8,train=20,test=20) has 8 steps and counters of the window go from 0 to 3; choose a smaller "
        "threshold"
    )


@pytest.mark.parametrize("frame", ["sequence", "since_onset", "until_event"])
def test_a_loss_that_some_steps_may_feel(seqanom: Run, mine: Path, tmp_path: Path, frame: str) -> None:
    step = MINE.replace("loss: [exp, step]", "loss: [{kind: step, threshold: 5}]")
    (tmp_path / "mine.yaml").write_text(step + f"window: 4\nframe: {frame}\n")
    assert seqanom("check", mine).code == 0


# power from a pilot


SMALL = """\
name: small
data: {kind: drift, length: 8, train: 20, test: 200}
model: {kind: rnn, hidden: 2}
loss: [uniform, exp]
train: {epochs: 2}
seeds: 12
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL)
    return Path("small.yaml")


def test_the_pilot_that_it_names_gives_the_plan(seqanom: Run, small: Path) -> None:
    before = json.loads(seqanom("check", small, "--json").out)
    assert (before["power"], before["pilot"]) == ([], "seqanom compare small.yaml --seeds 5")
    assert seqanom(*shlex.split(before["pilot"])[1:], "--engine", "serial", "--device", "cpu").code == 0
    after = json.loads(seqanom("check", small, "--json").out)
    (plan,) = after["power"]
    assert (after["done"], after["pilot"]) == (10, None)
    assert (plan["dataset"], plan["model"]) == ("drift(length=8,train=20,test=200)", "rnn(hidden=2)")
    assert (plan["loss"], plan["n_pairs"], plan["seeds"]) == ("exp", 5, 12)
    assert (plan["bucket"], plan["metric"], plan["margin"]) == ("late", "accuracy", 0.01)
    table = pd.read_csv("results/small/comparison.csv").query("bucket == 'late' and metric == 'accuracy'")
    exp = table.set_index("loss").loc["exp"]
    spread = (exp["difference_high"] - exp["difference"]) * 5**0.5 / stats.t.ppf(0.975, 4)
    assert plan["sd"] == pytest.approx(spread, rel=1e-6)
    last = seqanom("check", small).out.splitlines()[-1]
    assert re.fullmatch(
        r"Power: rnn\(hidden=2\) on drift\(length=8,train=20,test=200\): with 12 seeds, late differences in accuracy "
        r"would be seen with 80% power from [\d.]+ points on; [\d,]+ seeds would show 1 point "
        r"\(from 5 stored pairs\)\.",
        last,
    )


def test_stored_runs_are_read_without_torch(seqanom: Run, small: Path, tmp_path: Path) -> None:
    assert seqanom("compare", small, "--seeds", 3, "--engine", "serial", "--device", "cpu").code == 0
    code = (
        "import sys; from seqanom import console; from seqanom.main import app; code = console.run(app, ['check', "
        "'small.yaml']); print(code, [name for name in ('torch', 'matplotlib', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "(from 3 stored pairs)" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 []"


def test_too_few_stored_pairs_still_ask_for_a_pilot(seqanom: Run, small: Path) -> None:
    assert seqanom("compare", small, "--seeds", 2, "--engine", "serial", "--device", "cpu").code == 0
    found = json.loads(seqanom("check", small, "--json").out)
    assert found["power"][0]["n_pairs"] == 2
    assert (found["power"][0]["sd"], found["power"][0]["loss"]) == (None, None)
    assert seqanom("check", small).out.splitlines()[-1] == (
        f"Power: `seqanom compare small.yaml --seeds 5` {PILOT_TELLS}"
    )


@pytest.mark.parametrize(
    ("change", "options", "pilot"),
    [
        (("seeds: 12", "seeds: [7, 9, 4, 3, 2, 8]"), (), "seqanom compare small.yaml --seeds 7,9,4,3,2"),
        (("seeds: 12", "seeds: 4"), (), "seqanom compare small.yaml --seeds 4"),
        (("seeds: 12", "seeds: 2"), (), None),  # no pilot within two seeds
        (("[uniform, exp]", "uniform"), (), None),  # nothing to compare
        (("", ""), ("--out", "my runs"), "seqanom compare small.yaml --seeds 5 --out 'my runs'"),
    ],
)
def test_the_pilot(
    seqanom: Run, tmp_path: Path, change: tuple[str, str], options: tuple[str, ...], pilot: str | None
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL.replace(*change))
    assert json.loads(seqanom("check", "small.yaml", *options, "--json").out)["pilot"] == pilot
    assert ("Power:" in seqanom("check", "small.yaml", *options).out) == (pilot is not None)


def test_the_pilot_of_the_experiment_that_ships_goes_into_its_folder(seqanom: Run) -> None:
    assert json.loads(seqanom("check", "--json").out)["pilot"] == "seqanom compare --seeds 5 --out results/default"


def test_a_pilot_has_the_pairs_that_planning_needs() -> None:
    assert FEW_SEEDS == PILOT


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h"), (90_000, "25.0 h")],
)
def test_a_duration_has_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_models_with_one_loss_are_counted_apart(seqanom: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE + "controls: true\n")
    done = seqanom("check", "mine.yaml")
    assert done.code == 0
    assert (
        "\n180 runs = 1 data set x 2 models x 8 losses x 5 seeds x 2 lr + 1 data set x 4 models x 1 loss x 5 seeds\n"
        in done.out
    )
    assert done.err.startswith("Note: no loss is raw (normalize: none), so rate_matched is not added: ")
    assert done.err.count("\n") == 1
    assert json.loads(seqanom("check", "mine.yaml", "--json").out)["runs"] == 180


def test_a_model_that_is_not_trained_takes_no_time(seqanom: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE.replace("{kind: rnn, hidden: [2, 3]}", "[random, position]"))
    done = seqanom("check", "mine.yaml")
    assert "\n10 runs = 1 data set x 2 models x 1 loss x 5 seeds\n" in done.out
    assert json.loads(seqanom("check", "mine.yaml", "--json", "--workers", 1).out)["seconds"] == pytest.approx(
        STARTING + 10 * EVALUATION
    )


def test_a_raw_loss_brings_its_matched_rate_and_no_note(seqanom: Run, tmp_path: Path) -> None:
    raw = MINE.replace("[exp, step]", "[{kind: exp, normalize: none}, step]")
    (tmp_path / "mine.yaml").write_text(raw + "controls: true\n")
    done = seqanom("check", "mine.yaml")
    assert (done.code, done.err) == (0, "")
    assert " x 2 models x 9 losses x 5 seeds x 2 lr + " in done.out
