"""Where things lie under `--out DIR`, and how a file appears whole; needs no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXPERIMENT = "experiment.yaml"
"""The experiment of a folder."""
RUNS = "runs/??/????????????????"
"""Matches the folders of finished runs."""
FAILURES = "failures/??/*.json"
"""Matches the records of failed runs."""
DATA = "data.json"
"""The digests of its data files."""


def run_folder(root: Path, digest: str) -> Path:
    """Where a run lies or will lie; runs fan out over 256 folders, so that none grows large.

    >>> run_folder(Path("out"), "ab12cd34ab12cd34").as_posix()
    'out/runs/ab/ab12cd34ab12cd34'
    """
    return root / "runs" / digest[:2] / digest


def failure_file(root: Path, digest: str) -> Path:
    """Where the record of a failed run lies; they fan out like runs.

    >>> failure_file(Path("out"), "ab12cd34ab12cd34").as_posix()
    'out/failures/ab/ab12cd34ab12cd34.json'
    """
    return root / "failures" / digest[:2] / f"{digest}.json"


def is_there(text: str) -> bool:
    """Whether a text is the path of a file or folder that exists; an empty or overlong one is not.

    >>> is_there("."), is_there(""), is_there("a" * 5000)
    (True, False, False)
    """
    try:
        return text != "" and Path(text).exists()
    except OSError:
        return False


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A draft beside `path` to write to, which becomes `path` by one rename once it is complete.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole(path) as draft:
    ...     _ = draft.write_text("a")
    >>> path.read_text(), [file.name for file in path.parent.iterdir()]
    ('a', ['a.txt'])
    """
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
