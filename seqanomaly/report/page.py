"""A comparison as a Markdown page; sees only data frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from seqanomaly.report.tables import Block, blocks, dataset_blocks, effect_blocks, weight_blocks, whole_blocks
from seqanomaly.report.units import unit

DELAYS = {
    "delay_lower_quartile": "lower quartile",
    "delay_median": "median",
    "delay_upper_quartile": "upper quartile",
    "never_detected": "never detected (%)",
}
ADJUSTED = {"point_adjusted_f1": "point-adjusted F1", "point_adjusted_f1_random": "of random alarms"}


def markdown(
    comparison: pd.DataFrame,
    context: pd.DataFrame,
    buckets: list[str],
    *,
    name: str,
    question: str,
    sentences: list[str],
    baseline: str,
    metric: str = "accuracy",
    remarks: Sequence[str] = (),
    effects: pd.DataFrame | None = None,
    over: pd.DataFrame | None = None,
    weights: pd.DataFrame | None = None,
) -> str:
    """The whole comparison as a Markdown page: what was found, then a table per metric.

    Args:
        comparison: see `comparison.compare_runs`.
        context: see `report.tables.bucket_context`.
        buckets: the early and the late bucket.
        name: the experiment's name.
        question: what it asks.
        sentences: what was found, in words.
        baseline: the loss that the others are compared with.
        metric: the one that the sections on effects and on several data sets show; their files have all.
        remarks: what the seeds could show and what they rule out, in words.
        effects: see `effects.effects`.
        over: see `several.over_datasets`.
        weights: what each loss does to the training steps, see `report.tables.weight_blocks`.
    """
    lines = [f"# {name}", "", *([question, ""] if question else []), *(f"- {sentence}" for sentence in sentences), ""]
    lines.append(_legend(baseline))
    whole = [*DELAYS, *ADJUSTED]
    for name_of in comparison["metric"].unique():
        if name_of not in whole:
            lines += _section(unit(name_of).title, blocks(comparison, context, buckets, name_of))
    present = set(comparison["metric"])
    if present & set(DELAYS):
        title = "Detection delay in steps from the onset to the first alarm (lower is better)"
        lines += _section(title, whole_blocks(comparison, DELAYS, ["delay_median"]))
    if present & set(ADJUSTED):
        lines += _section("Point-adjusted F1: inflated, beside random alarms", whole_blocks(comparison, ADJUSTED))
    if effects is not None and len(effects):
        lines += _section(f"{unit(metric).title}: effects", effect_blocks(effects, buckets, metric, baseline))
        lines += ["", *(f"- {remark}" for remark in remarks)] if remarks else []
    if over is not None and len(over):
        lines += _section(f"{unit(metric).title}: over the data sets", dataset_blocks(over, buckets[-1], metric))
    if weights is not None and len(weights):
        lines += _section("What each loss makes of the training steps", weight_blocks(weights))
    return "\n".join(lines) + "\n"


def _section(title: str, made: list[Block]) -> Iterator[str]:
    yield from ("", f"## {title}")
    for block in made:
        yield from (
            "",
            f"**{block.title}**",
            "",
            _line(block.heads),
            _line(["---"] + ["---:"] * (len(block.heads) - 1)),
        )
        yield from (_line(row) for row in block.rows)
        yield from ("", block.footer) if block.footer else ()


def _legend(baseline: str) -> str:
    return (
        "Points (%) with half the width of the 95% interval over seeds; changes are paired differences from "
        f"{baseline}; \\* marks p < 0.05 after Holm over the losses of one bucket and metric (exact Wilcoxon "
        "signed-rank); ESS is the effective number of steps per sequence."
    )


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"
