"""Figures of how good scores and alarms are: reliability curves and recall by steps since the onset."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

import pandas as pd

from seqanomaly.report.plots import COLOURS, PANELS, draw_band, legend, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_figure(curves: pd.DataFrame, buckets: list[str]) -> Figure:
    """How often a step is anomalous against the probability given to it: a panel per data set, model and bucket.

    Args:
        curves: one row per run, bucket and bin with the columns title, loss, bucket, n, low, confidence, frequency; the
            steps of all seeds are pooled.
        buckets: which to draw, the early and the late one.
    """
    curves = curves[curves["bucket"].isin(buckets)]
    pooled = _pooled(curves)
    every = [(title, bucket) for title in curves["title"].unique() for bucket in buckets]
    colours = dict(zip(curves["loss"].unique(), cycle(COLOURS), strict=False))
    figure, axes = panels(every, height=3.6, titles=[f"{title}, {bucket}" for title, bucket in every])
    for (title, bucket), here in zip(every[:PANELS], axes, strict=False):
        here.plot([0, 100], [0, 100], "--", color="#999999", linewidth=0.8, label="calibrated")
        of_panel = pooled[(pooled["title"] == title) & (pooled["bucket"] == bucket)]
        for loss, of_loss in of_panel.groupby("loss", sort=False):
            x, y = 100 * of_loss["confidence"], 100 * of_loss["frequency"]
            here.plot(x, y, marker=".", color=colours[str(loss)], label=str(loss), linewidth=1.2)
        here.set(xlim=(0, 100), ylim=(0, 100), xlabel="probability given (%)", ylabel="anomalous (%)")
    legend(figure)
    return figure


def _pooled(curves: pd.DataFrame) -> pd.DataFrame:
    """The bins of all seeds together, weighted by their steps."""
    sums = curves.assign(confidence=curves["confidence"] * curves["n"], frequency=curves["frequency"] * curves["n"])
    place = ["title", "loss", "bucket", "low"]
    found = sums.groupby(place, sort=False)[["n", "confidence", "frequency"]].sum().reset_index()
    found[["confidence", "frequency"]] = found[["confidence", "frequency"]].div(found["n"], axis=0)
    return found.sort_values("low", kind="stable")


def recall_figure(onset: pd.DataFrame) -> Figure:
    """Recall by steps since the onset: per data set and model a line per loss with its 95% band over seeds.

    Args:
        onset: one row per run and step since the onset with the columns title, loss, seed, since_onset, recall.
    """
    every = list(onset["title"].unique())
    colours = dict(zip(onset["loss"].unique(), cycle(COLOURS), strict=False))
    figure, axes = panels(every, height=3.6, titles=every)
    for title, here in zip(every[:PANELS], axes, strict=False):
        for loss, of_loss in onset[onset["title"] == title].groupby("loss", sort=False):
            by_step = of_loss.pivot(index="since_onset", columns="seed", values="recall")
            draw_band(here, by_step, str(loss), colours[str(loss)])
        here.set(ylim=(0, 100), xlabel="steps since the first anomalous step", ylabel="recall (%)")
    legend(figure)
    return figure
