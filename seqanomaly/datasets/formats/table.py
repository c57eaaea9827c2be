"""Tables on disk: CSV (plain or compressed) and Parquet."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import pandas as pd
import pyarrow

from seqanomaly.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".parquet", ".pq")
"""Endings of the files that `read_table` reads."""
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""What stands for a missing value in a CSV file; not `None`, which may well be the name of a class."""


def read_table(path: Path, *, separator: str = ",") -> pd.DataFrame:
    """The table in a CSV or Parquet file; a `DataError` names the file and what is wrong with it."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file")
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name one CSV or Parquet file")
    if not path.name.lower().endswith(SUFFIXES):
        raise DataError(f"{path}: unknown kind of file; known endings: {', '.join(SUFFIXES)}")
    try:
        return _read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_csv(path, separator)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not text in UTF-8 (byte {error.start}); if it is a CSV file, save it as UTF-8"
        ) from None
    except (pd.errors.ParserError, pyarrow.ArrowException, OSError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {reason}") from None


def content_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 16 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                path,
                sep=separator,
                index_col=False,
                keep_default_na=False,
                na_values=list(MISSING),
                low_memory=False,
            )
        except pd.errors.ParserWarning:
            raise ValueError("the rows have more values than the header has names") from None
    header = pd.read_csv(
        path, sep=separator, nrows=1, header=None, dtype=str, index_col=False, keep_default_na=False
    ).iloc[0]
    if (header.duplicated() & (header != "")).any():
        raise ValueError(f"two columns are called {header[header.duplicated() & (header != '')].iloc[0]!r}; rename one")
    mark = next((mark for mark in ";\t|" if frame.shape[1] == 1 and mark in str(frame.columns[0])), None)
    if mark is not None:
        raise ValueError(f"the columns are separated by {mark!r}; save it with commas")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path).rename(columns=str)
    named = [name for name in frame.index.names if name is not None]  # pandas writes its index beside the columns
    return frame.reset_index(named) if named else frame
