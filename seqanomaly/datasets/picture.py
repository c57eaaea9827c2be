"""A picture of some sequences: features scaled by the training part, anomalous steps shaded in their class's colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts
from seqanomaly.paths import whole
from seqanomaly.report.plots import COLOURS, fitted, legend_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 6
"""Most sequences of a picture."""
NAMED = 8
"""Most features that get a colour and a name; of more, all lines are grey."""
HIGHEST = 6.0
"""Deviations from the training mean beyond which lines are cut off."""
THIN = 0.004
"""Share of a sequence below which an anomaly would be a hair, so that it gets an edge."""


def draw(parts: Parts, title: str) -> Figure:
    """Up to six sequences, every second one of the test part, with and without anomalies; a pure function of the parts.

    Features are in standard deviations from the mean of the training part; steps have the numbers of their series.

    >>> one = Sequences.of([np.zeros((4, 1))] * 3, [[0, 0, 1, 1]] * 3)
    >>> len(draw(Parts(train=one, validation=one, test=one), "doc").axes)
    6
    """
    from matplotlib.figure import Figure

    scaler, chosen = Scaler.fit(parts.train), _chosen(parts)
    columns = min(2, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(6.2 * columns, 2.3 * rows + 1.0), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for place, (word, part, index) in enumerate(chosen):
        _panel(axes[place], scaler.apply(part.take(np.array([index]))), f"{part.ids[index]} ({word})")
    for unused in axes[len(chosen) :]:
        unused.remove()
    head = f"{title}: features in deviations from the training mean, cut off at ±{HIGHEST:g}"
    figure.suptitle(fitted(head, inches=6.0 * columns, points=11), fontsize=11)
    _legend(figure, parts.train)
    return figure


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, whole by rename; the same picture gives the same bytes."""
    with whole(path) as draft:
        figure.savefig(draft, format="png", dpi=120, metadata={"Software": None})


def _chosen(parts: Parts) -> list[tuple[str, Sequences, int]]:
    """Sequences to show, half of each part: one of each class first, the longest of them."""
    of_part = [
        [(word, part, index) for index in _varied(part)]
        for word, part in (("train", parts.train), ("test", parts.test))
    ]
    in_turn = [found for pair in zip(*(_padded(one) for one in of_part), strict=True) for found in pair]
    return [found for found in in_turn if found is not None][:PANELS]


def _padded(found: list[tuple[str, Sequences, int]]) -> list[tuple[str, Sequences, int] | None]:
    return [*found, *[None] * (PANELS - len(found))]


def _varied(part: Sequences) -> list[int]:
    """Indices of up to six sequences: the classes take turns, and longer ones come first."""
    highest = part.highest
    groups = [np.flatnonzero(highest == code) for code in np.unique(highest)[::-1]]
    sorted_groups = [group[np.argsort(-part.length[group], kind="stable")].tolist() for group in groups]
    turns = [group[turn] for turn in range(PANELS) for group in sorted_groups if turn < len(group)]
    return [int(index) for index in turns[:PANELS]]


def _panel(axes: Axes, one: Sequences, title: str) -> None:
    step = one.start[0] + np.arange(one.length[0])
    few = len(one.features) <= NAMED
    own = one.span(0)
    drawn = np.where(one.mask[own][:, None], one.x[own], np.nan)
    for values, colour in zip(drawn.T, cycle(COLOURS if few else ["#555555"]), strict=False):
        axes.plot(step, values.clip(-HIGHEST, HIGHEST), color=colour, linewidth=0.8, alpha=0.9 if few else 0.3)
    for code, first, last in _runs(one.label[own]):
        thin = last - first + 1 < THIN * len(step)
        look = {"alpha": 0.6, "linewidth": 2.0} if thin else {"alpha": 0.25, "linewidth": 0.0}
        axes.axvspan(step[first] - 0.5, step[last] + 0.5, color=_shade(code), **look)
    axes.set_title(fitted(title, inches=5.6, points=9), fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def _runs(label: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Class, first and last step of each run of anomalous steps."""
    change = np.flatnonzero(np.diff(label, prepend=-1, append=-1))
    found = zip(change[:-1].tolist(), (change[1:] - 1).tolist(), strict=True)
    return [(int(label[first]), first, last) for first, last in found if label[first] != 0]


def _shade(code: int) -> str:
    """The colour of a class, the first anomalous one red."""
    shades: Sequence[str] = (COLOURS[2], *COLOURS[3:], COLOURS[1])
    return shades[(code - 1) % len(shades)]


def _legend(figure: Figure, part: Sequences) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = part.features if len(part.features) <= NAMED else (f"{len(part.features)} features",)
    colours = cycle(COLOURS if len(part.features) <= NAMED else ["#555555"])
    lines = [Line2D([], [], color=colour, label=name) for name, colour in zip(names, colours, strict=False)]
    shades = [
        Patch(color=_shade(code), alpha=0.25, label=f"class {name}" if len(part.classes) > 2 else "anomalous")
        for code, name in enumerate(part.classes)
        if code
    ]
    handles = [*lines, *shades]
    ncols = min(8, legend_columns([str(handle.get_label()) for handle in handles], figure.get_figwidth()))
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, fontsize=8, frameon=False)
