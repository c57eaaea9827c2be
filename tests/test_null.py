"""The null control over families: what is committed keeps its limits, and a part of it comes out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from seqanomaly.comparison import holm, signed_rank_p

FOLDER = Path(__file__).parents[1] / "experiments" / "null"
PLACES = ["bucket", "metric"]
committed = pytest.mark.parametrize("ending", ["", "_3000"])


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("experiments/null/families.py")


@committed
def test_stars_are_as_rare_as_promised(ending: str, script: ModuleType) -> None:
    table = pd.read_csv(FOLDER / f"families{ending}.csv")
    assert table.groupby(PLACES)["family"].agg(["size", "nunique"]).to_numpy().tolist() == [[200, 200]] * 8
    raw = table[[f"p_{loss}" for loss in script.LOSSES]]
    smallest = [min(holm(list(row))) for row in raw.itertuples(index=False)]
    assert table["smallest_p_adjusted"].to_numpy() == pytest.approx(smallest, abs=1e-6)
    starred = table.assign(star=table["smallest_p_adjusted"] < 0.05).groupby(PLACES)[["star"]].sum().reset_index()
    assert starred["star"].max() <= binom.ppf(0.99, 200, 0.05)
    page = (FOLDER / f"families{ending}.md").read_text(encoding="utf-8")
    for row in starred.to_dict("records"):
        assert f"| {row['bucket']} | {row['metric']} | {row['star']} of 200 | 18 |" in page


@committed
def test_raw_p_values_follow_their_attainable_levels(ending: str, script: ModuleType) -> None:
    levels, table = (pd.read_csv(FOLDER / f"{name}{ending}.csv") for name in ("levels", "families"))
    assert len(levels) == 8 * len(script.LOSSES) * len(script.LEVELS)
    for row in levels.to_dict("records"):
        tests = table[(table["bucket"] == row["bucket"]) & (table["metric"] == row["metric"])][f"p_{row['loss']}"]
        assert (row["tests"], row["observed"]) == (len(tests), (tests <= row["level"] + 1e-6).sum())
    tested = levels[levels["level"] < 1]
    outside = ~tested["observed"].between(tested["low"], tested["high"])
    assert outside.sum() <= binom.ppf(0.99, len(tested), 0.01)
    assert tested["tail"].min() * len(tested) > 0.05
    assert (levels.loc[levels["level"] == 1, ["tests", "expected", "observed"]] == 200).all(axis=None)


@pytest.mark.parametrize("differences", [[1, 2, 3, 4, 5, 6, 7], [1, 1, -2, 2, 0, 3], [0, 0, 0], [-1, 1, 1, 1, 1, 1]])
def test_a_level_is_the_largest_p_value_up_to_alpha(differences: list[float], script: ModuleType) -> None:
    sizes = np.abs(np.array(differences, np.float64))
    signs = 1 - 2.0 * ((np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes))) & 1)
    possible = [signed_rank_p(sign * sizes) for sign in signs]
    expected = [max((p for p in possible if p <= alpha), default=0.0) for alpha in script.LEVELS]
    assert script.attainable(np.array(differences, np.float64)) == expected


@pytest.mark.slow
def test_the_first_families_come_out_again(script: ModuleType) -> None:
    """Other processors round differently, so that a decision may tip here and there; the same ones give the same."""
    again = script.wide(pd.DataFrame(script.families(range(script.PART))))
    kept = pd.read_csv(FOLDER / "families.csv").head(len(again))
    assert again[["family", *PLACES]].to_numpy().tolist() == kept[["family", *PLACES]].to_numpy().tolist()
    columns = [f"p_{loss}" for loss in script.LOSSES]
    alike = np.isclose(again[columns], kept[columns], atol=1e-6)
    assert alike.mean() > 0.9
    stars = [(table["smallest_p_adjusted"] < 0.05).sum() for table in (again, kept)]
    assert abs(stars[0] - stars[1]) <= 2
