"""Sequences that are not padded say and give what the same ones say and give padded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqanomaly.datasets import laid
from seqanomaly.datasets.cleaning import clean_new, step_note
from seqanomaly.datasets.doubts import doubts
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.folder import Folder
from seqanomaly.datasets.laid import is_wasteful
from seqanomaly.datasets.long import long_table
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.picture import draw
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.shuffle import shuffled_labels
from seqanomaly.datasets.spans import spans
from seqanomaly.datasets.step_alone import step_alone
from seqanomaly.datasets.summary import channels_table, classes_table, parts_table, tenths_table

Lengths = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def both(lengths: list[int], seed: int = 0) -> tuple[Sequences, Sequences]:
    """Flat and padded sequences of those lengths with all that there may be per step."""
    generator = np.random.default_rng(seed)
    x = [generator.normal(size=(steps, 2)) for steps in lengths]
    label = [generator.integers(0, 3, steps) for steps in lengths]
    valid, breaks = ([generator.random(steps) < share for steps in lengths] for share in (0.7, 0.3))
    time, offset = [np.arange(steps) for steps in lengths], np.arange(len(lengths))
    beside: dict[str, Any] = {"valid": valid, "breaks": breaks, "time": time, "classes": ("0", "1", "2")}
    flat, padded = (Sequences.of(list(x), label, offset=offset, flat=flat, **beside) for flat in (True, False))
    return flat, padded


def same(flat: Sequences, padded: Sequences) -> None:
    """All that the two hold, whatever stands past the ends."""
    assert flat.flat is not None
    assert padded.flat is None
    assert (flat.ids, flat.features, flat.classes) == (padded.ids, padded.features, padded.classes)
    assert flat.start.tolist() == padded.start.tolist()
    whole = flat.padded()
    assert whole.x.shape[1] == flat.steps
    for key in ("x", "label", "length", "valid", "time", "breaks", "real", "mask", "later"):
        one, other = getattr(whole, key), getattr(padded, key)
        assert (one is None) == (other is None)
        if one is not None:
            longest = min(flat.steps, padded.steps)
            np.testing.assert_array_equal(*(v if v.ndim == 1 else v[:, :longest] for v in (one, other)))
    assert flat.highest.tolist() == padded.highest.tolist()
    assert flat.count(flat.mask).tolist() == padded.count(padded.mask).tolist()
    for chosen in ("real", "mask", "later"):
        some = getattr(flat, chosen), getattr(padded, chosen)
        for one, other in zip(flat.places(some[0]), padded.places(some[1]), strict=True):
            assert one.tolist() == other.tolist()
        np.testing.assert_array_equal(flat.x[some[0]], padded.x[some[1]])


@given(lengths=Lengths, room=st.integers(1, 12), data=st.data())
def test_all_that_is_made_of_sequences(lengths: list[int], room: int, data: st.DataObject) -> None:
    flat, padded = both(lengths)
    same(flat, padded)
    same(flat.with_room(room), padded)
    index = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=5)))
    same(flat.take(index), padded.take(index))
    same(flat.with_room(room).take(index), padded.take(index))
    ends = np.array([data.draw(st.integers(0, steps)) for steps in lengths])
    for start, end in ((np.zeros_like(ends), ends), (ends, flat.length)):
        if (end > start).any():
            same(flat.cut(start, end), padded.cut(start, end))
    same(flat.cut(np.zeros_like(ends), flat.length), padded.cut(np.zeros_like(ends), flat.length))


@given(lengths=Lengths.filter(lambda found: max(found) > 1))
def test_pieces_scaling_and_shuffling(lengths: list[int]) -> None:
    flat, padded = both(lengths)
    for one in (flat, padded):
        assert one.breaks is not None
        one.breaks[one.at(np.arange(len(one)), 0)] = False
        some = np.flatnonzero(one.length > 1)
        one.breaks[one.at(some, 1)] = False  # the first piece has two steps
    same(flat.pieces(), padded.pieces())
    if flat.mask.any():
        assert Scaler.fit(flat) == Scaler.fit(padded)
        same(Scaler.fit(flat).apply(flat), Scaler.fit(padded).apply(padded))
    same(*(shuffled_labels(one, np.random.default_rng(1)) for one in (flat, padded)))


@pytest.mark.parametrize(
    ("lengths", "wasteful"),
    [([1_000_000] * 30, False), ([1_000_000, *[10] * 11], False), ([1_000_000, *[10] * 12], True)],
)
def test_shapes_alone_decide(lengths: list[int], wasteful: bool) -> None:
    assert is_wasteful(np.array(lengths), 1) == wasteful  # 256 MiB are 12.8 million steps of 21 bytes


@contextmanager
def held(*, flat: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(laid, "is_wasteful", lambda *_: flat)
        yield


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Series of unlike lengths, with an anomaly in every second one."""
    generator, found = np.random.default_rng(2), []
    for number, steps in enumerate([8, 30, 9, 14, 22, 8, 17, 25, 11, 20, 8]):
        step = np.arange(steps)
        label = (number % 2) * (step > steps // 2).astype(int)
        found.append(pd.DataFrame({"series": f"s{number}", "step": step, "label": label, "a": 5.0}))
        found[-1]["b"] = generator.normal(size=steps) + label
    return pd.concat([*found, found[0].assign(series="copy")], ignore_index=True)


def opened(spec: FileData | Folder) -> tuple[Opened, Opened]:
    found = []
    for flat in (True, False):
        with held(flat=flat):
            source = spec.open()
            assert isinstance(source, Opened)
            assert (source.loaded.known.flat is not None) == flat
            found.append(source)
    return found[0], found[1]


def shown(source: Opened) -> dict[str, Any]:
    """All that `data show`, `data split` and `data convert` say, but that sequences are not padded."""
    parts = source.parts(0)
    alone = [step_alone(parts.train, [parts.validation, parts.test], place) for place in ("step", "position")]
    long = long_table(source, 0)
    tables = {made.__name__: made(parts) for made in (parts_table, channels_table, classes_table, tenths_table)}
    return {
        "notes": [note for note in source.notes if "padded to the longest" not in note],
        "alone": alone,
        "doubts": doubts(parts, [one for one in alone if one is not None]),
        "spans": spans(vars(parts)),
        "settings": dict(long.settings),
        "counts": dict(source.counts),
        "shape": source.shape,
        "long": long.frame.astype(str).values.tolist(),
        "tables": {name: table.astype(str).values.tolist() for name, table in tables.items()},
        "picture": [[np.asarray(line.get_ydata()).tolist() for line in axes.lines] for axes in draw(parts, "doc").axes],
    }


@pytest.mark.parametrize("write", [pd.DataFrame.to_parquet, pd.DataFrame.to_csv])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"split": {"time": 0.3}},
        {"split": {"folds": 3}},
        {"missing": "ffill", "gaps": "split"},
        {"missing": "mask", "constant": "drop"},
        {"irregular": "interpolate", "missing": "interpolate"},
    ],
)
def test_a_table_says_the_same(
    frame: pd.DataFrame, settings: dict[str, Any], write: Callable[..., None], tmp_path: Path
) -> None:
    frame = frame.copy()
    if "missing" in settings:
        frame.loc[[3, 4, 40, 41, 90], "b"] = np.nan
        frame["step"] += 7 * (frame["step"] > 5)
    path = tmp_path / "t.parquet"
    write(frame, path.with_suffix(".csv") if write is pd.DataFrame.to_csv else path, index=False)
    (path,) = tmp_path.iterdir()
    one, other = (shown(source) for source in opened(FileData(path=str(path), **settings)))
    assert one == other


