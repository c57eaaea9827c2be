"""How fast is one update of a TCN: as torch.nn modules, by our torch path, and by the compiled kernel?

Usage: python experiments/speed/kernel_tcn.py; writes kernel_tcn.csv beside itself. One thread. Forward, loss, backward
and Adam for one detector; every repetition times all arms in turn, so that a noisy machine hits them alike, and the
least of each arm counts, in seconds of the processor. The peak is a matrix product of 1,024 x 1,024 in the same turns;
its share is of the operations of direct convolutions, of which the kernel may leave out a third (three taps by four
products for two steps, with AVX-512 from 32 channels on), so it may exceed 1.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqanomaly.experiment import stack_size
from seqanomaly.kernel.library import library
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.specs import TcnSpec
from seqanomaly.models.tcn import TCN
from seqanomaly.tasks import Detect
from seqanomaly.training.compiled import CompiledTCN
from seqanomaly.training.compute import Compute, Torch
from seqanomaly.training.optimizers import make_optimizer

SHAPES = ((8, 32, 50, 4), (16, 32, 50, 4), (32, 64, 100, 8), (64, 64, 100, 8), (128, 64, 100, 8))
"""Channels, sequences of a batch, steps, features."""
REPEATS, PEAK = 30, 1024


class Block(nn.Module):
    """Two causal convolutions and what skips them."""

    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.first = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.skip = nn.Identity() if inputs == channels else nn.Conv1d(inputs, channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        """[B, I, T] -> [B, C, T]."""
        inner = F.relu(self.first(F.pad(h, (self.pad, 0))))
        inner = F.relu(self.second(F.pad(inner, (self.pad, 0))))
        return F.relu(inner + self.skip(h))


class Plain(nn.Module):
    """The detector as it is usually written."""

    def __init__(self, model: TCN) -> None:
        super().__init__()
        c, k = model.channels, model.kernel
        widths = [model.features, *[c] * (model.layers - 1)]
        self.blocks = nn.Sequential(*[Block(width, c, k, 2**n) for n, width in enumerate(widths)])
        self.head = nn.Linear(c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, F] -> [B, T]."""
        h: Tensor = self.blocks(x.transpose(1, 2))  # [B, C, T]
        out: Tensor = self.head(h.transpose(1, 2))  # [B, T, 1]
        return out.squeeze(-1)


def plain(model: TCN, x: Tensor, target: Tensor) -> Callable[[], None]:
    """An update of a module by torch.optim."""
    module = Plain(model)
    assert sum(p.numel() for p in module.parameters()) == model.size
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)

    def update() -> None:
        loss = F.binary_cross_entropy_with_logits(module(x), target)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    return update


def stacked(compute: Compute, members: int, x: Tensor, target: Tensor) -> Callable[[], None]:
    """An update of a stack by our loop's parts."""
    rows = torch.stack([compute.model.init(torch.Generator().manual_seed(k)) for k in range(members)])
    optimizer = make_optimizer("adam", rows, torch.full((members,), 0.01), weight_decay=None, momentum=0.0)
    x, target = (values.expand(members, *values.shape).contiguous() for values in (x, target))
    mask, weight = torch.ones_like(target, dtype=torch.bool), torch.ones_like(target)

    def update() -> None:
        _, gradient = compute.gradient(Detect().step_loss, rows, x, target, mask, weight, NO_DROPOUT)
        optimizer.step(gradient)

    return update


def operations(model: TCN, steps: int) -> int:
    """Floating-point operations of all products: forward, by the weights, and by what is not a feature."""
    per_step = 0
    for name, parameter in model.parameters().items():
        of_features = name in ("blocks.0.first.weight", "blocks.0.skip.weight")
        per_step += 0 if name.endswith("bias") else parameter.size * (2 if of_features else 3)
    return 2 * steps * per_step


def measure(channels: int, batch: int, steps: int, features: int) -> list[list[str | int]]:
    """A row per arm: least milliseconds per member, times the compiled kernel, share of the peak."""
    found = library()
    assert found is not None, "compile the kernel first (python setup.py build_ext -i)"
    spec = TcnSpec(channels=channels)
    model, members = TCN(features, 1, channels=channels), stack_size(spec, batch)
    g = torch.Generator().manual_seed(0)
    x, target = torch.randn(batch, steps, features, generator=g), torch.ones(batch, steps)
    square = torch.randn(PEAK, PEAK, generator=g)
    arms: dict[str, tuple[int, Callable[[], object]]] = {
        "torch.nn": (1, plain(model, x, target)),
        "stacked torch": (members, stacked(Torch(model), members, x, target)),
        f"compiled, {found.instructions}": (members, stacked(CompiledTCN(model, found), members, x, target)),
        "peak": (1, lambda: square @ square),
    }
    least = dict.fromkeys(arms, float("inf"))
    for _ in range(REPEATS):
        for arm, (count, work) in arms.items():
            start = time.thread_time()
            work()
            least[arm] = min(least[arm], (time.thread_time() - start) / count)
    peak, best = 2 * PEAK**3 / least.pop("peak"), least[f"compiled, {found.instructions}"]
    shape = [channels, batch, steps, features]
    rows: list[list[str | int]] = []
    for arm, seconds in least.items():
        share = operations(model, batch * steps) / seconds / peak
        rows.append([*shape, arm, arms[arm][0], f"{seconds * 1e3:.3f}", f"{seconds / best:.2f}", f"{share:.2f}"])
    return rows


def main() -> None:
    """Measure every shape and write the table."""
    torch.set_num_threads(1)
    header = ["channels", "batch", "steps", "features", "arm", "stack"]
    header += ["milliseconds_per_member", "times_the_compiled", "share_of_peak"]
    with Path(__file__).with_name("kernel_tcn.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for shape in SHAPES:
            rows = measure(*shape)
            writer.writerows(rows)
            print(*rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
