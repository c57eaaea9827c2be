"""The weight of each training step, the learning rate, and the member of a stack that they make."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.errors import ConfigError
from seqanomaly.losses.counter_loss import CounterLoss
from seqanomaly.losses.diagnostics import Diagnostics, Spread
from seqanomaly.losses.modulations import for_seed
from seqanomaly.preparation import Prepared
from seqanomaly.run_config import LossSpec, RunConfig, last_counter, unreached
from seqanomaly.tasks import Task
from seqanomaly.training.flat import FlatWeights
from seqanomaly.training.long_weights import LongSequence, Weighed, spread_of
from seqanomaly.training.mapped import MappedWeights
from seqanomaly.training.stack import Member, Within
from seqanomaly.training.weights import seen_weights, sequence_weights, window_weights


def step_weights(config: RunConfig, task: Task, data: Prepared) -> Tensor:
    """The weight of each training step [N, T]: modulation of the counter, times the weight of the step's class.

    Where the counter is the place in a window, the modulation is left out: see `place_weights`.
    """
    factors = _class_factors(config, len(data.parts.train.classes))[torch.from_numpy(data.parts.train.label)]
    if _by_place(config, data):
        return data.train.mask * factors
    loss = CounterLoss(task.base, for_seed(config.loss.modulation, config.seed), normalize=config.loss.normalize)
    return sequence_weights(loss, data.train, torch.from_numpy(data.parts.train.real)) * factors


def place_weights(config: RunConfig, task: Task, data: Prepared) -> Within | None:
    """The modulation of each place in a window, where that is what the counter is; else None."""
    if not _by_place(config, data):
        return None
    loss = CounterLoss(task.base, for_seed(config.loss.modulation, config.seed), normalize=config.loss.normalize)
    return window_weights(loss, data.train, data.parts.train.length)


def learning_rate(config: RunConfig, task: Task, data: Prepared) -> float:
    """The learning rate: the one that is set, times the mean raw weight of the loss that it is matched to, if any."""
    rate = config.train.lr
    for matched in config.loss.matched:
        plain = config.model_copy(update={"loss": LossSpec(modulation=matched, normalize="none")})
        total, times = 0.0, 0
        for index, piece in data.pieces():
            if piece.mapped is not None:
                found = spread_of(_long(plain, task, piece, index))
                total, times = total + found.weight, times + int(found.times)
                continue
            seen = seen_weights(step_weights(plain, task, piece), place_weights(plain, task, piece), piece.train)
            total, times = total + seen.sum().item(), times + int(piece.train.times().sum())
        rate *= total / times
    if rate == 0:
        raise _unreached(config, data)
    return rate


def _by_place(config: RunConfig, data: Prepared) -> bool:
    """Whether the counter is the place in a window."""
    return config.frame == "window" and data.windows is not None


def _unreached(config: RunConfig, data: Prepared) -> ConfigError:
    longest = int(data.learned.length.max())
    return unreached(config.loss, config.data.name, longest, last_counter(config.frame, config.window, longest))


def make_member(config: RunConfig, task: Task, data: Prepared) -> tuple[Member, Diagnostics]:
    """The member, and what its weights do."""
    make = partial(Member, seed=config.seed, train=data.train, validation=data.validation)
    if not config.model.trained:  # a loss means nothing to it
        weight = data.train.mask.float()
        return make(lr=config.train.lr, weight=weight), _spread(weight, None, data).result()
    rate = learning_rate(config, task, data)
    kept = _kept(data)
    spread = Spread()
    for index, piece in data.pieces():
        if piece.mapped is not None:
            assert isinstance(kept, MappedWeights)
            spread += _keep_long(kept, _long(config, task, piece, index), int(index[0]))
            continue
        weight, within = step_weights(config, task, piece), place_weights(config, task, piece)
        spread += _spread(weight, within, piece)
        if kept is not None:
            kept.add(index, weight, within)
    if not spread.active:
        raise _unreached(config, data)
    if isinstance(kept, MappedWeights):
        return make(lr=rate, weight=data.train.mask.float(), mapped=kept.done()), spread.result()
    if kept is not None:
        weight, within = kept.weight, kept.within
    return make(lr=rate, weight=weight, within=within), spread.result()


def _kept(data: Prepared) -> MappedWeights | FlatWeights | None:
    """Where the weights of some training sequences after the other are kept; None where all are made at once."""
    if data.mapped is not None:
        return MappedWeights(data.mapped)
    return None if data.train.flat is None else FlatWeights(data.train.flat)


def _spread(weight: Tensor, within: Within | None, data: Prepared) -> Spread:
    """How the weights of some training sequences are spread."""
    anomalous = torch.from_numpy(data.parts.train.label != 0)
    return Spread.of(seen_weights(weight, within, data.train), anomalous, data.train.mask, data.train.times())


def _long(config: RunConfig, task: Task, data: Prepared, index: NDArray[np.int64]) -> Iterator[Weighed]:
    """The weights of the one sequence at `index`, which is too long for all of them to be made at once."""
    assert data.mapped is not None
    loss = CounterLoss(task.base, for_seed(config.loss.modulation, config.seed), normalize=config.loss.normalize)
    sequence = LongSequence(data.mapped, int(index[0]), config.frame)
    return sequence.weighed(loss, _class_factors(config, len(data.learned.classes)), by_place=_by_place(config, data))


def _keep_long(kept: MappedWeights, parts: Iterator[Weighed], number: int) -> Spread:
    """Keep the weights of a long sequence; how they are spread."""

    def noted() -> Iterator[Weighed]:
        for part in parts:
            kept.add_part(number, part.first, part.weight, part.within)
            yield part

    return spread_of(noted())


def _class_factors(config: RunConfig, classes: int) -> Tensor:
    if config.loss.class_weight is not None:
        if len(config.loss.class_weight) != classes:
            raise ConfigError(
                f"has {len(config.loss.class_weight)} values for the {classes} classes of {config.data.name}; "
                "give one each, normal first",
                ("loss", "class_weight"),
            )
        return torch.tensor(config.loss.class_weight)
    return torch.tensor([1.0] + [config.loss.pos_weight or 1.0] * (classes - 1))
