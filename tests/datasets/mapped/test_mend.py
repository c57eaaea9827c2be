"""A mapped table that is mended gives what the same table gives in memory: values, masks, pieces, notes, errors."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import clock, rough, sequences, tables
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import Source
from seqanomaly.errors import DataError

Write = Callable[..., Path]
Compared = Callable[..., tuple[MappedSource, Opened]]


def holes(frame: pd.DataFrame, share: float, seed: int = 0, longest: int = 9) -> pd.DataFrame:
    """The frame with stretches of missing values in both features."""
    generator, changed = np.random.default_rng(seed), frame.copy()
    for name in ("a", "b"):
        for start in np.flatnonzero(generator.random(len(frame)) < share):
            changed.loc[start : start + int(generator.integers(longest)), name] = np.nan
    return changed


def uneven(steps: int, seed: int, *, back: bool, doubles: bool, gaps: bool = True) -> np.ndarray:
    """Steps with gaps, doubles and jumps back, as they are asked for."""
    generator = np.random.default_rng(seed)
    apart = np.full(steps, 4)
    if gaps:
        some = generator.random(steps) < 0.1
        apart[some] = generator.integers(5, 30, some.sum())
    if doubles:
        apart[generator.random(steps) < 0.1] = 0
    if back:
        some = generator.random(steps) < 0.08
        apart[some] = -4 * generator.integers(1, 4, some.sum())
    return np.cumsum(apart)


def small(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    for module in (tables, sequences, rough):
        monkeypatch.setattr(module, "AT_ONCE", rows)
    monkeypatch.setattr(clock, "FEW", rows)


DIVIDED: list[dict[str, Any]] = [{}, {"split": {"time": 0.3}}, {"part": "part"}, {"split": {"folds": 4}}]


@pytest.mark.parametrize("rows", [5, 64, 10_000])
@pytest.mark.parametrize("missing", ["drop", "ffill", "interpolate", "mask"])
@pytest.mark.parametrize("division", DIVIDED)
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_missing_values(
    missing: str,
    division: dict[str, Any],
    rows: int,
    name: str,
    long: pd.DataFrame,
    write: Write,
    compared: Compared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small(monkeypatch, rows)
    long = long[long.groupby("series")["step"].transform("size") > 30].reset_index(drop=True)
    frame = holes(long, 0.1)
    frame.loc[long["step"] % 2 == 0, ["a", "b"]] = long[["a", "b"]]  # so that some of each part is left
    if "part" in division:
        place = long["step"] / long.groupby("series")["step"].transform("size")
        frame = frame.assign(part=np.where(place < 0.5, "train", np.where(place < 0.7, "validation", "test")))
    mapped, memory = compared(write(frame, name), missing=missing, **division)
    assert mapped.counts == memory.counts
    assert mapped.counts["missing_values"] > 200


POLICIES = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["drop", "ffill", "interpolate", "mask"]),
        "duplicates": st.sampled_from(["keep", "error", "first", "last", "mask"]),
        "backward": st.sampled_from(["keep", "error", "sort", "drop", "mask"]),
        "gaps": st.sampled_from(["keep", "error", "split", "ffill", "interpolate", "mask"]),
        "gap": st.sampled_from([1.5, 3.0]),
        "irregular": st.sampled_from(["keep", "error", "ffill", "interpolate"]),
        "constant": st.sampled_from(["keep", "drop"]),
    }
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    policies=POLICIES,
    seed=st.integers(0, 10**6),
    rows=st.sampled_from([3, 17, 1000]),
    one=st.booleans(),
    times=st.sampled_from(["int64", "float64", "datetime64[ms]"]),
    share=st.sampled_from([0.0, 0.01, 0.1]),
    wrong=st.tuples(st.booleans(), st.booleans()),
    test=st.sampled_from([0.3, 0.5]),
)
def test_any_policies(
    policies: dict[str, Any],
    seed: int,
    rows: int,
    one: bool,
    times: str,
    share: float,
    wrong: tuple[bool, bool],
    test: float,
    write: Write,
    same: Callable[..., None],
) -> None:
    """Both ways end in the same parts and notes, or in the same sentence."""
    back, doubles = (
        wrong[0] and policies["backward"] not in ("sort", "error"),
        wrong[1] and policies["duplicates"] != "error",
    )
    back &= not one
    frames, generator = [], np.random.default_rng(seed)
    for number in range(1 if one else 4):
        count = int(generator.integers(30, 90))
        x = generator.normal(size=(count, 2)).astype(np.float32)
        label = generator.random(count) < 0.3
        step = uneven(count, seed + number, back=back, doubles=doubles).astype(times)
        frames.append(
            pd.DataFrame({"series": f"s{number}", "step": step, "label": label.astype(int), "a": x[:, 0], "b": x[:, 1]})
        )
    frame = holes(pd.concat(frames, ignore_index=True), share, seed).assign(c=1.0)
    path = write(frame.drop(columns="series") if one else frame)
    said: dict[bool, str] = {}
    found: dict[bool, Source] = {}
    division: dict[str, Any] = {"series": None, "step": "step", "test": test} if one else {"split": {"time": test}}
    with pytest.MonkeyPatch.context() as patch:
        small(patch, rows)
        for how in (True, False):
            try:
                found[how] = FileData(path=str(path), mapped=how, **policies, **division).open()
            except DataError as error:
                said[how] = str(error)
        assert said.get(True) == said.get(False)
        if said:
            return
        for mine, theirs in zip(vars(found[True].parts(0)).values(), vars(found[False].parts(0)).values(), strict=True):
            same(mine, theirs)
        assert found[True].counts == found[False].counts
        assert found[True].notes[1:] == found[False].notes
        assert found[True].policies == found[False].policies


@pytest.mark.parametrize(
    "policies",
    [
        {"missing": "interpolate"},
        {"missing": "mask", "duplicates": "first"},
        {"missing": "ffill", "gaps": "interpolate"},
        {"missing": "drop", "irregular": "interpolate"},
    ],
)
def test_memory_does_not_grow_with_the_series(
    policies: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, 2_000)
    peaks, path = [], tmp_path / "t.parquet"
    for steps in (40_000, 320_000):
        x = np.random.default_rng(0).normal(size=steps).astype(np.float32)
        x[100 : steps // 2] = np.nan  # a gap of almost half of it
        step = np.arange(steps) + 9 * (np.arange(steps) > 700) + 0.2 * (np.arange(steps) % 5 == 1)
        frame = pd.DataFrame({"step": step, "label": 0, "a": x, "b": 1.0})
        frame.to_parquet(path, index=False, row_group_size=2_000)
        tracemalloc.start()
        FileData(path=str(path), series=None, step="step", mapped=True, **policies).open()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_policies_and_cuts_have_copies_of_their_own(long: pd.DataFrame, write: Write, cache: Path) -> None:
    def copies() -> int:
        return len([folder for folder in cache.iterdir() if folder.name != "digests"])

    path = write(long)
    counts = []
    several: list[dict[str, Any]] = [
        {},
        {"constant": "drop"},
        {"missing": "ffill"},
        {"missing": "ffill", "validation": 0.3},
        {"missing": "mask"},
        {"missing": "mask", "split": {"time": 0.5}},
        {"missing": "mask", "split": {"time": 0.5}, "validation": 0.3},
        {"gap": 3.0},
    ]
    for settings_of in several:
        FileData(path=str(path), mapped=True, **settings_of).open()
        counts.append(copies())
    assert counts == [1, 1, 2, 2, 3, 4, 5, 6]


def test_too_many_steps_out_of_order(long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "MOST", 3)
    path = write(long.assign(step=long["step"] // 4))
    with pytest.raises(DataError) as error:
        FileData(path=str(path), mapped=True, duplicates="first").open()
    assert str(error.value) == (
        "t.parquet: series 's0': over 3 steps are not later than all before them, more than duplicates and jumps back "
        "may be in a mapped table; put the rows in order, or leave out doubles"
    )


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60))
def test_the_median_is_that_of_numpy(values: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for few in (0, 5, 1_000):
            patch.setattr(clock, "FEW", few)
            pieces = np.array_split(np.array(values, np.float64), 3)
            assert clock.median_of(lambda pieces=pieces: iter(pieces)) == np.median(values)  # type: ignore[misc]
