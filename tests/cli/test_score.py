"""`seqanom score`: a trained detector on new data."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqanomaly.datasets.specs import DATASETS
from seqanomaly.detector import Detector
from seqanomaly.store import Store

Run = Callable[..., Any]
Complaint = Callable[..., str]


@pytest.fixture
def digest(seqanom: Run, machines: pd.DataFrame) -> str:
    """The digest of a detector trained on machines.csv; new.csv lies beside it."""
    machines.to_csv("machines.csv", index=False)
    machines[machines["unit"] < 5].drop(columns="fault").to_csv("new.csv", index=False)
    columns = ("--series", "unit", "--step", "cycle", "--label", "fault", "--model", "{kind: gru, hidden: 4}")
    assert seqanom("train", "--data", "machines.csv", *columns, "--epochs", 5, "--batch-size", 2).code == 0
    (found,) = Store(Path("results/train")).digests()
    return found


def folder(digest: str) -> Path:
    return Store(Path("results/train")).folder(digest)


def test_the_table_goes_to_standard_output(seqanom: Run, digest: str) -> None:
    done = seqanom("score", digest, "new.csv")
    assert (done.code, done.err) == (0, "")
    found, new = pd.read_csv(io.StringIO(done.out)), pd.read_csv("new.csv")
    pd.testing.assert_frame_equal(found[["unit", "cycle"]], new[["unit", "cycle"]])
    assert found["score"].between(0, 1).all()
    assert found["decision"].tolist() == [int(score >= 0.5) for score in found["score"]]
    assert (found["decision"] == new["unit"] % 2).mean() > 0.9
    for run in (digest[:4], folder(digest), f"{folder(digest)}/"):
        assert seqanom("score", run, "new.csv") == done


@pytest.mark.parametrize("name", ["scored.csv", "scored.parquet"])
def test_a_file_may_be_written(seqanom: Run, digest: str, name: str) -> None:
    expected = pd.read_csv(io.StringIO(seqanom("score", digest, "new.csv").out))
    anomalous = int((expected["decision"] == 1).sum())
    done = seqanom("score", digest, "new.csv", "--out", name)
    assert done == (0, "", f"150 steps scored, {anomalous} of them anomalous: {name}\n")
    found = pd.read_csv(name) if name.endswith("csv") else pd.read_parquet(name).astype({"decision": int})
    pd.testing.assert_frame_equal(found, expected)
    assert not list(Path().glob(".*"))


def test_columns_called_differently_in_parquet(seqanom: Run, digest: str) -> None:
    new = pd.read_csv("new.csv")
    new.rename(columns={"unit": "id", "cycle": "t"}).assign(note="of no interest").to_parquet("new.parquet")
    done = seqanom("score", digest, "new.parquet", "--series", "id", "--step", "t")
    assert done.code == 0
    assert done.out == seqanom("score", digest, "new.csv").out.replace("unit,cycle", "id,t")


def test_a_detector_moves_with_its_folder(seqanom: Run, digest: str, tmp_path: Path) -> None:
    expected = seqanom("score", digest, "new.csv").out
    shutil.move(folder(digest), tmp_path / "elsewhere")
    Path("machines.csv").unlink()
    assert seqanom("score", "elsewhere", "new.csv").out == expected
    assert Detector.load(tmp_path / "elsewhere").features == ("heat", "load")


def test_runs_elsewhere(seqanom: Run, complaint: Complaint, digest: str) -> None:
    Path("results").rename("old")
    assert complaint("score", digest, "new.csv") == (
        f"'{digest}' is neither a run folder nor the beginning of the digest of a run in results; `seqanom runs DIR` "
        f"lists "
        "them, --runs says where to look"
    )
    assert seqanom("score", digest, "new.csv", "--runs", "old").code == 0


def test_the_beginning_of_several(complaint: Complaint, digest: str) -> None:
    twin = digest[:6] + "0000000000"
    shutil.copytree(folder(digest), folder(twin))
    said = complaint("score", digest[:6], "new.csv")
    assert said == f"'{digest[:6]}' is the beginning of 2 runs in results; give more of the digest"


def test_a_run_in_two_places_is_one_run(seqanom: Run, digest: str) -> None:
    shutil.copytree("results/train", "results/again")
    assert seqanom("score", digest[:6], "new.csv").code == 0


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        (
            "few.csv",
            "unit,cycle,heat\n1,0,1\n",
            "few.csv: there is no column 'load'; it is needed as a feature; known: unit, cycle, heat",
        ),
        (
            "names.csv",
            "units,cycle,heat,load\n1,0,1,1\n",
            "names.csv: there is no column 'unit'; say which one it is with series (--series); did you mean 'units'? "
            "(known: units, cycle, heat, load)",
        ),
        (
            "gap.csv",
            "unit,cycle,heat,load\n1,0,1,1\n1,1,,1\n",
            "gap.csv: column 'heat', data row 2: the value is missing; fill it or drop the row",
        ),
        ("empty.csv", "", "empty.csv: the file is empty"),
        ("header.csv", "unit,cycle,heat,load\n", "header.csv: there are no rows"),
        ("no.csv", None, "no.csv: there is no such file"),
    ],
)
def test_new_data_that_cannot_be_scored(
    complaint: Complaint, digest: str, name: str, content: str | None, text: str
) -> None:
    if content is not None:
        Path(name).write_text(content)
    assert complaint("score", digest, name) == text


@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("new.csv", "--out: new.csv is the data to score; name another file"),
        ("./results/../new.csv", "--out: results/../new.csv is the data to score; name another file"),
        ("scored.txt", "--out: unknown ending of scored.txt; use .csv or .parquet"),
        (
            "no/scored.csv",
            "--out: cannot write no/scored.csv (No such file or directory)",
        ),
        ("no/scored.parquet", "--out: cannot write no/scored.parquet ("),
        ("new.csv/scored.csv", "--out: cannot write new.csv/scored.csv ("),
    ],
)
def test_a_file_that_cannot_be_written(complaint: Complaint, digest: str, out: str, text: str) -> None:
    before = Path("new.csv").read_bytes()
    assert complaint("score", digest, "new.csv", "--out", out).startswith(text)
    assert Path("new.csv").read_bytes() == before


@pytest.mark.parametrize("run", ["", "zz", "../..", "new.csv", "results"])
def test_no_such_run(complaint: Complaint, digest: str, run: str) -> None:
    assert complaint("score", run, "new.csv").startswith(
        f"{run!r} is neither a run folder nor the beginning of the digest"
    )


def test_a_damaged_detector(complaint: Complaint, digest: str) -> None:
    (folder(digest) / "model.safetensors").write_bytes(b"damaged")
    said = complaint("score", digest, "new.csv")
    assert said.startswith(f"{folder(digest)}: the detector in it is damaged (")
    assert said.endswith("); train it again")


TRAIN = ("--model", "{kind: gru, hidden: 2}", "--epochs", 1)


def last_run(seqanom: Run, *arguments: object) -> str:
    """Train on something else; the digest of the run."""
    before = set(Store(Path("results/train")).digests())
    assert seqanom("train", *TRAIN, *arguments).code == 0
    (found,) = set(Store(Path("results/train")).digests()) - before
    return found


def test_a_family_is_scored_in_its_test_part(seqanom: Run) -> None:
    run = last_run(seqanom, "--data", "cmapss")
    done = seqanom("score", run, "cmapss")
    assert done.code == 0
    assert done.err == "Scored: the test part of cmapss, 100 sequences; --part all scores every sequence.\n"
    found = pd.read_csv(io.StringIO(done.out))
    assert found.columns.tolist() == ["series", "step", "score", "decision"]
    assert (len(found), found["series"].nunique(), found["step"].max()) == (13_096, 100, 302)
    done = seqanom("score", run, "cmapss", "--part", "all", "--out", "all.parquet")
    assert done.err.splitlines()[0] == "Scored: every sequence of cmapss, 200 sequences."
    every = pd.read_parquet("all.parquet")
    assert len(every) == 20_631 + 13_096
    pd.testing.assert_series_equal(every["score"].iloc[20_631:], found["score"], check_index=False, check_dtype=False)


def test_every_sequence_is_scored_where_the_seed_draws_the_test_part(seqanom: Run, complaint: Complaint) -> None:
    run = last_run(seqanom, "--data", "robot")
    done = seqanom("score", run, "robot")
    assert done.err == "Scored: every sequence of robot, 88 sequences.\n"
    assert len(pd.read_csv(io.StringIO(done.out))) == 88 * 15
    other = seqanom("score", run, "{kind: robot, subset: lp4}")
    assert other.err == "Scored: every sequence of robot(subset=lp4), 116 sequences.\n"
    assert complaint("score", run, "robot", "--part", "test") == (
        "--part: robot has no given test part, the seed draws it; choose all, or leave it out"
    )
    assert complaint("score", run, "robot", "--part", "tets") == "--part: must be test or all, got 'tets'"
    assert complaint("score", run, "robot", "--step", "t") == (
        "--series and --step are for a table, not for robot; leave them out"
    )
    assert complaint("score", run, "cmapss").startswith(
        "cmapss: there is no feature 'fx', which the detector was trained on; known: setting_1, setting_2"
    )
    assert complaint("score", run, "robots") == (
        "data: unknown data set 'robots'; did you mean 'robot'? (known: " + ", ".join(DATASETS) + ")"
    )


def test_one_series_in_a_file(seqanom: Run, complaint: Complaint) -> None:
    frame = pd.DataFrame(
        {"time": range(60), "x": [float(i % 7) for i in range(60)], "label": [i // 5 % 2 for i in range(60)]}
    )
    frame.to_csv("pump.csv", index=False)
    run = last_run(seqanom, "--data", "pump.csv")
    new = frame.drop(columns="label").assign(time=frame["time"] + 60)
    new.to_csv("later.csv", index=False)
    done = seqanom("score", run, "later.csv")
    assert (done.code, done.err) == (0, "")
    found = pd.read_csv(io.StringIO(done.out))
    assert found["series"].unique().tolist() == ["later"]
    assert found["time"].tolist() == new["time"].tolist()
    new.rename(columns={"time": "t"}).to_csv("other.csv", index=False)
    renamed = seqanom("score", run, "{path: other.csv, series: null, step: t}")
    assert renamed.out == done.out.replace("time", "t").replace("later", "other")
    assert complaint("score", run, "later.csv", "--part", "test") == (
        "--part: is for a family of files; of a table every row is scored, so leave it out"
    )
