"""MATLAB files as SciPy writes them: versions, shapes, and what is refused."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from seqanomaly.datasets.formats.matlab import Matlab, read_matlab
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

X = np.random.default_rng(0).standard_normal((40, 3))
Y = (np.arange(40)[:, None] % 8 == 7).astype(float)
VERSIONS: list[dict[str, Any]] = [{}, {"do_compression": True}, {"format": "4"}]


def mat(folder: Path, how: dict[str, Any] | None = None, **arrays: Any) -> Path:
    savemat(folder / "a.mat", arrays, **(how or {}))
    return folder / "a.mat"


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    y = np.tile([0, 0, 0, 0, 1, 1], (20, 1)) * (np.arange(20) % 2)[:, None]
    x = np.random.default_rng(1).standard_normal((20, 6, 2))
    savemat(folder / "satellite.mat", {"X": x, "y": y}, do_compression=True)


def lack(folder: Path) -> None:
    whole = read_matlab(folder / "satellite.mat")
    x = whole["X"].copy()
    x[3, 2, 1] = np.nan
    savemat(folder / "satellite.mat", {"X": x, "y": whole["y"]})


SAMPLE = {"kind": "matlab", "write": write, "path": "satellite.mat", "lack": lack}


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Matlab(path=str(path), **settings).open()
    return str(error.value).replace(str(path), "HERE")


@pytest.mark.parametrize("how", VERSIONS)
def test_a_table_is_one_series_or_its_rows_are_sequences(tmp_path: Path, how: dict[str, Any]) -> None:
    path = mat(tmp_path, how, X=X, y=Y)
    assert recognise(str(path)) == {"kind": "matlab", "path": str(path)}
    source = Matlab(path=str(path)).open()
    test = source.parts(0).test
    np.testing.assert_array_equal(test.x[0], X[-12:].astype(np.float32))
    assert test.label[0].tolist() == Y[-12:, 0].tolist()
    assert source.notes[1:3] == (
        "a row of X is a step of one series and its columns are features (rows: sequences says otherwise)",
        "test is the last 30% of each series: 12 steps",
    )
    rows = Matlab(path=str(path), rows="sequences").open()
    assert rows.known is not None
    assert rows.known.x.shape == (40, 3, 1)
    assert rows.known.label[7].tolist() == [1, 1, 1]
    assert rows.notes[1] == "a row of X is a sequence and its columns are the steps (rows: sequences)"


@pytest.mark.parametrize("how", VERSIONS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "i2", "u2", "u1", "bool"])
def test_types_of_numbers(tmp_path: Path, how: dict[str, Any], dtype: str) -> None:
    values = (X * 50 + 100).astype(dtype)
    found = read_matlab(mat(tmp_path, how, text="left out", X=values, y=Y.T, extra=X))
    np.testing.assert_array_equal(found["X"], values)
    np.testing.assert_array_equal(found["y"], Y.T)
    assert list(found) == ["text", "X", "y", "extra"]


def test_as_matlab_of_other_machines_writes_it(tmp_path: Path) -> None:
    """Version 5 with the high byte first, and doubles that are whole numbers in the least bytes."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    def matrix(name: bytes, rows: int, values: bytes, kind: int) -> bytes:
        flags, shape = element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">ii", rows, 1))
        short = struct.pack(">HH4s", len(name), 1, name)
        return element(14, flags + shape + short + element(kind, values))

    head = b"MATLAB 5.0 MAT-file, Platform: SOL2".ljust(124) + b"\x01\x00MI"
    labels = bytes(k % 2 for k in range(9))
    packed = zlib.compress(matrix(b"y", 9, labels, 2))
    x = matrix(b"x", 9, struct.pack(">9h", *range(0, 900, 100)), 3)
    (tmp_path / "a.mat").write_bytes(head + x + struct.pack(">II", 15, len(packed)) + packed)
    found = read_matlab(tmp_path / "a.mat")
    assert found["x"][:, 0].tolist() == list(range(0, 900, 100))
    assert found["y"][:, 0].tolist() == list(labels)


def test_parts_and_sequences(tmp_path: Path) -> None:
    x = X[:36].reshape(6, 2, 9)
    source = Matlab(path=str(mat(tmp_path, X_train=x, y_train=[0, 1, 0, 0, 2, 0], X_test=x, y_test=[0] * 6))).open()
    assert source.notes[1] == "the arrays x_train and x_test give the parts"
    assert source.parts(0).test.label.tolist() == [[0, 0]] * 6
    none = Matlab(path=str(mat(tmp_path, X=X)), labels="none").open()
    assert "no column holds labels, so all steps are taken as normal" in none.notes


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"X": X}, "a.mat: there is no array 'y'; it holds x, needed are x and y, or x_train, y_train, x_test and"),
        ({"X": {"a": 1}, "y": Y}, "HERE: X is a struct and no array of numbers; save an array of class double"),
        ({"X": np.array([X, "a"], object), "y": Y}, "HERE: X is a cell array and no array of numbers; save an array"),
        ({"X": "text", "y": Y}, "HERE: X is text and no array of numbers; save an array of class double"),
        ({"X": csc_matrix(X), "y": Y}, "HERE: X is a sparse matrix and no array of numbers; save it with full(..)"),
        ({"X": X + 1j, "y": Y}, "HERE: X is complex numbers and no array of numbers; save an array of class double"),
        ({"X": X, "x": X, "y": Y}, "a.mat: holds two arrays of one name (X, x, y); rename one of them"),
        ({"X": X, "y": Y / 2}, "a.mat: y holds 0 to 0.5; labels are whole numbers from 0 on"),
        ({"X": X + np.nan, "y": Y}, "a.mat: x: the value at [0, 0] is missing (nan)"),
    ],
)
def test_what_is_no_array_of_numbers(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    path = mat(tmp_path, **arrays)
    assert heard(path).startswith(text)


def test_version_7_3_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF")
    hdf = (
        "HERE: is a MATLAB file of version 7.3 (HDF5), which is not read; save it in MATLAB as version 7 with "
        "save(FILE, '-v7'), or its arrays as .npy"
    )
    assert heard(path) == hdf
    path.write_bytes(b"")
    assert heard(path) == "HERE: the file is empty"
    path.write_bytes(b"1 2 3\n4 5 6\n")
    assert heard(path).startswith("HERE: is no MATLAB file, or one of text; save it in MATLAB as version 7")
    assert heard(tmp_path) == "HERE: is no .mat file"


def test_a_bomb_and_a_shape_that_is_none(tmp_path: Path) -> None:
    path = mat(tmp_path, {"do_compression": True}, X=np.zeros((40 << 20, 1), np.uint8), y=Y)
    assert heard(path).startswith("HERE: declares an array of the shape (41943040, 1) in a file of ")
    path = mat(tmp_path, X=X, y=Y)
    path.write_bytes(path.read_bytes().replace(struct.pack("<ii", 40, 3), struct.pack("<ii", 40, 30)))
    assert heard(path) == ("HERE: the values of an array of the shape (40, 30) are cut off or damaged; save it again")


@pytest.mark.parametrize("how", VERSIONS)
def test_every_truncation_and_flipped_bits_end_in_a_sentence(tmp_path: Path, how: dict[str, Any]) -> None:
    whole = mat(tmp_path, how, X=X[:12], y=Y[:12]).read_bytes()
    path, random = tmp_path / "a.mat", np.random.default_rng(0)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        said = heard(path)
        assert said.isprintable()
    read = 0
    for _ in range(300):
        broken = bytearray(whole)
        broken[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(broken)
        with suppress(DataError):
            read_matlab(path)
            read += 1
    assert 0 < read < 300
