"""What a path without a kind is taken for."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import DATASETS, FAMILIES, data_settings, pick_data, recognise
from seqanomaly.errors import ConfigError

Samples = Mapping[str, Callable[[Path], None]]
REAL: dict[str, tuple[str, dict[str, Any]]] = {
    "NAB": ("nab", {}),
    "NAB/data": ("nab", {}),
    "NAB/data/realTraffic": ("nab", {}),
    "NAB/data/realTraffic/speed_7578.csv": ("nab", {}),
    "UCR_Anomaly": ("ucr", {}),
    "UCR_Anomaly/135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.txt": ("ucr", {}),
    "ServerMachineDataset": ("smd", {}),
    "SMAP_MSL": ("smap", {}),
    "SKAB": ("skab", {}),
    "SKAB/valve1": ("skab", {}),
    "SKAB/valve1/0.csv": ("skab", {"split": "usual"}),
    "SKAB/anomaly-free/anomaly-free.csv": (
        "file",
        {"series": None, "step": "datetime", "guessed": ["series", "step"]},
    ),
    "CMAPSSData": ("cmapss", {}),
    "TEP_Braatz": ("braatz", {}),
    "TEP_sim": ("tep", {}),
    "TSB-AD": ("tsb_ad", {}),
    "TSB-AD/TSB-AD-U": ("tsb_ad", {}),
    "TSB-AD/TSB-AD-M/002_MSL_id_1_Sensor_tr_500_1st_900.csv": ("tsb_ad", {}),
    "TSB-UAD": ("tsb_uad", {}),
    "TSB-UAD/MBA_ECG805_data.out.gz": ("tsb_uad", {}),
    "aeon/GunPoint": ("ts", {}),
    "aeon/GunPoint/GunPoint_TEST.ts": ("ts", {}),
    "aeon/KDD-TSAD_135": ("aeon", {}),
    "aeon/UnitTest/ecg-diff-count-3_TRAIN_NA.csv": ("aeon", {"part": "TRAIN_NA"}),
    "aeon/Daphnet_S06R02E0/S06R02E0.csv": ("aeon", {}),
    "RobotExecutionFailures": ("robot", {}),
    "RobotExecutionFailures/lp4.data": ("robot", {"subset": "lp4"}),
}


@pytest.mark.parametrize("path", REAL)
def test_real_files_are_recognised(shared: Path, path: str) -> None:
    place, (kind, settings) = str(shared / "datasets" / path), REAL[path]
    assert recognise(place) == {"kind": kind, "path": place, **settings}


def test_a_file_of_an_engine_set_names_its_folder_and_subset(shared: Path) -> None:
    folder = shared / "datasets" / "CMAPSSData"
    found = recognise(str(folder / "test_FD001.txt"))
    assert found == {"kind": "cmapss", "path": str(folder), "subset": "FD001"}


@pytest.mark.parametrize(
    ("path", "kind", "settings"),
    [
        ("ServerMachineDataset/train/machine-1-6.txt.gz", "smd", {"machine": "machine-1-6"}),
        ("ServerMachineDataset/test_label", "smd", {}),
        ("SMAP_MSL/test/T-8.npy", "smap", {"channels": ["T-8"]}),
        ("SMAP_MSL/train", "smap", {}),
        ("SMAP_MSL/labeled_anomalies.csv", "smap", {}),
        ("TEP_Braatz/d01_te.dat.gz", "braatz", {}),
    ],
)
def test_a_file_of_several_names_its_folder(shared: Path, path: str, kind: str, settings: dict[str, Any]) -> None:
    root = shared / "datasets" / path.split("/")[0]
    assert recognise(str(shared / "datasets" / path)) == {"kind": kind, "path": str(root), **settings}


def test_a_folder_of_data_sets_names_them(shared: Path) -> None:
    with pytest.raises(ConfigError) as error:
        pick_data(str(shared / "datasets" / "aeon"))
    assert str(error.value).removeprefix(str(shared / "datasets")) == (
        "/aeon: is no data set itself and holds folders that are: Daphnet_S06R02E0 (aeon), GunPoint (ts), KDD-TSAD_135 "
        "(aeon), UnitTest (ts or aeon); name one of them"
    )


def test_every_family_recognises_its_files(samples: Samples, tmp_path: Path) -> None:
    for kind, write in samples.items():
        write(tmp_path / kind)
        path = next((tmp_path / kind).glob("*.npz"), tmp_path / kind)
        data = pick_data(str(path)) if kind != "smap" else pick_data({"path": str(path), "spacecraft": "SMAP"})
        assert isinstance(data, DataSpec)
        assert data.kind == kind
        notes = data.open().notes
        assert notes[0] == f"{path.name} is read as {DATASETS[kind].title} (kind: {kind})"  # type: ignore[attr-defined]


def test_declared_samples_are_recognised(declared: Mapping[str, Any], tmp_path: Path) -> None:
    for kind, sample in declared.items():
        if sample.needs is None or importlib.util.find_spec(sample.needs) is not None:
            sample.write(tmp_path / kind)
            path = str(tmp_path / kind / sample.path)
            if kind != "numbers":  # which is asked for, as no file says which column is the label
                assert recognise(path)["kind"] == kind


def test_other_subsets(tmp_path: Path) -> None:
    for folder, name in (("a", "train_FD003.txt"), ("b", "lp5.data"), ("c", "tep_episodes_train.csv")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("")
    assert recognise(str(tmp_path / "a")) == {"kind": "cmapss", "path": str(tmp_path / "a"), "subset": "FD003"}
    assert recognise(str(tmp_path / "b")) == {"kind": "robot", "path": str(tmp_path / "b"), "subset": "lp5"}
    assert recognise(str(tmp_path / "c")) == {"kind": "tep", "path": str(tmp_path / "c"), "subset": "episodes"}


def test_settings_that_are_given_stay(tmp_path: Path) -> None:
    (tmp_path / "train_FD003.txt").write_text("")
    given = {"path": str(tmp_path), "subset": "FD004", "horizon": 10}
    assert data_settings(given) == {"kind": "cmapss", **given}


def test_a_table_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("series,step,label,x\n")
    assert recognise(str(tmp_path / "mine.csv"))["kind"] == "file"
    assert recognise(str(tmp_path))["kind"] == "folder"
    assert recognise(str(tmp_path / "no.csv"))["kind"] == "file"


@pytest.mark.parametrize(
    ("header", "wide"),
    [
        ("label,0,1,2", True),
        ("series,label,t1,t2,t3", True),
        ('"t0";"t1";"t2";"label"', True),
        ("label,0,1,3", False),
        ("label,2,3,4", False),
        ("label,t0,u1,t2", False),
        ("label,step,x0,x1", False),
        ("0,1,2", False),
        ("label,0", False),
    ],
)
def test_a_table_with_a_sequence_per_row(tmp_path: Path, header: str, wide: bool) -> None:
    (tmp_path / "mine.csv").write_text(f"{header}\n")
    path = str(tmp_path / "mine.csv")
    assert recognise(path) == {"kind": "file", "path": path, **({"rows": "sequences"} if wide else {})}


def test_ambiguity_names_the_candidates(shared: Path) -> None:
    with pytest.raises(ConfigError) as error:
        pick_data(str(shared / "datasets" / "aeon" / "UnitTest"))
    assert str(error.value).removeprefix(str(shared / "datasets" / "aeon")) == (
        "/UnitTest: could be cases in a .ts file (ts) or an anomaly detection series of aeon (aeon); say what it is "
        "with kind: one of ts, aeon"
    )


def test_nothing_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        pick_data({"path": str(tmp_path)})
    assert str(error.value) == (
        f"{tmp_path}: holds no data that is recognised; say what it is with kind: one of "
        f"{', '.join([*FAMILIES, 'folder'])}"
    )


def test_a_data_set_some_folders_down_is_found(samples: Samples, tmp_path: Path) -> None:
    samples["smd"](tmp_path / "archive" / "one" / "ServerMachineDataset")
    (tmp_path / "archive" / "README.md").write_text("what it is")
    for name in (".git", "__MACOSX"):
        (tmp_path / "archive" / name).mkdir()
    found = {"kind": "smd", "path": str(tmp_path / "archive" / "one" / "ServerMachineDataset")}
    assert recognise(str(tmp_path / "archive")) == found
    samples["smd"](tmp_path / "archive" / "two" / "ServerMachineDataset")
    with pytest.raises(
        ConfigError, match=r"one/ServerMachineDataset \(smd\), two/ServerMachineDataset \(smd\); name one"
    ):
        recognise(str(tmp_path / "archive"))


def test_hidden_files_are_no_data(samples: Samples, tmp_path: Path) -> None:
    samples["nab"](tmp_path / "NAB")
    series = next((tmp_path / "NAB" / "data").glob("*/*.csv"))
    before = data_settings(str(tmp_path / "NAB"))
    (series.parent / f"._{series.name}").write_bytes(b"\0\5\x16\7")
    copies = series.parent / ".ipynb_checkpoints"
    copies.mkdir()
    (copies / series.name).write_bytes(series.read_bytes())
    assert data_settings(str(tmp_path / "NAB")) == before
    data = pick_data(before)
    assert isinstance(data, DataSpec)
    assert not any("checkpoints" in name for name in data.open().parts(0).test.ids)


def test_the_traces_in_a_folder_of_event_logs(tmp_path: Path) -> None:
    (tmp_path / "Event_traces.csv").write_text('BlockId,Label,Features\nb1,Success,"[E5,E22]"\n')
    (tmp_path / "anomaly_label.csv").write_text("BlockId,Label\nb1,Normal\n")
    assert recognise(str(tmp_path))["path"] == str(tmp_path / "Event_traces.csv")


def test_a_folder_with_the_name_of_a_family_is_a_path(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_settings("smd") == {"kind": "smd"}  # there is none, so its path is missing
    samples["smd"](tmp_path / "smd")
    (tmp_path / "robot").mkdir()
    assert data_settings("smd") == {"kind": "smd", "path": "smd"}
    assert data_settings("robot") == {"kind": "robot"}  # what ships needs no path


def test_the_home_folder(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    samples["ucr"](tmp_path / "ucr")
    found = {"kind": "ucr", "path": str(tmp_path / "ucr")}
    assert (
        data_settings("~/ucr")
        == data_settings({"path": "~/ucr"})
        == data_settings({"kind": "ucr", "path": "~/ucr"})
        == found
    )
    assert data_settings("~nobody-of-this-name/ucr") == {"kind": "file", "path": "~nobody-of-this-name/ucr"}


def test_what_may_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, text = tmp_path / "a" / "closed", Path.is_file
    closed.mkdir(parents=True)
    (tmp_path / "a" / "open").mkdir()

    def is_file(path: Path) -> bool:
        if closed in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return text(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    with pytest.raises(ConfigError) as error:
        recognise(str(tmp_path / "a"))
    assert str(error.value).endswith("labels/combined_windows.json: cannot be opened (Permission denied)")
    with pytest.raises(ConfigError, match="holds no data that is recognised"):  # further down it is no data set
        recognise(str(tmp_path))


def test_an_empty_first_line_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n1,2\n")
    assert recognise(str(tmp_path)) == {"kind": "folder", "path": str(tmp_path)}
    assert recognise(str(tmp_path / "a.csv"))["kind"] == "file"


@pytest.mark.parametrize("name", ["id", "KPI ID", "name"])
def test_a_wide_table_whose_sequences_have_names(tmp_path: Path, name: str) -> None:
    rows = [f"p{place},{place},{place + 1}.5,2,{place % 2}" for place in range(6)]
    (tmp_path / "mine.csv").write_text("\n".join([f"{name},t0,t1,t2,label", *rows]))
    path = str(tmp_path / "mine.csv")
    found = {"kind": "file", "path": path, "rows": "sequences", "series": name, "guessed": ["series"]}
    assert recognise(path) == found
    data = pick_data(path)
    assert isinstance(data, DataSpec)
    source = data.open()
    assert f"series are told apart by the column {name!r}" in source.notes
    assert isinstance(source, Opened)
    assert source.loaded.known.ids == tuple(f"p{place}" for place in range(6))
    assert source.loaded.known.x[2, :, 0].tolist() == [2, 3.5, 2]
