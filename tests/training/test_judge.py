"""The mean loss by the kernel is that of torch, and the same bits alone and in any stack."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from seqanomaly.kernel.library import VARIABLE, usable
from seqanomaly.losses.base import BCE, CE, StepLoss
from seqanomaly.seeds import torch_generator
from seqanomaly.tasks import TASKS
from seqanomaly.training import judge
from seqanomaly.training.choose import compute_for
from seqanomaly.training.evaluation import Added, Evaluation, Sums
from seqanomaly.training.judge import Judge, evaluation_of
from seqanomaly.training.stack import Shelf

CPU = torch.device("cpu")
KINDS = ("rnn", "gru", "lstm", "tcn")
CUTS = (None, (3, 2), (5, 5), (100, 50))

pytestmark = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")


@pytest.fixture(scope="module")
def loop(load_script: Callable[[str], ModuleType]) -> Any:
    """The members of the tests of the loop."""
    return load_script("tests/training/test_loop.py")


def shelf(loop: Any, task: str, cut: tuple[int, int] | None, members: list[int]) -> Shelf:
    """Training data of members that have unlike numbers of sequences."""
    return Shelf([loop.windowed(task, k, cut, by_place=False).train for k in members], CPU)


def evaluation(loop: Any, kind: str, task: str, data: Shelf, members: list[int], step_loss: Any = None) -> Evaluation:
    model = loop.build(kind, task)
    rows = torch.stack([2 * model.init(torch_generator(k, "weights")) for k in members])
    return evaluation_of(compute_for(model), step_loss or TASKS[task].step_loss, rows, data)


def by_torch(own: Judge, loop: Any, kind: str, task: str, data: Shelf, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    monkeypatch.setenv(VARIABLE, "off")
    return Added(Sums(compute_for(loop.build(kind, task)), TASKS[task].step_loss, own.rows), data).mean()


@pytest.mark.parametrize("instructions", usable())
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_loss_of_torch(
    kind: str, task: str, cut: tuple[int, int] | None, instructions: str, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, instructions)
    members = [0, 1, 4]
    data = shelf(loop, task, cut, members)
    own = evaluation(loop, kind, task, data, members)
    assert isinstance(own, Judge)
    found = own.mean()
    assert torch.equal(own.mean(), found)
    torch.testing.assert_close(found, by_torch(own, loop, kind, task, data, monkeypatch), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_member_has_the_same_bits_alone_and_in_any_stack(
    kind: str, cut: tuple[int, int] | None, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "READ", 0)
    monkeypatch.setattr(judge, "BLOCK", 5)  # sequences at once
    together = evaluation(loop, kind, "detect", shelf(loop, "detect", cut, [0, 1, 2, 4]), [0, 1, 2, 4]).mean()
    for members in ([4], [1], [2, 0]):
        found = evaluation(loop, kind, "detect", shelf(loop, "detect", cut, members), members).mean()
        assert torch.equal(found, together[[[0, 1, 2, 4].index(k) for k in members]])


@pytest.mark.parametrize("task", TASKS)
def test_how_many_sequences_are_read_at_once_changes_nothing_but_rounding(
    task: str, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shelf(loop, task, (3, 2), [0, 1])
    expected = evaluation(loop, "gru", task, data, [0, 1]).mean()
    monkeypatch.setattr(judge, "READ", 0)
    for block in (1, 4):
        monkeypatch.setattr(judge, "BLOCK", block)
        found = evaluation(loop, "gru", task, data, [0, 1]).mean()
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_it_follows_the_rows_as_they_change(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = shelf(loop, "detect", None, [0, 1])
    own = evaluation(loop, "gru", "detect", data, [0, 1])
    assert isinstance(own, Judge)
    before = own.mean()
    own.rows[1] *= 3
    after = own.mean()
    assert before[0] == after[0]
    assert before[1] != after[1]
    torch.testing.assert_close(after, by_torch(own, loop, "gru", "detect", data, monkeypatch), rtol=1e-5, atol=1e-6)


def test_a_member_without_steps_has_no_loss_and_one_without_numbers_shows_it(loop: Any) -> None:
    data = shelf(loop, "detect", None, [0, 1, 2])
    data.mask[0] = False
    own = evaluation(loop, "lstm", "detect", data, [0, 1, 2])
    assert isinstance(own, Judge)
    own.rows[:2] = float("nan")
    found = own.mean()
    assert found[0] == 0
    assert found[1].isnan()
    assert found[2] > 0


def test_elsewhere_torch_adds_the_losses(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = shelf(loop, "detect", None, [0, 1])
    factors = StepLoss(CE([1.0, 2.0])), StepLoss(BCE(pos_weight=2.0))
    assert all(isinstance(evaluation(loop, "gru", "detect", data, [0, 1], own), Added) for own in factors)
    assert isinstance(evaluation(loop, "logistic", "detect", data, [0, 1]), Added)
    monkeypatch.setenv(VARIABLE, "off")
    assert isinstance(evaluation(loop, "gru", "detect", data, [0, 1]), Added)
