"""Tasks: what the model is asked per step, and how its outputs become a score and a decision per step.

All three end in the same two numbers, so that late and early accuracy mean the same everywhere: a score (higher is
more anomalous) and a decision (a class index; 0 is normal).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqanomaly.batch import Batch
from seqanomaly.counters import sequence_counter
from seqanomaly.datasets.answerable import check_answerable
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss
from seqanomaly.metrics.thresholds import best_balanced


@dataclass(frozen=True)
class Calibration:
    """What validation data decide about decisions."""

    threshold: float | None
    """A step is anomalous from this score on; None where the decision is the likeliest class."""
    residual_scale: tuple[float, ...] | None = None
    """Standard deviation of each feature's residual on normal validation steps (forecast)."""


@dataclass(frozen=True)
class Judged:
    """Score and decision of each step; a score is NaN where there is no prediction."""

    score: NDArray[np.float64]
    """[N, T]."""
    decision: NDArray[np.int64]
    """[N, T], class index."""


class Task(ABC):
    """A question put to the model at every step."""

    name: str
    base: BaseLoss

    @abstractmethod
    def outputs(self, features: int, classes: int) -> int:
        """Number of outputs per step."""

    def check(self, train: Sequences, where: str) -> None:
        """Raise a `DataError` where the training part cannot answer the question."""
        check_answerable(self.name, train, where)

    @abstractmethod
    def learning(self, sequences: Sequences) -> Batch:
        """What the loss sees."""

    @abstractmethod
    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        """Which steps have a prediction, [N, T]."""

    @abstractmethod
    def step_loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Unweighted loss of each step, [..., T], of outputs [..., T, O]."""

    @abstractmethod
    def calibrate(self, outputs: Tensor, validation: Sequences) -> Calibration:
        """Scale and threshold from the outputs [N, T, O] on validation data."""

    @abstractmethod
    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        """Score and decision of each step from outputs [N, T, O]."""


class Detect(Task):
    """Anomalous or not: one logit, score = probability, decision = probability >= 0.5."""

    name = "detect"
    base = BCE()

    def outputs(self, features: int, classes: int) -> int:
        return 1

    def learning(self, sequences: Sequences) -> Batch:
        return _batch(sequences, torch.from_numpy(sequences.label).float(), sequences.mask)

    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        return sequences.mask

    def step_loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.base.per_step(outputs.squeeze(-1), target, target.shape)

    def calibrate(self, outputs: Tensor, validation: Sequences) -> Calibration:
        return Calibration(threshold=0.5)

    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        return _by_threshold(_probability(outputs), calibration)


class Classify(Task):
    """Which class: one logit per class, score = 1 - P(class 0), decision = likeliest class."""

    name = "classify"
    base = CE()

    def outputs(self, features: int, classes: int) -> int:
        return classes

    def learning(self, sequences: Sequences) -> Batch:
        return _batch(sequences, torch.from_numpy(sequences.label), sequences.mask)

    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        return sequences.mask

    def step_loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.base.per_step(outputs, target, target.shape)

    def calibrate(self, outputs: Tensor, validation: Sequences) -> Calibration:
        return Calibration(threshold=None)

    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        score = 1 - outputs.double().softmax(-1)[..., 0].numpy()  # [N, T, C] -> [N, T]
        return Judged(score, outputs.argmax(-1).numpy())


class Forecast(Task):
    """The next step's features: learns on normal steps, score = the residual's scaled norm, no prediction for step 0.

    The model reads x_0 .. x_{t-1} and predicts x_t. The score is sqrt(mean_f (r_f / s_f)^2) with s_f the residual's
    standard deviation on normal validation steps. The threshold has the best balanced accuracy on validation data where
    they hold both classes, else it is the 0.99 quantile of their scores.
    """

    name = "forecast"
    base = MSE()

    def outputs(self, features: int, classes: int) -> int:
        return features

    def learning(self, sequences: Sequences) -> Batch:
        x = torch.from_numpy(sequences.x)
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)  # x_{t-1}, [N, T, F]
        return _batch(sequences, x, self.scored(sequences) & (sequences.label == 0), before)

    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        return _after_the_first(sequences)

    def step_loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.base.per_step(outputs, target, target.shape[:-1])

    def calibrate(self, outputs: Tensor, validation: Sequences) -> Calibration:
        scored = self.scored(validation)
        residual = (outputs.double().numpy() - validation.x)[scored & (validation.label == 0)]  # [steps, F]
        spread = residual.std(axis=0) if len(residual) else np.ones(validation.x.shape[-1])
        scale = tuple(np.where(spread > 0, spread, 1.0).tolist())
        score = self._score(outputs, validation, scale)[scored]
        return Calibration(_threshold(score, validation.label[scored] != 0), scale)

    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        assert calibration.residual_scale is not None
        score = self._score(outputs, sequences, calibration.residual_scale)
        score[~self.scored(sequences)] = np.nan
        return _by_threshold(score, calibration)

    def _score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...]) -> NDArray[np.float64]:
        residual = (outputs.double().numpy() - sequences.x) / scale  # [N, T, F]
        norm: NDArray[np.float64] = np.sqrt((residual**2).mean(axis=-1))  # [N, T]
        return norm


class DirectForecast(Task):
    """The task forecast for a model that is not trained: one logit, score = its probability, no forecast in between.

    Like every forecaster it says nothing about step 0, and its threshold comes from validation data by the same rule;
    a score that never varies keeps 0.5, as no threshold could tell anything by it.
    """

    name = "forecast"
    base = BCE()

    def outputs(self, features: int, classes: int) -> int:
        return 1

    def learning(self, sequences: Sequences) -> Batch:
        return _batch(sequences, torch.from_numpy(sequences.label).float(), self.scored(sequences))

    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        return _after_the_first(sequences)

    def step_loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        return self.base.per_step(outputs.squeeze(-1), target, target.shape)

    def calibrate(self, outputs: Tensor, validation: Sequences) -> Calibration:
        scored = self.scored(validation)
        score = _probability(outputs)[scored]
        varies = bool((score != score[0]).any())
        return Calibration(_threshold(score, validation.label[scored] != 0) if varies else 0.5)

    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        score = _probability(outputs)
        score[~self.scored(sequences)] = np.nan
        return _by_threshold(score, calibration)


TASKS: dict[str, Task] = {"detect": Detect(), "classify": Classify(), "forecast": Forecast()}
"""Every task by its name."""


def task_of(name: str, *, trained: bool) -> Task:
    """The task as a model meets it: one that is not trained cannot forecast, and gives the score directly.

    >>> type(task_of("forecast", trained=False)).__name__
    'DirectForecast'
    """
    return DirectForecast() if name == "forecast" and not trained else TASKS[name]


def _after_the_first(sequences: Sequences) -> NDArray[np.bool_]:
    """The real steps but the first of each sequence, [N, T]."""
    return sequences.mask & (np.arange(sequences.x.shape[1]) > 0)


def _probability(outputs: Tensor) -> NDArray[np.float64]:
    """Logits [N, T, 1] as probabilities [N, T]."""
    return outputs.squeeze(-1).double().sigmoid().numpy()


def _threshold(score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
    """The best balanced accuracy where there are both classes, else the 0.99 quantile."""
    mixed = anomalous.any() and not anomalous.all()
    return best_balanced(score, anomalous) if mixed else float(np.quantile(score, 0.99))


def _batch(s: Sequences, target: Tensor, mask: NDArray[np.bool_], x: Tensor | None = None) -> Batch:
    count, steps = s.mask.shape
    return Batch(
        x=torch.from_numpy(s.x) if x is None else x,
        target=target,
        mask=torch.from_numpy(mask),
        counter=torch.from_numpy(sequence_counter(count, steps)),
    )


def _by_threshold(score: NDArray[np.float64], calibration: Calibration) -> Judged:
    assert calibration.threshold is not None
    return Judged(score, (score >= calibration.threshold).astype(np.int64))
