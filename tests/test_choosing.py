"""A setting chosen on validation data stands with its test values, whatever would have been best on the test part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.choosing import with_chosen
from seqanomaly.comparison import MISSING, compare_runs
from seqanomaly.errors import ConfigError
from seqanomaly.experiment import Experiment
from seqanomaly.sweep import compare

FAMILIES = {"exp(chosen)": ["exp", "exp(rate=0.2)"]}


def runs(values: dict[str, list[float]], validation: dict[str, list[float]]) -> pd.DataFrame:
    """Runs of two buckets; the validation values stand in the late one, the early one has them turned round."""
    rows = [
        {"dataset": "d", "model": "m", "loss": loss, "seed": seed, "bucket": bucket, "metric": "accuracy"}
        | {"value": value + 0.001 * (bucket == "early"), "validation": sign * validation[loss][seed]}
        | {"best_possible": np.nan, "ess": 1.0, "note": ""}
        for loss, of_loss in values.items()
        for seed, value in enumerate(of_loss)
        for bucket, sign in (("early", -1), ("late", 1))
    ]
    return pd.DataFrame(rows)


def chosen(table: pd.DataFrame, bucket: str = "late") -> pd.DataFrame:
    found = with_chosen(table, FAMILIES, [], bucket="late", metric="accuracy")
    return found[(found["loss"] == "exp(chosen)") & (found["bucket"] == bucket)].sort_values("seed")


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=8))
def test_validation_decides_and_the_test_part_is_reported(drawn: list[tuple[float, float, float, float]]) -> None:
    a, b, va, vb = (list(column) for column in zip(*drawn, strict=True))
    values = {"uniform": [0.5] * len(a), "exp": a, "exp(rate=0.2)": b}
    table = runs(values, {"uniform": [0.0] * len(a), "exp": va, "exp(rate=0.2)": vb})
    expected = [x if p >= q else y for x, y, p, q in zip(a, b, va, vb, strict=True)]
    assert chosen(table)["value"].tolist() == expected
    assert chosen(table, "early")["value"].tolist() == [value + 0.001 for value in expected]  # the same runs, whole
    pd.testing.assert_frame_equal(
        with_chosen(table, FAMILIES, [], bucket="late", metric="accuracy")[: len(table)], table
    )


def test_the_note_says_how_often_which_was_chosen() -> None:
    values = {"uniform": [0.5] * 3, "exp": [0.1, 0.2, 0.3], "exp(rate=0.2)": [0.4, 0.5, 0.6]}
    table = runs(values, {"uniform": [0.0] * 3, "exp": [1, 1, 0], "exp(rate=0.2)": [0, 0, 1]})
    assert chosen(table)["note"].unique().tolist() == ["chosen on validation: exp 2, exp(rate=0.2) 1 of 3"]
    compared = compare_runs(with_chosen(table, FAMILIES, [], bucket="late", metric="accuracy"), "uniform")
    row = compared[(compared["loss"] == "exp(chosen)") & (compared["bucket"] == "late")].iloc[0]
    assert row["mean"] == pytest.approx(np.mean([0.1, 0.2, 0.6]))
    assert row["n_pairs"] == 3


def test_a_seed_that_lacks_a_candidate_is_missing() -> None:
    values = {"uniform": [0.5] * 2, "exp": [0.1, 0.2], "exp(rate=0.2)": [0.4, 0.5]}
    table = runs(values, {"uniform": [0.0] * 2, "exp": [1, np.nan], "exp(rate=0.2)": [0, 0]})
    found = chosen(table)
    assert found["note"].tolist() == ["chosen on validation: exp 1 of 2", MISSING]
    assert found["value"].isna().tolist() == [False, True]


def test_a_family_that_a_model_does_not_have_is_left_out() -> None:
    table = runs({"uniform": [0.5]}, {"uniform": [0.0]})
    pd.testing.assert_frame_equal(with_chosen(table, FAMILIES, [], bucket="late", metric="accuracy"), table)


TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {"kind": "drift", "length": 8, "train": 20, "test": 20, "features": 2},
    "model": {"kind": "rnn", "hidden": 2},
    "loss": [{"kind": "exp", "rate": [0.1, 0.5]}, "step"],
    "train": {"epochs": 1},
    "seeds": 2,
}


def test_an_experiment_reports_the_chosen_rate(tmp_path: Any) -> None:
    table = compare({**TINY, "choose": "late"}, tmp_path, workers=0)
    assert table["loss"].unique().tolist() == ["uniform", "exp", "exp(rate=0.5)", "step", "exp(chosen)"]
    late = table[(table["bucket"] == "late") & (table["metric"] == "accuracy")].set_index("loss")
    assert str(late["note"]["exp(chosen)"]).startswith("chosen on validation: exp")
    assert 0 < late["mean"]["exp(chosen)"] < 1


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"choose": "lat"}, "choose: unknown bucket 'lat'; did you mean 'late'? (known: early, mid, late)"),
        (
            {"choose": "late", "loss": ["exp", "step"]},
            "choose: needs a loss with several settings, for example {kind: exp, rate: [0.05, 0.1]}",
        ),
        (
            {"choose": {"bucket": "late", "metric": "brier"}},
            "choose.metric: nothing is ranked by 'brier'; known: accuracy, accuracy_at_far, auroc, average_precision, "
            "balanced_accuracy, f1",
        ),
    ],
)
def test_what_cannot_be_chosen(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        Experiment(**{**TINY, **changed})
    assert str(error.value) == text


def test_controls_and_normalisations_are_no_settings_of_one_loss() -> None:
    losses = [
        {"kind": "exp", "rate": [0.1, 0.2], "normalize": ["mean", "none"]},
        {"kind": "reverse", "of": ["exp", "step"]},
    ]
    assert Experiment(**{**TINY, "loss": losses}).families() == {
        "exp(chosen)": ["exp", "exp(rate=0.2)"],
        "exp(chosen,normalize=none)": ["exp(normalize=none)", "exp(rate=0.2,normalize=none)"],
    }
