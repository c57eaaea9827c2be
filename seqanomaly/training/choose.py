"""Which way a stack is computed: follows from model, settings, machine and installation, never from load."""

from __future__ import annotations

import torch

from seqanomaly.kernel.library import library
from seqanomaly.models.base import SequenceModel
from seqanomaly.models.rnn import Recurrent
from seqanomaly.models.tcn import TCN
from seqanomaly.training.compiled import DEEPEST, KINDS, LAYERS, CompiledRecurrent, CompiledTCN
from seqanomaly.training.compute import Compute, Precision, Torch, Truncated
from seqanomaly.training.graphs import graphs_wanted

CPU = torch.device("cpu")


def compute_for(
    model: SequenceModel,
    *,
    device: torch.device = CPU,
    truncate: int | None = None,
    precision: Precision = "float32",
) -> Compute:
    """How `model` is computed: by the compiled kernel where there is one for it, else by torch.

    Args:
        model: the shape that all members share.
        device: where the stack lies.
        truncate: steps of a piece in truncated backpropagation through time, None for all of a sequence at once.
        precision: what gradients are computed with.

    Raises:
        ConfigError: an environment variable, `SEQANOM_KERNEL` or `SEQANOM_GRAPHS`, asks for what is not there.
    """
    assert truncate is None or isinstance(model, Recurrent), "RunConfig allows it for models whose state goes on"
    found = library()
    if found is not None and device.type == "cpu" and precision == "float32" and model.dropout == 0:
        match model:
            case Recurrent() if type(model) in KINDS and model.layers <= LAYERS:
                return CompiledRecurrent(model, found, truncate)
            case TCN() if model.layers <= DEEPEST:
                return CompiledTCN(model, found)
    replayed = graphs_wanted() and device.type == "cuda" and model.dropout == 0  # dropout draws on the CPU
    if truncate is not None and isinstance(model, Recurrent):
        return Truncated(model, truncate, precision, replayed=replayed)
    return Torch(model, precision, replayed=replayed)
