"""Metrics by bucket and by step: which steps count, what is missing and why, and the best possible accuracy."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.counters import relative_position
from seqanomaly.metrics.buckets import (
    bucket_metrics,
    places,
    reliability_by_bucket,
    sequence_counts,
    step_curve,
)
from seqanomaly.metrics.calibration import reliability
from seqanomaly.metrics.scores import METRICS
from seqanomaly.metrics.steps import Bounds, Steps, in_bucket
from seqanomaly.metrics.whole import WHOLE, WHOLE_METRICS, whole_metrics
from seqanomaly.run_config import THIRDS


def steps_of(*lengths: int, classes: int = 2, seed: int = 0) -> Steps:
    """All steps of sequences of those lengths."""
    length = np.array(lengths)
    sequence, step = np.nonzero(np.arange(length.max()) < length[:, None])
    generator = np.random.default_rng(seed)
    label = generator.integers(0, classes, len(step))
    return Steps(
        sequence=sequence,
        step=step,
        position=relative_position(step, length[sequence]),
        label=label,
        score=1 / (1 + np.exp(-generator.standard_normal(len(step)) - label)),
        decision=np.where(generator.random(len(step)) < 0.7, label, 0),
        alarm=generator.random(len(step)) < 0.5,
    )


def inside(steps: Steps, start: float | str, end: float | str) -> list[int]:
    """Indices of the steps of the first sequence that lie in the bucket."""
    return [int(step) for step in steps.step[in_bucket(steps, (start, end)) & (steps.sequence == 0)]]


@given(st.integers(1, 200), st.sampled_from([THIRDS, {"a": ("0%", "50%"), "b": ("50%", "100%")}]))
def test_buckets_that_touch_hold_every_step_once(length: int, buckets: dict[str, Bounds]) -> None:
    steps = steps_of(length)
    times = np.sum([in_bucket(steps, bounds) for bounds in buckets.values()], axis=0)
    assert times.tolist() == [1] * length


@given(
    length=st.integers(1, 200),
    cuts=st.lists(st.integers(0, 1000), min_size=1, max_size=6, unique=True),
)
def test_any_cuts_into_shares_hold_every_step_once(length: int, cuts: list[int]) -> None:
    steps = steps_of(length)
    ends = ["0%", *(f"{cut / 10:g}%" for cut in sorted(cuts)), "100%"]
    times = np.sum([in_bucket(steps, bounds) for bounds in pairwise(ends)], axis=0)
    assert times.tolist() == [1] * length


@pytest.mark.parametrize(
    ("length", "early", "mid", "late"),
    [
        (1, [], [0], []),
        (2, [0], [], [1]),
        (3, [0], [1], [2]),
        (4, [0], [1, 2], [3]),
        (6, [0, 1], [2, 3], [4, 5]),
        (10, [0, 1, 2], [3, 4, 5, 6], [7, 8, 9]),
    ],
)
def test_thirds(length: int, early: list[int], mid: list[int], late: list[int]) -> None:
    steps = steps_of(length)
    assert [inside(steps, *bounds) for bounds in THIRDS.values()] == [early, mid, late]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.0, 10.0, list(range(10))),
        (2.0, 4.0, [2, 3]),
        (8.0, 100.0, [8, 9]),
        (10.0, 20.0, []),
        ("5%", "15%", [0]),  # the middle of step 0 is at 5%, that of step 1 at 15%
        ("4.9%", "15.1%", [0, 1]),
        ("50%", 7.0, [5, 6]),
        (3.0, "50%", [3, 4]),
        (4.5, 6.5, [5, 6]),
    ],
)
def test_shares_and_step_numbers(start: float | str, end: float | str, expected: list[int]) -> None:
    assert inside(steps_of(10, 4), start, end) == expected


def test_a_share_is_one_of_each_sequence_and_a_number_is_not() -> None:
    steps = steps_of(10, 4)
    late, from_three = (steps.where(in_bucket(steps, bounds)) for bounds in (("50%", "100%"), (3.0, 99.0)))
    assert [late.step[late.sequence == n].tolist() for n in (0, 1)] == [[5, 6, 7, 8, 9], [2, 3]]
    assert [from_three.step[from_three.sequence == n].tolist() for n in (0, 1)] == [[3, 4, 5, 6, 7, 8, 9], [3]]


def test_where_keeps_the_columns_together() -> None:
    steps = steps_of(5, 3)
    chosen = steps.where(steps.label == 1)
    assert len(chosen) == steps.label.sum() < len(steps)
    assert chosen.probability is steps.probability
    for name in ("sequence", "step", "position", "label", "score", "decision", "alarm"):
        values = vars(chosen)[name]
        np.testing.assert_array_equal(values, vars(steps)[name][steps.label == 1])


def test_a_bucket_is_cut_out_once_and_knows_only_itself() -> None:
    steps = steps_of(12, 7)
    late = steps.within(THIRDS["late"])
    assert steps.within(THIRDS["late"]) is late
    chosen = steps.where(in_bucket(steps, THIRDS["late"]))
    np.testing.assert_array_equal(late.anomalous, chosen.label != 0)
    _, _ = steps.ranked, steps.since_onset  # what the whole part has remembered does not get into a bucket
    assert len(steps.where(in_bucket(steps, THIRDS["late"])).ranked.hits) == len(late)


def row(table: pd.DataFrame, bucket: str, metric: str) -> dict[str, object]:
    found = table[(table["bucket"] == bucket) & (table["metric"] == metric)]
    assert len(found) == 1
    return {str(key): value for key, value in found.iloc[0].to_dict().items()}


@pytest.mark.parametrize("classes", [2, 3])
def test_a_row_per_bucket_and_metric(classes: int) -> None:
    steps = steps_of(12, 7, 9, 30, classes=classes)
    table = bucket_metrics(steps, THIRDS)
    assert table.columns.tolist() == [
        "bucket",
        "metric",
        "value",
        "validation",
        "n",
        "prevalence",
        "majority_accuracy",
        "best_possible",
        "note",
    ]
    assert list(zip(table["bucket"], table["metric"], strict=True)) == list(places(THIRDS))
    assert list(places(THIRDS)) == [(b, m) for b in THIRDS for m in METRICS] + [(WHOLE, m) for m in WHOLE_METRICS]
    for metric, (value, note) in whole_metrics(steps).items():
        assert (row(table, WHOLE, metric)["value"], row(table, WHOLE, metric)["note"]) == (value, note)
        assert row(table, WHOLE, metric)["n"] == len(steps)
    for bucket, bounds in THIRDS.items():
        chosen = in_bucket(steps, bounds)
        label = steps.label[chosen]
        for metric, function in METRICS.items():
            found = row(table, bucket, metric)
            assert found["value"] == function(steps.where(chosen))[0]
            assert found["n"] == chosen.sum()
            assert found["prevalence"] == pytest.approx(np.mean(label > 0))
            assert found["majority_accuracy"] == pytest.approx(max(np.mean(label == c) for c in range(classes)))
            assert np.isnan(found["best_possible"])  # type: ignore[call-overload]
            assert found["note"] == ""


def test_the_best_possible_accuracy_is_averaged_over_the_steps() -> None:
    steps, best = steps_of(4, 2), np.array([0.5, 0.6, 0.8, 0.9])
    table = bucket_metrics(steps, {"all": (0.0, 9.0), "late": ("50%", "100%"), "last": (3.0, 4.0)}, best)
    accuracy = table[table["metric"] == "accuracy"].set_index("bucket")["best_possible"]
    assert accuracy.to_dict() == pytest.approx(
        {
            "all": (0.5 + 0.6 + 0.8 + 0.9 + 0.5 + 0.6) / 6,
            "late": (0.8 + 0.9 + 0.6) / 3,
            "last": 0.9,
        }
    )
    assert table[table["metric"] != "accuracy"]["best_possible"].isna().all()


def test_an_empty_bucket_is_missing_with_the_reason() -> None:
    table = bucket_metrics(steps_of(10, 8), {"beyond": (10.0, 20.0)}, np.full(10, 0.9))
    table = table[table["bucket"] == "beyond"]
    assert table["note"].tolist() == ["no steps in this bucket"] * len(METRICS)
    assert table["n"].tolist() == [0] * len(METRICS)
    assert table[["value", "prevalence", "majority_accuracy", "best_possible"]].isna().all(axis=None)


@pytest.mark.parametrize("label", [0, 1])
def test_a_bucket_with_one_class_has_what_one_class_allows(label: int) -> None:
    steps = steps_of(10, 8)
    table = bucket_metrics(steps.where(steps.label == label), {"all": ("0%", "100%")})
    table = table[table["metric"].isin(METRICS)].set_index("metric")
    noted = table["note"][table["note"] != ""].to_dict()
    rankings = dict.fromkeys(["balanced_accuracy", "auroc", "average_precision"], "only one class in this bucket")
    lacking = (
        {"f1": "no anomalous step in this bucket"} if label == 0 else {"false_alarms": "no normal step in this bucket"}
    )
    assert noted == rankings | lacking
    assert (table["value"].isna() == (table["note"] != "")).all()
    assert table["majority_accuracy"].tolist() == [1.0] * len(METRICS)
    assert table["prevalence"].tolist() == [float(label)] * len(METRICS)


def test_a_metric_on_the_validation_part_stands_beside() -> None:
    steps, validation = steps_of(12, 7), steps_of(9, 8, seed=1)
    table = bucket_metrics(steps, THIRDS, validation=validation)
    swapped = bucket_metrics(validation, THIRDS)
    pd.testing.assert_series_equal(table["validation"], swapped["value"], check_names=False)


def test_an_oracle_is_named_beside_everything_it_decided() -> None:
    table = bucket_metrics(steps_of(12, 7), THIRDS, oracle="oracle")
    free = table["metric"].isin(["auroc", "average_precision", "brier", "ece", "accuracy_at_far"])
    assert (table["note"].str.contains("oracle") != free).all()


def test_counts_per_sequence_add_up() -> None:
    steps = steps_of(12, 7, 9, classes=3)
    counts = sequence_counts(steps, THIRDS)
    for (bucket, sequence), found in counts.groupby(["bucket", "sequence"]):
        inside = steps.where(in_bucket(steps, THIRDS[str(bucket)]) & (steps.sequence == sequence))
        alarm = inside.decision != 0
        expected = {
            "right": (inside.decision == inside.label).sum(),
            "tn": (~inside.anomalous & ~alarm).sum(),
            "fp": (~inside.anomalous & alarm).sum(),
            "fn": (inside.anomalous & ~alarm).sum(),
            "tp": (inside.anomalous & alarm).sum(),
        }
        assert found[list(expected)].iloc[0].to_dict() == expected
    assert counts[["tn", "fp", "fn", "tp"]].sum().sum() == len(steps)


def test_reliability_by_bucket_is_the_curve_of_each() -> None:
    steps = steps_of(12, 7, 9)
    table = reliability_by_bucket(steps, THIRDS)
    assert table["n"].sum() == len(steps)
    late = reliability(steps.where(in_bucket(steps, THIRDS["late"])))
    pd.testing.assert_frame_equal(
        table[table["bucket"] == "late"].drop(columns="bucket").reset_index(drop=True), late, check_dtype=False
    )
    assert reliability_by_bucket(replace(steps, probability=False), THIRDS).empty


def test_the_curve_has_a_row_per_step() -> None:
    steps, best = steps_of(12, 7, 9, 5, classes=3), np.linspace(0.5, 0.9, 12)
    curve = step_curve(steps, best)
    assert curve["step"].tolist() == list(range(12))
    assert curve["n"].tolist() == [4] * 5 + [3] * 2 + [2] * 2 + [1] * 3
    for found in curve.itertuples():
        at = steps.where(steps.step == found.step)
        assert found.accuracy == pytest.approx(np.mean(at.decision == at.label))
        assert found.prevalence == pytest.approx(np.mean(at.label > 0))
        assert found.best_possible == best[int(str(found.step))]


def test_the_curve_leaves_out_steps_without_a_score() -> None:
    steps = steps_of(6, 6)
    curve = step_curve(steps.where(~np.isin(steps.step, [0, 3])), np.linspace(0.5, 1, 6))
    assert curve["step"].tolist() == [1, 2, 4, 5]
    assert curve["best_possible"].tolist() == pytest.approx([0.6, 0.7, 0.9, 1.0])


def test_the_curve_without_a_known_best_accuracy() -> None:
    curve = step_curve(steps_of(6, 4))
    assert curve["best_possible"].isna().all()
    assert curve["accuracy"].notna().all()
