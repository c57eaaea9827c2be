"""Metrics of whole sequences, which no bucket could give: detection delay, and point-adjusted F1 with its warning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqanomaly.metrics.delay import detection_delay
from seqanomaly.metrics.steps import Steps

Alarms = NDArray[np.bool_]

WHOLE = "all"
"""The bucket of these metrics: all scored steps."""
WHOLE_METRICS = (
    "delay_median",
    "delay_lower_quartile",
    "delay_upper_quartile",
    "never_detected",
    "point_adjusted_f1",
    "point_adjusted_f1_random",
)
"""Every metric of whole sequences by its name."""
INFLATED = "inflated by point adjustment: compare it with random alarms, and rank nothing by it"
DRAWS = 10
"""Draws of random alarms that are averaged."""


class Events(NamedTuple):
    """The runs of anomalous steps of the sequences, numbered from 1."""

    number: NDArray[np.int64]
    """Of each step, 0 where it is normal."""
    sizes: NDArray[np.int64]
    """Steps of each event; in front, 0 for normal steps."""


class Found(NamedTuple):
    """A metric's value and why it is missing, or what has to be known of it."""

    value: float
    note: str


def whole_metrics(steps: Steps) -> dict[str, Found]:
    """The metrics of whole sequences, in the order of `WHOLE_METRICS`.

    A delay is in steps from the onset, and infinite where as many anomalies are never detected.
    """
    delay = detection_delay(steps)
    if not delay.sequences:
        return {name: Found(np.nan, "no anomalous step") for name in WHOLE_METRICS}
    delays = {
        "delay_median": delay.median,
        "delay_lower_quartile": delay.lower_quartile,
        "delay_upper_quartile": delay.upper_quartile,
        "never_detected": delay.never,
    }
    alarms, events = steps.decision != 0, _events(steps)
    adjusted = {
        "point_adjusted_f1": _adjusted(events, alarms),
        "point_adjusted_f1_random": _of_random_alarms(events, float(alarms.mean())),
    }
    notes = {name: "as many are never detected" if np.isinf(value) else "" for name, value in delays.items()}
    return {
        **{name: Found(value, notes[name]) for name, value in delays.items()},
        **{name: Found(value, INFLATED) for name, value in adjusted.items()},
    }


def point_adjusted(steps: Steps, alarms: Alarms) -> float:
    """F1 of `alarms` [steps] after every run of anomalous steps with one alarm counts as found whole.

    Inflated: random alarms do well. Source of the warning: Kim et al., AAAI 2022, arXiv 2109.05257.

    >>> steps = Steps(sequence=np.zeros(4, int), step=np.arange(4), position=np.arange(4) / 4,
    ...     label=np.array([0, 1, 1, 1]), score=np.zeros(4), decision=np.zeros(4, int))
    >>> point_adjusted(steps, np.array([False, False, True, False]))
    1.0
    """
    return _adjusted(_events(steps), alarms)


def _events(steps: Steps) -> Events:
    anomalous = steps.anomalous
    begins = anomalous.copy()
    begins[1:] &= ~anomalous[:-1] | (steps.sequence[1:] != steps.sequence[:-1])
    number = np.where(anomalous, np.cumsum(begins), 0)
    sizes = np.bincount(number)
    sizes[0] = 0
    return Events(number, sizes)


def _adjusted(events: Events, alarms: Alarms) -> float:
    raised = events.number[np.flatnonzero(alarms)]
    found = np.zeros(len(events.sizes), np.bool_)
    found[raised] = True
    hits, false = int(events.sizes[found].sum()), len(raised) - int(np.count_nonzero(raised))
    return float(2 * hits / (hits + false + events.sizes.sum()))


def _of_random_alarms(events: Events, rate: float) -> float:
    """Point-adjusted F1 of random alarms that are as frequent, a mean over some draws."""
    count = len(events.number)
    draws = _kept_draws(count) if count <= KEPT else _draws(count)
    return float(np.mean([_adjusted(events, drawn < rate) for drawn in draws]))


def _draws(steps: int) -> Iterator[NDArray[np.float64]]:
    """Numbers in [0, 1) for all steps, always the same."""
    generator = np.random.default_rng(0)
    return (generator.random(steps) for _ in range(DRAWS))


@lru_cache(maxsize=4)
def _kept_draws(steps: int) -> list[NDArray[np.float64]]:
    """The runs of a sweep have parts of the same size again and again."""
    return list(_draws(steps))


KEPT = 100_000
"""Most steps whose draws are kept: 8 MB."""
