"""Comparison tables for the screen and for Markdown; sees only data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from seqanomaly.comparison import NOT_TRAINED, marks
from seqanomaly.report.units import Unit, unit
from seqanomaly.report.words import Row, groups


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
    found = list(groups(comparison[comparison["metric"] == metric]))
    trained = [
        Block(title, heads, _rows(rows, buckets, unit(metric)), _footer(rows, context, buckets))
        for title, rows in found
        if not _untrained(rows)
    ]
    return trained + _baseline_blocks([rows for _, rows in found if _untrained(rows)], context, buckets, unit(metric))


def _untrained(rows: list[Row]) -> bool:
    return all(NOT_TRAINED in row["note"] for row in rows)


def _baseline_blocks(groups_of: list[list[Row]], context: pd.DataFrame, buckets: list[str], shown: Unit) -> list[Block]:
    """The models that are not trained: one block per data set and further axes, one row per model."""
    together: dict[str, list[list[Row]]] = {}
    for rows in groups_of:
        place = [rows[0]["dataset"], *(f"{name}={rows[0][name]}" for name in context.columns[1:-4] if name in rows[0])]
        together.setdefault(", ".join(map(str, place)), []).append(rows)
    made = []
    for title, models in together.items():
        cells = []
        for rows in models:
            at = {row["bucket"]: row for row in rows}
            cells.append([str(rows[0]["model"]), *(_interval(at[bucket], shown) for bucket in buckets)])
        every = [{**row, "loss": row["model"], "note": _after(row["note"])} for rows in models for row in rows]
        said = _footer(every, context, buckets)
        made.append(Block(f"not trained, on {title}", ["model", *buckets], cells, said))
    return made


def whole_blocks(comparison: pd.DataFrame, heads: Mapping[str, str], changed: Sequence[str] = ()) -> list[Block]:
    """One block per data set and model of metrics that have no buckets, side by side.

    Args:
        comparison: see `comparison.compare_runs`.
        heads: metric -> the head of its column.
        changed: the metrics to show the change of as well.
    """
    named = ["loss", *heads.values(), *(f"change of the {heads[metric]}" for metric in changed)]
    made = []
    for title, rows in groups(comparison[comparison["metric"].isin(list(heads))]):
        at = {(row["loss"], row["metric"]): row for row in rows}
        cells = [
            [
                str(loss),
                *(_interval(at[loss, metric], unit(metric)) for metric in heads),
                *(_change(at[loss, metric], unit(metric)) for metric in changed),
            ]
            for loss in dict.fromkeys(row["loss"] for row in rows)
        ]
        notes = {metric: _shared_notes([row for row in rows if row["metric"] == metric]) for metric in heads}
        same = len({tuple(of_metric) for of_metric in notes.values()}) == 1
        said = next(iter(notes.values())) if same else [f"{heads[m]}: {n}" for m, of_m in notes.items() for n in of_m]
        made.append(Block(title, named, cells, "; ".join(said)))
    return made


def effect_blocks(effects: pd.DataFrame, buckets: list[str], metric: str, baseline: str) -> list[Block]:
    """Late against early, and the late change seen in two more ways: one block per data set and model.

    Args:
        effects: see `effects.effects`.
        buckets: the early and the late bucket.
        metric: which metric to show.
        baseline: the loss that the others are compared with.
    """
    early, late = buckets[0], buckets[-1]
    both, shown = f"{late} - {early}", unit(metric)
    heads = ["loss", *([f"change of {both}"] if early != late else [])]
    heads += [f"beats {baseline} {late} (%)", f"{late} change over test sequences"]
    made = []
    for title, rows in groups(effects[effects["metric"] == metric]):
        at = {(row["loss"], row["bucket"]): row for row in rows}
        losses = list(dict.fromkeys(row["loss"] for row in rows))
        cells = [
            [
                str(loss),
                *([_change(at[loss, both], shown) if (loss, both) in at else ""] if early != late else []),
                _range(at[loss, late], "superiority", Unit("")),
                _limits(at[loss, late]["test_low"], at[loss, late]["test_high"], shown),
            ]
            for loss in losses
        ]
        covers = at[losses[0], late]["covers"].split("; ")
        said = f"the interval of a change covers {covers[0]}"
        if len(covers) > 1:
            said += (
                "; the one over test sequences covers which of them were drawn, with the trained detectors held fixed"
            )
        made.append(Block(title, heads, cells, "; ".join([said, *marks(pd.Series([at[losses[0], late]["note"]]))])))
    return made


def _range(row: Row, name: str, shown: Unit) -> str:
    limits = _limits(row[f"{name}_low"], row[f"{name}_high"], shown)
    return "-" if _missing(row[name]) else " ".join(filter(None, (shown.show(row[name]), limits)))


def _limits(low: float, high: float, shown: Unit) -> str:
    return "" if _missing(low) else f"[{shown.show(low)}, {shown.show(high)}]"


def dataset_blocks(over: pd.DataFrame, bucket: str, metric: str) -> list[Block]:
    """The losses over several data sets: one block per model and further axes, see `several.over_datasets`."""
    chosen, shown = over[(over["bucket"] == bucket) & (over["metric"] == metric)], unit(metric)
    columns = list(over.columns)
    what = [name for name in columns[: columns.index("n_datasets")] if name not in ("loss", "bucket", "metric")]
    made = []
    for key, rows in chosen.groupby(what, sort=False, dropna=False):
        if len(rows) == 1:  # a model that is not trained
            continue
        cells = [
            [
                str(row["loss"]),
                "-" if _missing(row["mean_rank"]) else f"{row['mean_rank']:.2f}",
                "" if _missing(row["mean_difference"]) else shown.show(row["mean_difference"], signed=True),
                "" if _missing(row["p_adjusted"]) else f"{row['p_adjusted']:.3f}",
            ]
            for row in rows.to_dict("records")
        ]
        first = rows.iloc[0]
        facts = [f"{first['n_datasets']} data sets"]
        if not _missing(first["friedman_p"]):
            facts += [
                f"Friedman p = {first['friedman_p']:.3f}",
                f"critical difference {first['critical_difference']:.2f}",
            ]
        title = ", ".join([str(key[0]), *(f"{name}={value}" for name, value in zip(what[1:], key[1:], strict=True))])
        heads = ["loss", "mean rank", f"mean {bucket} change", "p (Wilcoxon over data sets, Holm)"]
        made.append(Block(title, heads, cells, "; ".join([*facts, *_shared_notes(_records(rows))])))
    return made


def weight_blocks(weights: pd.DataFrame) -> list[Block]:
    """What each loss does to the training steps: one block per data set, see `collect.weights_of`."""
    heads = ["loss", "frame", "normalisation", "mean weight", "ESS", "steps active (%)"]
    heads += ["prevalence in training (%)", "as the loss sees it (%)"]
    return [
        Block(
            ", ".join(map(str, key)),
            heads,
            [
                [
                    str(row["loss"]),
                    str(row["frame"]),
                    str(row["normalize"]),
                    f"{row['mean_weight']:.3g}",
                    f"{row['ess']:.1f}",
                    f"{100 * row['active_share']:.1f}",
                    f"{100 * row['prevalence']:.1f}",
                    f"{100 * row['effective_prevalence']:.1f}",
                ]
                for row in rows.to_dict("records")
            ],
            "",
        )
        for key, rows in weights.groupby([name for name in ("dataset", "task") if name in weights], sort=False)
    ]


WEIGHTS = ["frame", "normalize", "mean_weight", "ess", "active_share", "prevalence", "effective_prevalence"]
"""What is said of a loss's weights on a training part."""


