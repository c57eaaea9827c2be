"""Whether the step index alone predicts the label, so that a detector could be right without looking at features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.spans import series_names

CLEAR = 0.6
"""Balanced accuracy from which on a warning is due, if its interval lies above 0.5."""
CONFIDENCE = 0.95
"""Of the interval."""
Place = Literal["step", "position"]
"""`step`: index in the sequence, from 0; `position`: share of the sequence at a step's middle, (i + 0.5)/n."""


@dataclass(frozen=True, kw_only=True)
class StepAlone:
    """The best rule that looks at the place of a step only: anomalous from a threshold on, or before it."""

    place: Place
    """What it looks at."""
    threshold: float
    """Where the rule changes its mind."""
    after: bool
    """Whether the rule calls steps from the threshold on anomalous; else those before."""
    accuracy: float
    """Balanced accuracy on steps that it was not fitted to; a fraction, 0.5 is chance."""
    low: float
    """Lower end of its 95% interval; NaN where too few series have steps of each kind."""

    @property
    def clear(self) -> bool:
        """Whether it is at least 0.6 and its interval lies above 0.5."""
        return self.accuracy >= CLEAR and self.low > 0.5

    @property
    def rule(self) -> str:
        """The rule in words.

        >>> StepAlone(place="step", threshold=30, after=True, accuracy=0.9, low=0.8).rule
        'anomalous from step 30 on'
        """
        where = f"step {self.threshold:g}" if self.place == "step" else f"{self.threshold:.0%} of the sequence"
        return f"anomalous from {where} on" if self.after else f"anomalous before {where}"


def step_alone(train: Sequences, rest: list[Sequences], place: Place = "step") -> StepAlone | None:
    """Fit the rule to one part and measure it on others; None where one of both has one class only.

    Threshold and direction are those with the best balanced accuracy on `train`; of equal ones the earliest.
    The interval is Student t over series, as steps of a series are not independent: balanced accuracy is a mean
    of two ratios of sums over series, linearised, with one degree of freedom less than the fewer of the series that
    have normal and that have anomalous steps. Pieces of one series count as one.

    Source: the ratio estimator (Cochran, Sampling Techniques, 1977, chapter 6).

    >>> late = Sequences.of([np.zeros((4, 1))] * 3, [[0, 0, 1, 1]] * 3)
    >>> found = step_alone(late, [late])
    >>> found.rule, found.accuracy, found.clear
    ('anomalous from step 2 on', 1.0, True)
    """
    anomalous = train.label[train.mask] != 0
    if not 0 < anomalous.sum() < len(anomalous):
        return None
    threshold, after = _fitted(_places(train, place), anomalous)
    pieces = np.concatenate([_counts(part, place, threshold, after) for part in rest])  # [N, 4]
    whole = {str(number): replace(part, ids=part.series) for number, part in enumerate(rest)}
    names = series_names(whole).values()
    _, series = np.unique([name for part in names for name in part], return_inverse=True)
    counts = np.zeros((series.max() + 1, 4))
    np.add.at(counts, series, pieces)
    if not counts[:, 1].any() or not counts[:, 3].any():
        return None
    accuracy, low = _balanced(counts)
    return StepAlone(place=place, threshold=threshold, after=after, accuracy=accuracy, low=low)


def _places(part: Sequences, place: Place) -> NDArray[np.float64]:
    """Place of each real step, [steps]."""
    sequence, step = part.places(part.mask)
    return step.astype(np.float64) if place == "step" else (step + 0.5) / part.length[sequence]


def _fitted(place: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> tuple[float, bool]:
    """Threshold and direction of the best rule."""
    values, code = np.unique(place, return_inverse=True)
    true, false = (np.bincount(code, weights=kind, minlength=len(values)) for kind in (anomalous, ~anomalous))
    found = 1 - np.cumsum(true) / true.sum() + true / true.sum()  # share of the anomalous steps from a value on
    wrong = 1 - np.cumsum(false) / false.sum() + false / false.sum()
    gain = (found - wrong) / 2
    at = int(np.argmax(np.abs(gain)))
    return float(values[at]), bool(gain[at] >= 0)


def _counts(part: Sequences, place: Place, threshold: float, after: bool) -> NDArray[np.float64]:
    """Of each sequence: anomalous steps that are found, all of them, normal steps that are passed, all of them."""
    alarm = np.zeros(part.mask.shape, np.bool_)
    alarm[part.mask] = (_places(part, place) >= threshold) == after
    anomalous, normal = (part.label != 0) & part.mask, (part.label == 0) & part.mask
    each = (alarm & anomalous, anomalous, ~alarm & normal, normal)
    return np.stack([part.count(kind) for kind in each], axis=1).astype(np.float64)


def _balanced(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Balanced accuracy and the lower end of its interval, from counts per series [N, 4]."""
    from scipy.stats import t

    found, anomalous, passed, normal = counts.T
    recall, specificity = found.sum() / anomalous.sum(), passed.sum() / normal.sum()
    accuracy = float(recall + specificity) / 2
    free = int(min((anomalous > 0).sum(), (normal > 0).sum())) - 1
    if free < 1:
        return accuracy, float("nan")
    apart = (found - recall * anomalous) / anomalous.sum() + (passed - specificity * normal) / normal.sum()
    error = np.sqrt(len(counts) / (len(counts) - 1) * np.square(apart / 2).sum())
    return accuracy, accuracy - float(t.ppf((1 + CONFIDENCE) / 2, free)) * float(error)