@pytest.mark.parametrize("settings", [{}, {"split": "time"}, {"split": "time", "step": "step"}])
def test_a_folder_says_the_same(frame: pd.DataFrame, settings: dict[str, Any], tmp_path: Path) -> None:
    for name, of in frame.groupby("series"):
        columns = ["label", "a", "b"] + ["step"] * ("step" in settings)
        of[columns].to_csv(tmp_path / f"{name}.csv", index=False)
    one, other = (shown(source) for source in opened(Folder(path=str(tmp_path), **settings)))
    assert one == other


@given(lengths=Lengths, uneven=st.booleans())
def test_times_and_new_data(lengths: list[int], uneven: bool) -> None:
    generator, x = np.random.default_rng(3), [np.ones((steps, 1)) for steps in lengths]
    time: list[NDArray[Any]] = [
        np.datetime64("2024-01-01", "ns") + np.cumsum(generator.integers(1, 1 + 4 * uneven + 1, steps))
        if uneven
        else np.datetime64("2024-01-01", "ns") + np.arange(steps)
        for steps in lengths
    ]
    flat, padded = (Sequences.of(list(x), [0] * len(x), time=time, flat=flat) for flat in (True, False))
    assert step_note(flat) == step_note(padded)
    one, other = (clean_new(replace(of, time=None), Policies(), "doc") for of in (flat, padded))
    assert one.time is not None
    assert other.time is not None
    assert one.time[one.real].tolist() == other.time[other.real].tolist()
