"""Figures of how good scores and alarms are: reliability curves and recall by steps since the onset."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import pandas as pd

from seqanomaly.report.plots import COLOURS, PANELS, draw_band, legend, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERYTHING = (-2.0, 102.0)
"""Limits of an axis in percent, with room for a line at 0 or 100."""


def reliability_figure(curves: pd.DataFrame, buckets: list[str], titles: int | None = None) -> Figure:
    """How often a step is anomalous against the probability given to it: a panel per data set, model and bucket.

    Args:
        curves: see `pooled`.
        buckets: which to draw, the early and the late one.
        titles: how many data sets and models there are, where `curves` has the first ones only.
    """
    curves = curves[curves["bucket"].isin(buckets)]
    every = [(title, bucket) for title in curves["title"].unique() for bucket in buckets]
    colours = dict(zip(curves["loss"].unique(), cycle(COLOURS), strict=False))
    count = len(every) if titles is None else titles * len(buckets)
    figure, axes = panels(count, height=3.6, titles=[f"{title}, {bucket}" for title, bucket in every])
    for (title, bucket), here in zip(every[:PANELS], axes, strict=False):
        here.plot([0, 100], [0, 100], "--", color="#999999", linewidth=0.8, label="calibrated")
        of_panel = curves[(curves["title"] == title) & (curves["bucket"] == bucket)]
        for loss, of_loss in of_panel.groupby("loss", sort=False):
            x, y = 100 * of_loss["confidence"], 100 * of_loss["frequency"]
            here.plot(x, y, marker=".", color=colours[str(loss)], label=str(loss), linewidth=1.2)
        here.set(xlim=EVERYTHING, ylim=EVERYTHING, xlabel="probability given (%)", ylabel="anomalous (%)")
    legend(figure)
    return figure


def pooled(curves: pd.DataFrame) -> pd.DataFrame:
    """The bins of all seeds together, weighted by their steps: one row per title, loss, bucket and bin.

    Args:
        curves: one row per run, bucket and bin with the columns title, loss, bucket, n, low, confidence, frequency.
    """
    sums = curves.assign(confidence=curves["confidence"] * curves["n"], frequency=curves["frequency"] * curves["n"])
    place = ["title", "loss", "bucket", "low"]
    found = sums.groupby(place, sort=False, observed=True)[["n", "confidence", "frequency"]].sum().reset_index()
    found[["confidence", "frequency"]] = found[["confidence", "frequency"]].div(found["n"], axis=0)
    return found.astype(dict.fromkeys(("title", "loss"), str)).sort_values("low", kind="stable")


def recall_figure(onset: pd.DataFrame, every: int | None = None) -> Figure:
    """Recall by steps since the onset: per data set and model a line per loss with its 95% band over seeds.

    Args:
        onset: see `plots.bands`, of the recall by `since_onset`.
        every: how many data sets and models there are, where `onset` has the first ones only.
    """
    titles = list(onset["title"].unique())
    colours = dict(zip(onset["loss"].unique(), cycle(COLOURS), strict=False))
    figure, axes = panels(every or len(titles), height=3.6, titles=titles)
    for title, here in zip(titles[:PANELS], axes, strict=False):
        for loss, of_loss in onset[onset["title"] == title].groupby("loss", sort=False):
            draw_band(here, of_loss, "since_onset", str(loss), colours[str(loss)])
        here.set(ylim=EVERYTHING, xlabel="steps since the first anomalous step", ylabel="recall (%)")
    legend(figure)
    return figure
