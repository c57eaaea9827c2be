"""`seqanom train`: what it shows and keeps, and every mistake that a newcomer makes."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from rich.progress import Progress
from seqanom import console
from seqanom.values import read_value

from seqanomaly.datasets.formats.table import SUFFIXES
from seqanomaly.datasets.specs import DATASETS, FAMILIES
from seqanomaly.losses.modulations import MODULATIONS
from seqanomaly.models.specs import MODELS
from seqanomaly.run_config import RunConfig, repeat_command
from seqanomaly.store import Store

Run = Callable[..., Any]
Complaint = Callable[..., str]
GOLDEN = Path(__file__).parents[1] / "golden" / "train.txt"
COLUMNS = ("--series", "unit", "--step", "cycle", "--label", "fault")
QUICK = ("--model", "{kind: gru, hidden: 4}", "--epochs", "1")
DRIFT = ("--data", "{kind: drift, length: 9, train: 20, test: 10}")


def plain(text: str) -> str:
    """Without the digest, which the bytes of a file decide."""
    return re.sub(r"runs/../\w{16}", "runs/DIGEST", text)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_users_own_file(seqanom: Run, machines: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"machines.{ending}"
    machines.to_parquet(path) if ending == "parquet" else machines.to_csv(path, index=False)
    loss = "{kind: step, threshold: 25}"
    quick = ("--epochs", 5, "--batch-size", 2)
    done = seqanom("train", "--data", path, *COLUMNS, "--model", "lstm", "--loss", loss, "--seed", 3, *quick)
    assert done.err == ""
    assert done.code == 0
    assert plain(done.out) == GOLDEN.read_text(encoding="utf-8")
    (digest,) = Store(Path("results/train")).digests()
    assert f"Run folder: results/train/runs/{digest[:2]}/{digest}\n" in done.out


def test_the_second_time_it_is_found(seqanom: Run) -> None:
    first = seqanom("train", *DRIFT, *QUICK)
    assert (first.code, first.err) == (0, "")
    second = seqanom("train", *DRIFT, *QUICK)
    assert second == (0, first.out, "This run was trained before; showing what it left.\n")
    other = seqanom("train", *DRIFT, *QUICK, "--seed", 1)
    assert other.err == ""
    assert len(Store(Path("results/train")).digests()) == 2


def test_json(seqanom: Run) -> None:
    arguments = ("train", *DRIFT, *QUICK, "--buckets", "{all: [0%, 100%], beyond: [50, 60]}", "--out", "here", "--json")
    done = seqanom(*arguments)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert set(found) == {"digest", "folder", "reused", "config", "metrics", "weights", "notes"}
    assert found["folder"] == f"here/runs/{found['digest'][:2]}/{found['digest']}"
    assert Path(found["folder"], "detector.json").is_file()
    assert found["reused"] is False
    assert found["config"]["data"]["kind"] == "drift"
    values = {(row["bucket"], row["metric"]): row["value"] for row in found["metrics"]}
    assert 0 <= values["all", "accuracy"] <= 1
    assert values["beyond", "accuracy"] is None
    again = json.loads(seqanom(*arguments).out)
    assert again == {**found, "reused": True}


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("--task", "classify", "--data", "episodes", "--label", "fault"), "gru(hidden=4) on episodes(label=fault)"),
        (("--task", "forecast", "--data", "onset"), "gru(hidden=4) on onset"),
        (("--data", "ar", "--loss", "exp", "--normalize", "none"), "gru(hidden=4) on ar with exp(normalize=none)"),
    ],
)
def test_tasks_and_data(seqanom: Run, arguments: tuple[str, ...], title: str) -> None:
    done = seqanom("train", *arguments, *QUICK)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(title)
    assert [line.split()[0] for line in done.out.splitlines()[1:5]] == ["bucket", "early", "mid", "late"]


def test_a_short_memory_is_noted(seqanom: Run) -> None:
    model = "{kind: tcn, channels: 4, kernel: 2, layers: 1}"
    done = seqanom("train", *DRIFT, "--model", model, "--epochs", 1)
    assert done.err == (
        "Note: the model sees the last 3 steps only and sequences have up to 9: raise its layers or kernel for it to "
        "see "
        "them whole.\n"
    )


def test_text_labels_and_columns(seqanom: Run, machines: pd.DataFrame) -> None:
    named = machines.assign(state=machines["fault"].map({0: "None", 1: "[worn]"}), note="x").drop(columns="fault")
    named.to_csv("machines.csv", index=False)
    done = seqanom(
        *("train", "--data", "machines.csv", "--series", "unit", "--step", "cycle", "--label", "state"),
        *("--features", "load,heat", "--normal", "None", *QUICK),
    )
    assert (done.code, done.err) == (0, "")
    title = "machines(label=state,features=[load,heat],normal=None)"
    assert done.out.splitlines()[0].startswith(f"gru(hidden=4) on {title} with uniform, seed 0")


def test_a_mapping_longer_than_a_file_name_may_be(seqanom: Run, machines: pd.DataFrame) -> None:
    names = [f"channel_with_a_long_name_{i}" for i in range(20)]
    machines.assign(**dict.fromkeys(names, machines["heat"])).to_csv("m.csv", index=False)
    data = f"{{path: m.csv, series: unit, step: cycle, label: fault, features: [{', '.join(names)}]}}"
    assert len(data) > 255
    assert seqanom("train", "--data", data, *QUICK).code == 0


def test_a_run_that_diverges(seqanom: Run) -> None:
    settings = ("--task", "forecast", "--optimizer", "sgd", "--clip", 5, "--weight-decay", "1e-3", "--momentum", 0.5)
    data = ("--data", "{kind: ar, length: 8, train: 16, test: 8, phi: 1e-5}", "--loss", "{kind: permuted, of: step}")
    done = seqanom("train", *data, *settings, *QUICK, "--lr", "1e38", "--out", "a folder", "--seed", 4)
    assert (done.code, done.out) == (1, "")
    assert re.fullmatch(r"Error: .*, seed 4: training diverged in epoch 1 .* try a smaller lr or clip: 1\n", done.err)
    ((digest, record),) = Store(Path("a folder")).failures()
    assert done.err == f"Error: {record['reason']}\n"
    again = shlex.split(record["command"])
    assert again[:2] == ["seqanom", "train"]
    repeated = seqanom(*again[1:])
    assert repeated == done
    assert [found for found, _ in Store(Path("a folder")).failures()] == [digest]


def test_the_command_that_repeats_keeps_text_as_text() -> None:
    data = {
        "path": "1e5.csv",
        "series": "1e3",
        "step": "007",
        "label": "it's",
        "normal": "yes",
        "features": ["08", "a b"],
    }
    settings: dict[str, Any] = {"data": data, "loss": {"kind": "exp", "rate": 1e-7, "pos_weight": 2.0}}
    config = RunConfig(**settings)
    words = shlex.split(repeat_command(config, Path("a folder")))
    options = dict(zip(words[2::2], words[3::2], strict=True))
    assert options["--out"] == "a folder"
    again = {key: read_value(options[f"--{key}"], key) for key in ("data", "model", "loss", "buckets")}
    assert RunConfig(**again) == config


HEADER = "series,step,label,x\n"
GOOD = HEADER + "".join(f"s{s},{t},{s % 2},{t + 5 * (s % 2)}\n" for s in range(8) for t in range(4))
FILES = {
    "good.csv": GOOD,
    "text.csv": GOOD.replace("s2,0,0,0", "s2,0,0,low"),
    "nan.csv": GOOD.replace("s2,0,0,0", "s2,0,0,nan"),
    "inf.csv": GOOD.replace("s2,0,0,0", "s2,0,0,-inf"),
    "empty.csv": "",
    "header.csv": HEADER,
    "single.csv": HEADER + "".join(f"s{s},{t},0,{t}\n" for s in range(8) for t in range(4)),
    "short.csv": GOOD + "s9,0,1,5\n",
    "twice.csv": GOOD + "s2,3,0,9\n",
    "two.csv": HEADER + "a,0,0,1\na,1,0,1\nb,0,1,1\nb,1,1,1\n",
    "columns.csv": GOOD.replace("label", "lable"),
    "words.csv": HEADER + "".join(f"s{s},{t},{'ab'[s % 2]},{t}\n" for s in range(8) for t in range(4)),
    "same.csv": GOOD.replace("label", "x"),
    "table.xlsx": GOOD,
    "plain": GOOD,
}
BINARY = {"png.csv": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "zeros.csv": bytes(64), "bad.parquet": b"PAR1 not really"}


def with_files() -> None:
    for name, text in FILES.items():
        Path(name).write_text(text)
    for name, content in BINARY.items():
        Path(name).write_bytes(content)
    Path("folder.csv").mkdir()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.csv", "missing.csv: there is no such file"),
        (
            "folder.csv",
            "folder.csv: holds no data that is recognised; say what it is with kind: one of "
            f"{', '.join([*FAMILIES, 'folder'])}",
        ),
        ("table.xlsx", "table.xlsx: is an Excel workbook, which is not read; save the sheet as CSV"),
        ("./plain", f"plain: unknown kind of file; known endings: {', '.join(SUFFIXES)}"),
        (
            "columns.csv",
            "columns.csv: there is no column 'label'; say which one it is (0 and 1 are the only values of 'lable') "
            "with label (--label), or take every step as normal, as for forecast, with {path: columns.csv, label: "
            "null}; did you mean 'lable'? "
            "(known: series, step, lable, x)",
        ),
        (
            "text.csv",
            "text.csv: column 'x', data row 9: 'low' is not a number; correct it, or leave the column out with "
            "--ignore",
        ),
        (
            "nan.csv",
            "nan.csv: column 'x', data row 9: the value is missing; fill it, or set missing: drop, ffill, interpolate "
            "or mask, or leave the column out with --ignore",
        ),
        (
            "inf.csv",
            "inf.csv: column 'x', data row 9: the value is -inf, not a finite 32-bit number; correct it or drop the "
            "row",
        ),
        ("empty.csv", "empty.csv: the file is empty"),
        ("header.csv", "header.csv: there are no rows"),
        ("png.csv", "png.csv: is not text in UTF-8 (byte 0); if it is a CSV file, save it as UTF-8"),
        ("same.csv", "same.csv: cannot be read as csv: two columns are called 'x'; rename one"),
        ("zeros.csv", "zeros.csv: byte 0 is NUL, so it is no text file; save it as plain text in UTF-8"),
        (
            "single.csv",
            "single: every training step has the label '0'; learning to tell them apart needs normal and anomalous "
            "steps "
            "(--task forecast learns from normal ones alone)",
        ),
        (
            "short.csv",
            "short.csv: series 's9' has 1 step; a sequence needs at least 2 to have an early and a late one, so leave "
            "it "
            "out",
        ),
        (
            "twice.csv",
            "twice.csv: series 's2' has the same 'step' in data rows 12 and 33; keep one of them, or name the column "
            "that "
            "tells the series apart with --series",
        ),
        (
            "two.csv",
            "two.csv: has 2 series; training, validation and test need at least one each, so 3: name the column that "
            "tells "
            "them apart with --series; if there are no others, cut each with split: {time: 0.3}",
        ),
        (
            "words.csv",
            "words.csv: column 'label' has the labels a, b and none is 0 or 'normal'; say which one is normal with "
            "normal: LABEL (--normal LABEL)",
        ),
    ],
)
def test_a_file_that_cannot_be_used(complaint: Complaint, tmp_path: Path, name: str, text: str) -> None:
    with_files()
    assert complaint("train", "--data", name) == text
    assert not list(tmp_path.rglob("config.yaml"))


def test_garbage_in_a_parquet_file(complaint: Complaint) -> None:
    with_files()
    assert complaint("train", "--data", "bad.parquet").startswith("bad.parquet: cannot be read as parquet: ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--loss", "exq"),
            f"loss: unknown loss 'exq'; did you mean 'exp'? (known: {', '.join(MODULATIONS)})",
        ),
        (("--model", "gur"), f"model: unknown model 'gur'; did you mean 'gru'? (known: {', '.join(MODELS)})"),
        (
            ("--data", "episode"),
            f"data: unknown data set 'episode'; did you mean 'episodes'? (known: {', '.join(DATASETS)})",
        ),
        (("--task", "detcet"), "task: must be 'detect', 'classify' or 'forecast', got 'detcet'"),
        (("--optimizer", "adma"), "train.optimizer: must be 'adam', 'adamw' or 'sgd', got 'adma'"),
        (("--normalize", "maen"), "loss.normalize: must be 'none' or 'mean', got 'maen'"),
        (("--epochs", "-1"), "train.epochs: must be greater than or equal to 1, got -1"),
        (("--epochs", "0"), "train.epochs: must be greater than or equal to 1, got 0"),
        (("--lr", "nan"), "train.lr: must be a finite number, got nan"),
        (("--lr", "0"), "train.lr: must be greater than 0, got 0.0"),
        (("--seed", "-1"), "seed: must be greater than or equal to 0, got -1"),
        (("--patience", "0"), "train.patience: must be greater than or equal to 1, got 0"),
        (("--batch-size", "0"), "train.batch_size: must be greater than or equal to 1, got 0"),
        (("--device", "tpu"), "device: unknown device 'tpu'; known: auto, cpu, cuda, cuda:N, mps"),
        (
            ("--loss", "{kind: step, threshold: 80}"),
            "loss: step(threshold=80) gives no training step a weight above 0: the longest of episodes has 80 steps, "
            "so "
            "counters go from 0 to 79; choose a smaller threshold",
        ),
        (
            ("--loss", "{kind: exp, rat: 1}"),
            "loss: unknown key 'rat'; did you mean 'rate'? (known: kind, rate, normalize, pos_weight, class_weight)",
        ),
        (("--loss", "{kind: exp, rate"), "--loss, line 1, column 18: not valid YAML: expected ',' or '}'"),
        (("--loss", "exp,linear"), "--loss takes one value here, got 2 in 'exp,linear'; compare sweeps over several"),
        (("--data", "episodes", "--label", "part"), "data.label: must be 'label' or 'fault', got 'part'"),
        (
            ("--buckets", "{late: [50%, 20%]}"),
            "buckets.late: starts at 50% and ends at 20%; the end comes after the start",
        ),
        (("--buckets", "{late: 50%}"), "buckets.late: must be [start, end], got '50%'"),
        (
            ("--data", "good.csv", "--label", "lable"),
            LABLE := (
                "good.csv: there is no column 'lable'; say which one it is with label (--label); did you mean 'label'? "
                "(known: series, step, label, x)"
            ),
        ),
        (("--data", "{path: good.csv, label: lable}"), LABLE),
        (
            ("--data", "good.csv", "--features", "x,y"),
            "good.csv: there is no column 'y'; it is needed as a feature; known: series, step, label, x",
        ),
        (
            ("--data", "good.csv", "--features", "x,label"),
            "good.csv: column 'label' cannot be a feature, as it is the series, step, label or part",
        ),
        (("--momentum", "0.9"), "train.momentum: is for sgd, got adam; leave it out"),
        (
            ("--data", "good.csv", "--normal", "2"),
            "good.csv: column 'label' has no label '2'; known: 0, 1",
        ),
        (
            ("--data", "episodes", "--label", "fault"),
            "episodes(label=fault): the label has 7 classes (normal, fault1, fault13, fault14, fault2, fault6, "
            "fault8); "
            "detect tells normal from anomalous, so use --task classify or another label column, or "
            "make one class of all but the first with binary: true (tables)",
        ),
        (("--out", "good.csv"), "out: good.csv: cannot write there (Not a directory); choose another folder"),
        (("--out", "good.csv/deep"), "out: good.csv/deep: cannot write there (Not a directory); choose another folder"),
    ],
)
def test_settings_that_cannot_be(complaint: Complaint, arguments: tuple[str, ...], text: str) -> None:
    with_files()
    assert complaint("train", *arguments) == text


def test_a_device_that_is_not_there(complaint: Complaint) -> None:
    said = complaint("train", "--device", "cuda:77")
    assert re.fullmatch(r"device: 'cuda:77' is not there: \d+ cuda devices are available; use cpu or auto", said)


def test_no_file_is_made_by_a_mistake(complaint: Complaint, tmp_path: Path) -> None:
    complaint("train", "--loss", "exq")
    assert list(tmp_path.iterdir()) == []


def test_a_tcn_says_how_far_it_sees(seqanom: Callable[..., Any]) -> None:
    done = seqanom("train", "--data", "{kind: drift, length: 9, train: 20, test: 10}", "--model", "tcn", "--epochs", 1)
    assert done.code == 0
    assert "The model sees the last 61 steps." in done.out


HASTY = ("--data", "{kind: drift, length: 8, train: 20, test: 20}", "--epochs", 1, "--device", "cpu")


def test_a_model_that_is_not_trained(seqanom: Run) -> None:
    first = seqanom("train", *HASTY, "--model", "position")
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines()[-2] == (
        "Sequences: 16 train, 4 validation, 20 test. The model is not trained: loss and training settings mean nothing "
        "to it."
    )
    again = seqanom("train", *HASTY, "--model", "position")
    assert (again.out, again.err) == (first.out, "This run was trained before; showing what it left.\n")
    assert json.loads(seqanom("train", *HASTY, "--model", "position", "--json").out)["reused"] is True
    assert json.loads(seqanom("train", *HASTY, "--model", "random", "--json").out)["reused"] is False


def test_a_matched_learning_rate_is_shown(seqanom: Run) -> None:
    out = seqanom("train", *HASTY, "--model", "logistic", "--loss", "{kind: rate_matched, of: linear}").out
    assert " The model sees one step. Learning rate 0.0135 = 0.01 x 1.35.\n" in out


def test_windows_and_frames(seqanom: Run) -> None:
    onset = ("--data", "{kind: onset, length: 12, train: 20, test: 10, hazard: 0.1}", *QUICK)
    done = seqanom("train", *onset, "--window", 5, "--frame", "since_onset", "--loss", "exp")
    assert (done.code, done.err) == (0, "")
    assert "\nSequences: 16 train in 80 windows, 4 validation, 10 test. Weights from epoch 1" in done.out
    (digest,) = Store(Path("results/train")).digests()
    found = Store(Path("results/train")).load(digest)
    assert found.environment["frame"] == "since_onset"
    assert found.environment["window"] == {"length": 5, "stride": 2}
    said = repeat_command(found.config, Path("again"))
    again = seqanom(*shlex.split(said)[1:], "--json")
    assert json.loads(again.out)["digest"] == digest
    assert seqanom("score", digest, "episodes.csv").code == 2  # there is none, but the detector is found


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("--window", "{length: 10, stride: 20}"),
            "window.stride: must be at most the length 10, as steps between two windows would be skipped, got 20",
        ),
        (
            ("--window", "half"),
            "window: must be a number of steps or a mapping such as {length: 100, stride: 50}, got 'half'",
        ),
        (("--window", "10,20"), "--window takes one value here, got 2 in '10,20'; compare sweeps over several"),
        (
            ("--frame", "windows"),
            "frame: must be 'sequence', 'window', 'since_onset' or 'until_event', got 'windows'",
        ),
        (
            ("--window", "10", "--frame", "window", "--loss", "{kind: step, threshold: 10}", *DRIFT[:1], "episodes"),
            "loss: step(threshold=10) gives no training step a weight above 0: the longest of episodes has 80 steps "
            "and counters of the window go from 0 to 9; choose a smaller threshold",
        ),
    ],
)
def test_windows_that_cannot_be(complaint: Complaint, arguments: tuple[str, ...], text: str) -> None:
    assert complaint("train", *arguments) == text


def test_training_is_told_in_plain_lines_every_half_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("seqanom.console.time.monotonic", lambda: now[0])
    with console.progress("gru on drift", 400) as advance:
        for done in range(1, 401):
            now[0] += 0.25
            advance(done)
    assert capsys.readouterr().err.splitlines() == [f"gru on drift: {n} of 400 done" for n in (120, 240, 360)]


def test_on_a_terminal_the_bar_is_brought_up_to_date_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told, screen = [1000.0], [], io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(console, "_remarks", terminal)
    update = Progress.update

    def watched(bar: Progress, *about: Any, **state: Any) -> None:
        told.append(state["completed"])
        update(bar, *about, **state)

    monkeypatch.setattr(Progress, "update", watched)
    monkeypatch.setattr("seqanom.console.time.monotonic", lambda: now[0])
    with console.progress("gru on drift", 400) as advance:
        for done in range(1, 401):
            advance(done)
            now[0] += 0.0625
    assert told == list(range(1, 401, 8))
    assert "gru on drift" in screen.getvalue()
