"""Text that is too large for memory gives what the same text gives in memory, and what Parquet gives."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import source, text
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.mapped.text import decoded_size, described
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred rows are read at once."""
    monkeypatch.setattr(text, "AT_ONCE", 100)


def opened(path: Path, **settings: Any) -> MappedSource:
    text._described.cache_clear()
    found = FileData(path=str(path), mapped=True, **settings).open()
    assert isinstance(found, MappedSource)
    return found


def same(one: Sequences, other: Sequences) -> None:
    assert (one.ids, one.features, one.classes) == (other.ids, other.features, other.classes)
    for field in ("length", "start", "x", "label"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def compared(path: Path, seed: int = 3, **settings: Any) -> MappedSource:
    """The mapped table, after a look at every part and note of it and of the same file in memory."""
    mapped, memory = opened(path, **settings), FileData(path=str(path), mapped=False, **settings).open()
    assert isinstance(memory, Opened)
    for mine, theirs in zip(vars(mapped.parts(seed)).values(), vars(memory.parts(seed)).values(), strict=True):
        same(mine, theirs)
    first, *others = mapped.notes
    assert first.startswith(f"{path.name} is mapped, not read: its steps stay in its converted copy, ")
    timed = ("a step is every", "timestamps order the steps")
    assert [n for n in others if not n.startswith(timed)] == [n for n in memory.notes if not n.startswith(timed)]
    for fact in ("digest", "official_test", "shape", "columns"):
        assert getattr(mapped, fact) == getattr(memory, fact)
    return mapped


@pytest.mark.parametrize("rows", [7, 1 << 17])
def test_some_rows_at_once_or_all(long: pd.DataFrame, write: Write, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "AT_ONCE", rows)
    compared(write(long.assign(part=np.where(long["step"] < 10, "train", "test")), "t.csv"), part="part")


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.tsv", "t.tsv.gz"])
def test_it_is_the_table_in_memory(long: pd.DataFrame, write: Write, name: str) -> None:
    compared(write(long, name))


@pytest.mark.parametrize(
    "settings", [{"split": {"time": 0.3}}, {"split": {"folds": 4}}, {"features": ("b",)}, {"label": None}]
)
def test_settings(long: pd.DataFrame, write: Write, settings: dict[str, Any]) -> None:
    compared(write(long, "t.csv"), **settings)


def test_it_is_the_same_table_as_parquet(long: pd.DataFrame, write: Write) -> None:
    single = long.astype({"a": np.float32, "b": np.float32})
    one, other = opened(write(single, "t.csv")), opened(write(single, "t.parquet"))
    for mine, theirs in zip(vars(one.parts(0)).values(), vars(other.parts(0)).values(), strict=True):
        same(mine, theirs)


CHANGES: dict[str, dict[str, Any]] = {
    "series are numbers": {"series": lambda t: t["series"].str[1:].astype(int)},
    "series begin as numbers": {"series": lambda t: t["series"].str[1:].where(t.index < 1000, t["series"])},
    "steps are broken numbers": {"step": lambda t: t["step"] * 0.5},
    "steps become broken numbers": {"step": lambda t: t["step"].astype(str) + np.where(t["series"] < "s3", "", ".5")},
    "labels are words": {"label": lambda t: t["label"].map({0: "normal", 1: "a leak"})},
    "labels are true and false": {"label": lambda t: t["label"].astype(bool)},
    "labels are broken numbers": {"label": lambda t: t["label"].astype(float)},
    "labels become words": {"label": lambda t: t["label"].map({0: "0", 1: "leak"}).where(t.index > 700, "0")},
    "features are of every type": {
        "a": lambda t: t["a"].round(2),
        "b": lambda t: (100 * t["b"]).astype(int),
        "c": lambda t: t["b"] > 0,
        "d": lambda t: 7,
        "e": lambda t: np.where(t.index < 1000, "5", "5.25"),
        "f": lambda t: np.where(t.index < 1000, "5", "1e3"),
        "g": lambda t: np.where(t.index == 8, str(2**63 + 2**30), "12345678901234567"),
    },
    "steps are times": {"step": lambda t: pd.Timestamp("2024-01-01") + pd.to_timedelta(t["step"], "h")},
    "steps are times with a zone": {
        "step": lambda t: pd.Timestamp("2024-03-30", tz="Europe/Berlin") + pd.to_timedelta(t["step"], "h")
    },
    "a column has a comma in its text": {"label": lambda t: t["label"].map({0: "normal", 1: 'a "leak", or\nso'})},
}


@pytest.mark.parametrize("change", CHANGES)
def test_columns_of_every_type(long: pd.DataFrame, write: Write, change: str) -> None:
    compared(write(long.assign(**CHANGES[change]), "t.csv"))


def test_other_separators_and_decimals(long: pd.DataFrame, tmp_path: Path) -> None:
    sparse = long.assign(c=np.where(long.index < 1000, "5", "5,25"), d=np.where(long.index % 100, "2.5", "3"))
    for separator, decimal, frame in (
        (";", ",", sparse.drop(columns="d")),
        ("|", ".", sparse.drop(columns="c")),
        ("\t", ",", long),
    ):
        frame.to_csv(tmp_path / "t.csv", index=False, sep=separator, decimal=decimal)
        mapped = compared(tmp_path / "t.csv")
        also = " and decimals follow a comma" if decimal == "," else ""
        assert f"t.csv: its columns are separated by {separator!r}{also}" in mapped.notes


def test_a_comma_in_some_rows_alone_is_no_decimal(long: pd.DataFrame, tmp_path: Path) -> None:
    mixed = long["b"].round(2).astype(str)
    frame = long.assign(a=mixed.where(long.index < 1000, mixed.str.replace(".", ",")))
    frame.to_csv(tmp_path / "t.csv", index=False, sep=";")
    sentences = set()
    for mapped in (True, False):
        with pytest.raises(DataError) as error:
            FileData(path=str(tmp_path / "t.csv"), mapped=mapped).open()
        sentences.add(str(error.value))
    (sentence,) = sentences
    assert "data row 1001: " in sentence
    assert "has a decimal comma" in sentence


def cell(frame: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    changed = frame.astype({column: object})
    changed.loc[row, column] = value
    return changed


NO_POLICY, POLICY = "fill it or drop the row", "fill it, or set missing: drop, ffill, interpolate or mask"
"""The remedies for a missing value: of a mapped table and of one in memory."""
BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a value is missing": (
        lambda t: cell(t, 1130, "b", None),
        "t.csv: column 'b', data row 1131: the value is missing; fill it",
    ),
    "a value is infinite": (lambda t: cell(t, 700, "a", "inf"), "column 'a', data row 701: the value is inf, not a"),
    "a value is a word": (
        lambda t: cell(t, 1200, "a", "off"),
        "t.csv: column 'a', data row 1201: 'off' is not a number; correct it, or leave the column out with --ignore",
    ),
    "a column is of words": (lambda t: t.assign(a="x"), "t.csv: column 'a', data row 1: 'x' is not a number; correct"),
    "true, false and a number": (
        lambda t: cell(t.assign(a=t["label"] > 0), 1200, "a", 3),
        "t.csv: column 'a', data row 1: 'False' is not a number; correct it, or leave the column out with --ignore",
    ),
    "true, false and nothing": (
        lambda t: cell(t.assign(a=t["label"] > 0), 1200, "a", None),
        "t.csv: column 'a', data row 1201: the value is missing; fill it",
    ),
    "nothing": (lambda t: t.assign(a=None), "t.csv: column 'a', data row 1: the value is missing; fill it"),
    "no column of series": (
        lambda t: t.drop(columns="series"),
        "t.csv: there is no column 'series'; say which one it is with series",
    ),
    "a step stands twice": (
        lambda t: cell(t, 12, "step", 11),
        "t.csv: series 's0' has the same 'step' in data rows 12 and 13; keep one of them, or name the column that tell",
    ),
    "a step is missing": (lambda t: cell(t, 105, "step", None), "t.csv: column 'step', data row 106: the value is mis"),
    "a step is a word": (
        lambda t: cell(t, 105, "step", "late"),
        "t.csv: column 'step', data row 106: 'late' is not a number; correct it, or name another column with --step",
    ),
    "a step is a word, and so are the others around": (
        lambda t: t.assign(step=t["step"].astype(str).where((t.index < 290) | (t.index > 410), "late")),
        "t.csv: column 'step', data row 291: 'late' is not a number; correct it, or name another column with --step",
    ),
    "a step is a time": (
        lambda t: t.assign(step=t["step"].astype(str).where((t.index < 290) | (t.index > 410), "2024-01-01")),
        "t.csv: column 'step', data row 291: '2024-01-01' is not a number; correct it, or name another column with",
    ),
    "steps become numbers": (
        lambda t: t.assign(step=t["step"].where(t.index > 200, "2024-01-01 00:" + t["step"].astype(str).str.zfill(2))),
        "t.csv: column 'step', data row 1: '2024-01-01 00:00' is not a number; correct it, or name another column with",
    ),
    "a step is no time": (
        lambda t: cell(t.assign(step=(pd.Timestamp("2024") + pd.to_timedelta(t["step"], "h")).astype(str)), 999,
                       "step", "late"),
        "t.csv: column 'step', data row 1000: 'late' is no time; steps are numbers or timestamps: correct it, or name",
    ),
    "a series is missing": (
        lambda t: cell(t, 250, "series", None),
        "t.csv: column 'series', data row 251: the series is missing",
    ),
    "a label is no class": (
        lambda t: cell(t, 333, "label", 0.5),
        "t.csv: column 'label', data row 334: the label is 0.5; labels are classes, so whole numbers or text",
    ),
    "no label is normal": (lambda t: t.assign(label=t["label"] + 3), "has the labels 3, 4 and none is 0 or 'normal'"),
    "a series is short": (
        lambda t: t[~((t["series"] == "s5") & (t["step"] > 0))],
        "series 's5' has 1 step; a sequence needs at least 2",
    ),
    "no rows": (lambda t: t[:0], "t.csv: there are no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_errors_are_those_of_the_table_in_memory(case: str, long: pd.DataFrame, write: Write, cache: Path) -> None:
    broken, sentence = BROKEN[case]
    path = write(broken(long), "t.csv")
    said = set()
    for mapped in (True, False):
        with pytest.raises(DataError) as error:
            FileData(path=str(path), mapped=mapped).open()
        said.add(str(error.value).replace(NO_POLICY, POLICY))
    assert len(said) == 1
    assert sentence in said.pop()
    assert not [entry for entry in cache.glob(".*") if entry.is_dir()]


NAMES, BAD = b"series,step,label,x\n", "t.csv: cannot be read as csv"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "t.csv: the file is empty"),
        (
            b"series,step,label,x\n1,2,3,4\n3,4,5,6,7\n",
            "t.csv: cannot be read as csv: Expected 4 fields in line 3, saw 5",
        ),
        (
            b"series,step,label,x\n1,2,3,4,5\n",
            "t.csv: cannot be read as csv: the rows have more values than the header has names",
        ),
        (b"series,step,label,a,a\n1,2,3,4,5\n", "t.csv: cannot be read as csv: two columns are called 'a'; rename one"),
        (
            b'series,step,label,x\n1,2,3,4\n"3,4\n5,6\n',
            "t.csv: cannot be read as csv: EOF inside string starting at row 2",
        ),
        (b"a,b\n1,\xff\n", "t.csv: is not text in UTF-8 (byte 6); if it is a CSV file, save it as UTF-8"),
        (b"a,b\n1,\0\n", "t.csv: byte 6 is NUL, so it is no text file; save it as plain text in UTF-8"),
    ],
)
def test_broken_text(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    said = set()
    for mapped in (True, False):
        with pytest.raises(DataError) as error:
            FileData(path=str(tmp_path / "t.csv"), mapped=mapped).open()
        said.add(str(error.value).removeprefix(f"{tmp_path}/"))
    assert len(said) == 1
    assert said.pop().startswith(sentence)


def test_a_cut_archive(long: pd.DataFrame, write: Write) -> None:
    path = write(long, "t.csv.gz")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match=r"t.csv.gz: cannot be read as gz: Compressed file ended before"):
        opened(path)


