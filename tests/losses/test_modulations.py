"""Modulations: each against plain Python, and what all of them keep."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqanomaly.config import Config
from seqanomaly.errors import ConfigError
from seqanomaly.losses import (
    MODULATIONS,
    CounterLoss,
    Exp,
    Linear,
    Modulation,
    Permuted,
    RateMatched,
    Reverse,
    ShuffledLabels,
    Step,
    Uniform,
)
from seqanomaly.losses.modulations import chain, for_seed

VARIANTS: list[Modulation] = [
    *(kind() for kind in MODULATIONS.values()),
    Linear(rate=0.0),
    Linear(rate=3.0),
    Exp(rate=-0.2),
    Exp(rate=0.0),
    Exp(rate=2.0),
    Step(threshold=3),
    Step(threshold="0%"),
    Step(threshold="33.3%"),
    Step(threshold="100%"),
    Reverse(of=Linear()),
    Reverse(of=Step(threshold=3)),
    Reverse(of=Permuted(of=Linear())),
    Permuted(of=Linear(), seed=5),
    Permuted(of=Step(threshold="30%")),
    Permuted(of=Reverse(of=Exp(rate=0.5)), seed=2),
    RateMatched(of=Step(threshold=3)),
    ShuffledLabels(of=Exp(rate=2.0)),
    ShuffledLabels(of=Permuted(of=Linear())),
]
each_variant = pytest.mark.parametrize("modulation", VARIANTS, ids=lambda modulation: modulation.name)
each_kind = pytest.mark.parametrize("kind", MODULATIONS)


def everywhere(counter: Tensor) -> Tensor:
    return torch.ones_like(counter, dtype=torch.bool)


def drawn_order(seed: int | None, steps: int) -> list[int]:
    """The order of `Permuted`, read off weights that name their step."""
    named = Permuted(of=Linear(rate=1.0), seed=seed)
    counter = torch.arange(float(steps))
    return [round(w) - 1 for w in named.weight(counter, everywhere(counter)).tolist()]


PLAIN: dict[str, Callable[[Any, list[float]], list[float]]] = {
    "uniform": lambda m, c: [1.0] * len(c),
    "linear": lambda m, c: [1 + m.rate * x for x in c],
    "exp": lambda m, c: [math.exp(m.rate * x) for x in c],
    "step": lambda m, c: [float(x >= m.threshold) for x in c],
    "reverse": lambda m, c: plain(m.of, c)[::-1],
    "permuted": lambda m, c: [plain(m.of, c)[i] for i in drawn_order(m.seed, len(c))],
    "rate_matched": lambda m, c: [1.0] * len(c),
    "shuffled_labels": lambda m, c: plain(m.of, c),
}


def plain(modulation: Modulation, counter: list[float]) -> list[float]:
    """Weights in plain Python."""
    if isinstance(modulation, Step) and isinstance(modulation.threshold, str):
        part = Fraction(modulation.threshold[:-1]) / 100
        return [float(i >= part * len(counter)) for i in range(len(counter))]
    return PLAIN[modulation.settings()["kind"]](modulation, counter)


def plain_mean_one(modulation: Modulation, counter: list[float]) -> list[float]:
    weights = plain(modulation, counter)
    mean = sum(weights) / len(weights)
    return [w / mean if mean else 0.0 for w in weights]


def test_every_modulation_has_a_reference() -> None:
    assert list(PLAIN) == list(MODULATIONS)


@each_variant
@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_against_plain_python(modulation: Modulation, length: int) -> None:
    counter = torch.arange(length, dtype=torch.float64)
    weight, mean_one = (f(counter, everywhere(counter)) for f in (modulation.weight, modulation.mean_one))
    steps = counter.tolist()
    torch.testing.assert_close(weight, torch.tensor(plain(modulation, steps), dtype=torch.float64), rtol=1e-14, atol=0)
    wanted = torch.tensor(plain_mean_one(modulation, steps), dtype=torch.float64)
    torch.testing.assert_close(mean_one, wanted, rtol=1e-12, atol=0)


@each_variant
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(6,), (4, 6), (3, 4, 6)])
def test_any_leading_shape(modulation: Modulation, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    counter = torch.randint(20, shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(2)) < 0.7
    for function in (modulation.raw, modulation.mean_one):
        weight = function(counter, mask)
        assert weight.shape == shape
        assert weight.dtype == dtype
        assert bool((weight.isfinite() & (weight >= 0)).all())
        assert weight[~mask].tolist() == [0] * int((~mask).sum())
        rows = [function(c, m) for c, m in zip(counter.view(-1, 6), mask.view(-1, 6), strict=True)]
        torch.testing.assert_close(weight, torch.stack(rows).view(shape), rtol=1e-6, atol=0)


@st.composite
def sequences(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    """Counters of one sequence and which of its steps are valid, at least one."""
    length = draw(st.integers(1, 12))
    start = draw(st.integers(0, 20))
    valid = draw(st.lists(st.booleans(), min_size=length, max_size=length).filter(any))
    return [float(start + i) for i in range(length)], valid


@each_variant
@settings(deadline=None, max_examples=25)
@given(sequence=sequences(), garbage=st.sampled_from([0.0, -1e30, 1e30, math.inf, -math.inf, math.nan]))
def test_a_masked_step_might_as_well_be_missing(
    modulation: Modulation, sequence: tuple[list[float], list[bool]], garbage: float
) -> None:
    steps, valid = sequence
    mask = torch.tensor(valid)
    kept = torch.tensor(steps, dtype=torch.float64)[mask]
    counter = torch.full(mask.shape, garbage, dtype=torch.float64).masked_scatter(mask, kept)
    for function in (modulation.raw, modulation.mean_one):
        weight = function(counter, mask)
        torch.testing.assert_close(weight[mask], function(kept, everywhere(kept)), rtol=1e-12, atol=0)
        assert weight[~mask].tolist() == [0] * valid.count(False)
    total = modulation.mean_one(counter, mask).sum().item()
    assert total == pytest.approx(valid.count(True)) or modulation.raw(counter, mask).sum() == 0 == total


@each_variant
def test_a_sequence_without_valid_steps_weighs_nothing(modulation: Modulation) -> None:
    counter, mask = torch.arange(3.0).expand(2, 3), torch.tensor([[False] * 3, [True] * 3])
    for function in (modulation.raw, modulation.mean_one):
        assert function(counter, mask)[0].tolist() == [0, 0, 0]
        assert function(counter[:1], mask[:1]).tolist() == [[0, 0, 0]]


@each_variant
def test_nothing_is_remembered(modulation: Modulation) -> None:
    counter, before = torch.arange(9.0), modulation.settings()
    first, _, again = (modulation.mean_one(c, everywhere(c)) for c in (counter, torch.arange(4.0), counter))
    assert first.tolist() == again.tolist()
    assert counter.tolist() == list(range(9))
    assert modulation.settings() == before


# Exp


def normalised_exp(counter: Tensor, rate: float = 0.1, dtype: torch.dtype = torch.float32) -> Tensor:
    return CounterLoss("mse", Exp(rate=rate), normalize="mean").weights(counter, None, dtype)


@pytest.mark.parametrize("rate", [0.1, -0.1, 5.0, -5.0, 1e6, 1e-9])
def test_normalised_exp_is_finite_however_long(rate: float) -> None:
    weight = normalised_exp(torch.arange(100_000), rate)
    assert weight.dtype == torch.float32
    assert bool((weight.isfinite() & (weight >= 0)).all())
    assert weight.double().mean().item() == pytest.approx(1, rel=1e-4)
    heaviest = -1 if rate > 0 else 0
    assert weight.max() == weight[heaviest]


def test_normalised_exp_has_its_closed_form_at_the_end() -> None:
    steps = 100_000
    last = normalised_exp(torch.arange(steps), 0.1, torch.float64)[-1].item()
    assert last == pytest.approx(steps * (1 - math.exp(-0.1)), rel=1e-12)


@settings(deadline=None, max_examples=50)
@given(shift=st.integers(-(2**23), 2**23), rate=st.floats(-3, 3), length=st.integers(1, 60))
def test_normalised_exp_does_not_feel_a_shift(shift: int, rate: float, length: int) -> None:
    counter = torch.arange(length)
    for dtype in (torch.float32, torch.float64):
        shifted = normalised_exp(counter + shift, rate, dtype)
        assert shifted.numpy().tobytes() == normalised_exp(counter, rate, dtype).numpy().tobytes()


@pytest.mark.parametrize(
    ("dtype", "last_fit", "value"), [(torch.float32, 887, 3.3e38), (torch.float64, 7097, 1.65e308)]
)
def test_raw_exp_names_the_step_that_overflows(dtype: torch.dtype, last_fit: int, value: float) -> None:
    loss = CounterLoss("mse", "exp")
    assert loss.weights(torch.arange(last_fit + 1), None, dtype)[-1].item() == pytest.approx(value, rel=0.02)
    with pytest.raises(ConfigError) as error:
        loss.weights(torch.arange(last_fit + 10), None, dtype)
    assert str(error.value) == (
        f"exp: the weight at counter {last_fit + 1} is inf, not finite and >= 0; use normalize: mean or a smaller rate"
    )


# Linear


def test_a_falling_line_that_crosses_zero_is_refused() -> None:
    for normalize in ("none", "mean"):
        loss = CounterLoss("bce", Linear(rate=-0.5), normalize=normalize)
        assert loss.weights(torch.tensor([0, 1, 2]))[-1].item() == 0
        with pytest.raises(ConfigError) as error:
            loss.weights(torch.arange(6).expand(2, 6))
        assert str(error.value) == (
            "linear(rate=-0.5): the weight at counter 3 is -0.5, not finite and >= 0; "
            "choose a rate that keeps it positive"
        )


@pytest.mark.parametrize("kind", ["linear", "exp", "reverse", "permuted"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_counter_that_is_not_finite_is_refused(kind: str, value: float) -> None:
    counter = torch.tensor([0.0, 1.0, value])
    with pytest.raises(ConfigError) as error:
        CounterLoss("mse", kind, normalize="mean").weights(counter)
    assert str(error.value).endswith("not finite and >= 0; give a finite counter, or mask the step")
    assert f"the weight at counter {value:g} is " in str(error.value)


# Step


@given(percent=st.integers(0, 1000).map(lambda tenths: Fraction(tenths, 10)), length=st.integers(1, 400))
@settings(deadline=None, max_examples=200)
def test_a_share_leaves_out_exactly_its_steps(percent: Fraction, length: int) -> None:
    step = Step(threshold=f"{float(percent)}%")
    left_out = math.ceil(percent * length / 100)
    for dtype in (torch.float32, torch.float64):
        counter = torch.arange(7, 7 + length, dtype=dtype)
        weight = step.weight(counter, everywhere(counter))
        assert weight.tolist() == [0] * left_out + [1] * (length - left_out)


@pytest.mark.parametrize(("percent", "length", "active"), [(60, 25, 10), (30, 50, 35), (70, 10, 3), (55, 100, 45)])
def test_shares_that_floating_point_misses(percent: int, length: int, active: int) -> None:
    counter = torch.arange(float(length))
    assert Step(threshold=f"{percent}%").weight(counter, everywhere(counter)).sum().item() == active


def test_a_share_is_taken_of_each_sequences_own_length() -> None:
    counter = torch.arange(8).expand(3, 8)
    mask = counter < torch.tensor([[8], [4], [1]])
    weight = CounterLoss("ce", Step(threshold="50%")).weights(counter, mask)
    assert weight.int().tolist() == [[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0, 0], [0] * 8]


def test_a_step_number_is_the_first_counter_that_counts() -> None:
    counter = torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5], [10, 11, 12, 13]])
    weight = CounterLoss("ce", Step(threshold=3)).weights(counter)
    assert weight.int().tolist() == [[0, 0, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1]]
    assert CounterLoss("ce", Step(threshold=-1)).weights(counter).min().item() == 1
    assert CounterLoss("ce", Step(threshold=2.5)).weights(counter)[0].tolist() == [0, 0, 0, 1]


# Reverse and Permuted


@each_variant
def test_reverse_flips_the_valid_weights(modulation: Modulation) -> None:
    counter = torch.arange(10.0).expand(4, 10)
    mask = torch.rand(4, 10, generator=torch.Generator().manual_seed(3)) < 0.6
    mirror = Reverse(of=modulation)
    for forward, backward in ((modulation.raw, mirror.raw), (modulation.mean_one, mirror.mean_one)):
        for there, back, valid in zip(forward(counter, mask), backward(counter, mask), mask, strict=True):
            assert back[valid].tolist() == there[valid].flip(-1).tolist()
    twice = Reverse(of=mirror)
    assert twice.raw(counter, mask).tolist() == modulation.raw(counter, mask).tolist()


@each_variant
def test_permuted_keeps_the_weights_and_changes_their_order(modulation: Modulation) -> None:
    counter = torch.arange(40.0).expand(3, 40)
    mask = counter < torch.tensor([[40], [25], [2]])
    for function in ("raw", "mean_one"):
        inner, first, again, other = (
            {"raw": m.raw, "mean_one": m.mean_one}[function](counter, mask)
            for m in (modulation, *(Permuted(of=modulation, seed=seed) for seed in (1, 1, 2)))
        )
        for row in range(3):
            valid = mask[row]
            assert sorted(first[row][valid].tolist()) == sorted(inner[row][valid].tolist())
        assert first.tolist() == again.tolist()
        if len(set(inner[0].tolist())) > 2:
            assert first[0].tolist() != other[0].tolist()
            assert first[0].tolist() != inner[0].tolist()


def test_the_order_of_a_seed() -> None:
    assert drawn_order(0, 8) == drawn_order(None, 8)
    assert drawn_order(0, 8) == [7, 5, 6, 3, 4, 2, 1, 0]
    for seed in range(5):
        assert sorted(drawn_order(seed, 30)) == list(range(30))
    assert len({tuple(drawn_order(seed, 30)) for seed in range(20)}) == 20


def test_a_shorter_sequence_has_the_order_that_a_longer_one_has_on_its_steps() -> None:
    longer = drawn_order(3, 30)
    assert drawn_order(3, 12) == [i for i in longer if i < 12]


def test_an_order_puts_every_weight_everywhere() -> None:
    seeds, steps = 600, 6
    where = torch.tensor([drawn_order(seed, steps) for seed in range(seeds)])  # [seeds, T]
    counts = torch.stack([(where == step).sum(0) for step in range(steps)])  # [T, T]
    expected = seeds / steps
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_square < 52.6  # the 0.999 quantile with 25 degrees of freedom


def test_the_runs_seed_reaches_every_order_that_has_none() -> None:
    assert for_seed(Permuted(), 7) == Permuted(seed=7)
    assert for_seed(Permuted(seed=3), 7) == Permuted(seed=3)
    assert for_seed(Reverse(of=Permuted()), 7) == Reverse(of=Permuted(seed=7))
    assert for_seed(Permuted(of=Reverse(of=Permuted())), 7) == Permuted(of=Reverse(of=Permuted(seed=7)), seed=7)
    assert for_seed(Permuted(of=Permuted(), seed=3), 7) == Permuted(of=Permuted(seed=7), seed=3)
    assert for_seed(ShuffledLabels(of=Permuted()), 7) == ShuffledLabels(of=Permuted(seed=7))
    assert for_seed(RateMatched(of=Permuted()), 7) == RateMatched(of=Permuted(seed=7))
    for plain_one in (Uniform(), Linear(rate=0.3), Exp(), Step(), Reverse(of=Linear())):
        assert for_seed(plain_one, 7) == plain_one
    unset = Permuted()
    for_seed(unset, 7)
    assert unset.seed is None


def test_a_chain_ends_at_the_innermost() -> None:
    assert list(chain(Exp())) == [Exp()]
    nested = Reverse(of=ShuffledLabels(of=RateMatched(of=Linear(rate=3.0))))
    assert list(chain(nested)) == [nested, nested.of, RateMatched(of=Linear(rate=3.0)), Linear(rate=3.0)]


# Names and settings


@each_kind
def test_each_describes_itself(kind: str) -> None:
    modulation = MODULATIONS[kind]()
    assert modulation.name == kind
    assert modulation.settings()["kind"] == kind
    assert all((modulation.formula, modulation.emphasis, modulation.source))
    assert MODULATIONS[kind](**modulation.settings()) == modulation


@pytest.mark.parametrize(
    ("modulation", "name"),
    [
        (Exp(rate=0.2), "exp(rate=0.2)"),
        (Linear(rate=2), "linear(rate=2)"),
        (Step(threshold=25), "step(threshold=25)"),
        (Step(threshold="30 %"), "step(threshold=30%)"),
        (Step(threshold="50.0%"), "step"),
        (Reverse(), "reverse"),
        (Reverse(of=Exp(rate=0.2)), "reverse(of=exp(rate=0.2))"),
        (Permuted(seed=3), "permuted(seed=3)"),
        (RateMatched(), "rate_matched"),
        (RateMatched(of=Linear()), "rate_matched(of=linear(rate=0.1))"),
        (ShuffledLabels(), "shuffled_labels"),
        (ShuffledLabels(of=Exp()), "shuffled_labels(of=exp(rate=0.1))"),
    ],
)
def test_canonical_names(modulation: Modulation, name: str) -> None:
    assert modulation.name == name


def test_the_defaults() -> None:
    assert {kind: make().changed() for kind, make in MODULATIONS.items()} == {kind: {} for kind in MODULATIONS}
    assert Linear().settings() == {"kind": "linear", "rate": 0.1}
    assert Exp().settings() == {"kind": "exp", "rate": 0.1}
    assert Step().settings() == {"kind": "step", "threshold": "50%"}
    assert Reverse().settings() == {"kind": "reverse", "of": {"kind": "exp", "rate": 0.1}}
    assert Permuted().settings() == {"kind": "permuted", "of": {"kind": "exp", "rate": 0.1}, "seed": None}
    assert RateMatched().settings() == {"kind": "rate_matched", "of": {"kind": "exp", "rate": 0.1}}
    assert ShuffledLabels().settings() == {"kind": "shuffled_labels", "of": {"kind": "uniform"}}


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        ("linear", {"rate": "0.1"}, "rate: must be a number, got '0.1'"),
        ("linear", {"rate": True}, "rate: must be a number, got True"),
        ("exp", {"rate": math.inf}, "rate: must be a finite number, got inf"),
        ("exp", {"rat": 1.0}, "unknown key 'rat'; did you mean 'rate'? (known: kind, rate)"),
        ("uniform", {"rate": 1.0}, "unknown key 'rate'; known: kind"),
        ("step", {"threshold": "150%"}, "threshold: must be a step number or a share such as '50%', got '150%'"),
        ("step", {"threshold": "half"}, "threshold: must be a step number or a share such as '50%', got 'half'"),
        ("step", {"threshold": None}, "threshold: must be a step number or a share such as '50%', got None"),
        ("step", {"threshold": False}, "threshold: must be a step number or a share such as '50%', got False"),
        ("permuted", {"seed": -1}, "seed: must be greater than or equal to 0, got -1"),
        ("permuted", {"seed": 1.5}, "seed: must be an integer, got 1.5"),
        (
            "reverse",
            {"of": "exq"},
            f"of: unknown loss 'exq'; did you mean 'exp'? (known: {', '.join(MODULATIONS)})",
        ),
        ("reverse", {"of": {"kind": "exp", "rate": None}}, "of.rate: must be a number, got None"),
    ],
)
def test_an_impossible_value_is_named(kind: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        MODULATIONS[kind](**values)
    assert str(error.value) == text


def test_a_modulation_of_ones_own_needs_both_kinds_of_weight() -> None:
    class Half(Modulation):
        kind: str = "half"

        def weight(self, counter: Tensor, mask: Tensor) -> Tensor:
            return counter / 2

    assert issubclass(Half, Config)
    with pytest.raises(TypeError, match="mean_one"):
        Half()  # type: ignore[abstract]
