"""Random numbers: a stream per seed and purpose, whatever else draws."""

import random
from typing import get_args

import numpy as np
import pytest
import torch

from seqanomaly.seeds import Purpose, numpy_generator, sequence, torch_generator

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
each_purpose = pytest.mark.parametrize("purpose", PURPOSES)


def drawn(seed: int, purpose: Purpose) -> tuple[float, float]:
    return (
        float(numpy_generator(seed, purpose).random()),
        torch.rand((), generator=torch_generator(seed, purpose), dtype=torch.float64).item(),
    )


@each_purpose
def test_a_seed_and_a_purpose_decide_the_numbers(purpose: Purpose) -> None:
    for seed in (0, 1, 2**31, 2**70):
        assert drawn(seed, purpose) == drawn(seed, purpose)


def test_no_two_streams_are_alike() -> None:
    seeds = [*range(50), 2**31, 2**32, 2**32 + 1, 2**64]
    streams = [(seed, purpose) for seed in seeds for purpose in PURPOSES]
    for numbers in zip(*(drawn(*stream) for stream in streams), strict=True):
        assert len(set(numbers)) == len(streams)


def test_the_streams_stay_what_they_are() -> None:
    # a change would make every stored run another one; NumPy promises these numbers, but not those of a distribution
    assert sequence(7, "order").entropy == [7, 4113142680]
    assert torch_generator(0, "weights").initial_seed() == 7399459606505694764
    state = numpy_generator(0, "weights").bit_generator.seed_seq
    assert state.generate_state(1, np.uint64)[0] == 7399459606505694764


def test_global_state_is_neither_used_nor_touched() -> None:
    random.seed(1)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    numbers = drawn(3, "order")
    after = (random.random(), torch.rand(()).item(), np.random.random())  # noqa: NPY002
    random.seed(1)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    assert (random.random(), torch.rand(()).item(), np.random.random()) == after  # noqa: NPY002
    assert drawn(3, "order") == numbers


def test_a_torch_generator_lives_on_the_cpu() -> None:
    assert torch_generator(0, "dropout").device == torch.device("cpu")
