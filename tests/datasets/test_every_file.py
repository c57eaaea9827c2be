"""Every file of the shared collection is read with at most a setting of its family, and has what its README states."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seqanomaly.datasets.family import Family
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Held:
    """What a data set holds: series, steps and anomalous share (%) that are known, and of the test part, if given."""

    kind: str
    known: tuple[int, int, float]
    test: tuple[int, int, float] | None
    channels: int


EVERY: dict[str, tuple[dict[str, Any], Held]] = {
    "NAB": ({}, Held("nab", (16, 7_976, 0.0), (16, 70_530, 9.91), 1)),
    "UCR_Anomaly": ({}, Held("ucr", (4, 40_100, 0.0), (4, 62_196, 1.36), 1)),
    "ServerMachineDataset": ({}, Held("smd", (2, 47_381, 0.0), (2, 47_383, 10.29), 38)),
    "ServerMachineDataset/test/machine-1-6.txt.gz": ({}, Held("smd", (1, 23_688, 0.0), (1, 23_689, 15.65), 38)),
    "ServerMachineDataset/train/machine-2-1.txt.gz": ({}, Held("smd", (1, 23_693, 0.0), (1, 23_694, 4.94), 38)),
    "SMAP_MSL": ({"spacecraft": "SMAP"}, Held("smap", (2, 1_387, 0.0), (2, 9_146, 1.01), 25)),
    "SMAP_MSL ": ({"spacecraft": "MSL"}, Held("smap", (4, 2_877, 0.0), (4, 6_493, 5.58), 55)),
    "SMAP_MSL/test/T-9.npy": ({}, Held("smap", (1, 439, 0.0), (1, 1_096, 10.22), 55)),
    "SKAB": ({}, Held("skab", (15, 16_100, 34.24), None, 8)),
    "SKAB/valve2/0.csv": ({}, Held("skab", (1, 400, 0.0), (1, 725, 54.34), 8)),
    "SKAB/anomaly-free/anomaly-free.csv": (
        {"label": None},
        Held("file", (1, 6_584, 0.0), (1, 2_821, 0.0), 8),
    ),
    "CMAPSSData": ({}, Held("cmapss", (100, 20_631, 15.03), (100, 13_096, 2.54), 24)),
    "TEP_Braatz": ({}, Held("braatz", (8, 3_860, 87.05), (8, 7_680, 72.92), 52)),
    "TEP_sim": ({}, Held("tep", (44, 10_542, 48.98), (22, 5_275, 48.15), 53)),
    "TEP_sim ": ({"subset": "episodes"}, Held("tep", (120, 9_600, 50.0), (84, 6_720, 50.0), 53)),
    "TSB-AD": ({"dataset": "NAB"}, Held("tsb_ad", (1, 1_007, 0.0), (1, 3_024, 11.34), 1)),
    "TSB-AD ": ({"dataset": "MSL"}, Held("tsb_ad", (1, 500, 0.0), (1, 1_327, 0.83), 55)),
    "TSB-UAD": ({}, Held("tsb_uad", (1, 23_040, 4.62), (1, 207_360, 9.23), 1)),
    "aeon/UnitTest/ecg-diff-count-3_TRAIN_A.csv": ({}, Held("aeon", (1, 10_000, 3.0), (1, 10_000, 3.0), 1)),
    "aeon/UnitTest/ecg-diff-count-3_TRAIN_NA.csv": ({}, Held("aeon", (1, 10_000, 0.0), (1, 10_000, 3.0), 1)),
    "aeon/GunPoint": ({"normal": "1"}, Held("ts", (50, 7_500, 52.0), (150, 22_500, 49.33), 1)),
    "aeon/UnitTest/UnitTest_TEST.ts": ({"normal": "1"}, Held("ts", (20, 480, 50.0), (22, 528, 45.45), 1)),
    "aeon/Daphnet_S06R02E0": ({}, Held("aeon", (1, 3_520, 0.0), (1, 3_520, 0.0), 9)),
    "aeon/KDD-TSAD_135": ({}, Held("aeon", (1, 1_200, 0.0), (1, 6_301, 0.19), 1)),
    "RobotExecutionFailures": ({}, Held("robot", (88, 1_320, 76.14), None, 6)),
    "RobotExecutionFailures/lp4.data": ({}, Held("robot", (116, 1_740, 79.31), None, 6)),
}
BESIDE = ("LICENSE", "LICENSE.txt", "README.md", "readme.txt", "robotFailureInformation.txt", "combined_labels.json")
"""Files that hold no data."""


def opened(value: dict[str, Any]) -> DataSpec:
    found = pick_data(value)
    assert isinstance(found, DataSpec)
    return found


@pytest.mark.parametrize("name", EVERY)
def test_counts(shared: Path, name: str) -> None:
    settings, held = EVERY[name]
    spec = opened({"path": str(shared / "datasets" / name.strip()), **settings})
    source = spec.open()
    assert spec.kind == held.kind
    parts = source.parts(0)
    test = parts.test if source.official_test else None
    assert source.known is not None
    for part, expected in ((source.known, held.known), (test, held.test)):
        assert (part is None) == (expected is None)
        if part is not None and expected is not None:
            anomalous = round(100 * float((part.label[part.mask] != 0).mean()), 2)
            assert (len(part), int(part.length.sum()), anomalous) == expected
            assert part.x.shape[2] == held.channels


def test_no_file_is_left_out(shared: Path) -> None:
    root, seen = shared / "datasets", set()
    for name, (settings, _) in EVERY.items():
        spec = opened({"path": str(root / name.strip()), **settings})
        assert isinstance(spec, Family | FileData)
        seen |= set(spec.files()) if isinstance(spec, Family) else {spec.table()}
    others = {path for path in root.rglob("*") if path.is_file() and path.name not in BESIDE} - seen
    kept = {path.relative_to(root).parts[0] for path in others}
    assert kept == {"quirks", "ServerMachineDataset"}
    assert {path.parent.name for path in others} == {"quirks", "interpretation_label"}


def test_the_quirks_are_read_in_the_place_of_what_they_are(shared: Path, tmp_path: Path) -> None:
    usual, quirks = shared / "datasets" / "CMAPSSData", shared / "datasets" / "quirks"
    shutil.copy(quirks / "cmapss_header_26sensors_21columns.txt", tmp_path / "train_FD001.txt")
    test = (usual / "test_FD001.txt").read_text().splitlines(keepends=True)
    left = (quirks / "cmapss_RUL_with_header.txt").read_text().split()[1:]
    (tmp_path / "test_FD001.txt").write_text("".join(line for line in test if int(line.split()[0]) <= len(left)))
    shutil.copy(quirks / "cmapss_RUL_with_header.txt", tmp_path / "RUL_FD001.txt")
    source = opened({"path": str(tmp_path)}).open()
    assert source.known is not None
    assert len(source.parts(0).test) == len(left)
    assert sum("its first row holds names and was left out" in note for note in source.notes) == 2
