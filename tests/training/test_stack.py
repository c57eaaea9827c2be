"""The shelf: each data set once, read by every member at indices of its own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.batch import Batch
from seqanomaly.training.stack import Shelf

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
    [(1, 50, 48, 1666), (8, 50, 48, 208), (8, 50, 96, 104), (1000, 1000, 1000, 1)],
)
def test_the_evaluation_batch_follows_the_shapes(members: int, steps: int, width: int, sequences: int) -> None:
    assert Shelf([batch(0, count=1, steps=steps)], CPU).chunk(members, width) == sequences


@given(members=st.integers(1, 500), steps=st.integers(1, 300), width=st.integers(1, 5000))
def test_an_evaluation_batch_fits_unless_it_is_one_sequence(members: int, steps: int, width: int) -> None:
    size = Shelf([batch(0, count=1, steps=steps)], CPU).chunk(members, width)
    assert size >= 1
    assert size == 1 or size * members * steps * width <= 4_000_000
