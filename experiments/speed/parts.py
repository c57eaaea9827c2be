"""What is left: where the time goes, part by part, in the default experiment and in one long run.

    python experiments/speed/parts.py

trains in one process on one thread: the experiment that ships, with its report, and one GRU for 400 epochs. Writes
profile.csv and profile.md beside this file and fills the README here. Parts are timed where they are called, in seconds
of the processor, and add up to the whole.
"""

from __future__ import annotations

import csv
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from seqanom.compare import show

from seqanomaly import run, sweep
from seqanomaly.engines import helpers
from seqanomaly.engines.serial import SerialEngine
from seqanomaly.experiment import SHIPPED
from seqanomaly.store import Store
from seqanomaly.training import loop
from seqanomaly.training.evaluation import Evaluation

HERE = Path(__file__).parent
PARTS = {
    "import": "interpreter, torch, pandas, scipy, matplotlib",
    "data": "read or draw, split, scale, weights",
    "forward and backward": "outputs, loss and gradient of the training batches",
    "optimiser": "update of the parameters",
    "training loop": "batch order, gathering batches, clipping, keeping the best weights",
    "evaluation": "outputs on validation data after each epoch, and on validation and test data at the end",
    "metrics": "scores, decisions, metrics, curves of each run",
    "writing": "run folders",
    "report": "collecting the runs, statistics, tables, figures",
    "other": "plan, addresses, detector, everything else",
}


class Clock:
    """Seconds per part; what is timed within another part is counted once, in its own."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.within: list[float] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its time counted for a part."""

        @wraps(function)
        def inner(*arguments: Any, **named: Any) -> Any:
            self.within.append(0.0)
            start = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                taken = time.process_time() - start
                self.seconds[part] += taken - self.within.pop()
                if self.within:
                    self.within[-1] += taken

        return inner

    def put(self, part: str, home: Any, name: str) -> None:
        """Time what `home` calls by that name."""
        setattr(home, name, self.timed(part, getattr(home, name)))

    def put_within(self, part: str, home: Any, name: str, method: str) -> None:
        """Time a method of whatever the function of that name makes."""
        make = getattr(home, name)

        def made(*arguments: Any, **named: Any) -> Any:
            found = make(*arguments, **named)
            self.put(part, found, method)
            return found

        setattr(home, name, made)


def clocked() -> Clock:
    """A clock on all parts."""
    clock = Clock()
    for part, home, name in (
        ("data", run, "prepare"),
        ("data", run, "make_member"),
        ("data", sweep, "_open"),
        ("training loop", run, "fit"),
        ("evaluation", run, "predict"),
        ("evaluation", Evaluation, "mean"),
        ("metrics", run, "make_result"),
        ("writing", Store, "publish"),
    ):
        clock.put(part, home, name)
    clock.put_within("forward and backward", loop, "compute_for", "gradient")
    clock.put_within("optimiser", loop, "make_optimizer", "step")
    return clock


def default(folder: Path) -> None:
    """The experiment that ships, without its report."""
    sweep.run_experiment(EXPERIMENT, Store(folder), SerialEngine(), device="cpu")


def report(folder: Path) -> None:
    """Its report."""
    show(EXPERIMENT, EXPERIMENT.data_digests(), folder, early_cost=None)


def long_run(folder: Path) -> None:
    """One run."""
    run.train({"data": "drift", "model": "gru", "train": {"epochs": 400}}, folder, device="cpu")


EXPERIMENT = sweep.load_experiment(SHIPPED / "default.yaml")
CASES: dict[str, list[tuple[str, Callable[[Path], None]]]] = {
    "default experiment": [("other", default), ("report", report)],
    "one run, gru, 400 epochs": [("other", long_run)],
}


def profile(clock: Clock, steps: list[tuple[str, Callable[[Path], None]]]) -> dict[str, float]:
    """Seconds per part of some steps."""
    clock.seconds |= dict.fromkeys(PARTS, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for part, step in steps:
            clock.timed(part, step)(Path(folder))
    seconds = dict(clock.seconds)
    seconds["import"] = _imports(report=len(steps) > 1)
    return seconds


def _imports(*, report: bool) -> float:
    """Seconds of a process that only imports what a command needs, as the command does, and leaves like it."""
    what = "import gc, os; gc.set_threshold(100_000, 20, 20); import seqanom.train, seqanomaly.run"
    if report:
        what += ", seqanomaly.sweep, seqanomaly.report.write; seqanomaly.report.write.get_ready()"
    what += "; os._exit(0)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", what], check=True)  # noqa: S603 - our own code
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, write the tables and fill the page."""
    torch.set_num_threads(1)
    helpers.MOST = 1  # this process does everything itself, so its time is all there is
    clock = clocked()
    found = {case: profile(clock, steps) for case, steps in CASES.items()}
    whole = {case: sum(seconds.values()) for case, seconds in found.items()}
    with (HERE / "profile.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["case", "part", "cpu_seconds", "share"])
        for case, seconds in found.items():
            table.writerows([case, part, f"{s:.2f}", f"{s / whole[case]:.4f}"] for part, s in seconds.items())
    head = [f"| part | what | {' | '.join(f'{case}: s | %' for case in CASES)} |", f"| --- | --- |{' ---: |' * 4}"]
    rows = []
    for part, what in PARTS.items():
        cells = [f"{seconds[part]:.1f} | {100 * seconds[part] / whole[case]:.1f}" for case, seconds in found.items()]
        rows.append(f"| {part} | {what} | {' | '.join(cells)} |")
    last = f"| all | | {' | '.join(f'{whole[case]:.1f} | 100.0' for case in CASES)} |"
    (HERE / "profile.md").write_text("\n".join([*head, *rows, last]) + "\n")
    runpy.run_path(str(HERE.parent / "pages.py"), run_name="__main__")


if __name__ == "__main__":
    main()
