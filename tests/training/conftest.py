"""A device that is not there, what a CUDA graph does and forbids; and what two runs on the same data have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqanomaly.store import RunResult
from seqanomaly.training.graphs import Recorder

aten = torch.ops.aten
WAITS = (
    aten._local_scalar_dense,  # .item(), bool()
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.unique_dim,
    aten._unique2,
    aten.lift_fresh,  # torch.tensor([..]), x[[0, 1]]
    aten._pin_memory,
    aten.repeat_interleave,
)
"""Operations for which the host waits for a device, or that read from the host."""
BY_INDEX = (aten.index, aten.index_put_, aten.index_put, aten._index_put_impl_)
"""Operations that count the values of a mask, which the host waits for."""


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where work asks the device for a value, brings it one, or leaves it.

    Args:
        device: where all of the work must be.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device

    def __torch_dispatch__(
        self,
        func: OpOverload[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        assert func.overloadpacket not in WAITS, f"{func} waits for the device"
        masks = [tensor for tensor in tensors(args[1:2]) if tensor.dtype == torch.bool]
        assert not (func.overloadpacket in BY_INDEX and masks), f"{func} by a mask waits for the device"
        found = self.run(func, args, kwargs or {})
        for tensor in tensors((args, kwargs, found)):
            assert tensor.device == self.device, f"{func} works on {tensor.device}"
        return found

    def run(self, func: OpOverload[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Do the operation."""
        return func(*args, **kwargs)


class Recording(Watched):  # type: ignore[no-untyped-call]
    """Keeps every operation with the memory that it reads and writes, backward passes included."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.operations: list[tuple[OpOverload[..., Any], tuple[Any, ...], Mapping[str, Any], Any]] = []
        self.before: list[tuple[Tensor, Tensor]] = []

    def run(self, func: OpOverload[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        self.before += [(tensor, tensor.clone()) for tensor in changed_by(func, args, kwargs)]
        found = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, found))
        return found

    @torch.no_grad()
    def undo(self) -> None:
        """Make everything what it was: recording does nothing."""
        for tensor, before in reversed(self.before):
            tensor.copy_(before)
        self.before.clear()

    @torch.no_grad()
    def replay(self) -> None:
        """Do the operations on the same memory again; what the host computed then is as it was then."""
        for func, args, kwargs, found in self.operations:
            if func.is_view:
                continue
            again = func(*args, **kwargs)
            if not changed_by(func, args, kwargs):
                for place, value in zip(tensors(found), tensors(again), strict=True):
                    place.copy_(value)


def tensors(values: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def changed_by(func: OpOverload[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that an operation changes in place."""
    named = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | dict(kwargs)
    written = [a.name for a in func._schema.arguments if a.alias_info is not None and a.alias_info.is_write]
    return tensors([named[name] for name in written if name in named])


class Tape(Recorder):
    """What `CudaRecorder` does, on the CPU: operations are recorded and replayed, Python is not run again."""

    def __init__(self) -> None:
        self.warmed = self.replayed = 0
        self.recorded: list[Recording] = []

    def warm(self, work: Callable[[], None]) -> None:
        self.warmed += 1
        with Watched(torch.device("cpu")):
            work()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        recording = Recording(torch.device("cpu"))
        with recording:
            work()
        recording.undo()
        self.recorded.append(recording)

        def replay() -> None:
            self.replayed += 1
            recording.replay()

        return replay


@pytest.fixture
def tape() -> Tape:
    """A recorder that works on the CPU."""
    return Tape()


@pytest.fixture
def watched() -> type[Watched]:
    """Fails where work waits for the host, or leaves its device."""
    return Watched


@pytest.fixture(
    params=[
        ("detect", "sequence"),
        ("detect", "window"),
        ("detect", "since_onset"),
        ("detect", "until_event"),
        ("classify", "sequence"),
        ("forecast", "sequence"),
        ("forecast", "window"),
        ("forecast", "until_event"),
    ],
    ids="-".join,
)
def question(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A task and what its counter counts."""
    task, frame = request.param
    return task, frame


@pytest.fixture(params=[{"split": {"time": 0.3}}, {"split": {"folds": 3}}, {"test": 0.2, "validation": 0.3}])
def division(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Settings of a table that say what is tested."""
    return dict(request.param)


@pytest.fixture(scope="session")
def alike() -> Callable[[RunResult, RunResult], None]:
    """Fails where two runs differ in a bit, but for sums over sequences that are added up in another order."""

    def expect(one: RunResult, other: RunResult) -> None:
        assert one.digest == other.digest
        assert torch.equal(one.detector.weights, other.detector.weights)
        assert one.detector.scaler == other.detector.scaler
        assert one.detector.calibration == other.detector.calibration
        for name in ("metrics", "history", "curve", "onset", "scores", "reliability"):
            frame, beside = getattr(one, name), getattr(other, name)
            assert (frame is None) == (beside is None)
            if frame is not None:
                pd.testing.assert_frame_equal(frame, beside, check_exact=True)
        facts = ({k: v for k, v in run.environment.items() if k not in ("weights", "notes")} for run in (one, other))
        assert next(facts) == next(facts)
        assert one.environment["weights"] == pytest.approx(other.environment["weights"], rel=1e-12)

    return expect
