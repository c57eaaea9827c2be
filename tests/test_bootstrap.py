"""Intervals over test sequences: against a bootstrap in plain loops and against formulas, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from seqanomaly import bootstrap
from seqanomaly.bootstrap import COUNTS, DRAWS, FROM_COUNTS, SEED, sequence_intervals
from seqanomaly.errors import DataError

Reals = NDArray[np.float64]
KEYS = ["dataset", "model", "loss", "seed", "bucket", "sequence"]


def drawn(skill: Mapping[str, float], sequences: int = 30, seeds: int = 3, anomalous: int = 4) -> pd.DataFrame:
    """Counts of a fixed test set: every sequence has 6 normal and some anomalous steps per bucket."""
    generator = np.random.default_rng(1)
    rows = [
        ("d", "m", loss, seed, bucket, f"s{sequence:02}", *(6 - fp, fp, anomalous - tp, tp))
        for loss, right in skill.items()
        for seed in range(seeds)
        for bucket in ("early", "mid", "late")
        for sequence in range(sequences)
        for fp, tp in [(generator.binomial(6, 1 - right), generator.binomial(anomalous, right))]
    ]
    return pd.DataFrame(rows, columns=[*KEYS, *COUNTS])


def found(counts: pd.DataFrame, axes: list[str] | None = None) -> pd.DataFrame:
    return sequence_intervals(counts, "uniform", axes or [], early="early", late="late")


def of(table: pd.DataFrame, **where: object) -> dict[str, float]:
    for name, value in where.items():
        table = table[table[name] == value]
    (row,) = table.to_dict("records")
    return {name: float(row[f"test_{name}"]) for name in ("difference", "low", "high")}


def from_steps(metric: str, counts: Reals) -> float:
    """A metric from steps written out one by one."""
    tn, fp, fn, tp = (int(count) for count in counts)
    label, decision = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp]), np.repeat([0, 1, 0, 1], [tn, fp, fn, tp])
    known: dict[str, Callable[..., float]] = {
        "accuracy": accuracy_score,
        "balanced_accuracy": balanced_accuracy_score,
        "f1": f1_score,
        "false_alarms": lambda label, decision: 1000 * decision[label == 0].mean(),
    }
    return float(known[metric](label, decision))


@pytest.mark.parametrize("metric", FROM_COUNTS)
def test_the_metrics_are_those_of_the_steps(metric: str) -> None:
    for counts in np.random.default_rng(0).integers(1, 9, (20, 4)).astype(np.float64):
        assert FROM_COUNTS[metric](counts) == pytest.approx(from_steps(metric, counts))


@pytest.mark.parametrize("metric", FROM_COUNTS)
def test_the_interval_is_that_of_plain_loops(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "DRAWS", 40)
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=12, seeds=2)
    names, generator, differences = sorted(set(counts["sequence"])), np.random.default_rng(SEED), []
    for _ in range(40):
        again = np.repeat(names, generator.multinomial(12, np.full(12, 1 / 12)))
        sample = pd.concat([counts[counts["sequence"] == name] for name in again])
        value = {
            key: from_steps(metric, rows[COUNTS].sum().to_numpy(np.float64))
            for key, rows in sample.groupby(["loss", "bucket", "seed"])
        }
        late, early = (
            np.mean([value["exp", bucket, seed] - value["uniform", bucket, seed] for seed in (0, 1)])
            for bucket in ("late", "early")
        )
        differences.append((late, late - early))
    for column, bucket in enumerate(("late", "late - early")):
        interval = of(found(counts), metric=metric, bucket=bucket)
        expected = np.quantile(np.array(differences)[:, column], [0.025, 0.975])
        assert [interval["low"], interval["high"]] == pytest.approx(list(expected), abs=1e-12)


def test_without_drawing_the_difference_is_that_of_the_summed_counts() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8})
    sums = counts[counts["bucket"] == "late"].groupby(["loss", "seed"])[COUNTS].sum()
    right = (sums["tn"] + sums["tp"]) / sums.sum(axis=1)
    difference = (right["exp"] - right["uniform"]).mean()
    assert of(found(counts), metric="accuracy", bucket="late")["difference"] == pytest.approx(difference)


def test_accuracy_of_equal_sequences_has_the_width_of_the_central_limit() -> None:
    # with as many steps in each sequence the difference is a mean over sequences, so its bootstrap is nearly normal
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=200)
    late = counts[counts["bucket"] == "late"]
    right = ((late["tn"] + late["tp"]) / 10).groupby([late["loss"], late["sequence"]]).mean()
    each = (right["exp"] - right["uniform"]).to_numpy()
    interval = of(found(counts), metric="accuracy", bucket="late")
    half = 1.959964 * each.std() / np.sqrt(200)
    assert interval["low"] == pytest.approx(each.mean() - half, abs=0.1 * half)
    assert interval["high"] == pytest.approx(each.mean() + half, abs=0.1 * half)


def test_sequences_that_go_together_make_it_wider_than_steps_do() -> None:
    rows = [
        ("d", "m", loss, 0, "late", sequence, *((10, 0, 0, 10) if good else (0, 10, 10, 0)))
        for loss in ("uniform", "exp")
        for sequence in range(40)
        for good in [loss == "exp" and sequence % 2 == 0]
    ]
    interval = of(found(pd.DataFrame(rows, columns=[*KEYS, *COUNTS])), metric="accuracy", bucket="late")
    half, by_steps = 1.96 * 0.5 / np.sqrt(40), 1.96 * 0.5 / np.sqrt(800)
    assert (interval["high"] - interval["low"]) / 2 == pytest.approx(half, rel=0.1)
    assert half > 4 * by_steps


def test_the_same_counts_give_the_same_numbers_in_any_order_and_in_any_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8, "step": 0.6})
    first = found(counts)
    pd.testing.assert_frame_equal(found(counts), first, check_exact=True)
    shuffled = counts.sample(frac=1, random_state=0)
    keys = ["loss", "bucket", "metric"]
    ordered = found(shuffled).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(ordered, first.sort_values(keys, ignore_index=True), check_exact=True)
    monkeypatch.setattr(bootstrap, "CELLS", 7 * 30)
    pd.testing.assert_frame_equal(found(counts), first, check_exact=True)


def test_rows_of_every_data_set_model_and_axis() -> None:
    one = drawn({"uniform": 0.7, "exp": 0.8}, sequences=5)
    counts = pd.concat([one.assign(lr=0.1), one.assign(lr=0.01, model="n")])
    table = found(counts, ["lr"])
    assert list(table.columns[:6]) == ["dataset", "model", "loss", "lr", "bucket", "metric"]
    assert len(table) == 2 * 4 * 4  # buckets with late - early, metrics
    assert set(table["loss"]) == {"exp"}
    first, second = (table[table["lr"] == lr]["test_low"].tolist() for lr in (0.1, 0.01))
    assert first == second


def test_only_the_seeds_that_both_losses_have_count() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8})
    fewer = counts[(counts["loss"] != "exp") | (counts["seed"] != 2)]
    expected = of(found(counts[counts["seed"] != 2]), metric="accuracy", bucket="late")
    assert of(found(fewer), metric="accuracy", bucket="late") == pytest.approx(expected)
    assert len(found(counts[counts["loss"] != "uniform"])) == 0


def test_late_only_has_no_change_beside_it() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=5)
    assert set(found(counts[counts["bucket"] == "late"])["bucket"]) == {"late"}


def test_draws_without_a_class_are_left_out_and_counted() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=20, seeds=1)
    never = counts["sequence"] > "s02"  # anomalies in 3 of 20 sequences: 0.85^20 = 3.9% of the draws have none
    counts.loc[never, ["fn", "tp"]] = 0
    table = found(counts)
    row = table[(table["metric"] == "balanced_accuracy") & (table["bucket"] == "late")].iloc[0]
    left_out = int(str(row["test_note"]).split()[0])
    assert row["test_note"] == f"{left_out} of 2,000 draws left out, not defined"
    assert stats.binomtest(left_out, DRAWS, 0.85**20).pvalue > 0.001
    assert np.isfinite([row["test_low"], row["test_high"]]).all()
    counts.loc[counts["sequence"] > "s00", ["fn", "tp"]] = 0
    table = found(counts)
    row = table[(table["metric"] == "balanced_accuracy") & (table["bucket"] == "late")].iloc[0]
    assert np.isnan([row["test_low"], row["test_high"]]).all()
    assert str(row["test_note"]).startswith("no interval over test sequences: not defined in ")


def test_one_sequence_has_no_interval() -> None:
    table = found(drawn({"uniform": 0.7, "exp": 0.8}, sequences=1))
    assert table["test_low"].isna().all()
    assert set(table["test_note"]) == {"one test sequence, so no interval over them"}


def test_test_sequences_that_differ_between_seeds_are_refused() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=5)
    message = (
        "d: the test sequences differ between seeds or losses, so they cannot be drawn again together; leave this data "
        "set out of the counts per sequence"
    )
    for other in (counts.iloc[1:], counts.assign(tn=counts["tn"] + (counts["seed"] == 1))):
        with pytest.raises(DataError) as caught:
            found(other)
        assert str(caught.value) == message


def test_a_sequence_that_is_counted_twice_is_refused() -> None:
    counts = drawn({"uniform": 0.7, "exp": 0.8}, sequences=5)
    with pytest.raises(DataError) as caught:
        found(pd.concat([counts, counts.iloc[:1]]))
    assert str(caught.value) == "d: a test sequence is counted twice in one run and bucket; count it once"
