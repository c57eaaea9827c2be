"""Which way a stack is computed."""

import pytest
import torch

from seqanomaly.errors import ConfigError
from seqanomaly.kernel.library import VARIABLE, usable
from seqanomaly.models.rnn import GRU, LSTM, RNN, Recurrent
from seqanomaly.models.specs import LogisticSpec
from seqanomaly.run import train
from seqanomaly.training.choose import compute_for

compiled = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
SMALL = {"data": {"kind": "drift", "length": 12, "train": 60, "test": 40}, "train": {"epochs": 3}}


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@compiled
@pytest.mark.parametrize("kind", [RNN, GRU, LSTM])
def test_recurrent_models_are_compiled(kind: type[Recurrent]) -> None:
    assert compute_for(kind(3, 1)).path == f"compiled, {usable()[-1]}"
    assert compute_for(kind(3, 1), truncate=5).path == f"compiled, {usable()[-1]}, truncated"


def test_what_has_no_kernel_goes_to_torch() -> None:
    assert compute_for(GRU(3, 1, dropout=0.1)).path == "stacked torch"
    assert compute_for(GRU(3, 1), precision="bf16").path == "stacked torch"
    assert compute_for(GRU(3, 1), device=torch.device("meta")).path == "stacked torch"
    assert compute_for(LogisticSpec().build(3, 1)).path == "stacked torch"
    assert compute_for(GRU(3, 1, hidden=1, layers=65)).path == "stacked torch"
    assert compute_for(type("Own", (GRU,), {})(3, 1)).path == "stacked torch"


def test_the_variable_turns_the_kernel_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    assert compute_for(GRU(3, 1)).path == "stacked torch"
    assert compute_for(GRU(3, 1), truncate=5).path == "stacked torch, truncated"


def test_a_mistake_in_the_variable_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of")
    with pytest.raises(ConfigError, match=r"^unknown SEQANOM_KERNEL='of'; did you mean 'off'\?"):
        train(SMALL)


@compiled
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_training_ends_where_torch_ends(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = train({**SMALL, "model": kind})
    monkeypatch.setenv(VARIABLE, "off")
    slow = train({**SMALL, "model": kind})
    assert fast.environment["path"] == f"compiled, {usable()[-1]}"
    assert slow.environment["path"] == "stacked torch"
    torch.testing.assert_close(fast.detector.weights, slow.detector.weights, rtol=1e-3, atol=1e-4)
    for name in ("train_loss", "validation_loss"):
        assert fast.history[name].tolist() == pytest.approx(slow.history[name].tolist(), rel=1e-4)
