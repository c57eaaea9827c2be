"""What do bf16 gradients and truncated gradients change: accuracy, and the time of training?

Usage: python experiments/speed/precision.py; writes precision.csv and precision.md beside itself. One thread. For each
data set and model, three ways to train share seeds, data, initial weights and batches: float32, bf16, and float32 with
gradients that go back within pieces of 10 steps. All three are computed by torch (no compiled kernel), as bf16 is in
any case. Differences are paired by seed, with the 95% Student t interval; seconds are of training and evaluation
of the ten seeds as one stack, once (`REPEATS`).
"""

from __future__ import annotations

import os
import statistics
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqanomaly.comparison import t_interval
from seqanomaly.errors import RunError
from seqanomaly.run import run_stack
from seqanomaly.run_config import RunConfig

SEEDS, REPEATS = range(10), 1
Settings = dict[str, Any]
DATA: tuple[Settings, ...] = ({"kind": "drift"}, {"kind": "evidence"})
MODELS: tuple[Settings, ...] = ({"kind": "rnn", "hidden": 4}, {"kind": "gru"}, {"kind": "lstm"}, {"kind": "tcn"})
WAYS: dict[str, Settings] = {"float32": {}, "bf16": {"precision": "bf16"}, "truncate 10": {"truncate": 10}}


def stack(data: Settings, model: Settings, train: Settings) -> tuple[pd.DataFrame, float]:
    """Accuracy by bucket and seed, and the seconds it took."""
    settings: Settings = {"data": data, "model": model, "train": train, "loss": "exp"}
    configs = [RunConfig(**settings, seed=seed) for seed in SEEDS]
    source = configs[0].data.open()
    begin = time.perf_counter()
    results = run_stack(configs, source, torch.device("cpu"))
    seconds = time.perf_counter() - begin
    accuracy = {}
    for seed, result in zip(SEEDS, results, strict=True):
        if isinstance(result, RunError):
            raise result
        rows = result.metrics.query("metric == 'accuracy'")
        accuracy[seed] = dict(zip(rows["bucket"], rows["value"], strict=True))
    return pd.DataFrame(accuracy).T, seconds


def measured(data: Settings, model: Settings) -> list[Settings]:
    """A row per way and bucket."""
    ways = {name: train for name, train in WAYS.items() if name != "truncate 10" or model["kind"] != "tcn"}
    found = [{name: stack(data, model, train) for name, train in ways.items()} for _ in range(REPEATS)]
    seconds = {name: statistics.median(repeat[name][1] for repeat in found) for name in ways}
    settings: Settings = {"data": data, "model": model}
    title = RunConfig(**settings)
    rows = []
    for name, bucket in product(ways, ("early", "late")):
        values, base = (found[0][way][0][bucket].to_numpy(np.float64) for way in (name, "float32"))
        change, low, high = t_interval(values - base) if name != "float32" else (float("nan"),) * 3
        rows.append(
            {"data": title.data.name, "model": title.model.name, "way": name, "bucket": bucket}
            | {"accuracy": round(float(values.mean()), 4)}
            | {"difference": round(change, 4), "low": round(low, 4), "high": round(high, 4)}
            | {"seconds": round(seconds[name], 2), "times_float32": round(seconds[name] / seconds["float32"], 2)}
        )
    return rows


def page(table: pd.DataFrame) -> str:
    """The rows as Markdown, accuracies in points."""
    lines = ["| data | model | way | bucket | accuracy | change to float32 | time |", "|---|---|---|---|---|---|---|"]
    rows: list[Settings] = [{str(key): of for key, of in row.items()} for row in table.to_dict("records")]
    for row in rows:
        limits = (100 * row[name] for name in ("difference", "low", "high"))
        change: str = "" if row["way"] == "float32" else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*limits)
        shown = f"| {row['data']} | {row['model']} | {row['way']} | {row['bucket']} | {100 * row['accuracy']:.1f} |"
        lines.append(f"{shown} {change} | {row['seconds']:.1f} s, {row['times_float32']:.2f} x |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.environ["SEQANOM_KERNEL"] = "off"
    table = pd.DataFrame([row for data, model in product(DATA, MODELS) for row in measured(data, model)])
    here = Path(__file__).parent
    table.to_csv(here / "precision.csv", index=False, lineterminator="\n")
    (here / "precision.md").write_text(page(pd.read_csv(here / "precision.csv")), encoding="utf-8")
    print((here / "precision.md").read_text(encoding="utf-8"))
