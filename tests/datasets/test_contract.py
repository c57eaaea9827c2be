"""What holds for every data set in the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.specs import DATASETS, pick_data

SYNTHETIC = {"length": 8, "train": 20, "test": 15}
SETTINGS: dict[str, dict[str, Any]] = {
    "episodes": {},
    "drift": SYNTHETIC,
    "evidence": SYNTHETIC,
    "onset": {**SYNTHETIC, "hazard": 0.1},
    "ar": SYNTHETIC,
    "cmapss": {},
    "tep": {},
    "robot": {},
    "skab": {"path": "skab"},
    "file": {"path": "ragged.csv"},
}
DRAWN = {"drift", "evidence", "onset", "ar"}
OFFICIAL = {"episodes", "cmapss", "tep"}
SEEDS = (0, 1, 7)


def ragged() -> pd.DataFrame:
    """Series of 2 to 9 steps, anomalous from their middle on in every second one."""
    generator, frames = np.random.default_rng(0), []
    for place, length in enumerate(generator.integers(2, 10, 24)):
        step = np.arange(length)
        label = (step >= length // 2) * (place % 2)
        frames.append(
            pd.DataFrame({"series": f"s{place}", "step": step, "a": generator.random(length), "label": label})
        )
    return pd.concat(frames)


def write_skab(folder: Path) -> None:
    """Twelve labelled runs of a testbed, in the layout of SKAB."""
    generator = np.random.default_rng(0)
    for place in range(12):
        time = pd.date_range("2020-03-09 10:34:33", periods=20 + place, freq="s")
        frame = pd.DataFrame({"datetime": time, "Current": generator.random(len(time)), "Pressure": 0.5})
        frame["anomaly"] = (np.arange(len(time)) > 12).astype(float)
        path = folder / f"valve{place % 2 + 1}" / f"{place}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.assign(changepoint=0.0).to_csv(path, sep=";", index=False)


WRITERS: dict[str, Callable[[Path], None]] = {"skab": write_skab}


@pytest.fixture(params=DATASETS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def source(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.chdir(tmp_path)
    ragged().to_csv("ragged.csv", index=False)
    if name in WRITERS:
        WRITERS[name](Path(name))
    spec = pick_data({"kind": name, **SETTINGS[name]})
    found: Source = spec.open()  # type: ignore[attr-defined]
    return found


def each_part(source: Source, seed: int) -> dict[str, Sequences]:
    return vars(source.parts(seed))


def rows(part: Sequences) -> set[bytes]:
    return {x[:length].tobytes() for x, length in zip(part.x, part.length, strict=True)}


def test_every_data_set_is_tested() -> None:
    assert list(SETTINGS) == list(DATASETS)


@pytest.mark.parametrize("seed", SEEDS)
def test_parts_are_well_formed(source: Source, seed: int) -> None:
    features, classes = set(), set()
    for part in each_part(source, seed).values():
        count, steps, width = part.x.shape
        assert count > 0
        assert [part.x.dtype.name, part.label.dtype.name, part.length.dtype.name] == ["float32", "int64", "int64"]
        assert part.label.shape == (count, steps)
        assert part.length.shape == (count,)
        assert np.all((part.length >= 2) & (part.length <= steps))
        assert np.isfinite(part.x).all()
        assert np.all(part.x[~part.mask] == 0)
        assert np.all(part.label[~part.mask] == 0)
        assert np.all((part.label >= 0) & (part.label < len(part.classes)))
        assert len(set(part.ids)) == len(part.ids) == count
        assert len(part.features) == width
        features.add(part.features)
        classes.add(part.classes)
    assert (len(features), len(classes)) == (1, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_sequence_is_in_two_parts(source: Source, seed: int) -> None:
    parts = each_part(source, seed)
    together = [row for part in parts.values() for row in rows(part)]
    assert len(together) == len(set(together)) == sum(len(part) for part in parts.values())


def test_the_same_seed_gives_the_same_bits(source: Source) -> None:
    first, second = each_part(source, 3), each_part(source, 3)
    for name, part in first.items():
        assert part.x.tobytes() == second[name].x.tobytes()
        assert part.label.tobytes() == second[name].label.tobytes()
        assert part.length.tolist() == second[name].length.tolist()
        assert part.ids == second[name].ids


def test_a_seed_redraws_all_but_an_official_test_part(source: Source, name: str) -> None:
    assert source.official_test == (name in OFFICIAL)
    drawn = [each_part(source, seed) for seed in SEEDS]
    for part in ("train", "validation", "test"):
        kinds = {tuple(sorted(rows(parts[part]))) for parts in drawn}
        assert len(kinds) == (1 if part == "test" and name in OFFICIAL else len(SEEDS)), part


def test_only_files_have_a_digest(source: Source, name: str) -> None:
    assert (source.digest is None) == (name in DRAWN)
    assert source.digest == pick_data({"kind": name, **SETTINGS[name]}).content_digest()  # type: ignore[attr-defined]


def test_the_best_accuracy_is_a_share_where_it_is_known(source: Source, name: str) -> None:
    test = source.parts(0).test
    best = source.best_accuracy(test, None)
    assert (best is not None) == (name in DRAWN)
    if best is not None:
        assert best.shape == test.x.shape[1:2]
        assert np.all((best >= 0) & (best <= 1))
