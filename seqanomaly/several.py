"""Several data sets: which loss is best on the whole, with the data set as the unit; sees only data frames.

Seeds are averaged inside a data set, because they are repetitions and no further data sets. Ranks, Friedman's test and
Nemenyi's critical difference as in Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7
(2006).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from seqanomaly.comparison import ALPHA, SHUFFLED, TOO_FEW, holm, marks, rounded, signed_rank_p, too_few_pairs
from seqanomaly.ranking import UNRANKED, direction

FEWEST = 5
"""Fewest data sets for Friedman's test."""
OVER = [
    "n_datasets",
    "mean_rank",
    "mean_difference",
    "p_value",
    "p_adjusted",
    "friedman",
    "friedman_p",
    "critical_difference",
    "note",
]
"""The columns of `over_datasets` after the ones that say what is compared."""


def over_datasets(comparison: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """One row per model, further axes, bucket, metric and loss: ranks and tests over the data sets.

    Args:
        comparison: see `comparison.compare_runs`; its column `mean` is what a loss has on a data set. Data sets on
            which some loss has no mean are left out, and the note says so; see `contenders` for the losses.
        baseline: the loss that the others are compared with.

    Returns:
        model, loss, further axes, bucket, metric; then
        n_datasets: data sets that are compared;
        mean_rank: 1 is best, ties have mean ranks;
        mean_difference: mean over the data sets of the loss minus the baseline;
        p_value, p_adjusted: two-sided exact Wilcoxon signed-rank over the data sets, Holm over the losses;
        friedman, friedman_p: whether any loss differs, the same on every row of a family (chi-squared form);
        critical_difference: mean ranks that lie as far apart or further differ (Nemenyi, 5% over all pairs);
        note: why something is NaN. Friedman and Nemenyi need five data sets and three losses.

    >>> table = pd.DataFrame([(f"d{i}", "m", loss, "late", "accuracy", 0.6 + i / 100 + gain)
    ...     for i in range(6) for loss, gain in {"uniform": 0, "exp": 0.02, "step": 0.01}.items()],
    ...     columns=["dataset", "model", "loss", "bucket", "metric", "mean"])
    >>> found = over_datasets(table, "uniform").round(3)
    >>> print(found[["loss", "mean_rank", "mean_difference", "p_adjusted", "friedman_p"]].to_string(index=False))
       loss  mean_rank  mean_difference  p_adjusted  friedman_p
    uniform        3.0              NaN         NaN       0.002
        exp        1.0             0.02       0.062       0.002
       step        2.0             0.01       0.062       0.002
    """
    names = list(comparison.columns)
    what = [name for name in names[: names.index("mean")] if name not in ("dataset", "loss")]
    rows = []
    ranked = contenders(comparison[~comparison["metric"].isin(list(UNRANKED))])
    for key, family in ranked.groupby(what, sort=False, dropna=False):
        place = dict(zip(what, key, strict=True))
        rows += [{**place, **row} for row in _family(family, baseline, str(place["metric"]))]
    ordered = ["model", "loss", *(name for name in what if name != "model")]
    return pd.DataFrame(rows, columns=[*ordered, *OVER]).astype({"n_datasets": "Int64"})


def contenders(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of losses that compete: not shuffled labels, and not the settings that a chosen one stands for.

    >>> losses = ["uniform", "exp", "exp(rate=0.2)", "exp(chosen)", "exp(normalize=none)", "shuffled_labels"]
    >>> contenders(pd.DataFrame({"loss": losses}))["loss"].tolist()
    ['uniform', 'exp(chosen)', 'exp(normalize=none)']
    """
    names = comparison["loss"].astype(str)
    chosen = {_kind(name) for name in names.unique() if "(chosen" in name}
    stands = names.map(lambda name: "(chosen" in name or _kind(name) not in chosen)
    return comparison[stands & ~names.str.startswith(SHUFFLED)]


def _kind(loss: str) -> tuple[str, bool]:
    """The kind of a loss and whether its weights are raw."""
    return loss.split("(")[0], "normalize=none" in loss


def _family(family: pd.DataFrame, baseline: str, metric: str) -> Iterator[dict[str, object]]:
    """The rows of one model, bucket and metric."""
    losses = [str(loss) for loss in family["loss"].unique()]
    values = family.pivot(index="dataset", columns="loss", values="mean")[losses]
    if "note" in family:  # other seeds than the rest have would be another comparison
        lacking = family["note"].astype(str).str.contains("runs missing", regex=False)
        gone = family.assign(lacking=lacking).pivot(index="dataset", columns="loss", values="lacking")[losses]
        values = values.mask(gone.astype(bool))
    values = values.where(np.isfinite(values))
    known = values.dropna()
    others = [loss for loss in losses if loss != baseline]
    pairs = {loss: (known[loss] - known[baseline]).to_numpy(np.float64) for loss in others if baseline in known}
    raw = {loss: signed_rank_p(d) for loss, d in pairs.items()}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    best_first = known.round(12).rank(axis=1, ascending=direction(metric) < 0)
    statistic, p_value, distance, few = _friedman(known)
    left_out, marked = _left_out(values), marks(family["note"]) if "note" in family else []
    for loss in losses:
        d = pairs.get(loss)
        notes = [*marked, *left_out, *few]
        if d is not None and not adjusted[loss] < ALPHA and too_few_pairs(int((rounded(d) != 0).sum()), len(pairs)):
            notes.append(TOO_FEW)
        yield {
            "loss": loss,
            "n_datasets": len(known),
            "mean_rank": best_first[loss].mean(),
            "mean_difference": np.nan if d is None or not len(d) else d.mean(),
            "p_value": raw.get(loss, np.nan),
            "p_adjusted": adjusted.get(loss, np.nan),
            "friedman": statistic,
            "friedman_p": p_value,
            "critical_difference": distance,
            "note": "; ".join(notes),
        }


def _friedman(known: pd.DataFrame) -> tuple[float, float, float, list[str]]:
    """Friedman's statistic and p, the critical difference, and why they are NaN."""
    from scipy.stats import friedmanchisquare

    datasets, losses = known.shape
    few = []
    if datasets < FEWEST:
        few.append(f"too few data sets: {datasets}, at least {FEWEST} needed")
    if losses < 3:
        few.append(f"too few losses: {losses}, at least 3 needed")
    values = known.round(12)
    if not few and (values.nunique(axis=1) == 1).all():
        few.append("all losses are equal on every data set")
    if few:
        return np.nan, np.nan, np.nan, few
    found = friedmanchisquare(*(values[loss].to_numpy() for loss in values))
    return float(found.statistic), float(found.pvalue), critical_difference(losses, datasets), []


def _left_out(values: pd.DataFrame) -> list[str]:
    """Which data sets are left out, and for which losses."""
    incomplete = values[values.isna().any(axis=1)]
    lacking = [str(loss) for loss in values if incomplete[loss].isna().any()]
    if not len(incomplete):
        return []
    return [f"{len(incomplete)} of {len(values)} data sets left out ({', '.join(lacking)} missing)"]


def critical_difference(losses: int, datasets: int) -> float:
    """Nemenyi's critical difference of mean ranks at 5%: q sqrt(k (k + 1) / 6 N) for k losses on N data sets.

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    return float(nemenyi_q(losses) * np.sqrt(losses * (losses + 1) / (6 * datasets)))


@lru_cache(maxsize=64)
def nemenyi_q(losses: int) -> float:
    """The 5% point of the studentized range of that many means, with infinite degrees of freedom, over sqrt(2).

    >>> round(nemenyi_q(2), 3), round(nemenyi_q(10), 3)
    (1.96, 3.164)
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - ALPHA, losses, np.inf) / np.sqrt(2))
