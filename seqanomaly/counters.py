"""Where a step stands: counters in a frame, and its relative place in the whole sequence.

The frame so far is `sequence`: the index of a step in its whole sequence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sequence_counter(count: int, steps: int) -> NDArray[np.int64]:
    """Index of each step in its whole sequence, [count, steps].

    >>> sequence_counter(2, 3).tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    return np.broadcast_to(np.arange(steps), (count, steps)).copy()


def relative_position(length: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """Share of its sequence at which the middle of each step lies, (i + 0.5) / n, [N, steps]; past the end over 1.

    >>> relative_position(np.array([2, 4]), 4).tolist()
    [[0.25, 0.75, 1.25, 1.75], [0.125, 0.375, 0.625, 0.875]]
    """
    position: NDArray[np.float64] = (np.arange(steps) + 0.5) / length[:, None]
    return position
