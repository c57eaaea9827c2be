"""The baselines against plain Python: what each decides, and that the random one knows nothing."""

import math
import struct
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seqanomaly.config import Config
from seqanomaly.errors import ConfigError
from seqanomaly.models.base import NO_DROPOUT, UntrainedModel
from seqanomaly.models.baselines import Logistic, Majority, Position, Random
from seqanomaly.models.specs import BASELINES, MODELS

FEATURES = 3
Labels = list[list[int]]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def padded(labels: Labels, padding: int = 0) -> tuple[Tensor, Tensor]:
    """Ragged labels as a tensor [N, T], with `padding` where no step is, and their mask."""
    longest = max(map(len, labels))
    label = torch.tensor([row + [padding] * (longest - len(row)) for row in labels])
    mask = torch.tensor([[step < len(row) for step in range(longest)] for row in labels])
    return label, mask


def outputs(model: UntrainedModel, labels: Labels, steps: int, padding: int = 0) -> Tensor:
    """Outputs [T, O] after fitting on these labels."""
    row = model.fitted(*padded(labels, padding), generator())
    assert row.shape == (model.size,)
    assert row.dtype == torch.float32
    return model.forward(model.views(row.unsqueeze(0)), torch.zeros(1, 1, steps, FEATURES), NO_DROPOUT)[0, 0]


def ragged(classes: int) -> st.SearchStrategy[Labels]:
    return st.lists(st.lists(st.integers(0, classes - 1), min_size=1, max_size=7), min_size=1, max_size=6)


# Logistic


def test_logistic_is_a_linear_layer() -> None:
    model, layer, x = Logistic(FEATURES, 2), nn.Linear(FEATURES, 2), torch.randn(4, 5, FEATURES, generator=generator())
    row = model.init(generator(1))
    weights = model.views(row.unsqueeze(0))
    layer.load_state_dict({name: w[0] for name, w in weights.items()}, strict=True)
    torch.testing.assert_close(model.forward(weights, x.unsqueeze(0), NO_DROPOUT)[0], layer(x))


# Majority


@settings(deadline=None)
@given(ragged(2))
@example([[0, 1]])
@example([[0, 0]])
def test_majority_decides_for_the_commonest_label(labels: Labels) -> None:
    steps = [label for row in labels for label in row]
    found = outputs(Majority(FEATURES, 1), labels, 4, padding=1)
    assert found.isfinite().all()
    assert set(found.flatten().tolist()) == {found[0, 0].item()}
    assert bool(found[0, 0] >= 0) is (2 * sum(steps) >= len(steps))
    if 0 < sum(steps) < len(steps):
        assert found[0, 0].item() == pytest.approx(math.log(sum(steps) / (len(steps) - sum(steps))), abs=1e-6)


@settings(deadline=None)
@given(ragged(4))
def test_majority_decides_for_the_commonest_class(labels: Labels) -> None:
    steps = [label for row in labels for label in row]
    counts = [steps.count(c) for c in range(4)]
    found = outputs(Majority(FEATURES, 4), labels, 2, padding=3)
    assert found.isfinite().all()
    assert found.argmax(-1).tolist() == [counts.index(max(counts))] * 2
    some = [c for c in range(4) if counts[c]]
    if len(some) == 4:
        torch.testing.assert_close(found[0].softmax(-1), torch.tensor(counts) / len(steps))


# Position


def right(labels: Labels, cut: int, before: int, after: int) -> int:
    """Right decisions of `before` ahead of the cut and `after` from it on."""
    return sum(label == (after if step >= cut else before) for row in labels for step, label in enumerate(row))


@settings(deadline=None)
@given(ragged(2))
@example([[0, 0, 1], [0, 1]])
def test_position_cuts_where_the_training_accuracy_is_best(labels: Labels) -> None:
    longest = max(map(len, labels))
    found = outputs(Position(FEATURES, 1), labels, longest + 3, padding=1).squeeze(-1)
    scores = [right(labels, cut, 0, 1) for cut in range(longest + 1)]
    cut = scores.index(max(scores))
    assert (found >= 0).tolist() == [step >= cut for step in range(longest + 3)]
    assert (found.diff() > 0).all()
    assert found.abs().max() <= 4.5


@settings(deadline=None)
@given(ragged(3))
@example([[1, 1, 0, 0]])
@example([[1, 1, 2, 2]])
def test_position_chooses_the_commonest_classes_around_the_cut(labels: Labels) -> None:
    longest = max(map(len, labels))
    found = outputs(Position(FEATURES, 3), labels, longest, padding=2)
    best = max(right(labels, cut, a, b) for cut in range(longest + 1) for a in range(3) for b in range(3))
    decided = found.argmax(-1).tolist()
    assert sum(label == decided[step] for row in labels for step, label in enumerate(row)) == best
    assert found.isfinite().all()


