"""What a comparison found, in words: each kind of sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.comparison import NOT_TRAINED
from seqanomaly.report.words import cheapest, findings, groups, points, with_test_limits

Change = tuple[float, float, float, float]  # difference, low, high, adjusted p
NONE: Change = (np.nan, np.nan, np.nan, np.nan)
GAIN: Change = (0.071, 0.066, 0.076, 0.006)
LOSS: Change = (-0.134, -0.14, -0.128, 0.006)
SMALL: Change = (0.002, -0.001, 0.005, 0.3)
WIDE: Change = (0.011, -0.004, 0.026, 0.2)


def comparison(
    changes: dict[str, tuple[Change, Change]], notes: dict[str, str] | None = None, **columns: Any
) -> pd.DataFrame:
    """Loss -> its early and its late change; loss -> its note."""
    rows = [
        {"dataset": "drift", "model": "gru", "loss": loss, **columns, "bucket": bucket, "metric": "accuracy"}
        | {"mean": 0.8, "difference": d, "difference_low": low, "difference_high": high, "p_adjusted": p}
        | {"note": (notes or {}).get(loss, "")}
        for loss, both in {"uniform": (NONE, NONE), **changes}.items()
        for bucket, (d, low, high, p) in zip(("early", "late"), both, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"exp": (LOSS, GAIN)},
            "exp gains 7.1 points [6.6, 7.6] late and loses 13.4 early",
        ),
        (
            {"exp": (LOSS, GAIN), "linear": (SMALL, SMALL)},
            "exp gains 7.1 points [6.6, 7.6] late and loses 13.4 early; no other loss helps late by a point or more",
        ),
        ({"exp": (LOSS, SMALL), "linear": (SMALL, SMALL)}, "no loss helps late by a point or more"),
        ({"reverse": (GAIN, LOSS)}, "no loss helps late by a point or more"),
        (
            {"exp": (LOSS, WIDE), "linear": (SMALL, SMALL)},
            "undecided late: exp +1.1 points [-0.4, 2.6]",
        ),
        (
            {"linear": (WIDE, (0.03, 0.02, 0.04, 0.01)), "exp": (LOSS, GAIN), "step": (SMALL, WIDE)},
            "exp gains 7.1 points [6.6, 7.6] late and loses 13.4 early; linear gains 3.0 points [2.0, 4.0] late and "
            "shows no clear change early (+1.1 points [-0.4, 2.6]); undecided late: step +1.1 points [-0.4, 2.6]",
        ),
        ({"exp": ((0.02, 0.01, 0.03, 0.01), GAIN)}, "exp gains 7.1 points [6.6, 7.6] late and gains 2.0 early"),
        ({"exp": (NONE, GAIN)}, "exp gains 7.1 points [6.6, 7.6] late and cannot be compared early"),
        (
            {"exp": (SMALL, (0.004, 0.002, 0.006, 0.01))},
            "exp gains 0.4 points [0.2, 0.6] late and shows no clear change early (+0.2 points [-0.1, 0.5]); no loss "
            "helps late by a point or more",
        ),
        ({"exp": (LOSS, (0.08, 0.05, 0.11, 0.0625))}, "undecided late: exp +8.0 points [5.0, 11.0]"),
        ({"exp": (NONE, NONE), "linear": ((0.1, np.nan, np.nan, 1.0),) * 2}, "nothing can be said late (too few runs)"),
        (
            {"exp": (NONE, NONE), "linear": (SMALL, SMALL)},
            "no other loss helps late by a point or more; too few runs to say anything of exp",
        ),
        ({}, "there is no loss beside uniform to compare"),
    ],
)
def test_the_sentence(changes: dict[str, tuple[Change, Change]], sentence: str) -> None:
    assert findings(comparison(changes), "uniform", "early", "late") == [f"gru on drift: {sentence}."]


def test_a_point_exactly_is_no_longer_no_gain() -> None:
    (sentence,) = findings(comparison({"exp": (SMALL, (0.005, 0.0, 0.01, 0.2))}), "uniform", "early", "late")
    assert sentence == "gru on drift: undecided late: exp +0.5 points [0.0, 1.0]."


@pytest.mark.parametrize(
    ("others", "noted", "said"),
    [
        ([], "exp", " (too few pairs: 6 that differ are needed)"),
        (["b", "c", "d"], "exp", " (too few pairs: 8 that differ are needed)"),
        (["b"], "b", ""),  # which is not among the undecided
    ],
)
def test_where_pairs_are_too_few_it_says_how_many_are_needed(others: list[str], noted: str, said: str) -> None:
    changes = {"exp": (LOSS, WIDE), **dict.fromkeys(others, (SMALL, SMALL))}
    found = findings(comparison(changes, {noted: "3 of 8 runs missing; too few pairs"}), "uniform", "early", "late")
    assert found == [f"gru on drift: undecided late{said}: exp +1.1 points [-0.4, 2.6]."]


def test_where_nothing_can_be_said_the_reasons_stand_once() -> None:
    notes = {"exp": "only one class in this bucket; too few pairs", "step": "5 of 5 runs missing; too few pairs"}
    both = comparison({"exp": (NONE, NONE), "step": (NONE, NONE)}, notes)
    assert findings(both, "uniform", "early", "late") == [
        "gru on drift: nothing can be said late (only one class in this bucket; too few pairs; 5 of 5 runs missing)."
    ]


def test_the_stored_runs(comparison: pd.DataFrame) -> None:
    assert findings(comparison, "uniform", "early", "late") == [
        "gru(hidden=4) on drift: exp gains 7.1 points [6.7, 7.5] late and loses 13.1 early; no other loss helps late "
        "by a point or more; no decision late differs from uniform with step.",
        "gru(hidden=4) on episodes: undecided late (too few pairs of linear, step: 7 that differ are needed): linear "
        "+1.0 points [-0.1, 2.1], exp +1.0 points [0.1, 1.9], step +2.4 points [1.1, 3.8].",
    ]


def test_another_metric(comparison: pd.DataFrame) -> None:
    assert findings(comparison, "uniform", "early", "late", "auroc")[0] == (
        "gru(hidden=4) on drift: exp gains 3.6 points [3.3, 3.8] late and loses 6.6 early; no other loss helps late by "
        "a point or more; no decision late differs from uniform with step."
    )


LOST, UNSURE = (-0.078, -0.183, 0.028, 0.02), (-0.017, -0.035, 0.0, 0.03)


def test_what_is_significant_is_said_so_whatever_the_interval() -> None:
    (said,) = findings(comparison({"exp": (LOSS, LOST)}), "uniform", "early", "late")
    assert said == "gru on drift: exp loses 7.8 late."
    (said,) = findings(comparison({"exp": (UNSURE, GAIN)}), "uniform", "early", "late")
    assert said.endswith(" late and loses 1.7 early.")


def test_a_gain_on_these_test_sequences_only() -> None:
    found = comparison({"exp": (LOSS, GAIN)})
    limits = found.loc[found["loss"] == "exp", ["dataset", "model", "loss", "bucket", "metric"]]
    limits = limits.assign(test_low=-0.005, test_high=0.187)
    (said,) = findings(with_test_limits(found, limits), "uniform", "early", "late")
    assert " late on these test sequences ([-0.5, 18.7] over such) and " in said
    (said,) = findings(with_test_limits(found, limits.assign(test_low=0.001)), "uniform", "early", "late")
    assert "on these test sequences" not in said
    assert with_test_limits(found, limits.iloc[:0]) is found


def test_shuffled_labels_are_no_contender() -> None:
    both = comparison({"exp": (LOSS, GAIN), "shuffled_labels": (LOSS, LOST)})
    assert findings(both, "uniform", "early", "late") == findings(
        both[both["loss"] != "shuffled_labels"], "uniform", "early", "late"
    )


def test_the_cheapest_gain() -> None:
    both = comparison({"exp": (LOSS, GAIN), "linear": ((-0.02, -0.03, -0.01, 0.01), (0.03, 0.02, 0.04, 0.01))})
    assert cheapest(both, "uniform", "early", "late", 0.02) == [
        "gru on drift: of the losses that lose at most 2 points early, linear has the best mean late (+3.0 points "
        "[2.0, 4.0] late, -2.0 points [-3.0, -1.0] early)."
    ]
    assert cheapest(both, "uniform", "early", "late", 0.2) == [
        "gru on drift: of the losses that lose at most 20 points early, exp has the best mean late (+7.1 points "
        "[6.6, 7.6] late, -13.4 points [-14.0, -12.8] early)."
    ]
    assert cheapest(both, "uniform", "early", "late", 0.005) == [
        "gru on drift: of the losses that lose at most 0.5 points early, uniform has the best mean late."
    ]


def test_the_baseline_is_the_cheapest_where_nothing_is_better_late() -> None:
    worse = comparison({"exp": (SMALL, LOSS), "step": (SMALL, (0.0, 0.0, 0.0, 1.0))})
    assert cheapest(worse, "uniform", "early", "late", 0.02) == [
        "gru on drift: of the losses that lose at most 2 points early, uniform has the best mean late."
    ]


def test_a_loss_without_runs_is_never_the_cheapest() -> None:
    found = cheapest(comparison({"exp": (NONE, NONE), "step": (SMALL, NONE)}), "uniform", "early", "late", 1.0)
    assert found == ["gru on drift: of the losses that lose at most 100 points early, uniform has the best mean late."]


def test_a_sentence_for_each_place_in_the_grid() -> None:
    both = pd.concat(
        [comparison({"exp": (LOSS, GAIN)}, epochs=5, lr=0.1), comparison({"exp": (SMALL, SMALL)}, epochs=5, lr=0.01)]
    )
    assert [title for title, _ in groups(both)] == ["gru on drift, epochs=5, lr=0.1", "gru on drift, epochs=5, lr=0.01"]
    first, second = findings(both, "uniform", "early", "late")
    assert first.startswith("gru on drift, epochs=5, lr=0.1: exp gains")
    assert second == "gru on drift, epochs=5, lr=0.01: no loss helps late by a point or more."


def test_points() -> None:
    row = {"difference": -0.02, "difference_low": -0.031, "difference_high": -0.009}
    assert points(row) == "-2.0 points [-3.1, -0.9]"
    assert points({**row, "difference": 0.02}, signed=True) == "+2.0 points [-3.1, -0.9]"


def beside(model: str, note: str = "") -> pd.DataFrame:
    """A model with the baseline loss only."""
    return comparison({}, {"uniform": note}).assign(model=model)


def test_a_model_with_the_baseline_only_is_passed_over() -> None:
    whole = pd.concat([beside("random", NOT_TRAINED), comparison({"exp": (LOSS, GAIN)}), beside("logistic")])
    (sentence,) = findings(whole, "uniform", "early", "late")
    assert sentence.startswith("gru on drift: exp gains")
    (sentence,) = cheapest(whole, "uniform", "early", "late", 0.2)
    assert sentence.startswith("gru on drift: of the losses")


def test_only_a_model_that_is_trained_misses_other_losses() -> None:
    both = pd.concat([beside("random", f"{NOT_TRAINED}; covers training randomness only"), beside("gru")])
    said = ["gru on drift: there is no loss beside uniform to compare."]
    assert findings(both, "uniform", "early", "late") == said
    assert findings(beside("random", NOT_TRAINED), "uniform", "early", "late") == []
