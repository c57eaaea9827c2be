"""`seqanom compare`: what it shows and keeps, how flags and files go together, and every mistake of a newcomer."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from seqanom import console
from seqanom.compare import so_far

from seqanomaly.experiment import Experiment
from seqanomaly.metrics.scores import METRICS
from seqanomaly.metrics.whole import WHOLE_METRICS
from seqanomaly.models.specs import MODELS
from seqanomaly.ranking import HIGHER_IS_BETTER
from seqanomaly.store import Store
from seqanomaly.sweep import Progress, load_experiment

Run = Callable[..., Any]
Complaint = Callable[..., str]
TINY = """\
name: tiny
question: Does it help?
data: {kind: drift, length: 8, train: 20, test: 20, features: 2}
model: {kind: rnn, hidden: 2}
loss: [exp, step]
train: {epochs: 1}
seeds: 2
"""
NAME = "drift(length=8,train=20,test=20,features=2)"
SERIAL = ("--engine", "serial", "--device", "cpu")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return Path("tiny.yaml")


def runs_in(folder: str) -> dict[str, int]:
    """When each run was written."""
    store = Store(Path(folder))
    return {digest: store.folder(digest).stat().st_mtime_ns for digest in store.digests()}


def test_a_comparison_and_again(seqanom: Run, tiny: Path) -> None:
    done = seqanom("compare", tiny, *SERIAL)
    assert done.code == 0
    assert done.err == "tiny: 0 of 6 runs done, 6 in training\ntiny: 6 of 6 runs done\n"
    lines = done.out.splitlines()
    assert lines[0] == f"rnn(hidden=2) on {NAME}"
    assert lines[1].split() == ["loss", "early", "late", "early", "change", "late", "change", "ESS"]
    assert [line.split()[0] for line in lines[2:5]] == ["uniform", "exp", "step"]
    assert lines[2].split()[-1] == "8.0"
    assert lines[5].startswith("early: best possible 85.")
    assert ", majority " in lines[5]
    assert lines[5].endswith("too few pairs: exp, step")
    assert lines[7].startswith(f"- rnn(hidden=2) on {NAME}: ")
    assert ": with 2 seeds, late differences in accuracy would be seen with 80% power from " in lines[8]
    assert lines[10] == (
        "Accuracy in points (%) ± half the 95% interval over 2 seeds; changes are paired differences from uniform, "
        "* p < 0.05 after Holm over the losses."
    )
    names = ["comparison.csv", "effects.csv", "weights.csv", "comparison.md"]
    figures = ("curves", "tradeoff", "reliability", "recall")
    names += [f"{name}.{form}" for name in figures for form in ("png", "svg")]
    assert lines[11] == "Written: " + ", ".join(f"results/tiny/{name}" for name in names)
    assert len(lines) == 12
    kept = sorted([*names, "runs", "experiment.yaml", "data.json"])
    assert sorted(path.name for path in Path("results/tiny").iterdir()) == kept
    before, table = runs_in("results/tiny"), Path("results/tiny/comparison.csv").read_bytes()
    again = seqanom("compare", tiny, *SERIAL)
    assert (again.code, again.out) == (0, done.out)
    assert again.err == "tiny: 6 of 6 runs done (6 before)\n"
    assert runs_in("results/tiny") == before
    assert Path("results/tiny/comparison.csv").read_bytes() == table


def test_json(seqanom: Run, tiny: Path) -> None:
    done = seqanom("compare", tiny, *SERIAL, "--json", "--early-cost", 2, "--save-scores", "--out", "here")
    assert done.code == 0
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert list(found) == ["comparison", "findings", "files"]
    table = pd.read_csv("here/comparison.csv")
    assert [list(row) for row in found["comparison"]] == [list(table.columns)] * len(table)
    assert len(table) == 3 * (3 * len(METRICS) + len(WHOLE_METRICS))
    for row, expected in zip(found["comparison"], table.to_dict("records"), strict=True):
        mean = expected["mean"]
        assert row["mean"] == (pytest.approx(mean) if mean == mean else None)
        assert row["loss"] == expected["loss"]
    assert found["comparison"][0]["difference"] is None
    assert "of the losses that lose at most 2 points early, " in found["findings"][1]
    assert all(Path(path).is_file() for path in found["files"])
    assert len(list(Path("here").glob("runs/*/*/scores.parquet"))) == 6


def test_flags_override_the_file(seqanom: Run, tiny: Path) -> None:
    flags = ("--loss", "linear", "--loss", "'exp', {kind: step, threshold: 3}", "--seeds", "5,7", "--baseline", "exp")
    more = ("--model", "{kind: [rnn], hidden: [2, 3]}", "--train", "{epochs: 1, lr: [0.1, 0.01]}", "--task", "detect")
    done = seqanom("compare", tiny, *flags, *more, *SERIAL, "--metric", "auroc")
    expected: dict[str, Any] = {
        "name": "tiny",
        "question": "Does it help?",
        "data": {"kind": "drift", "length": 8, "train": 20, "test": 20, "features": 2},
        "model": {"kind": "rnn", "hidden": [2, 3]},
        "loss": ["linear", "exp", {"kind": "step", "threshold": 3}],
        "train": {"epochs": 1, "lr": [0.1, 0.01]},
        "seeds": [5, 7],
        "baseline": "exp",
        "metric": "auroc",
    }
    assert done.code == 0
    assert load_experiment(Path("results/tiny/experiment.yaml")) == Experiment(**expected)
    assert f"rnn(hidden=3) on {NAME}, lr=0.01\n" in done.out
    assert "changes are paired differences from exp" in done.out
    assert "\nAUROC in points (%)" in done.out
    assert "early: prevalence " in done.out
    assert "majority" not in done.out
    assert "lr" in pd.read_csv("results/tiny/comparison.csv").columns


def test_flags_without_a_file(seqanom: Run) -> None:
    data = "{kind: drift, length: 8, train: 20, test: 20}"
    settings = ("--data", data, "--model", "{kind: rnn, hidden: 2}", "--loss", "exp", "--train", "{epochs: 1}")
    done = seqanom("compare", *settings, "--seeds", 1, *SERIAL)
    assert done.code == 0
    found = load_experiment(Path("results/compare/experiment.yaml"))
    assert (found.name, found.question, found.seeds) == ("compare", "", (0,))
    assert [loss.name for loss in found.loss] == ["uniform", "exp"]
    assert "nothing can be said late (one run, so no interval" in done.out
    assert "half the 95% interval over 1 seed; changes are" in done.out


def test_a_run_that_fails_fails_alone_and_can_be_repeated(seqanom: Run, tiny: Path) -> None:
    train = "{epochs: 2, optimizer: sgd, lr: [0.01, 1e38]}"
    done = seqanom("compare", tiny, *SERIAL, "--train", train, "--seeds", 1, "--loss", "uniform", "--out", "my runs")
    assert done.code == 1
    assert "tiny: 1 of 2 runs done, 1 failed\n" in done.err
    assert f"rnn(hidden=2) on {NAME}, lr=1e+38" in done.out
    assert "1 of 1 runs missing" in done.out
    ((digest, record),) = Store(Path("my runs")).failures()
    assert done.err.splitlines()[-1] == (
        f"Failed: {record['reason']} (my runs/failures/{digest[:2]}/{digest}.json has the command that repeats it)"
    )
    assert record["reason"].startswith(f"rnn(hidden=2) on {NAME} with uniform, seed 0: training diverged in epoch")
    program, *arguments = shlex.split(record["command"])
    assert program == "seqanom"
    assert seqanom(*arguments) == (1, "", f"Error: {record['reason']}\n")
    assert list(Store(Path("my runs")).failures()) == [(digest, record)]


def test_a_run_that_hangs_is_given_up(seqanom: Run, tiny: Path) -> None:
    long = ("--train", "{epochs: 100000}", "--seeds", 1, "--loss", "uniform")
    done = seqanom("compare", tiny, *long, "--workers", 1, "--run-timeout", 0.5)
    assert done.code == 1
    ((digest, record),) = Store(Path("results/tiny")).failures()
    assert record["reason"] == "took longer than 0.5 s"
    assert done.err.splitlines()[-1] == (
        f"Failed: took longer than 0.5 s (results/tiny/failures/{digest[:2]}/{digest}.json has the command that "
        "repeats it)"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("los: exp", "unknown key 'los'; did you mean 'loss'? (known: name, question, task, data, model, loss, train, "
         "seeds, baseline, buckets, threshold, window, frame, choose, metric, stack, controls)"),
        ("loss: [linaer, exp]", "loss: unknown loss 'linaer'; did you mean 'linear'? (known: "),
        ("loss: {kind: exp, rte: 0.2}", "loss: unknown key 'rte'; did you mean 'rate'? (known: "),
        ("model: {kind: gru, hidden: big}", "model.hidden: must be an integer, got 'big'"),
        ("train: {epochs: 2.5}", "train.epochs: must be an integer, got 2.5"),
        ("seeds: ten", "seeds: must be a count of at least 1 or a list of seeds, got 'ten'"),
        ("buckets: {early: [0%, 130%]}", "buckets.early.1: must be a step number or a share such as '50%', got '130%'"),
        ("buckets: {early: [50%, 20%]}", "buckets.early: starts at 50% and ends at 20%; the end comes after the start"),
        ("task: detct", "task.0: must be 'detect', 'classify' or 'forecast', got 'detct'"),
        ("name: my runs", "name: must be letters, digits, dots, dashes and underscores, as it names a folder, got "
         "'my runs'"),
        ("7: x", "keys are text, got 7"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["compare", "check"])
def test_a_mistake_in_a_file(complaint: str, text: str, command: str, seqanom: Run, tmp_path: Path) -> None:
    key = text.partition(":")[0]
    kept = [line for line in TINY.splitlines() if not line.startswith(f"{key}:")]
    (tmp_path / "mine.yaml").write_text("\n".join([*kept, text]))
    done = seqanom(command, "mine.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: mine.yaml: {complaint}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TINY + "loss: exp\n", "mine.yaml, line 8, column 1: not valid YAML: duplicate key 'loss'"),
        (TINY + "train: {epochs: 3", "mine.yaml, line 8, column 18: not valid YAML: expected ',' or '}'"),
        ("name: [a", "mine.yaml, line 1, column 9: not valid YAML: expected ',' or ']'"),
        ("", "mine.yaml: must hold a mapping (key: value), found nothing"),
        ("- a\n- b\n", "mine.yaml: must hold a mapping (key: value), found a list"),
        ("loss: exp\ndata: drift\n", "mine.yaml: the key 'name' is missing"),
        (TINY.replace("data: {kind: drift, length: 8, train: 20, test: 20, features: 2}", "data: none.csv"),
         "none.csv: there is no such file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_experiment(text: str, said: str, complaint: Complaint, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert complaint("compare", "mine.yaml") == said
    assert complaint("check", "mine.yaml") == said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--metric", "acuracy"), "metric: nothing is ranked by 'acuracy'; did you mean 'accuracy'? (known: "
         f"{', '.join(sorted(HIGHER_IS_BETTER))})"),
        (("--metric", "point_adjusted_f1"), "metric: nothing is ranked by 'point_adjusted_f1' (point adjustment "
         f"flatters random scores, so nothing is ranked by it); known: {', '.join(sorted(HIGHER_IS_BETTER))}"),
        (("--engine", "loca"), "--engine: unknown engine 'loca'; known: local, serial"),
        (("--run-timeout", "-1"), "--run-timeout: must be greater than 0 seconds, got -1"),
        (("--run-timeout", "nan"), "--run-timeout: must be greater than 0 seconds, got nan"),
        (("--workers", "0"), "Invalid value for '--workers': must be greater than or equal to 1, got '0'. "
         "Try 'seqanom compare --help'."),
        (("--loss", "{kind: exp"), "--loss, line 1, column 12: not valid YAML: expected ',' or '}'"),
        (("--seeds", " "), "seeds: must name each seed once and at least one, got []"),
        (("--model", "gruu"), f"model: unknown model 'gruu'; did you mean 'gru'? (known: {', '.join(MODELS)})"),
        (("--train", "{epocs: 5}"), "train: unknown key 'epocs'; did you mean 'epochs'? (known: epochs, batch_size, "
         "lr, optimizer, momentum, weight_decay, clip, patience, truncate, group_by_length, precision)"),
        (("--data", "none.csv"), "none.csv: there is no such file"),
        (("--device", "gpu9"), "device: unknown device 'gpu9'; known: auto, cpu, cuda, cuda:N, mps"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("file", [True, False])
def test_a_mistake_in_a_flag_does_not_blame_the_file(
    flags: tuple[str, ...], said: str, file: bool, complaint: Complaint, tiny: Path
) -> None:
    assert complaint("compare", *[tiny] * file, *flags) == said


def test_a_file_that_is_not_there(complaint: Complaint) -> None:
    assert complaint("compare", "none.yaml") == "none.yaml: there is no such file"


def test_a_folder_that_cannot_be_written(complaint: Complaint, tiny: Path) -> None:
    said = complaint("compare", tiny, "--out", tiny, *SERIAL)
    assert said.startswith("out: tiny.yaml: cannot write there (")
    assert said.endswith("); choose another folder")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_a_stop_says_farewell_and_no_more(
    number: signal.Signals, code: int, seqanom: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    monkeypatch.setattr("seqanomaly.sweep.run_experiment", stopped)
    farewell = "Stopped; what is finished lies in results/tiny. The same command goes on from there.\n"
    assert seqanom("compare", tiny, *SERIAL) == (code, "", farewell)
    assert signal.getsignal(number) == before


def test_progress_in_plain_lines_is_told_in_tenths(capsys: pytest.CaptureFixture[str]) -> None:
    with console.counting("many", 1000, lambda done: (done, f"{done} done")) as update:
        for done in range(0, 1001, 5):
            update(done)
    assert capsys.readouterr().err.splitlines() == [f"many: {done} done" for done in range(0, 1001, 100)]


@pytest.mark.parametrize("command", ["compare", "check"])
def test_data_in_the_place_of_an_experiment(complaint: Complaint, command: str) -> None:
    Path("mine.csv").write_text("x,label\n1,0\n")
    remedy = "; an experiment is YAML, and data go to `seqanom compare --data "
    assert complaint(command, "mine.csv") == f"mine.csv: must hold a mapping (key: value), found text{remedy}mine.csv`"
    assert complaint(command, "drift") == f"drift: there is no such file{remedy}drift`"


def test_the_time_left_stands_before_what_a_narrow_terminal_cuts_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.sweep.time.monotonic", lambda: 110.0)
    progress = Progress(600, found=4, done=16, failed={"d": "diverged"}, running=30, steps=9060, started=100, ended=110)
    assert so_far(progress) == (
        21,
        "20 of 600 runs done (4 before), 1 failed, about 6 min left, 30 in training, 906 steps/s",
    )


def test_a_line_is_due_after_a_while(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("seqanom.console.time.monotonic", lambda: now[0])
    with console.counting("many", 1000, lambda done: (done, f"{done} done")) as update:
        for done in (0, 1, 2, 3):
            update(done)
            now[0] += 200.0
    assert capsys.readouterr().err.splitlines() == ["many: 0 done", "many: 2 done"]


MEAN_NOTE = (
    "Note: no loss is raw (normalize: none), so rate_matched is not added: mean-normalised losses have mean weight 1, "
    "and uniform itself is matched to their learning rate.\n"
)


def test_controls(seqanom: Run, tiny: Path, tmp_path: Path) -> None:
    done = seqanom("compare", tiny, *SERIAL, "--controls", "--seeds", 1)
    assert done.code == 0
    assert done.err.startswith(MEAN_NOTE)
    assert done.err.endswith("tiny: 12 of 12 runs done\n")
    assert f"\nlogistic on {NAME}\n" in done.out
    untrained = done.out.split(f"\nnot trained, on {NAME}\n")[1].splitlines()
    assert [line.split()[0] for line in untrained[:4]] == ["model", "position", "majority", "random"]
    assert "there is no loss beside" not in done.out
    assert untrained[4].endswith("; one run, so no interval")
    found = load_experiment(Path("results/tiny/experiment.yaml"))
    assert found.controls
    assert found.count == 12
    (tmp_path / "tiny.yaml").write_text(TINY.replace("seeds: 2", "seeds: 1\ncontrols: true"))
    again = seqanom("compare", tiny, *SERIAL)
    assert (again.code, again.out) == (0, done.out)
    assert again.err == MEAN_NOTE + "tiny: 12 of 12 runs done (12 before)\n"


def test_windows_and_frames(seqanom: Run, tiny: Path) -> None:
    done = seqanom("compare", tiny, *SERIAL, "--window", "{length: 6, stride: 2}", "--frame", "window", "--seeds", 1)
    assert done.code == 0
    found = load_experiment(Path("results/tiny/experiment.yaml"))
    assert found.window is not None
    assert (found.window.settings(), found.frame) == ({"length": 6, "stride": 2}, "window")
    assert all((run.window, run.frame) == (found.window, "window") for run in found.expand())
    page = Path("results/tiny/comparison.md").read_text(encoding="utf-8")
    assert "| uniform | window | mean |" in page
    again = seqanom("compare", tiny, *SERIAL, "--window", "{length: 6, stride: 2}", "--frame", "window", "--seeds", 1)
    assert again.out == done.out
    assert again.err.endswith("before)\n")


def test_workers_load_the_package_that_was_called_and_not_another_that_lies_where_it_runs(
    tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "seqanomaly").mkdir()
    (tmp_path / "seqanomaly" / "__init__.py").write_text("raise SystemExit('another copy')\n")
    script = Path(sys.executable).with_name("seqanom")
    done = subprocess.run(
        [script, "compare", tiny, "--workers", "2", "--out", tmp_path / "out"],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "another copy" not in done.stderr
