"""Which way a metric is better, and by which ones nothing is ranked; needs no other library."""

from __future__ import annotations

from seqanomaly.errors import DataError

UNRANKED = frozenset({"point_adjusted_f1", "point_adjusted_f1_random"})
"""Metrics that flatter random scores: shown with that warning, and never compared."""
UNBOUNDED = frozenset(
    {
        "delay_median",
        "delay_lower_quartile",
        "delay_upper_quartile",
        "false_alarms",
    }
)
"""Metrics that are no shares: steps, and alarms per 1,000 steps."""
LOWER_IS_BETTER = UNBOUNDED | {"brier", "ece", "never_detected"}
"""Metrics of which less is better."""
HIGHER_IS_BETTER = frozenset(
    {
        "accuracy",
        "accuracy_at_far",
        "auroc",
        "average_precision",
        "balanced_accuracy",
        "f1",
    }
)
"""Metrics of which more is better."""


def direction(metric: str) -> int:
    """1 where more of a metric is better, -1 where less is; a `DataError` where that is not known.

    >>> direction("accuracy"), direction("brier")
    (1, -1)
    """
    if metric not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
        raise DataError(
            f"metric {metric!r}: it is not known whether more or less of it is better; name it in LOWER_IS_BETTER or "
            "HIGHER_IS_BETTER of seqanomaly/ranking.py"
        )
    return -1 if metric in LOWER_IS_BETTER else 1
