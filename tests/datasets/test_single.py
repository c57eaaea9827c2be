"""One series in a file: recognised by a time column or declared, cut in time, not guessed where time goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import ConfigError, DataError

FRAME = pd.DataFrame(
    {
        "timestamp": pd.date_range("2024-01-01", periods=20, freq="h").astype(str),
        "x": range(20),
        "label": [0] * 15 + [1] * 5,
    }
)


def opened(frame: pd.DataFrame, folder: Path, **settings: Any) -> Source:
    frame.to_csv(folder / "pump.csv", index=False)
    spec = pick_data({"path": str(folder / "pump.csv"), **settings})
    assert isinstance(spec, DataSpec)
    return spec.open()


def heard(frame: pd.DataFrame, folder: Path, **settings: Any) -> str:
    with pytest.raises((DataError, ConfigError)) as error:
        opened(frame, folder, **settings)
    return str(error.value).replace(str(folder), "HERE")


def test_a_table_that_begins_with_a_time_is_one_series(tmp_path: Path) -> None:
    source = opened(FRAME, tmp_path, test=0.25)
    parts = source.parts(0)
    assert {part.ids for part in vars(parts).values()} == {("pump",)}
    assert [part.x[0, :, 0].tolist()[0] for part in vars(parts).values()] == [0, 12, 15]
    assert parts.test.label.tolist() == [[1] * 5]
    assert parts.test.features == ("x",)
    assert source.notes[0] == (
        "pump.csv is one series in the order of 'timestamp'; if it holds several, name the column that tells them "
        "apart with --series"
    )
    assert "test is the last 25% of each series: 5 steps" in source.notes


def test_the_order_of_the_rows_and_no_labels(tmp_path: Path) -> None:
    frame = FRAME[["x"]]
    source = opened(frame, tmp_path, series=None, step=None, label=None)
    assert source.parts(0).train.x[0, :3, 0].tolist() == [0, 1, 2]
    assert source.notes[:2] == (
        "pump.csv is one series in the order of its rows",
        "no column holds labels, so all steps are taken as normal",
    )


def test_a_series_column_that_is_named_is_used(tmp_path: Path) -> None:
    two = FRAME.assign(site=[0, 1] * 10)
    source = opened(two, tmp_path, series="site", split={"time": 0.3})
    assert source.parts(0).train.ids == ("0", "1")
    assert not any("one series" in note for note in source.notes)


@pytest.mark.parametrize(
    ("change", "settings", "text"),
    [
        (
            lambda t: pd.concat([t, t]),
            {},
            "pump.csv: column 'timestamp', data row 21: goes back from the row before, so this may be several series; "
            "name the column that tells them apart with --series, or sort the rows if it is one",
        ),
        (
            lambda t: t.loc[t.index.repeat(2)],
            {},
            "pump.csv: series 'pump' has the same 'timestamp' in data rows 1 and 2; keep one of them, or name the "
            "column that tells the series apart with --series",
        ),
        (
            lambda t: t.drop(columns="label"),
            {},
            "pump.csv: there is no column 'label'; say which one it is with label (--label), or take every step as "
            "normal, as for forecast, with {path: HERE/pump.csv, label: null}; known: timestamp, x",
        ),
        (lambda t: t.assign(series=1), {"series": None}, "pump.csv: has a column 'series', so it is not one series"),
        (
            lambda t: t.drop(columns="timestamp"),
            {},
            "pump.csv: there is no column 'series'; say which one it is with series (--series), or read the file as "
            "one series with {path: HERE/pump.csv, series: null, step: null}; known: x, label",
        ),
        (
            lambda t: t,
            {"series": "x", "step": None},
            "step: null is for a file that is one series, so set series: null",
        ),
        (lambda t: t, {"rows": "sequences"}, "series: null is for a table with a row per step, got rows: sequences"),
        (lambda t: t, {"split": {"folds": 2}}, "pump.csv: has 1 series for 2 folds; each fold needs one"),
    ],
)
def test_what_is_not_guessed(tmp_path: Path, change: Any, settings: dict[str, Any], text: str) -> None:
    assert heard(change(FRAME), tmp_path, **settings).startswith(text)
