"""The UCR classification archive: its layouts, padding, classes and broken files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.ucr_cases import UcrCases
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

STEPS = 12


def rows(cases: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Cases of class 1 and 2, one after the other."""
    x = np.random.default_rng(cases).standard_normal((cases, STEPS))
    return np.column_stack([np.arange(cases) % 2 + 1, x])


def put(folder: Path, *, ending: str = ".tsv", separator: str = "\t", name: str = "Made") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, cases in (("TRAIN", 20), ("TEST", 10)):
        lines = [separator.join([f"{row[0]:.0f}", *(f"{value:.6f}" for value in row[1:])]) for row in rows(cases)]
        (folder / f"{name}_{part}{ending}").write_text("\n".join(lines) + "\n")


def write(folder: Path) -> None:
    put(folder, name="Wafer")


def lack(folder: Path) -> None:
    path = folder / "Wafer_TRAIN.tsv"
    lines = path.read_text().splitlines()
    words = lines[3].split("\t")
    lines[3] = "\t".join([*words[:5], "NaN", *words[6:]])
    path.write_text("\n".join(lines) + "\n")


SAMPLE = {
    "kind": "ucr_cases",
    "write": write,
    "path": ".",
    "settings": {"normal": 1, "label": "binary"},
    "parts": "given",
    "lack": lack,
}


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        UcrCases(path=str(path), **settings).open()
    return str(error.value).replace(str(path), "HERE")


@pytest.mark.parametrize(
    ("ending", "separator"), [(".tsv", "\t"), ("", ","), (".txt", "  "), (".txt", " "), (".txt", ",")]
)
def test_every_layout_has_the_same_cases(tmp_path: Path, ending: str, separator: str) -> None:
    put(tmp_path / "Made", ending=ending, separator=separator)
    assert recognise(str(tmp_path / "Made")) == {"kind": "ucr_cases", "path": str(tmp_path / "Made")}
    one = tmp_path / "Made" / f"Made_TEST{ending}"
    assert recognise(str(one)) == {"kind": "ucr_cases", "path": str(one)}
    for path in (tmp_path / "Made", one):
        source = UcrCases(path=str(path), normal="1").open()
        known, test = source.known, source.parts(0).test
        assert known is not None
        assert (known.x.shape, test.x.shape, known.classes) == ((20, STEPS, 1), (10, STEPS, 1), ("1", "2"))
        np.testing.assert_allclose(known.x[:, :, 0], rows(20)[:, 1:], atol=1e-6)
        assert known.label[:, 0].tolist() == [0, 1] * 10
        assert known.ids[:2] == ("Made_TRAIN-1", "Made_TRAIN-2")


def test_old_files_write_classes_as_decimals(tmp_path: Path) -> None:
    lines = ["   1.0000000e+00  -6.4788498e-01   2.5e-01", "  -1.0000000e+00   1.0e+00   2.0e+00"] * 5
    (tmp_path / "Old_TRAIN").write_text("\n".join(lines) + "\n")
    assert recognise(str(tmp_path))["kind"] == "ucr_cases"
    known = UcrCases(path=str(tmp_path), normal="-1").open().known
    assert known is not None
    assert known.classes == ("-1", "1")
    np.testing.assert_allclose(known.x[0, :, 0], [-0.64788498, 0.25])


def test_the_normal_class_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "a_TRAIN.tsv").write_text("1\t0.5\t1\n-1\t2\t3\n" * 5)
    assert heard(tmp_path / "a_TRAIN.tsv") == (
        "HERE: has the classes -1, 1 and none is 0 or 'normal'; say which one is normal with normal: CLASS"
    )


def test_nan_at_the_end_is_padding(tmp_path: Path) -> None:
    lines = ["0\t1\t2\t3\t4", "1\t5\tNaN\t6\tNaN", "0\t7\t8\tNaN\tNaN", *["1\t1\t2\t3\t4"] * 3]
    (tmp_path / "a_TRAIN.tsv").write_text("\n".join(lines) + "\n")
    assert heard(tmp_path / "a_TRAIN.tsv").startswith(
        "HERE: row 2: value 2 of dimension 1 is missing (?); fill it, or set missing: drop, ffill"
    )
    source = UcrCases(path=str(tmp_path), missing="interpolate").open()
    assert source.known is not None
    assert source.known.length[:3].tolist() == [4, 3, 2]
    assert source.known.x[1, :3, 0].tolist() == [5, 5.5, 6]
    assert "a_TRAIN.tsv: 2 of 6 cases end in missing values, which are taken as padding and left out" in source.notes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0\n1\n", "has one value in a line; needed are the class of a case and its values"),
        ("0\t1\t2\n0.35\t1\t2\n", "row 2 begins with 0.35, which is no class; a line is a class, a whole number, and"),
        ("0\t1\t2\nNaN\t1\t2\n", "row 2 begins with nan, which is no class"),
        ("0\t1\t2\n1\tNaN\tNaN\n", "row 2: all of its values are missing; leave the line out"),
        ("0\t1\t2\n1\tx\t2\n", "row 2, value 2 of 3: 'x' is not a finite 32-bit number"),
        ("0\t1\t2\n1\t1\t2\t3\n", "cannot be read as rows of numbers: Expected 3 fields in line 2, saw 4"),
        ("", "the file is empty"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a_TRAIN.tsv"
    path.write_text(text)
    assert heard(path).removeprefix("HERE: ").startswith(expected)


def test_other_layouts_of_a_problem_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    put(tmp_path, name="Wafer", ending=".txt", separator=" ")
    source = UcrCases(path=str(tmp_path), normal="1").open()
    assert "Wafer_TRAIN.txt: taken to hold the same cases and not read" in source.notes
    (tmp_path / "Wafer_TRAIN.ts").write_text("@problemName a\n@classLabel true 0 1\n@data\n" + "1,2:0\n" * 5)
    assert recognise(str(tmp_path)) == {"kind": "ts", "path": str(tmp_path)}


def test_what_is_no_case(tmp_path: Path) -> None:
    (tmp_path / "runs_TRAIN.tsv").write_text("series\tstep\tlabel\tx\na\t0\t0\t1\n")
    (tmp_path / "temperature.txt").write_text("1 2 3\n")
    assert recognise(str(tmp_path / "runs_TRAIN.tsv"))["kind"] == "file"
    assert recognise(str(tmp_path / "temperature.txt"))["kind"] == "file"
    put(tmp_path / "two", name="a")
    put(tmp_path / "two", name="b")
    assert heard(tmp_path / "two") == "HERE: holds the problems a, b; name one of their files"
