"""What the paired differences of one loss say: arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqanomaly.comparison import rounded

Reals = NDArray[np.float64]


def superiority(differences: Reals) -> tuple[float, float, float]:
    """Probability of superiority: the share of pairs in which the loss beats the baseline, ties half; with its limits.

    Wilson's 95% score interval (Wilson 1927, JASA 22) of that share. A tie counts as half a success, which varies less
    than a success or a failure, so with ties the interval is wider than it need be and covers at least as often.

    Args:
        differences: better minus worse for each pair, positive where the loss is better.

    >>> [round(x, 3) for x in superiority(np.array([0.1, 0.2, 0.0, -0.1]))]
    [0.625, 0.219, 0.908]
    """
    from scipy.special import ndtri

    n = len(differences)
    if n == 0:
        return np.nan, np.nan, np.nan
    share, z = float((np.sign(rounded(differences)).mean() + 1) / 2), float(ndtri(0.975))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half)))


def equivalence_p(differences: Reals, margin: float, overlap: float = 0.0) -> float:
    """Two one-sided paired t tests: the larger p of difference > -margin and difference < margin.

    Source: Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15.

    Args:
        differences: at least two that are not all equal.
        margin: greater than 0, in their unit.
        overlap: see `families.Family.overlap`.

    >>> round(equivalence_p(np.array([0.001, -0.002, 0.0, 0.002]), 0.01), 4)
    0.0007
    """
    mean, error, freedom = float(differences.mean()), _standard_error(differences, overlap), len(differences) - 1
    return max(_tail(freedom, (-margin - mean) / error), _tail(freedom, (-margin + mean) / error))


def exceeds_p(differences: Reals, bound: float, overlap: float = 0.0) -> float:
    """One-sided t test that the mean of at least two values, not all equal, exceeds `bound`; see `comparison.paired_p`.

    >>> round(exceeds_p(np.array([1.0, 2.0, 3.0]), 0.0), 4)
    0.0371
    """
    return _tail(len(differences) - 1, (bound - float(differences.mean())) / _standard_error(differences, overlap))


def _standard_error(differences: Reals, overlap: float) -> float:
    """Of their mean."""
    return float(differences.std(ddof=1) * np.sqrt(1 / len(differences) + overlap))


def _tail(freedom: int, t: float) -> float:
    """Chance that Student's t is at most that."""
    from scipy.special import stdtr

    return float(stdtr(freedom, t))
