"""THE loop: a member alone is the member in a stack, the best weights are kept, and members fail alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seqanomaly.batch import Batch
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.kernel.library import usable
from seqanomaly.losses import CounterLoss
from seqanomaly.losses.modulations import MODULATIONS, for_seed
from seqanomaly.models.base import NO_DROPOUT, Dropout, Parameter, SequenceModel
from seqanomaly.models.specs import MODELS
from seqanomaly.seeds import torch_generator
from seqanomaly.tasks import TASKS, Task
from seqanomaly.training.log import Fitted
from seqanomaly.training.loop import evaluate, fit, predict
from seqanomaly.training.stack import Member, Shelf
from seqanomaly.training.weights import window_weights

CPU = torch.device("cpu")
FEATURES, CLASSES, STEPS, TRAIN, VALIDATION = 3, 3, 8, 12, 7
LOSSES = list(MODULATIONS)
TRAINED = [kind for kind, spec in MODELS.items() if spec.trained]


@cache
def batches(task: str, seed: int, train: int = TRAIN) -> tuple[Batch, Batch]:
    """Training and validation sequences of 4 to 8 steps, with a weak signal."""
    generator = np.random.default_rng(seed)
    count = train + VALIDATION
    label = generator.integers(0, CLASSES if task == "classify" else 2, (count, STEPS))
    length = generator.integers(4, STEPS + 1, count)
    inside = np.arange(STEPS) < length[:, None]
    x = generator.standard_normal((count, STEPS, FEATURES)) + 0.7 * label[..., None]
    sequences = Sequences(
        x=(x * inside[..., None]).astype(np.float32),
        label=label * inside,
        length=length,
        ids=tuple(map(str, range(count))),
        features=("a", "b", "c"),
        classes=("0", "1", "2") if task == "classify" else ("0", "1"),
    )
    order = np.arange(count)
    return TASKS[task].learning(sequences.take(order[:train])), TASKS[task].learning(sequences.take(order[train:]))


def build(kind: str, task: str, dropout: float = 0.0) -> SequenceModel:
    spec = MODELS[kind]
    wanted: dict[str, Any] = {"hidden": 4, "channels": 4, "layers": 1, "dropout": dropout}
    return spec(**{key: value for key, value in wanted.items() if key in spec.model_fields}).build(
        FEATURES, TASKS[task].outputs(FEATURES, CLASSES)
    )


def member(task: str, seed: int, loss: str = "uniform", *, lr: float = 0.02, train: int = TRAIN) -> Member:
    learning, validation = batches(task, seed, train)
    weigh = CounterLoss(TASKS[task].base, for_seed(MODULATIONS[loss](), seed), normalize="mean")
    return Member(
        seed=seed,
        lr=lr,
        train=learning,
        validation=validation,
        weight=weigh.weights(learning.counter, learning.mask),
    )


def train(kind: str, task: str, members: Sequence[Member], *, dropout: float = 0.0, **options: Any) -> list[Fitted]:
    options = {"epochs": 4, "batch_size": 5, **options}
    return fit(build(kind, task, dropout), TASKS[task].step_loss, list(members), **options)


def assert_same(found: Fitted, expected: Fitted) -> None:
    """To rounding."""
    torch.testing.assert_close(found.weights, expected.weights, rtol=1e-4, atol=1e-5)
    assert found.train_loss == pytest.approx(expected.train_loss, rel=1e-5)
    assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-5)
    assert found.best_epoch == expected.best_epoch
    assert found.failure == expected.failure


def assert_equal(found: Fitted, expected: Fitted) -> None:
    """Bit for bit."""
    assert torch.equal(found.weights, expected.weights)
    assert found.train_loss == expected.train_loss
    assert found.validation_loss == expected.validation_loss
    assert found.best_epoch == expected.best_epoch


def members(task: str) -> list[Member]:
    """One per loss, with seeds and learning rates of their own; two share a seed, and so their data."""
    settings = zip(LOSSES, [3, 0, 1, 2, 0, 1, 2, 4], [0.02, 0.05, 0.01, 0.03, 0.02, 0.04, 0.05, 0.01], strict=True)
    return [member(task, seed, loss, lr=lr) for loss, seed, lr in settings]


EVERYTHING: dict[str, Any] = {"dropout": 0.2, "clip": 0.3, "patience": 1}


@cache
def stacked(kind: str, task: str) -> list[Fitted]:
    return train(kind, task, members(task), **EVERYTHING)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", TRAINED)
def test_a_member_alone_is_the_member_in_a_stack(kind: str, task: str, loss: str) -> None:
    k = LOSSES.index(loss)
    (alone,) = train(kind, task, [members(task)[k]], **EVERYTHING)
    assert alone.failure is None
    assert_same(stacked(kind, task)[k], alone)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", TRAINED)
def test_the_order_of_members_does_not_matter(kind: str, task: str) -> None:
    all_members = members(task)
    for order in ([5, 4, 3, 2, 1, 0], [2, 5, 0], [4, 1]):
        found = train(kind, task, [all_members[k] for k in order], **EVERYTHING)
        for result, k in zip(found, order, strict=True):
            assert_same(result, stacked(kind, task)[k])


@pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_by_the_kernel_a_member_has_the_same_bits_alone_and_in_any_stack(kind: str, task: str) -> None:
    options: dict[str, Any] = {"clip": 0.3, "patience": 1}
    together = train(kind, task, members(task), **options)
    for own, result in zip(members(task), together, strict=True):
        assert_equal(result, *train(kind, task, [own], **options))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_member_alone_is_the_member_in_a_stack_with_every_optimizer(optimizer: str) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "weight_decay": 0.1, "momentum": 0.8}
    together = train("gru", "detect", members("detect"), **options)
    for own, result in zip(members("detect"), together, strict=True):
        assert_same(result, *train("gru", "detect", [own], **options))


def test_members_of_a_stack_differ() -> None:
    results = stacked("gru", "detect")
    for k, result in enumerate(results):
        assert all(not torch.allclose(result.weights, other.weights, atol=1e-3) for other in results[:k])


class Recorder(SequenceModel):
    """A linear model that keeps what it was given: the weights, the features, and what dropout did to ones."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__(1, 1, dropout)
        self.weights: list[Tensor] = []
        self.x: list[Tensor] = []
        self.kept: list[Tensor] = []

    def parameters(self) -> dict[str, Parameter]:
        return {"slope": Parameter((1,), 1.0), "rest": Parameter((40,), 1.0)}

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        if drop is not NO_DROPOUT:
            self.weights.append(torch.cat([weights["slope"], weights["rest"]], dim=1).detach())
            self.x.append(x)
            self.kept.append(drop(torch.ones(*x.shape[:3], 6)))
        return x * weights["slope"][:, :, None, None]

    @property
    def receptive_field(self) -> int:
        return 1

    @property
    def width(self) -> int:
        return 1


