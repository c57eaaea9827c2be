"""Data sets in files: names, columns, parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.episodes import Episodes
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.source import Parts
from seqanomaly.datasets.specs import DATASETS, data_settings, pick_data
from seqanomaly.errors import ConfigError, DataError


def machines(count: int = 20, **columns: Any) -> pd.DataFrame:
    """Machines of 3 cycles, every second one broken, the last quarter of them for testing."""
    unit = np.repeat(np.arange(count), 3)
    return pd.DataFrame(
        {
            "unit": unit,
            "cycle": np.tile([1, 2, 3], count),
            "fault": np.where(unit % 2, "worn", "fine"),
            "heat": unit + np.linspace(0, 1, len(unit)),
            "set": np.where(unit < count * 3 // 4, "Train", "test"),
            **columns,
        }
    )


def parts(frame: pd.DataFrame, folder: Path, seed: int = 0, **settings: Any) -> Parts:
    path = folder / "machines.csv"
    frame.to_csv(path, index=False)
    usual = {"series": "unit", "step": "cycle", "label": "fault", "normal": "fine", "features": ["heat"]}
    return FileData(path=str(path), **{**usual, **settings}).open().parts(seed)


def heard(frame: pd.DataFrame, folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        parts(frame, folder, **settings)
    return str(error.value)


def test_a_file_is_split_by_whole_series(tmp_path: Path) -> None:
    found = parts(machines(), tmp_path)
    assert [len(part) for part in (found.train, found.validation, found.test)] == [11, 3, 6]
    ids = [*found.train.ids, *found.validation.ids, *found.test.ids]
    assert sorted(ids, key=int) == [str(i) for i in range(20)]
    for part in (found.train, found.validation, found.test):
        np.testing.assert_array_equal(part.label[:, 0], [int(name) % 2 for name in part.ids])
        np.testing.assert_array_equal(np.floor(part.x[:, 0, 0]), [int(name) for name in part.ids])
        assert (part.features, part.classes) == (("heat",), ("fine", "worn"))
    assert found.test.label[:, 0].sum() == 3


@pytest.mark.parametrize(("share", "expected"), [(0.05, 1), (0.5, 10), (0.9, 18)])
def test_the_share_for_testing(tmp_path: Path, share: float, expected: int) -> None:
    assert len(parts(machines(), tmp_path, test=share).test) == expected


def test_a_column_may_name_the_part(tmp_path: Path) -> None:
    shuffled = machines().sample(frac=1, random_state=0)
    drawn = [parts(shuffled, tmp_path, seed, part="set", features=None) for seed in (0, 1)]
    for found in drawn:
        assert sorted(found.test.ids, key=int) == [str(i) for i in range(15, 20)]
        assert sorted([*found.train.ids, *found.validation.ids], key=int) == [str(i) for i in range(15)]
        assert found.train.features == ("heat",)
    assert drawn[0].validation.ids != drawn[1].validation.ids
    np.testing.assert_array_equal(drawn[0].test.x, drawn[1].test.x)


@pytest.mark.parametrize("written", ["csv", "parquet"])
def test_timestamps_and_parquet(tmp_path: Path, written: str) -> None:
    frame = machines(cycle=pd.to_datetime("2024-01-01") + pd.to_timedelta(np.tile([2, 1, 0], 20), unit="D"))
    path = tmp_path / f"m.{written}"
    if written == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    data = FileData(path=str(path), series="unit", step="cycle", label="fault", normal="fine", features=("heat",))
    test = data.open().parts(0).test
    assert np.all(np.diff(test.x[..., 0]) < 0)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("data/mine.csv", "mine"),
        ({"path": "mine.csv.gz"}, "mine"),
        ({"path": "mine.parquet", "series": "unit", "step": "cycle"}, "mine"),
        ({"path": "mine.csv", "series": "unit", "step": "cycle", "label": "fault"}, "mine(label=fault)"),
        ({"kind": "file", "path": "m.csv", "features": ["a", "b"], "test": 0.5}, "m(features=[a,b],test=0.5)"),
        ("episodes", "episodes"),
        ({"kind": "episodes", "label": "fault"}, "episodes(label=fault)"),
    ],
)
def test_names(value: object, name: str) -> None:
    found = pick_data(value)
    assert isinstance(found, Episodes | FileData)
    assert found.name == name
    assert pick_data(found.settings()) == found


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        ("./drift", {"kind": "file", "path": "./drift"}),
        ("drift", {"kind": "drift"}),
        ({"path": "a.csv"}, {"kind": "file", "path": "a.csv"}),
        ({"kind": "ar", "path": "a"}, {"kind": "ar", "path": "a"}),
        (5, 5),
    ],
)
def test_a_path_has_a_dot_or_a_slash(value: object, settings: object) -> None:
    assert data_settings(value) == settings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            "driftt",
            f"unknown data set 'driftt'; did you mean 'drift'? (known: {', '.join(DATASETS)})",
        ),
        ({"kind": "file"}, "the key 'path' is missing"),
        ({"path": "a.csv", "test": 1.0}, "test: must be less than 1, got 1.0"),
        ({"path": "a.csv", "features": "heat"}, "features: must be a list, got 'heat'"),
        ({"kind": "episodes", "label": "part"}, "label: must be 'label' or 'fault', got 'part'"),
        (None, f"needs a name or a mapping with a 'kind', got None; known: {', '.join(DATASETS)}"),
    ],
)
def test_settings_that_cannot_be(value: object, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        pick_data(value)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("frame", "settings", "text"),
    [
        (
            machines(2),
            {},
            "has 2 series; training, validation and test need at least one each, so 3: name the column that tells them "
            "apart with --series; if there are no others, cut each with split: {time: 0.3}",
        ),
        (
            machines().drop([4, 5]),
            {},
            "series '1' has 1 step; a sequence needs at least 2 to have an early and a late one, so leave it out",
        ),
        (
            machines(),
            {"part": "sett"},
            "there is no column 'sett' to tell train from test; did you mean 'set'? (known: unit, cycle, fault, heat, "
            "set)",
        ),
        (
            machines(),
            {"part": "set", "features": ["heat", "set"]},
            "column 'set' cannot be a feature, as it is the series, step, label or part",
        ),
        (
            machines(set=["train"] * 59 + ["tset"]),
            {"part": "set"},
            "column 'set', data row 60: 'tset' is not train, validation or test",
        ),
        (
            machines(set=[None] + ["train"] * 56 + ["test"] * 3),
            {"part": "set"},
            "column 'set', data row 1: 'nan' is not train, validation or test",
        ),
        (
            machines(set=["train"] * 58 + ["test"] * 2),
            {"part": "set"},
            "series '19' is in more than one part and series '0' is not; either every series is cut in time, or each "
            "belongs to one part as a whole",
        ),
        (
            machines(set=["train"] * 60),
            {"part": "set"},
            "column 'set' gives 20 series to train and 0 to test; each needs at least 1",
        ),
        (
            machines(set=["train"] * 3 + ["test"] * 57),
            {"part": "set"},
            "series '0' has 3 steps; a sequence needs at least 4 to be cut into one that trains and one that validates",
        ),
    ],
)
def test_what_cannot_be_split_is_named(
    tmp_path: Path, frame: pd.DataFrame, settings: dict[str, Any], text: str
) -> None:
    assert heard(frame, tmp_path, **settings) == f"machines.csv: {text}"


@pytest.mark.parametrize(("keep", "value"), [("first", 0.0), ("last", 9.0)])
def test_duplicates_may_be_left_out(tmp_path: Path, keep: Any, value: float) -> None:
    again = machines().iloc[[0, 3]].assign(heat=9.0)
    frame = pd.concat([machines(), again])
    assert "has the same 'cycle' in data rows 1 and 61" in heard(frame, tmp_path)
    path = str(tmp_path / "machines.csv")
    data = FileData(
        path=path, series="unit", step="cycle", label="fault", normal="fine", features=("heat",), duplicates=keep
    )
    source = data.open()
    assert source.known is not None
    assert source.known.x[0, 0, 0] == value
    assert source.known.length.tolist() == [3] * 20
    assert source.notes == (
        f"duplicated timestamps: 2 steps (0 1, 1 1): left out, the {keep} of each time is kept",
        "steps that this changes: 2 left out",
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for read in (FileData(path=str(tmp_path / "no.csv")).open, FileData(path=str(tmp_path / "no.csv")).content_digest):
        with pytest.raises(DataError) as error:
            read()
        assert str(error.value) == f"{tmp_path / 'no.csv'}: there is no such file"


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        machines().to_csv(tmp_path / name, index=False)
    a, b = (FileData(path=str(tmp_path / name), label="fault") for name in ("a.csv", "b.csv"))
    assert a.content_digest() == b.content_digest()
    machines(21).to_csv(tmp_path / "b.csv", index=False)
    assert a.content_digest() != b.content_digest()
    opened = FileData(path=a.path, series="unit", step="cycle", label="fault", normal="fine", features=("heat",)).open()
    assert opened.digest == a.content_digest()


def test_what_is_there_is_a_path_unless_it_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("plant", "drift"):
        (tmp_path / name).mkdir()
        machines().to_csv(tmp_path / name / "one.csv")
    assert data_settings("plant") == {"kind": "folder", "path": "plant", "label": "fault"}
    assert data_settings("drift") == {"kind": "drift"}
    assert data_settings("p" * 5000) == {"kind": "p" * 5000}
