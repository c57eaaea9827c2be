"""Where a step stands: counters in a frame, and its relative place in the whole sequence.

Frames: `sequence`, the index in the whole sequence; `window`, the index in the training window, which is a place in a
window and not one in a sequence, so that it is made where the windows are weighed; `since_onset`, the steps since the
first anomalous step; `until_event`, the steps still to go to it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Frame = Literal["sequence", "window", "since_onset", "until_event"]


def sequence_counter(count: int, steps: int) -> NDArray[np.int64]:
    """Index of each step in its whole sequence, [count, steps].

    >>> sequence_counter(2, 3).tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    return np.broadcast_to(np.arange(steps), (count, steps)).copy()


def since_onset(anomalous: NDArray[np.bool_], length: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Steps since the first anomalous step, and where they are defined, both [N, T].

    They are undefined before the onset and in sequences without one; the counter is 0 there.

    Args:
        anomalous: whether each step is, [N, T].
        length: steps of each sequence, [N].

    >>> counter, defined = since_onset(np.array([[False, True, False, False]]), np.array([3]))
    >>> counter.tolist(), defined.tolist()
    ([[0, 0, 1, 0]], [[False, True, True, False]])
    """
    after, real = _steps_from_onset(anomalous, length)
    defined = real & (after >= 0)
    return np.where(defined, after, 0), defined


def until_event(anomalous: NDArray[np.bool_], length: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Steps still to go to the first anomalous step, and where they are defined, both [N, T].

    They count down to 0 at the first anomalous step, which is the event; they are undefined after it and in sequences
    without one, where the counter is 0. A run to failure has its event where its label turns.

    Args:
        anomalous: whether each step is, [N, T].
        length: steps of each sequence, [N].

    >>> counter, defined = until_event(np.array([[False, False, True, True]]), np.array([4]))
    >>> counter.tolist(), defined.tolist()
    ([[2, 1, 0, 0]], [[True, True, True, False]])
    """
    after, real = _steps_from_onset(anomalous, length)
    defined = real & (after <= 0)
    return np.where(defined, -after, 0), defined


def _steps_from_onset(
    anomalous: NDArray[np.bool_], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Steps from the first anomalous step on, negative before it; and the real steps of sequences that have one."""
    index = np.arange(anomalous.shape[1])
    real = index < length[:, None]
    onset = np.argmax(anomalous & real, axis=1)
    affected = np.any(anomalous & real, axis=1)
    return index - onset[:, None], real & affected[:, None]


def relative_position(step: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of its sequence at which the middle of step i of n lies, (i + 0.5) / n; past the end over 1.

    Args:
        step: number of each step in its sequence.
        length: steps of its sequence, of a shape that goes with it.

    >>> relative_position(np.array([0, 1, 3]), np.array([2, 2, 4])).tolist()
    [0.25, 0.75, 0.875]
    """
    position: NDArray[np.float64] = (step + 0.5) / length
    return position