def test_a_quotation_mark_that_is_not_closed_ends_early(
    long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(long, "t.csv")
    lines = path.read_text().splitlines()
    lines[1000] = '"' + lines[1000]
    path.write_text("\n".join([*lines, *lines[1:1000] * 20]))
    monkeypatch.setattr(text, "MOST", 1 << 19)
    monkeypatch.setattr(text, "AMOUNT", 1 << 14)
    with pytest.raises(DataError) as error:
        opened(path)
    before = int(str(error.value).split("after data row ")[1].split(" ")[0].replace(",", ""))
    assert 0 <= before < 1000
    assert str(error.value) == (
        f"{path}: a few rows after data row {before:,} take over 0 MB; close the quotation mark that was opened there, "
        "or leave long text out"
    )


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_what_is_large_goes_by_the_values(
    long: pd.DataFrame, write: Write, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(long, name)
    size = 8 * (len(long) + 1) * long.shape[1]
    assert decoded_size(path) == size
    assert isinstance(FileData(path=str(path)).open(), Opened)
    monkeypatch.setattr(source, "LARGE", size - 1)
    assert isinstance(FileData(path=str(path)).open(), MappedSource)
    assert isinstance(FileData(path=str(path), mapped=False).open(), Opened)
    assert not FileData(path=str(path), rows="sequences").is_mapped()
    assert FileData(path=str(path), series=None).is_mapped()


def test_the_size_is_estimated_from_the_beginning(
    long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(pd.concat([long] * 40), "t.csv.gz")
    exact = decoded_size(path)
    monkeypatch.setattr(text, "SAMPLE", 1 << 19)
    assert decoded_size(path) == pytest.approx(exact, rel=0.2)
    assert decoded_size(path) != exact


def test_types_are_kept_with_the_copy(long: pd.DataFrame, write: Write) -> None:
    path = write(long, "t.csv")
    expected = described(path)
    assert expected.kinds == {"series": "str", "step": "int64", "label": "int64", "a": "float64", "b": "float64"}
    assert (expected.rows, expected.separator, expected.decimal) == (len(long), ",", ".")
    opened(path)
    assert opened(path).table.about.text == expected


CHILD = f"""
import resource, sys
from pathlib import Path
import seqanomaly.datasets.mapped.source
from seqanomaly.datasets.files import FileData
from seqanomaly.errors import SeqanomError

there = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (there + {1 << 30}, there + {1 << 30}))
try:
    FileData(path=sys.argv[1], mapped=True).open()
except SeqanomError as error:
    print(error)
"""


def commas(path: Path) -> None:
    """60 MB of commas in one row."""
    path.write_bytes(NAMES + b"," * (60 << 20))


def quoted(path: Path) -> None:
    """1.5 GB within a quotation mark, in lines."""
    block = b"1,2\n" * (1 << 20)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(NAMES + b'1,"2\n')
        for _ in range(384):
            file.write(block)


def line(path: Path) -> None:
    """1 GB without an end of line."""
    with path.open("wb") as file:
        file.write(NAMES)
        for _ in range(1024):
            file.write(b"1" * (1 << 20))


def bomb(path: Path) -> None:
    """1 GB of rows in 1 MB."""
    member = gzip.compress(b"0,0,0,0\n" * (2 << 20))
    path.write_bytes(gzip.compress(NAMES) + member * 64)


HEAVY: dict[str, tuple[Callable[[Path], None], str]] = {
    "commas.csv": (
        commas,
        "commas.csv: has a row of over 200,000 columns after data row 0, and a table may have 20,000",
    ),
    "quoted.csv.gz": (quoted, "quoted.csv.gz: a few rows after data row 0 take over 144 MB; close the quotation mark"),
    "line.csv": (line, "line.csv: has a line of more than 64 MB, so it is no table; it needs a line per row"),
    "bomb.csv.gz": (bomb, "over 200 times its size, so it is no data file; if it is one, unpack it first"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_hostile_text_ends_in_a_sentence_in_little_memory(name: str, tmp_path: Path) -> None:
    write, sentence = HEAVY[name]
    write(tmp_path / name)
    environment = {**os.environ, "SEQANOM_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", CHILD, str(tmp_path / name)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert sentence in done.stdout, done.stderr
