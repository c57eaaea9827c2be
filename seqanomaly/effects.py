"""How large the differences are, what they rule out and what they could have shown; sees only data frames.

Beside the interval and the exact test of `comparison`: the probability of superiority, two one-sided tests of
equivalence, non-inferiority, the power that the seeds have, late minus early against the baseline (the
difference-in-differences), and the interval over test sequences of `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.bootstrap import FROM_COUNTS, change, sequence_intervals
from seqanomaly.comparison import (
    ALPHA,
    MISSING,
    RESPLIT,
    TOO_FEW,
    holm,
    marks,
    paired_p,
    rounded,
    t_interval,
    too_few_pairs,
)
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.families import Family, families
from seqanomaly.pairs import equivalence_p, exceeds_p, superiority
from seqanomaly.power import check_margin, detectable, fits, seeds_needed
from seqanomaly.ranking import UNRANKED, direction

Reals = NDArray[np.float64]
Row = dict[str, object]
EFFECTS = [
    "n_pairs",
    "difference",
    "difference_low",
    "difference_high",
    "p_value",
    "p_adjusted",
    "superiority",
    "superiority_low",
    "superiority_high",
    "equivalence_p",
    "noninferiority_p",
    "detectable",
    "seeds_needed",
    "test_low",
    "test_high",
    "covers",
    "note",
]
"""The columns of `effects` after the ones that say what is compared."""
LATER = ("test_low", "test_high", "covers")
"""Those of them that are not made family by family."""
COVERS = "covers "
"""How a run's note begins that says what its interval covers."""
TRAINING = "training randomness"


