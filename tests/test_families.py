"""Families against pandas: the values of each loss by seed, what is infinite or missing, notes and further columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.families import families
from seqanomaly.store import read_table

RUNS = Path(__file__).parent / "golden" / "runs.csv"
WHAT = ["dataset", "model", "bucket", "metric"]


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return read_table(RUNS).sample(frac=1, random_state=0)


def test_families_are_groups_and_pivots(runs: pd.DataFrame) -> None:
    found = list(families(runs, WHAT, ("ess", "absent")))
    groups = list(runs.groupby(WHAT, sort=False, dropna=False))
    assert len(found) == len(groups) > 5
    for family, (key, group) in zip(found, groups, strict=True):
        assert tuple(family.place.values()) == key
        assert family.losses == group["loss"].unique().tolist()
        values = group.pivot(index="seed", columns="loss", values="value").reindex(sorted(runs["seed"].unique()))
        for loss in family.losses:
            of_loss = group[group["loss"] == loss]
            np.testing.assert_array_equal(family.values[loss], of_loss["value"])
            assert family.notes[loss] == of_loss["note"].tolist()
            np.testing.assert_array_equal(family.more["ess"][loss], of_loss["ess"])
            expected = values[loss].to_numpy()
            np.testing.assert_array_equal(
                family.usable(loss), np.full_like(expected, np.nan) if np.isinf(expected).any() else expected
            )
        assert list(family.more) == ["ess"]


def test_pairs_are_of_seeds_that_both_have(runs: pd.DataFrame) -> None:
    first = runs[(runs["bucket"] == "late") & (runs["metric"] == "accuracy")]
    for family in families(first, WHAT):
        by_seed = first[(first["dataset"] == family.place["dataset"]) & (first["model"] == family.place["model"])]
        values = by_seed.pivot(index="seed", columns="loss", values="value")
        for loss in family.losses:
            np.testing.assert_array_equal(
                family.pairs(loss, "uniform"), (values[loss] - values["uniform"]).dropna().to_numpy()
            )


def test_an_infinite_value_leaves_no_pairs() -> None:
    rows = {"metric": "delay", "loss": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "value": [1.0, np.inf, 2.0, 3.0]}
    (family,) = families(
        pd.DataFrame(rows).assign(note="", resplit=[np.nan, 0.25, np.nan, 0.5]), ["metric"], ("resplit",)
    )
    assert len(family.pairs("a", "b")) == len(family.pairs("b", "a")) == 0
    assert family.pairs("b", "b").tolist() == [0.0, 0.0]
    assert family.overlap == 0.5


def test_a_run_that_is_there_twice_is_noticed(runs: pd.DataFrame) -> None:
    with pytest.raises(AssertionError, match="a run is there twice"):
        list(families(pd.concat([runs, runs.iloc[:1]]), WHAT))


def test_nothing_has_no_families(runs: pd.DataFrame) -> None:
    assert list(families(runs.iloc[:0], WHAT)) == []
