"""Updates that are recorded and replayed have the bits of the usual ones, and never wait for the device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from seqanomaly.errors import ConfigError
from seqanomaly.kernel.library import VARIABLE as KERNEL
from seqanomaly.losses.base import BCE, CE, StepLoss
from seqanomaly.models import rnn
from seqanomaly.models.base import NO_DROPOUT
from seqanomaly.models.rnn import GRU
from seqanomaly.models.specs import MODELS
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.tasks import TASKS
from seqanomaly.training import graphs, stack
from seqanomaly.training.choose import compute_for
from seqanomaly.training.compute import Torch
from seqanomaly.training.device import find_device
from seqanomaly.training.evaluation import Added, Sums
from seqanomaly.training.graphs import VARIABLE, WARM, CudaRecorder, Replayed
from seqanomaly.training.optimizers import make_optimizer
from seqanomaly.training.stack import Shelf
from seqanomaly.training.stock import stock_of
from seqanomaly.training.update import Batches, Update, batch_orders

CPU, META = torch.device("cpu"), torch.device("meta")
TRAINED = [kind for kind, spec in MODELS.items() if spec.trained]
EPOCHS = WARM + 3
WAYS: dict[str, dict[str, Any]] = {
    "adam": {},
    "clip": {"clip": 0.2},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "momentum": 0.8, "weight_decay": 0.1, "clip": 0.3},
    "bf16": {"precision": "bf16"},
    "truncate": {"truncate": 3},
}
CASES = [(kind, "clip", "uneven") for kind in TRAINED] + [("gru", way, "windows") for way in WAYS]
CASES += [("lstm", "truncate", "even"), ("tcn", "bf16", "even"), ("rnn", "sgd", "even")]


@pytest.fixture(autouse=True)
def _by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: without the compiled kernel, which no tape would see either, and with backward passes by hand."""
    monkeypatch.setenv(KERNEL, "off")
    monkeypatch.setattr(rnn, "BY_HAND", ("cpu", "meta"))
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="module")
def loop(load_script: Callable[[str], ModuleType]) -> Any:
    """The members and the comparisons of the tests of the loop."""
    return load_script("tests/training/test_loop.py")


def members(loop: Any, shape: str, task: str = "detect") -> list[Any]:
    if shape == "even":
        return [loop.member(task, seed, "exp", lr=lr) for seed, lr in ((0, 0.02), (1, 0.05), (0, 0.01))]
    cut, by_place = {"uneven": (None, False), "windows": ((3, 2), True)}[shape]
    return [loop.windowed(task, k, cut, by_place=by_place) for k in (0, 1, 4)]


@pytest.mark.parametrize(("kind", "way", "shape"), CASES)
def test_replayed_updates_have_the_bits_of_the_usual_ones(
    kind: str, way: str, shape: str, loop: Any, tape: Any
) -> None:
    own = members(loop, shape)
    usual = loop.train(kind, "detect", own, epochs=EPOCHS, **WAYS[way])
    replayed = loop.train(kind, "detect", own, epochs=EPOCHS, recorder=tape, **WAYS[way])
    for found, expected in zip(replayed, usual, strict=True):
        loop.assert_equal(found, expected)
    assert tape.replayed >= EPOCHS
    shapes = 3 if shape == "even" else 4  # evaluation; full and short batches, in some of which members rest
    assert len(tape.recorded) == shapes


@pytest.mark.parametrize("task", ["classify", "forecast"])
@pytest.mark.parametrize("shape", ["even", "windows"])
def test_every_task_is_replayed(task: str, shape: str, loop: Any, tape: Any) -> None:
    own = members(loop, shape, task)
    usual, replayed = (loop.train("gru", task, own, epochs=EPOCHS, recorder=how) for how in (None, tape))
    for found, expected in zip(replayed, usual, strict=True):
        loop.assert_equal(found, expected)


