"""Effects: the same numbers as the comparison, and what is beside them against scipy; reasons and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqanomaly.bootstrap import COUNTS, sequence_intervals
from seqanomaly.comparison import MISSING, compare_runs
from seqanomaly.effects import EFFECTS, effects
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.power import detectable, seeds_needed
from seqanomaly.several import over_datasets
from seqanomaly.store import read_table

RUNS = Path(__file__).parent / "golden" / "runs.csv"
SAME = ["difference", "difference_low", "difference_high", "p_value", "p_adjusted", "n_pairs"]
NAMES = ["dataset", "model", "loss", "bucket", "metric"]
EARLY = {"uniform": [0.80, 0.82, 0.79, 0.81, 0.80, 0.83], "exp": [0.70, 0.75, 0.69, 0.74, 0.71, 0.72]}
LATE = {"uniform": [0.80, 0.80, 0.82, 0.81, 0.79, 0.80], "exp": [0.86, 0.85, 0.86, 0.88, 0.84, 0.85]}
GONE = np.nan


@pytest.fixture(scope="module")
def stored_runs() -> pd.DataFrame:
    return read_table(RUNS)


def table(early: dict[str, list[float]], late: dict[str, list[float]] | None = None, **columns: Any) -> pd.DataFrame:
    """Runs of one data set, model and metric: loss -> value of each seed, early and late."""
    rows = [
        {"dataset": "d", "model": "m", "loss": loss, "seed": seed, "bucket": bucket, "metric": "accuracy"}
        | {"value": value, "best_possible": GONE, "ess": 3.0, "note": ""}
        for bucket, of_bucket in (("early", early), ("late", early if late is None else late))
        for loss, of_loss in of_bucket.items()
        for seed, value in enumerate(of_loss)
    ]
    return pd.DataFrame(rows).assign(**columns)


def made(runs: pd.DataFrame, axes: list[str] | None = None, **options: Any) -> pd.DataFrame:
    return effects(runs, "uniform", axes or [], early="early", late="late", **options)


def row(found: pd.DataFrame, loss: str = "exp", bucket: str = "late") -> dict[str, Any]:
    (one,) = found[(found["loss"] == loss) & (found["bucket"] == bucket)].to_dict("records")
    return {str(key): value for key, value in one.items()}


def pairs(of: dict[str, list[float]]) -> Any:
    return np.array(of["exp"]) - of["uniform"]


# what it shares with the comparison


def test_differences_and_tests_are_those_of_the_comparison(stored_runs: pd.DataFrame) -> None:
    found = made(stored_runs)
    assert list(found.columns) == [*NAMES, *EFFECTS]
    compared = compare_runs(stored_runs, "uniform")
    compared = compared[compared["loss"] != "uniform"].set_index(NAMES)[SAME]
    buckets = found[found["bucket"] != "late - early"].set_index(NAMES)[SAME]
    pd.testing.assert_frame_equal(buckets, compared.loc[buckets.index], check_exact=True)
    assert len(buckets) == len(compared)


def test_late_minus_early_is_a_bucket_of_differences(stored_runs: pd.DataFrame) -> None:
    found = row(made(table(EARLY, LATE)), bucket="late - early")
    d = pairs(LATE) - pairs(EARLY)
    test = stats.ttest_1samp(d, 0)
    interval = test.confidence_interval(0.95)
    assert found["difference"] == pytest.approx(d.mean())
    assert (found["difference_low"], found["difference_high"]) == pytest.approx((interval.low, interval.high))
    assert found["p_value"] == pytest.approx(stats.wilcoxon(d.round(9), method="exact").pvalue)
    assert found["n_pairs"] == 6
    everywhere = made(stored_runs)
    changed = everywhere[everywhere["bucket"] == "late - early"]
    assert len(changed) == len(everywhere) / 3
    assert set(changed["metric"]) == {"accuracy", "auroc"}


@settings(max_examples=10)
@given(st.lists(st.tuples(*[st.integers(0, 100)] * 4), min_size=1, max_size=9))
def test_where_every_pair_is_there_the_change_is_late_minus_early(values: list[tuple[int, int, int, int]]) -> None:
    a, b, c, d = (list(np.array(column) / 100) for column in zip(*values, strict=True))
    found = made(table({"uniform": a, "exp": b}, {"uniform": c, "exp": d}))
    late, early, change = (row(found, bucket=bucket)["difference"] for bucket in ("late", "early", "late - early"))
    assert change == pytest.approx(late - early, abs=1e-12)


def test_holm_and_power_count_the_losses_that_are_tested() -> None:
    both = {**LATE, "step": [x + 0.01 * (place % 3) for place, x in enumerate(LATE["uniform"])], "lost": [GONE] * 6}
    runs = table(both)
    runs.loc[runs["loss"] == "lost", "note"] = MISSING
    found = row(made(runs))
    assert found["p_adjusted"] == pytest.approx(2 * found["p_value"])
    sd = pairs(LATE).std(ddof=1)
    assert found["detectable"] == pytest.approx(detectable(sd, 6, 2))
    assert found["seeds_needed"] == seeds_needed(sd, 0.01, 2)
    lost = row(made(runs), "lost")
    assert (lost["n_pairs"], lost["note"]) == (0, "lost: 6 of 6 runs missing; no pairs; too few pairs")
    assert np.isnan([lost[name] for name in EFFECTS if name not in ("n_pairs", "covers", "note")]).all()


# margins


def test_margins_are_tested_as_by_scipy() -> None:
    found = row(made(table(EARLY, LATE), margin=0.07, early_margin=0.02), bucket="late")
    d = pairs(LATE)
    above = stats.ttest_1samp(d, -0.07, alternative="greater").pvalue
    below = stats.ttest_1samp(d, 0.07, alternative="less").pvalue
    assert found["equivalence_p"] == pytest.approx(max(above, below))
    assert found["noninferiority_p"] == pytest.approx(stats.ttest_1samp(d, -0.02, alternative="greater").pvalue)
    assert found["seeds_needed"] == seeds_needed(d.std(ddof=1), 0.07, 1)
    assert (found["superiority"], found["superiority_low"], found["superiority_high"]) == pytest.approx(
        (1.0, *stats.binomtest(6, 6).proportion_ci(0.95, method="wilson")), abs=1e-12
    )


def test_the_detectable_difference_has_80_percent_power() -> None:
    found = row(made(table(EARLY, LATE)))
    shift = found["detectable"] / pairs(LATE).std(ddof=1) * np.sqrt(6)
    critical = stats.t.ppf(0.975, 5)
    assert stats.nct.sf(critical, 5, shift) + stats.nct.sf(critical, 5, -shift) == pytest.approx(0.8, abs=1e-9)


def test_where_less_is_better_the_loss_that_has_less_wins() -> None:
    more, less = (row(made(table(EARLY, LATE, metric=name))) for name in ("accuracy", "brier"))
    assert (more["superiority"], less["superiority"]) == (1.0, 0.0)
    worse = stats.ttest_1samp(pairs(LATE), 0.01, alternative="less").pvalue
    assert less["noninferiority_p"] == pytest.approx(worse)
    for same in ("difference", "p_value", "equivalence_p", "detectable"):
        assert more[same] == less[same]


def test_a_margin_in_shares_does_not_fit_every_metric() -> None:
    found = row(made(table(EARLY, LATE, metric="false_alarms")))
    assert np.isnan([found[name] for name in ("equivalence_p", "noninferiority_p", "seeds_needed")]).all()
    assert found["detectable"] == pytest.approx(detectable(pairs(LATE).std(ddof=1), 6, 1))
    assert found["note"] == "margins are shares, and this metric is none"


# reasons


def test_pairs_that_are_all_equal() -> None:
    found = row(made(table({"uniform": [0.5, 0.6, 0.7], "exp": [0.6, 0.7, 0.8]})))
    assert found["difference"] == pytest.approx(0.1)
    assert np.isnan([found[name] for name in ("equivalence_p", "noninferiority_p", "detectable", "seeds_needed")]).all()
    assert found["note"] == "all pairs are equal, so no tests of a margin and no power; too few pairs"


def test_one_pair() -> None:
    found = row(made(table({"uniform": [0.5, GONE], "exp": [0.6, 0.7]})))
    assert (found["n_pairs"], found["superiority"], found["p_value"]) == (1, 1.0, 1.0)
    assert np.isnan([found[name] for name in ("difference_low", "equivalence_p", "detectable")]).all()
    assert found["note"] == "one pair, so no interval; too few pairs"


@pytest.mark.parametrize("which", ["exp", "uniform"])
def test_infinite_values_leave_nothing_and_say_so(which: str) -> None:
    late = {loss: [3.0, 4.0, 5.0, 3.0, 4.0, 6.0] for loss in ("uniform", "exp")}
    late[which] = [np.inf, 4.0, 5.0, np.inf, 4.0, 6.0]
    early = {"uniform": [3.0, 4.0, 5.0, 3.0, 4.0, 6.0], "exp": [2.0, 3.0, 5.0, 3.0, 3.0, 4.0]}
    found = made(table(early, late, metric="delay_median"))
    for bucket in ("late", "late - early"):
        one = row(found, bucket=bucket)
        assert np.isnan([one[name] for name in EFFECTS if name not in ("n_pairs", "covers", "note")]).all()
        assert one["note"] == (
            f"{which}: infinite in 2 of 6 runs; no pairs; margins are shares, and this metric is none; too few pairs"
        )
    assert row(found, bucket="early")["difference"] == pytest.approx(-5 / 6)


def test_an_undefined_metric_keeps_its_reason_in_the_change_too() -> None:
    runs = table(EARLY, {"uniform": [GONE] * 6, "exp": [GONE] * 6})
    runs.loc[runs["bucket"] == "late", "note"] = "only one class in this bucket"
    for bucket in ("late", "late - early"):
        assert row(made(runs), bucket=bucket)["note"] == (
            "uniform: only one class in this bucket; exp: only one class in this bucket; no pairs; too few pairs"
        )
    runs = table({"uniform": [GONE] * 6, "exp": [GONE] * 6}, LATE)
    runs.loc[runs["bucket"] == "early", "note"] = "only one class in this bucket"
    assert row(made(runs), bucket="late - early")["note"].startswith("uniform: only one class in this bucket; exp: ")


def test_without_the_baseline_there_are_no_pairs() -> None:
    found = row(made(table({"exp": EARLY["exp"]}, {"exp": LATE["exp"]})))
    assert (found["n_pairs"], found["note"]) == (0, "uniform: no runs; no pairs; too few pairs")


def test_further_axes_are_never_mixed() -> None:
    runs = pd.concat([table(EARLY, LATE, lr=0.1), table(LATE, EARLY, lr=0.01)])
    found = made(runs, ["lr"])
    assert list(found.columns[:6]) == ["dataset", "model", "loss", "lr", "bucket", "metric"]
    by_lr = found[found["bucket"] == "late - early"].set_index("lr")["difference"]
    assert by_lr[0.1] == pytest.approx(-by_lr[0.01])
    assert found["n_pairs"].tolist() == [6] * 6


def test_early_and_late_may_be_one_bucket() -> None:
    runs = table(EARLY, LATE)
    found = effects(runs[runs["bucket"] == "late"], "uniform", [], early="late", late="late")
    assert found["bucket"].tolist() == ["late"]


def test_the_order_of_the_runs_does_not_matter(stored_runs: pd.DataFrame) -> None:
    found = made(stored_runs.sample(frac=1, random_state=0)).sort_values(NAMES, ignore_index=True)
    expected = made(stored_runs).sort_values(NAMES, ignore_index=True)
    pd.testing.assert_frame_equal(found.drop(columns="note"), expected.drop(columns="note"), check_exact=True)


# what is covered, and test sequences


def counts(early: float, late: float, *, sequences: int = 25) -> pd.DataFrame:
    """Counts of a fixed test set whose runs are known, see `as_runs`."""
    generator = np.random.default_rng(5)
    rows = [
        ("d", "m", loss, seed, bucket, sequence, 5 - fp, fp, 5 - tp, tp)
        for loss in ("uniform", "exp")
        for seed in range(6)
        for bucket, gain in (("early", early), ("late", late))
        for sequence in range(sequences)
        for right in [0.7 + gain * (loss == "exp")]
        for fp, tp in [(generator.binomial(5, 1 - right), generator.binomial(5, right))]
    ]
    return pd.DataFrame(rows, columns=["dataset", "model", "loss", "seed", "bucket", "sequence", *COUNTS])


def as_runs(per_sequence: pd.DataFrame) -> pd.DataFrame:
    """The accuracy that the counts give."""
    sums = per_sequence.groupby(["dataset", "model", "loss", "seed", "bucket"], sort=False)[COUNTS].sum()
    value = ((sums["tn"] + sums["tp"]) / sums.sum(axis=1)).rename("value").reset_index()
    return value.assign(metric="accuracy", note="covers training randomness only")


def test_what_the_intervals_cover() -> None:
    per_sequence = counts(-0.1, 0.1)
    runs = as_runs(per_sequence)
    both = pd.concat([runs, runs.assign(dataset="drawn", note="")])
    found = made(both, per_sequence=per_sequence)
    intervals = sequence_intervals(per_sequence, "uniform", [], early="early", late="late")
    expected = intervals[intervals["metric"] == "accuracy"]
    fixed = found[found["dataset"] == "d"]
    assert set(fixed["covers"]) == {"training randomness; test sequences"}
    for bucket in ("early", "late", "late - early"):
        one, other = row(fixed, bucket=bucket), row(expected, bucket=bucket)
        assert (one["test_low"], one["test_high"]) == (other["test_low"], other["test_high"])
        assert one["test_low"] < one["difference"] < one["test_high"]
    drawn = found[found["dataset"] == "drawn"]
    assert set(drawn["covers"]) == {"data and training randomness"}
    assert drawn["test_low"].isna().all()
    assert set(drawn["note"]) == set(fixed["note"]) == {""}
    assert set(made(runs)["covers"]) == {"training randomness"}


def test_metrics_that_need_scores_say_so() -> None:
    per_sequence = counts(-0.1, 0.1)
    runs = as_runs(per_sequence).assign(metric="auroc")
    found = made(runs, per_sequence=per_sequence)
    assert found["test_low"].isna().all()
    assert set(found["note"]) == {"interval over test sequences needs scores"}
    assert set(found["covers"]) == {"training randomness"}


def test_counts_that_do_not_give_the_difference_are_not_used() -> None:
    per_sequence = counts(-0.1, 0.1)
    runs = as_runs(per_sequence)
    runs.loc[(runs["loss"] == "exp") & (runs["bucket"] == "late") & (runs["seed"] == 0), "value"] += 0.01
    found = made(runs, per_sequence=per_sequence)
    late = row(found)
    assert np.isnan(late["test_low"])
    assert (late["note"], late["covers"]) == (
        "the counts per test sequence do not give this difference",
        "training randomness",
    )
    assert np.isfinite(row(found, bucket="early")["test_low"])


def test_a_loss_without_counts_says_so() -> None:
    per_sequence = counts(-0.1, 0.1)
    runs = as_runs(per_sequence)
    more = pd.concat([runs, runs[runs["loss"] == "exp"].assign(loss="step")])
    found = made(more, per_sequence=per_sequence)
    assert row(found, "step")["note"].endswith("no counts per test sequence of this loss or bucket")
    assert made(runs, per_sequence=per_sequence.iloc[:0])["test_low"].isna().all()


# mistakes


@pytest.mark.parametrize("name", ["margin", "early_margin"])
def test_a_margin_that_is_none(name: str) -> None:
    wrong: dict[str, Any] = {name: -0.01}
    with pytest.raises(ConfigError) as caught:
        made(table(EARLY, LATE), **wrong)
    assert str(caught.value) == f"{name}: must be a number greater than 0, as in 0.01 for one point, got -0.01"


def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as caught:
        effects(table(EARLY, LATE), "uniform", [], early="early", late="last")
    assert str(caught.value) == "late: the runs have no bucket 'last'; they have early, late"


def test_no_runs() -> None:
    with pytest.raises(DataError, match=r"^there are no finished runs to compare$"):
        made(table(EARLY, LATE).iloc[:0])


def test_a_metric_whose_direction_is_not_known() -> None:
    with pytest.raises(DataError, match=r"^metric 'luck': it is not known whether more or less of it is better; "):
        made(table(EARLY, LATE, metric="luck"))


def test_an_oracle_stands_beside_every_number_made_of_it() -> None:
    rows = [
        {"dataset": d, "model": "m", "loss": loss, "seed": seed, "bucket": bucket, "metric": "accuracy"}
        | {"value": 0.5 + 0.01 * seed, "best_possible": np.nan, "ess": 1.0}
        | {"note": "threshold chosen on the test labels (oracle)" if d == "a" else ""}
        for d in ("a", "b")
        for loss in ("uniform", "exp")
        for seed in range(3)
        for bucket in ("early", "late")
    ]
    runs = pd.DataFrame(rows)
    found = effects(runs, "uniform", [], early="early", late="late")
    assert (found["note"].str.contains("oracle") == (found["dataset"] == "a")).all()
    assert over_datasets(compare_runs(runs, "uniform"), "uniform")["note"].str.contains("oracle").all()
