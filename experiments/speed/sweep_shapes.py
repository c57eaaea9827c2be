"""The sweeps that are timed: their shapes, their data, and what they compute."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.synthetic import Drift

LOSSES = ("uniform", "linear", "exp", "step")
MODELS = ("rnn", "gru", "lstm", "tcn")
KERNEL, LAYERS = 3, 4
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One size of sweep: four losses times `seeds` members on `drift`."""

    name: str
    hidden: int
    """Hidden units, or channels."""
    batch_size: int
    steps: int
    features: int
    epochs: int
    sample: int = 3
    """Members that a process of a peer really trains."""
    seeds: int = 16
    count: int = 400
    """Training sequences, of which a fifth validate."""
    test: int = 400

    @property
    def members(self) -> list[tuple[int, str]]:
        """Seed and loss of each."""
        return [(seed, loss) for seed in range(self.seeds) for loss in LOSSES]

    @property
    def title(self) -> str:
        """As the page calls it."""
        return f"hidden {self.hidden}, B {self.batch_size}, T {self.steps:,}"

    @property
    def data(self) -> Drift:
        """Its task."""
        return Drift(length=self.steps, features=self.features, train=self.count, test=self.test)

    def experiment(self, model: str) -> dict[str, Any]:
        """The same sweep for `seqanom compare`."""
        size = (
            {"kernel": KERNEL, "layers": LAYERS, "channels": self.hidden} if model == "tcn" else {"hidden": self.hidden}
        )
        return {
            "name": f"{self.name}-{model}",
            "data": self.data.model_dump(),
            "model": {"kind": model, **size},
            "loss": list(LOSSES),
            "train": {"epochs": self.epochs, "batch_size": self.batch_size, "lr": 0.01},
            "seeds": self.seeds,
        }

    def write_data(self, folder: Path) -> None:
        """The parts of every seed as `seqanom` draws and scales them, one SEED.npz each."""
        folder.mkdir()
        for seed in range(self.seeds):
            parts = self.data.open().parts(seed)
            scaler = Scaler.fit(parts.train)
            arrays: dict[str, Any] = {f"{name}_x": scaler.apply(part).x for name, part in vars(parts).items()}
            arrays |= {f"{name}_y": part.label.astype(np.float32) for name, part in vars(parts).items()}
            np.savez(folder / f"{seed}.npz", allow_pickle=False, **arrays)

    def operations(self, model: str) -> float:
        """Floating point operations of the matrix products of the whole sweep.

        An update counts as three forward passes; validation and test are one each.
        """
        validation = round(0.2 * self.count)
        passes = self.epochs * (3 * (self.count - validation) + validation) + self.test
        return len(self.members) * passes * self.steps * 2.0 * sum(math.prod(size) for size in self._products(model))

    def _products(self, model: str) -> Iterator[tuple[int, int]]:
        """Rows and columns of every weight matrix."""
        h, f = self.hidden, self.features
        yield h, 1  # head
        if model in GATES:
            yield GATES[model] * h, f + h
            return
        for layer in range(LAYERS):
            inputs = h if layer else f
            yield h, KERNEL * (inputs + h)
            if inputs != h:
                yield h, inputs  # residual path


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(name="h8", hidden=8, batch_size=32, steps=50, features=5, epochs=30),
        Shape(name="h16", hidden=16, batch_size=32, steps=50, features=5, epochs=30),
        Shape(name="h32", hidden=32, batch_size=64, steps=100, features=8, epochs=10),
        Shape(name="h64", hidden=64, batch_size=64, steps=100, features=8, epochs=5),
        Shape(name="h128", hidden=128, batch_size=64, steps=100, features=8, epochs=3),
        Shape(name="t1000", hidden=32, batch_size=64, steps=1000, features=8, epochs=2, test=40),
    )
}
TINY = Shape(name="tiny", hidden=4, batch_size=16, steps=12, features=3, epochs=3, sample=2, seeds=2, count=80, test=40)
"""For warming up and for tests."""
