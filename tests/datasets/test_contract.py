"""What holds for every data set in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import DATASETS, pick_data
from seqanomaly.run_config import RunConfig

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
    "skab": {"path": "here"},
    "nab": {"path": "here"},
    "ucr": {"path": "here"},
    "smd": {"path": "here"},
    "smap": {"path": "here", "channels": ["P-1"]},
    "braatz": {"path": "here"},
    "tsb_ad": {"path": "here"},
    "tsb_uad": {"path": "here"},
    "ts": {"path": "here"},
    "aeon": {"path": "here"},
    "numpy": {"path": "here/made.npz"},
    "folder": {"path": "here"},
    "file": {"path": "ragged.csv"},
}
DRAWN = {"drift", "evidence", "onset", "ar"}
CONTINUED = {"nab", "ucr", "smd", "smap", "braatz", "tsb_ad", "tsb_uad", "aeon"}
"""Whose test sequences go on where the training ones end, so that no part is drawn."""
OFFICIAL = {"episodes", "cmapss", "tep", "ts", *CONTINUED}
SEEDS = (0, 1, 7)
Samples = Mapping[str, Callable[[Path], None]]
Declared = Mapping[str, Any]


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


@pytest.fixture(scope="module", params=DATASETS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def spec(name: str, samples: Samples, declared: Declared, tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    folder, settings = tmp_path_factory.mktemp(name), SETTINGS.get(name, {})
    if name in declared:
        declared[name].require()
        declared[name].write(folder / "here")
        settings = declared[name].opened_with(folder / "here")
    if name == "file":
        ragged().to_csv(folder / "ragged.csv", index=False)
    if name in samples:
        samples[name](folder / "here")
    if "path" in settings and name not in declared:
        settings = settings | {"path": str(folder / settings["path"])}
    found = pick_data({"kind": name, **settings})
    assert isinstance(found, DataSpec)
    return found


@pytest.fixture(scope="module")
def parts_are(name: str, declared: Declared) -> str:
    """Who says what is tested: `drawn`, `given` or `continued`."""
    if name in declared:
        found: str = declared[name].parts
        return found
    return "continued" if name in CONTINUED else "given" if name in OFFICIAL else "drawn"


@pytest.fixture(scope="module")
def source(spec: DataSpec) -> Source:
    return spec.open()


def each_part(source: Source, seed: int) -> dict[str, Sequences]:
    return vars(source.parts(seed))


def rows(part: Sequences) -> set[bytes]:
    return {x[:length].tobytes() for x, length in zip(part.x, part.length, strict=True)}


def test_every_data_set_is_tested(declared: Declared) -> None:
    assert {*SETTINGS, *declared} == set(DATASETS)
    assert not {*SETTINGS} & {*declared}


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


def test_a_seed_redraws_all_but_an_official_test_part(source: Source, parts_are: str) -> None:
    assert source.official_test == (parts_are != "drawn")
    drawn = [each_part(source, seed) for seed in SEEDS]
    for part in ("train", "validation", "test"):
        kinds = {tuple(sorted(rows(parts[part]))) for parts in drawn}
        fixed = parts_are == "continued" or (part == "test" and parts_are == "given")
        assert len(kinds) == (1 if fixed else len(SEEDS)), part


def test_only_files_have_a_digest(source: Source, spec: DataSpec, name: str) -> None:
    assert (source.digest is None) == (name in DRAWN)
    assert source.digest == spec.content_digest()


def test_the_place_of_the_files_does_not_matter(
    name: str, samples: Samples, declared: Declared, tmp_path: Path
) -> None:
    if name in declared:
        declared[name].require()
    elif name not in samples:
        assert "path" not in SETTINGS[name] or name == "file"
        return
    found = []
    for place in ("one", "two"):
        if name in declared:
            declared[name].write(tmp_path / place)
            settings = declared[name].opened_with(tmp_path / place)
        else:
            samples[name](tmp_path / place)
            settings = SETTINGS[name] | {"path": str(tmp_path / SETTINGS[name]["path"].replace("here", place))}
        data = pick_data({"kind": name, **settings})
        assert isinstance(data, DataSpec)
        found.append(RunConfig(data=data).digest(data.content_digest()))
        assert str(tmp_path) not in data.name
    assert found[0] == found[1]


def test_the_best_accuracy_is_a_share_where_it_is_known(source: Source, name: str) -> None:
    test = source.parts(0).test
    best = source.best_accuracy(test, None)
    assert (best is not None) == (name in DRAWN)
    if best is not None:
        assert best.shape == test.x.shape[1:2]
        assert np.all((best >= 0) & (best <= 1))


CUT = {"nab", "ucr", "tsb_ad", "tsb_uad", "aeon", "arff"}
"""Whose training and test part are one series, cut at a step."""


def test_numbers_of_steps_go_on_where_a_series_is_cut(source: Source, name: str, parts_are: str) -> None:
    parts = source.parts(0)
    if parts_are == "continued":
        assert parts.train.ids == parts.validation.ids == parts.test.ids
        assert parts.validation.start.tolist() == parts.train.length.tolist()
    if name in CUT:
        assert parts.test.start.tolist() == (parts.validation.start + parts.validation.length).tolist()
    else:
        assert not parts.test.start.any()
