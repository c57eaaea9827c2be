"""Detection delay, recall since the onset and false alarms against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.metrics.delay import detection_delay, recall_since_onset
from seqanomaly.metrics.scores import false_alarms
from seqanomaly.metrics.steps import Steps

Sequence = list[tuple[int, int]]
"""Label and decision of each step."""

sequences = st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=8), max_size=8)


def flat(drawn: list[Sequence]) -> Steps:
    rows = [(n, t, label, decision) for n, s in enumerate(drawn) for t, (label, decision) in enumerate(s)]
    sequence, step, label, decision = np.array(rows, np.int64).reshape(-1, 4).T
    zeros = np.zeros(len(rows))
    return Steps(sequence=sequence, step=step, position=zeros, label=label, score=zeros, decision=decision)


def onset(sequence: Sequence) -> int | None:
    return next((t for t, (label, _) in enumerate(sequence) if label), None)


@given(drawn=sequences)
def test_delay_is_the_way_to_the_first_alarm(drawn: list[Sequence]) -> None:
    delays = []
    for sequence in drawn:
        start = onset(sequence)
        if start is not None:
            alarms = [t - start for t, (_, decision) in enumerate(sequence) if decision and t >= start]
            delays.append(min(alarms, default=np.inf))
    found = detection_delay(flat(drawn))
    assert found.sequences == len(delays)
    if not delays:
        assert np.isnan([found.median, found.never]).all()
        return
    delays.sort()
    quartiles = [delays[max(0, int(np.ceil(share * len(delays))) - 1)] for share in (0.25, 0.5, 0.75)]
    assert [found.lower_quartile, found.median, found.upper_quartile] == quartiles
    assert found.never == pytest.approx(np.mean(np.isinf(delays)))


@given(drawn=sequences)
def test_recall_by_steps_since_the_onset(drawn: list[Sequence]) -> None:
    hits: dict[int, list[bool]] = {}
    for sequence in drawn:
        start = onset(sequence)
        for t, (label, decision) in enumerate(sequence):
            if label and start is not None:
                hits.setdefault(t - start, []).append(bool(decision))
    found = recall_since_onset(flat(drawn))
    assert found["since_onset"].tolist() == sorted(hits)
    assert found["n"].tolist() == [len(hits[t]) for t in sorted(hits)]
    assert found["recall"].tolist() == pytest.approx([np.mean(hits[t]) for t in sorted(hits)])


@given(drawn=sequences)
def test_false_alarms_per_thousand_normal_steps(drawn: list[Sequence]) -> None:
    normal = [bool(decision) for sequence in drawn for label, decision in sequence if not label]
    found, note = false_alarms(flat(drawn))
    assert bool(note) == (not normal)
    assert np.isnan(found) if not normal else found == pytest.approx(1000 * np.mean(normal))
