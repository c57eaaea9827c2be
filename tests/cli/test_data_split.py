"""`seqanom data split`: which steps train, validate and test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[..., Any]


def test_a_series_that_is_cut_in_time(seqanom: Run, tmp_path: Path) -> None:
    values = np.arange(60.0)
    np.savetxt(tmp_path / "001_UCR_Anomaly_one_20_30_33.txt", values)
    done = seqanom("data", "split", "001_UCR_Anomaly_one_20_30_33.txt")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "ucr(path=001_UCR_Anomaly_one_20_30_33.txt), seed 0",
        "series   part        first  last  steps",
        "001_one  train           0    15     16",
        "001_one  validation     16    19      4",
        "001_one  test           20    59     40",
        "",
        "The test part is given. Checked: 3 spans with 60 different pairs of series and step, so no step is in two "
        "parts.",
    ]


def test_json(seqanom: Run) -> None:
    found = [json.loads(seqanom("data", "split", "robot", "--seed", seed, "--json").out) for seed in (0, 1, 1)]
    assert found[1] == found[2] != found[0]
    one = found[0]
    assert {key: one[key] for key in ("data", "seed", "test_part", "steps", "apart")} == {
        "data": "robot",
        "seed": 0,
        "test_part": "drawn by the seed",
        "steps": 1320,
        "apart": True,
    }
    assert one["spans"][0] == {"part": "train", "series": "lp1-1", "first": 0, "last": 14, "steps": 15}
    counts = [sum(span["part"] == part for span in one["spans"]) for part in ("train", "validation", "test")]
    assert counts == [50, 12, 26]
    assert len({span["series"] for span in one["spans"]}) == 88


def test_it_is_what_training_sees(seqanom: Run) -> None:
    data = "{kind: drift, length: 7, train: 10, test: 4}"
    seqanom("data", "convert", data, "out.parquet", "--seed", 2)
    drawn = json.loads(seqanom("data", "split", data, "--seed", 2, "--json").out)
    written = json.loads(seqanom("data", "split", "out.parquet", "--part", "part", "--json").out)
    assert drawn["spans"] == written["spans"]
    assert drawn["spans"][-1] == {"part": "test", "series": "3 (test)", "first": 0, "last": 6, "steps": 7}


def test_a_seed_below_zero(seqanom: Run) -> None:
    done = seqanom("data", "split", "robot", "--seed", -1)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "Error: Invalid value for '--seed': must be greater than or equal to 0, got '-1'. "
        "Try 'seqanom data split --help'.\n"
    )
