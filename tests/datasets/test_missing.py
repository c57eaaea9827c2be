"""Every family takes missing values where its policy says what to do with them, and names the policy where not."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.family import Family
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import DATASETS, pick_data
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]
FAMILIES = [kind for kind, data in DATASETS.items() if issubclass(data, Family)]
REMEDY = "fill it, or set missing: drop, ffill, interpolate or mask"


def in_line(name: str, line: int, place: int, separator: str, word: str = "nan") -> Callable[[Path], None]:
    """A change of the number at `place` in a line of a text file."""

    def change(folder: Path) -> None:
        path = folder / name
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        lines = text.splitlines()
        words = re.split(f"({separator})", lines[line])
        words[2 * place] = word
        lines[line] = "".join(words)
        path.unlink()
        path.with_suffix("" if path.suffix == ".gz" else path.suffix).write_text("\n".join(lines) + "\n")

    return change


def in_array(name: str, key: str | None, *place: int) -> Callable[[Path], None]:
    """A change of one number in an array."""

    def change(folder: Path) -> None:
        path = folder / name
        if key is None:
            array = np.load(path)
            array[place] = np.nan
            np.save(path, array)
            return
        with np.load(path) as found:
            arrays = {name: found[name] for name in found.files}
        arrays[key][place] = np.nan
        np.savez(path, **arrays)

    return change


CHANGES: dict[str, tuple[Callable[[Path], None], dict[str, Any]]] = {
    "skab": (in_line("valve1/0.csv", 5, 1, ";", ""), {}),
    "nab": (in_line("data/realTraffic/speed.csv", 5, 1, ","), {}),
    "ucr": (in_line("001_UCR_Anomaly_one_20_30_33.txt", 5, 0, " "), {}),
    "smd": (in_line("train/machine-1-1.txt", 5, 3, ","), {}),
    "smap": (in_array("test/P-1.npy", None, 5, 3), {"spacecraft": "SMAP"}),
    "braatz": (in_line("d01.dat", 5, 3, " "), {}),
    "tsb_ad": (in_line("001_NAB_id_1_Facility_tr_20_1st_30.csv", 5, 1, ","), {}),
    "tsb_uad": (in_line("1.out", 5, 0, ","), {}),
    "ts": (in_line("made_TRAIN.ts", 7, 2, "[,:]", "?"), {}),
    "aeon": (in_line("made_TEST.csv", 35, 2, ",", ""), {}),
    "numpy": (in_array("made.npz", "x", 3, 5, 1), {}),
    "folder": (in_line("site0/2.csv", 3, 0, ",", "NA"), {}),
    "cmapss": (in_line("train_FD001.txt.gz", 5, 7, " "), {}),
    "tep": (in_line("tep_sim_train.csv.gz", 5, 7, ","), {}),
    "robot": (in_line("lp1.data.gz", 3, 2, r"\s+"), {}),
}
"""Of the families whose tests in `formats/` declare no `SAMPLE`."""


def changed(kind: str, samples: Samples, declared: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings of a family whose files lack one value."""
    if kind in declared:
        sample = declared[kind]
        sample.require()
        if sample.lack is None:
            pytest.skip(f"no value of {kind} can be missing")
        sample.write(folder)
        sample.lack(folder)
        return dict(sample.opened_with(folder))
    change, settings = CHANGES[kind]
    if kind in samples:
        samples[kind](folder)
    else:
        folder.mkdir()
        for path in (SHIPPED / kind).iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
    change(folder)
    return {"kind": kind, "path": str(folder / "made.npz" if kind == "numpy" else folder), **settings}


def opened(settings: dict[str, Any]) -> Opened:
    data = pick_data(settings)
    assert isinstance(data, DataSpec)
    source = data.open()
    assert isinstance(source, Opened)
    return source


def test_all_families_are_tested(declared: Mapping[str, Any]) -> None:
    assert set(CHANGES) == set(FAMILIES) - set(declared)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_missing_value(kind: str, samples: Samples, declared: Mapping[str, Any], tmp_path: Path) -> None:
    settings = changed(kind, samples, declared, tmp_path / "here")
    with pytest.raises(DataError) as error:
        opened(settings)
    assert REMEDY in str(error.value)
    assert "\n" not in str(error.value)
    steps = []
    for missing in ("mask", "ffill", "interpolate", "drop"):
        source = opened({**settings, "missing": missing})
        assert any(note.startswith("missing values: 1 step (") for note in source.notes), source.notes
        assert source.counts["missing_values"] == 1
        parts = [part for part in (source.loaded.known, source.loaded.test) if part is not None]
        assert all(np.isfinite(part.x).all() for part in parts)
        masked = sum(int((part.real & ~part.mask).sum()) for part in parts)
        assert masked == (missing == "mask"), "what comes before has a value"
        steps.append(sum(int(part.length.sum()) for part in parts))
    assert steps == [steps[0]] * 3 + [steps[0] - 1]
