"""The shelf: each data set once, read by every member at indices of its own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.batch import Batch
from seqanomaly.training.stack import Shelf, Within

CPU = torch.device("cpu")


def batch(seed: int, count: int = 4, steps: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        x=torch.randn(count, steps, 2, generator=generator),
        target=torch.randint(0, 2, (count, steps), generator=generator),
        mask=torch.rand(count, steps, generator=generator) < 0.7,
        counter=torch.arange(steps).expand(count, steps),
    )


def test_members_that_share_data_share_the_memory() -> None:
    first, second = batch(0), batch(1)
    shelf = Shelf([first, second, first, first], CPU)
    assert shelf.x.shape == (2, 4, 3, 2)
    assert shelf.target.shape == (2, 4, 3)
    assert shelf.mask.shape == (2, 4, 3)
    assert shelf.count == 4


def test_every_member_reads_its_own_sequences() -> None:
    batches = [batch(0), batch(1)]
    batches.append(batches[0])
    index = torch.tensor([[3, 0], [1, 1], [2, 3]])
    x, target, mask = Shelf(batches, CPU).read(index)
    assert (x.shape, target.shape, mask.shape) == ((3, 2, 3, 2), (3, 2, 3), (3, 2, 3))
    for k, own in enumerate(batches):
        assert torch.equal(x[k], own.x[index[k]])
        assert torch.equal(target[k], own.target[index[k]])
        assert torch.equal(mask[k], own.mask[index[k]])


def test_one_index_serves_all_members() -> None:
    batches = [batch(1), batch(0)]
    x, _, _ = Shelf(batches, CPU).read(torch.tensor([[2, 1]]))
    assert torch.equal(x, torch.stack([b.x[[2, 1]] for b in batches]))


def test_a_target_may_have_features() -> None:
    source = batch(0)
    forecast = Batch(x=source.x, target=source.x + 1, mask=source.mask, counter=source.counter)
    assert torch.equal(Shelf([forecast], CPU).read(torch.tensor([[1]]))[1], source.x[None, [1]] + 1)


@pytest.mark.parametrize(
    ("members", "steps", "width", "sequences"),
    [
        (1, 50, 48, 1664),
        (8, 50, 48, 192),
        (8, 50, 96, 96),
        (16, 50, 192, 32),  # 26 would fit
        (32, 50, 192, 13),
        (1000, 1000, 1000, 1),
    ],
)
def test_the_evaluation_batch_follows_the_shapes(members: int, steps: int, width: int, sequences: int) -> None:
    assert Shelf([batch(0, count=1, steps=steps)], CPU).chunk(members, width) == sequences


@given(members=st.integers(1, 500), steps=st.integers(1, 300), width=st.integers(1, 5000))
def test_an_evaluation_batch_fits_unless_it_is_one_sequence_or_one_block(members: int, steps: int, width: int) -> None:
    size = Shelf([batch(0, count=1, steps=steps)], CPU).chunk(members, width)
    assert size >= 1
    assert size % 32 == 0 or size < 16
    values = size * members * steps * width
    assert size == 1 or values <= 4_000_000 or (size == 32 and values <= 8_000_000)


# windows, and members with different numbers of them


def windowed(seed: int, lengths: list[int], length: int, stride: int) -> Batch:
    """Sequences of those lengths, padded to 9 steps, in windows."""
    return batch(seed, count=len(lengths), steps=9).in_windows(np.array(lengths), length, stride)


def test_a_window_is_read_as_it_lies_in_its_sequence() -> None:
    batches = [windowed(0, [9, 4, 9], 4, 2), windowed(1, [9, 4, 9], 4, 2)]
    shelf = Shelf([batches[0], batches[1], batches[0]], CPU)
    assert (shelf.counts, shelf.count, shelf.steps, shelf.x.shape) == ([9] * 3, 9, 4, (2, 3, 9, 2))
    index = torch.tensor([[0, 3, 8], [4, 1, 2], [5, 5, 0]])
    x, target, mask = shelf.read(index)
    assert (x.shape, target.shape, mask.shape) == ((3, 3, 4, 2), (3, 3, 4), (3, 3, 4))
    for k, own in enumerate([batches[0], batches[1], batches[0]]):
        assert own.windows is not None
        for b, w in enumerate(index[k].tolist()):
            row, start = own.windows.sequence[w], own.windows.start[w]
            assert torch.equal(x[k, b], own.x[row, start : start + 4])
            assert torch.equal(target[k, b], own.target[row, start : start + 4])
            assert torch.equal(mask[k, b], own.mask[row, start : start + 4])


def test_windows_take_no_memory() -> None:
    whole = batch(0, count=3, steps=9)
    shelf = Shelf([whole.in_windows(np.array([9, 9, 9]), 8, 1)], CPU)
    assert shelf.count == 6
    stored = [value.numel() for value in vars(shelf).values() if isinstance(value, torch.Tensor) and value.dim() > 2]
    assert sorted(stored) == [3 * 9, 3 * 9, 3 * 9 * 2]


def test_a_member_may_have_fewer() -> None:
    own = [batch(0, count=4), batch(1, count=2)]
    shelf = Shelf(own, CPU)
    assert (shelf.counts, shelf.count, shelf.even) == ([4, 2], 4, False)
    x, _, mask = shelf.read(torch.tensor([[3, 1], [1, 2]]))
    assert torch.equal(x[0], own[0].x[[3, 1]])
    assert torch.equal(x[1, 0], own[1].x[1])
    assert torch.equal(mask[1, 0], own[1].mask[1])
    assert not mask[1, 1].any()
    everyone = shelf.read(torch.arange(4).unsqueeze(0))[2]
    assert torch.equal(everyone[0], own[0].mask)
    assert torch.equal(everyone[1, :2], own[1].mask)
    assert not everyone[1, 2:].any()


def test_each_step_is_fresh_in_one_window() -> None:
    shelf = Shelf([windowed(0, [9, 3], 4, 3), windowed(1, [5, 9], 4, 3)], CPU)
    index = torch.arange(shelf.count).unsqueeze(0)
    fresh, step = shelf.fresh_at(index), shelf.begin_at(index).unsqueeze(-1) + torch.arange(4)
    for k, steps in enumerate(([*range(9), *range(9, 13)], [*range(5), *range(9, 18)])):
        assert sorted(step[k][fresh[k]].tolist()) == steps  # of the short sequence also one that is padding


def test_the_weights_of_places_are_rows_times_a_factor() -> None:
    rows, row, scale = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 0, 0]), torch.tensor([2.0, 1.0, 0.5])
    within = Within(rows=rows, row=row, scale=scale)
    assert within.of(torch.tensor([0, 2])).tolist() == [[6, 0], [0.5, 1]]
