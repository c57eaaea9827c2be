"""What a comparison found, in words; sees only data frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from seqanomaly.comparison import ALPHA, NOT_TRAINED, SHUFFLED, TOO_FEW, pairs_needed

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
        if all(row["difference"] != row["difference"] for row in before.values()):
            lines.append(f"{title}: what a loss costs {early} cannot be said ({_reason(list(before.values()))}).")
            continue
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


def with_test_limits(comparison: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """The comparison with the limits over test sequences, NaN where there are none; see `effects.effects`."""
    if effects.empty:
        return comparison
    place = [name for name in comparison.columns[: list(comparison.columns).index("mean")] if name in effects]
    return comparison.merge(effects[[*place, "test_low", "test_high"]], on=place, how="left")


def _sentence(rows: list[Row], baseline: str, early: str, late: str) -> str:
    at = {(row["loss"], row["bucket"]): row for row in rows if row["loss"] != baseline}
    others = [row for (loss, bucket), row in at.items() if bucket == late and not str(loss).startswith(SHUFFLED)]
    if not others:
        return f"there is no loss beside {baseline} to compare"
    known = [row for row in others if row["difference_high"] == row["difference_high"]]
    unknown = [row["loss"] for row in others if row["difference_high"] != row["difference_high"]]
    if not known:
        return f"nothing can be said {late} ({_reason(others)})"
    equal = [row for row in known if row["difference_low"] == row["difference_high"] == 0]
    clear = [row for row in known if row["p_adjusted"] < ALPHA]
    clear.sort(key=lambda row: -row["difference"])
    gains, losses = ([row for row in clear if (row["difference"] > 0) == up] for up in (True, False))
    undecided = [row for row in known if row not in clear and row not in equal and row["difference_high"] >= MARGIN]
    parts = [f"{g['loss']} gains {points(g)} {late}{_on(g)} and {_cost(at[g['loss'], early], early)}" for g in gains]
    named = [row for row in losses if row["difference_high"] >= MARGIN]  # else "no loss helps" says it
    parts += [f"{row['loss']} loses {number(-row['difference'])} {late}{_on(row)}" for row in named]
    if undecided:
        listed = ", ".join(f"{row['loss']} {points(row, signed=True)}" for row in undecided)
        parts.append(f"undecided {late}{_few(undecided, others)}: {listed}")
    elif len(equal) + len(named) < len(known):
        helped = any(row["difference_high"] >= MARGIN for row in gains)
        if not helped or len(gains) + len(named) + len(equal) < len(known):
            parts.append(f"no {'other ' * bool(helped or unknown)}loss helps {late} by a point or more")
    parts += [f"no decision {late} differs from {baseline} with {', '.join(r['loss'] for r in equal)}"] * bool(equal)
    parts += [f"too few runs to say anything of {', '.join(unknown)}"] * bool(unknown)
    return "; ".join(parts)


def _on(row: Row) -> str:
    """A warning where another draw of test sequences might show something else."""
    low, high = row.get("test_low", float("nan")), row.get("test_high", float("nan"))
    return f" on these test sequences ([{number(low)}, {number(high)}] over such)" if low <= 0 <= high else ""


def _few(undecided: list[Row], others: list[Row]) -> str:
    """How many pairs it takes, where some have too few."""
    few = [str(row["loss"]) for row in undecided if TOO_FEW in row["note"]]
    needed = pairs_needed(max(1, sum(other["p_adjusted"] == other["p_adjusted"] for other in others)))
    whose = f" of {', '.join(few)}" * (0 < len(few) < len(undecided))
    return f" ({TOO_FEW}{whose}: {needed} that differ are needed)" if few else ""


def _reason(rows: list[Row]) -> str:
    """The notes of rows that say nothing, each once."""
    notes = dict.fromkeys(n for row in rows for n in row["note"].split("; ") if n and not n.startswith("covers "))
    return "; ".join(notes) or "too few runs"


def _cost(row: Row, early: str) -> str:
    if row["difference_high"] != row["difference_high"]:
        return f"cannot be compared {early}"
    if not row["p_adjusted"] < ALPHA:
        return f"shows no clear change {early} ({points(row, signed=True)})"
    size = 100 * abs(row["difference"])
    return f"{'loses' if row['difference'] < 0 else 'gains'} {'under 0.1' if size < 0.05 else f'{size:.1f}'} {early}"


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
