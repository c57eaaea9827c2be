"""Metrics by bucket: a slice of the steps by their relative place in the whole sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.config import share
from seqanomaly.metrics.scores import METRICS

Bounds = tuple[float | str, float | str]


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The scored steps of a part, flat."""

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

    def __len__(self) -> int:
        return len(self.label)

    def where(self, chosen: NDArray[np.bool_]) -> Steps:
        """The chosen steps only."""
        return Steps(**{name: values[chosen] for name, values in vars(self).items()})


def in_bucket(steps: Steps, bounds: Bounds) -> NDArray[np.bool_]:
    """Which steps lie in [start, end): shares of the sequence as text, step numbers as numbers."""
    return _from(steps, bounds[0]) & ~_from(steps, bounds[1])


def _from(steps: Steps, cut: float | str) -> NDArray[np.bool_]:
    part = share(cut)
    return steps.step >= float(cut) if part is None else steps.position >= part


def bucket_metrics(
    steps: Steps, buckets: Mapping[str, Bounds], best: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """One row per bucket and metric: value, steps, prevalence, majority and best possible accuracy, note.

    Args:
        steps: all scored steps of the test part.
        buckets: name -> bounds.
        best: best possible accuracy per step index [T], where known.

    A value that is not defined is NaN and `note` says why.
    """
    rows = []
    for name, bounds in buckets.items():
        inside = steps.where(in_bucket(steps, bounds))
        context = {
            "n": len(inside),
            "prevalence": float((inside.label != 0).mean()) if len(inside) else np.nan,
            "majority_accuracy": float(np.bincount(inside.label).max() / len(inside)) if len(inside) else np.nan,
            "best_possible": float(best[inside.step].mean()) if best is not None and len(inside) else np.nan,
        }
        for metric, function in METRICS.items():
            value, note = function(inside.label, inside.score, inside.decision)
            only_accuracy = context if metric == "accuracy" else {**context, "best_possible": np.nan}
            rows.append({"bucket": name, "metric": metric, "value": value, **only_accuracy, "note": note})
    return pd.DataFrame(rows)


def step_curve(steps: Steps, best: NDArray[np.float64] | None = None) -> pd.DataFrame:
    """One row per step index: steps, accuracy, prevalence, best possible accuracy where known."""
    count = np.bincount(steps.step)
    some = np.flatnonzero(count)
    right = np.bincount(steps.step, steps.decision == steps.label)
    anomalous = np.bincount(steps.step, steps.label != 0)
    return pd.DataFrame(
        {
            "step": some,
            "n": count[some],
            "accuracy": right[some] / count[some],
            "prevalence": anomalous[some] / count[some],
            "best_possible": np.nan if best is None else best[some],
        }
    )
