"""What every listed model keeps: shapes, causality, exact padding, its own random numbers, members that never mix."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seqanomaly.models.base import NO_DROPOUT, Dropout, SequenceModel, UntrainedModel
from seqanomaly.models.baselines import Logistic, Majority, Position, Random
from seqanomaly.models.rnn import Recurrent
from seqanomaly.models.specs import MODELS
from seqanomaly.models.tcn import TCN

FEATURES, OUTPUTS, SMALL = 3, 2, {"hidden": 4, "channels": 4, "kernel": 2}


def build(kind: str, layers: int = 1, *, features: int = FEATURES, dropout: float = 0.0) -> SequenceModel:
    """The model in a small size."""
    spec = MODELS[kind]
    wanted: dict[str, Any] = {**SMALL, "layers": layers, "dropout": dropout}
    return spec(**{key: value for key, value in wanted.items() if key in spec.model_fields}).build(features, OUTPUTS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(model: SequenceModel, members: int) -> Tensor:
    """Initial rows [K, P] of members with the seeds 0, 1, .."""
    return torch.stack([model.init(generator(seed)) for seed in range(members)])


def run(model: SequenceModel, values: Tensor, x: Tensor, drop: Dropout = NO_DROPOUT) -> Tensor:
    return model.forward(model.views(values), x, drop)


def inputs(members: int, sequences: int, steps: int) -> Tensor:
    return torch.randn(members, sequences, steps, FEATURES, generator=generator(99))


each_model = pytest.mark.parametrize("kind", MODELS)
each_trained = pytest.mark.parametrize("kind", [kind for kind, spec in MODELS.items() if spec.trained])
each_depth = pytest.mark.parametrize("layers", [1, 2])


def test_the_table_names_each_kind() -> None:
    assert list(MODELS) == ["rnn", "gru", "lstm", "tcn", "logistic", "position", "majority", "random"]
    for kind, spec in MODELS.items():
        assert spec().name == kind
        assert spec().settings()["kind"] == kind


@each_model
@each_depth
@pytest.mark.parametrize(("members", "sequences", "steps"), [(1, 1, 1), (3, 2, 5), (2, 4, 17)])
def test_outputs_have_a_value_per_member_sequence_step_and_output(
    kind: str, layers: int, members: int, sequences: int, steps: int
) -> None:
    model = build(kind, layers)
    outputs = run(model, rows(model, members), inputs(members, sequences, steps))
    assert outputs.shape == (members, sequences, steps, OUTPUTS)
    assert outputs.dtype == torch.float32
    assert outputs.isfinite().all()


@each_model
@each_depth
def test_a_later_step_changes_no_earlier_output(kind: str, layers: int) -> None:
    model, x = build(kind, layers), inputs(2, 3, 12)
    weights = rows(model, 2)
    before = run(model, weights, x)
    for step in range(1, 12):
        changed = x.clone()
        changed[:, :, step:] += 5
        after = run(model, weights, changed)
        torch.testing.assert_close(after[:, :, :step], before[:, :, :step], rtol=0, atol=1e-6)
        change = (after[:, :, step] - before[:, :, step]).abs().amax()
        assert change == 0 if model.receptive_field == 0 else change > 1e-3


@each_model
@each_depth
def test_what_is_appended_changes_no_output(kind: str, layers: int) -> None:
    model, x = build(kind, layers), inputs(2, 3, 8)
    weights = rows(model, 2)
    whole = run(model, weights, x)
    for appended in (torch.zeros(2, 3, 6, FEATURES), torch.full((2, 3, 1, FEATURES), 1e6), inputs(2, 3, 9)):
        longer = run(model, weights, torch.cat([x, appended], dim=2))
        torch.testing.assert_close(longer[:, :, :8], whole, rtol=0, atol=1e-6)


@each_model
@each_depth
def test_sequences_of_a_batch_do_not_see_each_other(kind: str, layers: int) -> None:
    model, x = build(kind, layers), inputs(2, 4, 9)
    weights = rows(model, 2)
    together = run(model, weights, x)
    for n in range(4):
        torch.testing.assert_close(run(model, weights, x[:, n : n + 1]), together[:, n : n + 1], rtol=0, atol=1e-6)


@each_model
@each_depth
def test_a_member_gives_in_a_stack_what_it_gives_alone(kind: str, layers: int) -> None:
    model, x = build(kind, layers), inputs(3, 2, 9)
    values = rows(model, 3)
    stacked = run(model, values, x)
    for order in ([2, 0, 1], [1, 2, 0]):
        torch.testing.assert_close(run(model, values[order], x[order]), stacked[order], rtol=1e-6, atol=1e-6)
    for k in range(3):
        alone = run(model, values[k : k + 1], x[k : k + 1])
        torch.testing.assert_close(alone, stacked[k : k + 1], rtol=1e-6, atol=1e-6)


@each_trained
@each_depth
def test_gradients_of_members_never_mix(kind: str, layers: int) -> None:
    model, x = build(kind, layers, dropout=0.3), inputs(3, 2, 9)
    values = rows(model, 3).requires_grad_()
    drop = Dropout(0.3, [generator(k) for k in range(3)])
    (gradient,) = torch.autograd.grad(run(model, values, x, drop)[1].square().sum(), values)
    assert gradient[[0, 2]].abs().max() == 0
    assert gradient[1].abs().max() > 0


@each_model
@each_depth
def test_views_and_rows_are_inverse(kind: str, layers: int) -> None:
    model = build(kind, layers)
    values = rows(model, 3)
    views = model.views(values)
    assert list(views) == list(model.parameters())
    for name, parameter in model.parameters().items():
        assert views[name].shape == (3, *parameter.shape)
    for k in range(3):
        torch.testing.assert_close(model.rows({n: w[k] for n, w in views.items()}), values[k], rtol=0, atol=0)


@each_model
@each_depth
def test_a_view_is_a_parameter_of_its_own(kind: str, layers: int) -> None:
    model = build(kind, layers)
    views = model.views(torch.arange(2 * model.size).reshape(2, -1))
    seen = torch.cat([w.flatten(1) for w in views.values()], dim=1)
    assert seen.sort().values.tolist() == [list(range(model.size)), list(range(model.size, 2 * model.size))]


@each_model
@each_depth
def test_size_is_the_number_of_all_values(kind: str, layers: int) -> None:
    model = build(kind, layers)
    assert model.size == sum(p.size for p in model.parameters().values())
    assert model.size == sum(torch.zeros(p.shape).numel() for p in model.parameters().values())
    assert model.init(generator()).shape == (model.size,)


def expected_size(model: SequenceModel) -> int:
    """Written out for one layer of 4 units over 3 features, and 2 outputs."""
    head = 2 * 4 + 2
    baselines = {Logistic: 2 * 3 + 2, Position: 1 + 2 + 2, Majority: 2, Random: 2}
    if type(model) in baselines:
        return baselines[type(model)]
    if isinstance(model, Recurrent):
        return type(model).gates * 4 * (3 + 4 + 1 + 1) + head
    return 4 * (3 * 2 + 1) + 4 * (4 * 2 + 1) + 4 * (3 + 1) + head


@each_model
def test_size_of_one_layer(kind: str) -> None:
    model = build(kind)
    assert model.size == expected_size(model)


@each_model
@each_depth
def test_the_generator_decides_the_initial_values(kind: str, layers: int) -> None:
    model = build(kind, layers)
    first, same, other = (model.init(generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert (first != other).float().mean() > 0.99


@each_model
@each_depth
def test_initial_values_fill_their_bounds(kind: str, layers: int) -> None:
    model = build(kind, layers)
    views = model.views(rows(model, 400))
    for name, parameter in model.parameters().items():
        assert views[name].abs().max() <= parameter.bound
        assert views[name].max() > 0.98 * parameter.bound
        assert views[name].min() < -0.98 * parameter.bound


@each_model
@each_depth
def test_dropout_is_drawn_by_the_members_own_generators(kind: str, layers: int) -> None:
    model, x = build(kind, layers, dropout=0.5), inputs(3, 4, 9)
    values = rows(model, 3)
    stacked = run(model, values, x, Dropout(0.5, [generator(k) for k in range(3)]))
    has_dropout = "dropout" in MODELS[kind].model_fields
    assert torch.equal(stacked, run(model, values, x)) is not has_dropout
    for order in ([0], [2], [2, 0, 1]):
        found = run(model, values[order], x[order], Dropout(0.5, [generator(k) for k in order]))
        torch.testing.assert_close(found, stacked[order], rtol=1e-5, atol=1e-5)


@each_model
def test_evaluation_drops_nothing(kind: str) -> None:
    model, x = build(kind, dropout=0.5), inputs(1, 4, 9)
    values = rows(model, 1)
    assert torch.equal(run(model, values, x), run(model, values, x))
    assert torch.equal(run(model, values, x), run(build(kind, dropout=0.0), values, x))


@each_model
def test_a_model_says_whether_it_is_trained(kind: str) -> None:
    assert isinstance(build(kind), UntrainedModel) is not MODELS[kind].trained


def test_logistic_sees_its_step_only() -> None:
    model, x = build("logistic"), inputs(1, 2, 12)
    changed = x.clone()
    changed[:, :, 6] += 5
    differs = (run(model, rows(model, 1), x) != run(model, rows(model, 1), changed)).any(-1).any(1).any(0)
    assert differs.tolist() == [step == 6 for step in range(12)]
    assert model.receptive_field == 1


def test_dropout_keeps_its_share_and_the_mean() -> None:
    dropped = Dropout(0.25, [generator(0), generator(1)])(torch.ones(2, 100, 100, 4))
    assert sorted(set(dropped.flatten().tolist())) == pytest.approx([0, 1 / 0.75])
    for k in range(2):
        assert (dropped[k] == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert (dropped[0] != dropped[1]).any()


def test_dropout_draws_for_a_members_own_sequences_only() -> None:
    h = torch.ones(3, 5, 7, 4)
    dropped = Dropout(0.5, [generator(k) for k in range(3)]).for_sizes([5, 2, 0])(h)
    for k, size in enumerate((5, 2)):
        alone, same = Dropout(0.5, [generator(k)]), generator(k)
        assert torch.equal(dropped[k, :size], alone(h[[k], :size])[0])
        torch.rand(size, 7, 4, generator=same)  # as many numbers as were drawn
        assert torch.equal(alone.generators[0].get_state(), same.get_state())
    assert dropped[1, 2:].abs().sum() == dropped[2].abs().sum() == 0
    untouched = generator(9)
    Dropout(0.5, [generator(0), untouched]).for_sizes([5, 0])(h[:2])
    assert torch.equal(untouched.get_state(), generator(9).get_state())


def test_no_dropout_returns_what_it_was_given() -> None:
    h = torch.randn(1, 2, 3, 4, generator=generator())
    assert NO_DROPOUT(h) is h
    assert Dropout(0.0, [generator()])(h) is h


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm", "random"])
@each_depth
def test_some_models_see_all_steps(kind: str, layers: int) -> None:
    model, x = build(kind, layers), inputs(1, 2, 12)
    changed = x.clone()
    changed[:, :, 0] += 5
    values = rows(model, 1)
    assert model.receptive_field is None
    assert (run(model, values, x) - run(model, values, changed))[:, :, -1].abs().max() > 0


@pytest.mark.parametrize(
    ("layers", "kernel", "seen"), [(1, 2, 3), (1, 3, 5), (2, 2, 7), (2, 3, 13), (3, 2, 15), (2, 5, 25), (3, 4, 43)]
)
def test_the_receptive_field_of_a_tcn_is_exact(layers: int, kernel: int, seen: int) -> None:
    model = TCN(FEATURES, OUTPUTS, channels=4, kernel=kernel, layers=layers)
    assert model.receptive_field == seen
    steps = seen + 3
    x = torch.rand(1, 1, steps, FEATURES, generator=generator(1)).double()
    values = rows(model, 1).abs().double()  # positive: no path is closed by a ReLU
    before = run(model, values, x)[0, 0, -1]
    for back, matters in ((0, True), (seen - 1, True), (seen, False), (seen + 1, False)):
        changed = x.clone()
        changed[:, :, steps - 1 - back] += 1
        assert torch.equal(run(model, values, changed)[0, 0, -1], before) is not matters
