"""Tables on disk: CSV (plain or compressed, with any usual separator), Parquet and Feather."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet

from seqanomaly.datasets.formats.commas import Cells, Commas, commas_of, without_commas
from seqanomaly.datasets.formats.stream import (
    FREE,
    RATIO,
    UNREADABLE,
    check_start,
    check_unpacks,
    is_file,
    not_opened,
    state,
    stream,
)
from seqanomaly.datasets.formats.text import MISSING, check_width, fields_of, first_lines, header_of, separator_in
from seqanomaly.datasets.formats.unread import remedy
from seqanomaly.datasets.watching import begun
from seqanomaly.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".tsv", ".tsv.gz", ".parquet", ".pq", ".feather")
"""Endings of the files that `read_table` reads."""
MORE_VALUES = "the rows have more values than the header has names"
"""What is wrong where pandas would leave values out."""
BROKEN = (pd.errors.ParserError, pyarrow.ArrowException, ValueError, TypeError, KeyError, AttributeError, IndexError)
"""What pandas and Arrow raise for broken tables; the last four where what pandas wrote about them is broken."""


def read_table(path: Path) -> pd.DataFrame:
    """The table in a file; a `DataError` names the file and what is wrong with it."""
    return read_noted(path)[0]


def read_noted(path: Path, commas: Commas | None = None, *, asks: bool = False) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table in a file, and a sentence about how it was read if that was not the usual way.

    Args:
        path: the file.
        commas: what commas in the numbers of a text mean; by default its columns say it.
        asks: whether it is an error where they do not; see `commas_of`.
    """
    with as_table(path):
        if path.suffix.lower() in (".parquet", ".pq", ".feather"):
            return _read_arrow(path), ()
        return _read_csv(path, commas, asks=asks)


@contextmanager
def as_table(path: Path) -> Iterator[None]:
    """Read the file at `path` inside; a `DataError` says that it is no table, or what is wrong with it."""
    if state(path) is None:
        raise DataError(f"{path}: there is no such file")
    if not is_file(path):
        raise DataError(f"{path}: is not a file; name one CSV or Parquet file")
    if not path.name.lower().endswith(SUFFIXES):
        unknown = f"unknown kind of file; known endings: {', '.join(SUFFIXES)}"
        raise DataError(f"{path}: {remedy(path) or unknown}")
    begun(path)
    try:
        check_start(path)
        yield
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: the file is empty") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not text in UTF-8 (byte {error.start}); if it is a CSV file, save it as UTF-8"
        ) from None
    except DataError:
        raise
    except (*UNREADABLE, *BROKEN) as error:
        if (closed := not_opened(path, error)) is not None:
            raise closed from None
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {reason}") from None


