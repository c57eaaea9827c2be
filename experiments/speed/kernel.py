"""How fast is the compiled kernel on one core, beside torch.nn and the stacked torch path?

Usage: python experiments/speed/kernel.py; writes kernel.csv beside itself. One thread, on one core. An arm does one
step's forward and backward pass with the loss, of one member (torch.nn) or of a stack of four, per member. Every
repetition times all arms in turn, in processor time of the thread, which leaves out what other programs take; the
smallest value counts. The peak is the best that a product of square matrices by torch (256 to 1,024 rows) reaches on
the same core; a member's operations are those of its matrix products alone, two per multiplication and addition.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from seqanomaly.kernel.library import of, usable
from seqanomaly.losses.base import BCE, StepLoss
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.training.compiled import CompiledRecurrent
from seqanomaly.training.compute import Compute, Torch

MEMBERS, SECONDS, ROUNDS = 4, 0.5, 3
SHAPES = [(8, 32, 50, 4), (16, 32, 50, 4), (32, 64, 100, 8), (64, 64, 100, 8), (96, 64, 100, 8), (128, 64, 100, 8)]
"""Hidden units, batch, steps, features."""
SQUARES = (256, 512, 1024)
LONG = [(16, 32, 1000, 4), (32, 64, 1000, 8)]
KINDS: dict[str, tuple[type[Recurrent], Callable[..., nn.RNNBase]]] = {
    "rnn": (RNN, nn.RNN),
    "gru": (GRU, nn.GRU),
    "lstm": (LSTM, nn.LSTM),
}


def inputs(members: int, batch: int, steps: int, features: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, targets, masks and weights of a batch."""
    draw = torch.Generator().manual_seed(0)
    shape = (members, batch, steps)
    x, target = torch.randn(*shape, features, generator=draw), torch.randint(0, 2, shape, generator=draw).float()
    return x, target, torch.ones(shape, dtype=torch.bool), torch.ones(shape)


def ours(compute: Compute, rows: Tensor, given: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    """One gradient of a stack."""
    compute.gradient(StepLoss(BCE()), rows, *given, NO_DROPOUT)


def plain(body: nn.RNNBase, head: nn.Linear, x: Tensor, target: Tensor) -> None:
    """One gradient of a torch module."""
    loss = nn.functional.binary_cross_entropy_with_logits(head(body(x)[0]).squeeze(-1), target)
    torch.autograd.grad(loss, [*body.parameters(), *head.parameters()])


def operations(model: Recurrent, batch: int, steps: int) -> float:
    """Of the matrix products of one step's forward and backward pass."""
    inner = model.gates * model.hidden
    return 2.0 * batch * steps * inner * (2 * (model.features + model.hidden) + model.hidden)


def fastest(arms: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least seconds of each arm, all of them in turn for a while."""
    best, rounds = dict.fromkeys(arms, float("inf")), 0
    end = time.thread_time() + SECONDS * len(arms)
    while rounds < ROUNDS or time.thread_time() < end:
        rounds += 1
        for name, work in arms.items():
            start = time.thread_time()
            work()
            best[name] = min(best[name], time.thread_time() - start)
    return best


def main() -> None:
    """Measure every shape and write the table."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    peak = max(2 * n**3 / fastest({"product": partial(torch.mm, *torch.ones(2, n, n))})["product"] for n in SQUARES)
    rows = []
    for kind, (ours_of, module) in KINDS.items():
        for hidden, batch, steps, features in SHAPES + LONG:
            model, given = ours_of(features, 1, hidden=hidden), inputs(MEMBERS, batch, steps, features)
            weights = torch.stack([model.init(torch.Generator().manual_seed(k)) for k in range(MEMBERS)])
            body, head = module(features, hidden, batch_first=True), nn.Linear(hidden, 1)
            arms: dict[str, Callable[[], object]] = {
                f"compiled, {name}": partial(ours, CompiledRecurrent(model, of(name)), weights, given)
                for name in usable()[-2:]
            }
            arms |= {
                "stacked torch": partial(ours, Torch(model), weights, given),
                "torch.nn": partial(plain, body, head, given[0][0], given[1][0]),
            }
            each = {arm: t / (1 if arm == "torch.nn" else MEMBERS) for arm, t in fastest(arms).items()}
            work, best = operations(model, batch, steps), each[f"compiled, {usable()[-1]}"]
            rows += [
                [
                    kind,
                    hidden,
                    batch,
                    steps,
                    features,
                    arm,
                    f"{1e3 * t:.3f}",
                    f"{t / best:.2f}",
                    f"{work / t / peak:.3f}",
                ]
                for arm, t in each.items()
            ]
            print(kind, hidden, steps, {arm: f"{1e3 * t:.3f} ms" for arm, t in each.items()}, flush=True)
    with Path(__file__).with_name("kernel.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                "model",
                "hidden",
                "batch",
                "steps",
                "features",
                "arm",
                "milliseconds",
                "times_the_kernel",
                "share_of_peak",
            ]
        )
        writer.writerows(rows)
    print(f"peak {peak / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