def numbered(count: int) -> Batch:
    """Sequences of 4 steps that hold their own number."""
    x = torch.arange(float(count))[:, None, None].expand(count, 4, 1)
    return Batch(x=x, target=x, mask=torch.ones(count, 4, dtype=torch.bool), counter=torch.arange(4).expand(count, 4))


def record(seeds: Sequence[int], *, count: int = 11, batch_size: int = 4, **options: Any) -> Recorder:
    model, data = Recorder(), numbered(count)
    own = [
        Member(seed=seed, lr=1e-4 * (k + 1), train=data, validation=data, weight=torch.full((count, 4), 1.0 + k))
        for k, seed in enumerate(seeds)
    ]
    fit(model, TASKS["forecast"].step_loss, own, epochs=3, batch_size=batch_size, **options)
    return model


def test_a_member_draws_the_same_numbers_in_every_stack() -> None:
    alone = {seed: record([seed]) for seed in (7, 8, 9)}
    for seeds in ([7, 8, 9], [9, 7, 8], [8, 8, 7, 9, 7], [9, 8]):
        together = record(seeds)
        assert len(together.x) == 3 * 3
        for k, seed in enumerate(seeds):
            assert torch.equal(together.weights[0][k], alone[seed].weights[0][0])
            for update in range(9):
                assert torch.equal(together.x[update][k], alone[seed].x[update][0])
                assert torch.equal(together.kept[update][k], alone[seed].kept[update][0])


def test_seeds_draw_different_numbers() -> None:
    first, second = record([0]), record([1])
    assert (first.weights[0] != second.weights[0]).all()
    assert not torch.equal(first.x[0], second.x[0])
    assert not torch.equal(first.kept[0], second.kept[0])


