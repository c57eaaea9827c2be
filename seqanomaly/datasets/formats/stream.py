"""The bytes of a file, plain or decompressed, within limits that no data set reaches and broken files do."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from seqanomaly.datasets.formats.disguise import check_disguise
from seqanomaly.datasets.watching import begun
from seqanomaly.errors import DataError

OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""How compressed files are opened, by their ending."""
UNREADABLE = (OSError, EOFError, lzma.LZMAError, zlib.error)
"""What reading a file may raise beside `DataError` and, in a text file, `UnicodeDecodeError`."""
LINE = 64 << 20
"""Bytes of the longest line of text."""
FREE = 256 << 20
"""Bytes up to which a compressed file may hold anything."""
RATIO = 200
"""How many times its size a compressed file may hold beyond that; tables of numbers have 2 to 20."""


class Stream(io.RawIOBase):
    """What a file holds, decompressed, from its beginning to its end; as `text` it is checked to be UTF-8.

    Raises:
        DataError: it is something else by its first bytes, a line is too long, a byte is NUL, or the file unpacks to
            far more than its size.
        UnicodeDecodeError: the text is not UTF-8; its `start` counts from the beginning of the file.
    """

    def __init__(self, path: Path, *, text: bool = False) -> None:
        size = regular(path).st_size
        begun(path)
        packed = path.suffix.lower() in OPEN
        check_start(path, text=text and not packed)
        self.path, self.bound = path, max(FREE, RATIO * size) if packed else None
        self.file = OPEN.get(path.suffix.lower(), io.open)(path, "rb")
        self.decoder = codecs.getincrementaldecoder("utf-8")() if text else None
        self.count = self.line = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk = self.file.read(len(buffer))
        if self.decoder is not None:
            self._check_text(chunk)
        self.count += len(chunk)
        if self.bound is not None and self.count > self.bound:
            raise DataError(
                f"{self.path}: unpacks to more than {self.bound >> 20:,} MB, over {RATIO} times its size, so it is no "
                "data file; if it is one, unpack it first"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self.file.close()
        super().close()

    def _check_text(self, chunk: bytes) -> None:
        assert self.decoder is not None
        if self.count == 0 and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UnicodeDecodeError("utf-8", chunk[:2], 0, 2, "UTF-16")
        waiting = len(self.decoder.getstate()[0])
        try:
            if waiting or not chunk.isascii():
                self.decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            start = self.count - waiting + error.start
            raise UnicodeDecodeError("utf-8", b"", start, start + 1, error.reason) from None
        if b"\0" in chunk:
            place = self.count + chunk.index(b"\0")
            raise DataError(f"{self.path}: byte {place} is NUL, so it is no text file; save it as plain text in UTF-8")
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self.line = self.line + len(chunk) if last < 0 else len(chunk) - last - 1
        if self.line > LINE:
            raise DataError(
                f"{self.path}: has a line of more than {LINE >> 20} MB, so it is no table; it needs a line per row"
            )


def check_start(path: Path, *, text: bool = False) -> None:
    """Raise a `DataError` where a file is none of data by its first bytes; see `check_disguise`."""
    with path.open("rb") as file:
        check_disguise(path, file.read(64), text=text)


def stream(path: Path, *, text: bool = False) -> io.BufferedReader:
    """A file to read what it holds, decompressed, once from the start; see `Stream`."""
    return io.BufferedReader(Stream(path, text=text), 1 << 20)


def check_unpacks(path: Path) -> None:
    """Unpack a compressed file for nothing, as what reads it may need many times its bytes; errors as in `Stream`."""
    if path.suffix.lower() in OPEN:
        with stream(path, text=True) as file:
            while file.read(1 << 20):
                pass


def not_opened(path: Path, error: Exception) -> DataError | None:
    """The sentence about a file that is not there or may not be read; None where `error` is about what it holds.

    >>> str(not_opened(Path("a.csv"), PermissionError(13, "Permission denied")))
    'a.csv: cannot be opened (Permission denied)'
    """
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file")
    if isinstance(error, PermissionError):
        return DataError(f"{path}: cannot be opened (Permission denied)")
    return None


def regular(path: Path) -> os.stat_result:
    """The state of a file; a `DataError` says that it is a pipe or a device, which might be read without an end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path}: is a pipe or a device, not a file; copy what it gives into a file")
    return found


def state(path: Path) -> os.stat_result | None:
    """The state of what is at `path`, None where nothing is; a `DataError` says why it cannot be looked at.

    >>> state(Path("no/such/file")) is None
    True
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise DataError(f"{path}: is a link to {path.readlink()}, which is not there; remove the link") from None
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: cannot be opened ({reason})") from None
    return found


def is_file(path: Path) -> bool:
    """Whether a file is at `path`; a `DataError` says that it is neither file nor folder, or cannot be looked at."""
    return state(path) is not None and stat.S_ISREG(regular(path).st_mode)


def visible(folder: Path, pattern: str) -> Iterator[Path]:
    """What matches a pattern in a folder, without what is hidden: no part of its name there begins with a dot.

    Such are the copies in `.ipynb_checkpoints` and the `._` files that macOS leaves beside others.

    >>> sorted(path.name for path in visible(Path(__file__).parent, "stream.*"))
    ['stream.py']
    """
    return (
        path
        for path in folder.glob(pattern)
        if not any(name.startswith(".") for name in path.parts[len(folder.parts) :])
    )


def check_own(files: Iterable[Path], base: Path, named: Path) -> None:
    """Raise a `DataError` where a link leaves `base` or two of the files are one, so that it would count twice.

    The file that the user `named` may be a link to anywhere.
    """
    seen: dict[str, Path] = {}
    folder = Path(os.path.realpath(base))
    for path in files:
        real = Path(os.path.realpath(path))
        if path != named and not real.is_relative_to(folder):
            raise DataError(f"{path}: is a link out of {base}, which is not followed; put the file itself there")
        for name in (f"{real}", f"{_without_ending(path)} by its name"):
            if name in seen:
                raise DataError(f"{path}: is the same as {seen[name]}; keep one of both, or it would count twice")
            seen[name] = path


def _without_ending(path: Path) -> Path:
    """`a/0` of `a/0.csv.gz`."""
    return (path.with_suffix("") if path.suffix.lower() in OPEN else path).with_suffix("")
