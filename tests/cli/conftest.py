"""What the tests of the command line share: running it in this process, and a user's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from seqanom import console
from seqanom.main import app


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def seqanom(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Done]:
    """Run `seqanom` with these arguments in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = console.run(app, [str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def complaint(seqanom: Callable[..., Done]) -> Callable[..., str]:
    """What `seqanom` says about a mistake: one line on standard error and nothing else."""

    def run(*arguments: object) -> str:
        done = seqanom(*arguments)
        assert done.out == ""
        assert done.err.startswith("Error: ")
        assert done.err.count("\n") == 1
        assert done.code == 2
        return done.err.removeprefix("Error: ").rstrip("\n")

    return run


@pytest.fixture
def machines() -> pd.DataFrame:
    """A user's long table: 24 units of 30 cycles in shuffled order, every second one with a clear fault."""
    unit, cycle = np.repeat(np.arange(24), 30), np.tile(np.arange(30), 24)
    noise = np.random.default_rng(0).standard_normal((720, 2)).round(3)
    fault = unit % 2
    frame = pd.DataFrame(
        {
            "unit": unit,
            "cycle": cycle,
            "heat": noise[:, 0] + 40 * fault,
            "load": noise[:, 1] - 40 * fault,
            "fault": fault,
        }
    )
    return frame.sample(frac=1, random_state=0).round(3).reset_index(drop=True)
