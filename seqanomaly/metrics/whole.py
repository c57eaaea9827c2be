"""Metrics of whole sequences, which no bucket could give: detection delay, and point-adjusted F1 with its warning."""

from __future__ import annotations

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
        "point_adjusted_f1": _adjusted(*events, alarms),
        "point_adjusted_f1_random": _of_random_alarms(*events, float(alarms.mean())),
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
    return _adjusted(*_events(steps), alarms)


def _events(steps: Steps) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the event (a run of anomalous steps of a sequence) of each step, 0 where normal; steps of each."""
    anomalous = steps.anomalous
    begins = anomalous.copy()
    begins[1:] &= ~anomalous[:-1] | (steps.sequence[1:] != steps.sequence[:-1])
    event = np.where(anomalous, np.cumsum(begins), 0)
    return event, np.bincount(event)[1:]


def _adjusted(event: NDArray[np.int64], sizes: NDArray[np.int64], alarms: Alarms) -> float:
    found = np.zeros(len(sizes) + 1, np.bool_)
    found[event * alarms] = True
    hits, false = int(sizes[found[1:]].sum()), int(np.count_nonzero(alarms & (event == 0)))
    return float(2 * hits / (hits + false + sizes.sum()))


def _of_random_alarms(event: NDArray[np.int64], sizes: NDArray[np.int64], rate: float) -> float:
    """Point-adjusted F1 of random alarms that are as frequent, a mean over some draws."""
    generator = np.random.default_rng(0)
    drawn = (generator.random(len(event)) < rate for _ in range(DRAWS))
    return float(np.mean([_adjusted(event, sizes, alarms) for alarms in drawn]))
