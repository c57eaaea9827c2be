"""With nothing to learn, how often is a family of losses starred, and do raw p-values keep their levels?

Usage: python experiments/null/families.py [FIRST_SEED]; writes families.csv, levels.csv and families.md beside itself,
in about five minutes on two cores; with another first seed than 1000 their names end in it. `evidence` with mu = 0: 200
families of 10 seeds, no seed in two of them, so every family has data and models of its own. Sizes, the seeds from 1000
on and the limits were fixed before the first run.

A family is the four losses of one bucket and metric; Holm promises that at most one family in twenty has an adjusted
p under 0.05. A raw p-value of the signed-rank test takes few values: given the absolute ranks of its differences,
P(p <= alpha) is the largest value that p can take up to alpha. That attainable level, summed over the families, is the
expected count; the observed count of that many independent trials follows a Poisson-binomial distribution.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, rankdata

from seqanomaly.collect import collect
from seqanomaly.comparison import ALPHA, compare_runs, signed_rank_p
from seqanomaly.engines import choose_engine
from seqanomaly.experiment import Experiment
from seqanomaly.store import Store
from seqanomaly.sweep import run_experiment

HERE = Path(__file__).parent
FAMILIES, SEEDS, FIRST, PART = 200, 10, 1000, 20
"""Families, seeds of each, the first seed, and the families that are planned and trained together."""
CONFIDENCE = 0.99
METRICS = ["accuracy", "balanced_accuracy", "auroc", "average_precision"]
LOSSES = ["linear", "exp", "step", "reverse"]
LEVELS = [0.01, 0.05, 0.1, 0.2, 0.5, 1.0]
SETTINGS: dict[str, Any] = {
    "name": "families",
    "data": {"kind": "evidence", "mu": 0, "length": 15, "train": 60, "test": 200},
    "model": {"kind": "gru", "hidden": 4},
    "loss": ["uniform", *LOSSES],
    "train": {"epochs": 4, "batch_size": 16, "lr": 0.03},
    "buckets": {"early": ["0%", "33.3%"], "late": ["66.7%", "100%"]},
}
Reals = NDArray[np.float64]


def attainable(differences: Reals) -> list[float]:
    """P(p <= alpha) for each of LEVELS, given the absolute differences, from all 2^n signs that they could have."""
    changed = np.round(differences, 12)
    changed = changed[changed != 0]
    if not len(changed):
        return [float(alpha >= 1) for alpha in LEVELS]
    ranks = rankdata(np.abs(changed))
    positive = (np.arange(2 ** len(ranks))[:, None] >> np.arange(len(ranks))) & 1  # [2^n, n]
    sums = positive @ ranks
    smaller = np.minimum(sums, ranks.sum() - sums)
    p = np.minimum(1, 2 * np.searchsorted(np.sort(sums), smaller, side="right") / len(sums))
    assert signed_rank_p(changed) in p
    return [float((p <= alpha).mean()) for alpha in LEVELS]


def families(numbers: Iterable[int], first: int = FIRST) -> Iterator[dict[str, object]]:
    """Train these families; a row for each of them, bucket, metric and loss."""
    seeds = [first + SEEDS * number + seed for number in numbers for seed in range(SEEDS)]
    experiment = Experiment(**SETTINGS, seeds=tuple(seeds))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        failed = run_experiment(experiment, store, choose_engine(None), device="cpu").failed
        assert not failed, failed
        runs = collect(experiment, experiment.data_digests(), store)
    runs = runs[runs["metric"].isin(METRICS)]
    for family, own in runs.groupby((runs["seed"] - first) // SEEDS):
        found = compare_runs(own, "uniform").set_index(["bucket", "metric", "loss"])
        p_values = found[["p_value", "p_adjusted"]].to_dict("index")
        for (bucket, metric), of_both in own.groupby(["bucket", "metric"], sort=False):
            values = of_both.pivot(index="seed", columns="loss", values="value")
            for loss in LOSSES:
                differences = (values[loss] - values["uniform"]).to_numpy(np.float64)
                p = p_values[(bucket, metric, loss)]
                yield {
                    "family": family,
                    "bucket": bucket,
                    "metric": metric,
                    "loss": loss,
                    "size": np.abs(differences).mean(),
                    "changed": (np.round(differences, 12) != 0).mean(),
                    "p_value": p["p_value"],
                    "p_adjusted": p["p_adjusted"],
                    **dict(zip(_columns(), attainable(differences), strict=True)),
                }


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each family, bucket and metric: the raw p of each loss and the smallest adjusted one."""
    place = ["family", "bucket", "metric"]
    raw = table.pivot(index=place, columns="loss", values="p_value")[LOSSES].add_prefix("p_")
    smallest = table.groupby(place, sort=False)["p_adjusted"].min().rename("smallest_p_adjusted")
    return smallest.to_frame().join(raw).reset_index()


