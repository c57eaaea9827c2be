"""Scored steps: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import share

Bounds = tuple[float | str, float | str]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The scored steps of a part, flat. Scores and decisions were made before labels came in."""

    sequence: NDArray[np.int64]
    """Index of the sequence of each step."""
    step: NDArray[np.int64]
    """Index of each step in its whole sequence."""
    position: NDArray[np.float64]
    """Relative place (i + 0.5) / n in the whole sequence."""
    label: NDArray[np.int64]
    """Class index, 0 is normal."""
    score: NDArray[np.float64]
    """Anomaly score."""
    decision: NDArray[np.int64]
    """Decided class index."""
    alarm: NDArray[np.bool_] | None = None
    """Whether the score passes the threshold of a fixed false-alarm rate; None where there is no such threshold."""
    probability: bool = True
    """Whether the score is the probability of an anomaly."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def anomalous(self) -> NDArray[np.bool_]:
        """Whether each step has a label other than normal."""
        return np.asarray(self.label != 0, bool)

    def where(self, chosen: NDArray[np.bool_]) -> Steps:
        """The chosen steps only."""
        columns: dict[str, Any] = {
            k: values[chosen] for k, values in vars(self).items() if isinstance(values, np.ndarray)
        }
        return replace(self, **columns)


def in_bucket(steps: Steps, bounds: Bounds) -> NDArray[np.bool_]:
    """Which steps lie in [start, end): shares of the sequence as text, step numbers as numbers."""
    return _from(steps, bounds[0]) & ~_from(steps, bounds[1])


def _from(steps: Steps, cut: float | str) -> NDArray[np.bool_]:
    part = share(cut)
    return steps.step >= float(cut) if part is None else steps.position >= part
