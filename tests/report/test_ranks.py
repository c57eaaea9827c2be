"""Critical difference diagrams: what they join, what they say, and that they are made without warnings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from seqanomaly.errors import DataError
from seqanomaly.report.plots import PANELS, save
from seqanomaly.report.ranks import critical_difference_figure
from seqanomaly.several import over_datasets


def over(ranks: dict[str, float], distance: float, *, n: int = 9, note: str = "", **columns: object) -> pd.DataFrame:
    """What `over_datasets` gives for one model."""
    rows = [
        {"model": "gru", "loss": loss, "bucket": "late", "metric": "accuracy"}
        | {"n_datasets": n, "mean_rank": rank, "mean_difference": 0.0, "p_value": 0.1, "p_adjusted": 0.2}
        | {"friedman": 9.0, "friedman_p": 0.0123, "critical_difference": distance, "note": note, **columns}
        for loss, rank in ranks.items()
    ]
    return pd.DataFrame(rows)


def drawn(figure: Figure) -> Figure:
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def bars(figure: Figure) -> list[tuple[float, float]]:
    """First and last rank of each bar."""
    found = []
    for line in figure.axes[0].get_lines():
        if to_hex(str(line.get_color())) == "#d55e00":
            first, last = np.asarray(line.get_xdata(), np.float64)
            found.append((float(first), float(last)))
    return found


@pytest.mark.parametrize(
    ("distance", "joined"),
    [
        (0.4, []),
        (0.5, []),  # as far apart as the critical difference is different
        (0.6, [(1.0, 1.5)]),
        (1.1, [(1.0, 1.5), (1.5, 2.5), (2.5, 3.5)]),
        (1.6, [(1.0, 2.5), (2.5, 3.5)]),
        (2.1, [(1.0, 2.5), (1.5, 3.5)]),
        (2.6, [(1.0, 3.5)]),
    ],
)
def test_bars_join_what_lies_within_the_critical_difference(distance: float, joined: list[tuple[float, float]]) -> None:
    ranks = {"step": 3.5, "exp": 1.0, "linear": 2.5, "uniform": 1.5}
    found = bars(drawn(critical_difference_figure(over(ranks, distance), "late")))
    assert len(found) == len(joined)
    for (first, last), (from_rank, to_rank) in zip(found, joined, strict=True):
        assert (first + 0.06, last - 0.06) == pytest.approx((from_rank, to_rank))  # a little over both ends


def test_the_losses_stand_in_order_with_their_ranks() -> None:
    figure = drawn(critical_difference_figure(over({"step": 3.0, "exp": 1.25, "uniform": 1.75}, 1.1), "late"))
    assert figure.axes[0].get_title() == "gru: accuracy, late"
    assert texts(figure) == [
        *("1", "2", "3"),
        *("exp  1.25", "uniform  1.75", "3.00  step"),
        "critical difference 1.10",
        "9 data sets; Friedman p = 0.012",
    ]


def test_without_a_critical_difference_the_reason_stands_beneath() -> None:
    reason = "too few data sets: 4, at least 5 needed"
    table = over({"exp": 1.0, "uniform": 2.0}, np.nan, n=4, note=f"{reason}; too few pairs")
    figure = drawn(critical_difference_figure(table, "late"))
    assert bars(figure) == []
    assert texts(figure)[-1] == f"4 data sets; {reason}"
    assert not any("critical" in text for text in texts(figure))


def test_data_sets_that_are_left_out_are_named() -> None:
    note = "1 of 6 data sets left out (exp missing)"
    table = over({"exp": 1.0, "uniform": 2.0, "step": 3.0}, 1.5, n=5, note=note, friedman_p=1e-6)
    assert texts(critical_difference_figure(table, "late"))[-1] == f"5 data sets; Friedman p < 0.001; {note}"


def test_a_panel_per_model_and_further_axis_and_no_more_than_anybody_reads() -> None:
    ranks = {"exp": 1.0, "uniform": 2.0, "step": 3.0}
    two = pd.concat([over(ranks, 1.0), over(ranks, 1.0, model="rnn"), over(ranks, 1.0, bucket="early")])
    two.insert(2, "lr", 0.1)
    figure = drawn(critical_difference_figure(two, "late"))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["gru, lr=0.1: accuracy, late", "rnn, lr=0.1: accuracy, late"]
    many = pd.concat([over(ranks, 1.0, model=f"m{place}") for place in range(PANELS + 1)])
    figure = critical_difference_figure(many, "late")
    assert len(figure.axes) == PANELS
    assert figure.get_supxlabel() == (f"The first {PANELS} of {PANELS + 1} panels; the tables have all.")


def test_ranks_of_a_comparison_and_the_same_bytes_again(comparison: pd.DataFrame, tmp_path: Path) -> None:
    many = pd.concat([comparison[comparison["dataset"] == "drift"].assign(dataset=f"d{place}") for place in range(5)])
    figures = [critical_difference_figure(over_datasets(many, "uniform"), "late") for _ in range(2)]
    first, second = ([path.read_bytes() for path in save(figure, tmp_path, "ranks")] for figure in figures)
    assert first == second
    assert b"uniform" in first[1]


def test_long_names_stay_inside() -> None:
    long = "reverse(of=exp(rate=0.1,normalize=none),pos_weight=3)"
    figure = drawn(critical_difference_figure(over({long: 1.0, "uniform": 2.0, f"{long}!": 3.0}, 1.1), "late"))
    inside = figure.bbox
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1


def test_one_loss_alone() -> None:
    assert texts(drawn(critical_difference_figure(over({"uniform": 1.0}, np.nan), "late")))[1] == "uniform  1.00"


def test_nothing_to_draw_is_an_error() -> None:
    for table in (over({"exp": np.nan}, np.nan), over({"exp": 1.0}, 1.0, bucket="early")):
        with pytest.raises(DataError) as caught:
            critical_difference_figure(table, "late")
        assert str(caught.value) == "there are no ranks of accuracy late to draw: no data set has every loss"
