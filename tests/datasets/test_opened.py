"""Sequences from files: how they are split, cut, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets import opened as opening
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.opened import Loaded, Opened, cut_in_time
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError


def made(*lengths: int, label: int = 0) -> Sequences:
    """Sequences whose every value is another one."""
    start = np.cumsum([0, *lengths])
    x = [np.arange(a, a + n, dtype=float)[:, None] for a, n in zip(start, lengths, strict=False)]
    return Sequences.of(x, [label] * len(x), features=("heat",))


def opened(known: Sequences, test: Sequences | None = None, *notes: str) -> Opened:
    return Opened(Loaded(known=known, test=test, notes=notes), "mine", digest="d", test_share=0.3, few="add some")


def test_a_single_training_sequence_is_cut_in_time() -> None:
    source = opened(made(50), made(7, 9), "read.")
    for seed in (0, 1):
        parts = source.parts(seed)
        assert parts.train.x[0, :, 0].tolist() == list(range(40))
        assert parts.validation.x[0, :, 0].tolist() == list(range(40, 50))
        assert parts.test.length.tolist() == [7, 9]
    assert (parts.train.ids, parts.validation.ids) == (("0",), ("0",))
    assert (parts.train.start.tolist(), parts.validation.start.tolist()) == ([0], [40])
    assert source.official_test
    assert source.shape == (1, 50)
    assert source.notes == (
        "read.",
        "validation is the last 20% of the training sequence: 40 steps train and 10 validate",
    )


@pytest.mark.parametrize(("length", "first"), [(4, 3), (5, 4), (6, 5), (10, 8)])
def test_both_pieces_have_steps(length: int, first: int) -> None:
    train, validation = cut_in_time(made(length), 0.2)
    assert (train.length.tolist(), validation.length.tolist()) == ([first], [length - first])


def test_training_sequences_that_the_test_continues_are_all_cut() -> None:
    source = Opened(
        Loaded(known=made(10, 20), test=made(5), continued=True), "mine", digest="d", test_share=0.0, few=""
    )
    parts = source.parts(0)
    assert (parts.train.length.tolist(), parts.validation.length.tolist()) == ([8, 16], [2, 4])
    assert (parts.validation.ids, parts.validation.start.tolist()) == (("0", "1"), [8, 16])
    assert source.notes == ("validation is the last 20% of each training sequence: 24 steps train and 6 validate",)


def test_several_training_sequences_are_split_whole() -> None:
    source = opened(made(5, 6, 7, 8, 9), made(4))
    parts = source.parts(0)
    assert sorted([*parts.train.length, *parts.validation.length]) == [5, 6, 7, 8, 9]
    assert (len(parts.validation), parts.test.length.tolist()) == (1, [4])
    assert source.notes == ()


def test_the_seed_draws_a_test_part_where_none_is_given() -> None:
    source = opened(made(*range(5, 15)))
    assert not source.official_test
    assert [len(part) for part in vars(source.parts(0)).values()] == [6, 1, 3]
    assert source.shape == (7, 14)


def test_what_never_changes_is_said() -> None:
    flat = Sequences.of([np.full((5 + i, 2), 3.0) for i in range(3)], [0] * 3, features=("a", "b"))
    assert opened(flat).notes == ("2 of 2 features never change in the training part (a, b): kept, only centred",)
    many = Sequences.of([np.zeros((5 + i, 10)) for i in range(3)], [0] * 3)
    assert "(x0, x1, x2, x3, x4, x5, x6, x7, ...)" in opened(many).notes[0]


def test_copies_are_said() -> None:
    once, twice = made(5, 6, 7, 8), made(5, 6, 7, 8).take(np.array([0, 1, 1, 2, 3, 3]))
    easier = "in all features and steps, so the test is easier than it looks"
    assert opened(twice).notes == (f"copies: 2 sequences equal an earlier one {easier}",)
    assert opened(once, made(5, 9)).notes == (f"copies: 1 test sequences equal a training one {easier}",)
    assert opened(once).notes == ()


def test_anomalies_that_come_late_are_said() -> None:
    late = Sequences.of([np.arange(6.0 + i)[:, None] for i in range(3)], [[0] * (3 + i) + [1] * 3 for i in range(3)])
    assert opened(late).notes == (
        "0% of the steps are anomalous in the first third of the sequences and 100% in the last: accuracy by step "
        "mostly shows that, so compare balanced accuracy",
    )
    assert opened(made(6, 6, 6, label=1)).notes == ()


def test_steps_that_take_no_part_are_not_counted_among_those() -> None:
    label = [[1, 1, 0, 0, 0, 1]] * 3
    valid = [np.arange(6) > 0] * 3
    x = [np.arange(6.0)[:, None] + 9 * i for i in range(3)]
    assert opened(Sequences.of(x, label)).notes[0].startswith("100% of the steps are anomalous in the first third")
    masked = Sequences.of(x, [[1, 0, 0, 0, 0, 1]] * 3, valid=valid)
    assert opened(masked).notes[0].startswith("0% of the steps are anomalous in the first third")


@pytest.mark.parametrize(
    ("known", "test", "text"),
    [
        (made(5, 5), None, "has 2 series; training, validation and test need at least one each, so 3: add some"),
        (made(5, 1, 5), None, "series '1' has 1 step; a sequence needs at least 2 to have an early and a late one"),
        (made(5, 5), made(5, 1), "series '1' has 1 step; a sequence needs at least 2"),
        (made(3), made(5), "series '0' has 3 steps; a sequence needs at least 4 to be cut into one that"),
    ],
)
def test_what_cannot_be_split(known: Sequences, test: Sequences | None, text: str) -> None:
    with pytest.raises(DataError) as error:
        opened(known, test)
    assert str(error.value).startswith(f"mine: {text}")


short = st.lists(st.lists(st.integers(0, 1), min_size=2, max_size=5), min_size=4, max_size=9)


@given(short, st.integers(0, 2), st.integers(1, 9), st.sampled_from([opening.ODD, 2, 0]))
def test_copies_are_counted_and_ends_compared_as_one_after_the_other(
    series: list[list[int]], tested: int, once: int, factor: int
) -> None:
    with mock.patch.object(opening, "AT_ONCE", once), mock.patch.object(opening, "ODD", factor):
        check_notes(series, tested)


def check_notes(series: list[list[int]], tested: int) -> None:
    """What is said of sequences, the last `tested` of which are for testing, is what one look after the other finds."""
    x = [np.array(one, float)[:, None] for one in series]
    whole = Sequences.of(x, [np.array(one) for one in series])
    first, last = (whole.take(np.arange(*ends)) for ends in ((0, len(x) - tested), (len(x) - tested, len(x))))
    source = opened(first, last if tested else None)
    known, new = (list(map(tuple, part)) for part in (series[: len(x) - tested], series[len(x) - tested :]))
    count = sum(one in known for one in new) if tested else len(known) - len(set(known))
    said = [note for note in source.notes if note.startswith("copies")]
    assert [int(note.split()[1]) for note in said] == ([count] if count else [])
    thirds = []
    for late in (False, True):
        places = [((i + 0.5) / len(one), v) for one in (new or known) for i, v in enumerate(one)]
        steps = [v for place, v in places if (place > 2 / 3 if late else place < 1 / 3)]
        thirds.append(sum(steps) / len(steps) if steps else float("nan"))
    ends = [note for note in source.notes if "in the first third" in note]
    apart = abs(thirds[1] - thirds[0]) >= 0.05
    assert bool(ends) == apart
    if apart:
        assert ends[0].startswith(f"{thirds[0]:.0%} of the steps")
        assert f" and {thirds[1]:.0%} in the last" in ends[0]


def test_lengths_that_are_too_unlike_to_be_padded_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [90, *[5] * 9]
    frame = pd.DataFrame({"series": np.repeat(np.arange(10), lengths), "x": np.arange(135.0)})
    frame = frame.assign(label=frame["x"].astype(int) % 2, step=frame.groupby("series").cumcount())
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = FileData(path=str(tmp_path / "t.csv"), test=0.5)
    assert not any("padded" in note for note in table.open().notes)
    monkeypatch.setattr("seqanomaly.datasets.laid.MUCH", 10 * 90 * 21 - 1)
    (note,) = (note for note in table.open().notes if "padded" in note)
    assert note == (
        "sequences are of very unlike lengths: their 135 steps are held one after the other, as padded to the longest "
        "one they take 7 times as much, 0.0 GB; without --window, and with shuffled labels, a model needs that"
    )
    monkeypatch.setattr("seqanomaly.datasets.laid.MUCH", 10 * 90 * 21)
    assert not any("padded" in note for note in table.open().notes)


def test_one_long_series_and_many_short_ones_need_no_padding(tmp_path: Path) -> None:
    series = np.concatenate([np.zeros(300_000, int), np.arange(1, 20_001).repeat(2)])
    frame = pd.DataFrame({"series": series, "step": np.arange(len(series)), "label": series % 2, "x": series / 7})
    frame.to_parquet(tmp_path / "t.parquet", index=False)  # padded it would be 126 GB
    known = FileData(path=str(tmp_path / "t.parquet")).open().known
    assert known is not None
    assert (len(known), known.steps, known.x.shape) == (20_001, 300_000, (340_000, 1, 1))


@pytest.mark.parametrize("mapped", [False, True])
def test_names_that_differ_in_case_or_spaces_are_said(tmp_path: Path, *, mapped: bool) -> None:
    names = ["M1", "M1 ", "m1 ", "M2", "M3"]
    frame = pd.DataFrame({"series": np.repeat(names, 5), "step": [*range(5)] * 5, "label": 0, "x": np.arange(25.0)})
    frame.to_parquet(tmp_path / "t.parquet")
    source = FileData(path=str(tmp_path / "t.parquet"), mapped=mapped).open()
    (note,) = (note for note in source.notes if "differ" in note)
    assert note == (
        "2 series have names that differ from another one in case or spaces only ('M1' and 'M1 ', ..): if they are "
        "one, write them alike"
    )
