"""Everything that lies beside the runs of an experiment: tables, sentences and figures, made from data frames.

Runs come part by part, and of a part only what its tables and figures say is kept. Helpers, where there are any, look
at parts and draw figures side by side, and change no byte of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import pandas as pd

from seqanomaly.engines.copies import one_thread
from seqanomaly.engines.helpers import Here
from seqanomaly.errors import ConfigError
from seqanomaly.paths import whole
from seqanomaly.report.figures import draw
from seqanomaly.report.page import markdown
from seqanomaly.report.parts import Asked, Gathered, Part, gather
from seqanomaly.report.power import margin_notes, power_notes
from seqanomaly.report.tables import mean_context, weights_of
from seqanomaly.report.words import cheapest, findings, with_test_limits
from seqanomaly.several import over_datasets


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
    with one_thread():  # a process with more gets no helpers
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
    helper: Executor | None = None,
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
        helper: who looks at parts and draws figures, see `engines.helpers`; this process by default.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    helper = helper or Here()
    made = gather(parts, Asked(baseline, axes, list(dict.fromkeys((buckets[0], buckets[-1])))), helper)
    comparison = made.comparison()
    over = over_datasets(comparison, baseline) if comparison["dataset"].nunique() > 1 else pd.DataFrame()
    with _writing(folder):
        figures = draw(comparison, over, made, folder, metric, helper)
        tables = {
            "comparison": comparison,
            "effects": made.effects(),
            "datasets": over,
            "weights": weights_of([found.weights for found in made.found]),
        }
        report = _said(tables, made, early_cost, metric)
        page = _page(report, tables, made.asked, name, question, metric)
        files = [*_tables(tables, folder), _write(folder / "comparison.md", page)]
        return replace(report, files=files + [path for figure in figures for path in figure.result()])


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """What is written inside; a `ConfigError` says why the folder does not take it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"{folder}: cannot write the report ({reason}); its runs are kept, so mend that and make it again with "
            f"`seqanom report {folder}`"
        ) from None


def _said(tables: dict[str, pd.DataFrame], made: Gathered, early_cost: float | None, metric: str) -> Report:
    """What the tables say in words; no file is written yet."""
    comparison, effects, baseline, ends = tables["comparison"], tables["effects"], made.asked.baseline, made.asked.ends
    sentences = findings(with_test_limits(comparison, effects), baseline, ends[0], ends[-1], metric)
    if early_cost is not None:
        sentences += cheapest(comparison, baseline, ends[0], ends[-1], early_cost, metric)
    return Report(
        comparison=comparison,
        context=mean_context([found.context for found in made.found]),
        sentences=sentences,
        margins=margin_notes(effects, baseline, ends[0], ends[-1], metric),
        power=power_notes(effects, ends[-1], metric),
        buckets=ends,
        files=[],
    )


def _page(report: Report, tables: dict[str, pd.DataFrame], asked: Asked, name: str, question: str, metric: str) -> str:
    return markdown(
        report.comparison,
        report.context,
        report.buckets,
        name=name,
        question=question,
        sentences=report.sentences,
        baseline=asked.baseline,
        metric=metric,
        remarks=[*report.margins, *report.power],
        effects=tables["effects"],
        over=tables["datasets"],
        weights=tables["weights"],
    )


def _tables(tables: dict[str, pd.DataFrame], folder: Path) -> list[Path]:
    """The tables that have rows, as CSV."""
    return [
        _write(folder / f"{table}.csv", rows.to_csv(index=False, lineterminator="\n"))
        for table, rows in tables.items()
        if len(rows)
    ]


def _write(path: Path, text: str) -> Path:
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
