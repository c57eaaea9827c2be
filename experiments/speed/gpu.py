"""How much faster is a stack on a GPU than its members one after the other through cuDNN, on the same card?

Usage: python experiments/speed/gpu.py; writes gpu.csv beside itself, and ends with one sentence where there is no CUDA
device. 64 members with 32 hidden units learn drift (T 100, 8 features), 640 sequences in batches of 64, for 10 epochs
with validation after each: as one stack, by CUDA graphs and without them, and one after the other as torch.nn modules
(cuDNN), with the fused Adam of torch.optim. All arms begin with the same weights, see the same batches and keep the
best epoch; every repetition times all of them in turn, from an idle device to an idle device, after one shorter fit of
each that is not timed. A timed fit records its graphs anew. It has not been run on a GPU yet.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqanomaly.batch import Batch
from seqanomaly.counters import sequence_counter
from seqanomaly.datasets.synthetic import Drift
from seqanomaly.models.rnn import GRU, LSTM, Recurrent
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.tasks import Detect
from seqanomaly.training.graphs import VARIABLE
from seqanomaly.training.loop import fit
from seqanomaly.training.stack import Member

REPEATS = 5
KINDS: dict[str, tuple[type[Recurrent], Callable[..., nn.RNNBase]]] = {"gru": (GRU, nn.GRU), "lstm": (LSTM, nn.LSTM)}
PEER = "torch.nn, one after the other"
COLUMNS = ("device", "torch", "model", "arm", "members", "hidden", "batch", "steps", "updates", "repeats")
TIMES = ("median_seconds", "fastest", "slowest", "times_as_fast")


class Shape(NamedTuple):
    """How much there is to do."""

    members: int = 64
    hidden: int = 32
    batch: int = 64
    steps: int = 100
    features: int = 8
    train: int = 640
    validation: int = 128
    epochs: int = 10

    @property
    def updates(self) -> int:
        """Updates of each member."""
        return self.epochs * -(-self.train // self.batch)


def part(shape: Shape, seed: int, count: int) -> Batch:
    """Some drift sequences."""
    x, label = Drift(length=shape.steps, features=shape.features).draw(np.random.default_rng(seed), count)
    y = torch.from_numpy(label).float()
    counter = torch.from_numpy(sequence_counter(count, shape.steps))
    return Batch(x=torch.from_numpy(x), target=y, mask=torch.ones_like(y, dtype=torch.bool), counter=counter)


def members_of(shape: Shape) -> list[Member]:
    """Members with data, seeds and weights of their own."""
    late = torch.linspace(0.5, 1.5, shape.steps).expand(shape.train, -1)
    return [
        Member(
            seed=seed,
            lr=0.01,
            train=part(shape, 2 * seed, shape.train),
            validation=part(shape, 2 * seed + 1, shape.validation),
            weight=late.contiguous(),
        )
        for seed in range(shape.members)
    ]


def stacked(kind: str, shape: Shape, members: list[Member], device: torch.device, graphs: str = "") -> list[Tensor]:
    """The rows [P] that our loop makes of the members, as one stack; `graphs` is what SEQANOM_GRAPHS says."""
    os.environ[VARIABLE] = graphs
    model = KINDS[kind][0](shape.features, 1, hidden=shape.hidden)
    results = fit(model, Detect().step_loss, members, epochs=shape.epochs, batch_size=shape.batch, device=device)
    return [found.weights for found in results]


def alone(kind: str, shape: Shape, members: list[Member], device: torch.device) -> list[Tensor]:
    """The rows [P] that torch.nn and torch.optim make of them, one after the other."""
    ours, theirs = KINDS[kind]
    model = ours(shape.features, 1, hidden=shape.hidden)
    return [_trained(model, theirs, shape, member, device) for member in members]


def _trained(
    model: Recurrent, module: Callable[..., nn.RNNBase], shape: Shape, member: Member, device: torch.device
) -> Tensor:
    body, head = module(shape.features, shape.hidden, batch_first=True), nn.Linear(shape.hidden, 1)
    network = nn.ModuleDict({"body": body, "head": head})
    nn.utils.vector_to_parameters(model.init(torch_generator(member.seed, "weights")), network.parameters())
    network.to(device)
    data, weight, order = member.train, member.weight.to(device), numpy_generator(member.seed, "order")
    x, y, seen, wanted = (v.to(device) for v in (data.x, data.target, member.validation.x, member.validation.target))
    optimizer = torch.optim.Adam(network.parameters(), lr=member.lr, fused=device.type == "cuda")
    loss_of = nn.functional.binary_cross_entropy_with_logits
    best, kept = float("inf"), Tensor()
    for _ in range(shape.epochs):
        for batch in torch.split(torch.from_numpy(order.permutation(shape.train)).to(device), shape.batch):
            loss = loss_of(head(body(x[batch])[0]).squeeze(-1), y[batch], weight=weight[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        with torch.no_grad():
            value = loss_of(head(body(seen)[0]).squeeze(-1), wanted).item()
        if value < best:
            best, kept = value, nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    return kept.cpu()


def arms(kind: str, shape: Shape, members: list[Member], device: torch.device) -> dict[str, Callable[[], list[Tensor]]]:
    """What is timed, by name; the peer comes first."""
    return {
        PEER: partial(alone, kind, shape, members, device),
        "stack, CUDA graphs": partial(stacked, kind, shape, members, device),
        "stack, no graphs": partial(stacked, kind, shape, members, device, "off"),
    }


def seconds(work: Callable[[], list[Tensor]], idle: Callable[[], None]) -> float:
    """How long it takes, from an idle device to an idle one."""
    idle()
    start = time.perf_counter()
    work()
    idle()
    return time.perf_counter() - start


def measured(kind: str, shape: Shape, device: torch.device, name: str, idle: Callable[[], None]) -> list[list[str]]:
    """A row per arm: `COLUMNS` and `TIMES`.

    Args:
        kind: gru or lstm.
        shape: how much there is to do.
        device: where.
        name: of the device.
        idle: waits until it has done everything.
    """
    members = members_of(shape)
    for work in arms(kind, shape._replace(epochs=1), members, device).values():
        work()
    times: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for arm, work in arms(kind, shape, members, device).items():
            times.setdefault(arm, []).append(seconds(work, idle))
    peer = statistics.median(times[PEER])
    sizes = (shape.members, shape.hidden, shape.batch, shape.steps, shape.updates, REPEATS)
    rows = []
    for arm, own in times.items():
        median = statistics.median(own)
        spread = [f"{value:.4f}" for value in (median, min(own), max(own))]
        rows.append([name, torch.__version__, kind, arm, *map(str, sizes), *spread, f"{peer / median:.2f}"])
    return rows


def main() -> None:
    """Measure both models and write the table."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device was found, so nothing was measured; run this where torch.cuda.is_available() is True")
    device = torch.device("cuda", torch.cuda.current_device())
    name, idle = torch.cuda.get_device_name(device), partial(torch.cuda.synchronize, device)
    rows = [row for kind in KINDS for row in measured(kind, Shape(), device, name, idle)]
    with Path(__file__).with_name("gpu.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *TIMES])
        writer.writerows(rows)
    for row in rows:
        print(*row, sep=", ")


if __name__ == "__main__":
    main()
