"""NAB: counts of the real series, windows, probation, irregular time and broken files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.nab import Nab
from seqanomaly.datasets.specs import data_settings
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    samples["nab"](tmp_path / "NAB")
    return tmp_path / "NAB"


def heard(path: Path, folder: Path) -> str:
    with pytest.raises(DataError) as error:
        Nab(path=str(path)).open()
    return str(error.value).replace(str(folder), "HERE")


def test_the_counts_of_the_readme(shared: Path) -> None:
    data = Nab(path=str(shared / "datasets" / "NAB"))
    source = data.open()
    parts = source.parts(0)
    steps = parts.train.length + parts.validation.length + parts.test.length
    assert (len(steps), steps.min(), steps.max()) == (16, 1127, 22_695)
    assert parts.train.length.max() + parts.validation.length.max() == 750
    assert data.name == "nab(path=NAB)"
    anomalous = dict(zip(parts.test.ids, parts.test.label.sum(axis=1) / steps, strict=True))
    none = {"art_daily_small_noise", "art_flatline"}
    assert {name for name, share in anomalous.items() if share == 0} == none
    assert all(0.085 < share < 0.105 for name, share in anomalous.items() if name not in none)
    assert not parts.train.label.any()
    assert source.notes == (
        "NAB is read as the Numenta Anomaly Benchmark (kind: nab)",
        "label is 1 inside the windows of combined_windows.json, both ends included",
        "the first 15% of each series, at most 750 steps, train (probation) and the rest tests",
        "duplicated timestamps: 25 steps (machine_temperature_system_failure 12, "
        "ec2_request_latency_system_failure 11, exchange-2_cpc_results 1, ...): kept, in the order of the file",
        "jumps back in time: 1 step (machine_temperature_system_failure 1): kept, in the order of the file",
        "uneven distances in time: 1,414 steps (TravelTime_387 909, speed_7578 391, rogue_agent_key_hold 91, ...): "
        "steps count as equally far apart",
        "gaps in time: 1,315 (TravelTime_387 821, speed_7578 381, rogue_agent_key_hold 91, ...), the longest 7 d 6 h "
        "in ambient_temperature_system_failure before step 6114: kept, so sequences and windows go on across them "
        "(gaps: split cuts there)",
        "validation is the last 20% of each training sequence: 6,379 steps train and 1,597 validate",
        "8% of the steps are anomalous in the first third of the sequences and 15% in the last: accuracy by step "
        "mostly shows that, so compare balanced accuracy",
    )


def test_one_series_of_the_benchmark(shared: Path) -> None:
    path = shared / "datasets" / "NAB" / "data" / "realTraffic" / "speed_7578.csv"
    parts = Nab(path=str(path)).open().parts(0)
    assert [part.length.tolist() for part in (parts.train, parts.validation, parts.test)] == [[135], [34], [958]]
    frame = pd.read_csv(path, parse_dates=["timestamp"])
    windows = json.loads((shared / "datasets" / "NAB" / "labels" / "combined_windows.json").read_text())
    inside = [
        any(pd.Timestamp(start) <= time <= pd.Timestamp(end) for start, end in windows["realTraffic/speed_7578.csv"])
        for time in frame["timestamp"]
    ]
    assert parts.test.label[0].tolist() == [int(one) for one in inside[169:]]
    np.testing.assert_allclose(parts.test.x[0, :, 0], frame["value"][169:])


def test_a_flat_series_is_said(shared: Path) -> None:
    source = Nab(path=str(shared / "datasets" / "NAB" / "data" / "artificialNoAnomaly" / "art_flatline.csv")).open()
    assert "1 of 1 feature never changes in the training part (value): kept, only centred" in source.notes


@pytest.mark.parametrize("path", ["", "data", "data/realTraffic"])
def test_windows_hold_both_ends(folder: Path, path: str) -> None:
    source = Nab(path=str(folder / path)).open()
    parts = source.parts(0)
    assert (parts.test.ids, parts.test.length.tolist()) == (("flow", "speed"), [60, 51])
    assert [np.flatnonzero(label).tolist() for label in parts.test.label] == [
        list(range(30, 36)),  # steps 40 to 45, after 10 of 70
        list(range(31, 37)),  # after 9 of 60
    ]


def test_a_missing_or_broken_file_of_windows(folder: Path) -> None:
    windows = folder / "labels" / "combined_windows.json"
    whole = json.loads(windows.read_text())
    windows.write_text(json.dumps({"realTraffic/flow.csv": whole["realTraffic/flow.csv"], "realTraffic/sped.csv": []}))
    assert heard(folder, folder) == (
        "HERE/labels/combined_windows.json: has no windows for 'realTraffic/speed.csv'; did you mean "
        "'realTraffic/sped.csv'? (known: realTraffic/flow.csv, realTraffic/sped.csv)"
    )
    windows.write_text(json.dumps(whole | {"realTraffic/flow.csv": [["2013-01-01", "2013-01-02"]]}))
    assert heard(folder, folder) == (
        "HERE/data/realTraffic/flow.csv: the window 2013-01-01 00:00:00 to 2013-01-02 00:00:00 of "
        "labels/combined_windows.json holds none of its steps"
    )
    for broken in ("[]", "{", '{"a": [["x", "y"]]}', '{"a": [[1]]}'):
        windows.write_text(broken)
        assert heard(folder, folder).startswith(
            "HERE/labels/combined_windows.json: is not a mapping of series to windows such as {"
        )
    windows.unlink()
    assert heard(folder, folder) == (
        "HERE: neither it nor a folder above holds labels/combined_windows.json, where NAB keeps its labels"
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("timestamp,value", "time,value"), "has the columns time, value; a series of NAB has timestamp and value"),
        (("2014-04-01 00:05:00", "noon"), "column 'timestamp', data row 2: 'noon' is no time"),
        (("2014-04-01 00:05:00,", "2014-04-01 00:05:00,x"), "column 'value', data row 2: 'x0."),
    ],
)
def test_broken_series(folder: Path, change: tuple[str, str], text: str) -> None:
    path = folder / "data" / "realTraffic" / "flow.csv"
    path.write_text(path.read_text().replace(*change, 1))
    assert heard(folder, folder).startswith(f"HERE/data/realTraffic/flow.csv: {text}")


def test_times_of_windows(folder: Path) -> None:
    labels = folder / "labels" / "combined_windows.json"
    usual = labels.read_text()
    whole = Nab(path=str(folder)).open().parts(0).test.label
    labels.write_text(usual.replace(".000000", "+00:00"))
    np.testing.assert_array_equal(Nab(path=str(folder)).open().parts(0).test.label, whole)
    labels.write_text(usual.replace('"2014-04-01 03:20:00.000000"', "3", 1))
    assert heard(folder, folder).endswith("(3 is no time)")
    labels.write_text(usual.replace('"2014-04-01 03:20:00.000000"', '"NaT"', 1))
    assert heard(folder, folder).endswith("('NaT' is no time)")


def test_no_series(folder: Path) -> None:
    (folder / "data" / "empty").mkdir()
    assert heard(folder / "data" / "empty", folder).startswith("HERE/data/empty: there is no CSV file in it; NAB's")


def test_a_link_to_a_folder_of_series_finds_their_labels(folder: Path, tmp_path: Path) -> None:
    inside = next(path for path in (folder / "data").iterdir() if path.is_dir())
    (tmp_path / "link").symlink_to(inside)
    assert data_settings(str(tmp_path / "link")) == {"kind": "nab", "path": str(tmp_path / "link")}
    assert Nab(path=str(tmp_path / "link")).open().notes[1:] == Nab(path=str(inside)).open().notes[1:]
