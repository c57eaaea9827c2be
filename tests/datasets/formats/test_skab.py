"""SKAB: counts of the real runs, both splits, irregular time and broken files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.skab import Skab
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import ConfigError, DataError


def run(rows: int = 12, start: str = "2020-03-09 10:34:33", **columns: Any) -> pd.DataFrame:
    time = pd.date_range(start, periods=rows, freq="s")
    label = (np.arange(rows) >= rows // 2).astype(float)
    values = {"datetime": time, "Current": np.arange(float(rows)), "Volume Flow RateRMS": 1.5 + np.arange(rows)}
    return pd.DataFrame({**values, "anomaly": label, "changepoint": 0.0, **columns})


def write(folder: Path, **runs: pd.DataFrame) -> Path:
    for name, frame in runs.items():
        path = folder / f"{name.replace('_', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, sep=";", index=False)
    return folder


def heard(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        Skab(path=str(folder)).open()
    return str(error.value).replace(str(folder), "HERE")


def test_the_counts_of_the_readme(shared: Path) -> None:
    data = Skab(path=str(shared / "datasets" / "SKAB"))
    source = data.open()
    known = source.known
    assert known is not None
    assert known.x.shape == (15, 1155, 8)
    assert (known.length.min(), known.length.max()) == (745, 1155)
    assert {name.split("/")[0] for name in known.ids} == {"valve1", "valve2", "other"}
    assert not source.official_test
    assert [len(part) for part in vars(source.parts(0)).values()] == [8, 2, 5] or len(source.parts(0).test) == 4
    place = (known.label != 0).argmax(axis=1) / known.length
    assert ((place > 0.49) & (place < 0.85)).sum() == 14
    assert source.notes[1:5] == (
        "label is the column 'anomaly'; 'changepoint' is not used",
        "anomaly-free/anomaly-free: without the column 'anomaly', left out",
        "uneven distances in time: 876 steps (other/12 102, valve2/1 76, valve2/0 75, ...): steps count as "
        "equally far apart",
        "gaps in time: 876 (other/12 102, valve2/1 76, valve2/0 75, ...), the longest 4 min 7 s in other/2 before step "
        "104: kept, so sequences and windows go on across them (gaps: split cuts there)",
    )
    assert data.name == "skab(path=SKAB)"


def test_the_usual_split(shared: Path) -> None:
    whole = Skab(path=str(shared / "datasets" / "SKAB")).open().known
    source = Skab(path=str(shared / "datasets" / "SKAB"), split="usual").open()
    parts = source.parts(0)
    assert whole is not None
    assert source.official_test
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [12, 3, 15]
    assert set(parts.train.length) == {400}
    assert source.known is not None
    assert source.known.ids == parts.test.ids == whole.ids
    np.testing.assert_array_equal(source.known.length + parts.test.length, whole.length)
    np.testing.assert_array_equal(source.known.x, whole.x[:, :400])
    np.testing.assert_array_equal(parts.test.x[0, : parts.test.length[0]], whole.x[0, 400 : whole.length[0]])
    assert (
        "the first 400 rows of each run train, the rest tests; 296 of the 6,000 training steps are anomalous"
        in source.notes
    )


def test_columns_and_names(tmp_path: Path) -> None:
    write(tmp_path, valve1_0=run(), valve1_1=run(9), other_1=run(start="2020-01-01"))
    known = Skab(path=str(tmp_path)).open().known
    assert known is not None
    assert known.ids == ("other/1", "valve1/0", "valve1/1")
    assert known.features == ("Current", "Volume Flow RateRMS")
    assert known.x[2, :9, 0].tolist() == list(range(9))
    assert known.label[2].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]


def test_irregular_time_is_counted(tmp_path: Path) -> None:
    write(tmp_path, a=run(), b=run(), c=run().drop(index=[3, 7]))
    assert Skab(path=str(tmp_path)).open().notes[2:4] == (
        "uneven distances in time: 2 steps (c 2): steps count as equally far apart",
        "gaps in time: 2 (c 2), the longest 2 s in c before step 3: kept, so sequences and windows go on across them "
        "(gaps: split cuts there)",
    )
    write(tmp_path, c=run())
    assert not any("time" in note for note in Skab(path=str(tmp_path)).open().notes[1:])


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            run().drop(columns="datetime"),
            "HERE/b.csv: there is no column 'datetime'; SKAB's files have it first and are",
        ),
        (run(anomaly=2), "HERE/b.csv: column 'anomaly', data row 1: the label is 2; it must be 0 or 1"),
        (
            run(anomaly=np.arange(12)),
            "HERE/b.csv: column 'anomaly', data row 3: the label is 2; it must be 0 or 1",
        ),
        (run(Current=np.nan), "HERE/b.csv: column 'Current', data row 1: the value is missing"),
        (run(extra=1), "HERE/b.csv: has other columns than HERE/a.csv"),
        (run(datetime="noon"), "HERE/b.csv: column 'datetime', data row 1: 'noon' is no time"),
        (run()[["datetime", "anomaly"]], "HERE/b.csv: there are no values beside datetime, anomaly"),
    ],
)
def test_broken_files(tmp_path: Path, frame: pd.DataFrame, text: str) -> None:
    assert heard(write(tmp_path, a=run(), b=frame, c=run())).startswith(text)


def test_nothing_to_read(tmp_path: Path) -> None:
    assert heard(tmp_path).startswith("HERE: there is no CSV file in it; SKAB has folders such as valve1")
    assert heard(write(tmp_path, a=run().drop(columns="anomaly"))) == "HERE: no file has a column 'anomaly'"
    short = write(tmp_path, a=run(), b=run(400))
    with pytest.raises(DataError, match=r"series 'a' has 0 steps; a sequence needs at least 2"):
        Skab(path=str(short), split="usual").open()


def test_the_path_is_needed() -> None:
    with pytest.raises(ConfigError) as error:
        pick_data("skab")
    assert str(error.value) == "the key 'path' is missing"
