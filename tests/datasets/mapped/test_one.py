"""A mapped table that is one series gives what the same table gives in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import sequences, source, tables
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import ConfigError, DataError

Write = Callable[..., Path]
Compared = Callable[..., tuple[MappedSource, Opened]]


@pytest.fixture
def pump() -> pd.DataFrame:
    """One series of 400 steps with two features."""
    generator = np.random.default_rng(5)
    label = (np.arange(400) % 50 > 40).astype(int)
    x = generator.normal(size=(400, 2)) + label[:, None]
    return pd.DataFrame({"step": 7 * np.arange(400) - 3, "label": label, "a": x[:, 0], "b": x[:, 1]})


@pytest.mark.parametrize("rows", [7, 64, 1000])
@pytest.mark.parametrize("name", ["pump.parquet", "pump.feather", "pump.csv", "pump.tsv.gz"])
@pytest.mark.parametrize(
    "settings",
    [
        {"step": "step"},
        {"step": None},
        {"step": None, "features": ("b",), "test": 0.01, "validation": 0.5},
        {"step": "step", "split": {"time": 0.6}},
        {"step": "step", "part": "part"},
    ],
)
def test_it_is_the_table_in_memory(
    settings: dict[str, Any],
    name: str,
    rows: int,
    pump: pd.DataFrame,
    write: Write,
    compared: Compared,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (tables, sequences):
        monkeypatch.setattr(module, "AT_ONCE", rows)
    if "part" in settings:
        pump = pump.assign(part=np.where(pump.index < 300, "train", "test"))
    if settings["step"] is None:
        pump = pump.drop(columns="step")
    mapped, _ = compared(write(pump, name), series=None, **settings)
    parts = mapped.divided(0)
    assert [part.ids[0] for part in vars(parts).values()] == ["pump"] * 3


def test_times_order_the_steps(pump: pd.DataFrame, write: Write, same: Callable[..., None]) -> None:
    timed = pump.drop(columns="step")
    timed.insert(0, "timestamp", pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(400), "min"))
    for name in ("pump.parquet", "pump.csv"):
        path = write(timed, name)
        mapped, memory = (FileData(**recognise(str(path)), mapped=how).open() for how in (True, False))
        assert isinstance(mapped, MappedSource)
        for mine, theirs in zip(vars(mapped.parts(0)).values(), vars(memory.parts(0)).values(), strict=True):
            same(mine, theirs)
        assert mapped.notes[1] == memory.notes[0]
        assert "is one series in the order of 'timestamp'" in memory.notes[0]


def test_a_large_one_is_mapped_without_being_told(
    pump: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(pump)
    spec = FileData(path=str(path), series=None)
    assert isinstance(spec.open(), Opened)
    monkeypatch.setattr(source, "LARGE", 8 * len(pump) * 4 - 1)
    assert isinstance(spec.open(), MappedSource)


BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any]]] = {
    "a step goes back": (lambda t: t.assign(step=np.where(t.index == 130, 5, t["step"])), {}),
    "the first row of a batch goes back": (lambda t: t.assign(step=np.where(t.index == 64, 5, t["step"])), {}),
    "a step stands twice": (lambda t: t.assign(step=np.where(t.index == 130, t["step"] - 7, t["step"])), {}),
    "it has a column of series": (lambda t: t.assign(series="a"), {}),
    "too short": (lambda t: t[:4], {}),
    "folds": (lambda t: t, {"split": {"folds": 2}}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said_in_the_same_words(
    case: str, pump: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "AT_ONCE", 64)
    change, settings = BROKEN[case]
    path, said = write(change(pump)), []
    for mapped in (True, False):
        with pytest.raises((DataError, ConfigError)) as error:
            FileData(path=str(path), mapped=mapped, series=None, step="step", **settings).open()
        said.append(str(error.value))
    assert said[0] == said[1]


def test_other_names_are_other_copies(pump: pd.DataFrame, write: Write, cache: Path) -> None:
    path = write(pump)
    for settings in ({"step": "step"}, {"step": None}):
        FileData(path=str(path), mapped=True, series=None, **settings).open()
    assert len([folder for folder in cache.iterdir() if folder.name != "digests"]) == 2
