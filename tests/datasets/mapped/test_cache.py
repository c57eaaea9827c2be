"""The cache of converted tables: keyed by content, whole or absent, damaged ones made again."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.table import content_digest
from seqanomaly.datasets.mapped import cache as caching
from seqanomaly.datasets.mapped.cache import cache_folder, known_digest
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.errors import DataError

Write = Callable[..., Path]


def opened(path: Path) -> MappedSource:
    found = FileData(path=str(path), mapped=True).open()
    assert isinstance(found, MappedSource)
    return found


def entries(cache: Path) -> list[str]:
    return sorted(entry.name for entry in cache.iterdir() if entry.name != "digests")


def at_rest(path: Path) -> Path:
    """A file that was last changed an hour ago."""
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.delenv("SEQANOM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder() == tmp_path / "b" / "seqanom"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c" / ".cache" / "seqanom"


def test_the_same_content_is_converted_once(long: pd.DataFrame, write: Write, cache: Path) -> None:
    first = opened(at_rest(write(long)))
    (entry,) = entries(cache)
    stamp = (cache / entry / "steps.arrow").stat().st_mtime_ns
    shutil.copy(write(long), copy := write(long).with_name("copy.parquet"))
    assert opened(copy).digest == first.digest == content_digest(copy)
    assert entries(cache) == [entry]
    assert (cache / entry / "steps.arrow").stat().st_mtime_ns == stamp
    opened(write(long.assign(a=1.0)))
    assert len(entries(cache)) == 2
    FileData(path=str(copy), mapped=True, features=("a",)).open()
    assert len(entries(cache)) == 3


def test_any_arrow_reader_opens_it(long: pd.DataFrame, write: Write, cache: Path) -> None:
    opened(write(long))
    (entry,) = entries(cache)
    with pa.memory_map(str(cache / entry / "steps.arrow")) as file:
        steps = pa.ipc.open_file(file).read_all()
    assert steps.column_names == ["x", "label"]
    np.testing.assert_array_equal(np.stack(steps["x"].to_numpy()), long[["a", "b"]].to_numpy(np.float32))
    np.testing.assert_array_equal(steps["label"].to_numpy(), long["label"].to_numpy())
    series = pa.ipc.open_file(cache / entry / "series.arrow").read_all().to_pandas()
    assert series["name"].tolist() == long["series"].unique().tolist()
    assert series["length"].sum() == len(long)


def test_a_digest_is_computed_again_after_a_change(
    long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = at_rest(write(long))
    counted: list[Path] = []

    def counting(given: Path, passed: Callable[[int], object]) -> str:
        counted.append(given)
        return content_digest(given, passed)

    monkeypatch.setattr(caching, "content_digest", counting)
    first = known_digest(path)
    assert known_digest(path) == first == content_digest(path)
    assert len(counted) == 1
    write(long.assign(a=long["a"] + 1))  # just changed, so that its time cannot be trusted yet
    assert known_digest(path) == known_digest(path) == content_digest(path) != first
    assert len(counted) == 3


@pytest.mark.parametrize("name", ["steps.arrow", "series.arrow"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "other", "noise"])
def test_a_damaged_copy_is_made_again(
    name: str, damage: str, long: pd.DataFrame, write: Write, cache: Path, tmp_path: Path
) -> None:
    path = at_rest(write(long))
    expected = opened(path).parts(0)
    (entry,) = entries(cache)
    file = cache / entry / name
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "other":
        opened(write(long[: len(long) // 2], "other.parquet"))
        (other,) = set(entries(cache)) - {entry}
        shutil.copy(cache / other / name, file)
        shutil.rmtree(cache / other)
    else:
        file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"x" * len(whole)}[damage])
    found = opened(path).parts(0)
    np.testing.assert_array_equal(found.train.x, expected.train.x)
    assert entries(cache) == [entry]
    assert file.read_bytes() == whole


def test_two_processes_may_convert_and_read_at_once(long: pd.DataFrame, write: Write, cache: Path) -> None:
    path = write(pd.concat([long.assign(series=long["series"] + f"-{n}") for n in range(20)]))
    code = (
        "import sys\nfrom seqanomaly.datasets.files import FileData\n"
        "source = FileData(path=sys.argv[1], mapped=True).open()\n"
        "parts = source.parts(0)\nprint(source.digest, float(parts.train.x.sum()), len(parts.test))"
    )
    command = [sys.executable, "-c", code, str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0] == said[1]
    assert len(entries(cache)) == 1


def test_no_room(long: pd.DataFrame, write: Write, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10_000}))
    with pytest.raises(DataError, match=r"its converted copy takes 0.0 GB and .* has 0.0 GB free; make room, or name"):
        opened(write(long))
    assert entries(cache) == []


def test_a_cache_that_cannot_be_written(
    long: pd.DataFrame, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot be written there \(Not a directory\); name another folder with the"):
        opened(write(long))


def test_another_process_gets_the_file_not_its_content(long: pd.DataFrame, write: Write) -> None:
    table = opened(write(long)).table
    make, sent = table.__reduce__()
    assert sent == (table.folder, None)
    np.testing.assert_array_equal(make(*sent).x, table.x)
