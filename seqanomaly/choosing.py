"""Choose a loss's rate on validation data, and report it on untouched test data; sees only data frames.

Each setting of a loss is a run of its own. For every seed the setting with the best validation value stands for the
loss, with its test values; which one was best on the test part is never asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from seqanomaly.comparison import MISSING


def with_chosen(
    runs: pd.DataFrame, families: Mapping[str, Sequence[str]], axes: Sequence[str], *, bucket: str, metric: str
) -> pd.DataFrame:
    """The runs, and for each family the rows of the member that is best on validation data, under the family's name.

    Args:
        runs: one row per run, bucket and metric with the columns dataset, model, loss, seed, bucket, metric, value,
            validation, note; see `collect.collect`.
        families: name of the chosen loss -> names of the losses to choose from, for example
            `{"exp(chosen)": ["exp", "exp(rate=0.2)"]}`; of equally good ones the first is taken.
        axes: names of the further axes.
        bucket: where to look.
        metric: what to look at, higher is better.

    A seed for which a member is missing, or has no validation value, has no chosen one: it is missing too.

    >>> runs = pd.DataFrame({"dataset": "d", "model": "m", "loss": ["exp", "exp(rate=0.2)"], "seed": 0,
    ...     "bucket": "late", "metric": "accuracy", "value": [0.6, 0.7], "validation": [0.8, 0.5], "note": ""})
    >>> found = with_chosen(runs, {"exp(chosen)": ["exp", "exp(rate=0.2)"]}, [], bucket="late", metric="accuracy")
    >>> found[["loss", "value", "note"]].values.tolist()[-1]
    ['exp(chosen)', 0.6, 'chosen on validation: exp 1 of 1']
    """
    place = ["dataset", "model", *axes]
    parts = [runs]
    for _, of_place in runs.groupby(place, sort=False, dropna=False):
        for name, members in families.items():
            if set(members) <= set(of_place["loss"]):
                parts.append(_chosen(of_place, name, members, bucket, metric))
    return pd.concat(parts, ignore_index=True)


def chosen_details(details: pd.DataFrame, runs: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Another table of the runs (see `collect.collect_details`) with the rows of the chosen ones as well."""
    if "member" not in runs or details.empty:
        return details
    place = ["dataset", "model", *axes, "seed"]
    chosen = runs.loc[runs["member"].notna(), [*place, "loss", "member"]].drop_duplicates()
    taken = details.merge(chosen, left_on=[*place, "loss"], right_on=[*place, "member"], suffixes=("_own", ""))
    return pd.concat([details, taken[details.columns]], ignore_index=True)


def _chosen(runs: pd.DataFrame, name: str, members: Sequence[str], bucket: str, metric: str) -> pd.DataFrame:
    """The rows of a family in one place."""
    of_family = runs[runs["loss"].isin(members)]
    asked = of_family[(of_family["bucket"] == bucket) & (of_family["metric"] == metric)]
    values = asked.pivot(index="seed", columns="loss", values="validation")[list(members)]
    best = {seed: row.idxmax() for seed, row in values.iterrows() if row.notna().all()}
    counts = Counter(best.values())
    note = ", ".join(f"{loss} {counts[loss]}" for loss in members if counts[loss])
    taken = of_family[of_family["loss"] == of_family["seed"].map(best)].assign(loss=name)
    taken = taken.assign(member=taken["seed"].map(best))
    lost = of_family[~of_family["seed"].isin(list(best)) & (of_family["loss"] == members[0])]
    missing = set(of_family.loc[of_family["note"] == MISSING, "seed"])
    why = [MISSING if seed in missing else "no validation value to choose by" for seed in lost["seed"]]
    absent = lost.assign(loss=name, value=float("nan"), validation=float("nan"), note=why)
    said = f"chosen on validation: {note} of {values.shape[0]}" if note else ""
    taken = taken.assign(note=["; ".join(filter(None, (own, said))) for own in taken["note"]])
    return pd.concat([taken, absent], ignore_index=True)