def test_the_score_of_position_grows_where_anomalies_come_late() -> None:
    found = 1 - outputs(Position(FEATURES, 3), [[0, 0, 2, 2, 2]], 8).softmax(-1)[:, 0]
    assert (found.diff() > 0).all()


# Random


MASK = 2**64 - 1


def splitmix(z: int) -> int:
    """The finaliser as published, on unsigned integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bits(value: float) -> int:
    """The bits of a float32, read as a signed integer."""
    (found,) = struct.unpack("<i", struct.pack("<f", value))
    return int(found)


def plain_score(key: list[float], past: list[list[float]], output: int) -> float:
    """The score in (0, 1) in plain Python."""
    values = [value for step in past for value in step]
    golden = 0x9E3779B97F4A7C15
    seen = sum(splitmix((bits(value) + golden * (place + 1)) & MASK) for place, value in enumerate(values)) & MASK
    hashed = splitmix((splitmix((splitmix(seen) + bits(key[0])) & MASK) + bits(key[1])) & MASK)
    top = splitmix((hashed + golden * (output + 1)) & MASK) >> 41
    return (top + 0.5) / 2**23


def scores(model: Random, keys: Tensor, x: Tensor) -> Tensor:
    return model.forward(model.views(keys), x, NO_DROPOUT).double().sigmoid()


@settings(deadline=None, max_examples=30)
@given(
    key=st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=2),
    x=st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2), min_size=1, max_size=5),
)
def test_random_against_plain_python(key: list[float], x: list[list[float]]) -> None:
    x, key = [[value + 0.0 for value in step] for step in x], [value + 0.0 for value in key]  # no negative zeros
    found = scores(Random(2, 2), torch.tensor([key]), torch.tensor([[x]]))[0, 0]  # [T, 2]
    expected = [[plain_score(key, x[: step + 1], output) for output in range(2)] for step in range(len(x))]
    assert found.numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_random_is_uniform_and_knows_no_member_step_or_output() -> None:
    keys = torch.stack([Random(FEATURES, 2).init(generator(seed)) for seed in range(2)])
    x = torch.randn(1, 300, 40, FEATURES, generator=generator(9)).expand(2, -1, -1, -1)
    found = scores(Random(FEATURES, 2), keys, x)  # [2, 300, 40, 2]
    assert ((found > 0) & (found < 1)).all()
    for values in (found[0, ..., 0], found[0, ..., 1], found[1, ..., 0]):
        counts = torch.histc(values.float().flatten(), 20, 0, 1)
        assert ((counts - 600) ** 2 / 600).sum() < 43.8  # the 0.999 quantile with 19 degrees of freedom
    pairs = [
        (found[0, ..., 0], found[0, ..., 1]),
        (found[0, ..., 0], found[1, ..., 0]),
        (found[0, :, 1:, 0], found[0, :, :-1, 0]),
        (found[0, ..., 0], x[0, ..., 0].double()),
    ]
    for one, other in pairs:
        r = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()
        assert abs(r) < 3.3 / math.sqrt(one.numel())


def test_random_takes_both_zeros_alike_and_nothing_else() -> None:
    model = Random(1, 1)
    keys = model.init(generator()).unsqueeze(0)
    zero, negative, least = (
        scores(model, keys, torch.tensor([[[[value]]]])).item() for value in (0.0, -0.0, np.nextafter(np.float32(0), 1))
    )
    assert zero == negative
    assert abs(zero - least) > 1e-3


def test_random_ignores_the_labels() -> None:
    model = Random(FEATURES, 1)
    first, second = (model.fitted(*padded(labels), generator(3)) for labels in ([[0, 1]], [[1, 1], [0, 0]]))
    assert torch.equal(first, second)
    assert not torch.equal(first, model.fitted(*padded([[0, 1]]), generator(4)))


# Settings


@pytest.mark.parametrize("spec", BASELINES, ids=lambda spec: spec.kind)
def test_a_baseline_has_no_settings(spec: Config) -> None:
    kind = spec.settings()["kind"]
    assert spec.settings() == {"kind": kind}
    values: dict[str, Any] = {"hidden": 4}
    with pytest.raises(ConfigError) as error:
        MODELS[kind](**values)
    assert str(error.value) == "unknown key 'hidden'; known: kind"
