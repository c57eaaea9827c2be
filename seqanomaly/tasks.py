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
from torch.nn import functional as F

from seqanomaly.batch import Batch
from seqanomaly.counters import sequence_counter
from seqanomaly.datasets.answerable import check_answerable
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.losses.base import BCE, CE, MSE, BaseLoss, StepLoss
from seqanomaly.metrics.scores import FALSE_ALARM_RATE
from seqanomaly.metrics.thresholds import Rule, at_false_alarm_rate, best_balanced


@dataclass(frozen=True)
class Calibration:
    """What validation data decide about decisions."""

    threshold: float | None
    """A step is anomalous from this score on; None where the decision is the likeliest class."""
    residual_scale: tuple[float, ...] | None = None
    """Standard deviation of each feature's residual on normal validation steps (forecast)."""
    alarm_threshold: float | None = None
    """Scores from here on are the alarms at the fixed false-alarm rate; None without normal validation steps."""


@dataclass(frozen=True)
class Judged:
    """Score and decision of each step; a score is NaN where there is no prediction."""

    score: NDArray[np.float64]
    """[N, T]."""
    decision: NDArray[np.int64]
    """[N, T], class index."""
    alarm: NDArray[np.bool_] | None = None
    """[N, T], what a fixed rate of false alarms would call anomalous; None where there is no threshold for it."""


