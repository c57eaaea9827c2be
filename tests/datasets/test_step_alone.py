"""What the step index alone can do: right on others' steps, silent where there is nothing, an honest interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import balanced_accuracy_score

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.step_alone import StepAlone, step_alone


def labelled(labels: list[list[int]]) -> Sequences:
    return Sequences.of([np.zeros((len(one), 1)) for one in labels], labels)


def late(generator: np.random.Generator, count: int, *, usual: int = 12) -> Sequences:
    """Sequences of 20 to 30 steps that are anomalous from about step `usual` on."""
    lengths = generator.integers(20, 31, count)
    onsets = usual + generator.integers(-3, 4, count)
    return labelled([(np.arange(n) >= onset).astype(int).tolist() for n, onset in zip(lengths, onsets, strict=True)])


@pytest.mark.parametrize("place", ["step", "position"])
@pytest.mark.parametrize("flip", [False, True])
def test_the_best_threshold_and_its_accuracy(place: str, flip: bool) -> None:
    generator = np.random.default_rng(0)
    parts = [late(generator, 8), late(generator, 9)]
    if flip:
        parts = [labelled([(1 - one[:n]).tolist() for one, n in zip(p.label, p.length, strict=True)]) for p in parts]
    found = step_alone(parts[0], [parts[1]], place)  # type: ignore[arg-type]
    assert found is not None
    assert found.after == (not flip)

    def judged(part: Sequences, threshold: float, after: bool) -> float:
        where = np.arange(part.x.shape[1]) + np.zeros((len(part), 1))
        where = where if place == "step" else (where + 0.5) / part.length[:, None]
        return float(balanced_accuracy_score(part.label[part.mask], (where[part.mask] >= threshold) == after))

    assert found.accuracy == pytest.approx(judged(parts[1], found.threshold, found.after))
    tried = np.arange(31) if place == "step" else np.linspace(0, 1, 400)
    best = max(judged(parts[0], float(threshold), after) for threshold in tried for after in (True, False))
    assert judged(parts[0], found.threshold, found.after) == pytest.approx(best)
    assert found.clear
    assert 0.5 < found.low < found.accuracy


def test_the_interval_is_that_of_a_mean_where_sequences_are_alike() -> None:
    train = labelled([[0, 0, 1, 1]])
    rest = labelled([[0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [1, 1, 0, 0]])
    found = step_alone(train, [rest.take(np.array([0, 1])), rest.take(np.array([2, 3, 4]))])
    assert found is not None
    each = np.array([1.0, 0.5, 1.0, 0.5, 0.0])  # balanced accuracy of each, with as many steps of each kind
    low = each.mean() - t.ppf(0.975, 4) * each.std(ddof=1) / np.sqrt(5)
    assert [found.accuracy, found.low] == pytest.approx([each.mean(), low])
    assert not found.clear


def test_one_sequence_is_no_evidence() -> None:
    found = step_alone(labelled([[0, 0, 1, 1]]), [labelled([[0, 0, 1, 1]])])
    assert found is not None
    assert (found.accuracy, found.clear) == (1.0, False)
    assert np.isnan(found.low)
    few = step_alone(labelled([[0, 0, 1, 1]]), [labelled([[0, 0, 1, 1], *[[0, 0, 0, 0]] * 20])])
    assert few is not None
    assert np.isnan(few.low)


@pytest.mark.parametrize(
    ("train", "rest"), [([[0, 0]], [[0, 1]]), ([[1, 1]], [[0, 1]]), ([[0, 1]], [[0, 0]]), ([[0, 1]], [[1, 1]])]
)
def test_one_class_cannot_be_asked(train: list[list[int]], rest: list[list[int]]) -> None:
    assert step_alone(labelled(train), [labelled(rest)]) is None


def test_where_the_step_says_nothing_a_warning_is_rare() -> None:
    """Runs of anomalous steps anywhere in 8 training and 12 other sequences, 400 times."""
    generator, clear, above = np.random.default_rng(1), 0, 0
    for _ in range(400):
        starts, steps = generator.integers(0, 30, 20), np.arange(30)
        labels = [(((steps - start) % 30) < 8).astype(int).tolist() for start in starts]
        found = step_alone(labelled(labels[:8]), [labelled(labels[8:])])
        assert found is not None
        clear, above = clear + found.clear, above + (found.low > 0.5)
    assert above <= 20  # one in forty by the interval's own promise, and four deviations more
    assert clear <= above


def test_padding_is_not_counted() -> None:
    found = step_alone(labelled([[0, 1], [0, 1, 1, 1]]), [labelled([[0, 1], [0, 1], [0, 1, 1, 1, 1, 1]])])
    assert found is not None
    assert (found.rule, found.accuracy) == ("anomalous from step 1 on", 1.0)


@pytest.mark.parametrize(
    ("place", "threshold", "after", "rule"),
    [
        ("step", 30, False, "anomalous before step 30"),
        ("position", 0.415, True, "anomalous from 42% of the sequence on"),
    ],
)
def test_rules_in_words(place: str, threshold: float, after: bool, rule: str) -> None:
    found = StepAlone(place=place, threshold=threshold, after=after, accuracy=0.7, low=0.4)  # type: ignore[arg-type]
    assert (found.rule, found.clear) == (rule, False)
