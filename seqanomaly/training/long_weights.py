"""The weights of a mapped training sequence in windows that is too long for all of them to be made at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seqanomaly.batch import Batch
from seqanomaly.counters import Frame
from seqanomaly.losses.counter_loss import CounterLoss, counter_number
from seqanomaly.losses.diagnostics import Spread
from seqanomaly.losses.parts import raw_part, shares
from seqanomaly.training.mapped import Mapped
from seqanomaly.training.stack import Within
from seqanomaly.training.weights import seen_weights, window_weights
from seqanomaly.windows import Windows

AT_ONCE = 1 << 20
"""Steps whose weights are made at once."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Some steps of a sequence, and the steps around them that the windows hold which hold any of them."""

    low: int
    """Number of the first of all these steps."""
    own: slice
    """Which of them are meant."""
    begins: slice
    """Which of the windows begin among those."""
    label: Tensor
    """Class of each step, [1, S]."""
    batch: Batch
    """What the loss sees, with the windows, [1, S]."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The weights of some steps of a sequence, one after the other."""

    first: int
    """Number of the first of them."""
    weight: Tensor
    """Weight of each, 0 where it is not learned, [S]."""
    within: Within | None
    """Further factors of the windows that begin among them, if any."""
    seen: Tensor
    """What each counts in an epoch, [S]."""
    times: Tensor
    """How often an epoch has each that is learned, [S]."""
    anomalous: Tensor
    """Which are learned and anomalous, [S]."""


class LongSequence:
    """One training sequence that is weighed some steps after the other.

    Args:
        data: the training sequences, in windows.
        number: which of them it is.
        frame: what the counters count.
    """

    def __init__(self, data: Mapped, number: int, frame: Frame) -> None:
        assert data.windows is not None
        self.data, self.number = data, number
        self.frame: Frame | None = frame if frame in ("since_onset", "until_event") else None
        self.steps, self.length = int(data.sequences.length[number]), data.windows.length
        some = slice(*np.searchsorted(data.windows.sequence, [number, number + 1]).tolist())
        self.start, self.fresh = data.windows.start[some], data.windows.fresh[some]

    def _parts(self) -> Iterator[_Part]:
        for begin in range(0, self.steps, AT_ONCE):
            end = min(begin + AT_ONCE, self.steps)
            first, own, last = np.searchsorted(self.start, [begin - self.length + 1, begin, end]).tolist()
            low, high = min(begin, int(self.start[first])), max(end, int(self.start[last - 1]) + self.length)
            label, batch = self.data.seen(self.number, low, high)
            windows = Windows(
                length=self.length,
                sequence=np.zeros(last - first, np.int64),
                start=self.start[first:last] - low,
                fresh=self.fresh[first:last],
            )
            counter, counted = self._counters(low, high)
            yield _Part(
                low=low,
                own=slice(begin - low, end - low),
                begins=slice(own - first, last - first),
                label=label,
                batch=replace(batch, counter=counter, counted=counted, windows=windows),
            )

    def _counters(self, low: int, high: int) -> tuple[Tensor, Tensor | None]:
        """Counters of the steps [low, high), and which are defined, [1, S] each."""
        step = torch.arange(low, high).unsqueeze(0)
        if self.frame is None:
            return step, None
        after = step - self._onset if self.frame == "since_onset" else self._onset - step
        counted = (after >= 0) & (self._onset >= 0)
        return torch.where(counted, after, 0), counted

    @cached_property
    def _onset(self) -> int:
        """Number of the first anomalous step; -1 without any."""
        sequences = self.data.sequences
        for stretch in sequences.take(np.array([self.number])).stretches():
            anomalous = sequences.class_of(stretch.rows) != 0
            if anomalous.any():
                return int(stretch.begin[0]) + int(np.argmax(anomalous))
        return -1

    @property
    def _last(self) -> int:
        """How many steps have a counter: 0, 1, .. in some order."""
        if self.frame is None:
            return self.steps
        if self._onset < 0:
            return 0
        return self.steps - self._onset if self.frame == "since_onset" else self._onset + 1

    @property
    def has_counters(self) -> bool:
        """Whether a step that is learned has a counter."""
        if self.frame is None:
            return True
        batches = (part.batch for part in self._parts()) if self._last else ()
        return any(bool((one.mask & one.counted).any()) for one in batches if one.counted is not None)

    def weighed(self, loss: CounterLoss, factors: Tensor, *, by_place: bool) -> Iterator[Weighed]:
        """The weights of some steps after the other, as `sequence_weights` and `window_weights` have them.

        Args:
            loss: its modulation and normalisation.
            factors: of each class, [C].
            by_place: whether the counter is the place in a window.
        """
        mean = self._mean(loss) if loss.normalize == "mean" and not by_place else 1.0
        for part in self._parts():
            batch, own, within = part.batch, part.own, None
            weight = batch.mask.float()
            if by_place:
                within = window_weights(loss, batch, np.array([batch.mask.shape[1]]))
            else:
                weight = (self._weight(loss, batch).masked_fill(~batch.mask, 0.0) / mean).float()
            weight = weight * factors[part.label]
            yield Weighed(
                first=part.low + own.start,
                weight=weight[0, own],
                within=None if within is None else _some(within, part.begins),
                seen=seen_weights(weight, within, batch)[0, own],
                times=batch.times()[0, own],
                anomalous=((part.label != 0) & batch.mask)[0, own],
            )

    def _weight(self, loss: CounterLoss, batch: Batch) -> Tensor:
        """The weight of each step, [1, S]: raw, or up to a common factor where it is averaged."""
        averaged, steps = loss.normalize == "mean", self._last
        valid = torch.ones_like(batch.mask)
        number = counter_number(batch.counter, valid, torch.float64 if averaged else torch.float32)
        if not steps:
            return torch.ones_like(number)
        found, one = (
            shares(loss.modulation, number, steps)
            if averaged
            else (
                raw_part(loss.modulation, number, steps),
                1.0,
            )
        )
        return found if batch.counted is None else torch.where(batch.counted, found, one)

    def _mean(self, loss: CounterLoss) -> float:
        """What `_weight` is on average in an epoch; 1 where nothing has a weight."""
        total, times = 0.0, 0
        for part in self._parts():
            each = part.batch.times()[0, part.own]
            total += (self._weight(loss, part.batch)[0, part.own] * each).sum().item()
            times += int(each.sum())
        return total / times if total > 0 else 1.0


def spread_of(parts: Iterator[Weighed]) -> Spread:
    """How the weights of one sequence are spread; see `Spread.of`."""
    found, squares = Spread(), 0.0
    for part in parts:
        found += Spread(
            weight=part.seen.sum().item(),
            anomalous_weight=part.seen[part.anomalous].sum().item(),
            active=(part.seen > 0).sum().item(),
            anomalous=part.anomalous.sum().item(),
            steps=(part.times > 0).sum().item(),
            times=part.times.sum().item(),
        )
        squares += (part.seen**2).sum().item()
    some = squares > 0
    return replace(found, ess=found.weight**2 / squares if some else 0.0, sequences=float(some))


def _some(within: Within, windows: slice) -> Within:
    return Within(rows=within.rows, row=within.row[windows], scale=within.scale[windows])
