"""How small a difference the seeds can show: power of the paired t test, from the spread of the pairs.

Power is that of the two-sided paired t test at level 0.05 / m with m losses in the family (Bonferroni, so Holm has at
least as much). The exact signed-rank test that decides needs about 5% more pairs where differences are normal: its
asymptotic relative efficiency is 3/pi (Hodges and Lehmann 1956).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd

from seqanomaly.comparison import ALPHA, SHUFFLED, pairs_needed, rounded
from seqanomaly.errors import ConfigError
from seqanomaly.ranking import UNBOUNDED

POWER = 0.8
"""The chance of seeing a difference that is there."""
MOST_SEEDS = 100_000
"""Beyond so many seeds the answer is that there are too many."""
PILOT = 3
"""Fewest pairs whose spread is used for planning."""
PLAN = ["loss", "n_pairs", "sd", "seeds", "detectable", "seeds_needed"]
"""The columns of `planned_seeds` after the ones that say what is planned."""


def paired_power(noncentrality: float, pairs: int, level: float) -> float:
    """Power of the two-sided paired t test: P(|T| > t) for T noncentral t with pairs - 1 degrees of freedom.

    Args:
        noncentrality: true difference / standard deviation of the pairs x sqrt(pairs).
        pairs: number of pairs, at least 2.
        level: level of the test.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, section 2.3.

    >>> round(paired_power(0.5 * 34**0.5, 34, 0.05), 3)
    0.808
    """
    from scipy.special import nctdtr, stdtrit

    critical = -float(stdtrit(pairs - 1, level / 2))
    seen, opposite = (float(nctdtr(pairs - 1, noncentrality, limit)) for limit in (critical, -critical))
    # the opposite sign: at most the normal tail beyond the noncentrality; below 1e-9 scipy's series may give NaN
    return 1 - seen + (0.0 if np.isnan(opposite) and noncentrality > 5.9 else opposite)


def detectable(sd: float, pairs: int, losses: int) -> float:
    """The smallest true difference that is seen with 80% power, in the unit of `sd`.

    Args:
        sd: standard deviation of the paired differences.
        pairs: number of pairs, at least 2.
        losses: losses in the family beside the baseline.

    >>> round(detectable(0.01, 10, 4), 4)
    0.0128
    """
    return float(sd / np.sqrt(pairs) * _noncentrality(pairs, ALPHA / losses))


def seeds_needed(sd: float, margin: float, losses: int) -> float:
    """The fewest seeds that show a true difference of `margin` with 80% power, and that can be significant at all.

    NaN where they would be more than `MOST_SEEDS`.

    >>> seeds_needed(0.01, 0.01, 1), seeds_needed(0.01, 0.01, 4), seeds_needed(0.0001, 0.01, 4)
    (10.0, 15.0, 8.0)
    """
    low, high = pairs_needed(losses) - 1, pairs_needed(losses)  # high is the first to be tried
    while detectable(sd, high, losses) > margin:
        if high > MOST_SEEDS:
            return np.nan
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if detectable(sd, middle, losses) > margin else (low, middle)
    return float(high) if high <= MOST_SEEDS else np.nan


@lru_cache(maxsize=4096)
def _noncentrality(pairs: int, level: float) -> float:
    """The noncentrality that the paired t test sees with 80% power."""
    from scipy.optimize import brentq

    high = 1.0
    while paired_power(high, pairs, level) < POWER:
        high *= 2
    return float(brentq(lambda value: paired_power(value, pairs, level) - POWER, 0.0, high, xtol=1e-12))


def planned_seeds(
    runs: pd.DataFrame, baseline: str, axes: list[str], bucket: str, metric: str, margin: float = 0.01
) -> pd.DataFrame:
    """What the seeds of an experiment can show, from the runs that are stored: one row per data set, model and axes.

    The loss whose pairs vary most decides, so that what is said holds for every loss.

    Args:
        runs: see `comparison.compare_runs`; runs that are missing have NaN, so their seeds and losses count.
        baseline: the loss that the others are compared with.
        axes: names of the further axes.
        bucket: of which steps.
        metric: of which metric.
        margin: the true difference to be shown, in the metric's unit.

    Returns:
        dataset, model, axes, loss, n_pairs (stored), sd (of the pairs), seeds (of the experiment), detectable (with so
        many seeds), seeds_needed (to show the margin). Below three pairs, or where pairs do not vary, loss is None
        and the numbers are NaN; n_pairs is then the most that a loss has.

    >>> runs = pd.DataFrame({"dataset": "d", "model": "m", "loss": ["uniform"] * 3 + ["exp"] * 3, "seed": [0, 1, 2] * 2,
    ...     "bucket": "late", "metric": "accuracy", "value": [0.5, 0.5, 0.5, 0.61, 0.6, 0.59]})
    >>> print(planned_seeds(runs, "uniform", [], "late", "accuracy").round(4).to_string(index=False))
    dataset model loss  n_pairs   sd  seeds  detectable  seeds_needed
          d     m  exp        3 0.01      3      0.0326          10.0
    """
    check_margin("margin", margin)
    what = ["dataset", "model", *axes]
    chosen = runs[(runs["bucket"] == bucket) & (runs["metric"] == metric)]
    chosen = chosen[~chosen["loss"].str.startswith(SHUFFLED)]
    rows = []
    for key, family in chosen.groupby(what, sort=False, dropna=False):
        values = family.pivot(index="seed", columns="loss", values="value")
        values = values.reindex(columns=[baseline, *values.columns.drop(baseline, errors="ignore")])
        rows.append({**dict(zip(what, key, strict=True)), **_planned(values.where(np.isfinite(values)), margin)})
    return pd.DataFrame(rows, columns=[*what, *PLAN])


def _planned(values: pd.DataFrame, margin: float) -> dict[str, object]:
    """The plan of one family from its values [seed, loss], the baseline first."""
    losses = max(1, values.shape[1] - 1)
    pairs = {str(loss): values[loss] - values.iloc[:, 0] for loss in values.columns[1:]}
    found = {loss: rounded(d.dropna().to_numpy(np.float64)) for loss, d in pairs.items()}
    spread = {loss: float(d.std(ddof=1)) for loss, d in found.items() if len(d) >= PILOT and np.ptp(d) > 0}
    row: dict[str, object] = {"n_pairs": max(map(len, found.values()), default=0), "seeds": len(values)}
    if not spread:
        return {**dict.fromkeys(PLAN, np.nan), "loss": None, **row}
    loss = max(spread, key=spread.__getitem__)
    sd, needed = spread[loss], seeds_needed(spread[loss], margin, losses)
    shown = detectable(sd, len(values), losses)
    return {**row, "loss": loss, "n_pairs": len(found[loss]), "sd": sd, "detectable": shown, "seeds_needed": needed}


def check_margin(name: str, margin: float) -> None:
    """Refuse a margin that is no difference; a `ConfigError` says why."""
    if not 0 < margin < np.inf:
        raise ConfigError(f"must be a number greater than 0, as in 0.01 for one point, got {margin:g}", (name,))


def fits(metric: str) -> bool:
    """Whether a margin in shares makes sense for a metric: not for steps or alarms per 1,000 steps.

    >>> fits("accuracy"), fits("false_alarms")
    (True, False)
    """
    return metric not in UNBOUNDED
