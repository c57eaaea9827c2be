"""How soon an anomaly is seen: detection delay and recall by steps since the onset.

The onset of a sequence is its first anomalous step that is scored; a sequence without one has no delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from seqanomaly.metrics.steps import NEVER, Steps


@dataclass(frozen=True, kw_only=True)
class Delay:
    """Steps from the onset to the first alarm at or after it, over the sequences that have an onset."""

    sequences: int
    """How many have an onset."""
    median: float
    """Median delay in steps; infinite where half of the anomalies or more are never detected, NaN without any."""
    lower_quartile: float
    """The delay of the fastest quarter, likewise."""
    upper_quartile: float
    """The delay that three quarters keep, likewise."""
    never: float
    """Share of the anomalies that are never detected; NaN without any."""


def detection_delay(steps: Steps) -> Delay:
    """The detection delay of `steps`, where a decision for any class but 0 is an alarm.

    >>> steps = Steps(sequence=np.zeros(4, int), step=np.arange(4), position=np.arange(4) / 4,
    ...     label=np.array([0, 1, 1, 1]), score=np.zeros(4), decision=np.array([1, 0, 0, 1]))
    >>> detection_delay(steps).median
    2.0
    """
    since, of_sequence = steps.since_onset, steps.sequence
    with_onset = np.flatnonzero(np.bincount(of_sequence[since >= 0]))
    alarm = np.flatnonzero((since >= 0) & (steps.decision != 0))
    first = np.full(int(of_sequence.max(initial=-1)) + 1, NEVER)
    np.minimum.at(first, of_sequence[alarm], since[alarm])
    delays = np.where(first == NEVER, np.inf, first)[with_onset]
    if not len(delays):
        return Delay(sequences=0, median=np.nan, lower_quartile=np.nan, upper_quartile=np.nan, never=np.nan)
    low, median, high = np.quantile(delays, [0.25, 0.5, 0.75], method="inverted_cdf")
    return Delay(
        sequences=len(delays),
        median=float(median),
        lower_quartile=float(low),
        upper_quartile=float(high),
        never=float(np.isinf(delays).mean()),
    )


def recall_since_onset(steps: Steps) -> pd.DataFrame:
    """Share of the anomalous steps that are detected, by steps since the onset: columns since_onset, n, recall."""
    after = steps.since_onset
    chosen = np.flatnonzero((after >= 0) & steps.anomalous)
    since, found = after[chosen], steps.decision[chosen] != 0
    count = np.bincount(since)
    some = np.flatnonzero(count)
    recall = np.bincount(since, found)[some] / count[some]
    return pd.DataFrame({"since_onset": some, "n": count[some], "recall": recall})
