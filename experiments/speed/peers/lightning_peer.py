"""The same with Lightning, one run after the other; everything that only reports is off.

Usage: python lightning_peer.py SWEEP.json
"""

from __future__ import annotations

import copy
import logging
import warnings
from typing import Any

import lightning
import torch
from networks import build
from task import LR, Sweep, load, one_after_the_other, step_weights
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader


class Detector(lightning.LightningModule):  # type: ignore[misc]
    """A network, its weighted loss, and the weights of the epoch with the best validation loss."""

    def __init__(self, network: nn.Module, weight: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("weight", weight)
        self.best, self.total, self.kept = float("inf"), 0.0, network.state_dict()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, y = batch
        return binary_cross_entropy_with_logits(self.network(x), y, weight=self.weight)

    def on_validation_epoch_start(self) -> None:
        self.total = 0.0

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        self.total += binary_cross_entropy_with_logits(self.network(x), y, reduction="sum").item()

    def on_validation_epoch_end(self) -> None:
        if self.total < self.best:
            self.best, self.kept = self.total, copy.deepcopy(self.network.state_dict())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LR)


QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}


def train(sweep: Sweep, seed: int, loss: str) -> nn.Module:
    """The detector of the epoch with the best validation loss."""
    torch.manual_seed(seed)
    parts = load(sweep, seed)
    _, steps, features = parts["train"].tensors[0].shape
    detector = Detector(build(sweep.model, features, sweep.hidden), step_weights(loss, steps))
    trainer = lightning.Trainer(max_epochs=sweep.epochs, **QUIET)
    loader = DataLoader(parts["train"], batch_size=sweep.batch_size, shuffle=True)
    trainer.fit(detector, loader, DataLoader(parts["validation"], batch_size=256))
    detector.network.load_state_dict(detector.kept)
    return detector.network


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    one_after_the_other(train)
