"""Everything that lies beside the runs of an experiment: tables, sentences and figures, made from data frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import pandas as pd

from seqanomaly.choosing import chosen_details
from seqanomaly.comparison import compare_runs
from seqanomaly.effects import effects
from seqanomaly.paths import whole
from seqanomaly.report.page import markdown
from seqanomaly.report.power import margin_notes, power_notes
from seqanomaly.report.tables import bucket_context, weights_of
from seqanomaly.report.words import cheapest, findings, with_test_limits
from seqanomaly.several import over_datasets

Detail = Literal["curve", "onset", "reliability", "sequences"]
"""The tables of a run that a report looks into beside its metrics."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment found."""

    comparison: pd.DataFrame
    """See `comparison.compare_runs`."""
    context: pd.DataFrame
    """See `report.tables.bucket_context`."""
    sentences: list[str]
    """What was found, in words."""
    margins: list[str]
    """What the seeds rule out, in words."""
    power: list[str]
    """What they could have shown, in words."""
    buckets: list[str]
    """The early and the late bucket."""
    files: list[Path]
    """What was written."""


LIBRARIES = (
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "scipy.special",
    "scipy.optimize",
)
"""What statistics and figures load when they are made."""


def get_ready() -> None:
    """Load now what takes `make_report` most of a second to load, where there is time."""
    for name in LIBRARIES:
        import_module(name)


def make_report(
    runs: pd.DataFrame,
    details: Callable[[Detail], pd.DataFrame],
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
    """Compare the runs and write tables (CSV), comparison.md and figures (PNG, SVG) into `folder`.

    Tables: comparison, effects, weights, and datasets where there are several; figures: curves, tradeoff, reliability,
    recall, and critical_difference where there are data sets enough.

    Args:
        runs: see `collect.collect`.
        details: what gives the runs' other tables when they are needed, see `collect.collect_details`.
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
    found = _effects(runs, details("sequences"), baseline, axes, ends)
    over = over_datasets(comparison, baseline) if comparison["dataset"].nunique() > 1 else pd.DataFrame()
    sentences = findings(with_test_limits(comparison, found), baseline, ends[0], ends[-1], metric)
    if early_cost is not None:
        sentences += cheapest(comparison, baseline, ends[0], ends[-1], early_cost, metric)
    margins, power = margin_notes(found, baseline, ends[0], ends[-1], metric), power_notes(found, ends[-1], metric)
    tables = {"comparison": comparison, "effects": found, "datasets": over, "weights": weights_of(runs, axes)}
    page = markdown(
        comparison,
        context,
        ends,
        name=name,
        question=question,
        sentences=sentences,
        baseline=baseline,
        metric=metric,
        remarks=[*margins, *power],
        effects=found,
        over=over,
        weights=tables["weights"],
    )
    files = [
        _write(folder / f"{table}.csv", rows.to_csv(index=False, lineterminator="\n"))
        for table, rows in tables.items()
        if len(rows)
    ]
    files.append(_write(folder / "comparison.md", page))
    files += _figures(comparison, details, folder, baseline, ends)
    if len(over) and over["friedman"].notna().any():
        files += _ranks(over, folder, ends[-1], metric)
    return Report(
        comparison=comparison,
        context=context,
        sentences=sentences,
        margins=margins,
        power=power,
        buckets=ends,
        files=files,
    )


def _effects(
    runs: pd.DataFrame, per_sequence: pd.DataFrame, baseline: str, axes: list[str], ends: list[str]
) -> pd.DataFrame:
    counts = None if per_sequence.empty else chosen_details(per_sequence, runs, axes).drop(columns="title")
    return effects(runs, baseline, axes, early=ends[0], late=ends[-1], per_sequence=counts)


def _ranks(over: pd.DataFrame, folder: Path, bucket: str, metric: str) -> list[Path]:
    from seqanomaly.report.plots import save
    from seqanomaly.report.ranks import critical_difference_figure

    return save(critical_difference_figure(over, bucket, metric), folder, "critical_difference")


def _figures(
    comparison: pd.DataFrame, details: Callable[[Detail], pd.DataFrame], folder: Path, baseline: str, ends: list[str]
) -> list[Path]:
    from seqanomaly.report.plots import curves_figure, save, tradeoff_figure
    from seqanomaly.report.quality import recall_figure, reliability_figure

    files = []
    if len(curves := details("curve")):
        files += save(curves_figure(curves), folder, "curves")
    if len(curves) and comparison["loss"].nunique() > 1:
        files += save(tradeoff_figure(comparison, baseline, ends[0], ends[-1]), folder, "tradeoff")
    if len(reliability := details("reliability")):
        files += save(reliability_figure(reliability, ends), folder, "reliability")
    if len(onset := details("onset")):
        files += save(recall_figure(onset), folder, "recall")
    return files


def _write(path: Path, text: str) -> Path:
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
