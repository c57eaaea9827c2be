"""The converted copy of a table, mapped: its steps are read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.layout import SERIES, STEPS, map_steps, read_series
from seqanomaly.datasets.mapped.mended import Mended, map_valid, read_mended
from seqanomaly.errors import DataError


class MappedTable:
    """A converted table.

    Args:
        folder: where it lies.
        chosen: places of the features that are used; None for all.

    Raises:
        DataError: it is damaged.
    """

    def __init__(self, folder: Path, chosen: NDArray[np.int64] | None = None) -> None:
        self.folder, self.chosen = folder, chosen
        try:
            self.series, self.about = read_series(folder / SERIES)
            self.pages, self.x, self.codes = map_steps(folder / STEPS, self.series, self.about)
            found = read_mended(folder)
            self.mended: Mended | None = None if found is None else found[0]
            self.breaks: NDArray[np.int64] = np.zeros(0, np.int64) if found is None else found[1]
            self.validity = map_valid(folder, len(self.codes))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            raise DataError(f"{folder}: the converted copy is damaged ({error}); remove it") from None
        if chosen is not None:
            self.about = replace(self.about, features=tuple(self.about.features[place] for place in chosen))

    def __reduce__(self) -> tuple[type[MappedTable], tuple[Path, NDArray[np.int64] | None]]:
        """Another process maps the file anew."""
        return MappedTable, (self.folder, self.chosen)

    def features(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features [..., F] of some rows [...]."""
        found = np.take(self.x, rows, axis=0)
        self._touched(rows, 4 * self.x.shape[1])
        return found if self.chosen is None else found[..., self.chosen]

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Label codes [...] of some rows [...]."""
        found = np.take(self.codes, rows)
        self._touched(rows, 1)
        return found

    def taking(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the steps in some rows [...] take part."""
        if self.validity is None:
            return np.ones(rows.shape, np.bool_)
        pages, valid = self.validity
        found: NDArray[np.bool_] = np.take(valid, rows)
        pages.touch(rows.shape[0] if rows.ndim > 1 else 1, rows.size // max(1, rows.shape[0] if rows.ndim > 1 else 1))
        return found

    def copies(self, rows: NDArray[np.int64], count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Features [B, count, F] and label codes [B, count] of as many rows from each of `rows` [B] on."""
        x, codes = self.pages.copy(self.x, rows, count), self.pages.copy(self.codes, rows, count)
        return x if self.chosen is None else x[..., self.chosen], codes  # type: ignore[return-value]

    def _touched(self, rows: NDArray[np.int64], size: int) -> None:
        stretches = rows.shape[0] if rows.ndim > 1 else 1
        self.pages.touch(stretches, size * rows.size // max(1, stretches))


class Names(Sequence[str]):
    """Names of series, made into text when one is asked for."""

    def __init__(self, names: pa.Array, index: NDArray[np.int64], ends: NDArray[np.int64] | None = None) -> None:
        self.names, self.chosen, self.ends = names, index, ends

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Names: ...
    def __getitem__(self, place: int | slice) -> str | Names:
        if isinstance(place, slice):
            return Names(self.names, self.chosen[place], None if self.ends is None else self.ends[place])
        name = str(self.names[int(self.chosen[place])].as_py())
        return name if self.ends is None or self.ends[place] < 0 else f"{name}@{self.ends[place]}"
