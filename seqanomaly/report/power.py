"""What the seeds could show and what they rule out, in words; sees only data frames."""

from __future__ import annotations

import pandas as pd

from seqanomaly.comparison import ALPHA, SHUFFLED, holm
from seqanomaly.power import MOST_SEEDS, PILOT, fits
from seqanomaly.report.words import MARGIN, Row, groups


def power_notes(effects: pd.DataFrame, bucket: str, metric: str = "accuracy", margin: float = MARGIN) -> list[str]:
    """One sentence per data set and model: what its seeds could not have shown, and how many would show the margin.

    From the loss whose pairs vary least to the one whose pairs vary most; shuffled labels are no contender.

    Args:
        effects: see `effects.effects`.
        bucket: of which steps.
        metric: of which metric.
        margin: the one that the effects were made with.

    >>> row = {"dataset": "drift", "model": "gru", "loss": "exp", "bucket": "late", "metric": "accuracy",
    ...     "n_pairs": 10, "detectable": 0.0124, "seeds_needed": 14.0}
    >>> power_notes(pd.DataFrame([row]), "late")
    ['gru on drift: with 10 seeds, late differences in accuracy under 1.2 points would not be seen; 14 seeds...']
    """
    chosen = effects[(effects["bucket"] == bucket) & (effects["metric"] == metric)]
    said = []
    for title, rows in groups(chosen):
        rows = [row for row in rows if not row["loss"].startswith(SHUFFLED)]
        known = sorted((row for row in rows if row["detectable"] == row["detectable"]), key=lambda r: r["detectable"])
        if known:
            said.append(f"{title}: {_power(known[-1]['n_pairs'], known, bucket, metric, margin)}.")
    return said


def planned_notes(plan: pd.DataFrame, bucket: str, metric: str = "accuracy", margin: float = MARGIN) -> list[str]:
    """The same from stored runs, for the seeds of an experiment; nothing where fewer than three pairs are stored.

    Args:
        plan: see `power.planned_seeds`.
        bucket: of which steps.
        metric: of which metric.
        margin: the one that was planned for.

    >>> row = {"dataset": "drift", "model": "gru", "loss": "exp", "n_pairs": 5, "sd": 0.0131, "seeds": 10,
    ...     "detectable": 0.0124, "seeds_needed": 14.0}
    >>> planned_notes(pd.DataFrame([row]), "late")
    ['gru on drift: with 10 seeds, ...would not be seen; 14 seeds would show 1 point (from 5 stored pairs).']
    """
    said = []
    for title, (row,) in groups(plan):
        if row["sd"] == row["sd"]:
            shown = _power(row["seeds"], [row], bucket, metric, margin)
            said.append(f"{title}: {shown} (from {row['n_pairs']} stored pairs).")
        elif row["n_pairs"] >= PILOT:
            said.append(f"{title}: the {row['n_pairs']} stored pairs do not vary, so nothing can be planned from them.")
    return said


def _power(seeds: int, rows: list[Row], bucket: str, metric: str, margin: float) -> str:
    """What that many seeds show of losses that are sorted by how much their pairs vary."""
    sizes = [amount(float(row["detectable"]), metric) for row in (rows[0], rows[-1])]
    ends = [f"{sizes[0].split()[0]} ({rows[0]['loss']})", f"{sizes[1]} ({rows[-1]['loss']})"]
    span = sizes[0] if len(rows) == 1 else " to ".join(ends)
    shown = f"with {seeds} seeds, {bucket} differences in {metric.replace('_', ' ')} under {span} would not be seen"
    if not fits(metric):
        return shown
    needed = sorted((row["seeds_needed"] for row in rows), key=lambda n: (n != n, n))
    many = dict.fromkeys(f"{int(n):,}" if n == n else f"more than {MOST_SEEDS:,}" for n in (needed[0], needed[-1]))
    return f"{shown}; {' to '.join(many)} seeds would show {amount(margin, metric)}"


def margin_notes(
    effects: pd.DataFrame,
    baseline: str,
    early: str,
    late: str,
    metric: str = "accuracy",
    margin: float = MARGIN,
    early_margin: float = MARGIN,
) -> list[str]:
    """One sentence per data set and model: who is equivalent to the baseline late, and who not inferior early.

    Shown means p < 0.05 after Holm over the losses. A loss that is not named is not shown to be different either.

    Args:
        effects: see `effects.effects`.
        baseline: the loss that the others are compared with.
        early: the early bucket.
        late: the late bucket.
        metric: of which metric.
        margin: the one that the effects were made with.
        early_margin: likewise.

    >>> row = {"dataset": "drift", "model": "gru", "loss": "exp", "bucket": "late", "metric": "accuracy",
    ...     "n_pairs": 10, "equivalence_p": 0.003, "noninferiority_p": 0.0001}
    >>> both = pd.DataFrame([row, {**row, "bucket": "early", "noninferiority_p": 0.4}])
    >>> margin_notes(both, "uniform", "early", "late")
    ['gru on drift: within 1 point of uniform late: exp (p = 0.003); no loss is shown to lose less than 1 point early.']
    """
    said = []
    for title, rows in groups(effects[effects["metric"] == metric]):
        after, before = ([row for row in rows if row["bucket"] == bucket] for bucket in (late, early))
        same, kept = _shown(after, "equivalence_p"), _shown(before, "noninferiority_p")
        if same is None and kept is None:
            continue
        near = f"within {amount(margin, metric)} of {baseline} {late}"
        less = f"less than {amount(early_margin, metric)} {early}"
        first = f"{near}: {same}" if same else f"no loss is shown to be {near}"
        second = f"{less} is lost with {kept}" if kept else f"no loss is shown to lose {less}"
        said.append(f"{title}: {first}; {second}.")
    return said


def _shown(rows: list[Row], test: str) -> str | None:
    """The losses that a test shows, with their p-values after Holm; None where it was never made."""
    adjusted = holm([float(row[test]) for row in rows])
    if all(p != p for p in adjusted):
        return None
    found = [(row["loss"], p) for row, p in zip(rows, adjusted, strict=True) if p < ALPHA]
    return ", ".join(f"{loss} (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})" for loss, p in found)


def amount(value: float, metric: str) -> str:
    """A difference with its unit: points where the metric is a share.

    >>> amount(0.0124, "accuracy"), amount(0.01, "accuracy"), amount(0.0004, "f1"), amount(2.5, "false_alarms")
    ('1.2 points', '1 point', '0.04 points', '2.5')
    """
    size = value * 100 if fits(metric) else value
    text = f"{size:.1f}".removesuffix(".0") if size >= 0.1 else f"{size:.1g}"
    return text + (" point" + "s" * (text != "1")) * fits(metric)
