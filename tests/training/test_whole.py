"""An epoch by the kernel as a whole has the bits of one that goes batch by batch."""

import ctypes
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from seqanomaly.kernel.library import VARIABLE, library, usable
from seqanomaly.losses.base import BCE, StepLoss
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.tasks import TASKS
from seqanomaly.training import loop as the_loop
from seqanomaly.training import stack, whole
from seqanomaly.training.choose import compute_for
from seqanomaly.training.optimizers import make_optimizer
from seqanomaly.training.stock import Weights, stock_of
from seqanomaly.training.stored import Room, Stored
from seqanomaly.training.update import Batches, Epochs, Update
from seqanomaly.training.whole import Whole, epochs_of

CPU = torch.device("cpu")
KINDS = ("rnn", "gru", "lstm", "tcn")
WAYS: dict[str, dict[str, Any]] = {
    "adam": {},
    "clip": {"clip": 0.2, "weight_decay": 0.1},
    "adamw": {"optimizer": "adamw", "clip": 0.3},
    "sgd": {"optimizer": "sgd", "momentum": 0.8, "weight_decay": 0.1, "clip": 0.3},
    "truncate": {"truncate": 3},
}
SHAPES = ("even", "uneven", "windows", "places")
LARGE = (70, 37, 33, 1)
"""Training sequences of members; batches of 33 leave blocks of the kernel full or nearly empty, and members idle."""

pytestmark = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")


@pytest.fixture(scope="module")
def loop(load_script: Callable[[str], ModuleType]) -> Any:
    """The members and the comparisons of the tests of the loop."""
    return load_script("tests/training/test_loop.py")


def members(loop: Any, shape: str, task: str = "detect") -> list[Any]:
    if shape == "even":
        return [loop.member(task, seed, "exp", lr=lr) for seed, lr in ((0, 0.02), (1, 0.05), (0, 0.01))]
    cut = None if shape == "uneven" else (3, 2)
    return [loop.windowed(task, k, cut, by_place=shape == "places") for k in (0, 1, 4)]


def assert_same_bits(loop: Any, kind: str, task: str, own: list[Any], **options: Any) -> None:
    """Both ways, and each member alone."""
    as_whole = loop.train(kind, task, own, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(the_loop, "epochs_of", Batches)
        by_batch = loop.train(kind, task, own, **options)
    for found, expected in zip(as_whole, by_batch, strict=True):
        assert found.failure is None
        loop.assert_equal(found, expected)
    for its, found in zip(own, as_whole, strict=True):
        (alone,) = loop.train(kind, task, [its], **options)
        loop.assert_equal(alone, found)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("kind", "way"), [(kind, way) for kind in KINDS for way in WAYS if (kind, way) != ("tcn", "truncate")]
)
def test_every_model_and_every_way(kind: str, way: str, shape: str, loop: Any) -> None:
    assert_same_bits(loop, kind, "detect", members(loop, shape), **WAYS[way])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("task", ["classify", "forecast"])
@pytest.mark.parametrize("kind", ["gru", "tcn"])
def test_every_task(kind: str, task: str, shape: str, loop: Any) -> None:
    assert_same_bits(loop, kind, task, members(loop, shape, task))


@pytest.mark.parametrize("instructions", usable())
@pytest.mark.parametrize("kind", KINDS)
def test_every_instruction_set_and_large_batches(
    kind: str, instructions: str, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, instructions)
    own = [loop.member("detect", seed, "exp", train=count) for seed, count in enumerate(LARGE)]
    assert_same_bits(loop, kind, "detect", own, batch_size=33, clip=0.2)
    assert_same_bits(loop, kind, "detect", own, batch_size=1000)


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_weights_of_places_where_all_windows_of_a_batch_are_short(batch_size: int, loop: Any) -> None:
    own = [loop.windowed("detect", k, (8, 4), by_place=True) for k in (0, 1, 4)]
    assert any(len(its.within.rows) > 1 for its in own)
    assert_same_bits(loop, "gru", "detect", own, batch_size=batch_size)


def test_members_that_stop_and_fail(loop: Any) -> None:
    own = [loop.member("detect", 0, lr=0.2), loop.member("detect", 1, lr=0.1), loop.member("detect", 2, lr=1e30)]
    way: dict[str, Any] = {"epochs": 30, "batch_size": 4, "patience": 3, "optimizer": "sgd"}
    as_whole = loop.train("gru", "detect", own, **way)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(the_loop, "epochs_of", Batches)
        by_batch = loop.train("gru", "detect", own, **way)
    for found, expected in zip(as_whole, by_batch, strict=True):
        assert found.failure == expected.failure
        assert str(found.train_loss) == str(expected.train_loss)
        assert torch.equal(found.weights, expected.weights)


def test_how_many_updates_a_call_has_changes_no_bit(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = members(loop, "places")
    expected = loop.train("gru", "detect", own)
    for at_once in (0, 10_000):
        monkeypatch.setattr(whole, "AT_ONCE", at_once)
        for found, theirs in zip(loop.train("gru", "detect", own), expected, strict=True):
            loop.assert_equal(found, theirs)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_gathers_what_the_shelf_reads(shape: str, task: str, loop: Any) -> None:
    train, weights = stock_of(members(loop, shape, task), CPU)
    found = library()
    assert found is not None
    assert isinstance(train, stack.Shelf)
    assert isinstance(weights, Weights)
    stored = Stored(train, weights, classes=task == "classify")
    gather = found.function("seqanom_gather", *[ctypes.c_void_p] * 6)
    for k, count in enumerate(train.counts):
        index = torch.randperm(count, generator=torch.Generator().manual_seed(k))
        room = stored.room(count)
        at = Room(*(tensor.data_ptr() for tensor in room))
        address = ctypes.addressof
        gather(address(stored.fields), k, index.data_ptr(), count, count, address(at))
        for tensor, expected in zip(room, (*train.read(index[None]), weights.read(index[None])), strict=True):
            assert torch.equal(tensor, expected[k])


def chosen(loop: Any, kind: str, task: str, step_loss: StepLoss | None = None, **way: Any) -> Epochs:
    own, model = members(loop, "even", task), loop.build(kind, task)
    train, weights = stock_of(own, CPU)
    rows = torch.zeros(len(own), model.size)
    change = make_optimizer("adam", rows, torch.ones(len(own)), weight_decay=None, momentum=0.0)
    update = Update(compute_for(model, **way), step_loss or TASKS[task].step_loss, change, NO_DROPOUT)
    return epochs_of(update, train, weights, 5, CPU, None)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_has_whole_epochs(kind: str, task: str, loop: Any) -> None:
    assert isinstance(chosen(loop, kind, task), Whole)


def test_elsewhere_an_epoch_goes_batch_by_batch(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(chosen(loop, "gru", "detect", precision="bf16"), Batches)
    assert isinstance(chosen(loop, "gru", "detect", StepLoss(BCE(pos_weight=2.0))), Batches)
    assert isinstance(chosen(loop, "logistic", "detect"), Batches)
    monkeypatch.setenv(VARIABLE, "off")
    assert isinstance(chosen(loop, "gru", "detect"), Batches)
