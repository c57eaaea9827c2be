"""Everything that lies beside the runs of an experiment: tables, sentences and figures, made from data frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seqanomaly.comparison import compare_runs
from seqanomaly.paths import whole
from seqanomaly.report.page import markdown
from seqanomaly.report.tables import bucket_context, weights_of
from seqanomaly.report.words import cheapest, findings


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment found."""

    comparison: pd.DataFrame
    """See `comparison.compare_runs`."""
    context: pd.DataFrame
    """See `report.tables.bucket_context`."""
    sentences: list[str]
    """What was found, in words."""
    buckets: list[str]
    """The early and the late bucket."""
    files: list[Path]
    """What was written."""


def make_report(
    runs: pd.DataFrame,
    curves: pd.DataFrame | Callable[[], pd.DataFrame],
    folder: Path,
    *,
    name: str,
    question: str,
    baseline: str,
    buckets: list[str],
    axes: list[str],
    early_cost: float | None = None,
    metric: str = "accuracy",
) -> Report:
    """Compare the runs and write comparison.csv, comparison.md, curves and tradeoff (PNG, SVG) into `folder`.

    Args:
        runs: see `collect.collect`.
        curves: see `collect.collect_curves`, or what makes them once the tables are written; may be empty.
        folder: where to write.
        name: the experiment's name.
        question: what it asks.
        baseline: the loss that the others are compared with.
        buckets: all buckets in order; the first is the early and the last the late one.
        axes: names of the further axes.
        early_cost: with it, say which loss is best late among those that lose at most this fraction early.
        metric: the metric that the sentences speak of.
    """
    comparison, context = compare_runs(runs, baseline, axes), bucket_context(runs, axes)
    ends = list(dict.fromkeys((buckets[0], buckets[-1])))
    sentences = findings(comparison, baseline, ends[0], ends[-1], metric)
    if early_cost is not None:
        sentences += cheapest(comparison, baseline, ends[0], ends[-1], early_cost, metric)
    weights = weights_of(runs)
    page = markdown(
        comparison,
        context,
        ends,
        name=name,
        question=question,
        sentences=sentences,
        baseline=baseline,
        weights=weights,
    )
    files = [
        _write(folder / "comparison.csv", comparison.to_csv(index=False, lineterminator="\n")),
        *([_write(folder / "weights.csv", weights.to_csv(index=False, lineterminator="\n"))] if len(weights) else []),
        _write(folder / "comparison.md", page),
    ]
    curves = curves() if callable(curves) else curves
    if len(curves):
        files += _figures(comparison, curves, folder, baseline, ends)
    return Report(comparison=comparison, context=context, sentences=sentences, buckets=ends, files=files)


def _figures(
    comparison: pd.DataFrame, curves: pd.DataFrame, folder: Path, baseline: str, ends: list[str]
) -> list[Path]:
    from seqanomaly.report.plots import curves_figure, save, tradeoff_figure

    files = save(curves_figure(curves), folder, "curves")
    if comparison["loss"].nunique() > 1:
        files += save(tradeoff_figure(comparison, baseline, ends[0], ends[-1]), folder, "tradeoff")
    return files


def _write(path: Path, text: str) -> Path:
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
