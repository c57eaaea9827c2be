"""Figures of a comparison; sees only data frames."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from seqanomaly.comparison import t_intervals
from seqanomaly.paths import whole
from seqanomaly.report.words import Row, groups, has_others

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31"]
"""Okabe and Ito's colours, told apart by colour-blind readers too; the baseline is black."""
MARKS = "os^Dvp*X"
DPI = 150
"""Dots per inch of a PNG."""
PANELS = 8
"""Most panels of a figure: more take long to draw and nobody reads them; the tables have all."""


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG, each whole by rename; the same figure gives the same bytes."""
    import matplotlib as mpl

    figure.set_dpi(DPI)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # laid out once; with an engine, each file would be laid out and drawn once more
    paths = []
    for form in ("png", "svg"):
        path = folder / f"{name}.{form}"
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        with mpl.rc_context({"svg.hashsalt": name}), whole(path) as draft:
            figure.savefig(draft, dpi=DPI, metadata=metadata)
        paths.append(path)
    return paths


def panels(every: int, *, height: float, titles: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A figure with a panel for each of `every`, at most `PANELS`, two side by side; empty places are hidden."""
    from matplotlib.figure import Figure

    shown = min(every, PANELS)
    columns = min(2, shown)
    rows = -(-shown // columns)
    figure = Figure(figsize=(5.2 * columns, height * rows + 0.4), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for here, title in zip(axes, titles, strict=False):
        entitle(here, title)
        here.spines[["top", "right"]].set_visible(False)
    for unused in axes[shown:]:
        unused.set_visible(False)
    _say_what_is_left_out(figure, every)
    return figure, axes


def entitle(axes: Axes, title: str) -> None:
    """Set the title of a panel, in as many lines as it takes."""
    axes.set_title(fitted(title, inches=4.4, points=10), fontsize=10, y=1.0)


def fitted(text: str, *, inches: float, points: float) -> str:
    r"""A text in lines that fit into so many inches in letters of so many points; also a long word is broken.

    >>> fitted("gru on ucr(path=135_UCR_Anomaly_1200_4187_4199.txt)", inches=2.5, points=10)
    'gru on ucr(path=135_UCR_Anomaly\n_1200_4187_4199.txt)'
    """
    wide = max(1, int(inches / (0.008 * points)))
    return "\n".join(textwrap.wrap(text, wide, replace_whitespace=False, break_on_hyphens=False))


def curve_bands(curves: pd.DataFrame) -> pd.DataFrame:
    """Accuracy by step over seeds: mean, low, high, and the means of prevalence and best_possible over all losses.

    Args:
        curves: one row per run and step with the columns title, loss, seed, step, accuracy, prevalence, best_possible.

    Returns:
        One row per title, loss and step.
    """
    made = []
    for _, of_title in curves.groupby("title", sort=False, observed=True):
        steps = of_title.groupby("step")[["best_possible", "prevalence"]].mean()
        made.append(bands(of_title, "step", "accuracy").merge(steps.reset_index(), on="step", how="left"))
    return pd.concat(made, ignore_index=True)


def bands(runs: pd.DataFrame, step: str, value: str) -> pd.DataFrame:
    """Mean, low and high of a value over seeds, see `t_intervals`: one row per title, loss and step.

    >>> rows = [{"title": "t", "loss": "exp", "seed": seed, "step": 0, "recall": seed} for seed in (1.0, 2.0, 3.0)]
    >>> bands(pd.DataFrame(rows), "step", "recall").round(3).values.tolist()
    [['t', 'exp', 0, 2.0, -0.484, 4.484]]
    """
    made = []
    for (title, loss), of_loss in runs.groupby(["title", "loss"], sort=False, observed=True):
        steps, row = np.unique(of_loss[step], return_inverse=True)
        seeds, column = np.unique(of_loss["seed"], return_inverse=True)
        by_step = np.full((len(steps), len(seeds)), np.nan)
        by_step[row, column] = of_loss[value]
        mean, low, high = t_intervals(by_step)
        named = {"title": str(title), "loss": str(loss), step: steps}
        made.append(pd.DataFrame({**named, "mean": mean, "low": low, "high": high}))
    return pd.concat(made, ignore_index=True)


def curves_figure(curves: pd.DataFrame, every: int | None = None) -> Figure:
    """Accuracy by step: per data set and model a line per loss with its 95% band over seeds, and the prevalence.

    Args:
        curves: see `curve_bands`.
        every: how many data sets and models there are, where `curves` has the first ones only.
    """
    from matplotlib.figure import Figure

    titles = list(curves["title"].unique())
    every, titles = every or len(titles), titles[:PANELS]
    columns = min(2, len(titles))
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(5.2 * columns, 4.2 * rows + 0.4), layout="constrained")
    heights = [4.0, 1.0] * rows
    axes = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=heights)
    colours = dict(zip(curves["loss"].unique(), cycle(COLOURS), strict=False))
    for place, title in enumerate(titles):
        row, column = divmod(place, columns)
        _curves(axes[2 * row, column], axes[2 * row + 1, column], curves[curves["title"] == title], title, colours)
    for place in range(len(titles), rows * columns):
        row, column = divmod(place, columns)
        axes[2 * row, column].set_visible(False)
        axes[2 * row + 1, column].set_visible(False)
    legend(figure)
    _say_what_is_left_out(figure, every)
    return figure