def test_what_is_drawn_does_not_depend_on_the_other_settings() -> None:
    usual = record([0])
    for options in ({"optimizer": "sgd"}, {"clip": 0.1}, {"patience": 3}, {"weight_decay": 0.1}):
        other = record([0], **options)
        assert torch.equal(usual.weights[0], other.weights[0])
        assert all(torch.equal(*pair) for pair in zip(usual.x, other.x, strict=True))
        assert all(torch.equal(*pair) for pair in zip(usual.kept, other.kept, strict=True))


@pytest.mark.parametrize(("count", "batch_size", "sizes"), [(11, 4, [4, 4, 3]), (8, 4, [4, 4]), (5, 100, [5])])
def test_an_epoch_has_every_sequence_once(count: int, batch_size: int, sizes: list[int]) -> None:
    found = record([0, 1], count=count, batch_size=batch_size)
    updates = len(sizes)
    assert [x.shape[1] for x in found.x] == sizes * 3
    for k in range(2):
        epochs = [
            torch.cat(found.x[at : at + updates], dim=1)[k, :, 0, 0].tolist() for at in range(0, 3 * updates, updates)
        ]
        assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2]


def test_global_random_state_is_neither_used_nor_changed() -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state(legacy=False)  # noqa: NPY002
    first = train("lstm", "detect", members("detect"), **EVERYTHING)
    assert torch.equal(torch.get_rng_state(), torch_before)
    numpy_after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert repr(numpy_after) == repr(numpy_before)
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        second = train("lstm", "detect", members("detect"), **EVERYTHING)
    for pair in zip(first, second, strict=True):
        assert_equal(*pair)


@pytest.mark.parametrize("kind", TRAINED)
def test_the_same_call_gives_the_same_bits(kind: str) -> None:
    for found, expected in zip(
        train(kind, "forecast", members("forecast"), **EVERYTHING), stacked(kind, "forecast"), strict=True
    ):
        assert_equal(found, expected)


def validation_loss(kind: str, task: str, own: Member, result: Fitted) -> float:
    shelf = Shelf([own.validation], CPU)
    return evaluate(build(kind, task), TASKS[task].step_loss, result.weights.unsqueeze(0), shelf).item()


OVERFIT: dict[str, Any] = {"epochs": 40, "batch_size": 4}


@pytest.mark.parametrize("patience", [None, 5])
@pytest.mark.parametrize("kind", TRAINED)
def test_the_best_weights_are_kept(kind: str, patience: int | None) -> None:
    own = [member("detect", seed, lr=0.1) for seed in (0, 1)]
    for its, result in zip(own, train(kind, "detect", own, patience=patience, **OVERFIT), strict=True):
        best = min(result.validation_loss)
        assert result.best_epoch == 1 + result.validation_loss.index(best)
        assert validation_loss(kind, "detect", its, result) == pytest.approx(best, rel=1e-6)
        assert result.validation_loss[-1] > 1.02 * best
        epochs = 40 if patience is None else result.best_epoch + patience
        assert len(result.validation_loss) == len(result.train_loss) == min(epochs, 40)


def test_patience_changes_nothing_before_it_ends() -> None:
    own = [member("detect", 0, lr=0.1)]
    (patient,), (impatient,) = (train("gru", "detect", own, patience=p, **OVERFIT) for p in (None, 3))
    stopped = len(impatient.validation_loss)
    assert stopped < 40
    assert impatient.validation_loss == patient.validation_loss[:stopped]
    assert impatient.train_loss == patient.train_loss[:stopped]


def test_a_stopped_member_stays_as_it_is_while_others_train_on() -> None:
    own = [member("detect", 0, lr=0.2), member("detect", 1, lr=0.001)]
    alone = [train("gru", "detect", [its], patience=3, dropout=0.1, **OVERFIT)[0] for its in own]
    together = train("gru", "detect", own, patience=3, dropout=0.1, **OVERFIT)
    lengths = [len(result.validation_loss) for result in together]
    assert lengths[0] < lengths[1] == 40
    assert lengths[0] == together[0].best_epoch + 3
    for pair in zip(together, alone, strict=True):
        assert_same(*pair)


