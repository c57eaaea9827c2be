"""What every peer trains: members of a sweep, their data, the weights of their losses, and how they are judged.

A peer is a script that gets the path of a sweep (JSON, see `Sweep`) and prints a JSON line with a `Run` per member.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

LR = 0.01


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Detectors of one shape, trained alike but for their seed and loss."""

    folder: str
    """Where the data lie, a file SEED.npz per seed."""
    model: str
    """rnn, gru, lstm or tcn."""
    hidden: int
    """Hidden units, or channels."""
    epochs: int
    batch_size: int
    members: list[tuple[int, str]]
    """Seed and loss of each."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One member, trained and tested."""

    seed: int
    loss: str
    early: float
    """Accuracy in the first third of the steps."""
    late: float
    """Accuracy in the last third."""
    seconds: float
    process: int


Train = Callable[[Sweep, int, str], nn.Module]
"""Trains the member of that seed and loss."""


def load(sweep: Sweep, seed: int) -> dict[str, TensorDataset]:
    """The parts train, validation and test of a seed: features [N, T, F], labels [N, T]."""
    with np.load(Path(sweep.folder) / f"{seed}.npz") as file:
        tensors = {name: torch.from_numpy(file[name]) for name in file.files}
    return {part: TensorDataset(tensors[f"{part}_x"], tensors[f"{part}_y"]) for part in ("train", "validation", "test")}


def step_weights(loss: str, steps: int) -> Tensor:
    """How much each step counts in the loss, [T], with mean 1."""
    step = torch.arange(steps)
    if loss == "exp":
        return steps * torch.softmax(0.1 * step, 0)
    weight = {"uniform": torch.ones(steps), "linear": 1 + 0.1 * step, "step": (step >= steps / 2).float()}[loss]
    return weight / weight.mean()


@torch.no_grad()
def accuracy(network: nn.Module, test: TensorDataset) -> tuple[float, float]:
    """Share of right decisions, early and late."""
    x, y = test.tensors
    network.eval()
    right = ((network(x) >= 0) == (y > 0.5)).float().mean(0)  # [T]
    third = round(len(right) / 3)
    return right[:third].mean().item(), right[-third:].mean().item()


def trained(train: Train, sweep: Sweep, seed: int, loss: str) -> Run:
    """Train and test one member, with the time that both took."""
    start = time.perf_counter()
    network = train(sweep, seed, loss)
    early, late = accuracy(network, load(sweep, seed)["test"])
    seconds = time.perf_counter() - start
    return Run(seed=seed, loss=loss, early=early, late=late, seconds=seconds, process=os.getpid())


def read_sweep() -> Sweep:
    """The sweep that the command line names."""
    return Sweep(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def one_after_the_other(train: Train) -> None:
    """Train every member of the sweep in this process."""
    sweep = read_sweep()
    show([trained(train, sweep, seed, loss) for seed, loss in sweep.members])


def show(runs: list[Run]) -> None:
    """Print what came out."""
    print(json.dumps([asdict(run) for run in runs]))
