"""Scaling: fitted on what it is given, applied to anything, and nothing past a sequence's end."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.synthetic import Ar
from seqanomaly.preparation import prepare
from seqanomaly.tasks import TASKS

values = arrays(np.float32, (6, 2), elements=st.floats(-1e6, 1e6, width=32))


@given(values, st.integers(1, 5))
def test_the_real_steps_have_mean_0_and_deviation_1(x: np.ndarray, cut: int) -> None:
    sequences = Sequences.of([x[:cut], x[cut:]], [0, 1])
    scaler = Scaler.fit(sequences)
    scaled = scaler.apply(sequences)
    real = scaled.x[scaled.mask].astype(np.float64)
    rounding = 1e-6 * (1 + np.abs(scaler.mean) / np.array(scaler.scale))
    assert np.all(np.abs(real.mean(axis=0)) <= rounding)
    for feature in range(2):
        if np.ptp(x[:, feature]) > 1e-5 * np.abs(x[:, feature]).max():
            assert abs(real[:, feature].std() - 1) < 1e-5
    assert np.all(scaled.x[~scaled.mask] == 0)
    assert scaled.x.dtype == np.float32
    np.testing.assert_array_equal(scaled.label, sequences.label)


def test_padding_does_not_count() -> None:
    short = Sequences.of([np.array([[1.0], [3.0]])], [0])
    padded = Sequences.of([np.array([[1.0], [3.0]]), np.full((50, 1), 2.0)], [0, 0]).take(np.array([0]))
    assert padded.x.shape == (1, 50, 1)
    assert Scaler.fit(padded) == Scaler.fit(short) == Scaler(mean=(2.0,), scale=(1.0,))


def test_a_constant_feature_is_centred_and_nothing_else() -> None:
    x = np.full((40, 1), 0.1)
    scaler = Scaler.fit(Sequences.of([x], [0]))
    assert scaler.scale == (1.0,)
    other = scaler.apply(Sequences.of([x, x + 2], [0, 0])).x[..., 0]
    np.testing.assert_allclose(other, [[0] * 40, [2] * 40], atol=1e-6)


def test_a_run_fits_on_the_training_part_only() -> None:
    source = Ar(length=6, train=20, test=30).open()
    raw = source.parts(3)
    prepared = prepare(source, TASKS["detect"], 3, "ar")
    assert prepared.scaler == Scaler.fit(raw.train)
    assert prepared.scaler != Scaler.fit(raw.test)
    for name, part in vars(prepared.parts).items():
        np.testing.assert_array_equal(part.x, prepared.scaler.apply(vars(raw)[name]).x)