def content_digest(path: Path, passed: Callable[[int], object] = lambda place: None) -> str:
    """SHA-256 of a file's bytes, 16 hexadecimal digits; `passed` is told up to where they have been read."""
    found, room, place = hashlib.sha256(), memoryview(bytearray(1 << 18)), 0
    try:
        with path.open("rb", buffering=0) as file:
            while size := file.readinto(room):
                found.update(room[:size])
                place += size
                passed(place)
        return found.hexdigest()[:16]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a CSV file begins."""

    separator: str
    """What stands between its columns."""
    skip: int
    """Lines above the one with the names."""
    names: tuple[str, ...]
    """Names of the columns, without spaces around them; `Unnamed: 0` where the first one has none, and so on."""


def _read_csv(path: Path, commas: Commas | None, *, asks: bool) -> tuple[pd.DataFrame, tuple[str, ...]]:
    check_unpacks(path)
    head = head_of(path)
    frame = _columns(path, head)
    if commas is None and head.separator != ",":
        text = [name for name in frame if pd.api.types.is_string_dtype(frame[name])]
        commas = commas_of((Cells(str(name)).add(frame[name]) for name in text), path.name, asks=asks)
    if commas == "decimals":
        frame = _columns(path, head, ",")
    elif commas == "thousands":
        frame = without_commas(frame)
    return frame, separated_note(path.name, head.separator, commas, head.skip)


def head_of(path: Path) -> Head:
    """How a CSV file begins; a `DataError` says that it has too many columns or none with a name.

    Raises:
        ValueError: two columns have one name.
    """
    skip, line = header_of(path)
    separator = separator_in(line)
    _check_units(path, skip, separator)
    check_width(1 + line.count(separator), path)
    how = {"sep": separator, "skiprows": skip, "skipinitialspace": True, "index_col": False, "keep_default_na": False}
    given = [str(name).strip() for name in _read(path, nrows=1, header=None, dtype=str, **how).iloc[0]]
    double = next((name for place, name in enumerate(given) if name and name in given[:place]), None)
    _check_names(given, path)
    if double is not None:
        raise ValueError(f"two columns are called {double!r}; rename one")
    names = tuple(name or f"Unnamed: {place}" for place, name in enumerate(given))
    return Head(separator=separator, skip=skip, names=names)


def _check_units(path: Path, skip: int, separator: str) -> None:
    """Raise a `DataError` where the line below the names holds units and no values, as `,[m/s]` does."""
    below = [fields_of(line, separator) for line in first_lines(path, skip + 3)[skip + 1 : skip + 3]]
    if len(below) < 2 or any(re.match(r"[-+.]?\d", word) for word in below[0]):
        return
    numbered = [
        word
        for word, value in zip(*below, strict=False)
        if re.search(r"[^\W\d_]|[%°]", word) and word not in MISSING and re.match(r"[-+.]?\d", value)
    ]
    if numbered:
        units = ", ".join(numbered[:4])
        raise DataError(f"{path}: line {skip + 2} holds no values but what may be units ({units}); take that line out")


def _check_names(names: list[str], path: Path) -> None:
    """Raise a `DataError` where the first line holds values; steps may be called 0, 1, 2."""
    numbers = [name for name in names if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[Nn]a[Nn]", name)]
    whole = len(set(numbers)) == len(numbers) and all(name.isdigit() for name in numbers)
    if 2 * len(numbers) >= len(names) and not whole:
        raise DataError(
            f"{path}: its first line holds values ({', '.join(names[:4])}{', ..' * (len(names) > 4)}) and no names of "
            "columns; put a line with a name for each column above it"
        )


def separated_note(where: str, separator: str, commas: Commas | None, skip: int = 0) -> tuple[str, ...]:
    """Sentences about the first lines, the separator and the commas in the numbers of a CSV file, if unusual."""
    many = "first line holds" if skip == 1 else f"first {skip} lines hold"
    above = (f"{where}: its {many} no names of columns: left out",) if skip else ()
    also = f" and {commas} follow a comma" if commas else ""
    if separator == "," and commas:
        return (*above, f"{where}: in its numbers {commas} follow a comma")
    return above if separator == "," else (*above, f"{where}: its columns are separated by {separator!r}{also}")


def _columns(path: Path, head: Head, decimal: str = ".") -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return _read(path, **options(head, decimal))
        except pd.errors.ParserWarning:
            raise ValueError(MORE_VALUES) from None


def options(head: Head, decimal: str) -> dict[str, Any]:
    """How pandas reads a CSV file."""
    return {
        "sep": head.separator,
        "skiprows": head.skip,
        "header": 0,
        "names": list(head.names),
        "skipinitialspace": True,
        "decimal": decimal,
        "index_col": False,
        "keep_default_na": False,
        "na_values": list(MISSING),
        "low_memory": False,
    }


def _read(path: Path, **how: Any) -> pd.DataFrame:
    with stream(path, text=True) as file:
        found: pd.DataFrame = pd.read_csv(file, encoding="utf-8", **how)
        return found


def _read_arrow(path: Path) -> pd.DataFrame:
    """A table whose columns are checked to lie in its file."""
    if path.suffix.lower() == ".feather":
        with path.open("rb") as file:
            counted = file.read(6) == b"ARROW1"  # the first version of Feather does not compress
        if counted:
            about = pyarrow.dataset.dataset(path, format="feather")
            check_size(8 * about.count_rows() * len(about.schema), path)
        table = pyarrow.feather.read_table(path, memory_map=False)
    else:
        about = pyarrow.parquet.read_metadata(path)
        check_size(8 * about.num_rows * about.num_columns, path)
        table = pyarrow.parquet.ParquetFile(path).read()
    check_width(table.num_columns, path)
    table.validate(full=True)
    return frame_of(table)


def frame_of(table: pyarrow.Table) -> pd.DataFrame:
    """An Arrow table as a frame, what pandas wrote as its index as columns."""
    frame: pd.DataFrame = table.to_pandas(split_blocks=True).rename(columns=str)
    named = [name for name in frame.index.names if name is not None]  # pandas writes its index beside the columns
    return frame.reset_index(named) if named else frame


def check_size(wanted: int, path: Path) -> None:
    """Raise a `DataError` where a file says that it holds far more bytes than its size allows."""
    size = path.stat().st_size
    if wanted > max(FREE, RATIO * size):
        raise DataError(
            f"{path}: says that it holds {wanted >> 20:,} MB in a file of {size:,} bytes, over {RATIO} times its size, "
            "so it is no data file; if it is one, save it in parts"
        )
