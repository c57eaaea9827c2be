"""Reliability curves and recall since the onset, as they are drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seqanomaly.report.plots import PANELS, bands
from seqanomaly.report.quality import pooled, recall_figure, reliability_figure


def bins(*rows: tuple[str, str, int, float, int, float, float]) -> pd.DataFrame:
    columns = ["loss", "bucket", "seed", "low", "n", "confidence", "frequency"]
    return pd.DataFrame(rows, columns=columns).assign(title="gru on drift")


def test_the_bins_of_all_seeds_are_pooled_by_their_steps() -> None:
    table = bins(
        ("uniform", "late", 0, 0.9, 10, 0.92, 0.5),
        ("uniform", "late", 1, 0.9, 30, 0.96, 0.9),
        ("uniform", "late", 0, 0.1, 5, 0.15, 0.2),
        ("uniform", "mid", 0, 0.1, 5, 0.15, 0.2),
    )
    figure = reliability_figure(pooled(table), ["early", "late"])
    assert [axes.get_title() for axes in figure.axes] == ["gru on drift, early", "gru on drift, late"]
    lines = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert list(lines) == ["calibrated", "uniform"]
    assert lines["uniform"].get_xdata() == pytest.approx([15, 95])
    assert lines["uniform"].get_ydata() == pytest.approx([20, 80])


def test_recall_is_a_mean_over_seeds_with_its_band() -> None:
    rows = [
        {
            "title": "gru on tep",
            "loss": loss,
            "seed": seed,
            "since_onset": since,
            "recall": min(1, 0.2 * since + 0.1 * seed),
        }
        for loss in ("uniform", "exp")
        for seed in range(3)
        for since in range(4)
    ]
    (axes,) = recall_figure(bands(pd.DataFrame(rows), "since_onset", "recall")).axes
    assert [line.get_label() for line in axes.get_lines()] == ["uniform", "exp"]
    assert axes.get_lines()[0].get_ydata() == pytest.approx([10, 30, 50, 70])
    band = axes.collections[0].get_paths()[0].vertices
    assert np.asarray(band)[:, 1].min() >= 0


@pytest.mark.parametrize("recall", [0.0, 1.0])
def test_a_line_at_the_end_of_the_scale_is_seen_whole(recall: float) -> None:
    rows = [
        {"title": "t", "loss": "exp", "seed": seed, "since_onset": since, "recall": recall}
        for seed in range(2)
        for since in range(3)
    ]
    (axes,) = recall_figure(bands(pd.DataFrame(rows), "since_onset", "recall")).axes
    low, high = axes.get_ylim()
    assert low < 0
    assert high > 100
    table = pooled(bins(("uniform", "late", 0, 0.9, 10, 1.0, recall)))
    (axes,) = reliability_figure(table, ["late"]).axes
    assert axes.get_ylim() == axes.get_xlim() == (low, high)


def test_more_panels_than_anybody_reads_are_left_out() -> None:
    rows = [
        {"title": f"gru on {n}", "loss": "uniform", "seed": 0, "since_onset": 0, "recall": 1.0}
        for n in range(PANELS + 1)
    ]
    figure = recall_figure(bands(pd.DataFrame(rows), "since_onset", "recall"))
    assert len([axes for axes in figure.axes if axes.get_visible()]) == PANELS


def test_panels_that_were_not_read_are_counted() -> None:
    row = {"title": "gru on tep", "loss": "uniform", "seed": 0, "since_onset": 0, "recall": 1.0}
    figure = recall_figure(bands(pd.DataFrame([row]), "since_onset", "recall"), PANELS + 2)
    assert figure.get_supxlabel() == f"The first {PANELS} of {PANELS + 2} panels; the tables have all."
    table = pooled(bins(("uniform", "late", 0, 0.9, 10, 0.92, 0.5)))
    figure = reliability_figure(table, ["early", "late"], PANELS)
    assert figure.get_supxlabel() == f"The first {PANELS} of {2 * PANELS} panels; the tables have all."
