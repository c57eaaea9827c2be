"""Metrics by bucket, by step and by sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
    rows: list[tuple[object, ...]] = []
    for name, bounds in buckets.items():
        inside = steps.within(bounds)
        before = None if validation is None else validation.within(bounds)
        context, best_possible = _context(inside), _best_possible(inside, best)
        for metric, function in METRICS.items():
            value, note = function(inside)
            chosen = np.nan if before is None else function(before)[0]
            possible = best_possible if metric == "accuracy" else np.nan
            rows.append((name, metric, value, chosen, *context, possible, _noted(note, metric, oracle)))
    context = _context(steps)
    after, before_ = whole_metrics(steps), None if validation is None else whole_metrics(validation)
    for metric, (value, note) in after.items():
        chosen = np.nan if before_ is None else before_[metric].value
        rows.append((WHOLE, metric, value, chosen, *context, np.nan, _noted(note, metric, oracle)))
    return pd.DataFrame(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))


COLUMNS = ("bucket", "metric", "value", "validation", "n", "prevalence", "majority_accuracy", "best_possible", "note")
"""The columns of `bucket_metrics`."""


def _noted(note: str, metric: str, oracle: str) -> str:
    return "; ".join(filter(None, (note, oracle if USES[metric] == "decision" else "")))


def _context(steps: Steps) -> tuple[int, float, float]:
    """How many steps there are, the share of anomalous ones and the accuracy of the commonest class."""
    if not len(steps):
        return 0, np.nan, np.nan
    return len(steps), float(steps.anomalous.mean()), float(np.bincount(steps.label).max() / len(steps))


def _best_possible(steps: Steps, best: NDArray[np.float64] | None) -> float:
    return float(best[steps.step].mean()) if best is not None and len(steps) else np.nan


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
    tables = [_counts(steps.within(bounds)) for bounds in buckets.values()]
    joined = {name: np.concatenate([table[name] for table in tables]) for name in ("sequence", "right", *CELLS)}
    return pd.DataFrame({"bucket": np.repeat(list(buckets), [len(table["sequence"]) for table in tables]), **joined})


CELLS = ("tn", "fp", "fn", "tp")
"""Normal without and with alarm, anomalous without and with."""


def _counts(inside: Steps) -> dict[str, NDArray[np.int64]]:
    some = np.flatnonzero(np.bincount(inside.sequence))
    cell = 2 * inside.anomalous + (inside.decision != 0)  # place in CELLS
    chosen = {"right": inside.decision == inside.label, **{kind: cell == n for n, kind in enumerate(CELLS)}}
    counts = {kind: np.bincount(inside.sequence, steps)[some].astype(int) for kind, steps in chosen.items()}
    return {"sequence": some, **counts}


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
