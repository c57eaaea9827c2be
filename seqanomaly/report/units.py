"""What a metric is called and in which unit it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """How a metric is shown."""

    title: str
    """A heading."""
    factor: float = 100.0
    """What a value is multiplied by: 100 makes a share points (%)."""
    decimals: int = 1
    """Digits after the point."""

    def show(self, value: float, *, signed: bool = False) -> str:
        """A value in this unit, and no sign before a zero but the plus that is asked for.

        >>> Unit("Accuracy").show(0.0714), Unit("Accuracy").show(-0.0001, signed=True), Unit("Delay", 1.0).show(3)
        ('7.1', '+0.0', '3.0')
        """
        return f"{round(self.factor * value, self.decimals) + 0.0:{'+' if signed else ''}.{self.decimals}f}"


UNITS = {
    "auroc": Unit("AUROC"),
    "f1": Unit("F1"),
    "brier": Unit("Brier score (lower is better)", 1.0, 3),
    "ece": Unit("Expected calibration error (lower is better)"),
    "accuracy_at_far": Unit("Accuracy at 5% false alarms on the validation part"),
    "false_alarms": Unit("False alarms per 1,000 normal steps (lower is better)", 1.0),
    "delay_median": Unit("Median detection delay in steps", 1.0),
    "delay_lower_quartile": Unit("Lower quartile of the detection delay in steps", 1.0),
    "delay_upper_quartile": Unit("Upper quartile of the detection delay in steps", 1.0),
    "never_detected": Unit("Anomalies never detected"),
    "point_adjusted_f1": Unit("Point-adjusted F1 (inflated)"),
    "point_adjusted_f1_random": Unit("Point-adjusted F1 of random alarms"),
}


def unit(metric: str) -> Unit:
    """The unit of a metric; a share by default.

    >>> unit("balanced_accuracy").title, unit("auroc").title
    ('Balanced accuracy', 'AUROC')
    """
    return UNITS.get(metric) or Unit(metric.replace("_", " ").capitalize())
