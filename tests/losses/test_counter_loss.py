"""CounterLoss: what every base loss x modulation x normalisation x reduction keeps, and the hazards."""

import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqanomaly import losses
from seqanomaly.errors import ConfigError
from seqanomaly.losses import (
    BASES,
    MODULATIONS,
    BaseLoss,
    CounterLoss,
    Exp,
    ExponentialCounterLoss,
    Linear,
    LinearCounterLoss,
    Permuted,
    Step,
    StepCounterLoss,
    Uniform,
)
from seqanomaly.losses.counter_loss import Normalize, Reduction

STEPS = 6
CLASSES = 3
each_base = pytest.mark.parametrize("base", BASES)
each_modulation = pytest.mark.parametrize("modulation", MODULATIONS)
each_normalize = pytest.mark.parametrize("normalize", get_args(Normalize))
each_reduction = pytest.mark.parametrize("reduction", get_args(Reduction))


def example(base: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Predictions and targets of steps with that shape."""
    draw = torch.Generator().manual_seed(4)
    tail = {"bce": (), "mse": (2,), "ce": (CLASSES,)}[base]
    predictions = torch.randn(*shape, *tail, generator=draw, dtype=torch.float64).to(dtype)
    if base == "mse":
        return predictions, torch.randn(*shape, *tail, generator=draw, dtype=torch.float64).to(dtype)
    return predictions, torch.randint(CLASSES if base == "ce" else 2, shape, generator=draw)


def ragged() -> Tensor:
    """A mask of sequences with gaps, of a short one, a whole one and one without a valid step."""
    rows = ([1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1], [0] * STEPS)
    return torch.tensor(rows, dtype=torch.bool)


def counters(shape: tuple[int, ...]) -> Tensor:
    return torch.arange(shape[-1]).expand(shape)


def gradient(loss: CounterLoss, predictions: Tensor, *rest: Tensor) -> Tensor:
    predictions = predictions.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(predictions, *rest).sum(), predictions)
    return slope


@each_reduction
@each_normalize
@each_modulation
@each_base
class TestEveryLoss:
    """One loss of every kind."""

    @pytest.fixture
    def loss(self, base: str, modulation: str, normalize: Normalize, reduction: Reduction) -> CounterLoss:
        return CounterLoss(base, modulation, normalize=normalize, reduction=reduction)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("shape", [(STEPS,), (3, STEPS), (2, 3, STEPS)])
    def test_shapes_and_types(
        self, loss: CounterLoss, base: str, reduction: str, shape: tuple[int, ...], dtype: torch.dtype
    ) -> None:
        predictions, targets = example(base, shape, dtype)
        value = loss(predictions.requires_grad_(), targets, counters(shape))
        assert value.shape == (shape if reduction == "none" else ())
        assert value.dtype == dtype
        assert bool((value.isfinite() & (value >= 0)).all())
        assert value.requires_grad
        weight = loss.weights(counters(shape), None, dtype)
        assert weight.shape == shape
        assert weight.dtype == dtype
        assert not weight.requires_grad

    def test_it_is_the_weighted_base_loss(self, loss: CounterLoss, base: str, reduction: str) -> None:
        mask = ragged()
        predictions, targets = example(base, mask.shape)
        per_step = BASES[base]().per_step(predictions, targets, mask.shape)
        weight = loss.weights(counters(mask.shape), mask, torch.float64)
        terms = [w * v for w, v in zip(weight.flatten().tolist(), per_step.flatten().tolist(), strict=True)]
        wanted = {
            "none": torch.tensor(terms, dtype=torch.float64).view(mask.shape),
            "sum": torch.tensor(math.fsum(terms), dtype=torch.float64),
            "mean": torch.tensor(math.fsum(terms) / 14, dtype=torch.float64),
        }
        found = loss(predictions, targets, counters(mask.shape), mask)
        torch.testing.assert_close(found, wanted[reduction], rtol=1e-12, atol=0)

    @pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
    def test_a_masked_step_might_as_well_be_missing(
        self, loss: CounterLoss, base: str, reduction: str, garbage: float
    ) -> None:
        mask = ragged()
        predictions, targets = example(base, mask.shape)
        counter = counters(mask.shape).double()
        rows = [
            loss(predictions[i][mask[i]], targets[i][mask[i]], counter[i][mask[i]])
            for i in range(len(mask))
            if mask[i].any()
        ]
        dirty_predictions = predictions.masked_fill(~mask.view(*mask.shape, *[1] * (predictions.dim() - 2)), garbage)
        dirty_targets = targets.clone()
        dirty_targets[~mask] = -100 if base == "ce" else garbage if base == "mse" else 77
        dirty = (dirty_predictions, dirty_targets, counter.masked_fill(~mask, garbage), mask)
        found = loss(*dirty)
        if reduction == "none":
            assert found[~mask].tolist() == [0] * 10
            torch.testing.assert_close(found[mask], torch.cat(rows), rtol=1e-12, atol=0)
        else:
            each = [row * (int(m.sum()) if reduction == "mean" else 1) for row, m in zip(rows, mask, strict=False)]
            wanted = torch.stack(each).sum() / (14 if reduction == "mean" else 1)
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
        slope = gradient(loss, *dirty)
        assert slope[~mask].count_nonzero() == 0
        clean = gradient(loss, predictions, targets, counter, mask)
        assert slope.numpy().tobytes() == clean.numpy().tobytes()

    def test_nothing_is_remembered_and_nothing_touched(self, loss: CounterLoss, base: str) -> None:
        def state() -> list[Any]:
            return [vars(loss.base).copy(), loss.modulation, loss.extra_repr(), sorted(vars(loss)), loss.state_dict()]

        mask = ragged()
        inputs = (*example(base, mask.shape, torch.float32), counters(mask.shape).contiguous(), mask)
        copies, before = [tensor.clone() for tensor in inputs], state()
        first = loss(*inputs)
        loss(*example(base, (2, 9), torch.float64), counters((2, 9)) + 5)
        again = loss(*inputs)
        assert first.numpy().tobytes() == again.numpy().tobytes()
        assert state() == before
        for tensor, copy in zip(inputs, copies, strict=True):
            assert torch.equal(tensor, copy)

    def test_no_weight_learns(self, loss: CounterLoss, base: str) -> None:
        assert not list(loss.parameters())
        assert not list(loss.buffers())
        predictions, targets = example(base, (2, STEPS))
        counter = counters((2, STEPS)).double().requires_grad_()
        assert not loss.weights(counter).requires_grad
        loss(predictions.requires_grad_(), targets, counter).sum().backward()
        assert counter.grad is None
        assert predictions.grad is not None

    def test_each_steps_gradient_is_scaled_by_its_weight(self, loss: CounterLoss, base: str, reduction: str) -> None:
        # so the weight is neither in the logits (a temperature) nor applied twice
        mask = ragged()
        predictions, targets = example(base, mask.shape)
        rest = (targets, counters(mask.shape), mask)
        plain = gradient(CounterLoss(base, "uniform", reduction=reduction), predictions, *rest)  # type: ignore[arg-type]
        weight = loss.weights(*rest[1:], torch.float64).view(*mask.shape, *[1] * (predictions.dim() - 2))
        torch.testing.assert_close(gradient(loss, predictions, *rest), weight * plain, rtol=1e-12, atol=0)

    def test_gradients_by_finite_differences(self, loss: CounterLoss, base: str) -> None:
        predictions, targets = example(base, (2, 3))
        counter, mask = counters((2, 3)), torch.tensor([[True, True, True], [True, True, False]])
        assert torch.autograd.gradcheck(lambda z: loss(z, targets, counter, mask), predictions.requires_grad_())

    def test_functional_gradients(self, loss: CounterLoss, base: str) -> None:
        mask = ragged()
        predictions, targets = example(base, mask.shape)
        rest = (targets, counters(mask.shape), mask)
        functional = torch.func.grad(lambda z: loss(z, *rest).sum())(predictions)
        torch.testing.assert_close(functional, gradient(loss, predictions, *rest), rtol=1e-12, atol=0)

    @pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
    def test_half_precision_predictions_keep_full_weights(
        self, loss: CounterLoss, base: str, half: torch.dtype
    ) -> None:
        shape = (2, STEPS)
        predictions, targets = example(base, shape, half)
        value = loss(predictions, targets, counters(shape))
        assert value.dtype == torch.float32
        per_step = BASES[base]().per_step(predictions, targets, torch.Size(shape))
        weighted = per_step.float() * loss.weights(counters(shape))
        reduced = {"none": weighted, "sum": weighted.sum(), "mean": weighted.mean()}[loss.reduction]
        torch.testing.assert_close(value, reduced, rtol=1e-6, atol=0)
        slope = gradient(loss, predictions, targets, counters(shape))
        assert slope.dtype == half
        assert bool(slope.isfinite().all())


@each_base
@each_modulation
def test_mean_normalised_weights_average_one_per_sequence(base: str, modulation: str) -> None:
    mask = ragged()
    weight = CounterLoss(base, modulation, normalize="mean").weights(counters(mask.shape), mask)
    torch.testing.assert_close(weight.sum(-1), mask.sum(-1).float(), rtol=1e-6, atol=0)


@each_modulation
def test_a_batch_is_its_sequences(modulation: str) -> None:
    loss = CounterLoss("bce", modulation, normalize="mean", reduction="none")
    predictions, targets = example("bce", (2, 3, STEPS))
    whole = loss(predictions, targets, counters((2, 3, STEPS)))
    parts = [
        loss(z, y, counters((STEPS,))) for z, y in zip(predictions.flatten(0, 1), targets.flatten(0, 1), strict=True)
    ]
    torch.testing.assert_close(whole.flatten(0, 1), torch.stack(parts), rtol=1e-12, atol=0)


@each_base
@each_reduction
def test_nothing_active_gives_a_zero_that_can_be_differentiated(base: str, reduction: Reduction) -> None:
    predictions, targets = example(base, (2, STEPS))
    some, none = torch.ones(2, STEPS, dtype=torch.bool), torch.zeros(2, STEPS, dtype=torch.bool)
    for normalize in get_args(Normalize):
        loss = CounterLoss(base, Step(threshold=STEPS), normalize=normalize, reduction=reduction)
        for mask in (some, none):
            z = predictions.clone().requires_grad_()
            value = loss(z, targets, counters((2, STEPS)), mask)
            assert value.count_nonzero() == 0
            value.sum().backward()
            assert z.grad is not None
            assert z.grad.count_nonzero() == 0


@each_modulation
def test_a_batch_without_a_valid_step_costs_nothing(modulation: str) -> None:
    predictions, targets = example("ce", (2, STEPS))
    z = (predictions * math.nan).requires_grad_()
    value = CounterLoss("ce", modulation, normalize="mean")(
        z, targets, counters((2, STEPS)), ragged()[-1].expand(2, -1)
    )
    value.backward()
    assert value.item() == 0
    assert z.grad is not None
    assert z.grad.count_nonzero() == 0


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    padding=st.integers(0, 5),
    modulation=st.sampled_from(sorted(MODULATIONS)),
    normalize=st.sampled_from(get_args(Normalize)),
)
def test_padding_changes_nothing(lengths: list[int], padding: int, modulation: str, normalize: Normalize) -> None:
    loss = CounterLoss("mse", modulation, normalize=normalize)
    longest = max(lengths)

    def padded(steps: int) -> float:
        counter = torch.arange(steps).expand(len(lengths), steps)
        mask = counter < torch.tensor(lengths).unsqueeze(1)
        values = torch.where(mask, (counter * 0.7).sin(), math.nan)
        value: float = loss(values.double(), values.double() * 3, counter, mask).item()
        return value

    assert padded(longest + padding) == pytest.approx(padded(longest), rel=1e-12)


# Numbers


def test_small_counters_would_not_do_for_long_sequences() -> None:
    # bfloat16 counts to 256 and float16 to 2048: integer counters must not pass through the predictions' type
    counter = torch.arange(4000, 4010)
    for half in (torch.bfloat16, torch.float16):
        zeros, ones = torch.zeros(10, dtype=half), torch.ones(10, dtype=half)
        loss = CounterLoss("mse", Linear(rate=1.0), reduction="none")
        assert loss(zeros, ones, counter).tolist() == list(range(4001, 4011))
        with torch.autocast("cpu", dtype=half):
            assert loss(zeros.float(), ones.float(), counter).tolist() == list(range(4001, 4011))


def test_half_precision_predictions_do_not_make_exp_overflow() -> None:
    counter = torch.arange(200)  # exp(19.9) is 4e8, float16 ends at 65504
    loss = ExponentialCounterLoss(reduction="none")
    last = loss(torch.zeros(200, dtype=torch.float16), torch.ones(200, dtype=torch.float16), counter)[-1]
    assert last.item() == pytest.approx(math.exp(19.9), rel=1e-5)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32])
def test_every_exact_type_of_counter(kind: torch.dtype) -> None:
    weight = CounterLoss("mse", "linear").weights(torch.arange(5).to(kind))
    torch.testing.assert_close(weight, torch.tensor([1.0, 1.1, 1.2, 1.3, 1.4]))


def test_raw_exp_weighs_a_long_sequence_as_thousands_of_short_ones() -> None:
    counter = counters((2, 100))
    mask = counter < torch.tensor([[20], [100]])
    short, long = CounterLoss("mse", "exp").weights(counter, mask).sum(-1).tolist()
    assert long / short == pytest.approx(3447, abs=0.5)
    short, long = CounterLoss("mse", "exp", normalize="mean").weights(counter, mask).sum(-1).tolist()
    assert (short, long) == pytest.approx((20, 100))


@pytest.mark.parametrize("start", [2**24, -(2**24), 1_700_000_000])
def test_a_counter_that_float32_cannot_tell_apart_is_refused(start: int) -> None:
    counter = torch.arange(3) + start
    loss = CounterLoss("mse", "exp", normalize="mean")
    for kind in (torch.int64, torch.float64):
        with pytest.raises(ConfigError) as error:
            loss.weights(counter.to(kind))
        assert str(error.value) == (
            f"the counter is {counter.to(kind)[0].item()} at a step, and torch.float32 cannot tell steps apart from "
            "16777216 on; subtract where the counter starts"
        )
    expected = loss.weights(torch.arange(3), None, torch.float64)
    assert loss.weights(counter, None, torch.float64).tolist() == expected.tolist()
    outside = torch.tensor([True, True, False])
    assert loss.weights(torch.tensor([0, 1, start]), outside).count_nonzero() == 2


# What is refused


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.bool, torch.complex64])
def test_counters_that_cannot_count(dtype: torch.dtype) -> None:
    with pytest.raises(ConfigError) as error:
        CounterLoss("mse", "exp")(torch.zeros(2), torch.zeros(2), torch.zeros(2, dtype=dtype))
    assert str(error.value) == f"the counter is {dtype}, which cannot count exactly; use int64 or float32"


@pytest.mark.parametrize(
    ("counter", "text"),
    [
        (torch.tensor(3), "the counter needs a step axis: got a single number, give a tensor [..., T]"),
        (torch.zeros(2, 0), "the counter has shape (2, 0); a sequence needs at least one step"),
    ],
)
def test_a_counter_needs_steps(counter: Tensor, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        CounterLoss("mse", "uniform")(counter, counter, counter)
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (torch.ones(2, 3), "torch.float32 with shape (2, 3)"),
        (torch.ones(2, 3, dtype=torch.int64), "torch.int64 with shape (2, 3)"),
        (torch.ones(3, dtype=torch.bool), "torch.bool with shape (3,)"),
        (torch.ones(2, 3, 1, dtype=torch.bool), "torch.bool with shape (2, 3, 1)"),
    ],
)
def test_masks_that_do_not_fit(mask: Tensor, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        CounterLoss("bce", "linear")(torch.zeros(2, 3), torch.zeros(2, 3), counters((2, 3)), mask)
    assert str(error.value) == f"the mask is {what}; it must be torch.bool with the counter's shape (2, 3)"


@each_base
@each_modulation
def test_a_counter_is_not_broadcast(base: str, modulation: str) -> None:
    predictions, targets = example(base, (2, STEPS))
    with pytest.raises(ConfigError, match=r"^predictions have shape \(2, 6.*\), the counter asks for \(6,"):
        CounterLoss(base, modulation)(predictions, targets, counters((STEPS,)))


def test_predictions_with_an_axis_too_many() -> None:
    with pytest.raises(ConfigError) as error:
        LinearCounterLoss()(torch.zeros(2, 3, 1), torch.zeros(2, 3), counters((2, 3)), torch.ones(2, 3) > 0)
    assert str(error.value) == (
        "predictions have shape (2, 3, 1), the counter asks for (2, 3); drop the last axis with predictions.squeeze(-1)"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"base": "bec"}, "unknown base loss 'bec'; did you mean 'bce'? (known: bce, mse, ce)"),
        (
            {"modulation": "linaer"},
            f"unknown loss 'linaer'; did you mean 'linear'? (known: {', '.join(MODULATIONS)})",
        ),
        (
            {"modulation": 3},
            f"needs a name or a mapping with a 'kind', got 3; known: {', '.join(MODULATIONS)}",
        ),
        ({"normalize": "meen"}, "unknown normalize 'meen'; did you mean 'mean'? (known: none, mean)"),
        ({"normalize": None}, "unknown normalize None; did you mean 'none'? (known: none, mean)"),
        ({"reduction": "summ"}, "unknown reduction 'summ'; did you mean 'sum'? (known: mean, sum, none)"),
    ],
)
def test_unknown_names(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        CounterLoss(**{"base": "bce", "modulation": "exp"} | arguments)
    assert str(error.value) == text


def test_impossible_presets() -> None:
    for make, text in (
        (lambda: LinearCounterLoss(rate=math.nan), "rate: must be a finite number, got nan"),
        (lambda: ExponentialCounterLoss(rate=math.inf), "rate: must be a finite number, got inf"),
        (
            lambda: StepCounterLoss("120%"),
            "threshold: must be a step number or a share such as '50%', got '120%'",
        ),
        (lambda: LinearCounterLoss(pos_weight=0.0), "pos_weight must be finite and greater than 0, got 0.0"),
        (
            lambda: StepCounterLoss(1, class_weight=[1.0, -2.0]),
            "class_weight must be finite and greater than 0, got -2.0",
        ),
    ):
        with pytest.raises(ConfigError) as error:
            make()
        assert str(error.value) == text


# How it is made and shown


def test_a_modulation_by_name_as_a_mapping_or_as_it_is() -> None:
    wanted = Exp(rate=0.1)
    by_mapping: Any = {"kind": "exp", "rate": 0.1}
    for given_modulation in ("exp", by_mapping, wanted):
        assert CounterLoss("mse", given_modulation).modulation == wanted
    assert repr(CounterLoss("ce", Permuted(seed=3), normalize="mean", reduction="sum")) == (
        "CounterLoss(ce x permuted(seed=3), normalize=mean, reduction=sum)"
    )


def test_a_base_loss_of_ones_own_may_be_infinite_where_nothing_is_valid() -> None:
    class Surprise(BaseLoss):
        def per_step(self, predictions: Tensor, targets: Tensor, steps: torch.Size) -> Tensor:
            return -predictions.log()

    loss, mask = CounterLoss(Surprise(), "uniform"), torch.tensor([True, True, False])
    predictions = torch.tensor([0.5, 0.25, math.nan])
    value = loss(predictions, predictions, torch.arange(3), mask)
    assert value.item() == pytest.approx(1.5 * math.log(2))
    assert gradient(loss, predictions, predictions, torch.arange(3), mask).tolist() == [-1, -2, 0]


def test_the_weights_of_a_modulation_of_ones_own_do_not_learn() -> None:
    scale = torch.tensor(2.0, requires_grad=True)

    class Scaled(Uniform):
        def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
            return scale.expand(counter.shape)

    loss = CounterLoss("mse", Scaled())
    assert not loss.weights(torch.arange(3)).requires_grad
    value = loss(torch.ones(3, requires_grad=True), torch.zeros(3), torch.arange(3))
    value.backward()
    assert value.item() == 2
    assert scale.grad is None


def test_the_package_offers_its_names() -> None:
    for name in losses.__all__:
        assert name in vars(losses) or losses.__getattr__(name) is not None
    with pytest.raises(AttributeError) as error:
        losses.__getattr__("Expo")
    assert str(error.value) == "module 'seqanomaly.losses' has no attribute 'Expo'"
