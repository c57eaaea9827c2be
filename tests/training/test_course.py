"""Several epochs in one call of the kernel have the bits of one after the other, and who has stopped rests."""

from collections.abc import Callable
from itertools import chain
from types import ModuleType
from typing import Any

import pytest
import torch

from seqanomaly.kernel.library import usable
from seqanomaly.training import course, whole
from seqanomaly.training import loop as the_loop
from seqanomaly.training.course import Course, OneByOne, Several
from seqanomaly.training.log import Fitted

pytestmark = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
WAYS: dict[str, dict[str, Any]] = {
    "all epochs": {"epochs": 30},
    "patience": {"epochs": 60, "patience": 3},
    "one epoch of patience": {"epochs": 60, "patience": 1},
    "grouped": {"epochs": 20, "group_by_length": True},
}


@pytest.fixture(scope="module")
def loop(load_script: Callable[[str], ModuleType]) -> Any:
    """The members and the comparisons of the tests of the loop."""
    return load_script("tests/training/test_loop.py")


def members(loop: Any) -> list[Any]:
    """Two that learn, one that soon learns no more, and one that fails."""
    return [loop.member("detect", seed, "exp", lr=lr) for seed, lr in ((0, 0.02), (1, 0.05), (2, 0.5), (3, 1e30))]


def train(loop: Any, kind: str, own: list[Any], made: list[Course], **way: Any) -> list[Fitted]:
    """Also notes what ran the epochs."""
    original = course.course_of

    def noted(*arguments: Any) -> Course:
        made.append(original(*arguments))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(the_loop, "course_of", noted)
        found: list[Fitted] = loop.train(kind, "detect", own, optimizer="sgd", **way)
    return found


@pytest.mark.parametrize("at_once", [2_000, 100_000, whole.AT_ONCE])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["gru", "tcn"])
def test_it_is_one_epoch_after_the_other(
    kind: str, way: str, at_once: int, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Course] = []
    seen: list[list[int]] = [[], []]
    monkeypatch.setattr(whole, "AT_ONCE", 0)
    expected = train(loop, kind, members(loop), made, on_epoch=seen[0].append, **WAYS[way])
    monkeypatch.setattr(whole, "AT_ONCE", at_once)
    found = train(loop, kind, members(loop), made, on_epoch=seen[1].append, **WAYS[way])
    assert isinstance(made[0], OneByOne)
    assert isinstance(made[1], Several) == (at_once > 2_000)
    assert seen[0] == seen[1] == [*range(1, len(seen[0]) + 1)]
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a.weights, b.weights)
        assert str(a) == str(b)
    assert kind != "tcn" or any(one.failure is not None for one in found)


def test_who_has_stopped_computes_nothing(loop: Any) -> None:
    made: list[Course] = []
    found = train(loop, "gru", members(loop)[:3], made, epochs=1000, patience=1)
    (several,) = made
    assert isinstance(several, Several)
    epochs = [len(one.train_loss) for one in found]
    assert several.log.all_stopped
    assert len(set(epochs)) > 1, "members stop at different epochs"
    order, rows = torch.arange(12).expand(5, 3, 12).contiguous(), several.updates.change.rows.clone()
    several.losses(order)
    assert torch.equal(several.updates.change.rows, rows)


def test_no_more_epochs_than_asked_for(loop: Any) -> None:
    made: list[Course] = []
    found = train(loop, "rnn", members(loop)[:2], made, epochs=7)
    (several,) = made
    assert [len(one.train_loss) for one in found] == [7, 7]
    rows = several.updates.change.rows.clone()  # type: ignore[attr-defined]
    blocks = chain([torch.arange(12).expand(9, 2, 12).contiguous()] * 2)
    assert [*several.run(blocks, 0)] == []
    assert torch.equal(several.updates.change.rows, rows)  # type: ignore[attr-defined]
