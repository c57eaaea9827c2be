"""The figures: what they show, that they are made without warnings, and the same bytes again."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from seqanomaly.comparison import compare_runs
from seqanomaly.report.plots import PANELS, curve_bands, curves_figure, save, tradeoff_figure


def figure_of(curves: pd.DataFrame) -> Figure:
    """The figure of the curves of some runs."""
    return curves_figure(curve_bands(curves))


def drawn(figure: Figure) -> Figure:
    """Drawn once, so that warnings would come."""
    figure.draw_without_rendering()
    return figure


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def legend(figure: Figure) -> list[str]:
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


def many(curves: pd.DataFrame, count: int) -> pd.DataFrame:
    one = curves[curves["title"] == "gru on drift"]
    return pd.concat([one.assign(title=f"panel {place}") for place in range(count)])


def test_accuracy_by_step_with_its_band_and_the_prevalence_beneath(curves: pd.DataFrame) -> None:
    figure = drawn(figure_of(curves))
    left, right, below, _ = panels(figure)
    assert [axes.get_title() for axes in (left, right)] == ["gru on episodes", "gru on drift"]
    assert left.get_ylabel() == right.get_ylabel() == "accuracy (%)"
    assert (below.get_xlabel(), below.get_ylabel()) == ("step", "anomalous\n(%)")
    assert below.get_ylim() == (0, 100)
    lines = {str(line.get_label()): line for line in left.get_lines()}
    assert list(lines) == ["uniform", "exp"]
    np.testing.assert_allclose(np.asarray(lines["exp"].get_ydata()), 61 + 5 * np.arange(6))
    np.testing.assert_allclose(np.asarray(below.get_lines()[0].get_ydata()), 10 * np.arange(6))
    assert len(left.collections) == 2  # a band each
    corners = np.asarray(left.collections[0].get_paths()[0].vertices)
    half = 1 / np.sqrt(3) * 4.302652729911275  # standard deviation of one point, three seeds
    np.testing.assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [61 - half, 61 + half])


def test_the_bands_stay_between_nothing_and_everything(curves: pd.DataFrame) -> None:
    ends = curves.assign(accuracy=curves["seed"].map({0: 0.0, 1: 0.02, 2: 0.01}))
    for sure in (ends, ends.assign(accuracy=1 - ends["accuracy"])):
        left, *_ = panels(drawn(figure_of(sure)))
        heights = np.asarray(left.collections[0].get_paths()[0].vertices)[:, 1]
        assert heights.min() >= 0
        assert heights.max() <= 100
        assert np.ptp(heights) == pytest.approx(1 + 1 / np.sqrt(3) * 4.302652729911275)  # one side is cut


def test_the_best_possible_stands_where_it_is_known_and_in_the_legend(curves: pd.DataFrame) -> None:
    figure = figure_of(curves)
    left, right, *_ = panels(figure)
    assert [str(line.get_label()) for line in left.get_lines()] == ["uniform", "exp"]
    assert [str(line.get_label()) for line in right.get_lines()] == ["uniform", "exp", "best possible"]
    assert legend(figure) == ["uniform", "exp", "best possible"]


def test_the_baseline_is_black_and_a_loss_has_one_colour_everywhere(curves: pd.DataFrame) -> None:
    left, right, *_ = panels(figure_of(curves))
    colours = [[line.get_color() for line in axes.get_lines()[:2]] for axes in (left, right)]
    assert colours[0] == colours[1]
    assert colours[0][0] == "#000000"
    assert colours[0][1] != colours[0][0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_panels(curves: pd.DataFrame, count: int) -> None:
    figure = drawn(figure_of(many(curves, count)))
    assert len(panels(figure)) == 2 * count
    assert [axes.get_title() for axes in panels(figure) if axes.get_title()] == [f"panel {i}" for i in range(count)]


def test_a_long_title_is_not_cut_off(curves: pd.DataFrame, comparison: pd.DataFrame) -> None:
    name = "ucr(path=135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.txt)"
    one = curves[curves["title"] == "gru on drift"].assign(title=f"rnn(hidden=4) on {name}")
    of_one = comparison[comparison["dataset"] == "drift"].assign(dataset=name)
    for figure in (figure_of(one), tradeoff_figure(of_one, "uniform", "early", "late")):
        drawn(figure)
        title = figure.axes[0].title
        assert title.get_text().replace("\n", "").endswith(f" on {name}")
        assert title.get_window_extent().x0 >= 0
        assert title.get_window_extent().x1 <= figure.bbox.x1


def test_more_panels_than_anybody_reads(curves: pd.DataFrame, comparison: pd.DataFrame) -> None:
    few = curves[(curves["seed"] == 0) & (curves["step"] < 2)]
    grid = pd.concat([comparison.assign(dataset=f"data {place}") for place in range(PANELS + 1)])
    for figure, names in (
        (figure_of(many(few, PANELS + 3)), [f"panel {place}" for place in range(PANELS)]),
        (tradeoff_figure(grid, "uniform", "early", "late"), [f"gru(hidden=4) on data {p}" for p in range(PANELS)]),
    ):
        assert [axes.get_title() for axes in panels(figure) if axes.get_title()] == names
        left = 3 if names[0].startswith("panel") else 1
        assert figure.get_supxlabel() == f"The first {PANELS} of {PANELS + left} panels; the tables have all."
    assert figure_of(many(few, 2)).get_supxlabel() == ""


def test_a_single_loss_and_a_single_seed(curves: pd.DataFrame) -> None:
    figure = drawn(figure_of(curves[(curves["loss"] == "exp") & (curves["seed"] == 0)]))
    assert legend(figure) == ["exp", "best possible"]


def test_more_losses_than_colours(curves: pd.DataFrame) -> None:
    losses = pd.concat([curves[curves["loss"] == "exp"].assign(loss=f"loss {place}") for place in range(10)])
    assert len(legend(drawn(figure_of(losses)))) == 11


def test_steps_without_a_value(curves: pd.DataFrame) -> None:
    gaps = curves.assign(accuracy=curves["accuracy"].mask(curves["step"] < 2))
    left, *_ = panels(drawn(figure_of(gaps)))
    assert np.isnan(np.asarray(left.get_lines()[0].get_ydata())).tolist() == [True] * 2 + [False] * 4
    assert len(panels(drawn(figure_of(curves.assign(accuracy=np.nan, prevalence=np.nan))))) == 4


def test_late_against_early_change_with_both_intervals(comparison: pd.DataFrame) -> None:
    figure = drawn(tradeoff_figure(comparison, "uniform", "early", "late"))
    left, right = panels(figure)
    assert [axes.get_title() for axes in (left, right)] == ["gru(hidden=4) on drift", "gru(hidden=4) on episodes"]
    assert left.get_xlabel() == "early change from uniform (points)"
    assert left.get_ylabel() == "late change (points)"
    assert legend(figure) == ["linear", "exp", "step"]
    at = comparison[(comparison["dataset"] == "drift") & (comparison["metric"] == "accuracy")]
    early, late = (at[(at["bucket"] == bucket) & (at["loss"] == "exp")].iloc[0] for bucket in ("early", "late"))
    point, _, bars = left.containers[1]
    assert np.asarray(point.get_xydata())[0].tolist() == pytest.approx(
        [100 * early["difference"], 100 * late["difference"]]
    )
    across, along = (np.asarray(bar.get_segments())[0] for bar in bars)
    assert across[:, 0].tolist() == pytest.approx([100 * early["difference_low"], 100 * early["difference_high"]])
    assert along[:, 1].tolist() == pytest.approx([100 * late["difference_low"], 100 * late["difference_high"]])


def test_a_trade_without_pairs_or_with_one(stored_runs: pd.DataFrame) -> None:
    for seeds in ([0], [2]):  # of seed 2, a loss has no run on episodes
        runs = stored_runs[stored_runs["seed"].isin(seeds)]
        figure = drawn(tradeoff_figure(compare_runs(runs, "uniform"), "uniform", "early", "late"))
        assert len(panels(figure)) == 2


def test_a_figure_is_written_whole_and_is_the_same_again(curves: pd.DataFrame, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in save(figure_of(curves), tmp_path, "curves")]
    paths = save(figure_of(curves), tmp_path, "curves")
    assert paths == [tmp_path / "curves.png", tmp_path / "curves.svg"]
    assert sorted(tmp_path.iterdir()) == paths  # and no draft
    assert [path.read_bytes() for path in paths] == first
    assert ET.parse(paths[1]).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert imread(paths[0]).shape[:2] == (690, 1560)


def test_a_model_without_other_losses_has_no_tradeoff(comparison: pd.DataFrame) -> None:
    alone = comparison[comparison["loss"] == "uniform"].assign(model="random")
    found, expected = (
        drawn(tradeoff_figure(c, "uniform", "early", "late")) for c in (pd.concat([alone, comparison]), comparison)
    )
    assert [axes.get_title() for axes in panels(found)] == [axes.get_title() for axes in panels(expected)]
