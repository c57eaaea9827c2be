"""The detectors as torch.nn modules: the same architectures, and the same distributions of initial weights, as ours."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Recurrent(nn.Module):
    """One recurrent layer and a linear head: features [B, T, F] -> logits [B, T]."""

    def __init__(self, model: str, features: int, hidden: int) -> None:
        super().__init__()
        layer = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[model]
        self.layer, self.head = layer(features, hidden, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.layer(x)
        logits: Tensor = self.head(states)  # [B, T, 1]
        return logits.squeeze(-1)


class Block(nn.Module):
    """Two causal dilated convolutions and a residual path, [B, C, T] -> [B, C, T]."""

    def __init__(self, inputs: int, channels: int, dilation: int, kernel: int = 3) -> None:
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.first = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.skip = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.first(F.pad(x, (self.pad, 0))).relu()
        h = self.second(F.pad(h, (self.pad, 0))).relu()
        skip: Tensor = self.skip(x)
        return (h + skip).relu()


class TCN(nn.Module):
    """Four blocks and a linear head: features [B, T, F] -> logits [B, T]."""

    def __init__(self, features: int, channels: int, layers: int = 4) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(channels if n else features, channels, 2**n) for n in range(layers)))
        self.head = nn.Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(x.transpose(1, 2)).transpose(1, 2))  # [B, T, 1]
        return logits.squeeze(-1)


def build(model: str, features: int, hidden: int) -> nn.Module:
    """The detector of that kind and size."""
    return TCN(features, hidden) if model == "tcn" else Recurrent(model, features, hidden)
