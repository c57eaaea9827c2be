"""Run a committed experiment and keep its results beside it: one command per study.

Usage, in a clone: python experiments/study.py NAME, where NAME.yaml is one of the experiments here. It trains into
results/NAME (what is there already is not trained again), copies the tables and the figures that a page shows to
experiments/NAME, draws the study's own figure where it has a figure.py, and fills README.md and docs/ from all of them.
"""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
KEPT = ("*.csv", "comparison.md", "experiment.yaml")


def study(name: str, *options: str) -> None:
    """Run the experiment of that name, with further options of `seqanom compare`, and keep its results."""
    results, kept = HERE.parent / "results" / name, HERE / name
    command = ["-m", "seqanom", "compare", str(HERE / f"{name}.yaml"), "--out", str(results), *options]
    subprocess.run([sys.executable, *command], check=True)  # noqa: S603 - our own command line
    kept.mkdir(exist_ok=True)
    for path in [*(path for pattern in KEPT for path in results.glob(pattern)), *_shown(results)]:
        shutil.copyfile(path, kept / path.name)
    if (kept / "figure.py").is_file():
        runpy.run_path(str(kept / "figure.py"), run_name="__main__")
    runpy.run_path(str(HERE / "pages.py"), run_name="__main__")


def _shown(results: Path) -> list[Path]:
    """The figures that a page shows."""
    pages = [HERE.parent / "README.md", *(HERE.parent / "docs").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    return [path for path in sorted(results.glob("*.png")) if f"experiments/{results.name}/{path.name}" in text]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    study(*sys.argv[1:])
