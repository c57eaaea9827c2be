"""Synthetic tasks: the published figures, the Bayes rules against independent references, and what every task keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from seqanomaly.datasets.synthetic import SYNTHETIC, Ar, Drift, Evidence, Onset, Synthetic
from seqanomaly.errors import ConfigError

Reals = NDArray[np.float64]

TASKS: list[Synthetic] = [
    Drift(length=12),
    Drift(length=12, features=2, noise=0),
    Drift(length=12, noise=3),
    Evidence(length=12),
    Evidence(length=12, mu=0.8, schedule="ramp", features=1),
    Evidence(length=12, mu=0),
    Onset(length=12, hazard=0.1),
    Onset(length=12, hazard=0.05, shift=0.5, features=3),
    Ar(length=12),
    Ar(length=12, phi=-0.5, shift=2),
    Ar(length=12, phi=0, shift=0),
]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def best(task: Synthetic, receptive_field: int | None = None) -> Reals:
    x, label = task.draw(np.random.default_rng(0), 2)
    return task.best_accuracy(x, label, receptive_field)


def test_the_table_names_each_kind() -> None:
    assert list(SYNTHETIC) == ["drift", "evidence", "onset", "ar"]
    for kind, task in SYNTHETIC.items():
        assert task().name == kind
        assert task().settings()["kind"] == kind


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("drift", {"length": 50, "train": 400, "test": 2000, "features": 5, "noise": 0.5}),
        (
            "evidence",
            {"length": 50, "train": 400, "test": 2000, "mu": 0.35, "schedule": "constant", "features": 4},
        ),
        ("onset", {"length": 50, "train": 400, "test": 2000, "hazard": 0.02, "shift": 1.0, "features": 1}),
        ("ar", {"length": 50, "train": 400, "test": 2000, "phi": 0.8, "shift": 1.0}),
    ],
)
def test_the_defaults(kind: str, fields: dict[str, object]) -> None:
    assert SYNTHETIC[kind]().settings() == {"kind": kind, **fields}


def test_the_base_class_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Synthetic()  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("drift", {"noise": -1}, r"^noise: must be greater than or equal to 0, got -1$"),
        ("drift", {"length": "50"}, r"^length: must be .* integer, got '50'$"),
        ("drift", {"length": 2.5}, r"^length: must be .* integer, got 2.5$"),
        ("drift", {"length": 1}, r"^length: must be greater than or equal to 2, got 1$"),
        ("drift", {"features": 1}, r"^features: must be greater than or equal to 2, got 1$"),
        ("drift", {"train": 0}, r"^train: must be greater than or equal to 2, got 0$"),
        ("drift", {"test": 0}, r"^test: must be greater than or equal to 1, got 0$"),
        ("drift", {"noise": float("nan")}, r"^noise: must be a finite number, got nan$"),
        ("drift", {"nosie": 0.5}, r"^unknown key 'nosie'; did you mean 'noise'\?"),
        ("drift", {"kind": "ar"}, r"^kind: must be 'drift', got 'ar'$"),
        ("evidence", {"mu": -0.1}, r"^mu: must be greater than or equal to 0, got -0.1$"),
        ("evidence", {"mu": 2000}, r"^mu: must be less than or equal to 1000, got 2000$"),
        ("evidence", {"schedule": "rmap"}, r"^schedule: must be 'constant' or 'ramp', got 'rmap'$"),
        ("onset", {"hazard": 1.5}, r"^hazard: must be less than 1, got 1.5$"),
        ("onset", {"hazard": 0}, r"^hazard: must be greater than 0, got 0$"),
        ("onset", {"shift": -1}, r"^shift: must be greater than or equal to 0, got -1$"),
        ("ar", {"phi": 1}, r"^phi: must be less than 1, got 1$"),
        ("ar", {"phi": -1}, r"^phi: must be greater than -1, got -1$"),
        ("ar", {"features": 2}, r"^unknown key 'features'"),
    ],
)
def test_an_impossible_value_is_named(kind: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        SYNTHETIC[kind](**values)


@pytest.mark.parametrize(
    ("task", "figures"),
    [
        (Evidence(mu=0.35), [0.569, 0.652, 0.710, 0.809, 0.892]),
        (Evidence(mu=0.8, schedule="ramp"), [0.500, 0.518, 0.555, 0.716, 0.950]),
        (Drift(noise=0.5), [0.852] * 5),
    ],
)
def test_published_best_accuracies(task: Synthetic, figures: list[float]) -> None:
    assert best(task)[[0, 4, 9, 24, 49]].round(3).tolist() == figures


@pytest.mark.parametrize("task", [Evidence(mu=0), Evidence(mu=0, schedule="ramp")])
@pytest.mark.parametrize("receptive_field", [None, 0, 1, 7])
def test_no_evidence_is_exactly_half(task: Evidence, receptive_field: int | None) -> None:
    assert best(task, receptive_field).tolist() == [0.5] * 50


def test_drift_without_noise_is_always_right() -> None:
    task = Drift(noise=0)
    x, label = task.draw(np.random.default_rng(2), 500)
    assert best(task).tolist() == [1.0] * 50
    np.testing.assert_array_equal(task.posterior(x), label)


def test_drift_needs_the_step() -> None:
    x, label = Drift(noise=0).draw(np.random.default_rng(3), 5000)
    np.testing.assert_array_equal(label[:, 0], x[:, 0, 0] > 0)
    np.testing.assert_allclose(np.mean(label[:, -1] == (x[:, -1, 1] > 0)), 1, atol=0.001)
    assert np.mean(label[:, -1] == (x[:, -1, 0] > 0)) == pytest.approx(0.5, abs=0.03)


def test_evidence_with_a_receptive_field_is_attained_by_the_last_steps() -> None:
    task, window = Evidence(length=12, mu=0.5), 4
    x, label = task.draw(np.random.default_rng(4), 50_000)
    bound = best(task, window)
    for t in (3, 7, 11):
        posterior = Evidence(length=window, mu=0.5).posterior(x[:, t + 1 - window : t + 1])[:, -1]
        assert np.mean((posterior >= 0.5) == label[:, t]) == pytest.approx(bound[t], abs=0.009)
    np.testing.assert_allclose(best(task, 1), norm.cdf(0.25), rtol=1e-12)
    np.testing.assert_array_equal(best(task, 12), best(task))


@each_task
def test_the_bayes_rule_attains_the_best_accuracy(task: Synthetic) -> None:
    count = 40_000
    expected = task.best_accuracy(*task.draw(np.random.default_rng(5), count))
    x, label = task.draw(np.random.default_rng(6), count)
    found = np.mean((task.posterior(x) >= 0.5) == label, axis=0)
    both_drawn = 2 if isinstance(task, Onset) else 1
    error = np.sqrt(both_drawn * expected * (1 - expected) / count)
    assert np.all(np.abs(found - expected) <= 4.5 * error)


@each_task
def test_the_posterior_is_calibrated(task: Synthetic) -> None:
    x, label = task.draw(np.random.default_rng(7), 40_000)
    posterior = task.posterior(x)
    surprise = label - posterior
    for weight in (np.ones_like(posterior), posterior, (posterior > 0.8) * 1.0):
        error = np.sqrt(np.mean((weight * surprise) ** 2, axis=0) / len(x))
        assert np.all(np.abs(np.mean(weight * surprise, axis=0)) <= 4.5 * error)


@each_task
def test_the_posterior_does_not_look_ahead(task: Synthetic) -> None:
    x, _ = task.draw(np.random.default_rng(8), 20)
    before = task.posterior(x)
    for t in range(1, task.length):
        changed = x.copy()
        changed[:, t:] += np.random.default_rng(9).standard_normal(changed[:, t:].shape, np.float32)
        np.testing.assert_array_equal(task.posterior(changed)[:, :t], before[:, :t])


@each_task
def test_the_seed_decides_every_bit(task: Synthetic) -> None:
    first, same, other = (task.draw(np.random.default_rng(seed), 30) for seed in (1, 1, 2))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in same]
    assert first[0].tobytes() != other[0].tobytes()
    assert first[1].tobytes() != other[1].tobytes()


def onset_by_enumeration(task: Onset, x: NDArray[np.float32], receptive_field: int) -> Reals:
    """P(label_t = 1 | the last steps), summed over every possible onset."""
    ratio = np.prod(norm.pdf(x - task.shift) / norm.pdf(x), axis=2)  # [N, T]
    posterior = np.empty(ratio.shape)
    for t in range(task.length):
        start = max(t + 1 - receptive_field, 0)
        anomalous = sum(
            task.hazard * (1 - task.hazard) ** k * np.prod(ratio[:, max(k, start) : t + 1], axis=1)
            for k in range(t + 1)
        )
        posterior[:, t] = anomalous / (anomalous + (1 - task.hazard) ** (t + 1))
    return posterior


@pytest.mark.parametrize("features", [1, 2])
def test_onset_posterior_by_enumeration(features: int) -> None:
    task = Onset(length=9, hazard=0.15, shift=0.7, features=features)
    x, label = task.draw(np.random.default_rng(10), 300)
    np.testing.assert_allclose(task.posterior(x), onset_by_enumeration(task, x, 9), rtol=1e-5)
    for receptive_field in (0, 1, 3, 8, 9, 20):
        right = (onset_by_enumeration(task, x, receptive_field) >= 0.5) == label
        np.testing.assert_array_equal(task.best_accuracy(x, label, receptive_field), right.mean(axis=0))
    np.testing.assert_array_equal(task.best_accuracy(x, label, 20), task.best_accuracy(x, label))


def test_onset_figures() -> None:
    task, steps = Onset(length=100), np.array([1, 10, 25, 50, 100])
    x, label = task.draw(np.random.default_rng(11), 40_000)
    prevalence = 1 - 0.98**steps
    assert np.maximum(prevalence, 1 - prevalence).round(3).tolist() == [0.980, 0.817, 0.603, 0.636, 0.867]
    np.testing.assert_allclose(label.mean(axis=0)[steps - 1], prevalence, atol=0.012)
    np.testing.assert_allclose(task.best_accuracy(x, label)[steps - 1], [0.980, 0.896, 0.912, 0.946, 0.980], atol=0.008)
    decision = task.posterior(x) >= 0.5
    recall = [np.mean(decision == label, axis=0, where=label == c)[steps - 1] for c in (0, 1)]
    np.testing.assert_allclose(np.mean(recall, axis=0), [0.500, 0.765, 0.900, 0.948, 0.969], atol=0.015)


def test_an_onset_stays() -> None:
    _, label = Onset(hazard=0.1).draw(np.random.default_rng(12), 500)
    assert np.all(np.diff(label, axis=1) >= 0)


def area_under_curve(score: Reals, label: NDArray[np.int64]) -> float:
    positive = label == 1
    mean_rank = rankdata(score)[positive].mean()
    return float((mean_rank - (positive.sum() + 1) / 2) / (~positive).sum())


def test_ar_residuals() -> None:
    task = Ar(length=51, phi=0.8, shift=1)
    x, label = task.draw(np.random.default_rng(13), 4000)
    now, before, y = x[:, 1:, 0].ravel(), x[:, :-1, 0].ravel(), label[:, 1:].ravel()
    design = np.column_stack([before, y, np.ones_like(before)]).astype(np.float64)
    coefficients, *_ = np.linalg.lstsq(design, now, rcond=None)
    np.testing.assert_allclose(coefficients, [0.8, 1, 0], atol=0.02)
    assert np.var(now - design @ coefficients) == pytest.approx(1, abs=0.015)

    residual = now - 0.8 * before.astype(np.float64)
    assert norm.cdf(1 / np.sqrt(2)) == pytest.approx(0.760, abs=0.0005)
    assert area_under_curve(residual, y) == pytest.approx(0.760, abs=0.006)
    assert area_under_curve(np.abs(residual), y) == pytest.approx(0.635, abs=0.006)


def test_ar_starts_in_its_stationary_law() -> None:
    x, _ = Ar(length=5, phi=0.8, shift=0).draw(np.random.default_rng(14), 40_000)
    np.testing.assert_allclose(x[..., 0].var(axis=0), 1 / (1 - 0.8**2), rtol=0.04)


@each_task
def test_sequences(task: Synthetic) -> None:
    drawn = task.sequences(np.random.default_rng(15), 3)
    x, label = task.draw(np.random.default_rng(15), 3)
    np.testing.assert_array_equal(drawn.x, x)
    np.testing.assert_array_equal(drawn.label, label)
    assert drawn.length.tolist() == [12, 12, 12]
    assert drawn.mask.all()
    assert drawn.ids == ("0", "1", "2")
    assert drawn.features == tuple(f"x{i}" for i in range(task.features_count))
    assert drawn.classes == ("0", "1")


def effects(largest: float = 1000) -> st.SearchStrategy[float]:
    return st.floats(0, largest)


length, features = st.integers(2, 30), st.integers(1, 4)
any_task: Callable[..., Any] = given(
    task=st.one_of(
        st.builds(Drift, length=length, features=st.integers(2, 5), noise=effects()),
        st.builds(
            Evidence, length=length, features=features, mu=effects(), schedule=st.sampled_from(["constant", "ramp"])
        ),
        st.builds(
            Onset,
            length=length,
            features=features,
            shift=effects(),
            hazard=st.floats(0, 1, exclude_min=True, exclude_max=True),
        ),
        st.builds(Ar, length=length, shift=effects(), phi=st.floats(-1, 1, exclude_min=True, exclude_max=True)),
    ),
    receptive_field=st.none() | st.integers(0, 40),
    seed=st.integers(0, 2**32 - 1),
)


@settings(deadline=None, max_examples=150)
@any_task
def test_every_task_keeps_its_shapes_and_ranges(task: Synthetic, receptive_field: int | None, seed: int) -> None:
    count = 400
    x, label = task.draw(np.random.default_rng(seed), count)
    assert x.shape == (count, task.length, task.features_count)
    assert label.shape == (count, task.length)
    assert [x.dtype.name, label.dtype.name] == ["float32", "int64"]
    assert np.isfinite(x).all()
    assert set(np.unique(label)) <= {0, 1}

    posterior = task.posterior(x)
    assert posterior.shape == label.shape
    assert posterior.dtype.name == "float64"
    assert np.all((posterior >= 0) & (posterior <= 1))

    accuracy = task.best_accuracy(x, label, receptive_field)
    assert accuracy.shape == (task.length,)
    assert accuracy.dtype.name == "float64"
    chance = 0.5 - (0.15 if isinstance(task, Onset) else 0)  # six standard errors of a share of 400
    assert np.all((accuracy >= chance) & (accuracy <= 1))


@pytest.mark.parametrize("task", [Drift(), Evidence(), Ar()])
def test_the_step_alone_says_nothing_where_labels_are_balanced(task: Synthetic) -> None:
    assert best(task, 0).tolist() == [0.5] * 50


def test_the_step_alone_tells_how_common_an_onset_is() -> None:
    task = Onset(length=30, hazard=0.1)
    x, label = task.draw(np.random.default_rng(0), 200)
    commoner = 1 - 0.9 ** np.arange(1, 31) >= 0.5
    np.testing.assert_allclose(task.best_accuracy(x, label, 0), (commoner == label).mean(axis=0))
