"""The table and the figure of the sweeps, from sweep.csv, sweep_accuracy.csv and sweep_machine.json."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from sweep_shapes import MODELS, Shape

from seqanomaly.report.plots import COLOURS, legend

HERE = Path(__file__).parent
TITLES = {
    "plain": "plain",
    "processes": "processes",
    "lightning": "Lightning",
    "skorch": "skorch",
    "seqanom": "seqanom",
}
NOISE = 4
"""Standard errors that a mean difference in accuracy may have."""
CELL = ["shape", "model", "peer"]


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The times and the accuracies that lie there."""
    times, accuracy = (
        pd.read_csv(folder / f"{name}.csv", dtype={"repeat": str}) for name in ("sweep", "sweep_accuracy")
    )
    return times.fillna({"path": ""}), accuracy


def medians(table: pd.DataFrame, shapes: Mapping[str, Shape]) -> pd.DataFrame:
    """Median seconds of a sweep: a row per shape and model in their order, a column per peer."""
    timed = table[table["repeat"] != "full"]
    wide = timed.pivot_table(index=["shape", "model"], columns="peer", values="scaled", aggfunc="median", sort=False)
    order = [place for place in product(shapes, MODELS) if place in wide.index]
    return wide.reindex(columns=list(TITLES)).loc[order]


