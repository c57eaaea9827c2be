"""The threshold with the best balanced accuracy, against trying every one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.metrics.thresholds import best_balanced

Scores = NDArray[np.float64]
Anomalous = NDArray[np.bool_]


def balanced(score: Scores, anomalous: Anomalous, threshold: float) -> float:
    decided = score >= threshold
    return float(decided[anomalous].mean() + (~decided[~anomalous]).mean()) / 2


@pytest.mark.parametrize(
    ("score", "anomalous", "threshold"),
    [
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 0.6),
        ([0.9, 0.6, 0.4, 0.1], [1, 1, 0, 0], 0.6),
        ([0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1], 0.4),  # 0.9 is as good
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], 0.5),
        ([2.0, 1.0], [0, 1], 1.0),  # the wrong way round: everything is called anomalous
        ([0.0, 0.0, 3.0], [0, 0, 1], 3.0),
        ([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 0.0),  # 1 - 0.8 is as much as 0.2 - 0
    ],
)
def test_known_thresholds(score: list[float], anomalous: list[int], threshold: float) -> None:
    assert best_balanced(np.array(score), np.array(anomalous, bool)) == threshold


steps = st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=2, max_size=40).filter(
    lambda found: len({anomalous for _, anomalous in found}) == 2
)


@given(steps)
def test_no_other_threshold_is_better(found: list[tuple[int, bool]]) -> None:
    score = np.array([value / 4 for value, _ in found])
    anomalous = np.array([flag for _, flag in found])
    chosen = best_balanced(score, anomalous)
    assert chosen in score
    value = {t: balanced(score, anomalous, t) for t in sorted(set(score.tolist()))}
    best = max(value.values())
    assert value[chosen] == pytest.approx(best, abs=1e-12)
    assert chosen == min(t for t, v in value.items() if v > best - 1e-12)
