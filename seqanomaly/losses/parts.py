"""Weights of a part of a sequence that is too long for all of its weights to be made at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqanomaly.errors import ConfigError
from seqanomaly.losses.modulations import (
    Exp,
    Linear,
    Modulation,
    RateMatched,
    Reverse,
    ShuffledLabels,
    Step,
    Uniform,
)


def raw_part(modulation: Modulation, counter: Tensor, steps: int) -> Tensor:
    """Raw weights [S] of some of `steps` steps, which have the counters 0 .. steps - 1.

    Args:
        modulation: counter -> weight.
        counter: of the steps, as floats, [S].
        steps: how many steps the sequence has.

    Raises:
        ConfigError: a weight that is negative or overflows, or a modulation that needs all steps at once.

    >>> raw_part(Reverse(of=Linear(rate=1.0)), torch.tensor([0.0, 1.0]), 10).tolist()
    [10.0, 9.0]
    """
    if isinstance(modulation, Reverse):
        return raw_part(modulation.of, steps - 1 - counter, steps)
    if isinstance(modulation, ShuffledLabels):
        return raw_part(modulation.of, counter, steps)
    if isinstance(modulation, Step):
        modulation = Step(threshold=modulation.first_of(steps))
    if not isinstance(modulation, Uniform | Linear | Exp | Step | RateMatched):
        raise ConfigError(
            f"{modulation.name}: needs the weights of all {steps:,} steps of a sequence at once, which are too many; "
            "leave it out, or cut the series into several"
        )
    return modulation.raw(counter, torch.ones_like(counter, dtype=torch.bool))


def shares(modulation: Modulation, counter: Tensor, steps: int) -> tuple[Tensor, float]:
    """The same up to a common factor with which none overflows, and that factor.

    >>> found, factor = shares(Exp(rate=1.0), torch.tensor([9999.0], dtype=torch.float64), 10_000)
    >>> found.tolist(), factor
    ([1.0], 0.0)
    """
    if isinstance(modulation, Reverse):
        return shares(modulation.of, steps - 1 - counter, steps)
    if isinstance(modulation, ShuffledLabels):
        return shares(modulation.of, counter, steps)
    if isinstance(modulation, Exp):
        heaviest = steps - 1 if modulation.rate >= 0 else 0
        return (modulation.rate * (counter - heaviest)).exp(), math.exp(-modulation.rate * heaviest)
    return raw_part(modulation, counter, steps), 1.0