def differences(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of each peer minus ours, over the same seeds and losses, and its standard error.

    The standard error takes what seeds make of our accuracy, per loss, as the noise of either side.
    """
    ours = accuracy[accuracy["peer"] == "seqanom"].drop(columns=["peer", "repeat"])
    spread = ours.groupby(["shape", "model", "loss"])[["early", "late"]].std().reset_index()
    peers = accuracy[accuracy["peer"] != "seqanom"]
    both = peers.merge(ours, on=["shape", "model", "seed", "loss"], suffixes=("", "_ours"))
    both = both.merge(spread, on=["shape", "model", "loss"], suffixes=("", "_spread"))
    rows = []
    for cell, of in both.groupby([*CELL, "repeat"], sort=False):
        for bucket in ("early", "late"):
            difference = (of[bucket] - of[f"{bucket}_ours"]).mean()
            error = (2 * (of[f"{bucket}_spread"] ** 2).sum()) ** 0.5 / len(of)
            place = dict(zip([*CELL, "repeat"], cell, strict=True))
            rows.append({**place, "bucket": bucket, "runs": len(of), "difference": difference, "error": error})
    found = pd.DataFrame(rows, columns=[*CELL, "repeat", "bucket", "runs", "difference", "error"])
    return found.assign(beyond=found["difference"].abs() > NOISE * found["error"])


def markdown(
    table: pd.DataFrame, accuracy: pd.DataFrame, machine: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> str:
    """The whole page part: machine, table, what is slower, scaling, accuracy."""
    wide = medians(table, shapes)
    peak = machine["peak_one_core"] * machine["cores"] * 1e9
    heads = ["sweep", "model", *(f"{title} (s)" for title in TITLES.values())]
    heads += [f"{TITLES[peer]} / seqanom" for peer in TITLES if peer != "seqanom"]
    heads += ["peak: plain", "peak: seqanom"]
    lines = ["| " + " | ".join(heads) + " |", "| --- | --- |" + " ---: |" * (len(heads) - 2)]
    for row in wide.reset_index().to_dict("records"):
        shape, model = shapes[row["shape"]], row["model"]
        cells = [f"{shape.title}, {shape.epochs} epochs", model, *(_shown(row[peer], "#.3g") for peer in TITLES)]
        cells += [_shown(row[peer] / row["seqanom"], "#.2g", "x") for peer in TITLES if peer != "seqanom"]
        done = shape.operations(model)
        cells += [_shown(100 * done / row[peer] / peak, "#.2g", "%") for peer in ("plain", "seqanom")]
        lines.append("| " + " | ".join(cells) + " |")
    paragraphs = [_machine(machine), *_words(table, wide, accuracy, shapes)]
    wrapped = [fill(text, 120, break_long_words=False, break_on_hyphens=False) for text in paragraphs]
    return "\n\n".join([wrapped[0], "\n".join(lines), *wrapped[1:]]) + "\n"


def ratios(table: pd.DataFrame, shapes: Mapping[str, Shape]) -> str:
    """In short: per sweep and model, how many times as long the plain script takes, and the seconds of seqanom."""
    wide = medians(table, shapes)
    shown = (wide["plain"] / wide["seqanom"]).map(lambda ratio: _shown(ratio, "#.2g", "x"))
    shown += wide["seqanom"].map(lambda seconds: f" ({_shown(seconds, '#.3g')} s)")
    models = list(wide.index.get_level_values("model").unique())
    lines = ["| sweep of 64 | " + " | ".join(models) + " |", "| --- |" + " ---: |" * len(models)]
    for name in wide.index.get_level_values("shape").unique():
        cells = [str(shown.get((name, model), "–")) for model in models]
        lines.append(f"| {shapes[str(name)].title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _words(
    table: pd.DataFrame, wide: pd.DataFrame, accuracy: pd.DataFrame, shapes: Mapping[str, Shape]
) -> Iterator[str]:
    slower = [
        f"{shapes[row['shape']].title}, {row['model']} ({TITLES[peer]}: {row[peer]:#.3g} s, seqanom: "
        f"{row['seqanom']:#.3g} s)"
        for row in wide.reset_index().to_dict("records")
        for peer in TITLES
        if row[peer] < row["seqanom"]
    ]
    yield f"**Where a peer is faster:** {'; '.join(slower) or 'nowhere'}."
    if per_step := list(_long_against_short(wide, shapes)):
        yield f"**T 1,000 against T 100**, hidden 32, seconds of `compare` per trained step: {', '.join(per_step)}."
    yield from _paths(table, shapes)
    repeats = table[table["repeat"] != "full"].groupby(CELL)["scaled"].agg(["min", "max", "median", "size"])
    apart = (repeats["max"] - repeats["min"]) / repeats["median"]
    yield (
        f"**Repeats:** {'-'.join(str(size) for size in sorted(set(repeats['size'])))} of each, medians shown; slowest "
        f"minus fastest is {100 * apart.median():.0f}% of the median (median over the table; at most "
        f"{100 * apart.max():.0f}%)."
    )
    yield from _scaling(table, shapes)
    found = differences(accuracy)
    if len(found):
        beyond = [
            f"{shapes[row['shape']].title}, {row['model']}, {TITLES[row['peer']]}, {row['bucket']}: "
            f"{100 * row['difference']:+.1f}"
            for row in found[found["beyond"]].to_dict("records")
        ]
        mean = found.groupby("bucket")["difference"].mean()
        yield (
            f"**Accuracy:** of {len(found)} mean differences between a peer and seqanom (same seeds and losses, early "
            f"and late), {len(beyond)} are beyond {NOISE} standard errors{': ' * bool(beyond) + '; '.join(beyond)}. "
            f"Their mean is {100 * mean['early']:+.2f} points early and {100 * mean['late']:+.2f} late."
        )


def _long_against_short(wide: pd.DataFrame, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Of each model, time per step at T 1,000 over that at T 100."""
    for model in wide.index.get_level_values("model").unique():
        times = [
            wide.loc[(name, model), "seqanom"] / (shapes[name].epochs * shapes[name].count * shapes[name].steps)
            for name in ("t1000", "h32")
            if (name, model) in wide.index
        ]
        if len(times) == 2 and all(time == time for time in times):
            yield f"{model} {times[0] / times[1]:.2f}x"


def _paths(table: pd.DataFrame, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """How seqanom computed."""
    ours = table[table["peer"] == "seqanom"].drop_duplicates(["shape", "model", "path"])
    parts = [
        str(path) if ours["path"].nunique() == 1 else f"{path} ({', '.join(_names(of, shapes))})"
        for path, of in ours.groupby("path", sort=False)
    ]
    if parts:
        yield f"**seqanom computed with** {'; '.join(parts)}."


def _names(cells: pd.DataFrame, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Shapes with their models."""
    for shape, of in cells.groupby("shape", sort=False):
        yield f"{shapes[str(shape)].title}: {' '.join(str(model) for model in of['model'])}"


def _scaling(table: pd.DataFrame, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """How well the times of all members are predicted from some."""
    parts = []
    for full in table[table["repeat"] == "full"].to_dict("records"):
        alike = (table["shape"] == full["shape"]) & (table["model"] == full["model"]) & (table["peer"] == full["peer"])
        predicted = table[alike & (table["repeat"] != "full")]["scaled"].median()
        place = f"{TITLES[full['peer']]} {full['seconds']:#.3g} s, predicted {predicted:#.3g} s"
        parts.append(f"{place} ({100 * (predicted / full['seconds'] - 1):+.0f}%)")
        where = f"{full['members']} members of {full['model']}, {shapes[full['shape']].title}"
    if parts:
        yield f"**Scaling of the peers**, all {where}: {'; '.join(parts)}."


def _machine(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "torch", "lightning", "skorch", "seqanom"))
    return (
        f"{machine['cores']} cores of {machine['processor']}; {versions}. Matrix-product peak, float32: "
        f"{machine['peak_one_core']:g} GFLOP/s on one core alone, {machine['peak_all_cores']:g} on all; shares are of "
        f"{machine['cores']} times the first."
    )


def _shown(value: float, digits: str, unit: str = "") -> str:
    return "–" if value != value else f"{value:{digits if value < 99.5 else '.0f'}}".rstrip(".") + unit


def figure(wide: pd.DataFrame, shapes: Mapping[str, Shape]) -> Figure:
    """How many times as fast as the plain script everything is: a panel per model, a group of bars per shape."""
    drawn = Figure(figsize=(9.6, 6.4), layout="constrained")
    models, names = list(wide.index.get_level_values("model").unique()), list(wide.index.get_level_values(0).unique())
    panels = list(drawn.subplots(-(-len(models) // 2), 2, sharey=True, squeeze=False).flat)
    peers = [peer for peer in TITLES if peer != "plain"]
    for panel, model in zip(panels, models, strict=False):
        of = wide.xs(model, level="model").reindex(names)
        for place, peer in enumerate(peers):
            at = [x + (place - 1.5) * 0.2 for x in range(len(of))]
            colour = COLOURS[1] if peer == "seqanom" else ("#555555", "#888888", "#bbbbbb")[place]
            panel.bar(at, of["plain"] / of[peer], 0.2, bottom=0, color=colour, label=TITLES[peer])
        panel.axhline(1, color="#333333", linewidth=0.8)
        panel.set_yscale("log", base=2)
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        panel.set_xticks(range(len(of)), [_tick(shapes[name]) for name in names], fontsize=8)
        panel.set_title(model, fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(models) :]:
        panel.set_visible(False)
    drawn.supylabel("times as fast as the plain script", fontsize=10)
    legend(drawn)
    return drawn


def _tick(shape: Shape) -> str:
    return f"{shape.hidden}\nT {shape.steps:,}"


def write_page(folder: Path, shapes: Mapping[str, Shape]) -> None:
    """Make sweep.md and sweep.png of a folder; where it is this one, fill the pages that show them."""
    table, accuracy = tables(folder)
    machine = json.loads((folder / "sweep_machine.json").read_text(encoding="utf-8"))
    (folder / "sweep.md").write_text(markdown(table, accuracy, machine, shapes), encoding="utf-8")
    (folder / "sweep_ratios.md").write_text(ratios(table, shapes), encoding="utf-8")
    figure(medians(table, shapes), shapes).savefig(folder / "sweep.png", dpi=150, metadata={"Software": None})
    if folder.resolve() == HERE.resolve():
        runpy.run_path(str(HERE.parent / "pages.py"), run_name="__main__")
