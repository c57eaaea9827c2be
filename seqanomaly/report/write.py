"""Everything that lies beside the runs of an experiment: tables, sentences and figures, made from data frames.

Runs come part by part, and of a part only what its tables and figures say is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from seqanomaly.bootstrap import change
from seqanomaly.choosing import chosen_details
from seqanomaly.comparison import compare_runs
from seqanomaly.effects import effects
from seqanomaly.errors import DataError
from seqanomaly.paths import whole
from seqanomaly.report.page import markdown
from seqanomaly.report.plots import PANELS, bands, curve_bands
from seqanomaly.report.power import margin_notes, power_notes
from seqanomaly.report.quality import pooled
from seqanomaly.report.tables import context_sums, mean_context, weight_rows, weights_of
from seqanomaly.report.words import cheapest, findings, with_test_limits
from seqanomaly.several import over_datasets

Detail = Literal["curve", "onset", "reliability", "sequences"]
"""The tables of a run that a report looks into beside its metrics."""


class Part(Protocol):
    """Runs that are compared with each other; see `collect.stored_parts`."""

    @property
    def runs(self) -> pd.DataFrame:
        """See `collect.collect`."""
        ...

    def titles(self, detail: Detail) -> list[str]:
        """The titles that have rows in one of the further tables."""
        ...

    def details(self, detail: Detail, titles: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of all titles, or of these; see `collect.collect_details`."""
        ...


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
    parts: Iterable[Part],
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
        parts: the runs; none of those that are compared with each other are in two parts.
        folder: where to write.
        name: the experiment's name.
        question: what it asks.
        baseline: the loss that the others are compared with.
        buckets: all buckets in order; the first is the early and the last the late one.
        axes: names of the further axes.
        early_cost: with it, say which loss is best late among those that lose at most this fraction early.
        metric: the metric that the sentences speak of.
    """
    ends = list(dict.fromkeys((buckets[0], buckets[-1])))
    made = _Made(baseline, axes, ends)
    for part in parts:
        made.add(part)
    comparison, found, context = _joined(made.comparison), made.found(), mean_context(made.context)
    over = over_datasets(comparison, baseline) if comparison["dataset"].nunique() > 1 else pd.DataFrame()
    sentences = findings(with_test_limits(comparison, found), baseline, ends[0], ends[-1], metric)
    if early_cost is not None:
        sentences += cheapest(comparison, baseline, ends[0], ends[-1], early_cost, metric)
    margins, power = margin_notes(found, baseline, ends[0], ends[-1], metric), power_notes(found, ends[-1], metric)
    tables = {"comparison": comparison, "effects": found, "datasets": over, "weights": weights_of(made.weights)}
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
    files += _figures(comparison, made, folder, baseline)
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


@dataclass
class _Made:
    """What is kept of the parts: a row per loss, bucket and metric, some numbers per run, and the first panels."""

    baseline: str
    axes: list[str]
    ends: list[str]
    comparison: list[pd.DataFrame] = field(default_factory=list)
    effects: list[pd.DataFrame] = field(default_factory=list)
    context: list[pd.DataFrame] = field(default_factory=list)
    weights: list[pd.DataFrame] = field(default_factory=list)
    shown: dict[Detail, list[pd.DataFrame]] = field(default_factory=dict)
    titles: dict[Detail, int] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        runs = part.runs
        self.comparison.append(compare_runs(runs, self.baseline, self.axes))
        self.effects.append(self._effects(runs, part.details("sequences")))
        self.context.append(context_sums(runs, self.axes))
        self.weights.append(weight_rows(runs, self.axes))
        for detail, summary in SUMMARIES.items():
            titles, before = part.titles(detail), self.titles.get(detail, 0)
            self.titles[detail] = before + len(titles)
            if wanted := titles[: max(0, PANELS - before)]:
                self.shown.setdefault(detail, []).append(summary(part.details(detail, wanted)))

    def found(self) -> pd.DataFrame:
        """The effects of all parts, those on late minus early last."""
        found = _joined(self.effects)
        last = found["bucket"] == change(self.ends[0], self.ends[-1])
        return pd.concat([found[~last], found[last]], ignore_index=True)

    def _effects(self, runs: pd.DataFrame, per_sequence: pd.DataFrame) -> pd.DataFrame:
        counts = None if per_sequence.empty else chosen_details(per_sequence, runs, self.axes).drop(columns="title")
        early, late = self.ends[0], self.ends[-1]
        return effects(runs, self.baseline, self.axes, early=early, late=late, per_sequence=counts)


SUMMARIES: dict[Detail, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "curve": curve_bands,
    "reliability": pooled,
    "onset": partial(bands, step="since_onset", value="recall"),
}
"""What the figures show of the runs' further tables."""


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all tables; one that has none does not decide what the columns hold."""
    if not tables:
        raise DataError("there are no finished runs to compare")
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _ranks(over: pd.DataFrame, folder: Path, bucket: str, metric: str) -> list[Path]:
    from seqanomaly.report.plots import save
    from seqanomaly.report.ranks import critical_difference_figure

    return save(critical_difference_figure(over, bucket, metric), folder, "critical_difference")


def _figures(comparison: pd.DataFrame, made: _Made, folder: Path, baseline: str) -> list[Path]:
    from seqanomaly.report.plots import curves_figure, save, tradeoff_figure
    from seqanomaly.report.quality import recall_figure, reliability_figure

    files, shown = [], {detail: pd.concat(tables, ignore_index=True) for detail, tables in made.shown.items()}
    if "curve" in shown:
        files += save(curves_figure(shown["curve"], made.titles["curve"]), folder, "curves")
    if "curve" in shown and comparison["loss"].nunique() > 1:
        files += save(tradeoff_figure(comparison, baseline, made.ends[0], made.ends[-1]), folder, "tradeoff")
    if "reliability" in shown:
        figure = reliability_figure(shown["reliability"], made.ends, made.titles["reliability"])
        files += save(figure, folder, "reliability")
    if "onset" in shown:
        files += save(recall_figure(shown["onset"], made.titles["onset"]), folder, "recall")
    return files


def _write(path: Path, text: str) -> Path:
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
