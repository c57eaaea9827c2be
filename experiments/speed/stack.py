"""How much faster is a stack than its members one after the other, and than plain torch modules one after the other?

Usage: python experiments/speed/stack.py; writes stack.csv beside itself. One thread; every repetition times all arms in
turn, so that a noisy machine hits them alike; medians and their ratios. All by torch: the compiled kernel is off. The
same task, batches and updates for all: drift (T 50, 5 features), 320 sequences in batches of 32, hidden 8, Adam.
"""

from __future__ import annotations

import csv
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqanomaly.batch import Batch
from seqanomaly.counters import sequence_counter
from seqanomaly.datasets.synthetic import Drift
from seqanomaly.models.specs import MODELS
from seqanomaly.tasks import Detect
from seqanomaly.training.loop import fit
from seqanomaly.training.stack import Member

MEMBERS, EPOCHS, REPEATS, HIDDEN = 16, 2, 5, 8
KINDS = ("rnn", "gru", "lstm", "tcn")
MODULES: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def part(seed: int, count: int) -> Batch:
    """Some drift sequences."""
    x, label = Drift().draw(np.random.default_rng(seed), count)
    y = torch.from_numpy(label).float()
    counter = torch.from_numpy(sequence_counter(count, 50))
    return Batch(x=torch.from_numpy(x), target=y, mask=torch.ones_like(y, dtype=torch.bool), counter=counter)


def stacked(kind: str, members: list[Member]) -> None:
    """Train members with our loop, as one stack."""
    size: dict[str, Any] = {"channels": HIDDEN} if kind == "tcn" else {"hidden": HIDDEN}
    fit(MODELS[kind](**size).build(5, 1), Detect().step_loss, members, epochs=EPOCHS, batch_size=32)


def alone(kind: str, members: list[Member]) -> None:
    """Train members with our loop, one after the other."""
    for member in members:
        stacked(kind, [member])


def plain(kind: str, members: list[Member]) -> None:
    """Train members one after the other as the plain script does: a torch.nn module, its loss and torch.optim.Adam."""
    for member in members:
        body, head = MODULES[kind](5, HIDDEN, batch_first=True), nn.Linear(HIDDEN, 1)
        optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=0.01)
        for _ in range(EPOCHS):
            for x, y in zip(member.train.x.chunk(10), member.train.target.chunk(10), strict=True):
                loss = nn.functional.binary_cross_entropy_with_logits(head(body(x)[0]).squeeze(-1), y)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
            with torch.no_grad():
                head(body(member.validation.x)[0])


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure every model and write the table."""
    torch.set_num_threads(1)
    train, validation = part(0, 320), part(1, 80)
    members = [
        Member(seed=s, lr=0.01, train=train, validation=validation, weight=torch.ones(320, 50)) for s in range(MEMBERS)
    ]
    rows = []
    for kind in KINDS:
        arms = {"stack": partial(stacked, kind, members), "alone": partial(alone, kind, members)}
        if kind in MODULES:
            arms["torch.nn"] = partial(plain, kind, members)
        times: dict[str, list[float]] = {arm: [] for arm in arms}
        for _ in range(REPEATS):
            for arm, work in arms.items():
                times[arm].append(seconds(work))
        median = {arm: statistics.median(values) for arm, values in times.items()}
        rows += [
            [kind, HIDDEN, MEMBERS, arm, REPEATS, f"{value:.3f}", f"{value / median['stack']:.2f}"]
            for arm, value in median.items()
        ]
        print(kind, {arm: round(value / median["stack"], 2) for arm, value in median.items()})
    with Path(__file__).with_name("stack.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "hidden", "members", "arm", "repeats", "median_seconds", "times_the_stack"])
        writer.writerows(rows)


if __name__ == "__main__":
    os.environ["SEQANOM_KERNEL"] = "off"
    main()