def test_members_that_stop_early_stop_when_replayed(loop: Any, tape: Any) -> None:
    own = [loop.member("detect", 0, lr=0.2), loop.member("detect", 1, lr=0.1)]
    usual, replayed = (
        loop.train("gru", "detect", own, epochs=40, batch_size=4, patience=3, recorder=how) for how in (None, tape)
    )
    for found, expected in zip(replayed, usual, strict=True):
        loop.assert_equal(found, expected)
    assert WARM < max(len(found.validation_loss) for found in replayed) < 40


def test_a_member_that_diverges_fails_when_replayed(loop: Any, tape: Any) -> None:
    own = [loop.member("forecast", 0, lr=0.05), loop.member("forecast", 1, lr=1e18)]
    kept, failed = loop.train("gru", "forecast", own, optimizer="sgd", epochs=EPOCHS, recorder=tape)
    (expected,) = loop.train("gru", "forecast", own[:1], optimizer="sgd", epochs=EPOCHS)
    loop.assert_same(kept, expected)
    assert failed.failure.startswith("training diverged in epoch")


@pytest.mark.parametrize("shape", ["even", "uneven", "windows"])
def test_data_that_do_not_fit_go_to_the_device_batch_by_batch(
    shape: str, loop: Any, tape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = members(loop, shape)
    resident = loop.train("gru", "detect", own, epochs=EPOCHS)
    monkeypatch.setattr(stack, "fits", lambda size, device: False)
    assert not Shelf([its.train for its in own], CPU).resident
    for how in (None, tape):
        for found, expected in zip(
            loop.train("gru", "detect", own, epochs=EPOCHS, recorder=how), resident, strict=True
        ):
            loop.assert_equal(found, expected)


@pytest.mark.parametrize(("free", "resident"), [(0, True), (1, False)])
def test_the_bytes_of_data_and_weights_decide_what_is_resident(
    free: int, resident: bool, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, sizes = members(loop, "even"), []

    def fits(size: int, device: torch.device) -> bool:
        sizes.append(size)
        return True

    monkeypatch.setattr(stack, "fits", fits)
    stock_of(own, CPU)
    batch = own[0].train
    data = 2 * sum(values.nbytes for values in (batch.x, batch.target, batch.mask))  # two of three members share theirs
    assert sizes == [data + 3 * own[0].weight.nbytes]
    monkeypatch.undo()
    monkeypatch.setattr(stack, "RESIDENT", sizes[0] - free)
    assert stack.fits(sizes[0], torch.device("cuda")) is resident
    assert stack.fits(sizes[0], CPU)


# nobody waits


def build(device: torch.device, kind: str, shape: str, way: dict[str, Any], loop: Any) -> tuple[Batches, Tensor, Added]:
    """The updates of an epoch and its order, and the evaluation after it."""
    own, model = members(loop, shape), loop.build(kind, "detect")
    train, weights = stock_of(own, device)
    rows = torch.stack([model.init(torch_generator(its.seed, "weights")) for its in own]).to(device)
    lr = torch.tensor([its.lr for its in own], device=device)
    change = make_optimizer(way.get("optimizer", "adam"), rows, lr, weight_decay=0.1, momentum=way.get("momentum", 0.0))
    settings = {name: way[name] for name in ("truncate", "precision") if name in way}
    compute, step_loss = compute_for(model, device=device, **settings), TASKS["detect"].step_loss
    update = Update(compute, step_loss, change, NO_DROPOUT)
    sums = Sums(compute_for(model, device=device), step_loss, rows)
    orders = batch_orders([numpy_generator(its.seed, "order") for its in own], train, 5)
    evaluation = Added(sums, Shelf([its.validation for its in own], device))
    return Batches(update, train, weights, 5, device, None), next(orders)[0], evaluation


@pytest.mark.parametrize("device", [CPU, META], ids=str)
@pytest.mark.parametrize(("kind", "way", "shape"), CASES)
def test_an_epoch_asks_its_device_nothing_and_brings_it_nothing(
    kind: str, way: str, shape: str, device: torch.device, loop: Any, watched: Any
) -> None:
    epochs, order, evaluation = build(device, kind, shape, WAYS[way], loop)
    with watched(device):
        train_loss, validation_loss = epochs.one(order), evaluation.mean()
    assert train_loss.shape == validation_loss.shape == (3,)


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.sum().item(),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: bool((x > 0).any()),
        lambda x: x[[0, 1]],
        lambda x: x[x > 0],
        lambda x: (x > 0).nonzero(),
        lambda x: x.new_tensor([1.0, 2.0]),
        lambda x: torch.tensor([1.0], device=x.device),
        lambda x: x * torch.ones(3).to(x.device),
        lambda x: torch.equal(x, x),
        lambda x: x.masked_select(x > 0),
    ],
)
def test_waiting_would_be_noticed(work: Callable[[Tensor], object], watched: Any) -> None:
    """Some of it can be seen on the CPU only, some elsewhere only; so an epoch is watched on both."""
    noticed = []
    for device in (CPU, META):
        try:
            with watched(device):
                work(torch.ones(3, device=device))
        except AssertionError as error:
            noticed.append(str(error))
        except NotImplementedError:  # meta tensors have no values to copy
            noticed.append("no data")
    assert noticed