def test_training_ends_when_every_member_has_stopped() -> None:
    epochs: list[int] = []
    own = [member("detect", 0, lr=0.2), member("detect", 1, lr=0.1)]
    results = train("gru", "detect", own, patience=2, on_epoch=epochs.append, **OVERFIT)
    longest = max(len(result.validation_loss) for result in results)
    assert longest < 40
    assert epochs == list(range(1, longest + 1))


@pytest.mark.parametrize("epochs", [1, 6])
def test_histories_have_an_entry_per_epoch(epochs: int) -> None:
    seen: list[int] = []
    for result in train("rnn", "detect", members("detect"), epochs=epochs, on_epoch=seen.append):
        assert len(result.train_loss) == len(result.validation_loss) == epochs
        assert 1 <= result.best_epoch <= epochs
    assert seen == list(range(1, epochs + 1))


DIVERGED = r"^training diverged in epoch \d+ \(training loss (nan|inf)\); try a smaller lr or clip: 1$"


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_member_with_a_huge_learning_rate_fails_alone(kind: str, place: int) -> None:
    good = [member("forecast", seed, lr=0.05) for seed in (0, 1)]
    own = [*good[:place], member("forecast", 2, lr=1e18), *good[place:]]
    found = train(kind, "forecast", own, optimizer="sgd", epochs=6)
    failed = found.pop(place)
    assert failed.failure is not None
    assert re.match(DIVERGED, failed.failure)
    assert len(failed.validation_loss) < 6
    for result, its in zip(found, good, strict=True):
        assert result.failure is None
        assert_same(result, *train(kind, "forecast", [its], optimizer="sgd", epochs=6))


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_member_with_impossible_values_fails_alone(part: str) -> None:
    good, bad = member("forecast", 0), member("forecast", 1)
    batch = bad.train if part == "training" else bad.validation
    huge = replace(batch, target=batch.target.masked_fill(batch.mask.unsqueeze(-1), 1e30))  # squared: infinite
    broken = replace(bad, train=huge) if part == "training" else replace(bad, validation=huge)
    failed, kept = train("tcn", "forecast", [broken, good])
    assert failed.failure == f"training diverged in epoch 1 ({part} loss inf); try a smaller lr or clip: 1"
    assert len(failed.train_loss) == len(failed.validation_loss) == 1
    assert_same(kept, *train("tcn", "forecast", [good]))


def one_step(clip: float | None) -> Tensor:
    """What one update by SGD with a learning rate of 1 moves, per member."""
    own = [member("detect", seed, lr=1.0) for seed in (0, 1)]
    before = train("gru", "detect", [replace(m, lr=0.0) for m in own], epochs=1, optimizer="sgd")
    after = train("gru", "detect", own, epochs=1, batch_size=TRAIN, optimizer="sgd", clip=clip)
    return torch.stack([start.weights - end.weights for start, end in zip(before, after, strict=True)])


def test_clip_bounds_the_norm_of_each_members_gradient() -> None:
    gradient = one_step(None)
    norms = gradient.norm(dim=1)
    between = norms.mean().item()
    assert norms.min() < 0.99 * between < 1.01 * between < norms.max()
    clipped = one_step(between)
    for k, norm in enumerate(norms):
        factor = min(1.0, between / norm.item())
        torch.testing.assert_close(clipped[k], gradient[k] * factor, rtol=1e-4, atol=1e-6)
    assert clipped.norm(dim=1).max().item() == pytest.approx(between, rel=1e-4)
    torch.testing.assert_close(one_step(1e-3).norm(dim=1), torch.full((2,), 1e-3), rtol=1e-2, atol=0)


def test_one_update_follows_the_gradient_of_the_weighted_mean() -> None:
    own = member("classify", 0, "exp", lr=1.0)
    model, row = build("gru", "classify"), build("gru", "classify").init(torch_generator(0, "weights"))
    row = row.unsqueeze(0).requires_grad_()  # [1, P]
    outputs = model.forward(model.views(row), own.train.x.unsqueeze(0), NO_DROPOUT)[0]  # [N, T, C]
    mask = own.train.mask
    loss = (F.cross_entropy(outputs[mask], own.train.target[mask], reduction="none") * own.weight[mask]).mean()
    (gradient,) = torch.autograd.grad(loss, row)
    (moved,) = train("gru", "classify", [own], epochs=1, batch_size=TRAIN, optimizer="sgd")
    assert moved.train_loss == pytest.approx([loss.item()], rel=1e-5)
    torch.testing.assert_close(row[0] - moved.weights, gradient[0], rtol=1e-4, atol=1e-6)


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    own = members("detect")
    for pair in zip(*(train("gru", "detect", own, batch_size=size) for size in (TRAIN, 1000)), strict=True):
        assert_equal(*pair)


