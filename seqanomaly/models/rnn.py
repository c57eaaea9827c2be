"""Recurrent detectors: rnn, gru and lstm over a stack, with the parameter names and formulas of torch.nn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from seqanomaly.models.base import Dropout, Parameter, SequenceModel, linear
from seqanomaly.models.unrolled import GruSteps, LstmSteps, RnnSteps

BY_HAND = ("cuda",)
"""Kinds of devices on which backward passes are those of `unrolled`."""
State = tuple[Tensor, ...]
"""What a layer knows of the steps so far, each [K, B, H]."""


class Recurrent(SequenceModel, ABC):
    """Recurrent layers and a linear head; a member's weights load into torch.nn.RNN, GRU or LSTM by name.

    Args:
        features: number of features F.
        outputs: number of outputs O per step.
        hidden: number of hidden units H of each layer.
        layers: number of layers.
        dropout: share of each layer's outputs dropped while training.
    """

    gates: ClassVar[int]
    """Hidden-sized blocks in one layer's weights."""

    def __init__(self, features: int, outputs: int, *, hidden: int = 16, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(features, outputs, dropout)
        self.hidden, self.layers = hidden, layers

    @abstractmethod
    def layer(self, inputs: Tensor, weight: Tensor, bias: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        """Hidden states [K, B, H] of all steps, and the state after the last one.

        Args:
            inputs: the inputs' share of the gates, [K, B, T, gates * H].
            weight: recurrent weight, ready to be multiplied, [K, H, gates * H].
            bias: recurrent bias [K, 1, gates * H].
            state: what an earlier piece of the sequences ended with; None at their beginning.
        """

    @property
    def receptive_field(self) -> None:
        """All steps so far."""
        return

    @property
    def width(self) -> int:
        return self.gates * self.hidden

    def parameters(self) -> dict[str, Parameter]:
        bound, rows = self.hidden**-0.5, self.gates * self.hidden
        found = {}
        for n in range(self.layers):
            found[f"weight_ih_l{n}"] = Parameter((rows, self.hidden if n else self.features), bound)
            found[f"weight_hh_l{n}"] = Parameter((rows, self.hidden), bound)
            found[f"bias_ih_l{n}"] = Parameter((rows,), bound)
            found[f"bias_hh_l{n}"] = Parameter((rows,), bound)
        found["head.weight"] = Parameter((self.outputs, self.hidden), bound)
        found["head.bias"] = Parameter((self.outputs,), bound)
        return found

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        return self.carry(weights, x, drop, None)[0]

    def carry(
        self, weights: dict[str, Tensor], x: Tensor, drop: Dropout, states: list[State] | None
    ) -> tuple[Tensor, list[State]]:
        """Outputs of a piece of the sequences that follows what `states` ended with, one per layer, and its own end."""
        h, ends = x, []  # [K, B, T, F]
        for n in range(self.layers):
            inputs = linear(h, weights[f"weight_ih_l{n}"], weights[f"bias_ih_l{n}"])  # [K, B, T, gates * H]
            recurrent, bias = weights[f"weight_hh_l{n}"].mT.contiguous(), weights[f"bias_hh_l{n}"].unsqueeze(1)
            hidden, end = self.steps(inputs, recurrent, bias, None if states is None else states[n])
            h = drop(hidden)  # [K, B, T, H]
            ends.append(end)
        return linear(h, weights["head.weight"], weights["head.bias"]), ends  # [K, B, T, O]

    def steps(self, inputs: Tensor, weight: Tensor, bias: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Hidden states [K, B, T, H] and the last state, as `layer` says; on a GPU with fewer kernels."""
        if inputs.device.type not in BY_HAND or type(self) not in (RNN, GRU, LSTM):
            hidden, end = self.layer(inputs, weight, bias, state)
            return torch.stack(hidden, dim=2), end
        h = state[0] if state else self.start(inputs)
        if isinstance(self, LSTM):
            cell = state[1] if state else self.start(inputs)
            found, last = LstmSteps.apply(inputs, weight, bias, h, cell)  # type: ignore[no-untyped-call]
            return found, (found[:, :, -1], last)
        kind = GruSteps if isinstance(self, GRU) else RnnSteps
        found = kind.apply(inputs, weight, bias, h)  # type: ignore[no-untyped-call]
        return found, (found[:, :, -1],)

    def start(self, inputs: Tensor) -> Tensor:
        """The hidden state before the first step, zeros [K, B, H]."""
        return inputs.new_zeros(*inputs.shape[:2], self.hidden)


class RNN(Recurrent):
    """Elman network: h' = tanh(W x + b + U h + c). Source: Elman, Cognitive Science 14 (1990).

    >>> model = RNN(features=3, outputs=1, hidden=4)
    >>> weights = model.views(model.init(torch.Generator().manual_seed(0)).unsqueeze(0))
    >>> model.forward(weights, torch.zeros(1, 2, 5, 3), Dropout(0.0, [])).shape
    torch.Size([1, 2, 5, 1])
    """

    gates = 1

    def layer(self, inputs: Tensor, weight: Tensor, bias: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        (h,), states = state or (self.start(inputs),), []
        for step in inputs.unbind(2):  # [K, B, H]
            h = (step + torch.baddbmm(bias, h, weight)).tanh()
            states.append(h)
        return states, (h,)


class GRU(Recurrent):
    """Gated recurrent unit, reset gate after the product as in torch. Source: Cho et al., arXiv 1406.1078."""

    gates = 3

    def layer(self, inputs: Tensor, weight: Tensor, bias: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        (h,), states, n = state or (self.start(inputs),), [], self.hidden
        for step in inputs.unbind(2):  # [K, B, 3H]: reset, update, new
            recurrent = torch.baddbmm(bias, h, weight)  # [K, B, 3H]
            reset, update = (step[..., : 2 * n] + recurrent[..., : 2 * n]).sigmoid().chunk(2, -1)
            new = torch.addcmul(step[..., 2 * n :], reset, recurrent[..., 2 * n :]).tanh()
            h = torch.lerp(new, h, update)  # [K, B, H]
            states.append(h)
        return states, (h,)


class LSTM(Recurrent):
    """Long short-term memory. Source: Hochreiter & Schmidhuber, Neural Computation 9 (1997)."""

    gates = 4

    def layer(self, inputs: Tensor, weight: Tensor, bias: Tensor, state: State | None) -> tuple[list[Tensor], State]:
        (h, cell), states = state or (self.start(inputs), self.start(inputs)), []
        for step in inputs.unbind(2):  # [K, B, 4H]: input, forget, candidate, output
            gates = step + torch.baddbmm(bias, h, weight)
            take, keep = gates[..., : 2 * self.hidden].sigmoid().chunk(2, -1)
            candidate, show = gates[..., 2 * self.hidden :].chunk(2, -1)
            cell = keep * cell + take * candidate.tanh()  # [K, B, H]
            h = show.sigmoid() * cell.tanh()
            states.append(h)
        return states, (h, cell)
