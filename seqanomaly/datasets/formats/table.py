"""Tables on disk: CSV (plain or compressed) and Parquet."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pyarrow

from seqanomaly.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst", ".parquet", ".pq")
"""Endings of the files that `read_table` reads."""


def read_table(path: Path) -> pd.DataFrame:
    """The table in a CSV or Parquet file; a `DataError` names the file and what is wrong with it."""
    if not path.exists():
        raise DataError(f"{path}: there is no such file")
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name one CSV or Parquet file")
    if not path.name.lower().endswith(SUFFIXES):
        raise DataError(f"{path}: unknown kind of file; known endings: {', '.join(SUFFIXES)}")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text in UTF-8 (byte {error.start}); is it a CSV file?") from None
    except (pd.errors.ParserError, pyarrow.ArrowException, OSError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {reason}") from None


def content_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 16 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
