"""Counter-modulated losses: the loss of each step times a function of its counter.

The names below load torch when they are first used, so that a configuration can be read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqanomaly.losses.modulations import (
    MODULATIONS,
    Exp,
    Linear,
    Modulation,
    Permuted,
    RateMatched,
    Reverse,
    ShuffledLabels,
    Step,
    Uniform,
)

if TYPE_CHECKING:
    from seqanomaly.losses.base import BASES, BCE, CE, MSE, BaseLoss
    from seqanomaly.losses.counter_loss import (
        CounterLoss,
        ExponentialCounterLoss,
        LinearCounterLoss,
        StepCounterLoss,
    )
    from seqanomaly.losses.diagnostics import Diagnostics, diagnose

__all__ = [
    "BASES",
    "BCE",
    "CE",
    "MODULATIONS",
    "MSE",
    "BaseLoss",
    "CounterLoss",
    "Diagnostics",
    "Exp",
    "ExponentialCounterLoss",
    "Linear",
    "LinearCounterLoss",
    "Modulation",
    "Permuted",
    "RateMatched",
    "Reverse",
    "ShuffledLabels",
    "Step",
    "StepCounterLoss",
    "Uniform",
    "diagnose",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seqanomaly.losses import base, counter_loss, diagnostics

    found: object = {**vars(base), **vars(counter_loss), **vars(diagnostics)}[name]
    globals()[name] = found
    return found
