"""Paired comparison of losses over seeds; sees only data frames.

A pair is a loss and the baseline loss with the same data set, model, other settings and seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.errors import DataError
from seqanomaly.families import Family, families
from seqanomaly.ranking import UNRANKED

MEASURES = [
    "mean",
    "ci_low",
    "ci_high",
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "p_adjusted",
    "n_pairs",
    "best_possible",
    "ess",
    "note",
]
"""The columns of a comparison after the ones that say what is compared."""

ALPHA = 0.05
TOO_FEW = "too few pairs"
"""The note where no outcome could be significant."""
MISSING = "missing"
"""The note of a run that has no result."""
RESPLIT = "covers random splits of one file, corrected for their overlap"
"""The note of a run whose seed draws the test part from the same sequences as every other seed."""
SHUFFLED = "shuffled_labels"
"""How the control loss is called whose detectors know nothing; it is no contender."""
NOT_TRAINED = "not trained, so there is one loss only"
"""The note of a run whose model no loss changes."""


def compare_runs(runs: pd.DataFrame, baseline: str, axes: list[str] | None = None) -> pd.DataFrame:
    """One row per data set, model, loss, bucket and metric: mean, interval, paired difference from the baseline.

    Args:
        runs: one row per run, bucket and metric with the columns dataset, model, loss, seed, bucket, metric, value,
            best_possible, ess, note, and one per further axis; a run that is missing has NaN and the note `MISSING`.
        baseline: the loss that the others are compared with.
        axes: names of the further axes.

    Means and paired differences carry 95% Student t intervals over seeds; p-values are two-sided exact Wilcoxon
    signed-rank, adjusted by Holm over the losses of one data set, model, bucket and metric. A loss with an infinite
    value has neither mean nor difference, and the note says so.

    >>> runs = pd.DataFrame({"dataset": "d", "model": "m", "loss": ["uniform", "exp"] * 2, "seed": [0, 0, 1, 1],
    ...     "bucket": "late", "metric": "accuracy", "value": [0.5, 0.6, 0.5, 0.7], "best_possible": np.nan,
    ...     "ess": 1.0, "note": ""})
    >>> compare_runs(runs, "uniform")[["loss", "mean", "difference", "note"]].round(3).values.tolist()
    [['uniform', 0.5, nan, ''], ['exp', 0.65, 0.15, 'too few pairs']]
    """
    what = ["dataset", "model", *(axes or [])]
    rows = []
    for family in families(runs, [*what, "bucket", "metric"], ("resplit", "best_possible", "ess")):
        rows += [{**family.place, "loss": loss, **row} for loss, row in _family(family, baseline).items()]
    if not rows:
        raise DataError("there are no finished runs to compare")
    table = pd.DataFrame(rows)[["dataset", "model", "loss", *(axes or []), "bucket", "metric", *MEASURES]]
    return table.astype({"n_pairs": "Int64"})


def _family(family: Family, baseline: str) -> dict[str, dict[str, object]]:
    """The rows of all losses in one data set, model, bucket and metric."""
    found: dict[str, dict[str, object]] = {}
    ranked = family.place["metric"] not in UNRANKED
    differences = {loss: family.pairs(loss, baseline) for loss in family.losses if loss != baseline and ranked}
    overlap = family.overlap
    raw = {loss: paired_p(d, overlap) for loss, d in differences.items()}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    tested = sum(bool(p == p) for p in raw.values())
    for loss in family.losses:
        values = family.usable(loss)
        mean, low, high = t_interval(values[~np.isnan(values)], overlap=overlap)
        row: dict[str, object] = {"mean": mean, "ci_low": low, "ci_high": high}
        notes = _notes(family.values[loss], family.notes[loss])
        if loss in differences:
            d = differences[loss]
            row["difference"], row["difference_low"], row["difference_high"] = t_interval(d, overlap=overlap)
            row |= {"p_value": raw[loss], "p_adjusted": adjusted[loss], "n_pairs": len(d)}
            few = not overlap and not adjusted[loss] < ALPHA
            notes += [TOO_FEW] * (few and too_few_pairs(int((rounded(d) != 0).sum()), max(1, tested)))
        row["best_possible"], row["ess"] = (_mean(family.more[name][loss]) for name in ("best_possible", "ess"))
        row["note"] = "; ".join(notes)
        found[loss] = {measure: row.get(measure, np.nan) for measure in MEASURES}
    return found


def _mean(numbers: NDArray[np.float64]) -> float:
    """The mean of those that are there."""
    known = ~np.isnan(numbers)
    return float(np.where(known, numbers, 0.0).sum() / known.sum()) if known.any() else np.nan


def _notes(values: NDArray[np.float64], said: list[str]) -> list[str]:
    missing = said.count(MISSING)
    undefined = Counter(note for value, note in zip(values.tolist(), said, strict=True) if value != value)
    notes = []
    for note in dict.fromkeys(said):
        some = undefined[note]
        if note and note != MISSING:
            notes.append(f"{note} ({some} of {len(said)} runs)" if 0 < some < len(said) - missing else note)
    notes += [f"{missing} of {len(said)} runs missing"] * bool(missing)
    infinite = int(np.isinf(values).sum())
    notes += [f"infinite in {infinite} of {len(said)} runs"] * bool(infinite)
    return notes + ["one run, so no interval"] * (int((~np.isnan(values)).sum()) == 1)


def marks(notes: Iterable[object]) -> list[str]:
    """What has to stand beside every number that is made of these runs: that a threshold saw the test labels.

    >>> marks(["", "covers training randomness only; threshold chosen on the test labels (oracle)"])
    ['threshold chosen on the test labels (oracle)']
    """
    parts = dict.fromkeys(part for note in dict.fromkeys(notes) for part in str(note).split("; "))
    return [part for part in parts if part.endswith("(oracle)")]


def paired_p(differences: NDArray[np.float64], overlap: float = 0.0) -> float:
    """Two-sided p-value: exact Wilcoxon signed-rank, or a corrected t test where splits of one file overlap.

    Splits of the same sequences are not independent, so no sign test holds; the variance of their mean is taken as
    s^2 (1/n + test/train) instead of s^2/n. Source: Nadeau and Bengio, Machine Learning 52 (2003).

    Args:
        differences: one per seed.
        overlap: see `Family.overlap`.

    >>> d = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    >>> round(paired_p(d), 4), round(paired_p(d, 0.5), 4)
    (0.0312, 0.0705)
    """
    from scipy.special import stdtr

    if not overlap:
        return signed_rank_p(differences)
    n = len(differences)
    if n < 2 or np.ptp(rounded(differences)) == 0:
        return 1.0 if n and not rounded(differences).any() else np.nan
    error = differences.std(ddof=1) * np.sqrt(1 / n + overlap)
    return float(2 * stdtr(n - 1, -abs(differences.mean()) / error))


def t_interval(values: NDArray[np.float64], level: float = 0.95, overlap: float = 0.0) -> tuple[float, float, float]:
    """Mean and Student t interval of values; NaN where there are too few.

    Args:
        values: independent, or of splits that overlap.
        level: how often the interval is to hold the mean.
        overlap: see `Family.overlap`; the interval is as much wider as `paired_p` says.

    >>> t_interval(np.array([1.0, 2.0, 3.0]))
    (2.0, -0.484..., 4.484...)
    """
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) == 1:
        return mean, np.nan, np.nan
    half = float(_quantile(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) * np.sqrt(1 / len(values) + overlap))
    return mean, mean - half, mean + half


def t_intervals(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means and 95% Student t intervals of the values of each row [rows, seeds] that are not NaN; see `t_interval`.

    >>> [limits.round(3).tolist() for limits in t_intervals(np.array([[1.0, 2.0, 3.0], [np.nan, 5.0, np.nan]]))]
    [[2.0, 5.0], [-0.484, nan], [4.484, nan]]
    """
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    some, several = np.where(count > 0, count, 1), np.where(count > 1, count, 2)
    mean = np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / some, np.nan)
    squares = np.where(known, values - mean[:, None], 0.0) ** 2
    half = np.array([_quantile(n - 1, 0.975) for n in several.tolist()])
    half = np.where(count > 1, half * np.sqrt(squares.sum(axis=1) / (several - 1)) / np.sqrt(several), np.nan)
    return mean, mean - half, mean + half


