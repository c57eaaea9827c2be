"""Scored steps: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import share

Bounds = tuple[float | str, float | str]
NEVER = np.iinfo(np.int64).max // 2
"""A step that no sequence reaches."""


class Ranked(NamedTuple):
    """Steps that reach each distinct score, from the highest score down."""

    hits: NDArray[np.int64]
    """Anomalous ones, [scores]."""
    false: NDArray[np.int64]
    """Normal ones, [scores]."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The scored steps of a part, flat. Scores and decisions were made before labels came in."""

    sequence: NDArray[np.int64]
    """Index of the sequence of each step."""
    step: NDArray[np.int64]
    """Index of each step in its whole sequence."""
    position: NDArray[np.float64]
    """Relative place (i + 0.5) / n in the whole sequence."""
    label: NDArray[np.int64]
    """Class index, 0 is normal."""
    score: NDArray[np.float64]
    """Anomaly score."""
    decision: NDArray[np.int64]
    """Decided class index."""
    alarm: NDArray[np.bool_] | None = None
    """Whether the score passes the threshold of a fixed false-alarm rate; None where there is no such threshold."""
    probability: bool = True
    """Whether the score is the probability of an anomaly."""

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def anomalous(self) -> NDArray[np.bool_]:
        """Whether each step has a label other than normal."""
        return np.asarray(self.label != 0, bool)

    @cached_property
    def since_onset(self) -> NDArray[np.int64]:
        """Steps since the first anomalous step of the sequence, negative before it and where there is none."""
        onset = np.full(int(self.sequence.max(initial=-1)) + 1, NEVER)
        anomalous = np.flatnonzero(self.anomalous)
        np.minimum.at(onset, self.sequence[anomalous], self.step[anomalous])
        return np.asarray(self.step - onset[self.sequence], np.int64)

    @cached_property
    def ranked(self) -> Ranked:
        """What every area under a curve is made of, from one sort.

        >>> steps = Steps(sequence=np.zeros(3, int), step=np.arange(3), position=np.arange(3) / 3,
        ...     label=np.array([0, 1, 1]), score=np.array([0.5, 0.5, 0.9]), decision=np.zeros(3, int))
        >>> [counts.tolist() for counts in steps.ranked]
        [[1, 2], [0, 1]]
        """
        order = np.argsort(self.score)[::-1]
        score = self.score[order]
        assert np.isfinite(score).all(), "a score is not finite"
        last = np.append(np.flatnonzero(score[1:] != score[:-1]), len(score) - 1)
        hits = np.cumsum(self.anomalous[order])[last]
        return Ranked(hits, last + 1 - hits)

    def where(self, chosen: NDArray[np.bool_]) -> Steps:
        """The chosen steps only."""
        place = np.flatnonzero(chosen)
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        columns: dict[str, Any] = {
            name: values[place] for name, values in every.items() if isinstance(values, np.ndarray)
        }
        return replace(self, **columns)

    def within(self, bounds: Bounds) -> Steps:
        """The steps of a bucket; each bucket is cut out once."""
        if bounds not in self._cut_out:
            self._cut_out[bounds] = self.where(in_bucket(self, bounds))
        return self._cut_out[bounds]

    @cached_property
    def _cut_out(self) -> dict[Bounds, Steps]:
        return {}


def in_bucket(steps: Steps, bounds: Bounds) -> NDArray[np.bool_]:
    """Which steps lie in [start, end): shares of the sequence as text, step numbers as numbers."""
    return _from(steps, bounds[0]) & ~_from(steps, bounds[1])


def _from(steps: Steps, cut: float | str) -> NDArray[np.bool_]:
    part = share(cut)
    return steps.step >= float(cut) if part is None else steps.position >= part
