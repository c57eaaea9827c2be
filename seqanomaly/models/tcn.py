"""Temporal convolutional detector over a stack: residual blocks of causal dilated convolutions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqanomaly.models.base import Dropout, Parameter, SequenceModel, linear


class TCN(SequenceModel):
    """Blocks of two causal convolutions with dilation 2^block, ReLU, dropout and a residual path, then a linear head.

    Source: Bai, Kolter & Koltun, arXiv 1803.01271 (without weight normalisation).

    Args:
        features: number of features F.
        outputs: number of outputs O per step.
        channels: number of channels C of each convolution.
        kernel: steps that one convolution sees, at least 2.
        layers: number of residual blocks.
        dropout: share of values dropped after each convolution while training.

    >>> TCN(features=3, outputs=1, kernel=3, layers=4).receptive_field
    61
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        *,
        channels: int = 16,
        kernel: int = 3,
        layers: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(features, outputs, dropout)
        self.channels, self.kernel, self.layers = channels, kernel, layers

    @property
    def receptive_field(self) -> int:
        """1 + 2 (kernel - 1) (2^layers - 1) steps."""
        return 1 + 2 * (self.kernel - 1) * ((1 << self.layers) - 1)

    @property
    def width(self) -> int:
        return self.kernel * max(self.channels, self.features)

    def parameters(self) -> dict[str, Parameter]:
        found, c = {}, self.channels
        for n in range(self.layers):
            width = c if n else self.features
            for name, inputs in (("first", width), ("second", c)):
                bound = (inputs * self.kernel) ** -0.5
                found[f"blocks.{n}.{name}.weight"] = Parameter((c, inputs, self.kernel), bound)
                found[f"blocks.{n}.{name}.bias"] = Parameter((c,), bound)
            if width != c:
                found[f"blocks.{n}.skip.weight"] = Parameter((c, width), width**-0.5)
                found[f"blocks.{n}.skip.bias"] = Parameter((c,), width**-0.5)
        found["head.weight"] = Parameter((self.outputs, c), c**-0.5)
        found["head.bias"] = Parameter((self.outputs,), c**-0.5)
        return found

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        h = x  # [K, B, T, F]
        for n in range(self.layers):
            block = {name.removeprefix(f"blocks.{n}."): w for name, w in weights.items() if f"blocks.{n}." in name}
            inner = drop(_convolve(h, block["first.weight"], block["first.bias"], 2**n).relu())
            inner = drop(_convolve(inner, block["second.weight"], block["second.bias"], 2**n).relu())
            skip = linear(h, block["skip.weight"], block["skip.bias"]) if "skip.weight" in block else h
            h = (inner + skip).relu()  # [K, B, T, C]
        return linear(h, weights["head.weight"], weights["head.bias"])  # [K, B, T, O]


def _convolve(h: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """Causal convolution of `h` [K, B, T, I] by `weight` [K, O, I, k] as one product of shifted copies."""
    steps, kernel = h.shape[2], weight.shape[-1]
    padded = F.pad(h, (0, 0, (kernel - 1) * dilation, 0))  # [K, B, T + (k - 1) d, I]
    shifted = torch.cat([padded[:, :, j * dilation : j * dilation + steps] for j in range(kernel)], dim=-1)
    return linear(shifted, weight.permute(0, 1, 3, 2).flatten(2), bias)  # [K, B, T, k I] -> [K, B, T, O]
