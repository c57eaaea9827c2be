"""NumPy files: plain arrays only, never pickled objects; sequences in `.npz` and `.npy` files."""

from __future__ import annotations

import math
import os
import tokenize
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.formats.named import NEEDED, NamedArrays, checked
from seqanomaly.datasets.formats.stream import FREE, RATIO, UNREADABLE, check_start, is_file, regular, state
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.table_spec import UNLABELLED
from seqanomaly.errors import DataError

OBJECTS = "holds Python objects, which are not loaded as they could run code; save plain numbers"


class Numpy(NamedArrays):
    """Arrays in a `.npz` file (`x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`), or two `.npy` files.

    Features are [sequences, steps, features]; labels are whole numbers, 0 normal, [sequences] or [sequences, steps].
    Features [steps, features] or [steps] with labels [steps] are one series, whose last steps test; features and labels
    that are both [sequences, steps] are sequences of one feature.
    """

    title: ClassVar[str] = "NumPy arrays"
    looks: ClassVar[str] = ".npz with x and y, or x_train, y_train, ..; .npy"
    example: ClassVar[str] = "runs.npz"
    kind: Literal["numpy"] = "numpy"
    labels: str | None = None
    """The `.npy` file with the labels, beside or below a `.npy` file with features; `none`: all steps are normal."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        return {} if is_file(path) and path.suffix.lower() in (".npy", ".npz") else None

    def files(self) -> Sequence[Path]:
        """The file, and the one with the labels."""
        root = self.root()
        if not is_file(root) or root.suffix.lower() not in (".npy", ".npz"):
            raise DataError(f"{root}: is no .npy or .npz file")
        if root.suffix.lower() == ".npz":
            if self.labels is not None:
                raise DataError(f"{root}: labels is for a .npy file, got {self.labels!r}; a .npz file holds them as y")
            return [root]
        if self.labels is None:
            raise DataError(
                f"{root}: holds features only; name the .npy file with the labels with labels: FILE, or take every "
                "step as normal, as for forecast, with labels: none"
            )
        if self.labels == "none":
            return [root]
        labels = Path(os.path.realpath(root.parent / self.labels))
        if not labels.is_relative_to(os.path.realpath(root.parent)):
            raise DataError(f"{self.labels}: the labels are outside the folder of {root.name}; put them beside it")
        if state(labels) is None:
            raise DataError(f"{root.parent / self.labels}: there is no such file")
        return [root, root.parent / self.labels]

    def read(self, files: Sequence[Path]) -> Loaded:
        where = files[0].name
        if len(files) == 2:
            x, y = read_array(files[0]), read_array(files[1])
            return self.drawn(*checked(x, y, "", where, missing=self.takes_missing), where)
        if self.labels is not None:
            x = read_array(files[0])
            none = np.zeros(x.shape[: 1 if x.ndim < 3 else 2])
            return self.drawn(*checked(x, none, "", where, missing=self.takes_missing), where, UNLABELLED)
        return self.from_named(read_named_arrays(files[0]), where)


def read_array(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file; a `DataError` says that it is truncated, or holds objects, which are not loaded."""
    try:
        size = regular(path).st_size
        check_start(path)
        with path.open("rb") as file:
            return _array(file, size, str(path))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except DataError:
        raise
    except (*UNREADABLE, ValueError) as error:
        raise _unreadable(path, error) from None


def read_named_arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays in a `.npz` file by name; those that are not `NEEDED` are named and not loaded."""
    try:
        if regular(path).st_size == 0:
            raise DataError(f"{path}: the file is empty")
        with path.open("rb") as file:
            is_archive = file.read(2) == b"PK"
        if not is_archive:
            return {path.name: read_array(path)}
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_size(path, sum(member.file_size for member in members))
            named = {one.filename.removesuffix(".npy"): one for one in members}
            return {
                name: _member(archive, one, f"{path}: {name}") if name.lower() in NEEDED else np.empty(0)
                for name, one in named.items()
            }
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except DataError:
        raise
    except (*UNREADABLE, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError) as error:
        raise _unreadable(path, error) from None


def _check_size(path: Path, wanted: int) -> None:
    size = path.stat().st_size
    if wanted > max(FREE, RATIO * size):
        raise DataError(
            f"{path}: says that it unpacks to {wanted >> 20:,} MB, over {RATIO} times its size, so it is no data file; "
            "if it is one, save it with numpy.savez, which does not compress"
        )


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    with archive.open(member) as file:
        return _array(file, member.file_size, where)


def _array(file: IO[bytes], size: int, where: str) -> NDArray[Any]:
    """The numbers in `file` of `size` bytes, after checking that its header fits to it."""
    start = file.read(6)
    if not start:
        raise DataError(f"{where}: the file is empty")
    file.seek(0)
    if start.startswith(b"PK") and where.endswith(".npy"):
        raise DataError(f"{where}: holds several arrays; a .npy file holds one")
    if start != np.lib.format.MAGIC_PREFIX:
        pickled = start.startswith((b"\x80", b"(", b"c"))
        raise DataError(f"{where}: {OBJECTS}" if pickled else f"{where}: is no NumPy array; save it with numpy.save")
    shape, dtype = _header(file, where)
    if dtype.hasobject:
        raise DataError(f"{where}: {OBJECTS}")
    if dtype.kind not in "biuf":
        raise DataError(f"{where}: holds {dtype}, not numbers")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or wanted > there:
        raise DataError(
            f"{where}: its header declares the shape {shape} of {dtype}, {wanted:,} bytes, and {there:,} follow; it is "
            "cut off or damaged, so save it again"
        )
    file.seek(0)
    found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return found


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and type that an array declares."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise DataError(f"{where}: is in version {version} of NumPy's format, and plain numbers are in 1.0 or 2.0")
    try:
        shape, _, dtype = read(file)
    except (ValueError, TypeError, KeyError, SyntaxError, OverflowError, RecursionError, tokenize.TokenError) as error:
        raise DataError(f"{where}: its header is damaged ({error}); save it again with numpy.save") from None
    return shape, dtype


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {str(error) or 'it is empty'}")
