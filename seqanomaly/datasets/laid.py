"""How the steps of sequences are laid out in arrays: padded to the longest one, or one sequence after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqanomaly.flat import Flat

Scalar = TypeVar("Scalar", bound=np.generic)
Steps = NDArray[np.int64]
"""Numbers of steps or sequences."""
PADDED = 16 << 30
"""Most bytes of padded sequences."""
BESIDE = 8 + 8 + 1
"""Bytes of a step beside its features: its label, its time, and whether it takes part."""
LONG = 500
"""Steps of sequences that are copied one by one."""
MUCH, TIMES = 256 << 20, 2
"""Sequences that would take more bytes padded, and so many times the bytes of their steps, are not padded."""


def unstacked(steps: NDArray[Scalar], length: NDArray[np.int64]) -> NDArray[Scalar]:
    """The steps of all sequences, [S, ...], by sequence, [N, T, ...], with zeros past the end of each.

    >>> unstacked(np.array([5, 6, 7]), np.array([1, 2])).tolist()
    [[5, 0], [6, 7]]
    """
    longest = int(length.max())
    if (length == longest).all():
        return steps.reshape(len(length), longest, *steps.shape[1:])
    padded = np.zeros((len(length), longest, *steps.shape[1:]), steps.dtype)
    first = np.cumsum(length) - length
    if len(steps) >= LONG * len(length):
        for row, (start, count) in enumerate(zip(first.tolist(), length.tolist(), strict=True)):
            padded[row, :count] = steps[start : start + count]
    else:
        padded[np.arange(longest) < length[:, None]] = steps
    return padded


def padded_bytes(count: int, longest: int, width: int) -> int:
    """Bytes of so many sequences, padded to the longest, with features, labels, times and masks.

    >>> padded_bytes(10, 100, 2)
    25000
    """
    return count * longest * (4 * width + BESIDE)


def is_wasteful(length: Steps, width: int) -> bool:
    """Whether sequences of those lengths, [N], take so much more memory padded than their steps that they are not.

    >>> is_wasteful(np.array([10_000_000, 10, 10]), 1), is_wasteful(np.array([10_000_000] * 3), 1)
    (True, False)
    """
    held = padded_bytes(len(length), int(length.max()), width)
    return held > max(MUCH, TIMES * padded_bytes(1, int(length.sum()), width))


def check_padded(count: int, longest: int, width: int) -> None:
    """Raise a `MemoryError` where so many sequences, padded to the longest, are over `PADDED` bytes."""
    if padded_bytes(count, longest, width) > PADDED:
        raise MemoryError(
            f"{count:,} sequences padded to the {longest:,} steps of the longest, {width:,} features each, "
            f"are over {PADDED >> 30} GB"
        )


def piece_bounds(breaks: NDArray[np.bool_], length: Steps, flat: Flat | None = None) -> tuple[Steps, Steps, Steps]:
    """Sequence, first step and end of each piece, [pieces] each, in order.

    >>> [found.tolist() for found in piece_bounds(np.array([[False, False, True]]), np.array([3]))]
    [[0, 0], [0, 2], [2, 3]]
    """
    begins = breaks.copy()
    if flat is None:
        begins[:, 0] = length > 0
        row, start = np.nonzero(begins)
    else:
        begins[flat.first] = True
        row, start = flat.owner[begins[:, 0]], flat.place[begins[:, 0]]
    last = np.append(row[1:] != row[:-1], True)
    return row, start, np.where(last, length[row], np.append(start[1:], 0))


def place_of(length: Steps, width: int, *, flat: bool | None = None) -> Flat | None:
    """Where sequences of those lengths lie; None where they are padded. By default their shapes decide that."""
    longest = int(length.max())
    if is_wasteful(length, width) if flat is None else flat:
        return Flat.of(length, longest)
    check_padded(len(length), longest, width)
    return None


def laid(
    steps: Sequence[NDArray[Any]], longest: int, flat: Flat | None, dtype: type[np.generic] | None = None
) -> NDArray[Any]:
    """Arrays [T_i, ..] in one [N, T, ..], or in one [S, 1, ..] as `flat` says, with zeros where no step is."""
    kind = np.result_type(*{one.dtype for one in steps}) if dtype is None else dtype
    rest = steps[0].shape[1:]
    if flat is None:
        found = np.zeros((len(steps), longest, *rest), kind)
        for row, values in enumerate(steps):
            found[row, : len(values)] = values
        return found
    found = np.zeros((flat.rows, 1, *rest), kind)
    for first, values in zip(flat.first.tolist(), steps, strict=True):
        found[first : first + len(values), 0] = values
    return found
