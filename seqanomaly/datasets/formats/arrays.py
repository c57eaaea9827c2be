"""NumPy files: plain arrays only, never pickled objects; sequences in `.npz` and `.npy` files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError


class Numpy(Given, Drawn):
    """Arrays in a `.npz` file (`x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`), or two `.npy` files.

    Features are [sequences, steps, features]; labels are whole numbers, 0 normal, [sequences] or [sequences, steps].
    """

    title: ClassVar[str] = "NumPy arrays"
    kind: Literal["numpy"] = "numpy"
    labels: str | None = None
    """The `.npy` file with the labels, beside or below a `.npy` file with features."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        return {} if path.is_file() and path.suffix in (".npy", ".npz") else None

    def files(self) -> Sequence[Path]:
        """The file, and the one with the labels."""
        root = self.root()
        if not root.is_file() or root.suffix not in (".npy", ".npz"):
            raise DataError(f"{root}: is no .npy or .npz file")
        if root.suffix == ".npz":
            if self.labels is not None:
                raise DataError(f"{root}: labels is for a .npy file, got {self.labels!r}; a .npz file holds them as y")
            return [root]
        if self.labels is None:
            raise DataError(f"{root}: holds features only; name the .npy file with the labels with labels: FILE")
        labels = (root.parent / self.labels).resolve()
        if not labels.is_relative_to(root.parent.resolve()):
            raise DataError(f"{self.labels}: the labels are outside the folder of {root.name}; put them beside it")
        return [root, root.parent / self.labels]

    def read(self, files: Sequence[Path]) -> Loaded:
        where = files[0].name
        if len(files) == 2:
            x, y = _checked(read_array(files[0]), read_array(files[1]), "", where)
            return Loaded(known=_sequences(x, y, "", _classes(y)))
        found = read_named_arrays(files[0])
        if "x_train" not in found:
            x, y = _pair(found, "", where)
            return Loaded(known=_sequences(x, y, "", _classes(y)))
        train, test = (_pair(found, f"_{part}", where) for part in ("train", "test"))
        if train[0].shape[2] != test[0].shape[2]:
            raise DataError(f"{where}: x_train has {train[0].shape[2]} features and x_test {test[0].shape[2]}")
        classes = _classes(train[1], test[1])
        known, official = _sequences(*train, "_train", classes), _sequences(*test, "_test", classes)
        return Loaded(known=known, test=official, notes=("the arrays x_train and x_test give the parts",))


def _pair(found: Mapping[str, NDArray[Any]], end: str, where: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    for name in (f"x{end}", f"y{end}"):
        if name not in found:
            raise DataError(
                f"{where}: there is no array {name!r}; it holds {', '.join(found) or 'none'}, needed are x and y, or "
                "x_train, y_train, x_test and y_test"
            )
    return _checked(found[f"x{end}"], found[f"y{end}"], end, where)


def _checked(x: NDArray[Any], y: NDArray[Any], end: str, where: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features [N, T, F] and labels [N] or [N, T]."""
    features, labels = finite(x, f"{where}: x{end}"), finite(y, f"{where}: y{end}")
    if features.ndim != 3 or 0 in features.shape:
        raise DataError(f"{where}: x{end} has the shape {x.shape}; needed is [sequences, steps, features]")
    if labels.shape not in (features.shape[:1], features.shape[:2]):
        raise DataError(
            f"{where}: y{end} has the shape {y.shape}; needed is a label per sequence {features.shape[:1]} or per step "
            f"{features.shape[:2]}"
        )
    if not (np.equal(labels, np.round(labels)) & (labels >= 0) & (labels < 1000)).all():
        raise DataError(
            f"{where}: y{end} holds {labels.min():g} to {labels.max():g}; labels are whole numbers from 0 on"
        )
    return features, labels.astype(np.int64)


def _classes(*labels: NDArray[np.int64]) -> tuple[str, ...]:
    """Names of the classes; at least two."""
    return tuple(str(code) for code in range(max(2, *(int(one.max()) + 1 for one in labels))))


def _sequences(x: NDArray[np.float64], y: NDArray[np.int64], end: str, classes: tuple[str, ...]) -> Sequences:
    names = tuple(f"{end.removeprefix('_') or 'x'}-{place + 1}" for place in range(len(x)))
    return Sequences.of(list(x), list(y), ids=names, classes=classes)


def read_array(path: Path) -> NDArray[Any]:
    """The array in a `.npy` file; a `DataError` says that it is truncated, or holds objects, which are not loaded."""
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(found, np.ndarray):
        raise DataError(f"{path}: holds several arrays; a .npy file holds one")
    return found


def read_named_arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays in a `.npz` file by name."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def finite(array: NDArray[Any], where: str) -> NDArray[np.float64]:
    """An array of numbers as finite float64; a `DataError` names `where` and the place of another value."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: holds {array.dtype}, not numbers")
    values = array.astype(np.float64)
    usable = np.abs(values) <= np.finfo(np.float32).max
    if not usable.all():
        place = [int(axis) for axis in np.argwhere(~usable)[0]]
        raise DataError(f"{where}: the value at {place} is {values[tuple(place)]:g}, not a finite 32-bit number")
    return values


def _unreadable(path: Path, error: Exception) -> DataError:
    if "pickled" in str(error) or "Object arrays" in str(error):
        return DataError(
            f"{path}: holds Python objects, which are not loaded as they could run code; save plain numbers"
        )
    return DataError(f"{path}: cannot be read as {path.suffix.lstrip('.')}: {str(error) or 'it is empty'}")
