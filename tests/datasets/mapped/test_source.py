"""A mapped table gives what the same table gives in memory: parts, classes, notes, errors."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import sequences, source, tables
from seqanomaly.datasets.mapped.moments import fit_scaler
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import ConfigError, DataError

Write = Callable[..., Path]
Compared = Callable[..., tuple[MappedSource, Opened]]
Same = Callable[[Sequences, Sequences], None]


def opened(path: Path, **settings: Any) -> MappedSource:
    found = FileData(path=str(path), mapped=True, **settings).open()
    assert isinstance(found, MappedSource)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"test": 0.5, "validation": 0.1},
        {"split": {"time": 0.3}},
        {"split": {"folds": 4}},
        {"features": ("b",)},
        {"normal": "1"},
    ],
)
def test_it_is_the_table_in_memory(
    long: pd.DataFrame, write: Write, compared: Compared, settings: dict[str, Any]
) -> None:
    compared(write(long), **settings)


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_series_may_go_on_from_batch_to_batch(
    long: pd.DataFrame, write: Write, compared: Compared, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "AT_ONCE", rows)
    monkeypatch.setattr(sequences, "AT_ONCE", rows)
    half = np.where(long["step"] < 10, "train", np.where(long["step"] < 14, "Validation", "test"))
    compared(write(long.assign(part=half)), part="part")


def ordered(label: pd.Series) -> pd.Series:
    return pd.Series(np.array(["0", "late"])[label], label.index).astype(
        pd.CategoricalDtype(["0", "late", "never"], ordered=True)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"series": lambda t: t["series"].str[1:].astype(int)},
        {"series": lambda t: t["series"].astype("category")},
        {"step": lambda t: t["step"] * 0.5},
        {"label": lambda t: t["label"].astype(bool)},
        {"label": lambda t: t["label"].astype(float)},
        {"label": lambda t: t["label"].map({0: "normal", 1: "a leak"})},
        {"label": lambda t: t["label"].map({0: "0", 1: "10"}).astype("category")},
        {"label": lambda t: ordered(t["label"])},
        {"a": lambda t: t["a"].astype(np.float32), "b": lambda t: (t["b"] * 100).astype(np.int16)},
        {"a": lambda t: t["label"] > 0},
        {"a": lambda t: 7.0},
    ],
)
def test_columns_of_every_type_that_it_takes(
    long: pd.DataFrame, write: Write, compared: Compared, change: dict[str, Any]
) -> None:
    compared(write(long.assign(**change)))


def test_timestamps_order_steps_without_a_note_on_their_distances(long: pd.DataFrame, write: Write, same: Same) -> None:
    timed = write(long.assign(step=pd.Timestamp("2024-01-01") + pd.to_timedelta(long["step"], "s")))
    mapped, memory = (FileData(path=str(timed), mapped=m).open() for m in (True, False))
    for mine, theirs in zip(vars(mapped.parts(0)).values(), vars(memory.parts(0)).values(), strict=True):
        same(mine, theirs)
    assert any("a step is every 1 s" in note for note in memory.notes)
    assert any("timestamps order the steps; their distances are not looked at" in note for note in mapped.notes)


def test_feather_too(long: pd.DataFrame, write: Write, compared: Compared) -> None:
    compared(write(long, "t.feather"))


def test_whole_series_may_be_given_to_parts_and_copies_are_found(
    long: pd.DataFrame, write: Write, compared: Compared
) -> None:
    number = long["series"].str[1:].astype(int)
    word = np.where(number < 20, "train", np.where(number < 30, "validation", "test"))
    again = long[number == 35].assign(series="s99", part="test")
    copy = long[number == 1].assign(series="s98", part="test")
    mapped, _ = compared(write(pd.concat([long.assign(part=word), again, copy])), part="part")
    assert any("copies: 1 test sequences equal a training one" in note for note in mapped.notes)
    mapped, _ = compared(write(pd.concat([long, again.drop(columns="part"), copy.drop(columns="part")])))
    assert any("copies: 2 sequences equal an earlier one" in note for note in mapped.notes)


def test_the_scaler_has_the_same_bits(long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(long)
    expected = Scaler.fit(FileData(path=str(path)).open().parts(1).train)
    monkeypatch.setattr(sequences, "AT_ONCE", 50)
    assert fit_scaler(opened(path).divided(1).train) == expected


def test_a_large_table_is_mapped_without_being_told(
    long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(long)
    assert isinstance(FileData(path=str(path)).open(), Opened)
    monkeypatch.setattr(source, "LARGE", 8 * len(long) * 5 - 1)
    assert isinstance(FileData(path=str(path)).open(), MappedSource)
    assert isinstance(FileData(path=str(path), mapped=False).open(), Opened)
    assert isinstance(FileData(path=str(path), duplicates="first").open(), MappedSource)


def test_the_name_does_not_say_how_it_is_read() -> None:
    assert FileData(path="a.parquet", mapped=True).name == FileData(path="a.parquet").name == "a"


def cell(frame: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    changed = frame.copy()
    if isinstance(value, str) or value is None:
        changed[column] = changed[column].astype(object)
    changed.loc[row, column] = value
    return changed


ROWS = "sort the rows by series and step, or read the table whole with mapped: false"
BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a value is missing": (
        lambda t: cell(t, 130, "b", np.nan),
        "t.parquet: column 'b', data row 131: the value is missing; fill it, or set missing: drop, ffill, interpolate "
        "or mask, or leave the column out with --ignore",
    ),
    "a value is infinite": (lambda t: cell(t, 700, "a", np.inf), "column 'a', data row 701: the value is inf, not a"),
    "text for numbers": (lambda t: t.assign(a="x"), "column 'a' is text, not numbers; name the features with"),
    "no column of series": (
        lambda t: t.drop(columns="series"),
        "there is no column 'series'; say which one it is with",
    ),
    "a series comes again": (
        lambda t: pd.concat([t, t[t["series"] == "s3"]]),
        f"t.parquet: series 's3' goes on in data row 1569 after another one; {ROWS}",
    ),
    "a step goes back": (
        lambda t: cell(t, 12, "step", 3),
        f"series 's0' goes back in 'step' in data rows 12 and 13; {ROWS}",
    ),
    "a step stands twice": (
        lambda t: cell(t, 12, "step", 11),
        "series 's0' has the same 'step' in data rows 12 and 13; keep one of them, or name the column that tells the",
    ),
    "a step is missing": (
        lambda t: cell(t.astype({"step": "Int64"}), 105, "step", pd.NA),
        "column 'step', data row 106: the value is missing; steps are numbers or timestamps",
    ),
    "steps are text": (
        lambda t: t.astype({"step": str}),
        "column 'step' is text; steps of a mapped table are numbers",
    ),
    "a series is missing": (
        lambda t: cell(t, 250, "series", None),
        "column 'series', data row 251: the series is missing",
    ),
    "series are broken numbers": (
        lambda t: t.assign(series=t["series"].str[1:].astype(float)),
        "column 'series' is double; series of a mapped table are named by text or whole numbers: write them so",
    ),
    "a label is missing": (
        lambda t: cell(t.astype({"label": "Int64"}), 333, "label", pd.NA),
        "column 'label', data row 334: the label is missing; label every row, or read the table whole",
    ),
    "a label is not a number": (
        lambda t: cell(t.astype({"label": float}), 333, "label", np.nan),
        "column 'label', data row 334: the label is missing; label every row, or read the table whole",
    ),
    "a label is infinite": (
        lambda t: cell(t.astype({"label": float}), 333, "label", np.inf),
        "column 'label', data row 334: the label is inf; labels are classes, so whole numbers or text",
    ),
    "a value is just too large": (
        lambda t: cell(t, 700, "a", 3.40282347e38),
        "column 'a', data row 701: the value is 3.40282347e+38, not a finite 32-bit number",
    ),
    "a label is no class": (
        lambda t: cell(t.astype({"label": float}), 333, "label", 0.5),
        "column 'label', data row 334: the label is 0.5; labels are classes, so whole numbers or text",
    ),
    "labels are numbers without end": (
        lambda t: t.assign(label=np.arange(len(t))),
        "column 'label' has more than 256 labels, which a mapped table cannot have",
    ),
    "no label is normal": (lambda t: t.assign(label=t["label"] + 3), "has the labels 3, 4 and none is 0 or 'normal'"),
    "a series is short": (
        lambda t: t[~((t["series"] == "s5") & (t["step"] > 0))],
        "series 's5' has 1 step; a sequence needs at least 2",
    ),
    "two series": (lambda t: t[t["series"].isin(["s0", "s1"])], "has 2 series; training, validation and test need at"),
    "no rows": (lambda t: t[:0], "t.parquet: there are no rows"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("rows", [3, 1000])
def test_what_cannot_be_mapped_is_said(
    case: str, rows: int, long: pd.DataFrame, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sentence = BROKEN[case]
    path = write(broken(long))
    monkeypatch.setattr(tables, "AT_ONCE", rows)
    with pytest.raises(DataError) as error:
        opened(path)
    assert sentence in str(error.value)
    assert not [entry for entry in cache.glob(".*") if entry.is_dir()]


PARTS: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "another word": (
        lambda t: np.where(t.index == 444, "exam", np.where(t.index < 800, "train", "test")),
        "column 'part', data row 445: 'exam' is not train, validation or test",
    ),
    "no word": (
        lambda t: [None if n == 444 else "train" if n < 800 else "test" for n in t.index],
        "column 'part', data row 445: 'None' is not train, validation or test",
    ),
    "back in time": (
        lambda t: np.where(t["step"] < 5, "test", "train"),
        "column 'part', data row 6: a train step after a test one in a series; a series belongs to one part as a whole",
    ),
    "nothing to test": (lambda t: "train", "column 'part' gives 40 series to train and 0 to test"),
    "some are cut": (
        lambda t: np.where(
            (t["series"] == "s3") & (t["step"] > 9), "test", np.where(t["series"] == "s4", "test", "train")
        ),
        "series 's3' is in more than one part and series 's0' is not",
    ),
}


@pytest.mark.parametrize("case", PARTS)
@pytest.mark.parametrize("rows", [3, 1000])
def test_a_part_column_that_cannot_be(
    case: str, rows: int, long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, sentence = PARTS[case]
    path = write(long.assign(part=words(long)))
    monkeypatch.setattr(tables, "AT_ONCE", rows)
    with pytest.raises(DataError) as error:
        opened(path, part="part")
    assert sentence in str(error.value)


def test_a_part_column_that_is_not_there(long: pd.DataFrame, write: Write) -> None:
    with pytest.raises(DataError, match=r"t.parquet: there is no column 'prat' to tell train from test"):
        opened(write(long), part="prat")


def test_only_tables_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("series,step,label,x\n")
    with pytest.raises(DataError, match=r"t.txt: is text of no family that is known by its names; .* save it as .csv"):
        opened(tmp_path / "t.txt")


def test_a_row_per_sequence_needs_the_whole_table() -> None:
    with pytest.raises(ConfigError, match=r"rows: sequences is for tables that are read whole, got mapped: true"):
        FileData(path="a.parquet", mapped=True, rows="sequences")


def test_a_broken_file(tmp_path: Path, long: pd.DataFrame, write: Write) -> None:
    path = write(long)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"t.parquet: cannot be read as parquet"):
        opened(path)


def test_parts_that_are_too_large_to_score(long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SCORED", 500)
    mapped = opened(write(long))
    with pytest.raises(
        DataError, match=r"the test part has [\d,]+ steps, padded .* at most 500 can be scored.* test: 0.01"
    ):
        mapped.scored(mapped.divided(0))
    small = opened(write(long), test=0.05, validation=0.05)
    assert [len(part) for part in small.scored(small.divided(0))] == [2, 2]
    monkeypatch.setattr(source, "WHOLE", 50)
    sentence = r"series 's\d+' trains with 5\d steps, and a model that sees whole sequences is given at most 50"
    with pytest.raises(DataError, match=sentence):
        small.check_whole(small.divided(0))
    monkeypatch.setattr(source, "HELD", 500)
    with pytest.raises(DataError, match=r"this command holds all of them, at most 500: give it a part of the table"):
        small.parts(0)


def test_every_field_of_sequences_is_known_here() -> None:
    """A field that is added to sequences has to be thought of in mapped ones."""
    assert {field.name for field in fields(Sequences)} == {
        "x",
        "label",
        "length",
        "ids",
        "features",
        "classes",
        "offset",
        *("valid", "breaks"),  # what policies make
        "time",  # what they go by, and nothing after them
        "flat",  # how they lie in memory, where mapped ones do not lie
    }


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_without_a_label_the_columns_that_may_be_it_are_named_as_in_memory(
    long: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    path, table = tmp_path / f"table{ending}", long.rename(columns={"label": "state"})
    table.assign(state=(table["state"] != 0).astype(int)).pipe(
        lambda found: found.to_csv(path, index=False) if ending == ".csv" else found.to_parquet(path, index=False)
    )
    said = []
    for mapped in (True, False):
        with pytest.raises(DataError) as error:
            FileData(path=str(path), mapped=mapped).open()
        said.append(str(error.value))
    assert said[0] == said[1]
    assert "(0 and 1 are the only values of 'state')" in said[0]
