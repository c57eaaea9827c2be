"""Features and labels in arrays that are known by their names, whatever file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.split import by_time
from seqanomaly.errors import DataError

NEEDED = ("x", "y", "x_train", "y_train", "x_test", "y_test")
"""The arrays that are read, in lower case."""


class NamedArrays(Given, Drawn):
    """Arrays `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`, in small or capital letters.

    Features are [sequences, steps, features]; labels are whole numbers, 0 normal, [sequences] or [sequences, steps].
    Features [steps, features] or [steps] with labels [steps] are one series, whose last steps test; features and labels
    that are both [sequences, steps] are sequences of one feature.
    """

    def from_named(self, given: Mapping[str, NDArray[Any]], where: str) -> Loaded:
        """The sequences in arrays by their names; a `DataError` names one that is missing or does not fit."""
        found = {name.lower(): array for name, array in given.items()}
        if len(found) < len(given):
            raise DataError(f"{where}: holds two arrays of one name ({', '.join(given)}); rename one of them")
        if "x_train" not in found:
            return self.drawn(*_pair(found, "", where, missing=self.takes_missing), where)
        train, test = (_pair(found, f"_{part}", where, missing=self.takes_missing) for part in ("train", "test"))
        if train[0].shape[2] != test[0].shape[2]:
            raise DataError(f"{where}: x_train has {train[0].shape[2]} features and x_test {test[0].shape[2]}")
        classes = _classes(train[1], test[1])
        known, official = _sequences(*train, "_train", classes), _sequences(*test, "_test", classes)
        return Loaded(known=known, test=official, notes=("the arrays x_train and x_test give the parts",))

    def drawn(self, x: NDArray[np.float64], y: NDArray[np.int64], where: str, *notes: str) -> Loaded:
        """Sequences that the seed draws for testing; a single one is cut in time."""
        loaded = Loaded(known=_sequences(x, y, "", _classes(y)), notes=notes)
        return by_time(loaded, self.test, where) if len(x) == 1 else loaded


def _pair(
    found: Mapping[str, NDArray[Any]], end: str, where: str, *, missing: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    for name in (f"x{end}", f"y{end}"):
        if name not in found:
            raise DataError(
                f"{where}: there is no array {name!r}; it holds {', '.join(found) or 'none'}, needed are x and y, or "
                "x_train, y_train, x_test and y_test"
            )
    return checked(found[f"x{end}"], found[f"y{end}"], end, where, missing=missing)


def checked(
    x: NDArray[Any], y: NDArray[Any], end: str, where: str, *, missing: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features [N, T, F] and labels [N] or [N, T]."""
    features, labels = finite(x, f"{where}: x{end}", missing=missing), finite(y, f"{where}: y{end}")
    if 0 < features.ndim < 3 and labels.shape == features.shape[:1]:  # one series
        features = features.reshape(1, len(features), -1) if features.size else features
        labels = labels[None]
    elif features.ndim == 2 and labels.shape == features.shape:
        features = features[..., None]
    if features.ndim != 3 or 0 in features.shape:
        raise DataError(
            f"{where}: x{end} has the shape {x.shape}; needed is [sequences, steps, features], or [steps, "
            "features] with a label per step"
        )
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


def finite(array: NDArray[Any], where: str, *, missing: bool | None = None) -> NDArray[np.float64]:
    """An array of numbers as finite float64; a `DataError` names `where` and the place of another value.

    With `missing`, values may be missing (NaN); where it is False, the remedy names the setting.
    """
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: holds {array.dtype}, not numbers")
    values = array.astype(np.float64, copy=False)
    usable = np.abs(values) <= np.finfo(np.float32).max
    if missing:
        usable |= np.isnan(values)
    if not usable.all():
        place = [int(axis) for axis in np.argwhere(~usable)[0]]
        if missing is False and np.isnan(values[tuple(place)]):
            raise DataError(f"{where}: the value at {place} is missing (nan); {FILL_IT}")
        raise DataError(f"{where}: the value at {place} is {values[tuple(place)]:g}, not a finite 32-bit number")
    return np.where(np.isnan(values), np.nan, values) if missing else values  # other patterns of bits are NaN, too