@pytest.mark.parametrize("base", [BCE(pos_weight=3.0), CE([1.0, 2.0, 0.5])])
def test_losses_with_factors_bring_the_device_nothing(base: BCE | CE, watched: Any) -> None:
    outputs = torch.zeros(2, 3, 4, 1 if isinstance(base, BCE) else 3, device=META)
    with watched(META):
        loss = StepLoss(base)(outputs, torch.zeros(2, 3, 4, dtype=torch.int64, device=META))
    assert loss.shape == (2, 3, 4)


# what is replayed


def test_each_shape_is_warmed_up_recorded_once_and_replayed(tape: Any) -> None:
    total, python = torch.zeros(2), []

    def add(values: Tensor, factor: Tensor | None) -> None:
        python.append(values.shape)
        total.add_(values.sum(1) if factor is None else values.sum(1) * factor)

    run, expected = Replayed(add, tape), torch.zeros(2)
    for number in range(4 * (WARM + 2)):
        values, factor = torch.full((2, 1 + number % 2), float(number)), torch.tensor([2.0, 3.0])
        run(values, factor if number % 4 > 1 else None)
        expected += values.sum(1) * (factor if number % 4 > 1 else 1)
        assert torch.equal(total, expected)
    assert (tape.warmed, len(tape.recorded), tape.replayed) == (4 * WARM, 4, 4 * 2)
    assert len(python) == 4 * (WARM + 1)


def test_what_python_counts_would_be_noticed(tape: Any) -> None:
    """A count on the host stands still when work is replayed."""
    total, count = torch.zeros(1), 0

    def add(value: Tensor) -> None:
        nonlocal count
        count += 1
        total.add_(value * count)

    run = Replayed(add, tape)
    for _ in range(WARM + 3):
        run(torch.ones(1))
    assert total.item() < sum(range(1, WARM + 4))


def test_dropout_is_not_recorded(loop: Any, tape: Any) -> None:
    with pytest.raises(AssertionError, match=r"^dropout draws on the CPU, which cannot be recorded$"):
        loop.train("gru", "detect", members(loop, "even"), dropout=0.5, recorder=tape)


# which way is taken

CUDA = torch.device("cuda")


def test_a_cuda_device_replays_unless_the_variable_says_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert compute_for(GRU(3, 1), device=CUDA).path == "stacked torch, cuda graphs"
    assert compute_for(GRU(3, 1), device=CUDA, truncate=5).path == "stacked torch, truncated, cuda graphs"
    assert compute_for(GRU(3, 1), device=CUDA, precision="bf16").replayed
    assert compute_for(GRU(3, 1, dropout=0.1), device=CUDA).path == "stacked torch"
    assert not compute_for(GRU(3, 1)).replayed
    monkeypatch.setenv(VARIABLE, "off")
    assert compute_for(GRU(3, 1), device=CUDA).path == "stacked torch"


