"""What each task shows the loss, and how its outputs become scores and decisions."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError
from seqanomaly.losses.base import BCE, CE, MSE
from seqanomaly.tasks import TASKS, Calibration, Classify, Detect, DirectForecast, Forecast, task_of

DETECT, CLASSIFY, FORECAST = Detect(), Classify(), Forecast()


def small() -> Sequences:
    """Three sequences of 4, 2 and 3 steps; the first turns anomalous at step 2."""
    x = [np.arange(n * 2).reshape(n, 2) + 10.0 * (row + 1) for row, n in enumerate((4, 2, 3))]
    return Sequences.of(x, [[0, 0, 1, 1], [0, 0], [1, 0, 1]])


def of_classes(*names: str, label: list[int]) -> Sequences:
    """One step per label."""
    return Sequences.of([np.ones((len(label), 1))], [label], classes=names)


def judged_score(logits: torch.Tensor) -> NDArray[np.float64]:
    """The probability of each step."""
    return logits.squeeze(-1).double().sigmoid().numpy()


def noise(count: int, steps: int, label: NDArray[np.int64], seed: int = 0) -> tuple[torch.Tensor, Sequences]:
    """Outputs of 0, and features that are residuals: of spread 1 and 10, three times as wide where anomalous."""
    values = np.random.default_rng(seed).standard_normal((count, steps, 2)) * [1, 10]
    values *= 1 + 2 * label[..., None]
    return torch.zeros(count, steps, 2), Sequences.of(list(values), list(label))


def test_the_table_names_each_task() -> None:
    assert {name: type(task) for name, task in TASKS.items()} == {
        "detect": Detect,
        "classify": Classify,
        "forecast": Forecast,
    }
    assert [task.name for task in TASKS.values()] == list(TASKS)
    assert [type(task.base) for task in TASKS.values()] == [BCE, CE, MSE]
    assert [task.outputs(7, 3) for task in TASKS.values()] == [1, 3, 7]


def test_one_label_per_sequence_is_given_to_every_step() -> None:
    sequences = Sequences.of([np.ones((3, 1)), np.ones((2, 1))], [1, 0])
    assert DETECT.learning(sequences).target.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert DETECT.learning(sequences).mask.tolist() == [[True, True, True], [True, True, False]]


def test_detect_learns_on_every_real_step() -> None:
    batch = DETECT.learning(small())
    np.testing.assert_array_equal(batch.x.numpy(), small().x)
    assert batch.target.dtype == torch.float32
    assert batch.target.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
    assert batch.mask.tolist() == small().mask.tolist() == DETECT.scored(small()).tolist()
    assert batch.mask.sum(1).tolist() == [4, 2, 3]
    assert batch.counter.tolist() == [[0, 1, 2, 3]] * 3
    assert len(batch) == 3


def test_classify_learns_class_indices() -> None:
    batch = CLASSIFY.learning(of_classes("ok", "wet", "dry", label=[0, 2, 1]))
    assert batch.target.dtype == torch.int64
    assert batch.target.tolist() == [[0, 2, 1]]
    assert CLASSIFY.scored(small()).tolist() == small().mask.tolist()


def test_forecast_reads_the_step_before_and_learns_normal_ones() -> None:
    sequences = small()
    batch = FORECAST.learning(sequences)
    np.testing.assert_array_equal(batch.target.numpy(), sequences.x)
    assert batch.x[:, 0].tolist() == [[0, 0]] * 3
    np.testing.assert_array_equal(batch.x[:, 1:].numpy(), sequences.x[:, :-1])
    assert batch.mask.tolist() == [
        [False, True, False, False],  # no prediction for step 0; steps 2 and 3 are anomalous
        [False, True, False, False],  # ends after 2 steps
        [False, True, False, False],
    ]
    assert FORECAST.scored(sequences).tolist() == [
        [False, True, True, True],
        [False, True, False, False],
        [False, True, True, False],
    ]


@pytest.mark.parametrize("steps", [(), (4,), (2, 4)])
def test_the_loss_of_a_step(steps: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(*steps, 3, 5, generator=generator)
    yes, kind = (torch.randint(0, high, (*steps, 3), generator=generator) for high in (2, 5))
    probability = z[..., 0].sigmoid()
    torch.testing.assert_close(
        DETECT.step_loss(z[..., :1], yes.float()), -torch.where(yes == 1, probability, 1 - probability).log()
    )
    likelihood = z.softmax(-1).gather(-1, kind.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(CLASSIFY.step_loss(z, kind), -likelihood.log())
    torch.testing.assert_close(FORECAST.step_loss(z, z + 2), torch.full((*steps, 3), 4.0))


def test_detect_decides_from_a_probability_of_one_half_on() -> None:
    sequences = Sequences.of([np.zeros((5, 1))], [0])
    logits = torch.tensor([-3.0, -1e-6, 0.0, 1e-6, 3.0]).reshape(1, 5, 1)
    calibration = DETECT.calibrate(logits, sequences)
    assert calibration == Calibration(threshold=0.5, alarm_threshold=np.nextafter(judged_score(logits).max(), 1))
    judged = DETECT.judge(logits, sequences, calibration)
    assert judged.score[0] == pytest.approx(1 / (1 + np.exp(-logits.flatten().double().numpy())), rel=1e-12)
    assert judged.decision.tolist() == [[0, 0, 1, 1, 1]]
    assert judged.decision.dtype == np.int64


def test_a_score_does_not_saturate() -> None:
    judged = DETECT.judge(torch.tensor([[[30.0], [31.0]]]), Sequences.of([np.zeros((2, 1))], [0]), Calibration(0.5))
    assert judged.score[0, 0] < judged.score[0, 1] < 1


def test_classify_decides_for_the_likeliest_class() -> None:
    sequences = of_classes("ok", "wet", "dry", label=[0, 1, 2])
    logits = torch.tensor([[[2.0, 1.0, 0.0], [1.0, 0.0, 3.0], [1.0, 1.5, 1.4]]])
    calibration = CLASSIFY.calibrate(logits, sequences)
    assert calibration.threshold is None
    judged = CLASSIFY.judge(logits, sequences, calibration)
    weights = np.exp(logits[0].double().numpy())
    assert judged.score[0] == pytest.approx(1 - weights[:, 0] / weights.sum(1), rel=1e-12)
    assert judged.decision.tolist() == [[0, 2, 1]]


def test_forecast_scores_the_scaled_residual() -> None:
    sequences = small()
    outputs = torch.from_numpy(sequences.x) + torch.tensor([3.0, -8.0])
    judged = FORECAST.judge(outputs, sequences, Calibration(threshold=3.5, residual_scale=(1.0, 2.0)))
    scored = FORECAST.scored(sequences)
    np.testing.assert_allclose(judged.score[scored], np.sqrt((3**2 + 4**2) / 2), rtol=1e-6)
    assert judged.decision[scored].tolist() == [1] * scored.sum()


def test_forecast_has_no_score_for_the_first_step() -> None:
    sequences = small()
    judged = FORECAST.judge(torch.zeros(3, 4, 2), sequences, Calibration(threshold=0.0, residual_scale=(1.0, 1.0)))
    np.testing.assert_array_equal(np.isnan(judged.score), ~FORECAST.scored(sequences))
    assert np.isnan(judged.score[:, 0]).all()
    assert judged.decision[:, 0].tolist() == [0, 0, 0]


def test_forecast_is_scaled_by_normal_validation_steps() -> None:
    label = (np.arange(30) >= 15).astype(np.int64) * np.ones((40, 1), np.int64)
    outputs, validation = noise(40, 30, label)
    calibration = FORECAST.calibrate(outputs, validation)
    normal = validation.x[:, 1:15].reshape(-1, 2).astype(np.float64)
    assert calibration.residual_scale == pytest.approx(tuple(normal.std(axis=0)), rel=1e-9)
    assert calibration.residual_scale == pytest.approx((1, 10), rel=0.1)


def test_forecast_with_labels_takes_the_best_balanced_accuracy() -> None:
    label = np.random.default_rng(1).integers(0, 2, (20, 12))
    outputs, validation = noise(20, 12, label)
    calibration = FORECAST.calibrate(outputs, validation)
    judged, scored = FORECAST.judge(outputs, validation, calibration), FORECAST.scored(validation)
    reached = balanced_accuracy_score(label[scored], judged.decision[scored])
    tried = [balanced_accuracy_score(label[scored], judged.score[scored] >= s) for s in judged.score[scored]]
    assert reached == pytest.approx(max(tried), abs=1e-12)
    assert 0.6 < reached < 1
    assert calibration.threshold in judged.score[scored]


def test_forecast_without_anomalies_takes_the_99th_percentile() -> None:
    outputs, validation = noise(50, 41, np.zeros((50, 41), np.int64))
    calibration = FORECAST.calibrate(outputs, validation)
    judged = FORECAST.judge(outputs, validation, calibration)
    scores = np.sort(judged.score[:, 1:].ravel())
    assert len(scores) == 2000
    assert calibration.threshold == pytest.approx(np.quantile(scores, 0.99), rel=1e-12)
    assert scores[1979] <= (calibration.threshold or 0) <= scores[1980]
    assert judged.decision.sum() == 20


def test_an_anomaly_at_an_unscored_step_is_not_a_label() -> None:
    label = np.zeros((50, 41), np.int64)
    outputs, plain = noise(50, 41, label)
    first = label.copy()
    first[:, 0] = 1
    spoiled = Sequences.of(list(plain.x), list(first))
    assert FORECAST.calibrate(outputs, spoiled) == FORECAST.calibrate(outputs, plain)


def test_a_residual_that_never_varies_is_not_scaled() -> None:
    sequences = Sequences.of([np.array([[0.0, 1.0], [1.0, 1.0], [3.0, 1.0]])], [0])
    scale = FORECAST.calibrate(torch.zeros(1, 3, 2), sequences).residual_scale
    assert scale == (1.0, 1.0)
    assert FORECAST.calibrate(torch.zeros(1, 3, 2), Sequences.of([sequences.x[0] * [2, 1]], [0])).residual_scale == (
        2.0,
        1.0,
    )


@pytest.mark.parametrize("task", [DETECT, CLASSIFY])
@pytest.mark.parametrize(("label", "name"), [(0, "ok"), (1, "bad")])
def test_a_single_class_cannot_be_learned(task: Detect | Classify, label: int, name: str) -> None:
    text = (
        rf"^plant: every training step has the label '{name}'; learning to tell them apart needs normal and "
        r"anomalous steps \(--task forecast learns from normal ones alone\)$"
    )
    with pytest.raises(DataError, match=text):
        task.check(of_classes("ok", "bad", label=[label] * 4), "plant")
    task.check(of_classes("ok", "bad", label=[0, 1]), "plant")


def test_padding_is_no_second_class() -> None:
    sequences = Sequences.of([np.ones((3, 1)), np.ones((2, 1))], [1, 1])
    with pytest.raises(DataError, match=r"^plant: every training step has the label '1';"):
        DETECT.check(sequences, "plant")


def test_detect_tells_two_classes_apart() -> None:
    text = (
        r"^plant: the label has 3 classes \(ok, wet, dry\); detect tells normal from anomalous, so use "
        r"--task classify or another label column, or make one class of all but the first with binary: true \(tables\)$"
    )
    with pytest.raises(DataError, match=text):
        DETECT.check(of_classes("ok", "wet", "dry", label=[0, 1, 2]), "plant")
    CLASSIFY.check(of_classes("ok", "wet", "dry", label=[0, 1, 2]), "plant")


def test_forecast_needs_normal_and_anomalous() -> None:
    text = r"^plant: the label has 3 classes \(ok, wet, dry\); forecast tells normal from anomalous, so use "
    with pytest.raises(DataError, match=text):
        FORECAST.check(of_classes("ok", "wet", "dry", label=[0, 1, 2]), "plant")


@pytest.mark.parametrize("label", [[1, 1, 1], [0, 1, 1]])
def test_forecast_needs_a_normal_step_after_a_first_one(label: list[int]) -> None:
    text = r"^plant: the training part has no normal step after a first one, and forecast learns on those$"
    with pytest.raises(DataError, match=text):
        FORECAST.check(of_classes("ok", "bad", label=label), "plant")
    FORECAST.check(of_classes("ok", "bad", label=[0, 0]), "plant")


# a model that is not trained


def test_only_a_forecast_differs_where_nothing_is_trained() -> None:
    for name in ("detect", "classify"):
        assert task_of(name, trained=False) is task_of(name, trained=True) is TASKS[name]
    assert task_of("forecast", trained=True) is TASKS["forecast"]
    direct = task_of("forecast", trained=False)
    assert isinstance(direct, DirectForecast)
    assert (direct.name, direct.outputs(7, 2)) == ("forecast", 1)


def test_a_direct_forecast_scores_the_steps_that_a_forecast_scores() -> None:
    direct, labelled = DirectForecast(), Sequences.of([np.ones((3, 2)), np.ones((2, 2))], [[0, 1, 0], [1, 1]])
    assert direct.scored(labelled).tolist() == TASKS["forecast"].scored(labelled).tolist()
    learned = direct.learning(labelled)
    assert learned.target.tolist() == [[0, 1, 0], [1, 1, 0]]
    assert learned.mask.tolist() == [[False, True, True], [False, True, False]]
    outputs = torch.tensor([[[9.0], [1.0], [-1.0]], [[0.0], [0.5], [0.0]]])
    loss = direct.step_loss(outputs, learned.target)
    torch.testing.assert_close(loss[0, 1], torch.tensor(1.0).neg().exp().log1p())
    judged = direct.judge(outputs, labelled, Calibration(threshold=0.6))
    np.testing.assert_allclose(judged.score[0], [np.nan, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])
    assert np.isnan(judged.score[1, 0])
    assert judged.decision[:, 1].tolist() == [1, 1]
    assert judged.decision[0, 2] == 0


def test_the_threshold_of_a_direct_forecast_comes_from_validation() -> None:
    direct = DirectForecast()
    outputs = torch.tensor([[[9.0], [-2.0], [1.0], [2.0]]])
    labelled = Sequences.of([np.ones((4, 1))], [[1, 0, 1, 1]])
    assert direct.calibrate(outputs, labelled).threshold == pytest.approx(1 / (1 + np.exp(-1)))
    normal = Sequences.of([np.ones((4, 1))], [[1, 0, 0, 0]])
    expected = np.quantile(1 / (1 + np.exp([2.0, -1.0, -2.0])), 0.99)
    assert direct.calibrate(outputs, normal).threshold == pytest.approx(expected)
    for constant in (outputs.clamp(-3, -3), outputs.clamp(3, 3)):
        assert direct.calibrate(constant, labelled).threshold == direct.calibrate(constant, normal).threshold == 0.5
