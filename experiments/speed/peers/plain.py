"""The script that people write: torch.nn, Dataset and DataLoader, Adam, one run after the other.

Usage: python plain.py SWEEP.json [PROCESSES]; with PROCESSES, runs go to that many processes of one thread each.
"""

from __future__ import annotations

import copy
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import torch
from networks import build
from task import LR, Sweep, load, one_after_the_other, read_sweep, show, step_weights, trained
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader


def train(sweep: Sweep, seed: int, loss: str) -> nn.Module:
    """The detector of the epoch with the best validation loss."""
    torch.manual_seed(seed)
    parts = load(sweep, seed)
    _, steps, features = parts["train"].tensors[0].shape
    loader = DataLoader(parts["train"], batch_size=sweep.batch_size, shuffle=True)
    validation = DataLoader(parts["validation"], batch_size=256)
    network, weight = build(sweep.model, features, sweep.hidden), step_weights(loss, steps)
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    best, kept = float("inf"), network.state_dict()
    for _ in range(sweep.epochs):
        network.train()
        for x, y in loader:
            optimizer.zero_grad()
            error = binary_cross_entropy_with_logits(network(x), y, weight=weight)
            error.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        network.eval()
        with torch.no_grad():
            losses = [binary_cross_entropy_with_logits(network(x), y, reduction="sum").item() for x, y in validation]
        if sum(losses) < best:
            best, kept = sum(losses), copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return network


def side_by_side(processes: int) -> None:
    """Train the members of the sweep in that many processes."""
    sweep = read_sweep()
    with ProcessPoolExecutor(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        seeds, losses = zip(*sweep.members, strict=True)
        show(list(pool.map(partial(trained, train, sweep), seeds, losses)))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        side_by_side(int(sys.argv[2]))
    else:
        one_after_the_other(train)
