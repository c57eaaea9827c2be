"""Thresholds on scores: rules that choose one on validation data, and an oracle that is marked wherever it is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, SerializeAsAny

from seqanomaly.config import Component, one_of
from seqanomaly.errors import DataError

Scores = NDArray[np.float64]
Anomalous = NDArray[np.bool_]

ORACLE = "threshold chosen on the test labels (oracle)"
"""What stands beside every metric whose threshold saw the labels it is measured on."""


def best_balanced(score: Scores, anomalous: Anomalous) -> float:
    """The threshold with the best balanced accuracy of `score >= threshold`; the smallest of several.

    Args:
        score: [steps], higher is more anomalous.
        anomalous: [steps], both classes present.

    >>> best_balanced(np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, False, True, True]))
    0.6
    """
    from sklearn.metrics import roc_curve

    false_alarms, hits, thresholds = roc_curve(anomalous, score, drop_intermediate=False)
    positives, negatives = anomalous.sum(), (~anomalous).sum()
    gain = np.rint(hits * positives) * negatives - np.rint(false_alarms * negatives) * positives  # exact: ties are ties
    return float(thresholds[1:][gain[1:] == gain[1:].max()].min())


def best_f1(score: Scores, anomalous: Anomalous) -> float:
    """The threshold with the best F1 of `score >= threshold`; the smallest of several.

    >>> best_f1(np.array([0.1, 0.4, 0.6, 0.9]), np.array([False, True, False, True]))
    0.4
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(anomalous, score)
    hits = np.rint(recall[:-1] * anomalous.sum())
    found = np.where(hits > 0, np.rint(hits / np.where(hits > 0, precision[:-1], 1)), 1)
    value = hits / (found + anomalous.sum())  # F1 / 2, from whole counts, so that ties are ties
    return float(thresholds[value == value.max()].min())


def at_false_alarm_rate(normal: Scores, rate: float) -> float:
    """The lowest threshold that at most a share `rate` of the `normal` scores [steps] reach.

    >>> at_false_alarm_rate(np.array([0.1, 0.2, 0.3, 0.4]), 0.25), at_false_alarm_rate(np.array([0.1, 0.1]), 0.5) > 0.1
    (0.4, True)
    """
    ordered = np.sort(normal)[::-1]
    allowed = int(rate * len(ordered) + 1e-9)
    if allowed == len(ordered):
        return float(ordered[-1])
    kept = ordered[:allowed][ordered[:allowed] > ordered[allowed]]  # ties with the first one that must not pass
    return float(kept[-1] if len(kept) else np.nextafter(ordered[allowed], np.inf))


class Rule(Component, ABC):
    """How the threshold on the score is chosen."""

    needs: ClassVar[Literal["both", "normal", "nothing"]]
    """Which validation steps it needs."""

    @abstractmethod
    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        """The threshold for scores and labels [steps] of the validation part."""

    def check(self, anomalous: Anomalous, where: str) -> None:
        """Raise a `DataError` where the validation labels [steps] cannot decide."""
        wanted = {"both": "normal and anomalous steps", "normal": "normal steps", "nothing": ""}[self.needs]
        missing = self.needs != "nothing" and (not (~anomalous).any() or (self.needs == "both" and not anomalous.any()))
        if missing:
            found = "no steps" if not len(anomalous) else f"{'anomalous' if anomalous.any() else 'normal'} steps only"
            raise DataError(
                f"{where}: threshold {self.name} needs {wanted} in the validation part and there are "
                f"{found}; choose another rule, such as probability or quantile"
            )


class Probability(Rule):
    """Anomalous from a probability on.

    >>> Probability().choose(np.array([0.2]), np.array([False]))
    0.5
    """

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "nothing"
    kind: Literal["probability"] = "probability"
    at: float = Field(0.5, gt=0, lt=1)
    """The probability, in (0, 1)."""

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        return self.at


class BalancedAccuracy(Rule):
    """Best balanced accuracy on the validation part."""

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "both"
    kind: Literal["balanced_accuracy"] = "balanced_accuracy"

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        return best_balanced(score, anomalous)


class F1(Rule):
    """Best F1 on the validation part."""

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "both"
    kind: Literal["f1"] = "f1"

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        return best_f1(score, anomalous)


class FalseAlarms(Rule):
    """The most sensitive threshold that keeps a budget of false alarms on the validation part."""

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "normal"
    kind: Literal["false_alarms"] = "false_alarms"
    budget: float = Field(0.01, ge=0, lt=1)
    """Share of the normal steps that may raise an alarm, in [0, 1)."""

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        return at_false_alarm_rate(score[~anomalous], self.budget)


class Quantile(Rule):
    """A quantile of the scores of the normal validation steps."""

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "normal"
    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.99, gt=0, lt=1)
    """The quantile, in (0, 1)."""

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        return float(np.quantile(score[~anomalous], self.q))


class Oracle(Rule):
    """Best balanced accuracy on the test labels themselves: what no detector has, and marked in every table."""

    needs: ClassVar[Literal["both", "normal", "nothing"]] = "nothing"
    kind: Literal["oracle"] = "oracle"

    def choose(self, score: Scores, anomalous: Anomalous) -> float:
        both = anomalous.any() and not anomalous.all()
        return best_balanced(score, anomalous) if both else float(np.inf)


RULES: dict[str, type[Rule]] = {
    "probability": Probability,
    "balanced_accuracy": BalancedAccuracy,
    "f1": F1,
    "false_alarms": FalseAlarms,
    "quantile": Quantile,
    "oracle": Oracle,
}
"""Every rule by its name."""


def pick_rule(value: object) -> Rule | None:
    """A name or a mapping as a rule; None is the task's own.

    >>> pick_rule({"kind": "false_alarms", "budget": 0.05})
    FalseAlarms(kind='false_alarms', budget=0.05)
    """
    if value is None:
        return None
    rule: Rule = one_of(RULES, "threshold")(value)
    return rule


AnyRule = Annotated[Rule | None, BeforeValidator(pick_rule), SerializeAsAny()]
"""Any rule, given by name, as a mapping or as it is; None for the task's own."""
