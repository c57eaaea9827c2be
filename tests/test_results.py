"""Outputs become scored steps, one after the other."""

from dataclasses import asdict

import numpy as np
import pytest

from seqanomaly.counters import relative_position
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.results import flatten
from seqanomaly.tasks import TASKS, Judged


def test_flatten_keeps_the_scored_steps_in_order() -> None:
    sequences = Sequences.of([np.ones((3, 1)), np.ones((2, 1))], [[0, 1, 0], [1, 1]])
    score = np.arange(6.0).reshape(2, 3)
    judged = Judged(score=score, decision=np.arange(6).reshape(2, 3), alarm=score >= 2)
    flat = asdict(flatten(TASKS["detect"], sequences, judged))
    assert flat.pop("probability") is True
    assert {name: values.tolist() for name, values in flat.items()} == {
        "sequence": [0, 0, 0, 1, 1],
        "step": [0, 1, 2, 0, 1],
        "position": pytest.approx([1 / 6, 3 / 6, 5 / 6, 1 / 4, 3 / 4]),
        "label": [0, 1, 0, 1, 1],
        "score": [0, 1, 2, 3, 4],
        "decision": [0, 1, 2, 3, 4],
        "alarm": [False, False, True, True, True],
    }
    forecast = flatten(TASKS["forecast"], sequences, judged)
    assert forecast.step.tolist() == [1, 2, 1]
    assert forecast.position.tolist() == relative_position(forecast.step, np.array([3, 3, 2])).tolist()
