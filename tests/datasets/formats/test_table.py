"""Tables on disk: what is read, what counts as missing, and what is said about a file that is no table."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seqanomaly.datasets.formats.table import SUFFIXES, content_digest, read_noted, read_table
from seqanomaly.datasets.formats.text import MISSING
from seqanomaly.datasets.frame import numbers
from seqanomaly.errors import DataError

FRAME = pd.DataFrame({"series": ["a", "b"], "step": [0, 1], "x": [0.1, 1e-300]})
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00"


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".CSV", ".PARQUET", ".Csv.Gz"])
def test_every_ending_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix.lower()}"
    if ".csv" in suffix.lower() or ".tsv" in suffix:
        FRAME.to_csv(path, index=False, sep="\t" if ".tsv" in suffix else ",")
    elif suffix == ".feather":
        FRAME.to_feather(path)
    else:
        FRAME.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path.rename(tmp_path / f"table{suffix}")), FRAME, check_exact=True)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_other_separators_and_decimals_are_found_and_said(tmp_path: Path, separator: str, decimal: str) -> None:
    frame = pd.DataFrame({"name, of it": ["a", "b"], "step": [0, 1], "x": [0.25, -1e-3], "y": ["1,5 bar", "2"]})
    frame.to_csv(tmp_path / "t.csv", index=False, sep=separator, decimal=decimal)
    found, notes = read_noted(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(found, frame)
    also = " and decimals follow a comma" if decimal == "," else ""
    assert notes == (f"t.csv: its columns are separated by {separator!r}{also}",)


def test_text_with_commas_stays_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b;c\n1,5;x,y;1\n2;z;2\n")
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"a": [1.5, 2.0], "b": ["x,y", "z"], "c": [1, 2]}
    (tmp_path / "u.csv").write_text('a,b\n"1,5",2\n')
    found, notes = read_noted(tmp_path / "u.csv")
    assert (found["a"].tolist(), notes) == (["1,5"], ())


def test_an_index_with_a_name_is_a_column_again(tmp_path: Path) -> None:
    FRAME.set_index(["series", "step"]).to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), FRAME)
    FRAME.iloc[::-1].to_parquet(tmp_path / "u.parquet")
    assert read_table(tmp_path / "u.parquet").columns.tolist() == ["series", "step", "x"]


def test_columns_of_parquet_are_named_by_text(tmp_path: Path) -> None:
    FRAME.set_axis([5, 6, 7], axis=1).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").columns.tolist() == ["5", "6", "7"]


def test_what_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("i,label\n" + "".join(f"{i},{word}\n" for i, word in enumerate([*MISSING, "None", "none", "x"])))
    assert read_table(path)["label"].dropna().tolist() == ["None", "none", "x"]


def test_a_comma_at_the_end_of_each_row_shifts_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2,\n4,5,\n")
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"a": [1, 4], "b": [2, 5]}


def test_a_column_has_one_type_however_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("series,step\n" + "12,0\n" * 300_000 + "a12,0\n12,1\n")
    assert set(read_table(path)["series"]) == {"12", "a12"}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("e.csv", b"", "the file is empty"),
        ("e.csv", b"\n\n", "the file is empty"),
        ("p.csv", PNG, "is not text in UTF-8 (byte 0); if it is a CSV file, save it as UTF-8"),
        (
            "l.csv",
            "straße\n1\n".encode("latin-1"),
            "is not text in UTF-8 (byte 4); if it is a CSV file, save it as UTF-8",
        ),
        (
            "r.csv",
            b"a,b\n1,2\n1,2,3\n",
            "cannot be read as csv: Expected 2 fields in line 3, saw 3",
        ),
        ("s.csv", b"a,b\n1,2,3\n4,5,6\n", "cannot be read as csv: the rows have more values than the header has names"),
        ("d.csv", b"a;b\n1;2;3\n", "cannot be read as csv: the rows have more values than the header has names"),
        ("n.csv", b"a,x,b,x\n1,2,3,4\n", "cannot be read as csv: two columns are called 'x'; rename one"),
        ("z.csv.gz", b"a,b\n1,2\n", "cannot be read as gz: Not a gzipped file (b'a,')"),
        (
            "z.csv.gz",
            gzip.compress(b"a,b\n" * 99, mtime=0)[:-9],
            "cannot be read as gz: Compressed file ended before the end-of-stream marker was reached",
        ),
        ("x.xls", b"", "is an Excel workbook, which is not read; save the sheet as CSV"),
        ("x.foo", b"", f"unknown kind of file; known endings: {', '.join(SUFFIXES)}"),
        ("csv", b"a,b\n1,2\n", f"unknown kind of file; known endings: {', '.join(SUFFIXES)}"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: {text}"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(40) + b"PAR1", PNG])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_table(path)
    assert str(error.value).startswith(f"{path}: cannot be read as parquet: ")
    assert "\n" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "no.csv")
    assert str(error.value) == f"{tmp_path / 'no.csv'}: there is no such file"
    with pytest.raises(DataError) as error:
        read_table(tmp_path)
    assert str(error.value) == f"{tmp_path}: is not a file; name one CSV or Parquet file"


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    found = [content_digest(tmp_path / name) for name in "abc"]
    assert found[0] == found[1] == "6b86b273ff34fce1"
    assert found[2] != found[0]


def test_a_feather_file_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    batch = pa.record_batch({"x": np.zeros(1_000_000)})
    path = tmp_path / "a.feather"
    with pa.ipc.new_file(str(path), batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
        for _ in range(40):
            file.write_batch(batch)
    with pytest.raises(DataError) as error:
        read_table(path)
    assert str(error.value).startswith(f"{path}: says that it holds 305 MB in a file of {path.stat().st_size:,} bytes")


@pytest.mark.parametrize("value", ["0,5", "-1.234,5"])
def test_a_decimal_comma_that_cannot_be_read_is_named(value: str) -> None:
    with pytest.raises(DataError) as error:
        numbers(pd.Series([value, "0.5"], name="heat"), "doc")
    assert str(error.value) == (
        f"doc: column 'heat', data row 1: {value!r} has a decimal comma, which is read between ; or tabs and without "
        "points before it; write a point"
    )


@pytest.mark.parametrize(
    ("text", "line", "units"),
    [
        ("datetime,value\n,[m/s]\n2024-01-01,1\n", 2, "[m/s]"),
        ("# title\ntime;temp;flow\ns;\u00b0C;m3/h\n0;1;2\n", 3, "s, \u00b0C, m3/h"),
    ],
)
def test_a_line_of_units_is_named(tmp_path: Path, text: str, line: int, units: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "a.csv")
    assert str(error.value) == (
        f"{tmp_path / 'a.csv'}: line {line} holds no values but what may be units ({units}); take that line out"
    )


@pytest.mark.parametrize("text", ["a,b\n?,x\n1,y\n", "a,b\nNA,NaN\n1,2\n", "a,b\nx,1\ny,2\n", "a,b\nx,y\nz,y\n"])
def test_a_first_row_of_words_is_no_line_of_units(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert len(read_table(tmp_path / "a.csv")) == 2
