"""The episodes that ship: what their README says."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.episodes import SHIPPED, Episodes
from seqanomaly.datasets.formats.table import read_table

CHANNELS = (
    "a_feed",
    "ac_feed",
    "reactor_pressure",
    "reactor_temperature",
    "purge_rate",
    "separator_temperature",
    "stripper_temperature",
    "compressor_work",
    "reactor_coolant_temperature",
    "a_feed_valve",
    "purge_valve",
    "reactor_coolant_valve",
)
FAULTS = ("fault1", "fault13", "fault14", "fault2", "fault6", "fault8")


@pytest.mark.parametrize(("label", "classes"), [("label", ("0", "1")), ("fault", ("normal", *FAULTS))])
def test_sizes(label: Any, classes: tuple[str, ...]) -> None:
    source = Episodes(label=label).open()
    found = source.parts(0)
    assert source.official_test
    assert [len(part) for part in (found.train, found.validation, found.test)] == [96, 24, 84]
    for part in (found.train, found.validation, found.test):
        assert part.x.shape == (len(part), 80, 12)
        assert part.features == CHANNELS
        assert part.classes == classes
        assert part.mask.all()
        np.testing.assert_array_equal(part.label, np.broadcast_to(part.label[:, :1], part.label.shape))
        np.testing.assert_allclose((part.label != 0).mean(axis=0), 0.5)


def test_the_runs_of_each_fault() -> None:
    runs = read_table(SHIPPED / "episodes" / "episodes.csv.gz").groupby("run").first()
    for part, normal, faulty in (("train", 60, 10), ("test", 42, 7)):
        faults = runs.loc[runs["part"] == part, "fault"]
        assert faults.value_counts().to_dict() == {"normal": normal, **dict.fromkeys(FAULTS, faulty)}
        assert all(str(run).startswith(f"{part}-{fault}-") for run, fault in faults.items())


def test_they_are_made_from_the_simulators_tables(shared: Path, tmp_path: Path) -> None:
    here = SHIPPED / "episodes"
    spec = importlib.util.spec_from_file_location("make", shutil.copy(here / "make_episodes.py", tmp_path))
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.main(*(shared / "datasets" / "TEP_sim" / f"tep_episodes_{part}.csv.gz" for part in ("train", "test")))
    assert (tmp_path / "episodes.csv.gz").read_bytes() == (here / "episodes.csv.gz").read_bytes()
