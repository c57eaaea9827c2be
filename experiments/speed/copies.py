"""Stored runs by the thousand: one real run, copied under the digests of a large experiment, with other values."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

import seqanomaly
from seqanomaly.experiment import Experiment
from seqanomaly.store import Store

LOSSES = ["uniform", "linear", "step", *({"kind": "exp", "rate": rate / 100} for rate in range(2, 9))]
"""Ten losses."""
DATA = {"kind": "drift", "train": 40, "test": 40}


def experiment(cells: int, seeds: int) -> Experiment:
    """`cells` models with ten losses each, and so many seeds."""
    models = [{"kind": "rnn", "hidden": hidden} for hidden in range(1, cells + 1)]
    settings: dict[str, Any] = {"name": "copies", "data": DATA, "model": models, "loss": LOSSES, "seeds": seeds}
    return Experiment(**settings)


def store_copies(wanted: Experiment, root: Path) -> None:
    """Fill `root` as `compare` would have left it."""
    settings: dict[str, Any] = {"data": DATA, "train": {"epochs": 1}}
    original = Store(root / "original")
    folder = original.folder(seqanomaly.train(settings, original.root).digest)
    store, generator = Store(root), np.random.default_rng(0)
    store.prepare()
    digests = wanted.data_digests()
    store.keep_experiment(wanted, digests)
    head, *rows = csv.reader((folder / "metrics.csv").read_text(encoding="utf-8").splitlines())
    place = head.index("value")
    for config in wanted.expand():
        copy = store.folder(config.digest(digests[config.data]))
        shutil.copytree(folder, copy)
        (copy / "config.yaml").write_text(json.dumps(config.settings()) + "\n", encoding="utf-8")
        noise = generator.normal(0, 0.01, len(rows)).tolist()
        moved = [
            [*row[:place], repr(float(row[place]) + by) if row[place] else "", *row[place + 1 :]]
            for row, by in zip(rows, noise, strict=True)
        ]
        with (copy / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *moved])
    shutil.rmtree(original.root)