def weight_rows(runs: pd.DataFrame, axes: Sequence[str] = ()) -> pd.DataFrame:
    """One small row per run of what its weights do, with the data set, task and loss; see `weights_of`."""
    if "normalize" not in runs:
        return pd.DataFrame()
    place = ["dataset", *(["task"] if "task" in axes else [])]
    once = runs.drop_duplicates([*place, "model", "loss", "seed"]).rename(columns={"prevalence": "of_test"})
    once = once.rename(columns={"train_prevalence": "prevalence"}).dropna(subset="normalize")
    texts = dict.fromkeys((*place, "loss", "frame", "normalize"), "category")  # a byte or two in place of a text
    return once[[*place, "loss", *WEIGHTS]].astype(texts)


def weights_of(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per data set, task and loss: frame and normalisation, and means over all runs of what the weights do.

    Of the further axes only the task changes which steps are learned.

    Args:
        rows: see `weight_rows`.

    Empty where the runs say nothing of weights.
    """
    every = [part.astype(dict.fromkeys(part.select_dtypes("category"), object)) for part in rows if len(part)]
    if not every:
        return pd.DataFrame()
    once = pd.concat(every, ignore_index=True)
    place = [str(name) for name in once.columns if name not in WEIGHTS]
    rule: dict[str, str] = {name: "first" if name in ("frame", "normalize") else "mean" for name in WEIGHTS}
    return once.groupby(place, sort=False)[WEIGHTS].agg(rule).reset_index()


CONTEXT = ["n", "prevalence", "majority_accuracy"]
"""What is said of a bucket."""


def bucket_context(runs: pd.DataFrame, axes: Sequence[str] = ()) -> pd.DataFrame:
    """Per data set, further axes and bucket: steps, prevalence and majority accuracy, means over all runs."""
    return mean_context([context_sums(runs, axes)])


def context_sums(runs: pd.DataFrame, axes: Sequence[str] = ()) -> pd.DataFrame:
    """The sums of these numbers and how many they are, which some runs add to `mean_context`."""
    accuracy, place = runs[runs["metric"] == "accuracy"], ["dataset", *axes, "bucket"]
    found = accuracy.groupby(place, sort=False)[CONTEXT]
    return found.sum().join(found.count().add_suffix(" of")).reset_index()


def mean_context(sums: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """See `bucket_context`."""
    every = pd.concat(sums, ignore_index=True)
    counts = [f"{name} of" for name in CONTEXT]
    place = [str(name) for name in every.columns if name not in (*CONTEXT, *counts)]
    found = every.groupby(place, sort=False)[[*CONTEXT, *counts]].sum()
    return pd.DataFrame({name: found[name] / found[f"{name} of"] for name in CONTEXT}).reset_index()


def _after(note: str) -> str:
    """A note without the words that the title says already."""
    return note.removeprefix(NOT_TRAINED).removeprefix("; ")


def _rows(rows: list[Row], buckets: list[str], shown: Unit) -> list[list[str]]:
    at = {(row["loss"], row["bucket"]): row for row in rows}
    return [
        [
            str(loss),
            *(_interval(at[loss, b], shown) for b in buckets),
            *(_change(at[loss, b], shown) for b in buckets),
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


def interval(mean: float, high: float, shown: Unit) -> str:
    """A mean with half the width of its interval.

    >>> share = unit("accuracy")
    >>> interval(0.842, 0.846, share), interval(0.842, float("nan"), share), interval(float("nan"), 0.1, share)
    ('84.2 ± 0.4', '84.2', '-')
    """
    if _missing(mean):
        return "-"
    return shown.show(mean) + ("" if _missing(high) else f" ± {shown.show(high - mean)}")


def _interval(row: Row, shown: Unit) -> str:
    return interval(row["mean"], row["ci_high"], shown)


def _change(row: Row, shown: Unit) -> str:
    if _missing(row["difference"]):
        return ""
    half = "" if _missing(row["difference_high"]) else f" ± {shown.show(row['difference_high'] - row['difference'])}"
    return shown.show(row["difference"], signed=True) + half + (" *" if row["p_adjusted"] < 0.05 else "")


def _records(rows: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _missing(value: float) -> bool:
    return value != value
