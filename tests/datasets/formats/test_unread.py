"""Files that are not read say what to do, alone and in a folder of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqanomaly.datasets.formats.unread import ARCHIVE, DATABASE, HDF, JSON, PICKLE, SHEET, TEXT
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import SeqanomError

NAMES = {
    "x.RDS": "is an R file, which is not read; save the data frame as CSV",
    "x.xlsx": "is an Excel workbook, which is not read; save the sheet as CSV",
    "x.xls": SHEET,
    "x.h5": "is an HDF5 file, which is not read; save its tables as CSV or Parquet and its arrays as .npy",
    "x.hdf5": HDF,
    "x.json": "is JSON, which is not read; save it as a CSV or Parquet table with a row per step",
    "x.jsonl": JSON,
    "x.pkl": "is a pickle, which could run any code when read, so it is not read; save the values as .npy or .csv",
    "x.PICKLE": PICKLE,
    "x.csv.zip": "is an archive; unpack it and name the file or folder",
    "x.tar.gz": ARCHIVE,
    "x.tgz": ARCHIVE,
    "x.rar": ARCHIVE,
    "x.7z": ARCHIVE,
    "x.csv.zst": "is compressed with Zstandard, which is not read; unpack it, or compress it with gzip",
    "x.tsf": "is a file of series to forecast, which is not read; save it as a CSV table with a row per step",
    "x.db": "is a database, which is not read; save the table as CSV or Parquet",
    "x.sqlite": DATABASE,
    "x.txt": "is text of no family that is known by its names; read rows of numbers with {kind: numbers, label: "
    "NUMBER}, save it as .csv with a line of names, or say which family it is with kind (seqanom data list has them)",
    "x.dat": TEXT,
    "x.data": TEXT,
    "x.log": "is a log, which is not read; save its events as CSV, a session or a step per row",
}


def heard(path: Path) -> str:
    with pytest.raises(SeqanomError) as error:
        pick_data(str(path)).open()  # type: ignore[attr-defined]
    return str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_and_a_folder_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / name
    path.write_bytes(b"1 2 3\n4 5 6\n")
    assert heard(path) == f"{path}: {NAMES[name]}"
    assert heard(tmp_path / "data") == f"{tmp_path / 'data'}: holds no data that is recognised: {name} {NAMES[name]}"
    assert heard(tmp_path) == f"{tmp_path}: holds no data that is recognised: data/{name} {NAMES[name]}"


def test_a_matlab_file_is_named_itself(tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(b"1 2 3\n")
    alone = "x.mat is a MATLAB file, which is read alone; name the file, without a kind or with kind: matlab"
    assert heard(tmp_path) == f"{tmp_path}: holds no data that is recognised: {alone}"


def test_text_beside_other_files_is_not_named(tmp_path: Path) -> None:
    for name in ("README.txt", "x.db", ".hidden.zip"):
        (tmp_path / name).write_text("a\n")
    assert heard(tmp_path).endswith(f"recognised: x.db {NAMES['x.db']}")


TABLE = b"series,step,label,x\na,0,0,1.5\n"
