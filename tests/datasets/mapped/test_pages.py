"""What is read of a mapped file is what lies there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from seqanomaly.datasets.mapped.pages import Pages
from seqanomaly.errors import DataError


def test_copies_are_what_lies_there(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    (tmp_path / "steps").write_bytes(b"head" + values.tobytes())
    pages = Pages(tmp_path / "steps")
    mapped = np.frombuffer(pages.buffer, np.float32, offset=4).reshape(50, 3)
    rows = np.array([40, 0, 7, 0])
    np.testing.assert_array_equal(pages.copy(mapped, rows, 10), np.stack([values[row : row + 10] for row in rows]))


def test_a_file_that_became_shorter_is_said(tmp_path: Path) -> None:
    (tmp_path / "steps").write_bytes(bytes(100))
    pages = Pages(tmp_path / "steps")
    codes = np.frombuffer(pages.buffer, np.uint8)
    os.truncate(tmp_path / "steps", 60)
    with pytest.raises(DataError, match=r"steps: has become shorter while it was read; start again$"):
        pages.copy(codes, np.array([0, 55]), 10)
