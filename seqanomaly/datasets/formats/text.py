"""Text files, plain or compressed: where they are, rows of numbers in them, the digest of what they hold."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import digest
from seqanomaly.errors import DataError

UNPACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
"""How compressed files are read, by their ending."""


OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""How they are opened to be read in part."""


def bare(path: Path) -> Path:
    """A path without the ending that says that it is compressed.

    >>> bare(Path("a/train.txt.gz")).as_posix()
    'a/train.txt'
    """
    return path.with_suffix("") if path.suffix.lower() in UNPACK else path


def find(folder: Path, name: str, remedy: str) -> Path:
    """The file `name` in `folder`, plain or compressed; a `DataError` ends with the remedy."""
    found = next((folder / (name + end) for end in ("", *UNPACK) if (folder / (name + end)).is_file()), None)
    if found is None:
        raise DataError(f"{folder}: there is no {name} in it; {remedy}")
    return found


def listed(folder: Path, pattern: str) -> list[Path]:
    """The files that match a pattern, plain or compressed, in the order of their names."""
    found = {path for end in ("", *UNPACK) for path in folder.glob(pattern + end) if path.is_file()}
    return sorted(found, key=lambda path: path.as_posix())


def read_bytes(path: Path) -> bytes:
    """What a file holds, decompressed; a `DataError` says why it cannot be read."""
    try:
        return UNPACK.get(path.suffix.lower(), bytes)(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def first_line(path: Path) -> str:
    """The first line of a text file, plain or compressed, as far as it can be read; empty where it cannot."""
    try:
        with OPEN.get(path.suffix.lower(), io.open)(path, "rb") as file:
            return str(file.readline(1 << 20).decode("utf-8-sig", errors="replace"))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return ""


def read_text(path: Path) -> str:
    """The text in a file, plain or compressed."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text in UTF-8 (byte {error.start})") from None


def read_numbers(
    path: Path, separator: str = r"\s+", *, header: bool | None = None
) -> tuple[NDArray[np.float64], bool]:
    """The numbers [rows, columns] in a text file, and whether a first row of names was left out.

    Without `header`, a first row is one of names where its first value is not a number.

    Raises:
        DataError: the file is empty, a row has another number of values, or a value is not a finite number.
    """
    import pandas as pd

    text = read_text(path)
    first = text.lstrip().split("\n", 1)[0]
    if not first:
        raise DataError(f"{path}: the file is empty")
    if header is None:
        header = not _is_number(first.replace(",", " ").replace(";", " ").split()[0])
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
    if not usable.all():
        row, column = (int(place[0]) for place in np.nonzero(~usable))
        found = str(frame.iat[row, column]).strip()
        missing = found in ("", "nan")
        at = f"{path}: row {row + 1 + header}, value {column + 1} of {frame.shape[1]}"
        raise DataError(f"{at} is missing" if missing else f"{at}: {found!r} is not a finite 32-bit number")
    return values, header


def digest_of(files: Iterable[Path], base: Path) -> str:
    """Digest of the names, relative to `base`, and of what the files hold, decompressed; 16 hexadecimal digits."""
    held = [(bare(path).relative_to(base).as_posix(), read_bytes(path)) for path in files]
    return digest([[name, hashlib.sha256(content).hexdigest()] for name, content in held])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
