"""Stored runs whose comparison is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.comparison import compare_runs
from seqanomaly.store import read_table

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of stored runs and of what was made of them."""
    return GOLDEN


@pytest.fixture(scope="session")
def stored_runs() -> pd.DataFrame:
    """Eight seeds of four losses on two data sets; see `tests/test_comparison.py`."""
    return read_table(GOLDEN / "runs.csv")


@pytest.fixture(scope="session")
def comparison(stored_runs: pd.DataFrame) -> pd.DataFrame:
    """The comparison of the stored runs."""
    return compare_runs(stored_runs, "uniform")


@pytest.fixture(scope="session")
def curves() -> pd.DataFrame:
    """Two panels of two losses, three seeds and six steps; the best possible accuracy is known in the second only."""
    rows = [
        {"title": title, "loss": loss, "seed": seed, "step": step, "n": 20}
        | {"accuracy": 0.6 + 0.05 * step * (loss == "exp") + 0.01 * seed, "prevalence": 0.1 * step}
        | {"best_possible": 0.9 if title == "gru on drift" else np.nan}
        for title in ("gru on episodes", "gru on drift")
        for loss in ("uniform", "exp")
        for seed in range(3)
        for step in range(6)
    ]
    return pd.DataFrame(rows)
