"""Batches in windows: views of the steps, and how often an epoch has each."""

import numpy as np
import pytest
import torch
from torch import Tensor

from seqanomaly.batch import Batch, sliding, upload


def batch(lengths: list[int]) -> Batch:
    """Steps that hold their number through all sequences."""
    steps = max(lengths)
    number = torch.arange(len(lengths) * steps).view(len(lengths), steps)
    mask = torch.arange(steps) < torch.tensor(lengths).unsqueeze(1)
    return Batch(x=number.unsqueeze(-1).float(), target=number, mask=mask, counter=number)


def test_windows_share_the_memory_of_the_steps() -> None:
    values = torch.randn(2, 3, 7, 4)
    view = sliding(values, 5)
    assert view.shape == (2 * 3 * 7 - 4, 5, 4)
    assert view.flatten(1).untyped_storage().data_ptr() == values.untyped_storage().data_ptr()
    assert torch.equal(view[(3 + 2) * 7 + 1], values[1, 2, 1:6])
    assert torch.equal(sliding(values[..., 0], 5)[7], values[0, 1, :5, 0])


def test_windows_leave_the_steps_as_they_are() -> None:
    whole = batch([7, 3])
    cut = whole.in_windows(np.array([7, 3]), 4, 2)
    assert (len(whole), len(cut)) == (2, 4)
    assert cut.x is whole.x
    assert cut.mask is whole.mask


def test_how_often_an_epoch_has_a_step() -> None:
    whole = batch([7, 3])
    assert torch.equal(whole.times(), whole.mask.long())
    assert whole.in_windows(np.array([7, 3]), 4, 2).times().tolist() == [[1, 1, 2, 3, 2, 2, 1], [1, 1, 1, 0, 0, 0, 0]]


def test_what_goes_to_cuda_is_pinned_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def pin(values: Tensor) -> Tensor:
        asked.append("pinned")
        return values

    def to(values: Tensor, *where: object, **how: object) -> Tensor:
        asked.append((*where, how))
        return values

    values, cuda, cpu = torch.ones(2), torch.device("cuda"), torch.device("cpu")
    monkeypatch.setattr(Tensor, "pin_memory", pin)
    monkeypatch.setattr(Tensor, "to", to)
    upload(values, cuda)
    upload(values, cpu)
    assert asked == ["pinned", (cuda, {"non_blocking": True}), (cpu, {})]
