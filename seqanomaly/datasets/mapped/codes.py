"""Labels and parts of a table as small numbers, made while its rows go by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.runs import changes
from seqanomaly.datasets.part_column import PARTS
from seqanomaly.errors import DataError

MOST = 256
"""Most classes of a mapped table."""
EXACT = 2**53
"""Whole numbers below it are exact as 64-bit numbers with a point, too."""


class Codes:
    """Labels as codes, in the order in which they are met.

    Args:
        column: name of the column; None where all steps are normal.
        where: name of the table in an error.
    """

    def __init__(self, column: str | None, where: str) -> None:
        self.column, self.where = column, where
        self.code: dict[object, int] = {}
        self.declared: list[object] | None = None
        self.is_number = False

    def add(self, label: pa.Array | None, row: int, count: int) -> NDArray[np.uint8]:
        """Codes of the labels in the next rows, of which `row` came before."""
        if label is None:
            return np.zeros(count, np.uint8)
        is_float = pa.types.is_floating(label.type)
        missing = pc.index(label.is_null(nan_is_null=True), True).as_py() if label.null_count or is_float else -1
        if missing >= 0:
            at = row + missing + 1
            raise DataError(
                f"{self.where}: column {self.column!r}, data row {at}: the label is missing; label every row, or read "
                "the table whole with mapped: false"
            )
        if pa.types.is_integer(label.type) or pa.types.is_boolean(label.type):
            self.is_number = True
            codes = self._of_near_numbers(label.to_numpy(zero_copy_only=False), row)
            if codes is not None:
                return codes
        coded = label if pa.types.is_dictionary(label.type) else pc.dictionary_encode(label)
        names, place = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
        self.is_number = not pa.types.is_dictionary(label.type) and not _is_text(label.type)
        if coded.type.ordered:
            self.declared = names
        elif pa.types.is_dictionary(label.type):
            used = np.bincount(place, minlength=len(names)) > 0
            names = [name if here else None for name, here in zip(names, used.tolist(), strict=True)]
        known = [self._code(name, row, place, n) for n, name in enumerate(names)]
        return np.asarray(np.array(known, np.uint8)[place], np.uint8)

    def _of_near_numbers(self, values: NDArray[Any], row: int) -> NDArray[np.uint8] | None:
        """As `add`, of whole numbers that are not far apart, without a look at where each stands; None of others."""
        lowest, highest = int(values.min()), int(values.max())
        if highest - lowest >= MOST or lowest <= -EXACT or highest >= EXACT:
            return None
        place = values.astype(np.uint8)
        place -= np.uint8(lowest % 256)  # whatever does not fit into 8 bits cancels out
        span = highest - lowest
        here = np.flatnonzero(np.bincount(place)).tolist() if span > 1 else [0, span][: span + 1]
        if any(lowest + number not in self.code for number in here):
            here.sort(key=lambda number: int(np.argmax(place == number)))
        known = np.arange(span + 1, dtype=np.uint8)
        known[here] = [self._code(lowest + number, row, place, number) for number in here]
        return place if np.array_equal(known, np.arange(span + 1)) else known[place]

    def _code(self, name: object, row: int, place: NDArray[np.int64] | NDArray[np.uint8], number: int) -> int:
        if name is None:  # a name that no row here has
            return 0
        if self.is_number:
            value = float(name)  # type: ignore[arg-type]
            if not value.is_integer() or abs(value) >= EXACT:
                at = row + int(np.argmax(place == number)) + 1
                raise DataError(
                    f"{self.where}: column {self.column!r}, data row {at}: the label is {value:g}; labels are classes, "
                    "so whole numbers or text"
                )
            name = int(value)
        code = self.code.setdefault(name, len(self.code))
        if code >= MOST:
            raise DataError(
                f"{self.where}: column {self.column!r} has more than {MOST} labels, which a mapped table cannot have; "
                "name the column with the classes with --label"
            )
        return code

    def _order(self, name: object) -> tuple[int, str]:
        """Numbers by their size, text by its letters."""
        return (name, "") if isinstance(name, int) and self.is_number else (0, str(name))

    def done(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The labels in the order in which a table has them, and the code of each."""
        if self.column is None:
            return ("0", "1"), (0, 1)
        names = self.declared or sorted(self.code, key=self._order)
        return tuple(str(name) for name in names), tuple(self.code[name] for name in names)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


class Parts:
    """How many steps of each series train, validate and test.

    Args:
        column: name of the column.
        where: name of the table in an error.
    """

    def __init__(self, column: str, where: str) -> None:
        self.column, self.where = column, where
        self.counts: list[NDArray[np.int64]] = []
        self.last = 0

    def add(self, part: pa.Array, begins: NDArray[np.int64], row: int) -> None:
        """Count the next rows; series begin at `begins`, and what is before the first goes on with the last."""
        coded = part if pa.types.is_dictionary(part.type) else pc.dictionary_encode(part)
        words = [str(word).lower() for word in coded.dictionary.to_pylist()]
        codes = np.array([PARTS.index(word) if word in PARTS else -1 for word in words] + [-1])
        indices = coded.indices.fill_null(len(words)) if part.null_count else coded.indices
        both = np.union1d(changes(indices), begins)  # where the column changes, and where series do
        place = codes[indices.to_numpy()[both]]
        if (place < 0).any():
            at = int(both[np.argmin(place)])
            raise DataError(
                f"{self.where}: column {self.column!r}, data row {row + at + 1}: {str(part[at].as_py())!r} is not "
                "train, validation or test"
            )
        back = (np.diff(place, prepend=self.last) < 0) & ~np.isin(both, begins)
        if back.any():
            number = int(np.argmax(back))
            raise DataError(
                f"{self.where}: column {self.column!r}, data row {row + int(both[number]) + 1}: a "
                f"{PARTS[place[number]]} step after a {PARTS[place[number - 1] if number else self.last]} one in a "
                "series; a series belongs to one part as a whole, or its first steps train and later ones test"
            )
        self.last = int(place[-1])
        found = np.zeros((len(begins) + 1, 3), np.int64)
        np.add.at(found, (np.searchsorted(begins, both, side="right"), place), np.diff(both, append=len(part)))
        if self.counts:
            self.counts[-1][-1] += found[0]
        if len(found) > 1:
            self.counts.append(found[1:])

    def done(self) -> NDArray[np.int64]:
        """Steps of each series in each part, [N, 3]."""
        return np.concatenate(self.counts).astype(np.int64)
