"""Runs that are compared with each other: those of one data set, model, bucket and metric; sees only data frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """The runs of all losses and seeds in one place."""

    place: dict[str, Any]
    """What the runs have in common: column -> value."""
    losses: list[str]
    """The losses in the order of the runs."""
    by_seed: Reals
    """Values [seeds, losses], seeds ascending; NaN where there is no run or no value."""
    values: dict[str, Reals]
    """Loss -> value of each of its runs, in their order."""
    notes: dict[str, list[str]]
    """Loss -> note of each of its runs."""
    more: dict[str, dict[str, Reals]]
    """Further column -> loss -> number of each of its runs."""

    def usable(self, loss: str) -> Reals:
        """The values [seeds] of a loss; NaN throughout where one is infinite, or where it has no runs.

        >>> runs = pd.DataFrame({"metric": "f1", "loss": ["a", "a", "b"], "seed": [0, 1, 1], "value": [1.0, 2.0, 3.0],
        ...     "note": ""})
        >>> (family,) = families(runs, ["metric"])
        >>> [family.usable(loss).tolist() for loss in ("a", "b", "c")]
        [[1.0, 2.0], [nan, 3.0], [nan, nan]]
        """
        column = self.by_seed[:, self.losses.index(loss)] if loss in self.losses else np.full(len(self.by_seed), np.nan)
        return np.full_like(column, np.nan) if np.isinf(column).any() else column

    def pairs(self, loss: str, baseline: str) -> Reals:
        """The differences from the baseline, one for each seed that both have."""
        difference = self.usable(loss) - self.usable(baseline)
        return difference[~np.isnan(difference)]

    @property
    def overlap(self) -> float:
        """Test over training sequences where seeds split one file again and again; 0 where they are independent."""
        shares = self.more.get("resplit", {}).values()
        return max((float(np.fmax.reduce(of_loss, initial=0.0)) for of_loss in shares), default=0.0)


def families(runs: pd.DataFrame, what: list[str], more: tuple[str, ...] = ()) -> Iterator[Family]:
    """Cut runs into families, in the order in which they begin.

    Args:
        runs: one row per run, bucket and metric with the columns loss, seed, value and note, see
            `comparison.compare_runs`; a run is there once in each family.
        what: the columns that the runs of a family have in common.
        more: further columns of numbers to hand out, where the runs have them.
    """
    if not len(runs):
        return
    group = runs.groupby(what, sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    loss, names = pd.factorize(runs["loss"])
    seed, seeds = pd.factorize(runs["seed"], sort=True)
    value, note = runs["value"].to_numpy(np.float64), np.array([str(text) for text in runs["note"]], object)
    columns = {name: runs[name].to_numpy(np.float64) for name in more if name in runs}
    places = runs[what].iloc[order[starts]].to_dict("records")
    for place, rows in zip(places, np.split(order, starts[1:]), strict=True):
        matrix = np.full((len(seeds), len(names)), np.nan)
        matrix[seed[rows], loss[rows]] = value[rows]
        own = list(dict.fromkeys(loss[rows].tolist()))
        of_loss = {str(names[code]): rows[loss[rows] == code] for code in own}
        assert all(len(set(seed[at])) == len(at) for at in of_loss.values()), "a run is there twice"
        yield Family(
            place={str(name): found for name, found in place.items()},
            losses=list(of_loss),
            by_seed=matrix[:, own],
            values={name: value[at] for name, at in of_loss.items()},
            notes={name: note[at].tolist() for name, at in of_loss.items()},
            more={column: {name: numbers[at] for name, at in of_loss.items()} for column, numbers in columns.items()},
        )