class Task(ABC):
    """A question put to the model at every step."""

    name: str
    base: BaseLoss
    probability = True
    """Whether the score is the probability of an anomaly."""

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

    @property
    def step_loss(self) -> StepLoss:
        """Unweighted loss of each step, [..., T], of outputs [..., T, O] and targets."""
        return StepLoss(self.base)

    @abstractmethod
    def score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...] | None) -> NDArray[np.float64]:
        """Anomaly score of each step, [N, T], of outputs [N, T, O]; what stands at unscored steps means nothing."""

    @abstractmethod
    def threshold(self, score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float | None:
        """The task's own threshold, for the scores and labels [steps] of the validation part."""

    def residual_scale(self, outputs: Tensor, validation: Sequences) -> tuple[float, ...] | None:
        """What residuals are divided by, for tasks that have any."""
        return None

    def calibrate(self, outputs: Tensor, validation: Sequences, rule: Rule | None = None) -> Calibration:
        """Scale and thresholds from the outputs [N, T, O] on validation data, by `rule` or the task's own."""
        scored, scale = self.scored(validation), self.residual_scale(outputs, validation)
        score = self.score(outputs, validation, scale)[scored]
        anomalous = validation.label[scored] != 0
        normal = score[~anomalous]
        return Calibration(
            threshold=self.threshold(score, anomalous) if rule is None else rule.choose(score, anomalous),
            residual_scale=scale,
            alarm_threshold=at_false_alarm_rate(normal, FALSE_ALARM_RATE) if len(normal) else None,
        )

    def judge(self, outputs: Tensor, sequences: Sequences, calibration: Calibration) -> Judged:
        """Score and decision of each step from outputs [N, T, O]; labels are not looked at."""
        score = self.score(outputs, sequences, calibration.residual_scale)
        score[~self.scored(sequences)] = np.nan
        decision = self.decide(outputs, score, calibration.threshold)
        return Judged(
            score, decision, None if calibration.alarm_threshold is None else score >= calibration.alarm_threshold
        )

    def decide(self, outputs: Tensor, score: NDArray[np.float64], threshold: float | None) -> NDArray[np.int64]:
        """Class index of each step, [N, T]: anomalous from the threshold on."""
        assert threshold is not None
        return (score >= threshold).astype(np.int64)


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

    def score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...] | None) -> NDArray[np.float64]:
        return _probability(outputs)

    def threshold(self, score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
        return 0.5


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

    def score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...] | None) -> NDArray[np.float64]:
        return 1 - outputs.double().softmax(-1)[..., 0].numpy()  # [N, T, C] -> [N, T]

    def threshold(self, score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> None:
        """None: the decision is the likeliest class."""

    def decide(self, outputs: Tensor, score: NDArray[np.float64], threshold: float | None) -> NDArray[np.int64]:
        return np.asarray(outputs.argmax(-1).numpy(), np.int64)


class Forecast(Task):
    """The next step's features: learns on normal steps, score = the residual's scaled norm, no prediction for step 0.

    The model reads x_0 .. x_{t-1} and predicts x_t. The score is sqrt(mean_f (r_f / s_f)^2) with s_f the residual's
    standard deviation on normal validation steps. The threshold has the best balanced accuracy on validation data where
    they hold both classes, else it is the 0.99 quantile of their scores.
    """

    name = "forecast"
    base = MSE()
    probability = False

    def outputs(self, features: int, classes: int) -> int:
        return features

    def learning(self, sequences: Sequences) -> Batch:
        x = torch.from_numpy(sequences.x)
        return _batch(sequences, x, self.scored(sequences) & (sequences.label == 0), _step_before(x, sequences))

    def scored(self, sequences: Sequences) -> NDArray[np.bool_]:
        return _after_the_first(sequences)

    def residual_scale(self, outputs: Tensor, validation: Sequences) -> tuple[float, ...]:
        normal = self.scored(validation) & (validation.label == 0)
        residual = (outputs.double().numpy() - validation.x)[normal]  # [steps, F]
        spread = residual.std(axis=0) if len(residual) else np.ones(validation.x.shape[-1])
        return tuple(np.where(spread > 0, spread, 1.0).tolist())

    def score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...] | None) -> NDArray[np.float64]:
        assert scale is not None
        residual = (outputs.double().numpy() - sequences.x) / scale  # [N, T, F]
        return np.asarray(np.sqrt((residual**2).mean(axis=-1)), np.float64)  # [N, T]

    def threshold(self, score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
        return _threshold(score, anomalous)


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

    def score(self, outputs: Tensor, sequences: Sequences, scale: tuple[float, ...] | None) -> NDArray[np.float64]:
        return _probability(outputs)

    def threshold(self, score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
        varies = bool((score != score[0]).any())
        return _threshold(score, anomalous) if varies else 0.5


TASKS: dict[str, Task] = {"detect": Detect(), "classify": Classify(), "forecast": Forecast()}
"""Every task by its name."""


def task_of(name: str, *, trained: bool) -> Task:
    """The task as a model meets it: one that is not trained cannot forecast, and gives the score directly.

    >>> type(task_of("forecast", trained=False)).__name__
    'DirectForecast'
    """
    return DirectForecast() if name == "forecast" and not trained else TASKS[name]


def _after_the_first(sequences: Sequences) -> NDArray[np.bool_]:
    """The steps that take part but the first of each sequence, [N, T]."""
    return sequences.later


def _step_before(x: Tensor, sequences: Sequences) -> Tensor:
    """x_{t-1} of x_t, [N, T, F], 0 for the first step of a sequence."""
    if sequences.flat is None:
        return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
    before = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    before[torch.from_numpy(sequences.flat.first)] = 0.0
    return before


def _probability(outputs: Tensor) -> NDArray[np.float64]:
    """Logits [N, T, 1] as probabilities [N, T].

    Torch computes some at once, and what is left over, or where its threads meet, otherwise; so they are computed in
    full pieces that one thread does, and a step has the same bits wherever it stands.
    """
    logits = outputs.squeeze(-1).double()  # [N, T]
    pieces = torch.split(F.pad(logits.flatten(), (0, -logits.numel() % PIECE)), PIECE)
    return torch.cat([piece.sigmoid() for piece in pieces])[: logits.numel()].view(logits.shape).numpy()


PIECE = 1 << 12
"""Values that torch computes in one thread, a multiple of how many it computes at once."""


def _threshold(score: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> float:
    """The best balanced accuracy where there are both classes, else the 0.99 quantile."""
    mixed = anomalous.any() and not anomalous.all()
    return best_balanced(score, anomalous) if mixed else float(np.quantile(score, 0.99))


def _batch(s: Sequences, target: Tensor, mask: NDArray[np.bool_], x: Tensor | None = None) -> Batch:
    even = bool((s.length == s.steps).all())
    counter = sequence_counter(*mask.shape) if s.flat is None else s.flat.place[:, None].astype(np.int32)
    return Batch(
        x=torch.from_numpy(s.x) if x is None else x,
        target=target,
        mask=torch.from_numpy(mask),
        counter=torch.from_numpy(counter),
        length=None if even else torch.from_numpy(s.length),
        flat=s.flat,
    )
