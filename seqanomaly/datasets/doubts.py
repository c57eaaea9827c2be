"""What about a data set may mislead whoever reads a table of results, a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from seqanomaly.datasets.feature_alone import telling
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts
from seqanomaly.datasets.step_alone import StepAlone

FEW = 5
"""Fewer sequences with an anomaly than that are few."""
FAR = 2.0
"""Factor between the median lengths of two parts that is a lot."""


SAID = {
    "step": ("the step index", "hold every detector against the model position"),
    "position": ("the relative position", "what a detector has learned may be where a sequence ends"),
}
"""What a place is called, and what follows from it."""


def doubts(parts: Parts, alone: Iterable[StepAlone]) -> list[str]:
    """Sentences about the parts of one seed; `alone` is what a step's place alone can do, the step index first.

    >>> part = Sequences.of([np.zeros((4, 1))] * 6, [[0, 0, 1, 1]] * 6)
    >>> doubts(Parts(train=part, validation=part, test=part.take(np.arange(4))), [])
    ['4 of 4 test sequences have an anomalous step: what is said about anomalies hangs on few sequences']
    """
    return [
        *_about_place(alone),
        *_about_features(parts),
        *_about_classes(parts),
        *_about_few(parts),
        *_about_lengths(parts),
    ]


def _about_place(alone: Iterable[StepAlone]) -> Iterator[str]:
    """About the first place that says a lot."""
    one = next((one for one in alone if one.clear), None)
    if one is not None:
        what, remedy = SAID[one.place]
        yield (
            f"{what} alone predicts the label: '{one.rule}', fitted to the training part, has a balanced accuracy of "
            f"{one.accuracy:.1%} on the rest, where 50% is chance (95% interval from {one.low:.1%}): {remedy}"
        )


def _about_features(parts: Parts) -> Iterator[str]:
    """About each feature that alone tells the label."""
    for one in telling(parts):
        how = "has one value where steps are normal and another one elsewhere" if one.same else "splits them"
        remedy = "leave it out with ignore (--ignore) if it was made from the label, else a threshold on it is enough"
        if len(parts.train.features) == 1:
            remedy = "a threshold on it is enough, and no detector is needed"
        yield f"the feature {one.feature!r} alone predicts the label: it {how} (AUROC {one.auroc:.4f}); {remedy}"


def _about_classes(parts: Parts) -> Iterator[str]:
    for word, part, lost in (
        ("training", parts.train, "only forecast can learn from it"),
        ("test", parts.test, "nothing can be missed, or nothing be a false alarm"),
    ):
        found = np.unique(part.label[part.mask])
        if len(found) == 1:
            yield f"every {word} step has the label {part.classes[found[0]]!r}: {lost}"


def _about_few(parts: Parts) -> Iterator[str]:
    for word, part in (("training", parts.train), ("test", parts.test)):
        count = int((part.highest != 0).sum())
        if 0 < count < FEW:
            yield (
                f"{count} of {len(part)} {word} sequences {'has' if count == 1 else 'have'} an anomalous step: what is "
                "said about anomalies hangs on few sequences"
            )


def _about_lengths(parts: Parts) -> Iterator[str]:
    train, test = (_median(part) for part in (parts.train, parts.test))
    if max(train, test) >= FAR * min(train, test):
        longer = "longer" if test > train else "shorter"
        yield (
            f"test sequences are much {longer} than training ones (median {test:g} and {train:g} steps): counters and "
            "late steps do not mean the same in both"
        )


def _median(part: Sequences) -> float:
    return float(np.median(part.length))
