"""Folders of tables with one sequence each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.folder import Folder
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


def table(steps: int = 4, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"heat": np.arange(steps) + 0.5, "label": 0, **columns})


def write(folder: Path, **tables: pd.DataFrame) -> Path:
    for name, frame in tables.items():
        path = folder / f"{name.replace('_', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False)
    return folder


def heard(folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Folder(path=str(folder), **settings).open()
    return str(error.value).replace(str(folder), "HERE")


def test_each_file_is_a_sequence(samples: Samples, tmp_path: Path) -> None:
    samples["folder"](tmp_path / "here")
    source = Folder(path=str(tmp_path / "here")).open()
    known = source.known
    assert known is not None
    assert not source.official_test
    assert known.ids[:2] == ("site0/0", "site0/10")
    assert dict(zip(known.ids, known.length.tolist(), strict=True))["site1/3"] == 9
    assert known.label[0].tolist() == [0, 0, 0, 0, 1, 1, *[0] * 11]
    assert known.features == ("heat",)


def test_kinds_of_tables_and_folders_of_parts(tmp_path: Path) -> None:
    write(tmp_path, train_a=table(), train_b=table(5))
    (tmp_path / "test").mkdir()
    table(3, heat=[9.0, 8.0, 7.0]).to_parquet(tmp_path / "test" / "c.parquet")
    table(2).to_feather(tmp_path / "test" / "d.feather")
    source = Folder(path=str(tmp_path)).open()
    test = source.parts(0).test
    assert source.official_test
    assert (test.ids, test.length.tolist()) == (("test/c", "test/d"), [3, 2])
    assert test.x[0, :3, 0].tolist() == [9, 8, 7]
    assert source.notes[1] == "the words train and test in the names of the files or their folders give the parts"


def test_a_column_may_order_the_rows(tmp_path: Path) -> None:
    write(tmp_path, a=table(t=[3, 2, 1, 0]), b=table(t=range(4)), c=table(t=range(4)))
    known = Folder(path=str(tmp_path), step="t").open().known
    assert known is not None
    assert known.x[0, :, 0].tolist() == [3.5, 2.5, 1.5, 0.5]
    assert known.features == ("heat",)


def test_times_and_labels_under_usual_names_are_recognised(tmp_path: Path) -> None:
    for place in range(3):
        frame = pd.DataFrame({"timestamp": range(100, 110), "value": range(10), "is_anomaly": [0] * 9 + [1]})
        frame.to_csv(tmp_path / f"real_{place}.csv", index=False)
    settings = recognise(str(tmp_path))
    assert settings == {"kind": "folder", "path": str(tmp_path), "step": "timestamp", "label": "is_anomaly"}
    known = Folder(path=str(tmp_path), step="timestamp", label="is_anomaly").open().known
    assert known is not None
    assert known.features == ("value",)
    assert known.label[:, 9].tolist() == [1, 1, 1]


def test_without_labels_all_is_normal(tmp_path: Path) -> None:
    write(tmp_path, **{name: table().drop(columns="label") for name in "abc"})
    source = Folder(path=str(tmp_path), label=None).open()
    assert source.known is not None
    assert not source.known.label.any()
    assert source.notes[1] == "no column holds labels, so all steps are taken as normal"
    assert heard(tmp_path) == (
        "HERE/a.csv: there is no column 'label'; say which one it is with label: NAME (--label NAME), or take every "
        "step as normal, as for forecast, with label: null; known: heat"
    )


def test_a_single_series_is_cut_in_time(tmp_path: Path) -> None:
    write(tmp_path, a=table(20, label=np.arange(20) // 15))
    source = Folder(path=str(tmp_path / "a.csv"), split="time").open()
    parts = source.parts(0)
    assert [part.x[0, :, 0].tolist() for part in (parts.train, parts.validation, parts.test)] == [
        [i + 0.5 for i in steps] for steps in (range(11), range(11, 14), range(14, 20))
    ]
    assert parts.test.label[0].tolist() == [0, 1, 1, 1, 1, 1]
    assert source.notes[1:3] == (
        "the last 30% of each file test and the steps before train",
        "validation is the last 20% of the training sequence: 11 steps train and 3 validate",
    )
    assert heard(tmp_path / "a.csv").startswith(
        "HERE: too few sequences (1); training, validation and test need one file"
    )
    parts = Folder(path=str(write(tmp_path, b=table(10))), split="time", test=0.5).open().parts(0)
    assert (parts.train.length.tolist(), parts.test.length.tolist()) == ([8, 4], [10, 5])


def test_separators_are_found_and_said(tmp_path: Path) -> None:
    for name in "abc":
        table().to_csv(tmp_path / f"{name}.csv", index=False, sep=";", decimal=",")
    source = Folder(path=str(tmp_path)).open()
    assert source.known is not None
    assert source.known.x[0, :, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert source.notes[1] == "a.csv: its columns are separated by ';' and decimals follow a comma"


def test_broken_folders(tmp_path: Path) -> None:
    assert heard(tmp_path).startswith("HERE: there is no table in it; known endings: .csv, .csv.gz")
    write(tmp_path, a=table(), b=table(), c=table(extra=1))
    assert heard(tmp_path) == "HERE/c.csv: has not the same columns as a.csv ('extra' is in one of them only)"
    write(tmp_path, c=table(heat=["hot"] * 4))
    assert heard(tmp_path) == (
        "HERE/c.csv: column 'heat', data row 1: 'hot' is not a number; correct it, or leave the column out with "
        "--ignore"
    )
    write(tmp_path, c=table(0))
    assert heard(tmp_path) == "HERE/c.csv: there are no rows"
    (tmp_path / "c.csv").unlink()
    assert heard(tmp_path) == (
        "HERE: too few sequences (2); training, validation and test need one file each, so 3: add files, or cut each "
        "in time with split: time"
    )
