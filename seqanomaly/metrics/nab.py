"""The raw score of the Numenta Anomaly Benchmark.

Source: Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", ICMLA 2015; weights and conventions of the
benchmark's own scorer, version 1.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from seqanomaly.errors import ConfigError
from seqanomaly.metrics.ranges import Floats, Index, Ranges, checked, ranges_of

PROFILES: dict[str, tuple[float, float]] = {
    "standard": (0.11, 1.0),
    "reward_low_fp": (0.22, 1.0),
    "reward_low_fn": (0.11, 2.0),
}
"""Profile -> cost of a false alarm far from any window, cost of a missed window; a hit is worth up to 1."""


def nab_score(labels: ArrayLike, scores: ArrayLike, threshold: float, profile: str = "standard") -> float:
    """Sum of what is gained and lost by the alarms `score >= threshold`; the windows are the runs of labelled steps.

    A window gains (by its first alarm, the earlier the more) up to 1 or loses the cost of a miss; an alarm outside
    loses tanh(2.5 x) of its cost, x being the distance from the last window in lengths of that window. The first 15%
    of the steps (750 at most) are not scored. Without labelled steps only the false alarms count.

    Args:
        labels: [n], 0 or 1.
        scores: [n], higher is more anomalous; or decisions 0 and 1 with a threshold between.
        threshold: a step is an alarm from this score on.
        profile: `standard`, `reward_low_fp` or `reward_low_fn`.

    Raises:
        DataError: labels or scores cannot be used.
        ConfigError: there is no such profile.

    >>> labels, alarms = np.zeros(100), np.zeros(100)
    >>> labels[50:60], alarms[[52, 90]] = 1, 1
    >>> round(nab_score(labels, alarms, 0.5), 4)
    0.8671
    """
    if profile not in PROFILES:
        raise ConfigError(f"there is no NAB profile {profile!r}; choose one of {', '.join(PROFILES)}")
    false_cost, miss_cost = PROFILES[profile]
    mask, values = checked(labels, scores, threshold)
    alarms = np.flatnonzero(values >= threshold)
    alarms = alarms[alarms >= _unscored(len(mask))]
    windows = ranges_of(mask)
    scored = windows.stop > _unscored(len(mask))
    gains = _gains(windows, alarms)[scored]
    losses = false_cost * _false_alarms(windows, alarms[~mask[alarms]])
    return float(np.where(gains > 0, gains, -miss_cost).sum()) - losses


def _unscored(count: int) -> int:
    return min(int(0.15 * count), 750)


def _gains(windows: Ranges, alarms: Index) -> Floats:
    """What each window gains by its first alarm, 1 at its first step; 0 without any."""
    place = np.append(alarms, [np.iinfo(np.int64).max])[np.searchsorted(alarms, windows.start)]
    left = np.maximum(windows.stop - place, 0) / windows.length  # share of the window that is left, from 1 down
    return np.asarray(np.tanh(2.5 * left) / np.tanh(2.5))


def _false_alarms(windows: Ranges, alarms: Index) -> float:
    """Sum over `alarms`, none of them in a window, of a value from 0 just after a window to 1 far from any."""
    before = np.searchsorted(windows.stop, alarms, side="right") - 1  # [alarms], the last window that has ended
    after = before >= 0
    steps = alarms[after] - (windows.stop[before[after]] - 1)
    lengths = np.maximum(windows.length[before[after]] - 1, 1e-9)  # a window of one step has no length: all is far
    distance = steps / lengths
    near = np.where(distance <= 3, np.tanh(2.5 * distance), 1.0)
    return float(near.sum() + np.sum(~after))
