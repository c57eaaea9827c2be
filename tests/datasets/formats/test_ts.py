"""`.ts` files: counts of the real problems, classes, dimensions and broken files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.ts import Ts
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]
STAMPED = "@timeStamps true\n@problemName a\n@classLabel true 0 1\n@data\n"
HEAD = "@problemName a\n@classLabel true 0 1\n@data\n"


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Ts(path=str(path), **settings).open()
    return str(error.value).replace(str(path), "HERE")


@pytest.mark.parametrize(
    ("folder", "train", "test", "steps", "first"),
    [("GunPoint", 50, 150, 150, -0.64788497), ("UnitTest", 20, 22, 24, 573.0)],
)
def test_the_counts_of_the_readme(shared: Path, folder: str, train: int, test: int, steps: int, first: float) -> None:
    source = Ts(path=str(shared / "datasets" / "aeon" / folder), normal="1").open()
    known, official = source.known, source.parts(0).test
    assert known is not None
    assert known.x.shape == (train, steps, 1)
    assert official.x.shape == (test, steps, 1)
    assert known.classes == ("1", "2")
    assert known.x[0, 0, 0] == pytest.approx(first)
    np.testing.assert_array_equal(known.label, np.broadcast_to(known.label[:, :1], known.label.shape))
    assert 0.4 < known.label.mean() < 0.6


def test_the_normal_class_is_not_guessed(shared: Path) -> None:
    path = shared / "datasets" / "aeon" / "GunPoint" / "GunPoint_TRAIN.ts"
    assert heard(path) == (
        "HERE: has the classes 1, 2 and none is 0 or 'normal'; say which one is normal with normal: CLASS"
    )
    assert heard(path, normal="3") == "HERE: there is no class '3'; known: 1, 2"
    data = pick_data({"path": str(path), "normal": 2})
    assert isinstance(data, Ts)
    assert data.name == "ts(path=GunPoint_TRAIN.ts,normal=2)"
    assert data.open().official_test  # the test file stands beside it


def test_dimensions_and_lengths(samples: Samples, tmp_path: Path) -> None:
    samples["ts"](tmp_path / "made")
    source = Ts(path=str(tmp_path / "made")).open()
    known = source.known
    assert known is not None
    assert known.x.shape == (12, 7, 2)
    assert known.length.tolist() == [5, 6, 7] * 4
    assert (known.features, known.classes) == (("dim_0", "dim_1"), ("normal", "worn"))
    assert known.ids[:2] == ("made_TRAIN-1", "made_TRAIN-2")
    lines = (tmp_path / "made" / "made_TRAIN.ts").read_text().splitlines()
    second = [list(map(float, row.split(","))) for row in lines[6].split(":")[:2]]
    np.testing.assert_allclose(known.x[1, :6].T, second, rtol=1e-6)


def test_one_file_is_split_by_the_seed(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text(HEAD + "".join(f"{i},{i}:{i % 3 % 2}\n" for i in range(10)))
    source = Ts(path=str(tmp_path / "a.ts")).open()
    assert not source.official_test
    assert [len(part) for part in vars(source.parts(0)).values()] == [6, 1, 3]


def test_binary_labels(tmp_path: Path) -> None:
    text = HEAD.replace("0 1", "0 1 2") + "".join(f"{i},{i}:{i % 3}\n" for i in range(9))
    (tmp_path / "a.ts").write_text(text)
    found = [Ts(path=str(tmp_path), label=label).open().known for label in ("class", "binary")]
    assert [known.classes for known in found if known is not None] == [("0", "1", "2"), ("0", "1")]
    assert [known.label[:3, 0].tolist() for known in found if known is not None] == [[0, 1, 2], [0, 1, 1]]


@pytest.mark.parametrize(
    ("missing", "expected", "how"),
    [
        ("ffill", [1, 1, 3, 3], "the last value before is carried forward"),
        ("interpolate", [1, 2, 3, 3], "interpolated between the values around"),
    ],
)
def test_missing_values(tmp_path: Path, missing: Any, expected: list[float], how: str) -> None:
    """One before the first value of a case cannot be known from what came before: its step is masked."""
    (tmp_path / "a.ts").write_text(HEAD + "1,?,3,?:0\n?,5,6,7:1\n" + "1,2,3,4:0\n" * 3)
    source = Ts(path=str(tmp_path / "a.ts"), missing=missing).open()
    assert source.known is not None
    assert source.known.x[:2, :, 0].tolist() == [expected, [0, 5, 6, 7]]
    assert source.known.mask[:2].tolist() == [[True] * 4, [False, True, True, True]]
    assert f"missing values: 3 steps (a-1 2, a-2 1): {how}" in source.notes
    assert "steps that this changes: 1 masked" in source.notes


@pytest.mark.parametrize(
    "stamps", [("0", "1.5", "7"), ("1960-01-01 00:00:00", "1960-01-01 00:00:01", "2004-10-01 09:30:00")]
)
def test_timestamps_give_the_order_only(tmp_path: Path, stamps: tuple[str, ...]) -> None:
    dimension = ",".join(f"({stamp},{place + 0.5})" for place, stamp in enumerate(stamps))
    (tmp_path / "a.ts").write_text(STAMPED + f"{dimension}:{dimension}:1\n" + f"{dimension}:{dimension}:0\n" * 3)
    source = Ts(path=str(tmp_path / "a.ts")).open()
    assert source.known is not None
    assert source.known.x[0].tolist() == [[0.5, 0.5], [1.5, 1.5], [2.5, 2.5]]
    assert source.known.label[:2, 0].tolist() == [1, 0]
    assert source.notes[2] == "values have timestamps, which give their order only: steps count as equally far apart"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2:0\n", "has no line @data; it is no .ts file"),
        (HEAD, "there is no case after @data"),
        (HEAD.replace("true 0 1", "false") + "1,2\n", "its cases have no class (@classLabel true)"),
        (STAMPED + "(0,1),(0,2):0\n", "line 5: timestamp 2, '0', is none, or not after the one before; sort them"),
        (STAMPED + "(0,1),(x,2):0\n", "line 5: timestamp 1, '0', is none, or not after the one before; sort them"),
        (STAMPED + "(0,1),(1,2:0\n", "line 5: "),
        (
            STAMPED + "(0,1),2:0\n",
            "line 5: holds more than pairs such as (2004-10-01 00:00:00,21.5), as its header says",
        ),
        ("@targetLabel true\n" + HEAD + "1:0\n", "its cases have a number to predict (@targetlabel true)"),
        (HEAD + "1,?:0\n", "line 4: value 2 of dimension 1 is missing (?); fill it, or set missing: drop, ffill"),
        (HEAD + "1,2:0\n1,x:0\n", "line 5: could not convert string to float: 'x'; a case is dim1:dim2:..:class"),
        (HEAD + "1,2:1,2,3:0\n", "line 4: its dimensions have 2, 3 values"),
        (HEAD + "0\n", "line 4: its dimensions have no values"),
        (HEAD + "1,inf:0\n", "line 4: holds a value that is not finite"),
        (HEAD + "1,1e39:0\n", "line 4: holds a value that is not finite, or too large for 32 bits"),
        (HEAD + "1,2_0:0\n", "line 4: a number has no _; a case is dim1:dim2"),
        (HEAD + "1,2:0\n1,2:1,2:0\n", "its cases have different numbers of dimensions"),
        (HEAD + "1,2:5\n", "the class '5' is not one of its header, 0, 1"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.ts"
    path.write_text(text)
    assert heard(path).removeprefix("HERE: ").startswith(expected)


def test_what_is_not_one_problem(tmp_path: Path) -> None:
    assert heard(tmp_path) == "HERE: holds no .ts file"
    for name in ("a_TRAIN.ts", "a_TEST.ts", "b_TRAIN.ts"):
        (tmp_path / name).write_text(HEAD + "1,2:0\n1,3:0\n1,4:1\n")
    assert heard(tmp_path) == "HERE: holds the problems a, b; name one of their files"
    assert Ts(path=str(tmp_path / "a_TEST.ts")).open().official_test
    assert not Ts(path=str(tmp_path / "b_TRAIN.ts")).open().official_test
    (tmp_path / "a_TEST.ts").write_text(HEAD + "1,2:3,4:0\n")
    assert heard(tmp_path / "a_TRAIN.ts") == f"{tmp_path / 'a_TEST.ts'}: has 2 dimensions where a_TRAIN.ts has 1"


@pytest.mark.parametrize(
    ("header", "end", "text"),
    [
        (
            "@targetlabel true",
            ":0.25",
            "its cases have a number to predict (@targetlabel true) and no class; take",
        ),
        (
            "@classLabel false",
            "",
            "its cases have no class (@classLabel true); take every step as normal, as for forec",
        ),
    ],
)
def test_cases_without_a_class(tmp_path: Path, header: str, end: str, text: str) -> None:
    lines = [f"{place},2,3.5:4,5,{place}{end}" for place in range(6)]
    (tmp_path / "a.ts").write_text("\n".join(["@problemName a", "@timestamps false", header, "@data", *lines]))
    with pytest.raises(DataError) as error:
        Ts(path=str(tmp_path / "a.ts")).open()
    assert str(error.value).removeprefix(f"{tmp_path / 'a.ts'}: ").startswith(text)
    source = Ts(path=str(tmp_path / "a.ts"), label=None).open()
    assert source.known is not None
    assert source.known.x[1].tolist() == [[1, 4], [2, 5], [3.5, 1]]
    assert not source.known.label.any()
    assert "no column holds labels, so all steps are taken as normal" in source.notes
