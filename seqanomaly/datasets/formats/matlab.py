"""MATLAB files up to version 7: plain arrays of numbers only, within limits that are checked before they are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.formats.matfile import arrays_in
from seqanomaly.datasets.formats.named import NEEDED, NamedArrays, checked
from seqanomaly.datasets.formats.stream import UNREADABLE, is_file
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.table_spec import UNLABELLED
from seqanomaly.errors import DataError


class Matlab(NamedArrays):
    """Arrays in a `.mat` file with the names and shapes that a `.npz` file has; labels may be a column or a row.

    Features [steps, features] with a label for each row are one series, or with `rows: sequences` sequences of one
    feature: ODDS and similar collections have `X` and `y` so.
    """

    title: ClassVar[str] = "MATLAB arrays"
    looks: ClassVar[str] = ".mat up to version 7 with X and y, or x_train, y_train, .."
    example: ClassVar[str] = "satellite.mat"
    kind: Literal["matlab"] = "matlab"
    labels: Literal["none"] | None = None
    """`none`: all steps are normal, so the file needs no `y`."""
    rows: Literal["steps", "sequences"] = "steps"
    """What a row is where there is one label for each row of a table: a step of one series, or a sequence."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        return {} if is_file(path) and path.suffix.lower() == ".mat" else None

    def files(self) -> Sequence[Path]:
        """The one file."""
        root = self.root()
        if not is_file(root) or root.suffix.lower() != ".mat":
            raise DataError(f"{root}: is no .mat file")
        return [root]

    def read(self, files: Sequence[Path]) -> Loaded:
        (path,) = files
        given = read_matlab(path)
        found = {name: self._shaped(name, array) for name, array in given.items()}
        said = self._said(given)
        if self.labels == "none":
            x = next((array for name, array in found.items() if name.lower() == "x"), None)
            if x is None:
                raise DataError(f"{path}: there is no array 'x'; it holds {', '.join(found) or 'none'}; rename one")
            none = np.zeros(x.shape[: 1 if x.ndim < 3 else 2])
            loaded = self.drawn(*checked(x, none, "", path.name, missing=self.takes_missing), path.name, UNLABELLED)
        else:
            loaded = self.from_named(found, path.name)
        return replace(loaded, notes=(*said, *loaded.notes))

    def _said(self, given: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
        """The sentence about what a row is, where it might be either."""
        labels = {name.lower(): array.shape for name, array in given.items() if name.lower().startswith("y")}
        tables = [name for name, array in given.items() if name.lower() in NEEDED[::2] and array.ndim == 2]
        table = next((name for name in tables if labels.get(f"y{name[1:].lower()}") != given[name].shape), None)
        if table is None:
            return ()
        if self.rows == "sequences":
            return (f"a row of {table} is a sequence and its columns are the steps (rows: sequences)",)
        return (
            f"a row of {table} is a step of one series and its columns are features (rows: sequences says otherwise)",
        )

    def _shaped(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Labels in a column or a row as [labels]; rows that are sequences as [sequences, steps, 1]."""
        if name.lower().startswith("y"):
            return array.ravel() if array.ndim == 2 and 1 in array.shape else array
        return array[..., None] if self.rows == "sequences" and array.ndim == 2 else array


def read_matlab(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays in a `.mat` file by name; those that are not `NEEDED` are named and not loaded.

    Raises:
        DataError: the file is of version 7.3, is broken, declares far more than its size, or a needed array holds
            something else than numbers.
    """
    found: dict[str, NDArray[Any]] = {}
    try:
        with path.open("rb") as file:
            for array in arrays_in(file, path):
                needed = array.name.lower() in NEEDED
                if needed and array.what is not None:
                    remedy = "save it with full(..)" if "sparse" in array.what else "save an array of class double"
                    raise DataError(f"{path}: {array.name} is {array.what} and no array of numbers; {remedy}")
                if array.name in found:
                    raise DataError(f"{path}: holds two arrays called {array.name!r}; rename one of them")
                found[array.name] = array.load() if needed else np.empty(0)
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    return found
