"""Does the compiled kernel train worse detectors than torch, or is the difference what any rounding makes?

Usage: python experiments/speed/rounding.py; writes rounding.csv, rounding_gradients.csv and rounding.md beside itself
in about ten minutes. The gru of the default experiment learns `episodes` under uniform and exp, with the same seeds,
in several ways that are equal but for rounding: torch in float32, with gradients computed in float64, and with initial
weights changed by at most 1e-7 of their size; and the kernel with each instruction set. Differences in accuracy are
paired by seed, with the 95% Student t interval. The second table has the error of each way's gradient along one
training by torch, against torch in float64: the norm of the difference over the norm of the gradient, the median over
the batches of an epoch.
"""

from __future__ import annotations

import os
import runpy
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from seqanomaly.comparison import t_interval
from seqanomaly.errors import RunError
from seqanomaly.kernel.library import VARIABLE, of, usable
from seqanomaly.losses.base import StepLoss
from seqanomaly.models.base import Dropout
from seqanomaly.models.rnn import GRU, Recurrent
from seqanomaly.run import run_stack
from seqanomaly.run_config import RunConfig
from seqanomaly.training import loop
from seqanomaly.training.compiled import CompiledRecurrent
from seqanomaly.training.compute import Compute, Torch

HERE = Path(__file__).parent
SEEDS, STACK, EPOCHS = range(100), 16, (1, 10, 30)
LOSSES, BUCKETS = ("uniform", "exp"), ("early", "late")
BASE = "torch, float32"
NUDGE = 1e-7


class Double(Torch):
    """Losses and gradients in float64; parameters, optimiser and evaluation stay float32."""

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        own = rows.double().requires_grad_()
        outputs = self.model.forward(self.model.views(own), x.double(), drop)  # [K, B, T, O]
        weighted = torch.where(mask, step_loss(outputs, target.double()) * weight, 0.0)  # [K, B, T]
        loss = weighted.sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)  # [K]
        (gradient,) = torch.autograd.grad(loss.sum(), own)  # [K, P]
        return loss.detach().float(), gradient.float()


class Watched(Torch):
    """Trains by torch, and notes the error of other ways' gradients for the same rows and batch."""

    def __init__(self, model: Recurrent) -> None:
        super().__init__(model)
        self.exact = Double(model)
        self.others: dict[str, Compute] = {BASE: Torch(model)}
        self.others |= {f"kernel, {name}": CompiledRecurrent(model, of(name)) for name in usable()}
        self.errors: dict[str, list[float]] = {name: [] for name in self.others}

    def gradient(
        self, step_loss: StepLoss, rows: Tensor, x: Tensor, target: Tensor, mask: Tensor, weight: Tensor, drop: Dropout
    ) -> tuple[Tensor, Tensor]:
        batch = (step_loss, rows, x, target, mask, weight, drop)
        exact = self.exact.gradient(*batch)[1]
        for name, way in self.others.items():
            error = (way.gradient(*batch)[1] - exact).norm(dim=1) / exact.norm(dim=1)  # [K]
            self.errors[name] += error.tolist()
        return super().gradient(*batch)


