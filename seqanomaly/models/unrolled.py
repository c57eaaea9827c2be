"""The steps of rnn, gru and lstm with backward passes by hand: a third of autograd's kernels, which a GPU counts.

The sums are those of `Recurrent.layer` to rounding. Everything lies with the steps first, [T, K, B, ...]; what does not
go from step to step is computed for all steps at once, the gradients of the weights too. A step's factors on the
gradient of its hidden state are made before the loop, so that in it a step multiplies by them and by the weight. No
gradient goes into the state that a layer begins with, and none comes from the one that it ends with: truncation cuts
there, and nothing else reads it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Gradients = tuple[Tensor, Tensor, Tensor]
"""Of the inputs, the weight and the bias."""


class RnnSteps(torch.autograd.Function):
    """Hidden states [K, B, T, H] of an Elman network; see `unrolled`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, h: Tensor) -> Tensor:
        states = _steps_first(inputs + bias.unsqueeze(2))  # [T, K, B, H]
        before = h
        for state in states.unbind(0):
            h = state.baddbmm_(h, weight).tanh_()
        ctx.save_for_backward(states, before, weight)
        return states.permute(1, 2, 0, 3)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        states, before, weight = ctx.saved_tensors
        back, of_gates = weight.mT.contiguous(), torch.empty_like(states)
        of_state, factor = _steps_first(given), 1 - states * states
        for t in range(len(states) - 1, -1, -1):
            torch.mul(of_state[t], factor[t], out=of_gates[t])
            if t:
                of_state[t - 1].baddbmm_(of_gates[t], back)
        return *_gradients(of_gates, of_gates, states, before), None


class GruSteps(torch.autograd.Function):
    """Hidden states [K, B, T, H] of gated recurrent units; see `unrolled`."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, h: Tensor) -> Tensor:
        n, before = h.shape[-1], h
        gates = _steps_first(inputs)  # [T, K, B, 3H]: reset, update, new
        recurrent = bias.expand(*gates.shape).contiguous()  # [T, K, B, 3H]
        states = gates.new_empty(*gates.shape[:3], n)  # [T, K, B, H]
        for gate, own, state in zip(gates.unbind(0), recurrent.unbind(0), states.unbind(0), strict=True):
            own.baddbmm_(h, weight)
            gate[..., : 2 * n].add_(own[..., : 2 * n]).sigmoid_()
            gate[..., 2 * n :].addcmul_(gate[..., :n], own[..., 2 * n :]).tanh_()
            h = torch.lerp(gate[..., 2 * n :], h, gate[..., n : 2 * n], out=state)
        ctx.save_for_backward(gates, recurrent[..., 2 * n :], states, before, weight)
        return states.permute(1, 2, 0, 3)

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        gates, recurrent, states, before, weight = ctx.saved_tensors
        reset, update, new = gates.chunk(3, -1)  # [T, K, B, H]
        of_new = (1 - update) * (1 - new * new)  # what a hidden state's gradient is multiplied by
        of_update = (_before(states, before) - new) * update * (1 - update)
        of_reset = of_new * recurrent * reset * (1 - reset)
        factor = torch.stack([of_reset, of_update, of_new * reset], dim=3)  # [T, K, B, 3, H]
        back, of_gates, of_state = weight.mT.contiguous(), torch.empty_like(factor), _steps_first(given)
        for t in range(len(states) - 1, -1, -1):
            torch.mul(of_state[t].unsqueeze(2), factor[t], out=of_gates[t])
            if t:
                of_state[t - 1].addcmul_(of_state[t], update[t]).baddbmm_(of_gates[t].flatten(2), back)
        of_inputs = torch.cat([of_gates[..., :2, :].flatten(3), of_state * of_new], dim=-1)
        return *_gradients(of_inputs, of_gates.flatten(3), states, before), None


class LstmSteps(torch.autograd.Function):
    """Hidden states [K, B, T, H] of long short-term memory, and its last cell [K, B, H]; see `unrolled`."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, h: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor]:
        n, before, first = h.shape[-1], h, cell
        gates = _steps_first(inputs + bias.unsqueeze(2))  # [T, K, B, 4H]: input, forget, candidate, output
        states, cells, shown = (gates.new_empty(*gates.shape[:3], n) for _ in range(3))  # [T, K, B, H]
        for t, gate in enumerate(gates.unbind(0)):
            gate.baddbmm_(h, weight)
            gate[..., : 2 * n].sigmoid_()
            gate[..., 2 * n : 3 * n].tanh_()
            gate[..., 3 * n :].sigmoid_()
            take, keep, candidate, show = gate.chunk(4, -1)
            cell = torch.mul(keep, cell, out=cells[t]).addcmul_(take, candidate)
            h = torch.mul(show, torch.tanh(cell, out=shown[t]), out=states[t])
        ctx.save_for_backward(gates, states, cells, shown, before, first, weight)
        last = cell.clone()
        ctx.mark_non_differentiable(last)
        return states.permute(1, 2, 0, 3), last

    @staticmethod
    def backward(ctx: Any, given: Tensor, _: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        gates, states, cells, shown, before, first, weight = ctx.saved_tensors
        n = states.shape[-1]
        take, keep, candidate, show = gates.chunk(4, -1)  # [T, K, B, H]
        of_take, of_keep = candidate * take * (1 - take), _before(cells, first) * keep * (1 - keep)
        factor = torch.stack([of_take, of_keep, take * (1 - candidate * candidate)], dim=3)  # [T, K, B, 3, H], of cells
        of_show, of_shown = shown * show * (1 - show), show * (1 - shown * shown)  # of hidden states
        back, of_gates, of_state = weight.mT.contiguous(), torch.empty_like(gates), _steps_first(given)
        of_cell = torch.zeros_like(first)
        for t in range(len(states) - 1, -1, -1):
            of_cell.addcmul_(of_state[t], of_shown[t])
            by_gate = of_gates[t].view(*of_cell.shape[:2], 4, n)  # [K, B, 4, H]
            torch.mul(of_cell.unsqueeze(2), factor[t], out=by_gate[:, :, :3])
            torch.mul(of_state[t], of_show[t], out=by_gate[:, :, 3])
            if t:
                of_cell.mul_(keep[t])
                of_state[t - 1].baddbmm_(of_gates[t], back)
        return *_gradients(of_gates, of_gates, states, before), None, None


def _steps_first(values: Tensor) -> Tensor:
    """A copy [T, K, B, ...] of [K, B, T, ...] with each step in one piece."""
    return values.permute(2, 0, 1, 3).clone(memory_format=torch.contiguous_format)


def _before(states: Tensor, first: Tensor) -> Tensor:
    """The state before each step, [T, K, B, H]."""
    return torch.cat([first.unsqueeze(0), states[:-1]])


def _gradients(of_inputs: Tensor, of_gates: Tensor, states: Tensor, before: Tensor) -> Gradients:
    """From the gradients of the inputs and of the recurrent share of the gates, both [T, K, B, gates * H]."""
    flat = of_gates.transpose(0, 1).flatten(1, 2)  # [K, T B, gates * H]
    own = _before(states, before).transpose(0, 1).flatten(1, 2)  # [K, T B, H]
    return of_inputs.permute(1, 2, 0, 3), own.mT @ flat, flat.sum(1, keepdim=True)
