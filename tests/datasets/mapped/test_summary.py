"""The look at a mapped table has the tables of the one in memory, and streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from seqanom import console
from seqanom.data.show import UNASKED
from seqanom.main import app

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.mapped import sequences
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.mapped.summary import tables
from seqanomaly.datasets.summary import channels_table, classes_table, parts_table, tenths_table

Write = Callable[..., Path]


@pytest.mark.parametrize(
    "policies", [{}, {"missing": "mask"}, {"missing": "mask", "gaps": "split"}, {"missing": "drop", "constant": "drop"}]
)
def test_the_tables_are_those_of_the_table_in_memory(
    policies: dict[str, Any], long: pd.DataFrame, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "AT_ONCE", 60)
    lacks = bool(policies) & (long["step"] % 7 < 2)
    path = write(long.assign(c=1.5, a=long["a"].mask(lacks), step=long["step"] + 9 * (long["step"] > 11)))
    mine, theirs = (FileData(path=str(path), mapped=how, **policies) for how in (True, False))
    source, parts = mine.open(), theirs.open().parts(2)
    assert isinstance(source, MappedSource)
    expected = {
        "parts": parts_table(parts),
        "channels": channels_table(parts),
        "classes": classes_table(parts),
        "tenths": tenths_table(parts),
    }
    found = tables(source.divided(2))
    assert list(found) == list(expected)
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, expected[name], rtol=1e-12)


def test_show_says_what_it_leaves_out(long: pd.DataFrame, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"{{path: {write(long)}, mapped: true}}"
    assert console.run(app, ["data", "show", data, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["warnings"] == [UNASKED]
    assert sum(part["steps"] for part in facts["parts"]) == len(long)
    assert console.run(app, ["data", "show", data]) == 0
    out = capsys.readouterr().out
    assert f"Warning: {UNASKED}." in out
    assert "Step index alone" not in out


@pytest.mark.slow
def test_show_streams(tmp_path: Path) -> None:
    """320 MB of features go by, and the command grows by a fraction of that."""
    count, steps, width = 1000, 10_000, 8
    generator, path = np.random.default_rng(0), tmp_path / "large.parquet"
    x = generator.standard_normal((count * steps, width), np.float32)
    frame = pd.DataFrame(x, columns=[f"x{n}" for n in range(width)])
    frame.insert(0, "series", np.repeat(np.arange(count), steps))
    frame.insert(1, "step", np.tile(np.arange(steps), count))
    frame.insert(2, "label", (frame["step"] > 5000).astype(int) * (frame["series"] % 2))
    frame.to_parquet(path, index=False, row_group_size=1_000_000)
    peaks = []
    for data in (f"{{path: {path}, mapped: true}}", "episodes"):
        code = (
            "import resource, sys\nfrom seqanom import console\nfrom seqanom.main import app\n"
            "assert console.run(app, ['data', 'show', sys.argv[1]]) == 0\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        environment = {**os.environ, "SEQANOM_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", code, data]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]) * 1024)
    assert peaks[0] - peaks[1] < 4 * count * steps * width
