"""Text files of numbers: what is found, unpacked, read and refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from seqanomaly.datasets.formats.text import bare, digest_of, find, listed, read_bytes, read_numbers, read_text
from seqanomaly.errors import DataError

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("end", PACK)
def test_a_file_is_found_and_unpacked(tmp_path: Path, end: str) -> None:
    (tmp_path / f"a.txt{end}").write_bytes(PACK[end](b"1 2\n3 4\n"))
    path = find(tmp_path, "a.txt", "")
    assert (path.name, bare(path).name) == (f"a.txt{end}", "a.txt")
    assert read_bytes(path) == b"1 2\n3 4\n"
    assert read_numbers(path)[0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert listed(tmp_path, "*.txt") == [path]


def test_the_digest_is_of_names_and_content(tmp_path: Path) -> None:
    found = []
    for folder, name, content in (("a", "x.txt", b"1"), ("b", "x.txt.gz", gzip.compress(b"1")), ("c", "y.txt", b"1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
        found.append(digest_of([tmp_path / folder / name], tmp_path / folder))
    assert found[0] == found[1] != found[2]


def test_a_row_of_names_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffx,y\n1,2\n".encode())
    values, header = read_numbers(tmp_path / "a.csv", ",")
    assert (values.tolist(), header) == ([[1.0, 2.0]], True)


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("1,2\n3\n", ",", "row 2, value 2 of 2 is missing"),
        ("1,2\n3,\n", ",", "row 2, value 2 of 2 is missing"),
        ("1,2\n3,4,5\n", ",", "cannot be read as rows of numbers: Expected 2 fields in line 2, saw 3"),
        ("1 2\n3 1e39\n", r"\s+", "row 2, value 2 of 2: '1e+39' is not a finite 32-bit number"),
        ("a b\n1 2\n3 c\n", r"\s+", "row 3, value 2 of 2: 'c' is not a finite 32-bit number"),
        ("1;2\n", ",", "row 1, value 1 of 1: '1;2' is not a finite 32-bit number"),
        ("", ",", "the file is empty"),
        ("5,x\n1,2\n", ",", "row 1, value 2 of 2: 'x' is not a finite 32-bit number"),
        ("x,7\n1,2\n", ",", "row 1, value 1 of 2: 'x' is not a finite 32-bit number"),
        (",\n", ",", "cannot be read as rows of numbers: No columns to parse from file"),
        ("x,y\n", ",", "cannot be read as rows of numbers: No columns to parse from file"),
    ],
)
def test_what_is_no_number(tmp_path: Path, text: str, separator: str, expected: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError) as error:
        read_numbers(tmp_path / "a.txt", separator)
    assert str(error.value) == f"{tmp_path / 'a.txt'}: {expected}"


def test_many_numbers_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" ".join(map(str, range(30_000))))
    values, header = read_numbers(tmp_path / "a.txt")
    assert (values.shape, values[0, -1], header) == ((1, 30_000), 29_999, False)
    (tmp_path / "a.txt").write_text(" ".join([*map(str, range(30_000)), "x"]))
    with pytest.raises(DataError) as error:
        read_numbers(tmp_path / "a.txt")
    assert str(error.value) == f"{tmp_path / 'a.txt'}: value 30001: 'x' is not a finite 32-bit number"


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_bytes(tmp_path / "no.txt")
    assert str(error.value) == f"{tmp_path / 'no.txt'}: there is no such file"
    for end in (".gz", ".bz2", ".xz"):
        path = tmp_path / f"cut{end}"
        path.write_bytes(PACK[end](b"1 2\n" * 50)[:-9])
        with pytest.raises(DataError) as error:
            read_bytes(path)
        assert str(error.value).startswith(f"{path}: cannot be read (")
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9")
    with pytest.raises(DataError) as error:
        read_text(tmp_path / "latin.txt")
    assert str(error.value) == f"{tmp_path / 'latin.txt'}: is not text in UTF-8 (byte 0); save it as UTF-8"


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    for name in ("a.csv", "B.CSV", "c.Csv.GZ", "d.txt", "CSV"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in listed(tmp_path, "*.csv")] == ["B.CSV", "a.csv", "c.Csv.GZ"]
