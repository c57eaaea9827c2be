"""The Tennessee Eastman files of Braatz: counts of the real runs, the turned file, labels and broken files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.braatz import Braatz
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    samples["braatz"](tmp_path / "TEP")
    return tmp_path / "TEP"


def heard(folder: Path) -> str:
    with pytest.raises(DataError) as error:
        Braatz(path=str(folder)).open()
    return str(error.value).replace(str(folder), "HERE")


def test_the_counts_of_the_readme(shared: Path) -> None:
    source = Braatz(path=str(shared / "datasets" / "TEP_Braatz"), label="fault").open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    names = ("normal", *(f"fault{number}" for number in (1, 2, 4, 5, 6, 11, 14)))
    assert known.ids == test.ids == known.classes == test.classes == names
    assert known.length.tolist() == [500, *[480] * 7]
    assert test.length.tolist() == [960] * 8
    assert known.x.shape[2] == 52
    for place in range(8):
        assert set(known.label[place, :480]) == {place}
        assert test.label[place].tolist() == [0] * 160 + [place] * 800
    assert "d00.dat: its 52 rows are the channels, so it is turned" in source.notes


def test_the_turned_file(shared: Path) -> None:
    known = Braatz(path=str(shared / "datasets" / "TEP_Braatz")).open().known
    assert known is not None
    rows = np.loadtxt(shared / "datasets" / "TEP_Braatz" / "d00.dat")
    np.testing.assert_allclose(known.x[0], rows.T, rtol=1e-6)
    assert known.features[0] == "xmeas_1"
    assert known.features[-1] == "xmv_11"


@pytest.mark.parametrize(("label", "codes"), [("label", {0, 1}), ("fault", {0, 1, 2})])
def test_labels(folder: Path, label: Any, codes: set[int]) -> None:
    parts = Braatz(path=str(folder), label=label).open().parts(0)
    assert set(parts.train.label[parts.train.mask]) == codes
    assert parts.train.label[0].tolist() == [0] * parts.train.x.shape[1]
    assert parts.test.length.tolist() == [170, 181, 194]
    assert (parts.test.label != 0).sum(axis=1).tolist() == [0, 21, 34]


def test_broken_files(folder: Path) -> None:
    (folder / "d01.dat").write_text("1 2 3\n")
    assert heard(folder) == "HERE/d01.dat: has 1 rows of 3 values; one of both must be 52"
    (folder / "d01_te.dat").unlink()
    assert heard(folder) == (
        "HERE: there is no d01_te.dat in it; each fault has a training file dNN.dat and a test file dNN_te.dat"
    )
    assert heard(folder.parent) == f"{folder.parent}: there is no file such as d00.dat in it".replace(
        str(folder.parent), "HERE"
    )
