"""Text files, plain or compressed: where they are, rows of numbers in them, the digest of what they hold."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import digest
from seqanomaly.datasets.formats.stream import OPEN, UNREADABLE, is_file, stream, visible
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = 20_000
"""Columns of the widest table."""
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")
"""What stands for a missing value in a text file; not `None`, which may well be the name of a class."""


SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the columns of a CSV file; the one that its header has most of."""


def bare(path: Path) -> Path:
    """A path without the ending that says that it is compressed.

    >>> bare(Path("a/train.txt.gz")).as_posix()
    'a/train.txt'
    """
    return path.with_suffix("") if path.suffix.lower() in OPEN else path


def column_names(path: Path) -> list[str]:
    """The names in the header of a table, of text without quotes and the spaces around them; none if unreadable."""
    if path.suffix.lower() in (".parquet", ".pq", ".feather"):
        from seqanomaly.datasets.mapped.tables import columns_of

        try:
            return columns_of(path)
        except DataError:
            return []
    line = header_of(path)[1]
    return fields_of(line, separator_in(line))


def header_of(path: Path) -> tuple[int, str]:
    """The number of lines above the header of a text table, and the header.

    A line is above it where it fills at most half of the columns that one of the next lines fills, as titles, comments
    and `sep=;` do, and where the header that is left has no number among its names.
    """
    lines = first_lines(path)
    at = next((place for place in range(len(lines)) if not _is_title(lines[place:])), 0)
    if any(_is_number(name) for name in fields_of(lines[at], separator_in(lines[at]))):
        at = 0
    return at, lines[at]


def begins_with_times(path: Path) -> bool:
    """Whether the first column of a text table has no name and, in its first row, what is no number."""
    skip, header = header_of(path)
    below = [line for line in first_lines(path)[skip + 1 :] if line.strip()]
    separator = separator_in(header)
    if not below or fields_of(header, separator)[0]:
        return False
    first = fields_of(below[0], separator)[0]
    return bool(first) and not _is_number(first)


def _is_title(lines: list[str]) -> bool:
    """Whether the first of some lines fills at most half of the columns of another one."""
    separator = next((separator_in(line) for line in lines if any(mark in line for mark in SEPARATORS)), ",")
    filled = [sum(bool(field) for field in fields_of(line, separator)) for line in lines]
    return len(lines) > 1 and 2 * filled[0] <= max(filled[1:])


def separator_in(header: str) -> str:
    """What stands between the columns of a text table: what its header has most of.

    >>> separator_in("a;b,c;d")
    ';'
    """
    return max(SEPARATORS, key=header.count)


