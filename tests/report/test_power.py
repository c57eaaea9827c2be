"""What seeds could show and what they rule out, in words: each kind of sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.effects import effects
from seqanomaly.power import planned_seeds
from seqanomaly.report.power import amount, margin_notes, planned_notes, power_notes

NAN = float("nan")


def table(losses: dict[str, dict[str, Any]], **columns: Any) -> pd.DataFrame:
    """Effects of one data set and model: loss -> what is known of it late, and early under the key early."""
    rows = [
        {"dataset": "drift", "model": "gru", "loss": loss, **columns, "bucket": bucket}
        | {"metric": "accuracy", "n_pairs": 10, "detectable": NAN, "seeds_needed": NAN}
        | {"equivalence_p": NAN, "noninferiority_p": NAN, **known.get(bucket, {})}
        for loss, known in losses.items()
        for bucket in ("early", "late")
    ]
    return pd.DataFrame(rows)


def late(detectable: float, seeds_needed: float) -> dict[str, Any]:
    return {"late": {"detectable": detectable, "seeds_needed": seeds_needed}}


def test_the_losses_that_vary_least_and_most_are_spoken_of() -> None:
    known = {"exp": late(0.0161, 1_024), "step": late(0.007, 99), "linear": late(0.004, 8), "lost": late(NAN, NAN)}
    known["shuffled_labels"] = late(0.3, 9_999)
    assert power_notes(table(known), "late", margin=0.002) == [
        "gru on drift: with 10 seeds, late differences in accuracy under 0.4 (linear) to 1.6 points (exp) would not be "
        "seen; 8 to 1,024 seeds would show 0.2 points."
    ]
    assert power_notes(table(known), "early") == []
    assert power_notes(table(known), "late", "auroc") == []


def test_more_seeds_than_anybody_trains() -> None:
    (said,) = power_notes(table({"exp": late(2.0, NAN)}, lr=0.1), "late")
    assert said == (
        "gru on drift, lr=0.1: with 10 seeds, late differences in accuracy under 200 points would not be seen; more "
        "than 100,000 seeds would show 1 point."
    )


def test_a_metric_that_is_no_share_has_no_points() -> None:
    assert power_notes(table({"exp": late(3.25, NAN)}).assign(metric="false_alarms"), "late", "false_alarms") == [
        "gru on drift: with 10 seeds, late differences in false alarms under 3.2 would not be seen."
    ]


def test_a_plan_from_stored_pairs() -> None:
    row = {"dataset": "drift", "model": "gru", "loss": "exp", "n_pairs": 5, "sd": 0.01, "seeds": 10}
    row |= {"detectable": 0.012, "seeds_needed": 24.0}
    plan = pd.DataFrame(
        [
            row,
            {**row, "model": "rnn", "n_pairs": 2, "sd": NAN},
            {**row, "model": "tcn", "n_pairs": 4, "sd": NAN},
        ]
    )
    assert planned_notes(plan, "late") == [
        "gru on drift: with 10 seeds, late differences in accuracy under 1.2 points would not be seen; 24 seeds would "
        "show 1 point (from 5 stored pairs).",
        "tcn on drift: the 4 stored pairs do not vary, so nothing can be planned from them.",
    ]


def margins(same: float, kept: float) -> dict[str, Any]:
    return {"late": {"equivalence_p": same}, "early": {"noninferiority_p": kept}}


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        (
            {"exp": margins(0.00001, 0.2), "linear": margins(0.01, 0.012)},
            "within 1 point of uniform late: exp (p < 0.001), linear (p = 0.010); less than 2 points early is lost "
            "with linear (p = 0.024)",
        ),
        (
            {"exp": margins(0.04, 0.3), "linear": margins(0.03, 0.2)},  # 0.06 after Holm
            "no loss is shown to be within 1 point of uniform late; no loss is shown to lose less than 2 points early",
        ),
        (
            {"exp": margins(NAN, 0.001), "linear": margins(0.04, NAN)},  # what is not known does not count
            "within 1 point of uniform late: linear (p = 0.040); less than 2 points early is lost with exp (p = 0.001)",
        ),
    ],
)
def test_margins_in_words(losses: dict[str, dict[str, Any]], sentence: str) -> None:
    said = margin_notes(table(losses), "uniform", "early", "late", early_margin=0.02)
    assert said == [f"gru on drift: {sentence}."]


def test_where_no_margin_was_tested_nothing_is_said() -> None:
    assert margin_notes(table({"exp": margins(NAN, NAN)}), "uniform", "early", "late") == []


def test_the_stored_runs(stored_runs: pd.DataFrame) -> None:
    found = effects(stored_runs, "uniform", [], early="early", late="late")
    first, second = power_notes(found, "late - early")
    assert first.startswith("gru(hidden=4) on drift: with 8 seeds, late - early differences in accuracy under ")
    assert second.startswith("gru(hidden=4) on episodes: with 8 seeds, ")
    planned = planned_notes(planned_seeds(stored_runs, "uniform", [], "late", "accuracy"), "late")
    assert [said.endswith("stored pairs).") for said in planned] == [True, True]
    assert len(margin_notes(found, "uniform", "early", "late")) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "50 points"), (0.01, "1 point"), (0.0104, "1 point"), (0.0016, "0.2 points"), (0.00012, "0.01 points")],
)
def test_amounts(value: float, text: str) -> None:
    assert amount(value, "accuracy") == text
    assert np.isfinite(float(text.split()[0]))
