"""Sizes, channels, classes and places of anomalies, against plain counting; and what may mislead."""

from __future__ import annotations

import numpy as np
import pytest

from seqanomaly.datasets.doubts import doubts
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec, Parts
from seqanomaly.datasets.specs import pick_data
from seqanomaly.datasets.step_alone import Place, StepAlone
from seqanomaly.datasets.summary import TENTHS, channels_table, classes_table, parts_table, tenths_table

LATE = [0, 0, 1, 1]


def parts_of(value: object) -> Parts:
    spec = pick_data(value)
    assert isinstance(spec, DataSpec)
    return spec.open().parts(0)


def made(*labels: list[int]) -> Sequences:
    return Sequences.of([np.zeros((len(one), 1)) for one in labels], list(labels))


@pytest.fixture(scope="module")
def tep() -> Parts:
    return parts_of({"kind": "tep", "label": "fault"})


def test_sizes(tep: Parts) -> None:
    table = parts_table(tep).set_index("part")
    assert table["sequences"].tolist() == [35, 9, 22]
    assert table["steps"].sum() == 10_542 + 5_275
    assert [table.loc["test", name] for name in ("shortest", "median", "longest")] == [235, 240, 240]
    assert table.loc["test", "anomalous"] == pytest.approx(0.482, abs=5e-4)
    assert table.loc["test", "anomalous_sequences"] == 18


def test_channels(tep: Parts) -> None:
    table = channels_table(tep).set_index("channel")
    assert table.index[table["constant"]].tolist() == ["xmv_5", "xmv_9", "xmv_12"]  # xmv_5 moves in validation runs
    values = tep.train.x[tep.train.mask][:, 6]
    assert [table.loc["xmeas_7", name] for name in ("min", "max")] == [values.min(), values.max()]
    assert table.loc["xmeas_7", "mean"] == pytest.approx(values.astype(float).mean())
    assert table.loc["xmeas_7", "test_max"] == tep.test.x[tep.test.mask][:, 6].max()


def test_classes(tep: Parts) -> None:
    table = classes_table(tep).set_index("class")
    assert list(table.index) == ["normal", "fault1", "fault2", "fault4", "fault6", "fault11", "fault14"]
    assert table["share"].sum() == pytest.approx(1)
    assert table["sequences"].tolist() == [66, *[9] * 6]
    assert table[["train", "validation", "test"]].to_numpy().sum() == 15_817
    assert table.loc["fault6", "test"] == (tep.test.label == 4).sum()


def test_tenths(tep: Parts) -> None:
    table = tenths_table(tep).set_index("tenth")
    assert list(table.index) == list(TENTHS)
    part = tep.test
    place = (np.arange(part.x.shape[1]) + 0.5) / part.length[:, None]
    inside = part.mask & (place >= 0.4) & (place < 0.5)
    assert table.loc["40-50%", "test"] == pytest.approx((part.label[inside] != 0).mean())


def test_a_tenth_without_steps_is_missing() -> None:
    short = made([0, 1], [0, 1])
    table = tenths_table(Parts(train=short, validation=short, test=short))
    assert table["train"].isna().sum() == 8
    assert table["all"].dropna().tolist() == [0, 1]


def alone(place: Place, accuracy: float, low: float) -> StepAlone:
    return StepAlone(place=place, threshold=0.5, after=True, accuracy=accuracy, low=low)


@pytest.mark.parametrize(
    ("train", "test", "places", "said"),
    [
        ([LATE] * 5, [LATE] * 5, [alone("step", 0.59, 0.55), alone("position", 0.9, 0.49)], []),
        (
            [LATE] * 5,
            [LATE] * 5,
            [alone("step", 0.8, 0.7), alone("position", 0.9, 0.8)],
            [
                "the step index alone predicts the label: 'anomalous from step 0.5 on', fitted to the training part, "
                "has a balanced accuracy of 80.0% on the rest, where 50% is chance (95% interval from 70.0%): hold "
                "every detector against the model position"
            ],
        ),
        (
            [LATE] * 5,
            [LATE] * 5,
            [alone("step", 0.5, 0.4), alone("position", 0.9, 0.8)],
            [
                "the relative position alone predicts the label: 'anomalous from 50% of the sequence on', fitted to "
                "the training part, has a balanced accuracy of 90.0% on the rest, where 50% is chance (95% interval "
                "from 80.0%): what a detector has learned may be where a sequence ends"
            ],
        ),
        (
            [[0, 0]] * 5,
            [[1, 1]] * 5,
            [],
            [
                "every training step has the label '0': only forecast can learn from it",
                "every test step has the label '1': nothing can be missed, or nothing be a false alarm",
            ],
        ),
        (
            [LATE] * 4 + [[0, 0, 0, 0]],
            [LATE, [0, 0, 0, 0]],
            [],
            [
                "4 of 5 training sequences have an anomalous step: what is said about anomalies hangs on few sequences",
                "1 of 2 test sequences has an anomalous step: what is said about anomalies hangs on few sequences",
            ],
        ),
        (
            [LATE] * 5,
            [[0, 1] * 4] * 5,
            [],
            [
                "test sequences are much longer than training ones (median 8 and 4 steps): counters and late steps do "
                "not mean the same in both"
            ],
        ),
        (
            [LATE] * 5,
            [[0, 1]] * 5,
            [],
            [
                "test sequences are much shorter than training ones (median 2 and 4 steps): counters and late steps do "
                "not mean the same in both"
            ],
        ),
    ],
)
def test_what_may_mislead(
    train: list[list[int]], test: list[list[int]], places: list[StepAlone], said: list[str]
) -> None:
    parts = Parts(train=made(*train), validation=made(LATE), test=made(*test))
    assert doubts(parts, places) == said
