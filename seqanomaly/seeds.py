"""Random numbers: one independent stream per seed and purpose, never global state.

A member draws the same numbers whatever trains beside it, because each purpose (data, split, folds, weights, order,
dropout, shuffled labels) has a generator of its own.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import torch

Purpose = Literal["train", "test", "split", "folds", "weights", "order", "dropout", "labels"]


def sequence(seed: int, purpose: Purpose) -> np.random.SeedSequence:
    """The root of the random stream for `purpose`."""
    return np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])


def numpy_generator(seed: int, purpose: Purpose) -> np.random.Generator:
    """A NumPy generator of its own for `purpose`.

    >>> float(numpy_generator(0, "order").random()) == float(numpy_generator(0, "order").random())
    True
    >>> float(numpy_generator(0, "order").random()) == float(numpy_generator(0, "split").random())
    False
    """
    return np.random.default_rng(sequence(seed, purpose))


def torch_generator(seed: int, purpose: Purpose) -> torch.Generator:
    """A torch generator of its own for `purpose`; it lives on the CPU, so every device sees the same numbers."""
    import torch

    return torch.Generator().manual_seed(int(sequence(seed, purpose).generate_state(1, np.uint64)[0]))