def starred(table: pd.DataFrame) -> pd.DataFrame:
    """Of each bucket and metric: families, those with an adjusted p under 0.05, and the most that chance explains."""
    rows = []
    for (bucket, metric), of in table.groupby(["bucket", "metric"], sort=False):
        count, stars = len(of), int((of["smallest_p_adjusted"] < ALPHA).sum())
        limit = int(binom.ppf(CONFIDENCE, count, ALPHA))
        rows.append({"bucket": bucket, "metric": metric, "families": count, "starred": stars, "limit": limit})
    return pd.DataFrame(rows)


def levels(table: pd.DataFrame) -> pd.DataFrame:
    """Of each bucket, metric, loss and level: tests with p <= level, what is expected, and the central 99% of counts.

    `tail` is the two-sided probability of a count as far out as the observed one.
    """
    rows = []
    for (bucket, metric, loss), tests in table.groupby(["bucket", "metric", "loss"], sort=False):
        for alpha, column in zip(LEVELS, _columns(), strict=True):
            chance = tests[column].to_numpy(np.float64)
            observed = int((tests["p_value"] <= alpha).sum())
            share = np.ones(1)  # of k counts
            for p in chance:
                share = np.convolve(share, [1 - p, p])
            low, high = np.searchsorted(share.cumsum(), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
            tail = min(1.0, 2 * min(share[: observed + 1].sum(), share[observed:].sum()))
            place = {"bucket": bucket, "metric": metric, "loss": loss, "level": alpha}
            counts = {"tests": len(tests), "expected": chance.sum(), "observed": observed, "low": low, "high": high}
            rows.append({**place, **counts, "tail": tail})
    return pd.DataFrame(rows)


def page(star: pd.DataFrame, level: pd.DataFrame, size: float, changed: float) -> str:
    """What came out, as Markdown, with the mean absolute difference and the share of differences that are not zero."""
    tested = level[level["level"] < 1]
    tail = tested["tail"].min()
    outside = tested[~tested["observed"].between(tested["low"], tested["high"])]
    named = [
        f"{r.loss}, {r.bucket} {r.metric}, p up to {r.level:g}: {r.observed} seen, {r.expected:.1f} expected, "
        f"central 99% {r.low} to {r.high}"
        for r in outside.itertuples()
    ]
    lines = ["| bucket | metric | starred families | 99% limit |", "|---|---|---:|---:|"]
    lines += [f"| {r.bucket} | {r.metric} | {r.starred} of {r.families} | {r.limit} |" for r in star.itertuples()]
    lines += ["", "| raw p up to | tests | expected | observed |", "|---|---:|---:|---:|"]
    for alpha, of in level.groupby("level"):
        lines.append(f"| {alpha:g} | {of['tests'].sum()} | {of['expected'].sum():.1f} | {of['observed'].sum()} |")
    lines += [
        "",
        fill(
            "This second table sums tests that hang together, so it has no limit of its own. Each bucket, metric, loss "
            f"and level alone is {star['families'].iloc[0]} independent tests. Of {len(tested)} such counts, the "
            f"number outside the central 99% of their distribution is {len(outside)}, where up to "
            f"{(1 - CONFIDENCE) * len(tested):.1f} are expected ({'; '.join(named) or 'none'}). The one furthest out "
            f"has a two-sided tail of {tail:.2g}, {min(1.0, tail * len(tested)):.2g} after Bonferroni. Mean absolute "
            f"difference from uniform: {100 * size:.2f} points; non-zero differences: {changed:.1%}.",
            120,
        ),
    ]
    return "\n".join(lines) + "\n"


def _columns() -> list[str]:
    return [f"attainable_{alpha:g}" for alpha in LEVELS]


def main() -> None:
    """Train all families and write what came out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("first", metavar="FIRST_SEED", nargs="?", type=int, default=FIRST)
    first: int = parser.parse_args().first
    ending = "" if first == FIRST else f"_{first}"
    rows: list[dict[str, object]] = []
    for start in range(0, FAMILIES, PART):
        rows += families(range(start, start + PART), first)
        print(f"{start + PART} of {FAMILIES} families")
    table = pd.DataFrame(rows)
    families_table, level_table = wide(table), levels(table)
    families_table.to_csv(HERE / f"families{ending}.csv", index=False, float_format="%.7g", lineterminator="\n")
    level_table.to_csv(HERE / f"levels{ending}.csv", index=False, float_format="%.4g", lineterminator="\n")
    text = page(starred(families_table), level_table, table["size"].mean(), table["changed"].mean())
    (HERE / f"families{ending}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
