"""A feature that alone tells the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqanomaly.datasets.doubts import doubts
from seqanomaly.datasets.feature_alone import MANY, telling
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts

RANDOM = np.random.default_rng(3)
LABEL = RANDOM.permutation([0, 1, 2] * 40)


def parts(*columns: NDArray[Any], label: NDArray[np.int64] = LABEL) -> Parts:
    x = np.stack([RANDOM.normal(size=len(label)), *columns], axis=1)
    part = Sequences.of([x] * 6, [label] * 6, classes=("0", "1", "2"))
    return Parts(train=part, validation=part, test=part)


@pytest.mark.parametrize(
    ("column", "same"),
    [(LABEL * 1.0, False), (LABEL > 0, True), (7 - 3.0 * (LABEL > 0), True), (LABEL + 0.5 * RANDOM.random(120), False)],
)
def test_a_copy_of_the_label_by_any_name(column: NDArray[Any], *, same: bool) -> None:
    (found,) = telling(parts(column))
    assert (found.feature, found.auroc, found.same) == ("x1", 1.0, same)


def test_the_warning_of_show() -> None:
    assert doubts(parts(LABEL > 0), []) == [
        "the feature 'x1' alone predicts the label: it has one value where steps are normal and another one elsewhere "
        "(AUROC 1.0000); leave it out with ignore (--ignore) if it was made from the label, else a threshold on it is "
        "enough"
    ]


def test_a_good_feature_is_no_copy() -> None:
    good = (LABEL > 0) + 0.5 * RANDOM.normal(size=len(LABEL))
    assert telling(parts(good)) == []


def test_few_anomalies_say_nothing() -> None:
    label = np.zeros(100, np.int64)
    label[7] = 1
    assert telling(parts(label * 1.0, label=label)) == []


def test_some_steps_of_many_are_enough() -> None:
    label = np.arange(3 * MANY) % 2
    part = Sequences.of([np.stack([label, label[::-1], np.zeros(len(label))], axis=1)], [label])
    assert [found.feature for found in telling(Parts(train=part, validation=part, test=part))] == ["x0", "x1"]
