"""Intervals over the test sequences: a bootstrap that draws whole sequences, with the trained detectors held fixed.

It answers another question than the t interval over seeds. That one covers what the seeds redraw: with a fixed test set
the training randomness. This one covers which test sequences were drawn, for the detectors as they are. The steps of a
sequence go together (clusters), and every loss and seed gets the same draws, so differences stay paired.

Source: percentile interval, Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; clusters drawn
whole as in Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8. With few sequences (say,
under 20) percentile intervals are too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.errors import DataError

Reals = NDArray[np.float64]
COUNTS = ["tn", "fp", "fn", "tp"]
"""Test steps of a sequence in a bucket: normal without and with alarm, anomalous without and with."""
DRAWS = 2000
SEED = 20_061_215
"""Of the draws, always the same, so that the same runs give the same bytes."""
UNDEFINED = 0.05
"""Largest share of the draws that may lack a class; they are left out."""
CELLS = 20_000_000
"""Most weights or sums in memory at once."""


def _accuracy(c: Reals) -> Reals:
    return np.asarray((c[..., 0] + c[..., 3]) / c.sum(axis=-1))


def _balanced_accuracy(c: Reals) -> Reals:
    return (c[..., 0] / (c[..., 0] + c[..., 1]) + c[..., 3] / (c[..., 2] + c[..., 3])) / 2


def _f1(c: Reals) -> Reals:
    return 2 * c[..., 3] / (2 * c[..., 3] + c[..., 1] + c[..., 2])


def _false_alarms(c: Reals) -> Reals:
    return 1000 * c[..., 1] / (c[..., 0] + c[..., 1])


FROM_COUNTS: dict[str, Callable[[Reals], Reals]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "false_alarms": _false_alarms,
}
"""The metrics that counts [..., 4] give; NaN where they are not defined."""


def change(early: str, late: str) -> str:
    """The name of the pseudo-bucket whose value is late minus early.

    >>> change("early", "late")
    'late - early'
    """
    return f"{late} - {early}"


def sequence_intervals(
    per_sequence: pd.DataFrame, baseline: str, axes: list[str], *, early: str, late: str
) -> pd.DataFrame:
    """95% percentile intervals of the difference from the baseline, over draws of whole test sequences.

    In each of 2,000 draws the sequences get multinomial weights, the counts are summed with them, the metric is
    computed per seed and averaged over the seeds that both losses have.

    Args:
        per_sequence: columns dataset, model, loss, axes, seed, bucket, sequence, tn, fp, fn, tp: the steps of each test
            sequence in each bucket, the same sequences for every loss and seed.
        baseline: the loss that the others are compared with.
        axes: names of the further axes.
        early: the early bucket.
        late: the late bucket; late minus early is a bucket more.

    Returns:
        dataset, model, loss, axes, bucket, metric, test_difference (without drawing), test_low, test_high, test_note
        (why an interval is NaN, or how many draws were left out).

    Raises:
        DataError: the test sequences of two seeds or losses differ.

    >>> rows = [("d", "m", loss, 0, "late", s, 5, 5, 0, 5 + 5 * (loss == "exp")) for loss in ("uniform", "exp")
    ...         for s in range(9)]
    >>> counts = pd.DataFrame(rows, columns=["dataset", "model", "loss", "seed", "bucket", "sequence", *COUNTS])
    >>> counts["fn"] = 10 - counts["tp"]
    >>> found = sequence_intervals(counts, "uniform", [], early="late", late="late")
    >>> print(found[["metric", "test_difference", "test_low", "test_high"]].head(1).to_string(index=False))
      metric  test_difference  test_low  test_high
    accuracy             0.25      0.25       0.25
    """
    what = ["dataset", "model", *axes]
    rows: list[dict[str, object]] = []
    for key, group in per_sequence.groupby(what, sort=False, dropna=False):
        place = dict(zip(what, key, strict=True))
        rows += [{**place, **row} for row in _group(_cube(group, str(key[0])), baseline, early, late)]
    columns = ["dataset", "model", "loss", *axes, "bucket", "metric"]
    return pd.DataFrame(rows, columns=[*columns, "test_difference", "test_low", "test_high", "test_note"])


@dataclass(frozen=True)
class _Cube:
    """Counts of one data set and model."""

    losses: list[str]
    buckets: list[str]
    counts: Reals
    """[losses, seeds, buckets, sequences, 4]"""
    there: NDArray[np.bool_]
    """[losses, seeds]: which runs there are."""


def _cube(group: pd.DataFrame, dataset: str) -> _Cube:
    names = ["loss", "seed", "bucket", "sequence"]
    coded = [pd.factorize(group[name], sort=name in ("seed", "sequence")) for name in names]
    place = tuple(codes for codes, _ in coded)
    if group.duplicated(names).any():
        raise DataError(f"{dataset}: a test sequence is counted twice in one run and bucket; count it once")
    counts = np.zeros((*(len(values) for _, values in coded), 4))
    counts[place] = group[COUNTS].to_numpy(np.float64)
    there = np.zeros(counts.shape[:2], bool)
    there[place[0], place[1]] = True
    steps = np.stack([counts[..., :2].sum(axis=-1), counts[..., 2:].sum(axis=-1)], axis=-1)[there]
    if (steps != steps[:1]).any():
        raise DataError(
            f"{dataset}: the test sequences differ between seeds or losses, so they cannot be drawn again together; "
            "leave this data set out of the counts per sequence"
        )
    return _Cube([str(loss) for loss in coded[0][1]], [str(bucket) for bucket in coded[2][1]], counts, there)


def _group(cube: _Cube, baseline: str, early: str, late: str) -> Iterator[dict[str, object]]:
    """The rows of one data set and model."""
    if baseline not in cube.losses:
        return
    names = list(cube.buckets)
    ends = None
    if early != late and {early, late} <= set(names):
        ends = (names.index(early), names.index(late))
        names.append(change(early, late))
    sequences = cube.counts.shape[3]
    whole = _differences(cube, np.ones((1, sequences)), baseline, ends)[0]
    drawn = np.concatenate([_differences(cube, weights, baseline, ends) for weights in _weights(cube)])
    for loss, bucket, metric in np.ndindex(*whole.shape):
        if cube.losses[loss] == baseline:
            continue
        low, high, note = _percentiles(drawn[:, loss, bucket, metric], sequences)
        row = {"loss": cube.losses[loss], "bucket": names[bucket], "metric": list(FROM_COUNTS)[metric]}
        yield {**row, "test_difference": whole[loss, bucket, metric], "test_low": low, "test_high": high} | {
            "test_note": note
        }


def _weights(cube: _Cube) -> Iterator[Reals]:
    """How often each sequence is drawn, [draws, sequences], in parts that fit into memory."""
    losses, seeds, buckets, sequences, _ = cube.counts.shape
    generator = np.random.default_rng(SEED)
    part = int(np.clip(CELLS // max(sequences, 4 * losses * seeds * buckets), 1, DRAWS))
    for start in range(0, DRAWS, part):
        size = min(part, DRAWS - start)
        yield generator.multinomial(sequences, np.full(sequences, 1 / sequences), size).astype(np.float64)


def _differences(cube: _Cube, weights: Reals, baseline: str, ends: tuple[int, int] | None) -> Reals:
    """Difference from the baseline, mean over common seeds: [draws, losses, buckets, metrics]."""
    losses, seeds, buckets, sequences, _ = cube.counts.shape
    flat = np.moveaxis(cube.counts, 3, 0).reshape(sequences, -1)  # [sequences, losses * seeds * buckets * 4]
    sums = (weights @ flat).reshape(len(weights), losses, seeds, buckets, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.stack([metric(sums) for metric in FROM_COUNTS.values()], axis=-1)  # [.., seeds, buckets, metrics]
    if ends is not None:
        values = np.concatenate([values, values[..., [ends[1]], :] - values[..., [ends[0]], :]], axis=-2)
    place = cube.losses.index(baseline)
    found = np.full((len(weights), losses, *values.shape[-2:]), np.nan)
    for loss in range(losses):
        common = cube.there[loss] & cube.there[place]
        if common.any():
            found[:, loss] = (values[:, loss, common] - values[:, place, common]).mean(axis=1)
    return found


def _percentiles(drawn: Reals, sequences: int) -> tuple[float, float, str]:
    """2.5% and 97.5% quantiles over the draws, and a note."""
    if sequences < 2:
        return np.nan, np.nan, "one test sequence, so no interval over them"
    known = drawn[~np.isnan(drawn)]
    lost = len(drawn) - len(known)
    if lost > UNDEFINED * len(drawn):
        return np.nan, np.nan, f"no interval over test sequences: not defined in {lost:,} of {len(drawn):,} draws"
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high), f"{lost:,} of {len(drawn):,} draws left out, not defined" * bool(lost)