@contextmanager
def nudged(sign: float) -> Iterator[None]:
    """Initial weights a little larger or smaller, each by a random part of `NUDGE`."""
    init = GRU.init

    def changed(self: GRU, generator: torch.Generator) -> Tensor:
        row = init(self, generator)
        part = torch.rand(row.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return (row * (1 + sign * NUDGE * part)).float()

    with patch.object(GRU, "init", changed):
        yield


@contextmanager
def computed(way: str) -> Iterator[None]:
    """Train in that way."""
    kind, _, how = way.partition(", ")
    with patch.dict(os.environ, {VARIABLE: "off" if kind == "torch" else how}):
        if how == "float64 gradients":
            with patch.object(loop, "compute_for", lambda model, **_: Double(model)):
                yield
        elif how.startswith("weights"):
            with nudged(1.0 if "+" in how else -1.0):
                yield
        else:
            yield


WAYS = [BASE, "torch, weights +1e-7", "torch, weights -1e-7", "torch, float64 gradients"]
WAYS += [f"kernel, {name}" for name in reversed(usable())]


def configs() -> list[RunConfig]:
    """Every seed with every loss."""
    each: list[dict[str, Any]] = [{"seed": seed, "loss": loss} for seed, loss in product(SEEDS, LOSSES)]
    return [RunConfig(**{"data": "episodes", "model": "gru", **settings}) for settings in each]


def accuracies(way: str) -> pd.DataFrame:
    """A row per seed, loss and bucket."""
    every, rows = configs(), []
    with computed(way):
        for at in range(0, len(every), STACK):
            some = every[at : at + STACK]
            for config, result in zip(some, run_stack(some, some[0].data.open(), torch.device("cpu")), strict=True):
                if isinstance(result, RunError):
                    raise result
                found = result.metrics.query("metric == 'accuracy'")
                rows += [
                    {"way": way, "seed": config.seed, "loss": config.loss.name, "bucket": bucket, "accuracy": value}
                    for bucket, value in zip(found["bucket"], found["value"], strict=True)
                    if bucket in BUCKETS
                ]
    return pd.DataFrame(rows)


def gradient_errors() -> pd.DataFrame:
    """The error of each way's gradient in some epochs of a training under each loss."""
    rows = []
    for loss in LOSSES:
        some = [config for config in configs() if config.loss.name == loss][:4]
        found: list[Watched] = []

        def watched(model: Any, found: list[Watched] = found, **_: Any) -> Compute:
            if not found:  # the first is the one that trains
                found.append(Watched(model))
                return found[0]
            return Torch(model)

        with computed(BASE), patch.object(loop, "compute_for", watched):
            run_stack(some, some[0].data.open(), torch.device("cpu"))
        updates = len(next(iter(found[0].errors.values()))) // some[0].train.epochs
        for epoch, (name, errors) in product(EPOCHS, found[0].errors.items()):
            value = statistics.median(errors[(epoch - 1) * updates : epoch * updates])
            rows.append({"loss": loss, "epoch": epoch, "way": name, "error": float(f"{value:.3g}")})
    return pd.DataFrame(rows)


def page(table: pd.DataFrame, errors: pd.DataFrame) -> str:
    """Both tables as Markdown, accuracies in points."""
    columns = {
        f"{loss}, {bucket}": 100 * table[(table["loss"] == loss) & (table["bucket"] == bucket)].set_index("seed")[WAYS]
        for loss, bucket in product(LOSSES, BUCKETS)
    }
    columns["exp - uniform, late"] = columns["exp, late"] - columns["uniform, late"]
    lines = [f"| way | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}"]
    for way in WAYS:
        cells = []
        for values in columns.values():
            change = t_interval((values[way] - values[BASE]).to_numpy(np.float64)) if way != BASE else None
            shown = "" if change is None else " {:+.2f} [{:+.2f}, {:+.2f}]".format(*change)
            cells.append(f"{values[way].mean():.2f}{shown}")
        lines.append(f"| {way} | {' | '.join(cells)} |")
    names = list(dict.fromkeys(errors["way"]))
    lines += ["", f"| relative error of gradients | {' | '.join(names)} |", f"| --- |{' ---: |' * len(names)}"]
    for (loss, epoch), part in errors.groupby(["loss", "epoch"], sort=False):
        lines.append(f"| {loss}, epoch {epoch} | {' | '.join(f'{error:.1e}' for error in part['error'])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write the tables and fill the page."""
    torch.set_num_threads(1)
    gradient_errors().to_csv(HERE / "rounding_gradients.csv", index=False, lineterminator="\n")
    table = pd.concat([accuracies(way) for way in WAYS])
    wide = table.pivot_table("accuracy", ["loss", "bucket", "seed"], "way")[WAYS]
    wide.round(4).to_csv(HERE / "rounding.csv", lineterminator="\n")
    text = page(pd.read_csv(HERE / "rounding.csv"), pd.read_csv(HERE / "rounding_gradients.csv"))
    (HERE / "rounding.md").write_text(text, encoding="utf-8")
    print(text)
    runpy.run_path(str(HERE.parent / "pages.py"), run_name="__main__")


if __name__ == "__main__":
    main()