def fields_of(line: str, separator: str) -> list[str]:
    """The fields of a line of a text table, without quotes and the spaces around them."""
    try:
        (fields,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    except (csv.Error, ValueError):
        fields = line.split(separator)
    return [field.strip() for field in fields]


def whole(path: Path) -> Path:
    """An absolute path without `..`, its links as they are."""
    return Path(os.path.normpath(path.absolute()))


def upward(folder: Path) -> tuple[Path, ...]:
    """A folder and those above it, relative ones as far as its own name says them.

    >>> [path.as_posix() for path in upward(Path("a/b"))[:3]]
    ['a/b', 'a', '.']
    """
    named = (folder,) if ".." in folder.parts else (folder, *folder.parents)
    return (*named, *whole(folder).parents[len(named) - 1 :])


def find(folder: Path, name: str, remedy: str) -> Path:
    """The file `name` in `folder`, plain or compressed; a `DataError` ends with the remedy."""
    found = [folder / (name + end) for end in ("", *OPEN) if is_file(folder / (name + end))]
    if not found:
        raise DataError(f"{folder}: there is no {name} in it; {remedy}")
    if len(found) > 1:
        raise DataError(f"{folder}: holds both {found[0].name} and {found[1].name}; keep one of them")
    return found[0]


def _any_case(pattern: str) -> str:
    """A pattern whose endings may be in capitals.

    >>> _any_case("train_*.csv.gz")
    'train_*.[cC][sS][vV].[gG][zZ]'
    """
    endings = re.search(r"(\.[a-z0-9]+)*$", pattern)
    assert endings is not None  # it may be empty
    return pattern[: endings.start()] + re.sub("[a-z]", lambda letter: f"[{letter[0]}{letter[0].upper()}]", endings[0])


def listed(folder: Path, pattern: str) -> list[Path]:
    """The files that match, plain or compressed and not hidden, ordered by name; a `DataError` names doubles.

    Endings may be in capitals.
    """
    patterns = [_any_case(pattern + end) for end in ("", *OPEN)]
    found = {path for one in patterns for path in visible(folder, one) if is_file(path)}
    plain = {bare(path): path for path in found}
    double = min(found - set(plain.values()), default=None)
    if double is not None:
        raise DataError(f"{folder}: holds both {double.name} and {plain[bare(double)].name}; keep one of them")
    return sorted(found, key=lambda path: path.as_posix())


def read_bytes(path: Path, *, text: bool = False) -> bytes:
    """What a file holds, decompressed; a `DataError` says why it cannot be read."""
    try:
        with stream(path, text=text) as file:
            return b"".join(iter(lambda: file.read(1 << 20), b""))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text in UTF-8 (byte {error.start}); save it as UTF-8") from None
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "it is empty"


def first_line(path: Path) -> str:
    """The first line of a text file, plain or compressed, as far as it can be read; empty where it cannot."""
    try:
        with stream(path) as file:
            return file.readline(1 << 20).decode("utf-8-sig", errors="replace")
    except (DataError, *UNREADABLE):
        return ""


def first_lines(path: Path, count: int = 12) -> list[str]:
    """The first lines of a text file, plain or compressed, as far as they are in its first MB; one at least."""
    try:
        with stream(path) as file:
            text = file.read(1 << 20).decode("utf-8-sig", errors="replace")
    except (DataError, *UNREADABLE):
        return [""]
    return re.split(r"\r\n|\r|\n", text, maxsplit=count)[:count]


def read_text(path: Path) -> str:
    """The text in a file, plain or compressed."""
    return read_bytes(path, text=True).decode("utf-8-sig")


def check_width(columns: int, path: Path) -> None:
    """Raise a `DataError` where a table is wider than any data set."""
    if columns > COLUMNS:
        raise DataError(
            f"{path}: has {columns:,} columns in its first row and a table may have {COLUMNS:,}; steps belong in rows "
            "and features in columns"
        )


def read_numbers(
    path: Path, separator: str = r"\s+", *, header: bool | None = None, missing: bool | None = None
) -> tuple[NDArray[np.float64], bool]:
    """The numbers [rows, columns] in a text file, and whether a first row of names was left out.

    Without `header`, a first row is one of names where none of its values is a number. Numbers between spaces may all
    stand on one line. With `missing`, values may be missing (NaN); where it is False, the remedy names the setting.

    Raises:
        DataError: the file is empty, a row has another number of values, or a value is not a finite number.
    """
    import pandas as pd

    text = read_text(path)
    first, _, others = text.lstrip().partition("\n")
    if not first:
        raise DataError(f"{path}: the file is empty")
    words = first.replace(",", " ").replace(";", " ").split()
    if header is None:
        header = not any(_is_number(word) for word in words)
    if len(words) > COLUMNS and separator == r"\s+" and not others.strip():
        return read_column(words, path)[None], False
    check_width(len(words), path)
    try:
        frame = pd.read_csv(
            BytesIO(text.encode()),
            sep=separator,
            header=None,
            skiprows=int(header),
            index_col=False,
            keep_default_na=False,
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise DataError(f"{path}: cannot be read as rows of numbers: {reason}") from None
    values = frame.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    usable = np.abs(values) <= np.finfo(np.float32).max
    if missing:
        usable |= _missing_among(frame, ~usable)
    if not usable.all():
        row, column = (int(place[0]) for place in np.nonzero(~usable))
        found = str(frame.iat[row, column]).strip()
        gone = found in MISSING
        at = f"{path}: row {row + 1 + header}, value {column + 1} of {frame.shape[1]}"
        remedy = "" if missing is None else f"; {FILL_IT}"
        raise DataError(f"{at} is missing{remedy}" if gone else f"{at}: {found!r} is not a finite 32-bit number")
    return values, header


def _missing_among(frame: pd.DataFrame, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the chosen values stand for a missing one, or for the end of a short row, [rows, columns]."""
    missing = np.zeros_like(chosen)
    for place, (_, column) in enumerate(frame.items()):
        if chosen[:, place].any():
            words = column[chosen[:, place]]
            missing[chosen[:, place], place] = words.isna() | words.astype(str).str.strip().isin(MISSING)
    return missing


def read_column(words: list[str], path: Path) -> NDArray[np.float64]:
    """Words as finite numbers, [words]; a `DataError` names the place of another one."""
    import pandas as pd

    values = pd.to_numeric(pd.Series(words), errors="coerce").to_numpy(np.float64)
    usable = np.abs(values) <= np.finfo(np.float32).max
    if not usable.all():
        place = int(np.argmin(usable))
        raise DataError(f"{path}: value {place + 1}: {words[place]!r} is not a finite 32-bit number")
    return values


def digest_of(files: Iterable[Path], base: Path) -> str:
    """Digest of the names, relative to `base`, and of what the files hold, decompressed; 16 hexadecimal digits."""
    return digest([[bare(path).relative_to(base).as_posix(), _digest_of_content(path)] for path in files])


def _digest_of_content(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with stream(path) as file:
            for chunk in iter(lambda: file.read(1 << 20), b""):
                found.update(chunk)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({_reason(error)})") from None
    return found.hexdigest()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
