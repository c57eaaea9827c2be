"""The late gain and the early cost of each loss against the size of the model, as a figure and a table.

Reads comparison.csv beside it; writes gain.png and gain.md. Usage: python experiments/capacity/figure.py
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from seqanomaly.models.specs import MODELS
from seqanomaly.report.plots import COLOURS, legend
from seqanomaly.report.units import unit

HERE = Path(__file__).parent
MARGIN = 0.01


def changes() -> pd.DataFrame:
    """The accuracy rows with the kind of model and its hidden units."""
    table = pd.read_csv(HERE / "comparison.csv")
    table = table[(table["metric"] == "accuracy") & table["bucket"].isin(["early", "late"])]
    return table.assign(kind=table["model"].str.split("(").str[0], hidden=table["model"].map(hidden))


def hidden(name: str) -> int:
    """Hidden units of a canonical name; the default where it does not say."""
    found = re.search(r"hidden=(\d+)", name)
    return int(found[1]) if found else int(MODELS[name.split("(")[0]].model_fields["hidden"].default)


def figure(table: pd.DataFrame) -> Figure:
    """Late and early change from uniform by hidden units, a row per bucket and a column per kind of model."""
    drawn = Figure(figsize=(9.6, 6.4), layout="constrained")
    kinds = list(table["kind"].unique())
    axes = drawn.subplots(2, len(kinds), sharex=True, sharey="row", squeeze=False)
    others = table[table["loss"] != "uniform"]
    for column, kind in enumerate(kinds):
        for row, bucket in enumerate(("late", "early")):
            here = axes[row, column]
            here.axhspan(-100 * MARGIN, 100 * MARGIN, color="#dddddd", linewidth=0, label="within 1 point")
            here.axhline(0, color="#999999", linewidth=0.8)
            for place, (loss, line) in enumerate(others.groupby("loss", sort=False)):
                line = line[(line["kind"] == kind) & (line["bucket"] == bucket)].sort_values("hidden")
                error = [
                    100 * (line["difference"] - line["difference_low"]),
                    100 * (line["difference_high"] - line["difference"]),
                ]
                here.errorbar(
                    line["hidden"],
                    100 * line["difference"],
                    error,
                    marker="o",
                    markersize=4,
                    capsize=2,
                    color=COLOURS[1 + place],
                    label=str(loss),
                    linewidth=1.3,
                )
            here.set_xscale("log", base=2)
            here.set_xticks(sorted(table["hidden"].unique()), [str(h) for h in sorted(table["hidden"].unique())])
            here.spines[["top", "right"]].set_visible(False)
            here.set_title(f"{kind}, {bucket}", fontsize=10)
            if row:
                here.set_xlabel("hidden units")
            if not column:
                here.set_ylabel(f"{bucket} change from uniform (points)")
    legend(drawn)
    return drawn


def markdown(table: pd.DataFrame) -> str:
    """One row per model: accuracy of uniform, then the late and the early change of each loss."""
    losses = [loss for loss in table["loss"].unique() if loss != "uniform"]
    heads = ["model", "uniform late", *(f"{loss} late" for loss in losses), *(f"{loss} early" for loss in losses)]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for model in table["model"].unique():
        at = table[table["model"] == model].set_index(["loss", "bucket"])
        cells = [unit("accuracy").show(at.loc[("uniform", "late"), "mean"])]
        cells += [_change(at.loc[(loss, bucket)]) for bucket in ("late", "early") for loss in losses]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _change(row: pd.Series) -> str:
    shown = unit("accuracy")
    star = " \\*" if row["p_adjusted"] < 0.05 else ""
    half = shown.show(row["difference_high"] - row["difference"])
    return f"{shown.show(row['difference'], signed=True)} ± {half}{star}"


if __name__ == "__main__":
    rows = changes()
    figure(rows).savefig(HERE / "gain.png", dpi=150, metadata={"Software": None})
    (HERE / "gain.md").write_text(markdown(rows), encoding="utf-8")
