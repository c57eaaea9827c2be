"""Names of folders and files under `--out DIR` that are needed without loading torch."""

from __future__ import annotations

from pathlib import Path

EXPERIMENT = "experiment.yaml"
"""The experiment of a folder."""


def run_folder(root: Path, digest: str) -> Path:
    """Where a run lies or will lie; runs fan out over 256 folders, so that none grows large.

    >>> run_folder(Path("out"), "ab12cd34ab12cd34").as_posix()
    'out/runs/ab/ab12cd34ab12cd34'
    """
    return root / "runs" / digest[:2] / digest
