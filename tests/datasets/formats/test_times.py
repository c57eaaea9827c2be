"""Columns of timestamps."""

from __future__ import annotations

import pandas as pd
import pytest

from seqanomaly.datasets.formats.times import read_times
from seqanomaly.errors import DataError


def test_zones_and_mixed_forms_are_read() -> None:
    found = read_times(pd.Series(["2024-01-01 00:00:00", "2024-01-01T01:00:00+00:00", "2024-01-01 02:00:00.5"]), "t")
    assert found.diff().dt.total_seconds().tolist()[1:] == [3600.0, 3600.5]
    with pytest.raises(DataError) as error:
        read_times(pd.Series(["2024-01-01", "?"], name="when"), "t.csv")
    assert str(error.value) == "t.csv: column 'when', data row 2: '?' is no time"
