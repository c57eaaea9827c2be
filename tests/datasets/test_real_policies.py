"""Policies on real files: the irregularities that are known of them, and what is left after each treatment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError


def opened(path: Path, **settings: Any) -> Opened:
    data = pick_data({"path": str(path), **settings})
    assert isinstance(data, DataSpec)
    source = data.open()
    assert isinstance(source, Opened)
    return source


def steps(source: Opened) -> int:
    """Steps of both parts."""
    return sum(int(part.length.sum()) for part in (source.loaded.known, source.loaded.test) if part is not None)


NAB = {
    "realKnownCause/machine_temperature_system_failure.csv": {"duplicates": 12, "backward": 1},
    "realKnownCause/ec2_request_latency_system_failure.csv": {"duplicates": 11},
    "realAdExchange/exchange-2_cpc_results.csv": {"duplicates": 1},
    "realTraffic/speed_7578.csv": {"irregular": 391},
    "realTraffic/TravelTime_387.csv": {"irregular": 909},
}
"""What is irregular about series of NAB, as its pack says."""


@pytest.mark.parametrize("name", NAB)
def test_what_is_known_of_series_is_counted(shared: Path, name: str) -> None:
    counts = opened(shared / "datasets" / "NAB" / "data" / name).counts
    assert counts["missing_values"] == 0
    for kind in ("duplicates", "backward"):
        assert counts[kind] == NAB[name].get(kind, 0)
    assert counts["irregular"] == NAB[name].get("irregular", counts["irregular"])


def test_a_repeated_hour(shared: Path) -> None:
    """The clock went back: the 12 steps of the second hour are doubles of those of the first."""
    path = shared / "datasets" / "NAB" / "data" / "realKnownCause" / "machine_temperature_system_failure.csv"
    assert steps(opened(path)) == 22_695
    for settings in ({"duplicates": "first"}, {"duplicates": "last"}, {"duplicates": "first", "backward": "drop"}):
        assert steps(opened(path, **settings)) == 22_683
    assert steps(opened(path, backward="drop")) == 22_684, "the last of them has the time of the last step before"
    masked = opened(path, duplicates="mask")
    assert steps(masked) == 22_695
    test = masked.parts(0).test
    assert int((test.real & ~test.mask).sum()) == 12
    sorted_ = opened(path, backward="sort")
    assert steps(sorted_) == 22_695
    assert any("jumps back in time: 1 step" in note and note.endswith("sorted by time") for note in sorted_.notes)


def test_the_longest_gap(shared: Path) -> None:
    path = shared / "datasets" / "NAB" / "data" / "realKnownCause" / "ambient_temperature_system_failure.csv"
    source = opened(path)
    (note,) = (note for note in source.notes if note.startswith("gaps in time"))
    assert "the longest 7 d 6 h in ambient_temperature_system_failure before step 6114" in note
    gaps = source.counts["gaps"]
    parts = opened(path, gaps="split").parts(0)
    pieces = sum(len(part) for part in vars(parts).values())
    assert pieces == gaps + 3, "three parts, and one piece more for each gap"
    assert sum(int(part.length.sum()) for part in vars(parts).values()) == steps(source)
    filled = opened(path, gaps="mask")
    assert steps(filled) == 7888, "an hour each from 2013-07-04 00:00 to 2014-05-28 15:00"


def test_no_window_crosses_a_gap(shared: Path) -> None:
    """SKAB is cut at all of its gaps, after the runs are drawn."""
    whole, cut = (opened(shared / "datasets" / "SKAB", gaps=gaps) for gaps in ("keep", "split"))
    assert cut.loaded.known.breaks is not None
    assert int(cut.loaded.known.breaks.sum()) == whole.counts["gaps"] == 876
    for part, kept in zip(vars(cut.parts(0)).values(), vars(whole.parts(0)).values(), strict=True):
        assert set(part.series) == set(kept.ids), "the pieces of a run are in one part"
        assert part.length.min() >= 2


def test_a_grid_of_seconds(shared: Path) -> None:
    whole = opened(shared / "datasets" / "SKAB")
    grid = opened(shared / "datasets" / "SKAB", gaps="interpolate", irregular="interpolate")
    assert grid.loaded.known.length.tolist() > whole.loaded.known.length.tolist()
    lengths = dict(zip(grid.loaded.known.ids, grid.loaded.known.length.tolist(), strict=True))
    assert lengths["valve1/0"] == 1200, "from 10:14:33 to 10:34:32"
    assert np.isfinite(grid.loaded.known.x).all()


def test_constant_columns(shared: Path) -> None:
    source = opened(shared / "datasets" / "CMAPSSData", constant="drop")
    assert len(source.loaded.known.features) == 24 - 7
    assert not any("never change" in note and "kept" in note for note in source.notes)
    with pytest.raises(DataError) as error:
        opened(shared / "datasets" / "NAB" / "data" / "artificialNoAnomaly" / "art_flatline.csv", constant="drop")
    assert str(error.value) == (
        "art_flatline.csv: no feature changes in the training part, so constant: drop leaves none; keep them"
    )
