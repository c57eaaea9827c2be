"""SMAP and MSL: counts of the real channels, intervals, choices and broken folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.smap import Smap
from seqanomaly.datasets.specs import data_settings, pick_data
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    samples["smap"](tmp_path / "SMAP_MSL")
    return tmp_path / "SMAP_MSL"


def heard(folder: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Smap(path=str(folder), **settings).open()
    return str(error.value).replace(str(folder), "HERE")


def relabel(folder: Path, text: str, length: int = 40) -> None:
    row = [("P-1", "SMAP", text, "[point]", length)]
    names = ["chan_id", "spacecraft", "anomaly_sequences", "class", "num_values"]
    pd.DataFrame(row, columns=names).to_csv(folder / "labeled_anomalies.csv", index=False)


@pytest.mark.parametrize(
    ("settings", "channels", "width", "train", "test", "anomalous"),
    [
        ({"spacecraft": "SMAP"}, ("A-5", "A-6"), 25, [705, 682], [4693, 4453], [51, 41]),
        (
            {"spacecraft": "MSL"},
            ("S-2", "C-2", "T-9", "T-8"),
            55,
            [926, 764, 439, 748],
            [1827, 2051, 1096, 1519],
            [11, 101 + 36, 31 + 81, 61 + 41],
        ),
        ({"channels": ("T-8",)}, ("T-8",), 55, [748], [1519], [61 + 41]),
    ],
)
def test_the_counts_of_the_readme(
    shared: Path,
    settings: dict[str, Any],
    channels: tuple[str, ...],
    width: int,
    train: list[int],
    test: list[int],
    anomalous: list[int],
) -> None:
    source = Smap(path=str(shared / "datasets" / "SMAP_MSL"), **settings).open()
    known, official = source.known, source.parts(0).test
    assert known is not None
    assert known.ids == official.ids == channels
    assert known.x.shape[2] == width
    assert (known.length.tolist(), official.length.tolist()) == (train, test)
    assert official.label.sum(axis=1).tolist() == anomalous
    assert known.features[:2] == ("telemetry", "command_1")


def test_both_spacecraft_need_a_choice(shared: Path) -> None:
    folder = shared / "datasets" / "SMAP_MSL"
    assert heard(folder) == (
        "HERE: the channels are of MSL and SMAP, which have different features; choose with spacecraft: MSL or name "
        "channels"
    )


def test_intervals_out_of_order_and_in_two_rows(folder: Path) -> None:
    source = Smap(path=str(folder), spacecraft="SMAP").open()
    assert np.flatnonzero(source.parts(0).test.label[0]).tolist() == [5, 6, 10, *range(30, 36)]
    assert source.notes[1:3] == (
        "label is 1 inside the intervals of labeled_anomalies.csv, both ends included; the training part has none",
        "P-1: more than one row in labeled_anomalies.csv, all of their intervals count",
    )
    data = pick_data({"kind": "smap", "path": str(folder), "channels": ["M-1"]})
    assert data.name == "smap(path=SMAP_MSL,channels=[M-1])"  # type: ignore[attr-defined]


def test_choices_that_cannot_be(folder: Path) -> None:
    assert heard(folder, channels=("M-2",)) == (
        "HERE/labeled_anomalies.csv: there is no channel 'M-2'; did you mean 'M-1'? (known: P-1, M-1)"
    )
    assert heard(folder, channels=("../P-1",)).startswith("HERE/labeled_anomalies.csv: there is no channel '../P-1'")
    assert heard(folder, channels=("X-9",)) == (
        "HERE/train/X-9.npy: there is no such file; a channel has an array in train and one in test"
    )
    assert heard(folder, channels=("P-1",), spacecraft="MSL") == (
        "HERE: there is no channel of MSL in train; found: P-1, M-1; train and test belong beside "
        "labeled_anomalies.csv, or into its folder data"
    )


def test_the_authors_archive_has_its_arrays_in_a_folder_of_their_own(folder: Path) -> None:
    (folder / "data").mkdir()
    for part in ("train", "test"):
        (folder / part).rename(folder / "data" / part)
    for path in (folder, folder / "data", folder / "data" / "test", folder / "labeled_anomalies.csv"):
        assert data_settings(str(path)) == {"kind": "smap", "path": str(folder)}
    source = Smap(path=str(folder), spacecraft="SMAP").open()
    assert np.flatnonzero(source.parts(0).test.label[0]).tolist() == [5, 6, 10, *range(30, 36)]


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("[[30, 40]]", 40, "HERE/test/P-1.npy: the interval [30, 40] of labeled_anomalies.csv does not lie in its 40"),
        (
            "[[9, 3]]",
            40,
            "HERE/test/P-1.npy: the interval [9, 3] of labeled_anomalies.csv does not lie in its 40 steps",
        ),
        ("[[3, 9]]", 41, "HERE/test/P-1.npy: has 40 steps where labeled_anomalies.csv says 41"),
        ("[[3]]", 40, "labeled_anomalies.csv: channel 'P-1': '[[3]]' is no list of [start, end] (not enough values"),
        ("3-9", 40, "labeled_anomalies.csv: channel 'P-1': '3-9' is no list of [start, end] ("),
    ],
)
def test_labels_that_do_not_fit(folder: Path, text: str, length: int, expected: str) -> None:
    relabel(folder, text, length)
    assert heard(folder).startswith(expected)


def test_a_channel_that_lies_elsewhere_is_refused(folder: Path) -> None:
    table = folder / "labeled_anomalies.csv"
    table.write_text(table.read_text().replace("X-9", "../../P-1"))
    assert heard(folder, spacecraft="SMAP") == (
        "HERE/labeled_anomalies.csv: the channel '../../P-1' is not a plain name, so its files would lie elsewhere"
    )


def test_broken_arrays(folder: Path) -> None:
    path = folder / "test" / "P-1.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    assert heard(folder, spacecraft="SMAP") == (
        "HERE/test/P-1.npy: its header declares the shape (40, 25) of float64, 8,000 bytes, and 7,950 follow; it is "
        "cut off or damaged, so save it again"
    )
    np.save(path, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    assert heard(folder, spacecraft="SMAP") == (
        "HERE/test/P-1.npy: holds Python objects, which are not loaded as they could run code; save plain numbers"
    )
    np.save(path, np.full((40, 25), np.nan))
    assert heard(folder, spacecraft="SMAP") == (
        "HERE/test/P-1.npy: the value at [0, 0] is missing (nan); fill it, or set missing: drop, "
        "ffill, interpolate or mask"
    )
    np.save(path, np.zeros(40))
    assert heard(folder, spacecraft="SMAP") == (
        "HERE/test/P-1.npy: has the shape (40,); a channel is an array of steps x features"
    )
    np.save(path, np.zeros((40, 24)))
    assert heard(folder, spacecraft="SMAP") == "P-1: has 24 features where P-1 has 25"


def test_a_row_without_a_channel(folder: Path) -> None:
    table = folder / "labeled_anomalies.csv"
    table.write_text(table.read_text().replace("M-1,", ",", 1))
    assert heard(folder) == (
        "HERE/labeled_anomalies.csv: column 'chan_id', data row 3: the value is missing; fill it or drop the row"
    )


def test_a_missing_table(folder: Path) -> None:
    table = folder / "labeled_anomalies.csv"
    table.write_text(table.read_text().replace("spacecraft", "craft"))
    assert heard(folder).startswith("HERE/labeled_anomalies.csv: there is no column 'spacecraft'; did you mean")
    table.unlink()
    assert heard(folder) == (
        "HERE: there is no labeled_anomalies.csv in it, which holds the labels; it needs it, train and test"
    )
