"""Comparison tables for the screen and for Markdown; sees only data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from seqanomaly.report.words import Row, groups, number


@dataclass(frozen=True)
class Block:
    """The table of one data set and model: a title, heads, one row of cells per loss, and a line beneath."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    footer: str


def blocks(
    comparison: pd.DataFrame, context: pd.DataFrame, buckets: list[str], metric: str = "accuracy"
) -> list[Block]:
    """One block per data set and model, with the early and the late bucket side by side.

    Args:
        comparison: see `comparison.compare_runs`.
        context: see `bucket_context`.
        buckets: the early and the late bucket.
        metric: which metric to show.
    """
    heads = ["loss", *buckets, *(f"{bucket} change" for bucket in buckets), "ESS"]
    return [
        Block(title, heads, _rows(rows, buckets), _footer(rows, context, buckets))
        for title, rows in groups(comparison[comparison["metric"] == metric])
    ]


def bucket_context(runs: pd.DataFrame, axes: Sequence[str] = ()) -> pd.DataFrame:
    """Per data set, further axes and bucket: steps, prevalence and majority accuracy, means over all runs."""
    accuracy, place = runs[runs["metric"] == "accuracy"], ["dataset", *axes, "bucket"]
    found = accuracy.groupby(place, sort=False)[["n", "prevalence", "majority_accuracy"]].mean()
    return found.reset_index()


def markdown(
    comparison: pd.DataFrame,
    context: pd.DataFrame,
    buckets: list[str],
    *,
    name: str,
    question: str,
    sentences: list[str],
    baseline: str,
) -> str:
    """The whole comparison as a Markdown page: what was found, then a table per metric that has any values."""
    lines = [f"# {name}", "", *([question, ""] if question else []), *(f"- {sentence}" for sentence in sentences), ""]
    lines.append(_legend(baseline))
    for metric in comparison["metric"].unique():
        lines += ["", f"## {metric_title(metric)}"]
        for block in blocks(comparison, context, buckets, metric):
            lines += [
                "",
                f"**{block.title}**",
                "",
                _line(block.heads),
                _line(["---"] + ["---:"] * (len(block.heads) - 1)),
            ]
            lines += [_line(row) for row in block.rows]
            lines += ["", block.footer]
    return "\n".join(lines) + "\n"


def metric_title(metric: str) -> str:
    """A metric as a heading.

    >>> metric_title("balanced_accuracy"), metric_title("auroc")
    ('Balanced accuracy', 'AUROC')
    """
    return "AUROC" if metric == "auroc" else metric.replace("_", " ").capitalize()


def _legend(baseline: str) -> str:
    return (
        "Points (%) with half the width of the 95% interval over seeds; changes are paired differences from "
        f"{baseline}; \\* marks p < 0.05 after Holm over the losses of one bucket and metric (exact Wilcoxon "
        "signed-rank); ESS is the effective number of steps per sequence."
    )


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


def _rows(rows: list[Row], buckets: list[str]) -> list[list[str]]:
    at = {(row["loss"], row["bucket"]): row for row in rows}
    return [
        [
            str(loss),
            *(interval(at[loss, b]["mean"], at[loss, b]["ci_high"]) for b in buckets),
            *(_change(at[loss, b]) for b in buckets),
            "-" if _missing(at[loss, buckets[0]]["ess"]) else f"{at[loss, buckets[0]]['ess']:.1f}",
        ]
        for loss in dict.fromkeys(row["loss"] for row in rows)
    ]


def _footer(rows: list[Row], context: pd.DataFrame, buckets: list[str]) -> str:
    """What the numbers have to be held against, and what is missing."""
    place = [name for name in context.columns if name in rows[0] and name != "bucket"]
    here = [r for r in context.to_dict("records") if all(r[name] == rows[0][name] for name in place)]
    about = {r["bucket"]: r for r in here}
    parts = []
    for bucket in buckets:
        best = next(
            (r["best_possible"] for r in rows if r["bucket"] == bucket and not _missing(r["best_possible"])), None
        )
        facts = [] if best is None else [f"best possible {100 * best:.1f}"]
        if bucket in about and not _missing(about[bucket]["prevalence"]):
            if rows[0]["metric"] == "accuracy":
                facts.append(f"majority {100 * about[bucket]['majority_accuracy']:.1f}")
            facts.append(f"prevalence {100 * about[bucket]['prevalence']:.1f}")
        parts += [f"{bucket}: {', '.join(facts)}"] * bool(facts)
    parts += _shared_notes([row for row in rows if row["bucket"] in buckets])
    return "; ".join(parts)


def _shared_notes(rows: list[Row]) -> list[str]:
    """Each note once, with the bucket and the losses that have it where not all have."""
    having: dict[str, list[Row]] = {}
    for row in rows:
        for note in filter(None, str(row["note"]).split("; ")):
            having.setdefault(note, []).append(row)
    every_loss, every_bucket = (list(dict.fromkeys(row[key] for row in rows)) for key in ("loss", "bucket"))
    said = []
    for note, of_note in having.items():
        alike: dict[tuple[str, ...], list[str]] = {}  # buckets -> the losses that have the note there
        for loss in dict.fromkeys(row["loss"] for row in of_note):
            alike.setdefault(tuple(row["bucket"] for row in of_note if row["loss"] == loss), []).append(loss)
        for buckets, losses in alike.items():
            where = "" if list(buckets) == every_bucket else f"{', '.join(buckets)}: "
            said.append(where + note + ("" if losses == every_loss else f": {', '.join(losses)}"))
    return said


def interval(mean: float, high: float) -> str:
    """A share as points with half the width of its interval.

    >>> interval(0.842, 0.846), interval(0.842, float("nan")), interval(float("nan"), float("nan"))
    ('84.2 ± 0.4', '84.2', '-')
    """
    if _missing(mean):
        return "-"
    return f"{100 * mean:.1f}" + ("" if _missing(high) else f" ± {100 * (high - mean):.1f}")


def _change(row: Row) -> str:
    if _missing(row["difference"]):
        return ""
    half = "" if _missing(row["difference_high"]) else f" ± {100 * (row['difference_high'] - row['difference']):.1f}"
    return f"{number(row['difference'], signed=True)}{half}" + (" *" if row["p_adjusted"] < 0.05 else "")


def _missing(value: float) -> bool:
    return value != value
