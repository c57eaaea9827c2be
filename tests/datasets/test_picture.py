"""The picture of some sequences: which, how scaled, where shaded, the same bytes again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from seqanomaly.datasets.picture import HIGHEST, draw, save_picture
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts

CLASSES = ("normal", "worn", "broken")


def part(labels: list[list[int]], start: int = 0, width: int = 2) -> Sequences:
    generator = np.random.default_rng(len(labels))
    return Sequences.of(
        [generator.normal(5, 2, (len(one), width)) for one in labels],
        labels,
        ids=tuple(f"run{i}" for i in range(len(labels))),
        classes=CLASSES,
        offset=np.full(len(labels), start),
    )


@pytest.fixture
def parts() -> Parts:
    train = part([[0] * 6, [0] * 9, [0, 0, 1, 1, 0, 1], [0, 2, 2, 2]])
    return Parts(train=train, validation=part([[0] * 4]), test=part([[0, 1, 1, 0], [0, 0, 0, 0]], start=100))


def shaded(axes: object) -> list[tuple[float, float, tuple[float, ...]]]:
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]  # type: ignore[attr-defined]
    return [(p.get_x(), p.get_x() + p.get_width(), to_rgba(p.get_facecolor(), 1)) for p in found]


def test_parts_and_classes_take_turns_and_steps_keep_their_numbers(parts: Parts) -> None:
    figure = draw(parts, "mine")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["run3 (train)", "run0 (test)", "run2 (train)", "run1 (test)", "run1 (train)", "run0 (train)"]
    worn, broken = shaded(figure.axes[2]), shaded(figure.axes[0])
    assert [bounds[:2] for bounds in worn] == [(1.5, 3.5), (4.5, 5.5)]
    assert [bounds[:2] for bounds in broken] == [(0.5, 3.5)]
    assert worn[0][2] != broken[0][2]
    assert [bounds[:2] for bounds in shaded(figure.axes[1])] == [(100.5, 102.5)]
    assert shaded(figure.axes[5]) == []


def test_an_anomaly_of_few_steps_in_a_long_series_has_an_edge() -> None:
    long = part([[0] * 500 + [1] + [0] * 499 + [1] * 20, [0] * 9])
    both = Parts(train=long, validation=long, test=long)
    (short, wide), _ = ([p.get_linewidth() for p in axes.patches] for axes in draw(both, "a").axes[:2])
    assert (short, wide) == (2.0, 0.0)


def test_long_names_are_broken_into_lines(parts: Parts) -> None:
    figure = draw(parts, "smap(path=" + "x" * 150 + ")")
    figure.draw_without_rendering()
    head = figure.texts[0].get_window_extent()
    assert head.x0 >= 0
    assert head.x1 <= figure.bbox.x1


def test_features_are_scaled_by_the_training_part_and_cut_off(parts: Parts) -> None:
    parts.test.x[0, 1, 0] = 1e6
    lines = draw(parts, "mine").axes[1].lines
    values = parts.train.x[parts.train.mask].astype(float)
    expected = (parts.test.x[0, 0] - values.mean(axis=0)) / values.std(axis=0)
    np.testing.assert_allclose([np.asarray(line.get_ydata())[0] for line in lines], expected, rtol=1e-5)
    assert np.asarray(lines[0].get_ydata())[1] == HIGHEST


def test_the_legend_names_what_is_seen(parts: Parts) -> None:
    (legend,) = draw(parts, "mine").legends
    assert [text.get_text() for text in legend.get_texts()] == ["x0", "x1", "class worn", "class broken"]
    many = Parts(**{name: part([[0, 0, 1]] * 2, width=9) for name in ("train", "validation", "test")})
    (legend,) = draw(many, "mine").legends
    assert [text.get_text() for text in legend.get_texts()] == ["9 features", "class worn", "class broken"]


def test_the_same_parts_give_the_same_bytes(parts: Parts, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_picture(draw(parts, "mine"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert np.ptp(imread(tmp_path / "a.png")[..., :3]) > 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
