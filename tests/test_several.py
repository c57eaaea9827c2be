"""Tests over several data sets, against scipy and the published tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seqanomaly.comparison import compare_runs
from seqanomaly.several import critical_difference, nemenyi_q, over_datasets

LOSSES = ("uniform", "exp", "step", "linear")
MEANS = np.random.default_rng(3).normal([0.8, 0.81, 0.83, 0.8], 0.02, (9, 4))


def table(means: Any, losses: tuple[str, ...] = LOSSES, **columns: Any) -> pd.DataFrame:
    """A comparison of the means [data sets, losses]."""
    rows = [
        {"dataset": f"d{place}", "model": "m", "loss": loss, "bucket": "late", "metric": "accuracy", "mean": mean}
        for place, of_dataset in enumerate(np.asarray(means, np.float64).tolist())
        for loss, mean in zip(losses, of_dataset, strict=True)
    ]
    return pd.DataFrame(rows).assign(**columns)


def by_loss(found: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["loss"]: row for row in ({str(k): v for k, v in r.items()} for r in found.to_dict("records"))}


@pytest.mark.parametrize(
    ("losses", "published"),
    list(enumerate([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164], start=2)),
)
def test_the_critical_values_are_the_published_ones(losses: int, published: float) -> None:
    assert nemenyi_q(losses) == pytest.approx(published, abs=1.01e-3)  # Demsar 2006, table 5a


def test_the_critical_difference_of_the_published_example() -> None:
    # Demsar 2006, section 3.2.2: for four classifiers on 14 data sets it is 2.569 sqrt(4 x 5 / (6 x 14)) = 1.25
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_ranks_differences_and_tests_are_scipys() -> None:
    found = by_loss(over_datasets(table(MEANS), "uniform"))
    ranks = stats.rankdata(-MEANS, axis=1).mean(axis=0)
    friedman = stats.friedmanchisquare(*MEANS.T)
    raw = [stats.wilcoxon(MEANS[:, place] - MEANS[:, 0], method="exact").pvalue for place in (1, 2, 3)]
    for place, loss in enumerate(LOSSES):
        row = found[loss]
        assert row["n_datasets"] == 9
        assert row["mean_rank"] == pytest.approx(ranks[place])
        assert (row["friedman"], row["friedman_p"]) == pytest.approx((friedman.statistic, friedman.pvalue))
        assert row["critical_difference"] == pytest.approx(nemenyi_q(4) * np.sqrt(20 / 54))
        if place:
            assert row["mean_difference"] == pytest.approx((MEANS[:, place] - MEANS[:, 0]).mean())
            assert row["p_value"] == pytest.approx(raw[place - 1])
    ordered = sorted(raw)
    assert found["step"]["p_adjusted"] == pytest.approx(3 * ordered[0])
    assert np.isnan([found["uniform"][name] for name in ("mean_difference", "p_value", "p_adjusted")]).all()
    assert {row["note"] for row in found.values()} == {""}


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=5, max_size=12))
def test_with_ties_the_ranks_and_friedman_are_scipys(values: list[list[int]]) -> None:
    means = np.array(values) / 10 + 0.1 + 0.2 - 0.3
    found = over_datasets(table(means, LOSSES[:3]), "uniform")
    assert found["mean_rank"].tolist() == pytest.approx(list(stats.rankdata(-np.array(values), axis=1).mean(axis=0)))
    assert found["mean_rank"].sum() == pytest.approx(6)
    if all(len(set(row)) == 1 for row in values):
        assert found["friedman"].isna().all()
        assert found["note"].str.startswith("all losses are equal on every data set").all()
    else:
        expected = stats.friedmanchisquare(*np.array(values).T)
        assert found["friedman"].tolist() == pytest.approx([expected.statistic] * 3)
        assert found["friedman_p"].tolist() == pytest.approx([expected.pvalue] * 3)


def test_where_less_is_better_the_least_is_first() -> None:
    more, less = (by_loss(over_datasets(table(MEANS, metric=name), "uniform")) for name in ("accuracy", "brier"))
    for loss in LOSSES:
        assert less[loss]["mean_rank"] == pytest.approx(5 - more[loss]["mean_rank"])
        assert less[loss]["friedman"] == pytest.approx(more[loss]["friedman"])


def test_few_data_sets() -> None:
    found = over_datasets(table(MEANS[:4]), "uniform")
    assert found[["friedman", "friedman_p", "critical_difference"]].isna().all(axis=None)
    assert (
        found["note"].tolist()
        == ["too few data sets: 4, at least 5 needed"] + ["too few data sets: 4, at least 5 needed; too few pairs"] * 3
    )
    assert found["mean_rank"].notna().all()


def test_few_losses() -> None:
    found = over_datasets(table(MEANS[:, :2], LOSSES[:2]), "uniform")
    assert found["critical_difference"].isna().all()
    assert set(found["note"]) == {"too few losses: 2, at least 3 needed"}
    assert by_loss(found)["exp"]["p_value"] == pytest.approx(
        stats.wilcoxon(MEANS[:, 1] - MEANS[:, 0], method="exact").pvalue
    )


@pytest.mark.parametrize("gone", [np.nan, np.inf])
def test_data_sets_without_some_loss_are_left_out(gone: float) -> None:
    means = MEANS.copy()
    means[2, 1] = means[4, 1] = means[4, 3] = gone
    found, kept = (over_datasets(table(m), "uniform") for m in (means, np.delete(MEANS, [2, 4], axis=0)))
    assert set(found["note"]) == {"2 of 9 data sets left out (exp, linear missing)"}
    pd.testing.assert_frame_equal(found.drop(columns="note"), kept.drop(columns="note"))


def test_a_loss_that_no_data_set_has() -> None:
    found = over_datasets(table(np.column_stack([MEANS[:, :3], np.full(9, np.nan)])), "uniform")
    assert found["n_datasets"].tolist() == [0] * 4
    assert found[["mean_rank", "mean_difference", "p_value"]].isna().all(axis=None)
    assert found["note"].str.startswith("9 of 9 data sets left out (linear missing); too few data sets: 0").all()


def test_families_keep_apart() -> None:
    both = pd.concat([table(MEANS, lr=0.1), table(MEANS[:, ::-1], lr=0.01), table(MEANS, lr=0.1, bucket="early")])
    ordered = both[["dataset", "model", "loss", "lr", "bucket", "metric", "mean"]]
    found = over_datasets(ordered, "uniform")
    assert list(found.columns[:5]) == ["model", "loss", "lr", "bucket", "metric"]
    assert len(found) == 12
    first, second = (
        found[(found["lr"] == lr) & (found["bucket"] == "late")]["mean_rank"].tolist() for lr in (0.1, 0.01)
    )
    assert first == second[::-1]


def test_without_the_baseline_there_are_ranks_only() -> None:
    found = over_datasets(table(MEANS), "focal")
    assert found["mean_rank"].notna().all()
    assert found["p_value"].isna().all()
    assert found["friedman"].notna().all()


def test_it_takes_a_comparison_as_it_is() -> None:
    runs = pd.DataFrame(
        {"dataset": f"d{place}", "model": "m", "loss": loss, "seed": seed, "bucket": "late", "metric": "accuracy"}
        | {"value": MEANS[place, column] + shift, "best_possible": np.nan, "ess": 1.0, "note": ""}
        for place in range(9)
        for column, loss in enumerate(LOSSES)
        for seed, shift in enumerate((-0.001, 0.001))
    )
    found = over_datasets(compare_runs(runs, "uniform"), "uniform")
    pd.testing.assert_frame_equal(found, over_datasets(table(MEANS), "uniform"))
