"""`seqanom losses`: the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from seqanom.losses import curve

from seqanomaly.losses.modulations import MODULATIONS

GOLDEN = Path(__file__).parents[1] / "golden" / "losses.txt"


def test_the_text(seqanom: Callable[..., Any]) -> None:
    done = seqanom("losses")
    assert (done.code, done.err) == (0, "")
    assert done.out == GOLDEN.read_text(encoding="utf-8"), "if meant: seqanom losses > tests/golden/losses.txt"


def test_json(seqanom: Callable[..., Any]) -> None:
    done = seqanom("losses", "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert [row["name"] for row in found] == list(MODULATIONS)
    for row in found:
        assert set(row) == {"name", "formula", "settings", "emphasis", "source", "ess", "weights"}
        assert len(row["weights"]) == 50
        assert sum(row["weights"]) == pytest.approx(50, abs=1e-3)
        squares = sum(weight**2 for weight in row["weights"])
        assert row["ess"] == pytest.approx(sum(row["weights"]) ** 2 / squares, abs=1e-3)


@pytest.mark.parametrize(
    ("weights", "width", "text"),
    [([1.0] * 4, 2, "██"), ([0.0, 1.0, 2.0], 3, " ▄█"), ([2.0, 0.0, 0.0, 0.0], 2, "█ ")],
)
def test_the_curve(weights: list[float], width: int, text: str) -> None:
    assert curve(weights, width) == text
