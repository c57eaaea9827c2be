"""The commands of docs/data.md are there, and they work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from seqanom.data import data
from typer.main import get_command

from seqanomaly.datasets.catalogue import FAMILIES

Run = Callable[..., Any]
PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LINES = [" ".join(line.split()) for line in re.findall(r"^seqanom data (.+?)(?:\s+#.*)?$", BLOCKS, re.MULTILINE)]


@pytest.mark.parametrize("line", LINES)
def test_commands_and_options_are_there(line: str) -> None:
    command, *rest = shlex.split(line)
    found = get_command(data).commands[command]  # type: ignore[attr-defined]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


def test_every_family_is_shown() -> None:
    assert {family.command.removeprefix("seqanom data ") for family in FAMILIES} <= set(LINES)


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_commands_work(seqanom: Run, shared: Path, machines: pd.DataFrame, tmp_path: Path, line: str) -> None:
    given = shared / "datasets"
    for place in (*given.iterdir(), *(given / "aeon").iterdir(), *(given / "TSB-AD").iterdir()):
        if place.is_dir():
            (tmp_path / place.name).symlink_to(place)
    _own(machines, tmp_path)
    done = seqanom("data", *shlex.split(line))
    assert done.code == 0, done.err
    assert done.out


def _own(machines: pd.DataFrame, folder: Path) -> None:
    """What a user would have: a table, a folder of tables, a wide table, arrays."""
    machines.to_csv(folder / "mine.csv", index=False)
    long = machines.rename(columns={"unit": "series", "cycle": "step", "fault": "label"})
    long.assign(heat=long["heat"].where(long["step"] % 4 > 0)).to_csv(folder / "holes.csv", index=False)
    (folder / "machines").mkdir()
    for unit, run in machines.rename(columns={"fault": "label"}).groupby("unit"):
        run.sort_values("cycle").drop(columns=["unit", "cycle"]).to_csv(
            folder / "machines" / f"{unit}.csv", index=False
        )
    wide = pd.DataFrame(np.arange(60.0).reshape(12, 5), columns=[f"t{i}" for i in range(5)])
    wide.assign(label=np.arange(12) % 2).to_csv(folder / "wide.csv", index=False)
    x, y = np.random.default_rng(0).random((20, 8, 3)), np.arange(20) % 2
    np.savez(folder / "runs.npz", x=x, y=y)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
