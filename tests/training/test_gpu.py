"""On a CUDA device: graphs, the usual way and the CPU end alike, nobody waits, and memory does not grow.

The usual way and graphs run the same kernels, so they may differ by the last bits only; the CPU sums in another order,
and what bf16 makes of that shows in the losses. Where there is no CUDA device, none of this has been seen to pass.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from seqanomaly.kernel.library import VARIABLE as KERNEL
from seqanomaly.training import stack
from seqanomaly.training.choose import compute_for
from seqanomaly.training.graphs import VARIABLE, WARM, CudaRecorder, Replayed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")


@pytest.fixture(scope="module")
def graphs(load_script: Callable[[str], ModuleType]) -> Any:
    """What the tests of graphs on the CPU look at."""
    return load_script("tests/training/test_graphs.py")


@pytest.fixture(scope="module")
def loop(load_script: Callable[[str], ModuleType]) -> Any:
    return load_script("tests/training/test_loop.py")


@pytest.fixture(autouse=True)
def _by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KERNEL, "off")
    monkeypatch.delenv(VARIABLE, raising=False)


KINDS = ("rnn", "gru", "lstm", "tcn", "logistic")
WAYS = ("adam", "clip", "adamw", "sgd", "bf16")
CASES = [(kind, way, "windows") for kind in KINDS for way in WAYS]
CASES += [(kind, "truncate", shape) for kind in ("rnn", "gru", "lstm") for shape in ("even", "uneven")]


@pytest.mark.parametrize(("kind", "way", "shape"), CASES)
def test_graphs_end_where_the_usual_way_and_the_cpu_end(
    kind: str, way: str, shape: str, graphs: Any, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, own = {"epochs": WARM + 3, **graphs.WAYS[way]}, graphs.members(loop, shape)
    replayed = loop.train(kind, "detect", own, device=CUDA, **options)
    monkeypatch.setenv(VARIABLE, "off")
    usual = loop.train(kind, "detect", own, device=CUDA, **options)
    on_cpu = loop.train(kind, "detect", own, **options)
    for found, same, other in zip(replayed, usual, on_cpu, strict=True):
        torch.testing.assert_close(found.weights, same.weights, rtol=1e-5, atol=1e-6)
        assert found.train_loss == pytest.approx(same.train_loss, rel=1e-5)
        assert found.best_epoch == same.best_epoch
        if way == "bf16":
            assert found.validation_loss == pytest.approx(other.validation_loss, rel=0.05)
        else:
            torch.testing.assert_close(found.weights, other.weights, rtol=1e-3, atol=1e-3)
            assert found.validation_loss == pytest.approx(other.validation_loss, rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_trains_as_on_the_cpu(kind: str, loop: Any, graphs: Any) -> None:
    own = graphs.members(loop, "uneven")
    on_cpu, on_gpu = (loop.train(kind, "detect", own, dropout=0.3, device=device) for device in (None, CUDA))
    for found, expected in zip(on_gpu, on_cpu, strict=True):
        torch.testing.assert_close(found.weights, expected.weights, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_waits_inside_an_epoch(
    kind: str, recorded: bool, resident: bool, graphs: Any, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "fits", lambda size, device: resident)
    epochs, order, evaluation = graphs.build(CUDA, kind, "windows", graphs.WAYS["clip"], loop)
    if recorded:
        recorder = CudaRecorder(CUDA)
        epochs._run, evaluation._run = Replayed(epochs._run, recorder), Replayed(evaluation._run, recorder)
    for _ in range(WARM + 1):
        epochs.one(order)
        evaluation.mean()
    torch.cuda.set_sync_debug_mode("error")
    try:
        losses = torch.stack([epochs.one(order), evaluation.mean()])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert losses.isfinite().all()


def test_memory_does_not_grow_and_is_given_back(graphs: Any, loop: Any) -> None:
    own, used = graphs.members(loop, "windows"), []
    for _ in range(2):
        loop.train("gru", "detect", own, device=CUDA, epochs=12, on_epoch=lambda _: used.append(allocated()))
    assert len(set(used[WARM + 2 : 12])) == 1
    assert used[12:] == used[:12]


def allocated() -> int:
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


def test_the_path_says_graphs(loop: Any) -> None:
    assert compute_for(loop.build("gru", "detect"), device=CUDA).path == "stacked torch, cuda graphs"