def _curves(above: Axes, below: Axes, curves: pd.DataFrame, title: str, colours: dict[str, str]) -> None:
    for loss, of_loss in curves.groupby("loss", sort=False):
        draw_band(above, of_loss, "step", str(loss), colours[str(loss)])
    steps = curves.drop_duplicates("step").set_index("step")[["best_possible", "prevalence"]].sort_index()
    if steps["best_possible"].notna().any():
        above.plot(steps.index, 100 * steps["best_possible"], "--", color="#777777", linewidth=1, label="best possible")
    entitle(above, title)
    above.set_ylabel("accuracy (%)")
    above.tick_params(labelbottom=False)
    below.plot(steps.index, 100 * steps["prevalence"], color="#777777", linewidth=1)
    below.set(ylim=(0, 100), xlabel="step", ylabel="anomalous\n(%)")
    below.sharex(above)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)


def draw_band(axes: Axes, band: pd.DataFrame, step: str, loss: str, colour: str) -> None:
    """A line of means with its 95% band over seeds, in percent.

    Args:
        axes: where to draw.
        band: the columns mean, low and high, shares, and the one called `step`; see `bands`.
        step: name of that column.
        loss: name of the line.
        colour: its colour.
    """
    mean, low, high = (100 * np.clip(band[name].to_numpy(), 0, 1) for name in ("mean", "low", "high"))
    axes.plot(band[step], mean, color=colour, label=loss, linewidth=1.4)
    axes.fill_between(band[step], low, high, color=colour, alpha=0.18, linewidth=0)


def tradeoff_figure(comparison: pd.DataFrame, baseline: str, early: str, late: str) -> Figure:
    """Late against early change in accuracy: per data set and model a point per loss with both 95% intervals."""
    accuracy = comparison[comparison["metric"] == "accuracy"]
    every = [(title, rows) for title, rows in groups(accuracy) if has_others(rows, baseline)]
    losses = [loss for loss in comparison["loss"].unique() if loss != baseline]
    figure, axes = panels(len(every), height=4.4, titles=[title for title, _ in every])
    for here, (_, of_title) in zip(axes, every[:PANELS], strict=False):
        _tradeoff(here, of_title, losses, early, late)
        here.set(xlabel=f"{early} change from {baseline} (points)", ylabel=f"{late} change (points)")
    legend(figure)
    return figure


def _tradeoff(axes: Axes, rows: list[Row], losses: list[str], early: str, late: str) -> None:
    at = {(row["loss"], row["bucket"]): row for row in rows}
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.axvline(0, color="#999999", linewidth=0.8)
    for place, loss in enumerate(losses):
        x, y = at[loss, early], at[loss, late]
        axes.errorbar(
            100 * x["difference"],
            100 * y["difference"],
            xerr=100 * (x["difference_high"] - x["difference"]),
            yerr=100 * (y["difference_high"] - y["difference"]),
            fmt=MARKS[place % len(MARKS)],
            color=COLOURS[1 + place % (len(COLOURS) - 1)],
            capsize=2,
            label=loss,
        )


def legend(figure: Figure) -> None:
    """One legend for all panels, as not every panel has every line, in as many columns as have room for its names."""
    lines: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            lines.setdefault(str(label), handle)
    columns = legend_columns(list(lines), figure.get_figwidth())
    figure.legend(list(lines.values()), list(lines), loc="outside upper center", ncols=columns, frameon=False)


def legend_columns(names: Sequence[str], room: float) -> int:
    """In how many columns a legend of these names fits into so many inches.

    >>> legend_columns(["uniform", "exp"], 5.2), legend_columns(["exp(rate=0.05,normalize=none)"] * 3, 5.2)
    (2, 1)
    """
    inches = [0.6 + 0.09 * len(name) for name in names]  # of a line and its name
    return len(names) if sum(inches) <= room else max(1, int(room / max(inches)))


def _say_what_is_left_out(figure: Figure, panels: int) -> None:
    if panels > PANELS:
        figure.supxlabel(f"The first {PANELS} of {panels} panels; the tables have all.", fontsize=9)
