"""Missing values of one series, filled some steps at a time: what is carried from one to the next is a few numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.repair import Line, ffill_missing

Patch = Callable[[int, int, int, Callable[[NDArray[np.float64]], NDArray[np.float64]]], None]
"""Puts values for (feature, first step, end), which a function gives for their places."""


class Carry:
    """The last value of each feature, carried forward; see `ffill_missing`.

    Args:
        features: how many there are.
    """

    def __init__(self, features: int) -> None:
        self.last: NDArray[np.float32] = np.full(features, np.nan, np.float32)

    def filled(self, line: Line) -> Line:
        """The next steps, with missing values as they were last; those before the first value are masked."""
        ahead = line.at(np.zeros(1, np.int64))
        ahead = replace(ahead, x=self.last[None], valid=np.ones(1, np.bool_))
        columns = {
            key: np.concatenate([vars(ahead)[key], values]) for key, values in vars(line).items() if values is not None
        }
        found = ffill_missing(replace(line, **columns)).at(np.arange(1, len(line) + 1))
        self.last = found.x[-1].copy()
        return found


class Bridge:
    """Values on the line between those around them, within a part; see `interpolate_missing`.

    A gap that is open where some steps end is filled as by `Carry`, and put right once the value after it is met.

    Args:
        features: how many there are.
        patch: puts values right that were given before.
    """

    def __init__(self, features: int, patch: Patch) -> None:
        self.features, self.patch, self.part = features, patch, -1
        self.last: list[tuple[float, float] | None] = []
        """Place and value that each feature had last in this part."""
        self.open: list[int | None] = []
        """First step of the gap of each feature that has not ended."""

    def between(self, x: NDArray[np.float32], part: int, place: NDArray[np.float64], first: int) -> None:
        """Fill what lies between two values in the next steps [S, F], all in one part.

        Args:
            x: their features, which are changed.
            part: number of their part.
            place: where each stands on the line, [S].
            first: number of the first of them.
        """
        if part != self.part:
            self.part, self.last, self.open = part, [None] * self.features, [None] * self.features
        lacks = np.asarray(np.isnan(x).any(axis=0), np.bool_)
        for feature in range(self.features):
            if lacks[feature] or self.open[feature] is not None:
                self._feature(x[:, feature], feature, place, first)
            else:
                self.last[feature] = float(place[-1]), float(x[-1, feature])

    def _feature(self, x: NDArray[np.float32], feature: int, place: NDArray[np.float64], first: int) -> None:
        known, before, begun = np.flatnonzero(~np.isnan(x)), self.last[feature], self.open[feature]
        if not len(known):
            if before is not None and begun is None:
                self.open[feature] = first
            return
        at, value = place[known], x[known].astype(np.float64)
        if before is not None:
            at, value = np.append(before[0], at), np.append(before[1], value)
        if begun is not None:
            self.patch(feature, begun, first, lambda places: np.interp(places, at[:2], value[:2]))
        low = 0 if before is not None else int(known[0])
        missing = low + np.flatnonzero(np.isnan(x[low : known[-1]]))
        x[missing] = np.interp(place[missing], at, value)
        self.last[feature] = float(at[-1]), float(value[-1])
        self.open[feature] = first + int(known[-1]) + 1 if known[-1] < len(x) - 1 else None
