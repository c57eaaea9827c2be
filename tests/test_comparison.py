"""The paired statistics: intervals, exact tests and Holm against scipy and brute force; the rows of a comparison."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from seqanomaly.comparison import (
    MEASURES,
    MISSING,
    compare_runs,
    holm,
    paired_p,
    pairs_needed,
    signed_rank_p,
    t_interval,
    t_intervals,
    too_few_pairs,
)
from seqanomaly.errors import DataError
from seqanomaly.store import read_table

Reals = NDArray[np.float64]
GOLDEN = Path(__file__).parent / "golden" / "comparison.csv"
RUNS = Path(__file__).parent / "golden" / "runs.csv"
HEADER = (
    "dataset,model,loss,bucket,metric,mean,ci_low,ci_high,difference,difference_low,difference_high,p_value,p_adjusted,"
    "n_pairs,best_possible,ess,note"
)
TEXT = ["dataset", "model", "loss", "bucket", "metric", "note"]


@pytest.fixture(scope="module")
def stored_runs() -> pd.DataFrame:
    """Eight seeds of four losses on two data sets: a gain, a loss, ties, zeros, missing runs, an undefined metric."""
    return read_table(RUNS)


def reals(*values: float) -> Reals:
    return np.array(values, np.float64)


def table(values: dict[str, list[float]], **columns: Any) -> pd.DataFrame:
    """Runs of one data set, model, bucket and metric: loss -> value of each seed."""
    rows = [
        {"dataset": "d", "model": "m", "loss": loss, "seed": seed, "bucket": "late", "metric": "accuracy"}
        | {"value": value, "best_possible": 0.9, "ess": 3.0, "note": ""}
        for loss, of_loss in values.items()
        for seed, value in enumerate(of_loss)
    ]
    return pd.DataFrame(rows).assign(**columns)


def row(comparison: pd.DataFrame, loss: str) -> dict[str, Any]:
    (found,) = comparison[comparison["loss"] == loss].to_dict("records")
    return {str(key): value for key, value in found.items()}


# intervals


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_is_students(values: list[float], level: float) -> None:
    found = t_interval(reals(*values), level)
    mean, half = np.mean(values), stats.sem(values) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    np.testing.assert_allclose(found, [mean, mean - half, mean + half], rtol=1e-9, atol=1e-12)


def test_the_interval_is_scipys() -> None:
    values = reals(0.071, 0.064, 0.082, 0.070, 0.066, 0.077, 0.069)
    found = t_interval(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found == pytest.approx((values.mean(), interval.low, interval.high), rel=1e-12)
    assert found[1:] == pytest.approx(stats.t.interval(0.95, 6, values.mean(), stats.sem(values)), rel=1e-12)
    assert found == pytest.approx((0.0712857142857, 0.0654924510457, 0.0770789775258), rel=1e-10)


def test_too_few_values_have_no_interval() -> None:
    assert np.isnan(t_interval(reals())).all()
    mean, low, high = t_interval(reals(0.7))
    assert mean == 0.7
    assert np.isnan([low, high]).all()


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert t_interval(reals(0.5, 0.5, 0.5)) == (0.5, 0.5, 0.5)


def test_intervals_of_many_rows_are_those_of_each() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, (40, 7))
    values[np.random.default_rng(1).random((40, 7)) < 0.5] = np.nan
    values[0], values[1] = np.nan, [np.nan] * 6 + [0.5]
    one_by_one = [t_interval(row[~np.isnan(row)]) for row in values]
    np.testing.assert_allclose(np.transpose(t_intervals(values)), one_by_one, rtol=1e-12)


# the signed-rank test


def enumerated_p(differences: Reals) -> float:
    """Two-sided p over all signs of the non-zero differences: how often the smaller rank sum is as small."""
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    ranks = stats.rankdata(np.abs(changed))
    signs = np.array(list(product([0, 1], repeat=len(changed))))
    sums = signs @ ranks
    observed = min(ranks[changed > 0].sum(), ranks[changed < 0].sum())
    return float((np.minimum(sums, ranks.sum() - sums) <= observed).mean())


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30, unique=True), st.data())
def test_without_ties_it_is_scipys_exact_test(sizes: list[int], data: st.DataObject) -> None:
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(sizes), max_size=len(sizes)))
    differences = np.array(sizes) * np.array(signs) / 10**6
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue, rel=1e-9)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=10))
def test_with_ties_and_zeros_it_counts_every_sign(values: list[int]) -> None:
    differences = np.array(values) / 100
    assert signed_rank_p(differences) == pytest.approx(enumerated_p(differences), rel=1e-12)


def test_with_ties_it_is_scipys_permutation_test() -> None:
    differences = reals(0.01, 0.02, 0.02, -0.01, 0.03, 0.03, 0.05, -0.02)
    method = stats.PermutationMethod(n_resamples=10**6)  # every sign
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences, method=method).pvalue, rel=1e-12)
    assert signed_rank_p(differences) == pytest.approx(0.1015625, rel=1e-12)


def test_ties_that_differ_by_rounding_tie() -> None:
    differences = reals(0.8 - 0.7, 0.3 - 0.2, 0.1, 0.7 - 0.6, -(0.9 - 0.8))
    assert len(set(np.abs(differences))) > 1
    assert signed_rank_p(differences) == pytest.approx(enumerated_p(np.round(differences, 9)))
    assert signed_rank_p(differences) == 0.375
    assert signed_rank_p(reals(0.1 + 0.2 - 0.3, 0.2)) == 1.0


def test_where_nothing_changed_p_is_one_and_where_nothing_is_there_is_none() -> None:
    assert signed_rank_p(reals(0, 0, 0)) == 1.0
    assert np.isnan(signed_rank_p(reals()))


def test_many_pairs_are_as_exact_as_scipys() -> None:
    few, many = (np.random.default_rng(0).normal(0.1, 1, count) for count in (300, 301))
    assert signed_rank_p(few) == pytest.approx(stats.wilcoxon(few, method="exact").pvalue, rel=1e-6)
    assert signed_rank_p(many) == pytest.approx(stats.wilcoxon(many, method="exact").pvalue, rel=0.02)


# Holm


def closed_holm(p: list[float]) -> list[float]:
    """By closure: the largest Bonferroni p-value of all sets of hypotheses with this one in it."""
    sets = [chosen for chosen in product([False, True], repeat=len(p)) if any(chosen)]
    bonferroni = {
        chosen: min(1.0, sum(chosen) * min(value for value, taken in zip(p, chosen, strict=True) if taken))
        for chosen in sets
    }
    return [max(value for chosen, value in bonferroni.items() if chosen[place]) for place in range(len(p))]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_closes_bonferroni(p: list[float]) -> None:
    assert holm(p) == pytest.approx(closed_holm(p), rel=1e-12)


def test_holm_does_not_know_the_order() -> None:
    p = [0.01, 0.04, 0.03, 0.2]
    expected = dict(zip(p, [0.04, 0.09, 0.09, 0.2], strict=True))
    for order in permutations(p):
        assert holm(list(order)) == pytest.approx([expected[value] for value in order])


def test_holm_leaves_out_what_is_not_known() -> None:
    found = holm([np.nan, 0.04, np.nan, 0.01])
    assert np.isnan([found[0], found[2]]).all()
    assert (found[1], found[3]) == (0.04, 0.02)
    assert holm([]) == []


# too few pairs


@pytest.mark.parametrize(("losses", "enough"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (7, 9), (12, 9), (13, 10)])
def test_how_many_pairs_can_decide(losses: int, enough: int) -> None:
    assert too_few_pairs(enough - 1, losses)
    assert not too_few_pairs(enough, losses)
    assert pairs_needed(losses) == enough


@given(st.integers(1, 6), st.integers(1, 12))
def test_too_few_means_that_no_outcome_is_significant(losses: int, pairs: int) -> None:
    smallest = signed_rank_p(np.arange(1, pairs + 1, dtype=np.float64))
    assert too_few_pairs(pairs, losses) == (holm([smallest] + [1.0] * (losses - 1))[0] >= 0.05)


# rows


def test_the_header_is_the_contracts(stored_runs: pd.DataFrame) -> None:
    found = compare_runs(stored_runs, "uniform").to_csv(index=False, lineterminator="\n")
    assert found.split("\n")[0] == HEADER == GOLDEN.read_text(encoding="utf-8").split("\n")[0]
    assert HEADER.split(",")[5:] == MEASURES


def test_the_stored_runs_are_compared_as_before(stored_runs: pd.DataFrame) -> None:
    found = compare_runs(stored_runs, "uniform")
    expected = pd.read_csv(GOLDEN, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    expected["note"] = expected["note"].fillna("")
    assert len(found) == 2 * 4 * 2 * 2
    assert found[TEXT].to_numpy().tolist() == expected[TEXT].to_numpy().tolist()
    numbers = [column for column in HEADER.split(",") if column not in TEXT]
    np.testing.assert_allclose(
        found[numbers].astype(float).to_numpy(), expected[numbers].to_numpy(), rtol=1e-9, atol=1e-12
    )


def test_every_row_is_what_scipy_says(stored_runs: pd.DataFrame) -> None:
    keys = ["dataset", "model", "bucket", "metric"]
    compared = 0
    for place, family in compare_runs(stored_runs, "uniform").groupby(keys, sort=False):
        chosen = (stored_runs[keys] == list(place)).all(axis=1)
        by_loss = {
            str(loss): of_loss.set_index("seed")["value"] for loss, of_loss in stored_runs[chosen].groupby("loss")
        }
        raw = {}
        for found in family.to_dict("records"):
            values = by_loss[found["loss"]].dropna()
            assert found["mean"] == pytest.approx(values.mean(), nan_ok=True)
            if len(values):
                interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
                assert [found["ci_low"], found["ci_high"]] == pytest.approx([interval.low, interval.high])
            pairs = (by_loss[found["loss"]] - by_loss["uniform"]).dropna().round(9).to_numpy()
            if found["loss"] == "uniform":
                assert pd.isna([found[name] for name in MEASURES[3:9]]).all()
                continue
            assert found["n_pairs"] == len(pairs)
            if len(pairs):
                compared += 1
                difference = stats.ttest_1samp(pairs, 0).confidence_interval(0.95) if pairs.any() else (0.0, 0.0)
                assert [found["difference_low"], found["difference_high"]] == pytest.approx(list(difference), abs=1e-12)
                assert found["difference"] == pytest.approx(pairs.mean(), abs=1e-12)
                assert found["p_value"] == pytest.approx(enumerated_p(pairs))
                raw[found["loss"]] = found["p_value"]
        adjusted = {r["loss"]: r["p_adjusted"] for r in family.to_dict("records") if r["loss"] in raw}
        assert adjusted == pytest.approx(dict(zip(raw, closed_holm(list(raw.values())), strict=True)))
    assert compared == 7 * 3


def test_a_hand_made_example() -> None:
    found = compare_runs(
        table({"uniform": [0.5, 0.6, 0.7, 0.6, 0.5, 0.6, 0.7], "exp": [0.6, 0.72, 0.8, 0.63, 0.55, 0.64, 0.78]}),
        "uniform",
    )
    assert list(found["loss"]) == ["uniform", "exp"]
    exp = row(found, "exp")
    assert {name: exp.pop(name) for name in TEXT} == {
        "dataset": "d",
        "model": "m",
        "loss": "exp",
        "bucket": "late",
        "metric": "accuracy",
        "note": "",
    }
    assert exp == pytest.approx(
        {
            "mean": 0.674285714286,
            "ci_low": 0.587222871523,
            "ci_high": 0.761348557048,
            "difference": 0.0742857142857,
            "difference_low": 0.042311747628,
            "difference_high": 0.106259680943,
            "p_value": 0.015625,
            "p_adjusted": 0.015625,
            "n_pairs": 7,
            "best_possible": 0.9,
            "ess": 3.0,
        },
        rel=1e-10,
    )


def test_missing_runs_are_named_and_their_pairs_drop() -> None:
    runs = table({"uniform": [0.5, 0.6, np.nan, 0.6], "exp": [0.6, np.nan, 0.7, 0.8]})
    absent = runs["value"].isna()
    runs = runs.assign(note=np.where(absent, MISSING, "")).assign(
        **{name: runs[name].mask(absent) for name in ("ess", "best_possible")}
    )
    found = compare_runs(runs, "uniform")
    baseline, exp = row(found, "uniform"), row(found, "exp")
    assert baseline["note"] == "1 of 4 runs missing"
    assert exp["note"] == "1 of 4 runs missing; too few pairs"
    assert exp["n_pairs"] == 2
    assert exp["difference"] == pytest.approx(0.15)
    assert exp["mean"] == pytest.approx(0.7)
    assert (exp["ess"], exp["best_possible"]) == (3.0, 0.9)


def test_a_loss_that_is_missing_altogether_does_not_count_among_the_tests() -> None:
    better = [0.60, 0.71, 0.82, 0.73, 0.64, 0.75, 0.86]
    runs = table({"uniform": [0.5, 0.6, 0.7, 0.6, 0.5, 0.6, 0.7], **dict.fromkeys("abc", better), "lost": [np.nan] * 7})
    runs.loc[runs["loss"] == "lost", "note"] = MISSING
    found = compare_runs(runs, "uniform")
    assert row(found, "a")["p_adjusted"] == pytest.approx(3 * 2**-6)
    assert row(found, "a")["note"] == ""  # with four losses, seven pairs would be too few
    lost = row(found, "lost")
    assert lost["n_pairs"] == 0
    assert np.isnan([lost["mean"], lost["difference"], lost["p_value"], lost["p_adjusted"]]).all()
    assert lost["note"] == "7 of 7 runs missing; too few pairs"


def test_one_seed_has_a_difference_and_no_interval() -> None:
    exp = row(compare_runs(table({"uniform": [0.5], "exp": [0.6]}), "uniform"), "exp")
    assert (exp["mean"], exp["n_pairs"], exp["p_value"]) == (0.6, 1, 1.0)
    assert exp["difference"] == pytest.approx(0.1)
    assert np.isnan([exp["ci_low"], exp["ci_high"], exp["difference_low"], exp["difference_high"]]).all()
    assert exp["note"] == "one run, so no interval; too few pairs"


def test_no_difference_at_all() -> None:
    exp = row(compare_runs(table({"uniform": [0.5, 0.6] * 5, "exp": [0.5, 0.6] * 5}), "uniform"), "exp")
    assert [exp[f"difference{end}"] for end in ("", "_low", "_high")] == [0, 0, 0]
    assert (exp["p_value"], exp["p_adjusted"], exp["n_pairs"]) == (1.0, 1.0, 10)
    assert exp["note"] == "too few pairs"


def test_a_metric_that_is_not_defined_keeps_its_reason() -> None:
    found = compare_runs(
        table({"uniform": [np.nan] * 3, "exp": [np.nan] * 3}, note="only one class in this bucket"), "uniform"
    )
    assert row(found, "uniform")["note"] == "only one class in this bucket"
    assert row(found, "exp")["note"] == "only one class in this bucket; too few pairs"
    assert np.isnan(found[["mean", "ci_low", "p_value"]].to_numpy()).all()


def test_one_value_among_undefined_ones_is_one_run() -> None:
    runs = table({"uniform": [0.5, np.nan, np.nan]})
    runs.loc[runs["value"].isna(), "note"] = "only one class in this bucket"
    assert row(compare_runs(runs, "uniform"), "uniform")["note"] == (
        "only one class in this bucket (2 of 3 runs); one run, so no interval"
    )


def test_a_note_counts_the_runs_only_where_some_have_no_value() -> None:
    runs = table({"uniform": [0.5, 0.6, np.nan, np.nan]})
    runs["note"] = ["", "", "only one class in this bucket", MISSING]
    assert row(compare_runs(runs, "uniform"), "uniform")["note"] == (
        "only one class in this bucket (1 of 4 runs); 1 of 4 runs missing"
    )
    runs = table({"uniform": [0.5, 0.6]})
    runs["note"] = ["covers training randomness only", ""]  # with a value each
    assert row(compare_runs(runs, "uniform"), "uniform")["note"] == "covers training randomness only"


def test_without_the_baseline_there_are_means_only() -> None:
    found = compare_runs(table({"exp": [0.5, 0.6], "step": [0.5, 0.7]}), "uniform")
    assert list(found["loss"]) == ["exp", "step"]
    assert found["mean"].tolist() == pytest.approx([0.55, 0.6])
    assert found["n_pairs"].tolist() == [0, 0]
    assert found["note"].tolist() == ["too few pairs"] * 2


def test_a_baseline_whose_runs_are_all_missing() -> None:
    runs = table({"uniform": [np.nan] * 2, "exp": [0.5, 0.6]})
    runs.loc[runs["value"].isna(), "note"] = MISSING
    found = compare_runs(runs, "uniform")
    assert row(found, "uniform")["note"] == "2 of 2 runs missing"
    assert (row(found, "exp")["n_pairs"], row(found, "exp")["note"]) == (0, "too few pairs")


def test_further_axes_are_columns_and_never_mixed() -> None:
    values = {"uniform": [0.5, 0.6], "exp": [0.6, 0.8]}
    runs = pd.concat([table(values, lr=0.01), table({k: v[::-1] for k, v in values.items()}, lr=0.1, task="classify")])
    runs["task"] = runs["task"].fillna("detect")
    found = compare_runs(runs, "uniform", ["task", "lr"])
    assert list(found.columns) == ["dataset", "model", "loss", "task", "lr", "bucket", "metric", *MEASURES]
    assert found[["loss", "task", "lr"]].to_numpy().tolist() == [
        ["uniform", "detect", 0.01],
        ["exp", "detect", 0.01],
        ["uniform", "classify", 0.1],
        ["exp", "classify", 0.1],
    ]
    assert found["n_pairs"].tolist()[1::2] == [2, 2]


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_runs_of_a_family_does_not_matter(random: Any) -> None:
    runs = table({"uniform": [0.5, 0.6, 0.55], "exp": [0.61, 0.58, 0.7], "step": [0.4, 0.5, 0.41]})
    order = list(range(len(runs)))
    random.shuffle(order)
    found = compare_runs(runs.iloc[order], "uniform").sort_values("loss", ignore_index=True)
    expected = compare_runs(runs, "uniform").sort_values("loss", ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_no_runs_are_an_error() -> None:
    with pytest.raises(DataError, match=r"^there are no finished runs to compare$"):
        compare_runs(table({"uniform": [0.5]}).iloc[:0], "uniform")


def test_a_loss_with_an_infinite_value_has_no_mean_and_says_so() -> None:
    runs = table({"uniform": [3.0, 4.0, 3.0], "exp": [2.0, np.inf, 3.0], "step": [2.0, 3.0, 2.5]})
    found = compare_runs(runs.assign(metric="delay_median"), "uniform")
    exp = row(found, "exp")
    assert np.isnan([exp[name] for name in ("mean", "ci_low", "difference", "difference_low", "p_value")]).all()
    assert (exp["n_pairs"], exp["note"]) == (0, "infinite in 1 of 3 runs; too few pairs")
    assert row(found, "step")["difference"] == pytest.approx(-5 / 6)


def test_where_the_baseline_is_infinite_nothing_can_be_compared() -> None:
    found = compare_runs(table({"uniform": [np.inf, np.inf], "exp": [np.inf, 3.0], "step": [2.0, 3.0]}), "uniform")
    assert row(found, "uniform")["note"] == "infinite in 2 of 2 runs"
    assert np.isnan(found["difference"]).all()
    assert row(found, "step")["mean"] == 2.5


# splits of one file


def test_splits_that_overlap_widen_the_interval_and_the_p_value() -> None:
    values = {"uniform": [0.5] * 10, "exp": [0.51, 0.53, 0.52, 0.5, 0.54, 0.52, 0.51, 0.53, 0.5, 0.52]}
    plain, split = (compare_runs(table(values).assign(resplit=overlap), "uniform") for overlap in (0.0, 3 / 7))
    first, second = row(plain, "exp"), row(split, "exp")
    factor = np.sqrt((1 / 10 + 3 / 7) / (1 / 10))
    half = [found["difference_high"] - found["difference"] for found in (first, second)]
    assert half[1] == pytest.approx(factor * half[0])
    assert first["p_value"] < 0.01
    t = stats.ttest_1samp(np.array(values["exp"]) - 0.5, 0)
    assert second["p_value"] == pytest.approx(2 * stats.t.sf(t.statistic / factor, 9))


def test_splits_of_one_file_reject_about_as_often_as_they_may() -> None:
    """What the correction is for: no effect, ten splits of 30% of the same 60 units."""
    generator = np.random.default_rng(0)
    rejected = {0.0: 0, 3 / 7: 0}
    for _ in range(300):
        units = generator.standard_normal(60)
        means = np.array([generator.permutation(units)[:18].mean() for _ in range(10)])
        for overlap in rejected:
            rejected[overlap] += paired_p(means, overlap) < 0.05
    assert rejected[0.0] > 60  # a third of 300, where 15 are allowed
    assert rejected[3 / 7] < 25


def test_equal_splits_have_no_p_value_but_one() -> None:
    assert paired_p(np.zeros(5), 0.4) == 1.0
    assert np.isnan(paired_p(np.full(5, 0.1), 0.4))
    assert np.isnan(paired_p(np.zeros(0), 0.4))
