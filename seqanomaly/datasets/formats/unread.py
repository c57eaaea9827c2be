"""Kinds of files that hold data and are not read, by their endings, and what to do with each."""

from __future__ import annotations

from pathlib import Path

from seqanomaly.datasets.formats.stream import visible
from seqanomaly.datasets.formats.text import bare

SHEET = "is an Excel workbook, which is not read; save the sheet as CSV"
HDF = "is an HDF5 file, which is not read; save its tables as CSV or Parquet and its arrays as .npy"
JSON = "is JSON, which is not read; save it as a CSV or Parquet table with a row per step"
PICKLE = "is a pickle, which could run any code when read, so it is not read; save the values as .npy or .csv"
ARCHIVE = "is an archive; unpack it and name the file or folder"
DATABASE = "is a database, which is not read; save the table as CSV or Parquet"
TEXT = (
    "is text of no family that is known by its names; read rows of numbers with {kind: numbers, label: NUMBER}, save "
    "it as .csv with a line of names, or say which family it is with kind (seqanom data list has them)"
)
UNREAD = {
    ".mat": "is a MATLAB file, which is read alone; name the file, without a kind or with kind: matlab",
    ".rdata": "is an R file, which is not read; save the data frame as CSV",
    ".rds": "is an R file, which is not read; save the data frame as CSV",
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods"), SHEET),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), HDF),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), JSON),
    **dict.fromkeys((".pkl", ".pickle"), PICKLE),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".rar", ".7z"), ARCHIVE),
    ".zst": "is compressed with Zstandard, which is not read; unpack it, or compress it with gzip",
    ".tsf": "is a file of series to forecast, which is not read; save it as a CSV table with a row per step",
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), DATABASE),
    **dict.fromkeys((".txt", ".dat", ".data"), TEXT),
    ".log": "is a log, which is not read; save its events as CSV, a session or a step per row",
}
"""What to say of a file, by its ending."""


def remedy(path: Path) -> str | None:
    """What a file is that is not read, and what to do; None where its ending says nothing.

    >>> remedy(Path("data.tar.gz"))
    'is an archive; unpack it and name the file or folder'
    >>> remedy(Path("notes.csv")) is None
    True
    """
    return UNREAD.get(bare(path).suffix.lower())


def unread_in(folder: Path) -> str | None:
    """The name of the first file in a folder and its subfolders that is not read, and what to do; text comes last."""
    files = sorted(path for path in (*visible(folder, "*"), *visible(folder, "*/*")) if path.is_file())
    found = [(path, of) for path in files if path.name != "Thumbs.db" and (of := remedy(path)) is not None]
    return next(
        (f"{path.relative_to(folder)} {of}" for path, of in sorted(found, key=lambda one: one[1] == TEXT)), None
    )
