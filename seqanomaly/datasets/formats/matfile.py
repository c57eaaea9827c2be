"""The arrays of numbers in a `.mat` file of version 4 to 7, each bound checked before anything is read by it.

The layout is that of MathWorks, MAT-File Format. SciPy's reader ends the process where a bit of some files is flipped.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.formats.stream import FREE, RATIO, check_start, regular
from seqanomaly.datasets.watching import begun
from seqanomaly.errors import DataError

HDF = (
    "is a MATLAB file of version 7.3 (HDF5), which is not read; save it in MATLAB as version 7 with save(FILE, '-v7'), "
    "or its arrays as .npy"
)
NO_FILE = "is no MATLAB file, or one of text; save it in MATLAB as version 7 with save(FILE, '-v7')"
HEAD, COMPRESSED, MATRIX = 128, 15, 14
"""Bytes before the first array of version 5 to 7; the types of an array that is compressed and of one that is not."""
START = 4096
"""Bytes of an array in which its class, shape and name are."""
LONGEST = 63
"""Letters of the longest name."""
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
OLD_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
CLASSES = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse matrix"}
"""What an array of version 5 to 7 is that holds no numbers; 6 to 15 are numbers."""


@dataclass(frozen=True)
class Listed:
    """An array before its values are read."""

    name: str
    shape: tuple[int, ...]
    what: str | None
    """What it holds if that is no real numbers."""
    load: Callable[[], NDArray[Any]]


def arrays_in(file: IO[bytes], path: Path) -> Iterator[Listed]:
    """The arrays in an open file, one after the other; a `DataError` says where it is broken."""
    size = regular(path).st_size
    if size == 0:
        raise DataError(f"{path}: the file is empty")
    begun(path)
    check_start(path)
    start = file.read(HEAD)
    if start.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError(f"{path}: {HDF}")
    if len(start) == HEAD and start[126:128] in (b"IM", b"MI"):
        yield from _arrays(file, path, "<" if start[126:128] == b"IM" else ">")
    elif len(start) >= 20 and 0 in start[:4]:
        yield from _old_arrays(file, path)
    else:
        raise DataError(f"{path}: {NO_FILE}")


def _arrays(file: IO[bytes], path: Path, order: str) -> Iterator[Listed]:
    """Those of version 5 to 7."""
    place, size = HEAD, path.stat().st_size
    while place < size:
        file.seek(place)
        tag = file.read(8)
        kind, count = struct.unpack(f"{order}II", tag) if len(tag) == 8 else (0, 0)
        if kind not in (COMPRESSED, MATRIX) or place + 8 + count > size:
            raise _damaged(path, place)

        def read(
            most: int, start: int = place, packed: bool = kind == COMPRESSED, count: int = count, *, whole: bool = False
        ) -> bytes:
            file.seek(start + 8 * packed)
            if not packed:
                return file.read(min(most, 8 + count))
            unpack = zlib.decompressobj()
            found = unpack.decompress(file.read(count if whole else min(count, START)), most)
            if whole and not unpack.eof:  # so the checksum at its end was not compared
                raise ValueError(count)
            return found

        try:
            yield _listed(read, path, order)
        except (struct.error, zlib.error, ValueError, KeyError):
            raise _damaged(path, place) from None
        place += 8 + count


def _listed(read: Callable[..., bytes], path: Path, order: str) -> Listed:
    """The array in the bytes that `read` gives: at most as many as it is told, or with `whole` its end, too."""
    start = read(START)
    kind, _ = struct.unpack_from(f"{order}II", start)
    (_, flags), place = _element(start, 8, order)
    (_, shape), place = _element(start, place, order)
    (_, name), place = _element(start, place, order)
    word = struct.unpack_from(f"{order}I", flags)[0]
    if kind != MATRIX or len(name) > LONGEST or len(shape) < 8 or len(shape) % 4:
        raise ValueError(kind)
    dims = tuple(int(count) for count in np.frombuffer(shape, f"{order}i4"))
    what = CLASSES.get(word & 0xFF, None if 6 <= word & 0xFF <= 15 else "an object")

    def load() -> NDArray[Any]:
        kind, count, at = _tag(start, place, order)
        dtype = np.dtype(order + TYPES[kind])
        values = read(at + 8 * math.prod(dims) + 8, whole=True)[at : at + count]
        if count != math.prod(dims) * dtype.itemsize or len(values) != count:
            raise ValueError(count)
        return np.frombuffer(values, dtype).reshape(dims, order="F")

    return Listed(
        name.decode("latin-1"), dims, what or ("complex numbers" if word & 0x800 else None), _checked(load, path, dims)
    )


def _tag(data: bytes, place: int, order: str) -> tuple[int, int, int]:
    """The type of an element, how many bytes it has and where they begin."""
    kind, count = struct.unpack_from(f"{order}II", data, place)
    if kind >> 16:
        return kind & 0xFFFF, kind >> 16, place + 4
    return kind, count, place + 8


def _element(data: bytes, place: int, order: str) -> tuple[tuple[int, bytes], int]:
    """The type and the bytes of an element, and where the next one begins."""
    kind, count, at = _tag(data, place, order)
    if at + count > len(data):
        raise ValueError(count)
    following = at + count + (-count % 8) if at == place + 8 else place + 8
    return (kind, data[at : at + count]), following


def _old_arrays(file: IO[bytes], path: Path) -> Iterator[Listed]:
    """Those of version 4."""
    place, size = 0, path.stat().st_size
    while place < size:
        file.seek(place)
        head = file.read(20)
        order = "<" if len(head) == 20 and 0 <= struct.unpack("<i", head[:4])[0] < 5000 else ">"
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", head) if len(head) == 20 else (-1,) * 5
        number, text = divmod(kind, 10)
        if (
            not 0 <= number % 100 < len(OLD_TYPES)
            or min(rows, columns) < 0
            or not 0 < length <= LONGEST + 1
            or text > 2
        ):
            raise _damaged(path, place) if place else DataError(f"{path}: {NO_FILE}")
        dtype = np.dtype(order + OLD_TYPES[number % 100])
        name, begin, count = file.read(length), place + 20 + length, rows * columns * dtype.itemsize
        end = begin + count * (2 if imaginary else 1)
        if end > size:
            raise _damaged(path, place)

        def load(
            begin: int = begin,
            count: int = count,
            dtype: np.dtype[Any] = dtype,
            shape: tuple[int, int] = (rows, columns),
        ) -> NDArray[Any]:
            file.seek(begin)
            return np.frombuffer(file.read(count), dtype).reshape(shape, order="F")

        what = (None, "text", "a sparse matrix")[text] or ("complex numbers" if imaginary else None)
        yield Listed(name.rstrip(b"\0").decode("latin-1"), (rows, columns), what, _checked(load, path, (rows, columns)))
        place = end


def _checked(load: Callable[[], NDArray[Any]], path: Path, shape: tuple[int, ...]) -> Callable[[], NDArray[Any]]:
    """`load` that first compares the shape with the size of the file; errors are a `DataError`."""

    def checked() -> NDArray[Any]:
        wanted, size = 8 * math.prod(shape), path.stat().st_size
        if min(shape) < 0 or wanted > max(FREE, RATIO * size):
            raise DataError(
                f"{path}: declares an array of the shape {shape} in a file of {size:,} bytes, over {RATIO} times its "
                "size, so it is no data file; if it is one, save it in MATLAB with '-v6', which does not compress"
            )
        try:
            return load()
        except (struct.error, zlib.error, ValueError, KeyError):
            raise DataError(
                f"{path}: the values of an array of the shape {shape} are cut off or damaged; save it again"
            ) from None

    return checked


def _damaged(path: Path, place: int) -> DataError:
    return DataError(f"{path}: the array that begins at byte {place:,} is cut off or damaged; save the file again")
