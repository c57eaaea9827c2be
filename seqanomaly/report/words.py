"""What a comparison found, in words; sees only data frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from seqanomaly.comparison import NOT_TRAINED, TOO_FEW, pairs_needed

MARGIN = 0.01
"""A gain counts from one point on."""

Row = dict[str, Any]


def findings(comparison: pd.DataFrame, baseline: str, early: str, late: str, metric: str = "accuracy") -> list[str]:
    """One sentence per data set and model: who gains late and what it costs early, or that nobody does.

    A model with the baseline loss only is passed over where there are others, and always if it is not trained.
    """
    return [
        f"{title}: {_sentence(rows, baseline, early, late)}."
        for title, rows in _compared(comparison[comparison["metric"] == metric], baseline)
    ]


def cheapest(
    comparison: pd.DataFrame, baseline: str, early: str, late: str, cost: float, metric: str = "accuracy"
) -> list[str]:
    """One sentence per data set and model: the best loss late among those that lose at most `cost` early.

    The cost is a fraction; the mean differences decide.
    """
    lines = []
    for title, rows in _compared(comparison[comparison["metric"] == metric], baseline):
        before, after = ({r["loss"]: r for r in rows if r["bucket"] == b} for b in (early, late))
        allowed = [
            loss
            for loss in after
            if loss != baseline and before[loss]["difference"] >= -cost and after[loss]["difference"] > 0
        ]
        best = max(allowed, key=lambda loss: float(after[loss]["difference"]), default=baseline)
        changes = f" ({points(after[best], signed=True)} {late}, {points(before[best], signed=True)} {early})"
        lines.append(
            f"{title}: of the losses that lose at most {100 * cost:g} points {early}, {best} has the best mean {late}"
            f"{changes if best != baseline else ''}."
        )
    return lines


def groups(comparison: pd.DataFrame) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each data set, model and further axes, with a title such as `gru on drift, lr=0.01`."""
    columns = list(comparison.columns)
    first = min(columns.index(name) for name in ("mean", "n_pairs") if name in columns)
    axes = [n for n in columns[:first] if n not in ("dataset", "model", "loss", "bucket", "metric")]
    found: dict[str, list[Row]] = {}
    for row in comparison.to_dict("records"):
        title = ", ".join([f"{row['model']} on {row['dataset']}", *(f"{name}={row[name]}" for name in axes)])
        found.setdefault(title, []).append({str(key): value for key, value in row.items()})
    yield from found.items()


def _compared(comparison: pd.DataFrame, baseline: str) -> list[tuple[str, list[Row]]]:
    """The groups in which something can be compared; where there is none, those that could have had it."""
    every = list(groups(comparison))
    compared = [(title, rows) for title, rows in every if has_others(rows, baseline)]
    trainable = [(title, rows) for title, rows in every if not any(NOT_TRAINED in row["note"] for row in rows)]
    return compared or trainable


def has_others(rows: list[Row], baseline: str) -> bool:
    """Whether there is a loss beside the baseline."""
    return any(row["loss"] != baseline for row in rows)


def _sentence(rows: list[Row], baseline: str, early: str, late: str) -> str:
    at = {(row["loss"], row["bucket"]): row for row in rows if row["loss"] != baseline}
    others = [row for (_, bucket), row in at.items() if bucket == late]
    if not others:
        return f"there is no loss beside {baseline} to compare"
    known = [row for row in others if row["difference_high"] == row["difference_high"]]
    unknown = [row["loss"] for row in others if row["difference_high"] != row["difference_high"]]
    if not known:
        return f"nothing can be said {late} ({_reason(others)})"
    gains = [row for row in known if row["p_adjusted"] < 0.05 and row["difference"] > 0]
    undecided = [row for row in known if row not in gains and row["difference_high"] >= MARGIN]
    gains.sort(key=lambda row: -row["difference"])
    parts = [f"{g['loss']} gains {points(g)} {late} and {_cost(at[g['loss'], early], early)}" for g in gains]
    if not undecided and not any(row["difference_high"] >= MARGIN for row in gains):
        parts.append(f"no {'other ' * bool(unknown)}loss helps {late} by a point or more")
    elif not undecided and len(known) > len(gains):
        parts.append(f"no other loss helps {late} by a point or more")
    elif undecided:
        listed = ", ".join(f"{row['loss']} {points(row, signed=True)}" for row in undecided)
        some = any(TOO_FEW in row["note"] for row in undecided)
        needed = pairs_needed(max(1, sum(row["p_adjusted"] == row["p_adjusted"] for row in others)))
        few = f" ({TOO_FEW}: {needed} that differ are needed)" if some else ""
        parts.append(f"undecided {late}{few}: {listed}")
    parts += [f"too few runs to say anything of {', '.join(unknown)}"] * bool(unknown)
    return "; ".join(parts)


def _reason(rows: list[Row]) -> str:
    """The notes of rows that say nothing, each once."""
    notes = dict.fromkeys(n for row in rows for n in row["note"].split("; ") if n and not n.startswith("covers "))
    return "; ".join(notes) or "too few runs"


def _cost(row: Row, early: str) -> str:
    if row["difference_high"] != row["difference_high"]:
        return f"cannot be compared {early}"
    if row["difference_low"] <= 0 <= row["difference_high"]:
        return f"shows no clear change {early} ({points(row, signed=True)})"
    verb = "loses" if row["difference"] < 0 else "gains"
    return f"{verb} {100 * abs(row['difference']):.1f} {early}"


def points(row: Row, *, signed: bool = False) -> str:
    """The difference of a row in points with its interval.

    >>> points({"difference": 0.071, "difference_low": 0.066, "difference_high": 0.076})
    '7.1 points [6.6, 7.6]'
    """
    low, high = row["difference_low"], row["difference_high"]
    interval = f" [{number(low)}, {number(high)}]" if high == high else ""
    return f"{number(row['difference'], signed=signed)} points{interval}"


def number(share: float, *, signed: bool = False) -> str:
    """A share in points with one decimal, and no sign before a zero but the plus that is asked for.

    >>> number(0.0714), number(-0.0001), number(-0.0001, signed=True)
    ('7.1', '0.0', '+0.0')
    """
    return f"{round(100 * share, 1) + 0.0:{'+' if signed else ''}.1f}"
