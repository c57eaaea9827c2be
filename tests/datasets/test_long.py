"""Whatever is converted and read again is what it was: sequences, labels, classes and split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.long import long_table, write_long
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]
SHIPPED: list[dict[str, Any]] = [
    {"kind": "episodes"},
    {"kind": "episodes", "label": "fault"},
    {"kind": "cmapss"},
    {"kind": "tep"},
    {"kind": "tep", "label": "fault"},
    {"kind": "robot"},
    {"kind": "robot", "subset": "lp4", "label": "class", "test": 0.5},
]
REAL: dict[str, dict[str, Any]] = {
    "CMAPSSData": {"horizon": 50},
    "TEP_sim": {"subset": "episodes"},
    "RobotExecutionFailures/lp1.data": {"label": "class"},
    "SKAB": {},
    "SKAB/": {"split": "usual"},
    "NAB/data/realTraffic": {},
    "UCR_Anomaly": {},
    "ServerMachineDataset": {"machine": "machine-1-6"},
    "SMAP_MSL": {"channels": ["T-8", "T-9"]},
    "TEP_Braatz": {"label": "fault"},
    "TSB-AD/TSB-AD-M": {},
    "TSB-UAD": {"train": 0.2},
    "aeon/GunPoint": {"normal": "2"},
    "aeon/KDD-TSAD_135": {},
    "aeon/Daphnet_S06R02E0": {},
    "aeon/UnitTest": {"kind": "aeon", "part": "TRAIN_A"},
}


def opened(value: object) -> Source:
    spec = pick_data(value)
    assert isinstance(spec, DataSpec)
    return spec.open()


def again(source: Source, folder: Path, seed: int | None = None, ending: str = "parquet") -> Source:
    """The source, converted and read again."""
    table = long_table(source, seed)
    write_long(table, folder / f"out.{ending}")
    return FileData(path=str(folder / f"out.{ending}"), **dict(table.settings)).open()  # type: ignore[arg-type]


def bare(part: Sequences) -> list[str]:
    """Names without the part that is said where two recordings have one name."""
    return [name.removesuffix(" (test)").removesuffix(" (validation)") for name in part.ids]


def assert_same(one: Source, other: Source, seeds: tuple[int, ...] = (0, 3)) -> None:
    for seed in seeds:
        pairs = zip(vars(one.parts(seed)).items(), vars(other.parts(seed)).values(), strict=True)
        for (word, first), second in pairs:
            assert bare(first) == bare(second), word
            assert (first.features, first.classes) == (second.features, second.classes)
            np.testing.assert_array_equal(first.length, second.length)
            steps = int(first.length.max())
            np.testing.assert_array_equal(first.x[:, :steps], second.x[:, :steps])
            np.testing.assert_array_equal(first.label[:, :steps], second.label[:, :steps])


@pytest.mark.parametrize("value", SHIPPED, ids=str)
def test_what_ships(value: dict[str, Any], tmp_path: Path) -> None:
    source = opened(value)
    found = again(source, tmp_path)
    assert_same(source, found)
    assert (source.official_test, source.shape) == (found.official_test, found.shape)


@pytest.mark.parametrize("path", REAL)
def test_real_files(shared: Path, path: str, tmp_path: Path) -> None:
    source = opened({"path": str(shared / "datasets" / path), **REAL[path]})
    found = again(source, tmp_path)
    assert_same(source, found)
    assert (source.official_test, source.shape) == (found.official_test, found.shape)


def test_every_family(samples: Samples, tmp_path: Path) -> None:
    for kind, write in samples.items():
        write(tmp_path / kind)
        path = next((tmp_path / kind).glob("*.npz"), tmp_path / kind)
        source = opened({"path": str(path), **({"channels": ["P-1"]} if kind == "smap" else {})})
        assert_same(source, again(source, tmp_path))


@pytest.mark.parametrize("kind", ["drift", "evidence", "onset", "ar"])
@pytest.mark.parametrize("seed", [None, 5])
def test_what_the_seed_draws(kind: str, seed: int | None, tmp_path: Path) -> None:
    source = opened({"kind": kind, "length": 6, "train": 10, "test": 4})
    found = again(source, tmp_path, seed)
    assert found.official_test
    assert_same(source, found, (seed or 0,))


@pytest.mark.parametrize("value", [{"kind": "robot"}, {"kind": "cmapss"}], ids=str)
def test_the_split_of_a_seed(value: dict[str, Any], tmp_path: Path) -> None:
    source = opened(value)
    found = again(source, tmp_path, 4)
    assert_same(source, found, (4,))
    assert [part.ids for part in vars(found.parts(0)).values()] == [part.ids for part in vars(found.parts(4)).values()]


@pytest.mark.parametrize("path", ["episodes", "{path}"])
def test_csv(path: str, samples: Samples, tmp_path: Path) -> None:
    samples["ucr"](tmp_path / "here")
    source = opened(path.format(path=tmp_path / "here"))
    assert_same(source, again(source, tmp_path, ending="csv"))


def test_the_layout(samples: Samples, tmp_path: Path) -> None:
    samples["ucr"](tmp_path / "here")
    table = long_table(opened(str(tmp_path / "here")))
    frame = table.frame
    assert list(frame.columns) == ["series", "step", "label", "part", "value"]
    assert table.settings == {"part": "part"}
    one = frame[frame["series"] == "001_one"].set_index("step")
    assert one.index.tolist() == list(range(50))
    assert one["part"].tolist() == ["train"] * 16 + ["validation"] * 4 + ["test"] * 30
    assert one.index[one["label"] == "1"].tolist() == [30, 31, 32]
    np.testing.assert_array_equal(one["value"], np.loadtxt(next((tmp_path / "here").glob("001*"))).astype(np.float32))


def test_where_the_seed_draws_the_test_part_no_column_says_it(tmp_path: Path) -> None:
    table = long_table(opened({"kind": "robot", "label": "class", "test": 0.5}))
    assert list(table.frame.columns[:4]) == ["series", "step", "label", "fx"]
    assert table.settings == {"test": 0.5}
    assert long_table(opened("robot")).settings == {}


def test_a_normal_class_with_a_name_of_its_own(tmp_path: Path) -> None:
    frame = pd.DataFrame({"series": np.repeat(np.arange(5), 3), "step": np.tile(np.arange(3), 5), "x": np.arange(15.0)})
    frame.assign(label=np.where(frame["series"] == 1, "bad", "fine")).to_csv(tmp_path / "mine.csv", index=False)
    source = opened({"path": str(tmp_path / "mine.csv"), "normal": "fine"})
    assert long_table(source).settings == {"normal": "fine"}
    assert_same(source, again(source, tmp_path))


def test_a_feature_with_the_name_of_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"unit": np.repeat(np.arange(5), 3), "cycle": np.tile(np.arange(3), 5), "step": 0.5})
    frame.assign(label=0).to_csv(tmp_path / "mine.csv", index=False)
    source = opened({"path": str(tmp_path / "mine.csv"), "series": "unit", "step": "cycle"})
    with pytest.raises(DataError) as error:
        long_table(source)
    assert str(error.value) == (
        "the feature 'step' has the name of a column that every long table has; choose others with features: [..] "
        "(--features), or rename it in the file"
    )
