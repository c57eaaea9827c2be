"""Is a detector better than the best possible rule? A significant excess is a leak or misaligned labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.comparison import holm
from seqanomaly.errors import DataError

Decisions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Excess:
    """How much oftener a detector is right than the Bayes rule on the same sequences."""

    steps: pd.DataFrame
    """One row per tested step: step, n, gains (only the detector is right), losses (only the Bayes rule is),
    difference (of the accuracies), p_value (exact, one-sided), p_adjusted (Holm over the steps)."""
    sequences: int
    """Number of sequences."""
    difference: float
    """Mean over the sequences of the difference of their accuracies; a fraction, negative below the Bayes rule."""
    t: float
    """That mean over its standard error, clustered by sequence."""
    p_value: float
    """One-sided Student t test of it."""

    @property
    def p(self) -> float:
        """One p-value for the whole: the smaller of the best step's adjusted and the pooled one, times two."""
        return float(min(1.0, 2 * min(self.steps["p_adjusted"].min(), self.p_value)))


def excess_over(
    decision: Decisions, bayes_decision: Decisions, label: Decisions, mask: NDArray[np.bool_] | None = None
) -> Excess:
    """Test whether a detector beats the Bayes rule on the same sequences, step by step and over all steps.

    No detector that sees what the Bayes rule sees is right more often in the long run. At one step each sequence is one
    independent trial: among those where exactly one of the two is right, the detector is with probability 1/2 at most
    (exact sign test). Over all steps each sequence counts once, with the mean of its differences.

    Args:
        decision: decided class of each step, [N, T].
        bayes_decision: what the Bayes rule decides, [N, T].
        label: true class, [N, T].
        mask: True for the steps that count, [N, T]; all by default.

    Raises:
        DataError: the shapes differ, there are fewer than two sequences, or a sequence has no step that counts.

    >>> label = np.array([[0, 1], [1, 1], [0, 0], [1, 0]] * 3)
    >>> found = excess_over(decision=label, bayes_decision=np.zeros_like(label), label=label)
    >>> found.steps[["gains", "losses", "p_value"]].round(4).values.tolist()
    [[6.0, 0.0, 0.0156], [6.0, 0.0, 0.0156]]
    >>> found.difference, excess_over(np.zeros_like(label), label, label).p
    (0.5, 1.0)

    Source: McNemar, Note on the sampling error of the difference between correlated proportions (1947); exact form.
    """
    counted = _counted(decision, bayes_decision, label, mask)
    ahead = ((decision == label).astype(np.int64) - (bayes_decision == label)) * counted  # [N, T], -1, 0 or 1
    mean, t, p = _above_zero(ahead.sum(axis=1) / counted.sum(axis=1))
    return Excess(steps=_by_step(ahead, counted), sequences=len(ahead), difference=mean, t=t, p_value=p)


def _counted(
    decision: Decisions, bayes_decision: Decisions, label: Decisions, mask: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    counted = np.ones(label.shape, np.bool_) if mask is None else mask
    shapes = {"label": label, "decision": decision, "bayes_decision": bayes_decision, "mask": counted}
    if label.ndim != 2 or any(array.shape != label.shape for array in shapes.values()):
        found = ", ".join(f"{name} {list(array.shape)}" for name, array in shapes.items())
        raise DataError(f"all must be [sequences, steps] of one shape, got {found}")
    if len(label) < 2:
        raise DataError(f"a test needs at least two sequences, got {len(label)}")
    if not counted.any(axis=1).all():
        empty = int(np.argmin(counted.any(axis=1)))
        raise DataError(f"sequence {empty} has no step that counts; leave it out")
    return counted


def _by_step(ahead: NDArray[np.int64], counted: NDArray[np.bool_]) -> pd.DataFrame:
    """The exact test of each step at which some sequence counts."""
    from scipy.stats import binomtest

    step = np.flatnonzero(counted.any(axis=0))
    n, gains, losses = counted.sum(axis=0)[step], (ahead > 0).sum(axis=0)[step], (ahead < 0).sum(axis=0)[step]
    p = [
        float(binomtest(int(won), int(won + lost), alternative="greater").pvalue) if won + lost else 1.0
        for won, lost in zip(gains, losses, strict=True)
    ]
    counts = {"step": step, "n": n, "gains": gains, "losses": losses, "difference": (gains - losses) / n}
    return pd.DataFrame({**counts, "p_value": p, "p_adjusted": holm(p)})


def _above_zero(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean, t and one-sided p-value of independent values; without any spread t is 0 or infinite."""
    from scipy.special import stdtr

    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    t = mean / error if error > 0 else float(np.sign(mean)) * np.inf if mean else 0.0
    return mean, t, float(stdtr(len(values) - 1, -t)) if mean else 1.0
