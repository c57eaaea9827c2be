"""Policies at work on data sets: what is done, what is said, what ends in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from seqanomaly.datasets.cleaning import clean, clean_new
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.opened import Loaded, Opened
from seqanomaly.datasets.policies import BACKWARD, CONSTANT, DUPLICATES, GAPS, IRREGULAR, MISSING, Policies
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.run_config import RunConfig

NAN = float("nan")


def table(path: Path, **columns: Any) -> str:
    """Six series of ten steps; columns given for the first series replace its own."""
    frames = []
    for place in range(6):
        step = np.arange(10)
        frame = pd.DataFrame({"series": f"s{place}", "step": step, "x": step * 1.0 + place, "label": step // 5})
        frames.append(frame if place else frame.assign(**columns))
    pd.concat(frames).to_csv(path, index=False)
    return str(path)


def opened(data: DataSpec) -> Opened:
    source = data.open()
    assert isinstance(source, Opened)
    return source


def known(data: DataSpec) -> Sequences:
    """All sequences that a seed may choose from."""
    return opened(data).loaded.known


def first(data: DataSpec) -> Sequences:
    """The first series."""
    return known(data).take(np.array([0]))


def heard(data: DataSpec) -> str:
    with pytest.raises(DataError) as error:
        data.open()
    return str(error.value)


HOLES = {"x": [0, 1, NAN, NAN, 4, 5, 6, 7, 8, NAN]}


@pytest.mark.parametrize(
    ("missing", "x", "valid", "note"),
    [
        ("drop", [0, 1, 4, 5, 6, 7, 8], None, "these steps are left out"),
        ("ffill", [0, 1, 1, 1, 4, 5, 6, 7, 8, 8], None, "the last value before is carried forward"),
        ("interpolate", [0, 1, 2, 3, 4, 5, 6, 7, 8, 8], None, "interpolated between the values around"),
        ("mask", [0, 1, 1, 1, 4, 5, 6, 7, 8, 8], [1, 1, 0, 0, 1, 1, 1, 1, 1, 0], "these steps are masked"),
    ],
)
def test_missing_values(tmp_path: Path, missing: Any, x: list[float], valid: list[int] | None, note: str) -> None:
    data = FileData(path=table(tmp_path / "holes.csv", **HOLES), missing=missing)
    found = first(data)
    assert found.x[0, : len(x), 0].tolist() == x
    assert found.length.tolist() == [len(x)]
    assert found.mask[0].tolist() == (valid or [1] * len(x) + [0] * (10 - len(x)))
    source = opened(data)
    assert f"missing values: 3 steps (s0 3): {note}" in source.notes
    assert source.counts["missing_values"] == 3
    assert np.isfinite(source.loaded.known.x).all()


def test_a_missing_value_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    assert heard(FileData(path=table(tmp_path / "holes.csv", **HOLES))) == (
        "holes.csv: column 'x', data row 3: the value is missing; fill it, or set missing: drop, ffill, interpolate or "
        "mask, or leave the column out with --ignore"
    )


def test_other_values_stay_errors(tmp_path: Path) -> None:
    for word, text in (("low", "'low' is not a number"), ("inf", "the value is inf, not a finite")):
        path = table(tmp_path / "words.csv", x=["1"] * 9 + [word])
        assert text in heard(FileData(path=path, missing="mask"))


def test_a_series_without_a_value(tmp_path: Path) -> None:
    path = table(tmp_path / "none.csv", x=NAN)
    for missing in ("ffill", "interpolate", "mask"):
        assert heard(FileData(path=path, missing=missing)) == (
            f"none.csv: series 's0' has no value of 'x' at all, so missing: {missing} has nothing to go by; leave out "
            "the series or the feature"
        )
    assert heard(FileData(path=path, missing="drop")) == (
        "none.csv: series 's0': of its 10 training steps 0 are left (missing: drop); leave the series out, or choose "
        "another policy"
    )


GAPPY = {"step": [0, 1, 2, 3, 4, 8, 9, 10, 11, 20]}
SAID = "gaps in time: 2 (s0 2), the longest 9 step numbers in s0 before step 9"


def test_gaps_are_kept_and_said(tmp_path: Path) -> None:
    source = opened(FileData(path=table(tmp_path / "gaps.csv", **GAPPY)))
    assert source.notes[:2] == (
        "uneven distances in time: 2 steps (s0 2): steps count as equally far apart",
        f"{SAID}: kept, so sequences and windows go on across them (gaps: split cuts there)",
    )
    assert source.counts == {"missing_values": 0, "gaps": 2, "duplicates": 0, "backward": 0, "irregular": 2}
    assert source.loaded.known.time is None


def test_gaps_are_cut(tmp_path: Path) -> None:
    source = opened(FileData(path=table(tmp_path / "gaps.csv", **GAPPY), gaps="split"))
    assert f"{SAID}: sequences are cut there" in source.notes
    assert (
        "cut at gaps: 6 sequences become 7, whose counters begin anew; 1 piece of a single step is left out"
        in source.notes
    )
    parts = source.parts(0)
    pieces = {name: part for part in vars(parts).values() for name in part.ids if name.startswith("s0")}
    assert set(pieces) == {"s0@0", "s0@5"}
    assert len({id(part) for part in pieces.values()}) == 1, "pieces of one series are in one part"
    (part,) = {id(part): part for part in pieces.values()}.values()
    one = part.take(np.array([part.ids.index("s0@5")]))
    assert (one.x[0, :4, 0].tolist(), one.length.tolist(), one.start.tolist()) == ([5, 6, 7, 8], [4], [5])
    assert one.series == ("s0",)


@pytest.mark.parametrize("gaps", ["mask", "ffill", "interpolate"])
def test_gaps_are_filled_where_the_label_is_known(tmp_path: Path, gaps: Any) -> None:
    found = first(FileData(path=table(tmp_path / "gaps.csv", **GAPPY), gaps=gaps))
    assert found.length.tolist() == [21]
    assert not found.mask[0, 5:8].any(), "the label changes in the first gap"
    assert found.mask[0, 12:20].all() == (gaps != "mask")
    assert found.label[0, 12:20].tolist() == [1] * 8
    x = found.x[0, 11:21, 0].tolist()
    wanted = {"mask": [8.0] * 9 + [9.0], "ffill": [8.0] * 9 + [9.0], "interpolate": np.linspace(8, 9, 10).tolist()}
    assert x == pytest.approx(wanted[gaps])


DOUBLE = {"step": [0, 1, 2, 2, 3, 4, 5, 6, 7, 8]}


@pytest.mark.parametrize(
    ("duplicates", "x"),
    [
        ("first", [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("drop", [0, 1, 2, 4, 5, 6, 7, 8, 9]),
        ("last", [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        ("keep", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("mask", [0, 1, 2, 2, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_duplicates(tmp_path: Path, duplicates: Any, x: list[float]) -> None:
    found = first(FileData(path=table(tmp_path / "double.csv", **DOUBLE), duplicates=duplicates))
    assert found.x[0, : len(x), 0].tolist() == x
    assert np.flatnonzero(~found.mask[0, : len(x)]).tolist() == ([3] if duplicates == "mask" else [])


BACK = {"step": [0, 1, 2, 3, 4, 2, 3, 5, 6, 7]}


@pytest.mark.parametrize(
    ("backward", "x"),
    [
        ("sort", [0, 1, 2, 5, 3, 6, 4, 7, 8, 9]),
        ("keep", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("drop", [0, 1, 2, 3, 4, 7, 8, 9]),
        ("mask", [0, 1, 2, 3, 4, 4, 4, 7, 8, 9]),
    ],
)
def test_jumps_back(tmp_path: Path, backward: Any, x: list[float]) -> None:
    found = first(FileData(path=table(tmp_path / "back.csv", **BACK), duplicates="keep", backward=backward))
    assert found.x[0, : len(x), 0].tolist() == x
    assert np.flatnonzero(~found.mask[0, : len(x)]).tolist() == ([5, 6] if backward == "mask" else [])


@pytest.mark.parametrize(
    ("columns", "settings", "text"),
    [
        (GAPPY, {"gaps": "error"}, "step 5 (8): steps are missing before it; correct it, or say what to do with gaps: "
         "keep, split, ffill, interpolate, mask"),
        (GAPPY, {"irregular": "error"}, "step 5 (8): its distance from the step before is not the usual one; correct "
         "it, or say what to do with irregular: keep, ffill, interpolate"),
        (BACK, {"duplicates": "keep", "backward": "error"}, "step 5 (2): its time is before that of the step before; "
         "correct it, or say what to do with backward: keep, sort, drop, mask"),
        (BACK, {"backward": "keep"}, "step 5 (2): an earlier step has this time; correct it, or say what to do with "
         "duplicates: keep, first, last, mask"),
    ],
)  # fmt: skip
def test_errors_name_the_step_and_the_setting(
    tmp_path: Path, columns: dict[str, Any], settings: dict[str, Any], text: str
) -> None:
    data = FileData(path=table(tmp_path / "odd.csv", **columns), **settings)
    assert heard(data) == f"odd.csv: series 's0', {text}"


def test_times_are_written_as_people_do(tmp_path: Path) -> None:
    time = pd.date_range("2024-03-01", periods=10, freq="min").to_series().to_numpy().copy()
    time[4:] += np.timedelta64(1, "h")
    pd.DataFrame({"series": "a", "step": time, "x": 1.0, "label": 0}).to_csv(tmp_path / "t.csv", index=False)
    assert "series 'a', step 4 (2024-03-01 01:04:00): steps are missing" in heard(
        FileData(path=str(tmp_path / "t.csv"), gaps="error", split={"time": 0.3})  # type: ignore[arg-type]
    )


def test_an_even_grid(tmp_path: Path) -> None:
    path = table(tmp_path / "uneven.csv", step=[0, 1, 2, 3, 4.5, 5, 6, 7, 8, 9])
    source = opened(FileData(path=path, irregular="interpolate"))
    assert source.loaded.known.x[0, :10, 0].tolist() == pytest.approx([0, 1, 2, 3, 3 + 2 / 3, 5, 6, 7, 8, 9])
    assert source.notes[:2] == (
        "uneven distances in time: 2 steps (s0 2): the series are put on an even grid, interpolated",
        "steps that this changes: 60 on the grid",
    )


def test_constant_features(tmp_path: Path) -> None:
    path = table(tmp_path / "flat.csv")
    flat = pd.read_csv(path).assign(dead=4.0)
    flat.to_csv(path, index=False)
    assert known(FileData(path=path)).features == ("x", "dead")
    source = opened(FileData(path=path, constant="drop"))
    assert source.loaded.known.features == ("x",)
    assert "never change in the training part: dead: left out" in source.notes
    assert heard(FileData(path=path, constant="error")) == (
        "flat.csv: never change in the training part: dead; leave them out with constant: drop, or keep them"
    )
    flat.drop(columns="x").to_csv(path, index=False)
    assert heard(FileData(path=path, constant="drop")) == (
        "flat.csv: no feature changes in the training part, so constant: drop leaves none; keep them"
    )


def test_the_nearest_policy_is_named() -> None:
    policies = {"missing": MISSING, "duplicates": DUPLICATES, "backward": BACKWARD, "gaps": GAPS}
    for key, values in (policies | {"irregular": IRREGULAR, "constant": CONSTANT}).items():
        wrong = values[-1] + "e"
        with pytest.raises(ConfigError) as error:
            pick_data({"kind": "file", "path": "mine.csv", key: wrong})
        assert str(error.value) == (
            f"{key}: unknown policy {wrong!r}; did you mean {values[-1]!r}? (known: {', '.join(values)})"
        )
    with pytest.raises(ConfigError) as error:
        pick_data({"kind": "file", "path": "mine.csv", "missings": "mask"})
    assert str(error.value).startswith("unknown key 'missings'; did you mean 'missing'?")


def test_policies_count_in_the_address_only_where_they_differ() -> None:
    def address(**settings: Any) -> str:
        data = pick_data({"kind": "nab", "path": "NAB", **settings})
        assert isinstance(data, DataSpec)
        return RunConfig(data=data, task="forecast").digest("x")

    before = "8704f16614bf6c84"  # of a time without policies
    assert address() == address(missing="error", gaps="keep", gap=1.5, duplicates="keep") == before
    assert len({address(), address(missing="mask"), address(gaps="split"), address(gaps="split", gap=3.0)}) == 4
    data = pick_data({"kind": "nab", "path": "NAB", "gaps": "split"})
    assert isinstance(data, DataSpec)
    assert data.name == "nab(gaps=split,path=NAB)"
    assert data.settings() == {"kind": "nab", "gaps": "split", "path": "NAB", "split": "probation"}


@pytest.mark.parametrize("key", ["duplicates", "backward", "gaps", "irregular"])
def test_policies_about_times_need_times(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((9, 5, 1)), y=np.arange(9) % 2)
    data = pick_data({"kind": "numpy", "path": str(tmp_path / "a.npz"), key: "error"})
    assert isinstance(data, DataSpec)
    assert heard(data) == f"a.npz: {key} is error, but its files hold no times to look at; leave {key} out"


SERIES = st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=4, max_size=9), min_size=3, max_size=5)


@given(SERIES, st.sampled_from(["drop", "ffill", "interpolate", "mask"]), st.data())
def test_new_data_are_treated_as_the_training_data(
    values: list[list[float]], missing: str, data: st.DataObject
) -> None:
    """What `clean` does to whole sequences is what `clean_new` does; origins name the steps that are left."""
    usable = [one for one in values if sum(value == value for value in one) >= 2]
    if not usable:
        return
    given_ = Sequences.of([np.array(one)[:, None] for one in usable], [0] * len(usable))
    policies = Policies(missing=missing)
    learned, new = clean(Loaded(known=given_), policies, "doc").known, clean_new(given_, policies, "doc")
    assert learned.x.tobytes() == new.x.tobytes()
    assert learned.mask.tobytes() == new.mask.tobytes()
    assert new.time is not None
    flat = np.concatenate([np.array(one) for one in usable])
    origin = new.time[new.real]
    kept = np.flatnonzero(~np.isnan(flat)) if missing == "drop" else np.arange(len(flat))
    assert origin.tolist() == kept.tolist()
    there = new.x[new.mask].ravel()
    same = ~np.isnan(flat[new.time[new.mask]])
    assert there[same].tolist() == flat[new.time[new.mask]][same].tolist()


def odd_table(path: Path, generator: np.random.Generator) -> None:
    """A few series with holes, doubles, gaps and jumps back."""
    frames = []
    for place in range(int(generator.integers(1, 7))):
        count = int(generator.integers(1, 20))
        x = generator.standard_normal((count, 2))
        x[generator.random((count, 2)) < generator.choice([0, 0.1, 0.2, 0.9])] = np.nan
        step = np.cumsum(generator.choice([0, 1, 1, 1, 1, 2, 5, -1, 0.5, 1e14], count))
        label = generator.integers(0, 2, count)
        frames.append(pd.DataFrame({"series": f"s{place}", "step": step, "a": x[:, 0], "b": x[:, 1], "label": label}))
    pd.concat(frames).to_csv(path, index=False)


@given(seed=st.integers(0, 2**32), data=st.data())
@example_settings(max_examples=60)
def test_any_series_under_any_policies(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    """They load right, or end in one sentence."""
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    odd_table(path, np.random.default_rng(seed))
    known = {"missing": MISSING[1:], "duplicates": DUPLICATES, "backward": BACKWARD, "gaps": GAPS}
    chosen = {key: data.draw(st.sampled_from(values)) for key, values in (known | {"irregular": IRREGULAR}).items()}
    split = data.draw(st.sampled_from([None, {"time": 0.3}]))
    try:
        source = opened(FileData(path=str(path), split=split, **chosen))  # type: ignore[arg-type]
        parts = source.parts(0)
    except DataError as error:
        said = str(error)
        parts = None
    else:
        said = ""
    assert "\n" not in said
    for part in vars(parts).values() if parts is not None else ():
        assert np.isfinite(part.x).all()
        assert not part.x[~part.real].any()
        assert part.length.min() > 0
        assert len(set(part.ids)) == len(part)


@pytest.mark.parametrize(
    ("columns", "settings", "text"),
    [
        (
            {"x": [0.0] * 6 + [NAN] + [7.0] * 3},
            {"missing": "drop"},
            "of its 1 validation step 0 are left (missing: drop)",
        ),
        ({"x": [0.0] * 7 + [NAN] * 3}, {"missing": "mask"}, "of its 3 test steps none takes part (missing: mask)"),
    ],
)
def test_a_part_of_which_nothing_is_left(
    tmp_path: Path, columns: dict[str, Any], settings: dict[str, Any], text: str
) -> None:
    data = FileData(path=table(tmp_path / "odd.csv", **columns), split={"time": 0.3}, **settings)  # type: ignore[arg-type]
    assert heard(data) == f"odd.csv: series 's0': {text}; leave the series out, or choose another policy"
