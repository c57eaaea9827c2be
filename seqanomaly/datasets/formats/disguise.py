"""Files that hold something else than their names say: what it is, by their first bytes, and what to do."""

from __future__ import annotations

from pathlib import Path

from seqanomaly.errors import DataError

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that stands for one that was not fetched."""
PAGES = (b"<!doctype html", b"<html", b"<?xml")
BINARY = (
    (b"\x1f\x8b", "is compressed with gzip, which its name does not say; add .gz to its name"),
    (b"\xfd7zXZ\0", "is compressed with xz, which its name does not say; add .xz to its name"),
    (b"BZh", "is compressed with bzip2, which its name does not say; add .bz2 to its name"),
    (b"\xff\xfe", "is text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "is text in UTF-16; save it as UTF-8"),
    (b"PK\x03\x04", "is a ZIP archive or an Excel workbook, not text; unpack it, or save the sheet as CSV"),
    (b"PAR1", "is a Parquet file, which its name does not say; let its name end in .parquet"),
    (b"ARROW1", "is a Feather file, which its name does not say; let its name end in .feather"),
    (b"\x93NUMPY", "is a NumPy array, not text; let its name end in .npy"),
    (b"\x89HDF", "is an HDF5 file, not text; save its tables as CSV or Parquet"),
    (b"%PDF-", "is a PDF document, not text"),
)
"""How files begin that are no text."""


def check_disguise(path: Path, start: bytes, *, text: bool = False) -> None:
    """Raise a `DataError` where a file that begins so is none of data; where it should be `text`, also if it is none.

    >>> check_disguise(Path("a.csv"), b"series,step,label,x", text=True)
    """
    if start.startswith(POINTER):
        raise DataError(
            f"{path}: is a pointer of Git LFS, not the file that it stands for; fetch that with git lfs pull"
        )
    if start.lstrip().lower().startswith(PAGES):
        raise DataError(f"{path}: is a page of a web site, perhaps one that says why there is no file; fetch it again")
    said = next((said for begins, said in BINARY if start.startswith(begins)), None)
    if text and said is not None:
        raise DataError(f"{path}: {said}")
