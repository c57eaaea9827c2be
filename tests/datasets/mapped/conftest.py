"""Small tables that are mapped as large ones are, into a cache of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.sequences import Sequences


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for this test."""
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def long() -> pd.DataFrame:
    """40 series of 20 to 59 steps with two features; every second one turns anomalous."""
    generator = np.random.default_rng(0)
    frames = []
    for number, steps in enumerate(generator.integers(20, 60, 40)):
        label = (np.arange(steps) >= (steps // 2 if number % 2 else steps)).astype(np.int64)
        columns = {"series": f"s{number}", "step": np.arange(steps), "label": label}
        x = generator.normal(size=(steps, 2)) + 0.5 * label[:, None]
        frames.append(pd.DataFrame({**columns, "a": x[:, 0], "b": x[:, 1]}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table as Parquet in row groups of 100 rows, or as the name says."""

    def writer(frame: pd.DataFrame, name: str = "t.parquet") -> Path:
        path = tmp_path / name
        if path.suffix == ".feather":
            frame.to_feather(path, chunksize=100)
        elif ".csv" in path.suffixes or ".tsv" in path.suffixes:
            frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.suffixes else ",")
        else:
            frame.to_parquet(path, index=False, row_group_size=100)
        return path

    return writer


@pytest.fixture(scope="session")
def same() -> Callable[[Sequences, Sequences], None]:
    """Asserts that two parts are the same."""

    def look(one: Sequences, other: Sequences) -> None:
        assert (one.ids, one.features, one.classes) == (other.ids, other.features, other.classes)
        for field in ("length", "start", "mask", "x", "label"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))

    return look


@pytest.fixture(scope="session")
def compared(same: Callable[[Sequences, Sequences], None]) -> Callable[..., tuple[MappedSource, Opened]]:
    """Opens a table mapped and in memory, and asserts that every part and note is the same."""

    def look(path: Path, seed: int = 3, **settings: Any) -> tuple[MappedSource, Opened]:
        mapped, memory = (FileData(path=str(path), mapped=how, **settings).open() for how in (True, False))
        assert isinstance(mapped, MappedSource)
        assert isinstance(memory, Opened)
        for mine, theirs in zip(vars(mapped.parts(seed)).values(), vars(memory.parts(seed)).values(), strict=True):
            same(mine, theirs)
        first, *others = mapped.notes
        assert first.startswith(f"{path.name} is mapped, not read: its steps stay in its converted copy, ")
        assert others == list(memory.notes)
        for fact in ("digest", "official_test", "shape", "columns", "policies"):
            assert getattr(mapped, fact) == getattr(memory, fact)
        return mapped, memory

    return look
