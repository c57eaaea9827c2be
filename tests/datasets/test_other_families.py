"""Tables of public collections as they are laid out there, small and with random numbers: read right, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError

STEPS = 60
ANOMALOUS = (np.arange(STEPS) % 20) > 16
TIMES = pd.date_range("2015-12-28 10:00:00", periods=STEPS, freq="s")


def values(seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).standard_normal(STEPS).cumsum().round(4)


def swat() -> pd.DataFrame:
    """Names with spaces before them, days first, and an attack that is misspelled."""
    label = np.where(ANOMALOUS, "Attack", "Normal").astype(object)
    label[17] = "A ttack"
    times = " " + TIMES.strftime("%d/%m/%Y %-I:%M:%S %p")
    return pd.DataFrame({" Timestamp": times, "FIT101": values(0), " MV101": values(1), "Normal/Attack": label})


def swat_title() -> str:
    return ",P1,,\r\n" + swat().to_csv(index=False, lineterminator="\r\n")


def swat_european() -> str:
    return swat().to_csv(index=False, sep=";", decimal=",")


def wadi() -> str:
    """A line of commas, spaces after names, 1 for normal and -1 for an attack, the date apart from the time."""
    columns = {
        "Row ": np.arange(1, STEPS + 1),
        "Date ": TIMES.strftime("%-m/%-d/%Y"),
        "Time": TIMES.strftime("%-I:%M:%S.000 %p"),
        "1_AIT_001_PV": values(0),
        "2_LS_001_AL": np.nan,
        "Attack LABLE (1:No Attack, -1:Attack)": np.where(ANOMALOUS, -1, 1),
    }
    return f"{',' * 5}\r\n" + pd.DataFrame(columns).to_csv(index=False, lineterminator="\r\n")


def batadal() -> str:
    hours = pd.date_range("2016-07-28", periods=STEPS, freq="h").strftime("%d/%m/%y %H")
    columns = {"DATETIME": hours, " L_T1": values(0), " ATT_FLAG": np.where(ANOMALOUS, 1, -999)}
    return pd.DataFrame(columns).to_csv(index=False)


def hai() -> str:
    columns = {"time": TIMES.strftime("%Y-%m-%d %H:%M:%S"), "P1_B2004": values(0), "attack": ANOMALOUS.astype(int)}
    return pd.DataFrame({**columns, "attack_P1": 0}).to_csv(index=False, sep=";")


def kpi() -> str:
    columns = {"timestamp": 1476460800 + 60 * np.arange(STEPS), "value": values(0), "label": ANOMALOUS.astype(int)}
    names = ("02e99bd4f6cfb33f", "9bd90500bfd11edb", "da403e4e3f87c9e0")
    return pd.concat([pd.DataFrame({**columns, "KPI ID": name}) for name in names]).to_csv(index=False)


def yahoo() -> str:
    columns = {"timestamps": 1416726000 + 3600 * np.arange(STEPS), "value": values(0), "anomaly": ANOMALOUS.astype(int)}
    return pd.DataFrame({**columns, "changepoint": 0, "trend": values(1)}).to_csv(index=False)


def metro() -> str:
    columns = {"timestamp": TIMES, "TP2": values(0), "COMP": 1.0}
    return pd.DataFrame(columns).to_csv()


def genesis() -> str:
    columns = {"Timestamp": 1520000000000 + 50 * np.arange(STEPS), "MotorData.ActCurrent": values(0)}
    return pd.DataFrame({**columns, "Label": 2 * ANOMALOUS}).to_csv(index=False)


def card() -> str:
    return pd.DataFrame({"Time": np.arange(STEPS) // 2, "V1": values(0), "Class": ANOMALOUS.astype(int)}).to_csv(
        index=False
    )


def pump() -> str:
    status = np.where(ANOMALOUS, "RECOVERING", "NORMAL")
    return pd.DataFrame({"timestamp": TIMES, "sensor_00": values(0), "machine_status": status}).to_csv()


def gutentag(folder: Path) -> None:
    """A folder for each series, in it a file for each part."""
    for series in ("ecg-1", "sine-2"):
        (folder / series).mkdir(parents=True)
        for name in ("test", "train_anomaly", "train_no_anomaly"):
            label = ANOMALOUS.astype(int) * (name != "train_no_anomaly")
            columns = {"timestamp": range(STEPS), "value-0": values(len(series + name)), "is_anomaly": label}
            pd.DataFrame(columns).to_csv(folder / series / f"{name}.csv", index=False)


def hai_folder(folder: Path) -> None:
    folder.mkdir()
    for name in ("train1", "train2", "test1", "test2"):
        label = ANOMALOUS.astype(int) * name.startswith("test")
        columns = {"timestamp": TIMES, "P1_B2004": values(ord(name[-1])), "Attack": label}
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)


def many(*, index: bool = False, **columns: Any) -> Callable[[Path], None]:
    """Three files with those columns and one that differs."""

    def write(folder: Path) -> None:
        folder.mkdir()
        for place in range(1, 4):
            pd.DataFrame({**columns, "value": values(place)}).to_csv(folder / f"{place}.csv", index=index)

    return write


def text(made: Callable[[], str]) -> Callable[[Path], None]:
    """Writes what `made` gives."""

    def write(path: Path) -> None:
        path.write_text(made(), newline="")

    return write


def flows() -> str:
    """Flows of three addresses, names with spaces before them, the day first."""
    times = pd.date_range("2017-07-07 08:59", periods=STEPS, freq="12h").strftime("%d/%m/%Y %H:%M")
    columns = {" Timestamp": times, " Flow Duration": values(0), " Label": np.where(ANOMALOUS, "DDoS", "BENIGN")}
    ips = [
        pd.DataFrame({"Flow ID": f"{ip}-6", " Source IP": ip, **columns}) for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    ]
    return pd.concat(ips).to_csv(index=False)


LABEL = ANOMALOUS.astype(int)


def opportunity(folder: Path) -> None:
    """Recordings without a header, seven columns of labels at the end, and a list of the columns beside them."""
    folder.mkdir()
    for place in range(5):
        sensors = np.random.default_rng(place).integers(-900, 900, (STEPS, 243)).astype(float)
        sensors[:, 0] = 33 * np.arange(STEPS)
        sensors[7, 40] = np.nan
        labels = np.zeros((STEPS, 7))
        labels[:, 6] = 406516 * ANOMALOUS
        np.savetxt(folder / f"S{place}-ADL1.dat", np.hstack([sensors, labels]), fmt="%g")
    (folder / "column_names.txt").write_text("Column: 1 MILLISEC\n")


COLLECTIONS: dict[str, Callable[[Path], None]] = {
    "SWaT_Dataset_Attack_v0.csv": text(swat_title),
    "sensor.csv": text(pump),
    "Friday.csv": text(flows),
    "WADI_attackdataLABLE.csv": text(wadi),
    "BATADAL_dataset04.csv": text(batadal),
    "hai-22.04": hai_folder,
    "phase2_train.csv": text(kpi),
    "A3Benchmark": many(timestamps=1416726000 + 3600 * np.arange(STEPS), anomaly=LABEL, changepoint=0),
    "GHL": many(Time=np.arange(STEPS), DANGER=0, FAULT=LABEL, ATTACK=LABEL),
    "gutentag": gutentag,
    "MGAB": many(index=True, is_anomaly=LABEL, is_ignored=0),
    "MetroPT3.csv": text(metro),
    "creditcard.csv": text(card),
    "OpportunityUCIDataset": opportunity,
}
"""What the page on data shows, and how it is written."""


def opened(path: Path, **settings: Any) -> Opened:
    data = pick_data({"path": str(path), **settings})
    assert isinstance(data, DataSpec)
    source = data.open()
    assert isinstance(source, Opened)
    return source


WADI_SAYS = {"series": None, "step": "Row", "ignore": ["Date", "Time", "2_LS_001_AL"], "normal": 1}


@pytest.mark.parametrize(
    ("text", "settings", "features", "classes"),
    [
        (lambda: swat().to_csv(index=False), {}, ("FIT101", "MV101"), ("Normal", "A ttack", "Attack")),
        (swat_title, {}, ("FIT101", "MV101"), ("Normal", "A ttack", "Attack")),
        (swat_european, {}, ("FIT101", "MV101"), ("Normal", "A ttack", "Attack")),
        (wadi, WADI_SAYS, ("1_AIT_001_PV",), ("1", "-1")),
        (batadal, {"normal": -999}, ("L_T1",), ("-999", "1")),
        (hai, {"ignore": ["attack_P1"]}, ("P1_B2004",), ("0", "1")),
        (yahoo, {"features": ["value"]}, ("value",), ("0", "1")),
        (metro, {"label": None}, ("TP2", "COMP"), ("0", "1")),
        (genesis, {}, ("MotorData.ActCurrent",), ("0", "2")),
        (pump, {}, ("sensor_00",), ("NORMAL", "RECOVERING")),
    ],
)
def test_one_series(
    tmp_path: Path, text: Callable[[], str], settings: dict[str, Any], features: tuple[str, ...], classes: Any
) -> None:
    (tmp_path / "one.csv").write_text(text(), newline="")
    parts = opened(tmp_path / "one.csv", **settings).parts(0)
    assert parts.train.features == features
    assert parts.train.classes == classes
    x = np.concatenate([part.x[0, : int(part.length[0]), 0] for part in (parts.train, parts.validation, parts.test)])
    label = np.concatenate(
        [part.label[0, : int(part.length[0])] for part in (parts.train, parts.validation, parts.test)]
    )
    np.testing.assert_allclose(x, values(0), rtol=1e-5)
    np.testing.assert_array_equal(label != 0, ANOMALOUS if settings.get("label", "") is not None else False)


def test_many_series_told_apart_by_their_id(tmp_path: Path) -> None:
    (tmp_path / "phase2_train.csv").write_text(kpi())
    source = opened(tmp_path / "phase2_train.csv")
    assert source.known is not None
    assert source.known.features == ("value",)
    assert source.known.length.tolist() == [STEPS] * 3
    with pytest.raises(DataError, match=r"'KPI ID' tells several series apart, and here a file is one sequence; join"):
        opened(tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("train", "test"),
    [("train1", "test1"), ("train_no_anomaly", "test"), ("pump-train", "pump-test"), ("Training", "Testing")],
)
def test_files_called_train_and_test_give_the_parts(tmp_path: Path, train: str, test: str, ending: str) -> None:
    for name in (train, f"{train}_b", test):
        frame = pd.DataFrame({"timestamp": range(STEPS), "value": values(0), "Attack": ANOMALOUS.astype(int)})
        path = tmp_path / f"{name}.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    source = opened(tmp_path)
    assert source.known is not None
    assert source.known.ids == tuple(sorted((train, f"{train}_b")))
    assert source.parts(0).test.ids == (test,)
    assert "the words train and test in the names of the files or their folders give the parts" in source.notes


def test_a_column_without_a_name_is_no_feature_and_said(tmp_path: Path) -> None:
    frame = pd.DataFrame({"value": values(0), "is_anomaly": ANOMALOUS.astype(int)})
    for name in "abc":
        frame.to_csv(tmp_path / f"{name}.csv")
    said = "the column without a name is left out; to use it as a feature, give it a name"
    for source in (opened(tmp_path), opened(tmp_path / "a.csv", series=None, step=None)):
        assert source.known is not None
        assert source.known.features == ("value",)
        assert said in source.notes
    asked = opened(tmp_path / "a.csv", series=None, step=None, features=["Unnamed: 0", "value"])
    assert asked.known is not None
    assert asked.known.x[0, :3, 0].tolist() == [0, 1, 2]
    assert said not in asked.notes
    wide = pd.DataFrame({"label": [0, 1] * 3, **{f"t{step}": values(step)[:6] for step in range(4)}})
    wide.to_csv(tmp_path / "wide.csv")
    rows = opened(tmp_path / "wide.csv", rows="sequences").known
    assert rows is not None
    assert rows.length.tolist() == [4] * 6


def test_an_index_of_times_without_a_name_orders_the_steps(tmp_path: Path) -> None:
    frame = pd.DataFrame({"value": values(0), "label": ANOMALOUS.astype(int)})
    frame.set_index(pd.DatetimeIndex(TIMES)).to_csv(tmp_path / "times.csv")
    source = opened(tmp_path / "times.csv")
    assert source.parts(0).train.features == ("value",)
    assert source.notes[0].startswith("times.csv is one series in the order of 'Unnamed: 0'")
    assert "a step is every 1 s (median)" in source.notes
    frame.to_csv(tmp_path / "numbers.csv")
    with pytest.raises(DataError, match=r"numbers.csv: there is no column 'series'"):
        opened(tmp_path / "numbers.csv")


def long(path: Path, above: str = "") -> Path:
    """A long table below some lines, with a column without a name at its end."""
    rows = "".join(
        f"{name}; {step} ;{int(ok)};on;{x};\n"
        for name in "abcd"
        for step, (x, ok) in enumerate(zip(values(ord(name)), ANOMALOUS, strict=True))
    )
    path.write_text(f"{above}series ;step;label; state;x;\n{rows}")
    return path


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("", ()),
        ("sep=;\n", ("long.csv: its first line holds no names of columns: left out",)),
        ("# made on Monday\n\n;;;;;\n", ("long.csv: its first 3 lines hold no names of columns: left out",)),
    ],
)
def test_lines_above_the_header_are_left_out_in_memory_and_mapped(
    tmp_path: Path, above: str, said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    path = str(long(tmp_path / "long.csv", above))
    read = opened(Path(path), ignore=["state"])
    data = pick_data({"path": path, "ignore": ["state"], "mapped": True})
    assert isinstance(data, DataSpec)
    mapped = data.open()
    assert isinstance(mapped, MappedSource)
    for source in (read, mapped):
        notes = [note for note in source.notes if "mapped" not in note]
        assert tuple(notes[: len(said)]) == said
        assert notes[-1] == "the column without a name is left out; to use it as a feature, give it a name"
        assert source.parts(0).train.features == ("x",)
    np.testing.assert_array_equal(read.parts(0).train.x, mapped.parts(0).train.x)
    np.testing.assert_array_equal(read.parts(0).test.label, mapped.parts(0).test.label)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "KDDTrain.csv",
            "0,181,5450,0.11,normal,20\n0,239,486,0.05,neptune,21\n",
            "its first line holds values (0, 181, 5450, 0.11, ..) and no names of columns; put a line with a name for "
            "each column above it",
        ),
        (
            "ecg.csv",
            "-0.11,0.5,1.0\n-0.2,0.5,0.0\n",
            "its first line holds values (-0.11, 0.5, 1.0) and no names of columns; put a line with a name for each "
            "column above it",
        ),
        (
            "WADI.csv",
            "timestamp,label,x,y\n0,0,,1\n1,0,,2\n",
            "WADI.csv: 1 column has no value in any row; leave out with ignore (--ignore 'x')",
        ),
        (
            "parts.csv",
            "series,step,label,x,split\na,0,0,1,train\na,1,0,2,test\n",
            "parts.csv: column 'split', data row 1: 'train' is not a number; correct it, or name the column with "
            "--part if it says which rows train and test",
        ),
        (
            "flows.csv",
            " Flow Duration, Fwd Header Length, Fwd Header Length, Label\n1,2,2,BENIGN\n",
            "cannot be read as csv: two columns are called 'Fwd Header Length'; rename one",
        ),
    ],
)
def test_what_has_no_names_or_doubles(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        opened(tmp_path / name)
    assert str(error.value).removeprefix(f"{tmp_path / name}: ") == said


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("mapped", [False, True])
def test_several_anomalies_become_one_class(
    tmp_path: Path, ending: str, mapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    labels = np.where(np.arange(STEPS) % 3 == 1, "DDoS", np.where(np.arange(STEPS) % 3 == 2, "Bot", "BENIGN"))
    frame = pd.concat([pd.DataFrame({"series": name, "step": range(STEPS), "label": labels}) for name in "abcd"])
    frame = frame.assign(x=np.arange(len(frame)) / 7)
    path = tmp_path / f"flows.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    data = pick_data({"path": str(path), "normal": "BENIGN", "binary": True, "mapped": mapped})
    assert isinstance(data, DataSpec)
    assert data.name == "flows(normal=BENIGN,binary=True)"
    test = data.open().parts(0).test
    assert test.classes == ("0", "1")
    assert test.label[0].tolist() == [int(step % 3 > 0) for step in range(STEPS)]


def test_what_is_to_be_ignored_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"long.csv: there is no column 'stat' to ignore; did you mean 'state'"):
        opened(long(tmp_path / "long.csv"), ignore=["stat"])
    assert pick_data({"path": str(tmp_path / "long.csv"), "ignore": ["state"]}) != pick_data(str(tmp_path / "long.csv"))
