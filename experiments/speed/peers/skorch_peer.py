"""The same with skorch, one run after the other.

Usage: python skorch_peer.py SWEEP.json
"""

from __future__ import annotations

import torch
from networks import build
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from skorch.utils import noop
from task import LR, Sweep, load, one_after_the_other, step_weights
from torch import Tensor, nn


class Weighted(nn.Module):
    """Binary cross-entropy with a weight per step while training, and without one when validating."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.training_loss, self.plain_loss = nn.BCEWithLogitsLoss(weight=weight), nn.BCEWithLogitsLoss()

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        loss: Tensor = (self.training_loss if self.training else self.plain_loss)(logits, y)
        return loss


def train(sweep: Sweep, seed: int, loss: str) -> nn.Module:
    """The detector of the epoch with the best validation loss."""
    torch.manual_seed(seed)
    parts = load(sweep, seed)
    _, steps, features = parts["train"].tensors[0].shape
    net = NeuralNet(
        build(sweep.model, features, sweep.hidden),
        Weighted(step_weights(loss, steps)),
        optimizer=torch.optim.Adam,
        lr=LR,
        max_epochs=sweep.epochs,
        batch_size=sweep.batch_size,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=256,
        train_split=predefined_split(parts["validation"]),
        callbacks=[EarlyStopping(patience=sweep.epochs, threshold=0, load_best=True, sink=noop)],
        callbacks__print_log=None,
        verbose=0,
    )
    net.fit(parts["train"], y=None)
    network: nn.Module = net.module_
    return network


if __name__ == "__main__":
    one_after_the_other(train)
