"""Power of the paired t test against scipy and statistics' identities; planning from stored runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from seqanomaly.comparison import MISSING, pairs_needed
from seqanomaly.errors import ConfigError
from seqanomaly.power import MOST_SEEDS, detectable, paired_power, planned_seeds, seeds_needed


def by_integral(noncentrality: float, pairs: int, level: float) -> float:
    """Power from the definition T = (Z + nc) / (chi / sqrt(df)), over the density of chi."""
    df = pairs - 1
    critical = stats.t.ppf(1 - level / 2, df)

    def given_chi(chi: float) -> float:
        bound = critical * chi / np.sqrt(df)
        outside = stats.norm.sf(bound - noncentrality) + stats.norm.cdf(-bound - noncentrality)
        return float(outside * stats.chi.pdf(chi, df))

    return float(integrate.quad(given_chi, 0, np.inf, limit=200)[0])


@pytest.mark.parametrize("noncentrality", [0.0, 0.5, 2.0, 4.0, 8.0])
@pytest.mark.parametrize(("pairs", "level"), [(2, 0.05), (3, 0.0125), (10, 0.05), (10, 0.0125), (80, 0.01)])
def test_power_is_that_of_the_noncentral_t(noncentrality: float, pairs: int, level: float) -> None:
    assert paired_power(noncentrality, pairs, level) == pytest.approx(
        by_integral(noncentrality, pairs, level), rel=1e-7
    )


def test_power_without_a_difference_is_the_level() -> None:
    assert paired_power(0.0, 7, 0.03) == pytest.approx(0.03, rel=1e-12)


def test_power_of_a_textbook() -> None:
    # one-sample t with d = 0.5 at 0.05 two-sided: n = 34 is the fewest with 80% (Cohen 1988; G*Power gives 0.8078)
    assert paired_power(0.5 * 33**0.5, 33, 0.05) < 0.8 < paired_power(0.5 * 34**0.5, 34, 0.05)
    assert paired_power(0.5 * 34**0.5, 34, 0.05) == pytest.approx(0.8078, abs=1e-4)


@given(st.floats(1e-6, 1e3), st.integers(2, 500), st.integers(1, 30))
def test_at_the_detectable_difference_power_is_80_percent(sd: float, pairs: int, losses: int) -> None:
    found, df = detectable(sd, pairs, losses), pairs - 1
    critical = stats.t.ppf(1 - 0.05 / losses / 2, df)
    shift = found / sd * np.sqrt(pairs)
    assert stats.nct.sf(critical, df, shift) + stats.nct.sf(critical, df, -shift) == pytest.approx(0.8, abs=1e-9)


@given(st.floats(1e-4, 1.0), st.floats(1e-3, 0.1), st.integers(1, 12))
def test_the_seeds_needed_are_the_fewest(sd: float, margin: float, losses: int) -> None:
    needed = seeds_needed(sd, margin, losses)
    if np.isnan(needed):
        assert detectable(sd, MOST_SEEDS, losses) > margin
        return
    assert needed >= pairs_needed(losses)
    assert detectable(sd, int(needed), losses) <= margin
    assert needed == pairs_needed(losses) or detectable(sd, int(needed) - 1, losses) > margin


def test_more_seeds_than_anybody_trains() -> None:
    assert np.isnan(seeds_needed(10.0, 0.01, 4))
    assert np.isnan(seeds_needed(1.2, 0.01, 1))  # 113,026 by the normal approximation
    assert seeds_needed(1.1, 0.01, 1) == pytest.approx((1.1 / 0.01 * (1.959964 + 0.841621)) ** 2, rel=1e-3)


# planning from stored runs


def stored(values: dict[str, list[float]], **columns: Any) -> pd.DataFrame:
    rows = [
        {"dataset": "d", "model": "m", "loss": loss, "seed": seed, "bucket": "late", "metric": "accuracy"}
        | {"value": value, "note": MISSING if np.isnan(value) else ""}
        for loss, of_loss in values.items()
        for seed, value in enumerate(of_loss)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_the_loss_that_varies_most_decides_and_all_losses_and_seeds_count() -> None:
    gone = np.nan
    runs = stored(
        {
            "uniform": [0.5, 0.5, 0.5, 0.5, gone, gone],
            "exp": [0.6, 0.62, 0.58, 0.6, gone, gone],
            "step": [0.55, 0.56, 0.57, gone, 0.9, gone],
            "linear": [gone] * 6,
        }
    )
    (found,) = planned_seeds(runs, "uniform", [], "late", "accuracy", 0.02).to_dict("records")
    sd = float(np.std([0.1, 0.12, 0.08, 0.1], ddof=1))
    assert (found["loss"], found["n_pairs"], found["seeds"]) == ("exp", 4, 6)
    assert found["sd"] == pytest.approx(sd)
    assert found["detectable"] == pytest.approx(detectable(sd, 6, 3))  # three losses will be compared
    assert found["seeds_needed"] == seeds_needed(sd, 0.02, 3)


def test_families_are_planned_apart() -> None:
    calm, wild = {"uniform": [0.5] * 3, "exp": [0.6, 0.601, 0.602]}, {"uniform": [0.5] * 3, "exp": [0.6, 0.7, 0.5]}
    runs = pd.concat([stored(calm, lr=0.1), stored(wild, lr=0.01), stored(wild, lr=0.1, model="n")])
    runs = pd.concat([runs, runs.assign(bucket="early", value=0.5), runs.assign(metric="auroc", value=0.5)])
    found = planned_seeds(runs, "uniform", ["lr"], "late", "accuracy")
    assert list(found.columns[:4]) == ["dataset", "model", "lr", "loss"]
    assert found[["model", "lr"]].to_numpy().tolist() == [["m", 0.1], ["m", 0.01], ["n", 0.1]]
    assert found["sd"].tolist() == pytest.approx([0.001, 0.1, 0.1])


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ({"uniform": [0.5, 0.5], "exp": [0.6, 0.7]}, 2),
        ({"uniform": [0.5] * 3, "exp": [0.6] * 3}, 3),  # no spread
        ({"uniform": [np.inf] * 3, "exp": [2.0, 3.0, 4.0]}, 0),
        ({"exp": [0.5, 0.6, 0.7]}, 0),
        ({"uniform": [0.5, 0.6, 0.7]}, 0),
    ],
)
def test_where_nothing_can_be_planned(values: dict[str, list[float]], pairs: int) -> None:
    (found,) = planned_seeds(stored(values), "uniform", [], "late", "accuracy").to_dict("records")
    assert found["n_pairs"] == pairs
    assert found["loss"] is None or found["loss"] != found["loss"]
    assert np.isnan([found[name] for name in ("sd", "detectable", "seeds_needed")]).all()


@pytest.mark.parametrize("margin", [0.0, -0.01, np.nan, np.inf])
def test_a_margin_that_is_none(margin: float) -> None:
    with pytest.raises(ConfigError) as caught:
        planned_seeds(stored({"uniform": [0.5]}), "uniform", [], "late", "accuracy", margin)
    assert str(caught.value) == f"margin: must be a number greater than 0, as in 0.01 for one point, got {margin:g}"
