"""Critical difference diagrams: mean ranks of the losses over several data sets; sees only data frames.

Source: Demsar, JMLR 7 (2006), figure 1: the best rank on the left, a bar joins losses whose mean ranks lie less
than the critical difference apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from seqanomaly.comparison import TOO_FEW
from seqanomaly.errors import DataError
from seqanomaly.report.plots import PANELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 0.42
"""Height of a line of text, in inches."""
LETTER = 0.082
"""Width of a letter, in inches."""
RULE = 3.2
"""Length of the line of ranks, in inches."""


def critical_difference_figure(over: pd.DataFrame, bucket: str, metric: str = "accuracy") -> Figure:
    """A panel per model and further axes: the losses on a line of mean ranks, bars join what cannot be told apart.

    Where there are too few data sets or losses the ranks stand without bars, and the reason beneath them.

    Args:
        over: see `several.over_datasets`.
        bucket: of which steps.
        metric: of which metric.

    Raises:
        DataError: nothing has ranks in this bucket and metric.
    """
    from matplotlib.figure import Figure

    chosen = over[(over["bucket"] == bucket) & (over["metric"] == metric) & over["mean_rank"].notna()]
    if not len(chosen):
        raise DataError(f"there are no ranks of {metric} {bucket} to draw: no data set has every loss")
    columns = list(over.columns)
    what = [n for n in columns[: columns.index("n_datasets")] if n not in ("loss", "bucket", "metric")]
    several = chosen[chosen.groupby(what, dropna=False)["loss"].transform("size") > 1]  # untrained models have one loss
    by_model = (several if len(several) else chosen).groupby(what, sort=False, dropna=False)
    every = [(_title(what, key), panel) for key, panel in by_model]
    found = every[:PANELS]
    heights = [LINE * (4.6 + -(-len(panel) // 2) + 0.6 * len(_groups(panel))) for _, panel in found]
    side = LETTER * (max(len(str(loss)) for loss in chosen["loss"]) + 6) + 0.25  # a name, its rank, the line to it
    figure = Figure(figsize=(RULE + 2 * max(side, 1.6), sum(heights) + 0.3), layout="constrained")
    axes = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights).ravel()
    for place, (title, panel) in enumerate(found):
        _panel(axes[place], panel.sort_values("mean_rank", kind="stable"), heights[place] / LINE, max(side, 1.6) / RULE)
        axes[place].set_title(f"{title}: {metric.replace('_', ' ')}, {bucket}", fontsize=10)
    if len(every) > PANELS:
        figure.supxlabel(f"The first {PANELS} of {len(every)} panels; the tables have all.", fontsize=9)
    return figure


def _title(what: list[str], key: tuple[object, ...]) -> str:
    return ", ".join([str(key[0]), *(f"{name}={value}" for name, value in zip(what[1:], key[1:], strict=True))])


def _groups(panel: pd.DataFrame) -> list[tuple[float, float]]:
    """First and last rank of each largest run of losses less than the critical difference apart; two or more."""
    ranks, distance = np.sort(panel["mean_rank"].to_numpy(np.float64)), float(panel["critical_difference"].iloc[0])
    last = [int(np.flatnonzero(ranks - rank < distance).max(initial=place)) for place, rank in enumerate(ranks)]
    return [
        (float(ranks[first]), float(ranks[end]))
        for first, end in enumerate(last)
        if end > first and (first == 0 or last[first - 1] < end)
    ]


def _panel(axes: Axes, panel: pd.DataFrame, height: float, side: float) -> None:
    """One diagram; heights count lines of text downward from the line of ranks at 0, `side` its lengths beside it."""
    losses, groups = len(panel), _groups(panel)
    width = max(losses - 1, 1)
    axes.set(xlim=(1 - side * width, losses + side * width), ylim=(height - 2.6, -2.0))
    axes.axis("off")
    axes.plot([1, losses], [0, 0], color="black", linewidth=1.2)
    for rank in range(1, losses + 1):
        axes.plot([rank, rank], [-0.2, 0], color="black", linewidth=1.2)
        axes.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=9)
    for place, (first, end) in enumerate(groups):
        axes.plot([first - 0.02 * width, end + 0.02 * width], [0.45 + 0.6 * place] * 2, color="#D55E00", linewidth=4)
    left = -(-losses // 2)
    for place, (loss, rank) in enumerate(zip(panel["loss"], panel["mean_rank"], strict=True)):
        on_left = place < left
        down = 1.1 + 0.6 * len(groups) + (place if on_left else losses - 1 - place)
        end = 1 - 0.06 * width if on_left else losses + 0.06 * width
        axes.plot([rank, rank, end], [0, down, down], color="black", linewidth=0.9)
        text = f"{loss}  {rank:.2f}" if on_left else f"{rank:.2f}  {loss}"
        beside = end - 0.02 * width if on_left else end + 0.02 * width
        axes.text(beside, down, text, ha="right" if on_left else "left", va="center", fontsize=9)
    _say(axes, panel, losses, 1.1 + 0.6 * len(groups) + left)


def _say(axes: Axes, panel: pd.DataFrame, losses: int, beneath: float) -> None:
    """The critical difference as a rule above, what it rests on beneath."""
    first = panel.iloc[0]
    distance = float(first["critical_difference"])
    known = distance == distance
    middle = (1 + losses) / 2
    if known:
        axes.errorbar([1 + distance / 2], [-1.45], xerr=[distance / 2], color="black", capsize=3, linewidth=1.2)
        axes.text(1 + distance + 0.03 * losses, -1.45, f"critical difference {distance:.2f}", va="center", fontsize=9)
    count, p_value = int(first["n_datasets"]), float(first["friedman_p"])
    notes = [note for note in str(first["note"]).split("; ") if note and note != TOO_FEW]
    tested = [f"Friedman p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'}"] * known
    text = "; ".join([f"{count} data set{'s' * (count != 1)}", *tested, *notes])
    axes.text(middle, beneath, text, ha="center", va="center", fontsize=9, color="#555555")
