"""The models against torch.nn: the same numbers, forward and backward, from the same weights under the same names."""

import pytest
import torch
from torch import Tensor, nn

from seqanomaly.models.base import NO_DROPOUT, SequenceModel
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.models.tcn import TCN

Outputs = tuple[Tensor, dict[str, Tensor]]
"""Outputs [N, T, O], and the gradient of every parameter by its name."""


def ours(model: SequenceModel, row: Tensor, x: Tensor, factor: Tensor) -> Outputs:
    row = row.unsqueeze(0).requires_grad_()  # [1, P]
    outputs = model.forward(model.views(row), x.unsqueeze(0), NO_DROPOUT)[0]
    (gradient,) = torch.autograd.grad((outputs * factor).sum(), row)
    return outputs.detach(), {name: g[0] for name, g in model.views(gradient).items()}


def theirs(module: nn.Module, x: Tensor, factor: Tensor) -> Outputs:
    outputs: Tensor = module(x)
    (outputs * factor).sum().backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad for name, p in module.named_parameters()}
    return outputs.detach(), {name: g for name, g in found.items() if g is not None}


def load(module: nn.Module, model: SequenceModel, row: Tensor) -> None:
    """Copy the row into the module, each parameter by its name and none left over."""
    named = {name: w[0] for name, w in model.views(row.unsqueeze(0)).items()}
    own = module.state_dict()
    module.load_state_dict({name: w.reshape(own[name].shape) for name, w in named.items()}, strict=True)


def assert_same(found: Outputs, expected: Outputs) -> None:
    torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=1e-9)
    assert found[1].keys() == expected[1].keys()
    for name, gradient in found[1].items():
        torch.testing.assert_close(gradient, expected[1][name].reshape(gradient.shape), rtol=1e-6, atol=1e-9)
        assert gradient.abs().max() > 0


class TorchRecurrent(nn.Module):
    """A recurrent module of torch and a linear head, with our names."""

    def __init__(self, core: nn.RNN | nn.GRU | nn.LSTM, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(core.hidden_size, outputs)
        for name, parameter in core.named_parameters():
            self.register_parameter(name, parameter)
        self._core = [core]  # in a list: its parameters are already here, under their own names

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self._core[0](x)
        outputs: Tensor = self.head(states)
        return outputs


@pytest.mark.parametrize(("kind", "reference"), [(RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_models_equal_torch(
    kind: type[Recurrent], reference: type[nn.RNN] | type[nn.GRU] | type[nn.LSTM], layers: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    model = kind(3, 2, hidden=5, layers=layers)
    row = 2 * model.init(generator).double()  # twice the usual size, so that gates are not all half open
    x = torch.randn(4, 11, 3, generator=generator, dtype=torch.float64)
    factor = torch.randn(4, 11, 2, generator=generator, dtype=torch.float64)
    module = TorchRecurrent(reference(3, 5, layers, batch_first=True, dtype=torch.float64), 2).double()
    load(module, model, row)
    assert_same(ours(model, row, x, factor), theirs(module, x, factor))


class Block(nn.Module):
    """A residual block of causal convolutions."""

    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        if inputs != channels:
            self.skip = nn.Conv1d(inputs, channels, 1)
        self.pad = nn.ConstantPad1d(((kernel - 1) * dilation, 0), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.first(self.pad(x)).relu()
        inner = self.second(self.pad(inner)).relu()
        around: Tensor = self.skip(x) if "skip" in dict(self.named_children()) else x
        together: Tensor = (inner + around).relu()
        return together


class TorchTCN(nn.Module):
    """Blocks with dilations 1, 2, 4, .. and a linear head."""

    def __init__(self, features: int, outputs: int, channels: int, kernel: int, layers: int) -> None:
        super().__init__()
        widths = [features] + [channels] * (layers - 1)
        self.blocks = nn.Sequential(*[Block(width, channels, kernel, 2**n) for n, width in enumerate(widths)])
        self.head = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.blocks(x.mT).mT)  # Conv1d takes [N, C, T]
        return outputs


@pytest.mark.parametrize(("features", "skip"), [(3, True), (5, False)])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_tcn_equals_convolutions(features: int, skip: bool, kernel: int, layers: int) -> None:
    generator = torch.Generator().manual_seed(1)
    model = TCN(features, 2, channels=5, kernel=kernel, layers=layers)
    assert ("blocks.0.skip.weight" in model.parameters()) is skip
    row = model.init(generator).double()
    x = torch.randn(4, 20, features, generator=generator, dtype=torch.float64)
    factor = torch.randn(4, 20, 2, generator=generator, dtype=torch.float64)
    module = TorchTCN(features, 2, 5, kernel, layers).double()
    load(module, model, row)
    assert_same(ours(model, row, x, factor), theirs(module, x, factor))


@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_initial_bounds_are_those_of_torch(kind: type[Recurrent]) -> None:
    assert {p.bound for p in kind(3, 2, hidden=16).parameters().values()} == {0.25}


def test_initial_bounds_of_the_tcn_are_those_of_convolutions() -> None:
    bounds = {name: p.bound for name, p in TCN(9, 2, channels=4, kernel=4, layers=1).parameters().items()}
    assert bounds == pytest.approx(
        {
            "blocks.0.first.weight": 1 / 6,
            "blocks.0.first.bias": 1 / 6,
            "blocks.0.second.weight": 1 / 4,
            "blocks.0.second.bias": 1 / 4,
            "blocks.0.skip.weight": 1 / 3,
            "blocks.0.skip.bias": 1 / 3,
            "head.weight": 1 / 2,
            "head.bias": 1 / 2,
        }
    )
