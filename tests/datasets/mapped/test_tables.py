"""Long tables of Arrow that are damaged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from seqanomaly.datasets.mapped.tables import columns_of
from seqanomaly.errors import DataError


def test_a_name_of_a_column_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"series": ["a"], "heat": [0.5]}).to_parquet(path)
    assert columns_of(path) == ["series", "heat"]
    path.write_bytes(path.read_bytes().replace(b"heat", b"he\xe7t"))
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as parquet: "):
        columns_of(path)