@pytest.mark.parametrize("task", TASKS)
def test_evaluation_is_the_plain_mean_over_valid_steps(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, model = [member(task, seed) for seed in (0, 1)], build("gru", task)
    rows = torch.stack([model.init(torch.Generator().manual_seed(seed)) for seed in (5, 6)])
    shelf = Shelf([m.validation for m in own], CPU)
    whole, outputs = evaluate(model, TASKS[task].step_loss, rows, shelf), predict(model, rows, shelf)
    expected = [plain_mean(TASKS[task], outputs[k], m.validation) for k, m in enumerate(own)]
    assert whole.tolist() == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(Shelf, "chunk", lambda self, members, width: 2)
    torch.testing.assert_close(evaluate(model, TASKS[task].step_loss, rows, shelf), whole, rtol=1e-5, atol=0)
    torch.testing.assert_close(predict(model, rows, shelf), outputs, rtol=1e-5, atol=1e-6)


def plain_mean(task: Task, outputs: Tensor, batch: Batch) -> float:
    losses = [
        task.step_loss(outputs[n : n + 1, t : t + 1], batch.target[n : n + 1, t : t + 1]).item()
        for n, t in batch.mask.nonzero().tolist()
    ]
    return float(np.mean(losses))


# windows, and members with different numbers of sequences


WINDOWS = [(3, 1), (3, 3), (5, 2), (100, 50)]
COUNTS = (12, 7, 12, 9, 1)
"""Training sequences of five members; batches of 5 leave some of them without any at the end of an epoch."""


def windowed(task: str, k: int, cut: tuple[int, int] | None, *, by_place: bool) -> Member:
    own = member(task, k % 4, LOSSES[k], lr=[0.02, 0.05, 0.01, 0.03, 0.02][k], train=COUNTS[k])
    if cut is None:
        return own
    all_steps = batches("detect" if task == "forecast" else task, k % 4, COUNTS[k])  # a forecast masks some
    lengths = [batch.mask.sum(1).numpy() for batch in all_steps]
    learning, validation = (b.in_windows(n, *cut) for b, n in zip((own.train, own.validation), lengths, strict=True))
    within = None
    if by_place:
        weigh = CounterLoss(TASKS[task].base, for_seed(MODULATIONS[LOSSES[k]](), 0), normalize="mean")
        within = window_weights(weigh, learning, lengths[0])
    return replace(own, train=learning, validation=validation, within=within)


@pytest.mark.parametrize("by_place", [False, True])
@pytest.mark.parametrize("cut", [None, *WINDOWS[:3]])
@pytest.mark.parametrize("kind", TRAINED)
def test_a_member_alone_is_the_member_among_others_with_more_or_fewer(
    kind: str, cut: tuple[int, int] | None, by_place: bool
) -> None:
    own = [windowed("detect", k, cut, by_place=by_place) for k in range(len(COUNTS))]
    assert len({len(its.train) for its in own}) > 2
    together = train(kind, "detect", own, **EVERYTHING)
    for its, found in zip(own, together, strict=True):
        assert_same(found, *train(kind, "detect", [its], **EVERYTHING))
    for found, expected in zip(train(kind, "detect", own, **EVERYTHING), together, strict=True):
        assert_equal(found, expected)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_members_with_more_or_fewer_and_every_optimizer(optimizer: str) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "weight_decay": 0.1, "momentum": 0.8}
    own = [windowed("forecast", k, (3, 2), by_place=True) for k in range(len(COUNTS))]
    for its, found in zip(own, train("gru", "forecast", own, **options), strict=True):
        assert_same(found, *train("gru", "forecast", [its], **options))


