"""The column of a table that says which rows train, validate and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

PARTS = ("train", "validation", "test")
"""What the column says, in the order in which the pieces of a series stand."""


def given_parts(frame: pd.DataFrame, column: str, where: str) -> NDArray[np.int64]:
    """Place in `PARTS` of each row; a `DataError` names `where` and the row of another word.

    >>> given_parts(pd.DataFrame({"part": ["train", "Test"]}), "part", "doc").tolist()
    [0, 2]
    """
    if column not in frame:
        raise no_part(column, list(frame.columns), where)
    code, words = pd.factorize(frame[column])  # -1 where it is missing, which is the last of `number`
    number = [PARTS.index(word) if (word := str(found).lower()) in PARTS else -1 for found in words]
    part = np.array([*number, -1], np.int64)[code]
    if (part < 0).any():
        row = int(np.argmin(part))
        raise DataError(
            f"{where}: column {column!r}, data row {row + 1}: {str(frame[column].iloc[row])!r} is not train, "
            "validation or test"
        )
    return part


def no_part(column: str, columns: list[str], where: str) -> DataError:
    """The error about a table without that column."""
    return DataError(f"{where}: there is no column {column!r} to tell train from test{nearest(column, columns)}")


def by_part(loaded: Loaded, part: NDArray[np.int64], column: str, where: str) -> Loaded:
    """All sequences by the part of each step, [steps], as `given_parts` counts; a `DataError` names the series.

    A series is in a part as a whole, or all of them are cut in time: the first steps train, then come those that
    validate, if any, then those that test.

    >>> whole = Loaded(known=Sequences.of([np.zeros((6, 1))], [0]))
    >>> cut = by_part(whole, np.array([0, 0, 0, 0, 2, 2]), "part", "doc")
    >>> cut.known.length.tolist(), cut.test.start.tolist(), cut.continued
    ([4], [4], True)
    """
    return by_counts(loaded, _counts(loaded.known, part, where), column, where)


def by_counts(loaded: Loaded, count: NDArray[np.int64], column: str, where: str) -> Loaded:
    """As `by_part`, by how many steps of each series train, validate and test, [N, 3], in that order.

    >>> whole = Loaded(known=Sequences.of([np.zeros((6, 1))], [0]))
    >>> by_counts(whole, np.array([[4, 0, 2]]), "part", "doc").known.length.tolist()
    [4]
    """
    whole = loaded.known
    check_counts(count, whole.ids, column, where)
    learned, tested = count[:, :2].sum(axis=1), count[:, 2]
    return replace(
        loaded,
        known=whole.cut(np.zeros_like(learned), learned),
        test=whole.cut(learned, learned + tested),
        validation=begins_to_validate(count),
        continued=bool(((learned > 0) & (tested > 0)).any()),
    )


def begins_to_validate(count: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Step of each series that is learned from at which its validating ones begin, of counts [N, 3]; None without any.

    >>> begins_to_validate(np.array([[4, 1, 0], [0, 0, 9]])).tolist()
    [4]
    """
    return count[count[:, :2].any(axis=1), 0] if count[:, 1].any() else None


def check_counts(count: NDArray[np.int64], ids: Sequence[str], column: str, where: str) -> None:
    """Raise a `DataError` where the steps of series in each part, [N, 3], are no way to divide them."""
    _enough(count, column, where)
    _all_or_none_are_cut(ids, count, where)


def _counts(whole: Sequences, part: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    """Steps of each sequence in each part, [N, 3], after checking that they stand in the order of time."""
    series = np.repeat(np.arange(len(whole)), whole.length)
    back = (np.diff(part) < 0) & (np.diff(series) == 0)
    if back.any():
        at = int(np.argmax(back))
        raise DataError(
            f"{where}: series {whole.ids[series[at]]!r} has a {PARTS[part[at + 1]]} step after a {PARTS[part[at]]} "
            "one; a series belongs to one part as a whole, or its first steps train and later ones test"
        )
    counts = np.bincount(series * 3 + part, minlength=3 * len(whole))
    return counts.reshape(-1, 3).astype(np.int64)


def _enough(count: NDArray[np.int64], column: str, where: str) -> None:
    train, _, test = (int(found) for found in (count > 0).sum(axis=0))
    if not train or not test:
        raise DataError(
            f"{where}: column {column!r} gives {train} series to train and {test} to test; each needs at least 1"
        )


def _all_or_none_are_cut(ids: Sequence[str], count: NDArray[np.int64], where: str) -> None:
    """A mistake in the column would put one series, or some, into two parts."""
    several, learned = (count > 0).sum(axis=1) > 1, count[:, :2].any(axis=1)
    if several.any() and not several[learned].all():
        one, other = int(np.argmax(several)), int(np.argmax(learned & ~several))
        raise DataError(
            f"{where}: series {ids[one]!r} is in more than one part and series {ids[other]!r} is not; "
            "either every series is cut in time, or each belongs to one part as a whole"
        )