def test_a_mistake_in_the_variable_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "of")
    with pytest.raises(ConfigError, match=r"^unknown SEQANOM_GRAPHS='of'; did you mean 'off'\?"):
        find_device("cpu")


# how CUDA is asked


class Calls:
    """Stands for torch.cuda and notes what it is asked."""

    def __init__(self, failure: str = "") -> None:
        self.notes: list[str] = []
        self.failure = failure

    def note(self, what: str) -> Any:
        self.notes.append(what)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(graphs, "side_stream", lambda device: FakeStream(self, "side"))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: FakeStream(self, "usual"))
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "pool")
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: FakeGraph(self))
        monkeypatch.setattr(torch.cuda, "device", lambda device: self.inside(f"on {device}"))
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: self.inside(f"in {stream.name}"))
        monkeypatch.setattr(
            torch.cuda, "graph", lambda graph, pool, stream: self.inside(f"capture by {stream.name} into the {pool}")
        )

    @contextmanager
    def inside(self, what: str) -> Iterator[None]:
        self.note(what)
        if self.failure and what.startswith("capture"):
            raise RuntimeError(self.failure)
        yield
        self.note(f"end {what}")


class FakeStream:
    def __init__(self, calls: Calls, name: str) -> None:
        self.calls, self.name = calls, name

    def wait_stream(self, other: "FakeStream") -> None:
        self.calls.note(f"{self.name} waits for {other.name}")


class FakeGraph:
    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def replay(self) -> None:
        self.calls.note("replay")


def test_cuda_warms_up_on_the_stream_that_records(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls()
    calls.install(monkeypatch)
    recorder = CudaRecorder(torch.device("cuda:1"))
    recorder.warm(lambda: calls.note("work"))
    assert calls.notes == [
        "side waits for usual",
        "in side",
        "work",
        "end in side",
        "usual waits for side",
    ]
    calls.notes.clear()
    replay = recorder.record(lambda: calls.note("work"))
    capture = "capture by side into the pool"
    assert calls.notes == ["on cuda:1", capture, "work", f"end {capture}", "end on cuda:1"]
    replay()
    assert calls.notes[-1] == "replay"


def test_a_recording_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    Calls("operation not permitted when stream is capturing\nCompile with ..").install(monkeypatch)
    with pytest.raises(ConfigError) as error:
        CudaRecorder(torch.device("cuda:0")).record(lambda: None)
    assert str(error.value) == (
        "cuda:0: an update could not be recorded as a CUDA graph (operation not permitted when stream is capturing); "
        "compute without graphs by SEQANOM_GRAPHS=off"
    )


@pytest.mark.parametrize(("count", "remedy"), [(3, "stack: 1"), (1, "a smaller batch_size")])
def test_a_stack_that_does_not_fit_says_what_to_do(
    count: int, remedy: str, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Update, "__call__", full)
    with pytest.raises(ConfigError) as error:
        loop.train("gru", "detect", members(loop, "even")[:count])
    assert str(error.value) == (
        f"cpu: a stack of {count} members does not fit into its memory; give {remedy}, or compute with --device cpu"
    )


@pytest.mark.parametrize(("kind", "kernels"), [("rnn", 4), ("gru", 9), ("lstm", 13)])
def test_a_step_has_few_kernels(kind: str, kernels: int, tape: Any) -> None:
    """Forward and backward: launching them is what a step of a small model costs a GPU."""

    def count(steps: int) -> int:
        model = MODELS[kind]().build(2, 1)
        rows, x = torch.zeros(3, model.size), torch.ones(3, 4, steps, 2)
        given = (x[..., 0], torch.ones(3, 4, steps, dtype=torch.bool), x[..., 0], NO_DROPOUT)

        def work() -> None:
            Torch(model).gradient(StepLoss(BCE()), rows, x, *given)

        tape.record(work)
        return sum(not func.is_view for func, *_ in tape.recorded[-1].operations)

    assert count(30) - count(20) == 10 * kernels
