"""What all readers of a large file have passed leaves the system's cache."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import behind
from seqanomaly.datasets.mapped.behind import Behind
from seqanomaly.datasets.mapped.source import MappedSource

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system takes no such advice")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Where the stretches that left the cache begin and end, of files of any size, 10 bytes at once."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(behind, "LARGE", 0)
    monkeypatch.setattr(behind, "ONCE", 10)
    advise = lambda file, start, size, advice: found.append((start, start + size))  # noqa: E731
    monkeypatch.setattr(os, "posix_fadvise", advise)
    return found


def test_the_slowest_reader_says_what_leaves(left: list[tuple[int, int]], tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(bytes(100))
    with Behind(path, readers=2) as both:
        for reader, place in ((0, 50), (0, 90), (1, 9), (1, 12), (1, 15), (1, 30), (1, 70), (0, 100), (1, 100)):
            both.past(reader, place)
    assert left == [(0, 12), (12, 30), (30, 70), (70, 100)]


def test_a_file_that_is_gone_stays_where_it_is(left: list[tuple[int, int]], tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(bytes(100))
    with Behind(path, readers=1) as alone:
        path.unlink()
        alone.past(0, 100)
    assert left == []


def test_a_small_file_stays(left: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "LARGE", 101)
    (path := tmp_path / "file").write_bytes(bytes(100))
    with Behind(path, readers=1) as alone:
        alone.past(0, 100)
    assert left == []


def test_a_table_that_leaves_is_read_right(
    long: pd.DataFrame, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "LARGE", 0)
    monkeypatch.setattr(behind, "ONCE", 1)
    source = FileData(path=str(write(long)), mapped=True).open()
    assert isinstance(source, MappedSource)
    np.testing.assert_array_equal(source.table.x, long[["a", "b"]].to_numpy(np.float32))


def test_the_row_groups_of_a_table_leave_one_after_the_other(
    left: list[tuple[int, int]], long: pd.DataFrame, write: Callable[..., Path]
) -> None:
    path = write(long)
    FileData(path=str(path), mapped=True).open()
    assert len(left) > 5
    assert all(one[1] == other[0] for one, other in pairwise(left))
    assert left[0][0] == 0
    assert left[-1][1] < path.stat().st_size
