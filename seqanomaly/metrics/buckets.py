"""Metrics by bucket, by step and by sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.metrics.calibration import reliability_columns
from seqanomaly.metrics.scores import METRICS, USES
from seqanomaly.metrics.steps import Bounds, Steps
from seqanomaly.metrics.whole import WHOLE, WHOLE_METRICS, whole_metrics


def places(buckets: Mapping[str, Bounds]) -> Iterator[tuple[str, str]]:
    """Every bucket and metric that a run has a value for, or a reason why not."""
    yield from ((bucket, metric) for bucket in buckets for metric in METRICS)
    yield from ((WHOLE, metric) for metric in WHOLE_METRICS)


def bucket_metrics(
    steps: Steps,
    buckets: Mapping[str, Bounds],
    best: NDArray[np.float64] | None = None,
    *,
    validation: Steps | None = None,
    oracle: str = "",
) -> pd.DataFrame:
    """One row per bucket and metric: value, on validation, steps, prevalence, majority and best accuracy, note.

    Args:
        steps: all scored steps of the test part.
        buckets: name -> bounds.
        best: best possible accuracy per step index [T], where known.
        validation: all scored steps of the validation part, for the column `validation`; thresholds and the best epoch
            were chosen on it.
        oracle: a note for every metric of decisions, where their threshold saw these labels.

    A value that is not defined is NaN and `note` says why.
    """
    rows = []
    for name, bounds in buckets.items():
        inside = steps.within(bounds)
        before = None if validation is None else validation.within(bounds)
        context = _context(inside, best)
        for metric, function in METRICS.items():
            value, note = function(inside)
            chosen = np.nan if before is None else function(before)[0]
            only_accuracy = context if metric == "accuracy" else {**context, "best_possible": np.nan}
            row = {"bucket": name, "metric": metric, "value": value, "validation": chosen, **only_accuracy}
            rows.append({**row, "note": _noted(note, metric, oracle)})
    context = {**_context(steps, None), "best_possible": np.nan}
    after, before_ = whole_metrics(steps), None if validation is None else whole_metrics(validation)
    for metric, (value, note) in after.items():
        chosen = np.nan if before_ is None else before_[metric].value
        row = {"bucket": WHOLE, "metric": metric, "value": value, "validation": chosen, **context}
        rows.append({**row, "note": _noted(note, metric, oracle)})
    return pd.DataFrame(rows)


def _noted(note: str, metric: str, oracle: str) -> str:
    return "; ".join(filter(None, (note, oracle if USES[metric] == "decision" else "")))


def _context(steps: Steps, best: NDArray[np.float64] | None) -> dict[str, Any]:
    some = len(steps) > 0
    return {
        "n": len(steps),
        "prevalence": float(steps.anomalous.mean()) if some else np.nan,
        "majority_accuracy": float(np.bincount(steps.label).max() / len(steps)) if some else np.nan,
        "best_possible": float(best[steps.step].mean()) if best is not None and some else np.nan,
    }


def step_curve(steps: Steps, best: NDArray[np.float64] | None = None) -> pd.DataFrame:
    """One row per step index: steps, accuracy, prevalence, best possible accuracy where known."""
    count = np.bincount(steps.step)
    some = np.flatnonzero(count)
    right = np.bincount(steps.step, steps.decision == steps.label)
    anomalous = np.bincount(steps.step, steps.anomalous)
    return pd.DataFrame(
        {
            "step": some,
            "n": count[some],
            "accuracy": right[some] / count[some],
            "prevalence": anomalous[some] / count[some],
            "best_possible": np.nan if best is None else best[some],
        }
    )


def sequence_counts(steps: Steps, buckets: Mapping[str, Bounds]) -> pd.DataFrame:
    """One row per bucket and sequence: bucket, sequence, right (decision = label), tn, fp, fn, tp (anomalous or not).

    What a bootstrap over sequences needs to compute accuracy, balanced accuracy, F1 and false alarms again.
    """
    tables = []
    for name, bounds in buckets.items():
        inside = steps.within(bounds)
        some = np.flatnonzero(np.bincount(inside.sequence))
        cell = 2 * inside.anomalous + (inside.decision != 0)  # 0 tn, 1 fp, 2 fn, 3 tp
        counts = {"right": inside.decision == inside.label}
        counts |= {kind: cell == place for place, kind in enumerate(("tn", "fp", "fn", "tp"))}
        columns = {kind: np.bincount(inside.sequence, chosen)[some].astype(int) for kind, chosen in counts.items()}
        tables.append(pd.DataFrame({"bucket": name, "sequence": some, **columns}))
    return pd.concat(tables, ignore_index=True)


def reliability_by_bucket(steps: Steps, buckets: Mapping[str, Bounds]) -> pd.DataFrame:
    """The reliability curve of each bucket, with the columns bucket, low, high, n, confidence, frequency; may be empty.

    Empty where the score is no probability.
    """
    columns = ["bucket", "low", "high", "n", "confidence", "frequency"]
    if not steps.probability:
        return pd.DataFrame(columns=columns)
    curves = [reliability_columns(steps.within(bounds)) for bounds in buckets.values()]
    joined = {name: np.concatenate([curve[name] for curve in curves]) for name in columns[1:]}
    return pd.DataFrame({"bucket": np.repeat(list(buckets), [len(curve["n"]) for curve in curves]), **joined})