def effects(
    runs: pd.DataFrame,
    baseline: str,
    axes: list[str],
    *,
    early: str,
    late: str,
    margin: float = 0.01,
    early_margin: float = 0.01,
    per_sequence: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per data set, model, loss but the baseline, bucket and metric: effect sizes, equivalence and power.

    A bucket more, `late - early`, has the value of the late bucket minus that of the early one in each run, so that its
    difference from the baseline is the difference-in-differences.

    Args:
        runs: see `comparison.compare_runs`.
        baseline: the loss that the others are compared with.
        axes: names of the further axes.
        early: the early bucket.
        late: the late bucket.
        margin: differences within +-margin are equivalent; also what `seeds_needed` is to show. A share.
        early_margin: what a loss may be worse and is not inferior. A share.
        per_sequence: counts per test sequence, see `bootstrap.sequence_intervals`; for data sets with a fixed test set.

    Returns:
        dataset, model, loss, axes, bucket, metric; then
        n_pairs, difference, difference_low, difference_high, p_value, p_adjusted: as in `compare_runs`;
        superiority and its limits: see `pairs.superiority`;
        equivalence_p: the larger p of two one-sided paired t tests against +-margin (Schuirmann 1987);
        noninferiority_p: one-sided paired t, that the loss is worse by less than early_margin;
        detectable, seeds_needed: see `power`; at level 0.05 / m for the m losses that are tested in the family;
        test_low, test_high: interval over the test sequences, the detectors held fixed;
        covers: what the t interval covers, and the second interval where there is one;
        note: why something is NaN. An infinite value (a delay, where most anomalies are never detected) leaves nothing
        to average, and a margin that is a share does not fit a metric that is none.

    Raises:
        ConfigError: a margin that is not positive, or a bucket that the runs do not have.
        DataError: there are no runs, a metric's direction is not known, or test sequences do not fit together.

    >>> runs = pd.DataFrame({"dataset": "d", "model": "m", "loss": ["uniform"] * 3 + ["exp"] * 3, "seed": [0, 1, 2] * 2,
    ...     "bucket": "late", "metric": "accuracy", "value": [0.5, 0.5, 0.5, 0.61, 0.6, 0.59], "note": ""})
    >>> found = effects(runs, "uniform", [], early="late", late="late").round(4)
    >>> found[["difference", "superiority", "detectable", "seeds_needed"]].to_dict("records")
    [{'difference': 0.1, 'superiority': 1.0, 'detectable': 0.0326, 'seeds_needed': 10.0}]
    """
    _check(runs, early, late, margin, early_margin)
    runs = runs[~runs["metric"].isin(list(UNRANKED))]
    runs = runs if "resplit" in runs else runs.assign(resplit=0.0)
    what = ["dataset", "model", *axes]
    table = _compared(_with_changes(runs, axes, early, late), baseline, axes, margin, early_margin)
    table = table.merge(_covered(runs, what), on=what, how="left")
    if per_sequence is None or not len(per_sequence):
        table = table.assign(test_low=np.nan, test_high=np.nan)
    else:
        intervals = sequence_intervals(per_sequence, baseline, axes, early=early, late=late)
        table = _with_tests(table, intervals, _names(axes))
    return table[[*_names(axes), *EFFECTS]].astype({"n_pairs": "Int64"})


def _names(axes: list[str]) -> list[str]:
    """The columns that say what is compared."""
    return ["dataset", "model", "loss", *axes, "bucket", "metric"]


def _compared(runs: pd.DataFrame, baseline: str, axes: list[str], margin: float, early_margin: float) -> pd.DataFrame:
    """All columns but the ones in `LATER`, family by family."""
    rows: list[Row] = []
    for family in families(runs, ["dataset", "model", *axes, "bucket", "metric"], ("resplit",)):
        rows += [{**family.place, **row} for row in _family(family, baseline, margin, early_margin)]
    return pd.DataFrame(rows, columns=[*_names(axes), *(name for name in EFFECTS if name not in LATER)])


def _check(runs: pd.DataFrame, early: str, late: str, margin: float, early_margin: float) -> None:
    check_margin("margin", margin)
    check_margin("early_margin", early_margin)
    if not len(runs):
        raise DataError("there are no finished runs to compare")
    known = list(runs["bucket"].unique())
    for name, bucket in {"early": early, "late": late}.items():
        if bucket not in known:
            raise ConfigError(f"the runs have no bucket {bucket!r}; they have {', '.join(known)}", (name,))


def _with_changes(runs: pd.DataFrame, axes: list[str], early: str, late: str) -> pd.DataFrame:
    """The runs, and those of the bucket `late - early` where these are two."""
    columns = ["dataset", "model", *axes, "loss", "seed", "bucket", "metric", "value", "note", "resplit"]
    return pd.concat([runs[columns], *([] if early == late else [_changes(runs, axes, early, late)])])


def _changes(runs: pd.DataFrame, axes: list[str], early: str, late: str) -> pd.DataFrame:
    """The runs of the bucket `late - early`; infinite where either is, with the reason of the late one first."""
    same = ["dataset", "model", *axes, "loss", "seed", "metric"]
    columns = [*same, "value", "note"]
    both = runs.loc[runs["bucket"] == late, [*columns, "resplit"]].merge(
        runs.loc[runs["bucket"] == early, columns], on=same, suffixes=("", "_early")
    )
    infinite = np.isinf(both["value"]) | np.isinf(both["value_early"])
    value = (both["value"].mask(infinite) - both["value_early"]).mask(infinite, np.inf)
    note = both["note"].where(both["value"].isna() | both["value_early"].notna(), both["note_early"])
    return both[[*same, "resplit"]].assign(bucket=change(early, late), value=value, note=note)


def _family(family: Family, baseline: str, margin: float, early_margin: float) -> Iterator[Row]:
    """The rows of all losses of one data set, model, bucket and metric."""
    metric = str(family.place["metric"])
    gaps = {baseline: [f"{baseline}: no runs"], **_gaps(family)}
    pairs = {loss: family.pairs(loss, baseline) for loss in family.losses if loss != baseline}
    overlap, marked = family.overlap, marks(note for notes in family.notes.values() for note in notes)
    raw = {loss: paired_p(d, overlap) for loss, d in pairs.items()}
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    tested = max(1, sum(p == p for p in raw.values()))
    for loss, d in pairs.items():
        difference, low, high = t_interval(d, overlap=overlap)
        share = superiority(d * direction(metric))
        reasons = _reasons(d, metric, tested, overlap, decided=adjusted[loss] < ALPHA)
        yield {
            "loss": loss,
            "n_pairs": len(d),
            "difference": difference,
            "difference_low": low,
            "difference_high": high,
            "p_value": raw[loss],
            "p_adjusted": adjusted[loss],
            **dict(zip(("superiority", "superiority_low", "superiority_high"), share, strict=True)),
            **_margins(d, metric, margin, early_margin, tested, overlap),
            "note": "; ".join([*marked, *gaps[baseline], *gaps[loss], *reasons]),
        }


def _margins(d: Reals, metric: str, margin: float, early_margin: float, tested: int, overlap: float) -> Row:
    """What needs the spread of the pairs, and a margin that fits the metric."""
    if len(d) < 2 or np.ptp(rounded(d)) == 0:
        return dict.fromkeys(("equivalence_p", "noninferiority_p", "detectable", "seeds_needed"), np.nan)
    sd = float(d.std(ddof=1))
    shown: Row = {"detectable": np.nan if overlap else detectable(sd, len(d), tested)}
    if not fits(metric):
        return {**dict.fromkeys(("equivalence_p", "noninferiority_p", "seeds_needed"), np.nan), **shown}
    return shown | {
        "equivalence_p": equivalence_p(d, margin, overlap),
        "noninferiority_p": exceeds_p(d * direction(metric), -early_margin, overlap),
        "seeds_needed": np.nan if overlap else seeds_needed(sd, margin, tested),
    }


def _gaps(family: Family) -> dict[str, list[str]]:
    """Why runs have no finite value, per loss."""
    return {loss: [f"{loss}: {gap}" for gap in _gap(family.values[loss], family.notes[loss])] for loss in family.losses}


def _gap(values: Reals, notes: list[str]) -> Iterator[str]:
    """Why runs with these values and notes have no finite value."""
    undefined = dict.fromkeys(notes[place] for place in np.flatnonzero(np.isnan(values)).tolist())
    yield from (note for note in undefined if note and note != MISSING and not note.startswith(COVERS))
    missing, infinite = notes.count(MISSING), int(np.isinf(values).sum())
    yield from [f"{missing} of {len(notes)} runs missing"] * bool(missing)
    yield from [f"infinite in {infinite} of {len(notes)} runs"] * bool(infinite)


def _reasons(d: Reals, metric: str, tested: int, overlap: float, *, decided: bool) -> Iterator[str]:
    """Why something of one row is NaN, beside what is missing."""
    if len(d) < 2:
        yield "one pair, so no interval" if len(d) else "no pairs"
    elif np.ptp(rounded(d)) == 0:
        yield "all pairs are equal, so no tests of a margin and no power"
    if not fits(metric):
        yield "margins are shares, and this metric is none"
    if overlap:
        yield "no power, as further splits of one file add little"
    elif not decided and too_few_pairs(int((rounded(d) != 0).sum()), tested):
        yield TOO_FEW


def _covered(runs: pd.DataFrame, what: list[str]) -> pd.DataFrame:
    """What the t interval covers, per data set, model and further axes."""
    fixed = runs["note"].str.contains(f"{COVERS}{TRAINING} only", regex=False)
    said = fixed.map({True: TRAINING, False: f"data and {TRAINING}"})
    said = said.mask(runs["resplit"] > 0, RESPLIT.removeprefix(COVERS))
    of_place = said.groupby([runs[name] for name in what], sort=False, dropna=False)
    # runs that are missing say nothing of it, so the rarer words are the right ones
    rank = [f"data and {TRAINING}", RESPLIT.removeprefix(COVERS), TRAINING]
    return of_place.agg(lambda words: max(words.unique(), key=rank.index)).rename("covers").reset_index()


def _with_tests(table: pd.DataFrame, intervals: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The table with the intervals over test sequences, where the counts give the same difference as the runs."""
    merged = table.merge(intervals, on=names, how="left")
    counted = merged["dataset"].isin(intervals["dataset"])
    needs_scores = counted & ~merged["metric"].isin(list(FROM_COUNTS))
    found = merged["test_note"].notna()
    differs = found & ((merged["difference"] - merged["test_difference"]).abs() > 1e-9)
    unknown = found & (merged["difference"].isna() | merged["test_difference"].isna())
    merged.loc[differs | unknown, ["test_low", "test_high"]] = np.nan
    reason = merged["test_note"].fillna("").mask(unknown, "")
    reason = reason.mask(counted & ~found & ~needs_scores, "no counts per test sequence of this loss or bucket")
    reason = reason.mask(needs_scores, "interval over test sequences needs scores")
    reason = reason.mask(differs, "the counts per test sequence do not give this difference")
    merged["note"] = ["; ".join(filter(None, both)) for both in zip(merged["note"], reason, strict=True)]
    merged["covers"] += np.where(merged["test_low"].notna(), "; test sequences", "")
    return merged