@lru_cache(maxsize=1024)
def _quantile(freedom: int, level: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


def signed_rank_p(differences: NDArray[np.float64]) -> float:
    """Two-sided exact p-value of Wilcoxon's signed-rank test; zeros are dropped, ties have mean ranks.

    The distribution of the rank sum over all 2^n signs is built by convolution, so ties are exact as well; p is 1 where
    every difference is 0 and NaN where there is none.

    >>> signed_rank_p(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    0.0625
    """
    return _signed_rank_p(rounded(differences).tobytes())


@lru_cache(maxsize=1024)
def _signed_rank_p(differences: bytes) -> float:
    """See `signed_rank_p`; what compares the same pairs once more finds it here."""
    every = np.frombuffer(differences)
    if len(every) == 0:
        return np.nan
    changed = every[every != 0]
    if len(changed) == 0:
        return 1.0
    if len(changed) > 300:  # the exact distribution no longer differs from the normal one
        from scipy.stats import wilcoxon

        return float(wilcoxon(np.asarray(changed, np.float64), method="approx").pvalue)
    _, level, ties = np.unique(np.abs(changed), return_inverse=True, return_counts=True)
    of_level = 2 * np.cumsum(ties) - ties + 1  # doubled, so that mean ranks are whole
    ranks = of_level[level]
    below = int(min(ranks[changed > 0].sum(), ranks[changed < 0].sum()))
    return float(min(1.0, 2 * _at_most(tuple(np.repeat(of_level, ties).tolist()))[below]))


@lru_cache(maxsize=64)
def _at_most(ranks: tuple[int, ...]) -> NDArray[np.float64]:
    """Chance that the ranks with a sign, each with one half, add up to at most 0, 1, 2, .."""
    distribution = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(distribution) + rank)
        longer[: len(distribution)] = distribution / 2
        longer[rank:] += distribution / 2
        distribution = longer
    return np.cumsum(distribution)


def holm(p_values: list[float]) -> list[float]:
    """Holm's adjusted p-values; NaN stays NaN and does not count.

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.array(p_values, np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    p[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return [float(value) for value in p]


def too_few_pairs(changed: int, losses: int) -> bool:
    """Whether no outcome of `changed` non-zero differences could be significant among that many losses.

    >>> too_few_pairs(7, 4), too_few_pairs(8, 4)
    (True, False)
    """
    return bool(losses * 2.0 ** (1 - changed) >= ALPHA)


def pairs_needed(losses: int) -> int:
    """The fewest non-zero differences with which one of that many losses could be significant.

    >>> pairs_needed(1), pairs_needed(4)
    (6, 8)
    """
    return next(pairs for pairs in range(1, 99) if not too_few_pairs(pairs, losses))


def rounded(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences without the rounding of floating point, so that equal ones tie.

    >>> rounded(np.array([0.3 - 0.2, 0.1])).tolist()
    [0.1, 0.1]
    """
    return np.round(differences, 12)
