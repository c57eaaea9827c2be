"""The benchmark's nine metrics against the values of its own code."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from seqanomaly.errors import DataError
from seqanomaly.metrics import benchmark
from seqanomaly.metrics.tsb import NAMES, ORACLE

AREAS = {"AUC-PR": 0.6866145112542608, "AUC-ROC": 0.7843915343915344}
VOLUMES = {"VUS-PR": 0.767673309297723, "VUS-ROC": 0.8662789867121983}
WITH_ORACLE = {
    "Standard-F1": 0.59573995476814,
    "PA-F1": 0.9714285714285714,
    "Event-based-F1": 0.8571428571428567,
    "R-based-F1": 0.5092889173606662,
    "Affiliation-F": 0.8382399352799713,
}
AT_THRESHOLD = {
    "Standard-F1": 0.5405405405405406,
    "PA-F1": 0.7727272727272727,
    "Event-based-F1": 0.6185567010309274,
    "R-based-F1": 0.3902877697841726,
    "Affiliation-F": 0.7946431362899441,
}
"""What version 1.5 of the benchmark's code gives for `small()`, window 9, threshold 0.8."""

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def small() -> tuple[Labels, Floats]:
    """Sixty steps, four events; two are near each other, one is a single step."""
    labels = np.zeros(60, np.int64)
    for first, end in ((8, 12), (15, 17), (30, 41), (50, 51)):
        labels[first:end] = 1
    return labels, (np.arange(60) * 37 % 61 / 61 + 0.45 * labels).round(2)


def drawn(seed: int, count: int = 600) -> tuple[Labels, Floats]:
    generator = np.random.default_rng(seed)
    labels = (np.convolve(generator.random(count) < 0.02, np.ones(6), "same") > 0).astype(np.int64)
    return labels, labels * 0.7 + generator.standard_normal(count)


@pytest.mark.parametrize(("threshold", "values"), [(None, WITH_ORACLE), (0.8, AT_THRESHOLD)])
def test_a_small_series_has_the_values_of_the_benchmarks_code(
    threshold: float | None, values: dict[str, float]
) -> None:
    found = benchmark(*small(), 9, threshold)
    assert tuple(found) == NAMES
    assert found == pytest.approx(AREAS | VOLUMES | values, abs=1e-5)  # its oracle F1 adds 1e-5 to a denominator
    assert {name: found[name] for name in VOLUMES} == pytest.approx(VOLUMES, abs=1e-12)


def test_the_reference_values_are_reached(shared: Path) -> None:
    cases = json.loads((shared / "golden" / "metrics.json").read_text())
    arrays = np.load(shared / "golden" / "metrics.npz")
    assert len(cases) == 8
    for case, golden in cases.items():
        steps = arrays[f"{case}_label"], arrays[f"{case}_score"], golden["window"]
        oracle, given = benchmark(*steps), benchmark(*steps, golden["threshold"])
        assert oracle == pytest.approx(golden["oracle_threshold"], abs=1e-5), case
        areas = [name for name in NAMES if name.startswith(("AUC", "VUS"))]
        assert [oracle[name] for name in areas] == pytest.approx(
            [golden["oracle_threshold"][n] for n in areas], abs=1e-9
        )
        assert {name: given[name] for name in golden["at_threshold"]} == pytest.approx(golden["at_threshold"], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_what_scikit_learn_has_is_its_value(seed: int) -> None:
    labels, scores = drawn(seed)
    values = benchmark(labels, scores, 10, threshold=0.5)
    assert values["AUC-PR"] == average_precision_score(labels, scores)
    assert values["AUC-ROC"] == roc_auc_score(labels, scores)
    assert values["Standard-F1"] == pytest.approx(f1_score(labels, scores >= 0.5))
    oracle = max(f1_score(labels, scores >= cut) for cut in scores)
    assert benchmark(labels, scores, 10)["Standard-F1"] == pytest.approx(oracle)


@pytest.mark.parametrize("seed", range(3))
def test_the_oracle_is_the_best_of_its_thresholds(seed: int) -> None:
    labels, scores = drawn(seed, 200)
    oracle = benchmark(labels, scores, 5)
    cuts = np.nextafter(np.linspace(scores.min(), scores.max(), ORACLE)[:-1], np.inf)  # the oracle asks for more
    each = [benchmark(labels, scores, 5, float(cut)) for cut in cuts]
    for name in ("PA-F1", "Event-based-F1", "R-based-F1", "Affiliation-F"):
        assert oracle[name] == pytest.approx(max(values[name] for values in each), abs=1e-12), name
    assert oracle["Standard-F1"] >= max(values["Standard-F1"] for values in each)


@pytest.mark.parametrize("seed", range(3))
def test_only_the_order_of_scores_matters_to_areas(seed: int) -> None:
    labels, scores = drawn(seed)
    before, after = benchmark(labels, scores, 20), benchmark(labels, np.exp(scores), 20)
    for name in (*AREAS, *VOLUMES, "Standard-F1"):
        assert after[name] == pytest.approx(before[name], abs=1e-12)
    assert benchmark(labels, 4 * scores + 2, 20) == pytest.approx(before, abs=1e-9)  # a power of 2: no new ties


def test_point_adjustment_and_events_count_the_first_and_the_last_step() -> None:
    labels, scores = np.array([1, 1, 0, 0, 0, 1]), np.array([0.1, 0.9, 0.2, 0.3, 0.1, 0.8])
    values = benchmark(labels, scores, 2, threshold=0.5)
    assert values["PA-F1"] == 1.0
    assert values["Event-based-F1"] == 1.0


@pytest.mark.parametrize("labels", [[], [0, 0, 0], [1, 1, 1]])
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_with_one_class_nothing_is_defined(labels: list[int], threshold: float | None) -> None:
    values = benchmark(labels, [0.1, 0.7, 0.4][: len(labels)], 2, threshold)
    assert tuple(values) == NAMES
    assert np.isnan(list(values.values())).all()


def test_nothing_found_is_zero_and_has_no_affiliation() -> None:
    values = benchmark([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 2, threshold=9)
    assert [values[name] for name in ("Standard-F1", "PA-F1", "Event-based-F1", "R-based-F1")] == [0.0] * 4
    assert np.isnan(values["Affiliation-F"])


def test_constant_scores_have_values() -> None:
    values = benchmark([0, 1, 0, 1], [0.5] * 4, 2)
    assert values["AUC-ROC"] == 0.5
    assert values["AUC-PR"] == 0.5
    assert values["Standard-F1"] == pytest.approx(2 / 3)
    assert values["PA-F1"] == 0.0  # the benchmark's oracle asks for more than the lowest score


def test_inputs_stay_as_they_are() -> None:
    labels, scores = small()
    before = labels.copy(), scores.copy()
    benchmark(labels, scores, 9)
    assert (labels == before[0]).all()
    assert (scores == before[1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"scores": [0.1]},
            "labels have the shape (3,), scores (1,); give one label and one score for each step, in one dimension",
        ),
        ({"labels": [0, 1, 3]}, "a label is 3; labels are 0 (normal) or 1 (anomalous)"),
        ({"scores": [0.1, float("nan"), 1]}, "the score of step 1 is nan; drop steps without a finite score"),
        ({"window": -1}, "the window is -1 steps; give 0 or more"),
        ({"threshold": float("nan")}, "the threshold is NaN; give a number"),
    ],
)
def test_what_cannot_be_used_is_said(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"labels": [0, 1, 0], "scores": [0.1, 0.9, 0.3], "window": 2} | change
    with pytest.raises(DataError) as caught:
        benchmark(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message
