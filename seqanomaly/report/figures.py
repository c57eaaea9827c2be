"""Which figures a report has, each drawn and written by a helper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from seqanomaly.report.parts import Gathered
from seqanomaly.report.plots import curves_figure, save, tradeoff_figure
from seqanomaly.report.quality import recall_figure, reliability_figure
from seqanomaly.report.ranks import critical_difference_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(
    comparison: pd.DataFrame, over: pd.DataFrame, made: Gathered, folder: Path, metric: str, helper: Executor
) -> list[Future[list[Path]]]:
    """Begin to draw all figures, as PNG and SVG; what comes of them are the files, in the order of the report.

    Args:
        comparison: see `comparison.compare_runs`.
        over: see `several.over_datasets`; empty for one data set.
        made: what the figures show.
        folder: where to write.
        metric: what the ranks are of.
        helper: who draws.
    """
    every = _figures(comparison, over, made, metric)
    return [helper.submit(_drawn, figure, folder, name) for name, figure in every]


def _drawn(figure: Callable[[], Figure], folder: Path, name: str) -> list[Path]:
    return save(figure(), folder, name)


def _figures(
    comparison: pd.DataFrame, over: pd.DataFrame, made: Gathered, metric: str
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Name of each figure, and what makes it."""
    asked, shown = made.asked, {detail: pd.concat(tables, ignore_index=True) for detail, tables in made.shown.items()}
    if "curve" in shown:
        yield "curves", partial(curves_figure, shown["curve"], made.titles["curve"])
    if "curve" in shown and comparison["loss"].nunique() > 1:
        yield "tradeoff", partial(tradeoff_figure, comparison, asked.baseline, asked.ends[0], asked.ends[-1])
    if "reliability" in shown:
        yield (
            "reliability",
            partial(reliability_figure, shown["reliability"], asked.ends, made.titles["reliability"]),
        )
    if "onset" in shown:
        yield "recall", partial(recall_figure, shown["onset"], made.titles["onset"])
    if len(over) and over["friedman"].notna().any():
        yield "critical_difference", partial(critical_difference_figure, over, asked.ends[-1], metric)