def test_windows_longer_than_the_sequences_change_nothing() -> None:
    for whole, cut in zip(
        *(train("gru", "detect", [windowed("detect", k, c, by_place=False) for k in (0, 2)]) for c in (None, (8, 4))),
        strict=True,
    ):
        assert_equal(whole, cut)


@pytest.mark.parametrize("cut", WINDOWS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", TRAINED)
def test_predictions_are_stitched(kind: str, task: str, cut: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    model, own = build(kind, task), [windowed(task, k, cut, by_place=False).validation for k in (0, 1)]
    assert [len(batch.x) for batch in own] == [VALIDATION] * 2
    rows = torch.stack([model.init(torch.Generator().manual_seed(seed)) for seed in (5, 6)])
    found = predict(model, rows, Shelf(own, CPU))
    assert found.shape[:3] == (2, VALIDATION, STEPS)
    for k, batch in enumerate(own):
        for n in range(VALIDATION):
            for t in np.flatnonzero(batch.mask[n].numpy()).tolist():
                expected = history_alone(model, rows[[k]], batch, n, t)
                torch.testing.assert_close(found[k, n, t], expected, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(Shelf, "chunk", lambda self, members, width: 3)
    torch.testing.assert_close(predict(model, rows, Shelf(own, CPU)), found, rtol=1e-5, atol=1e-6)


def history_alone(model: SequenceModel, row: Tensor, batch: Batch, n: int, t: int) -> Tensor:
    """The output for step t of sequence n from the steps of its longest history in a window, [O]."""
    assert batch.windows is not None
    starts = batch.windows.start[batch.windows.sequence == n]
    first = min(start for start in starts.tolist() if start <= t < start + batch.windows.length)
    return model.forward(model.views(row), batch.x[None, [n], first : t + 1], NO_DROPOUT)[0, 0, -1]


@pytest.mark.parametrize("task", TASKS)
def test_the_validation_loss_takes_each_step_once(task: str) -> None:
    own, model = [windowed(task, k, (5, 2), by_place=False).validation for k in (0, 1)], build("gru", task)
    rows = torch.stack([model.init(torch.Generator().manual_seed(seed)) for seed in (5, 6)])
    shelf = Shelf(own, CPU)
    outputs = predict(model, rows, shelf)
    expected = [plain_mean(TASKS[task], outputs[k], batch) for k, batch in enumerate(own)]
    assert evaluate(model, TASKS[task].step_loss, rows, shelf).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_an_update_is_the_mean_over_the_steps_of_its_windows() -> None:
    own = windowed("classify", 2, (3, 1), by_place=True)
    assert own.train.windows is not None
    assert own.within is not None
    model, row = build("gru", "classify"), build("gru", "classify").init(torch_generator(own.seed, "weights"))
    row, total, steps = row.unsqueeze(0).requires_grad_(), torch.zeros(()), 0
    weight = own.within.of(torch.arange(len(own.train)))
    for w, (n, start) in enumerate(zip(own.train.windows.sequence, own.train.windows.start, strict=True)):
        at = slice(start, start + 3)
        mask, target = own.train.mask[n, at], own.train.target[n, at]
        outputs = model.forward(model.views(row), own.train.x[None, [n], at], NO_DROPOUT)[0, 0]
        loss = F.cross_entropy(outputs[mask], target[mask], reduction="none")
        total = total + (loss * weight[w][mask] * own.weight[n, at][mask]).sum()
        steps += int(mask.sum())
    (gradient,) = torch.autograd.grad(total / steps, row)
    (moved,) = train("gru", "classify", [replace(own, lr=1.0)], epochs=1, batch_size=1000, optimizer="sgd")
    assert moved.train_loss == pytest.approx([(total / steps).item()], rel=1e-5)
    torch.testing.assert_close(row.detach()[0] - moved.weights, gradient[0], rtol=1e-4, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", TRAINED)
def test_cuda_matches_the_cpu(kind: str, task: str) -> None:
    on_gpu = train(kind, task, members(task), device=torch.device("cuda"), **EVERYTHING)
    for found, expected in zip(on_gpu, stacked(kind, task), strict=True):
        assert found.weights.device.type == "cpu"
        torch.testing.assert_close(found.weights, expected.weights, rtol=1e-3, atol=1e-3)
        assert found.validation_loss == pytest.approx(expected.validation_loss, rel=1e-3)
