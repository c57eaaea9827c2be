"""What is left: where the time goes, part by part, in the default experiment and in long runs.

    python experiments/speed/parts.py [SECONDS]

trains in one process on one thread: the experiment that ships, with its report, and single runs of 30 seconds, or
SECONDS, of several sizes. Writes profile.csv and profile.md beside this file and fills the README here. Parts are timed
where they are called, in seconds of the processor, and add up to the whole. Modules are compiled once, as an
installation does, also where the variable PYTHONDONTWRITEBYTECODE is set. It needs the compiled kernel.
"""

from __future__ import annotations

import csv
import ctypes
import os
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
from seqanom import console
from seqanom.compare import show
from torch import Tensor

from seqanomaly import run, sweep
from seqanomaly.engines import helpers
from seqanomaly.engines.serial import SerialEngine
from seqanomaly.experiment import SHIPPED
from seqanomaly.kernel.library import Library, library
from seqanomaly.store import Store
from seqanomaly.training.course import Several
from seqanomaly.training.stored import Room, Stored

HERE = Path(__file__).parent
PARTS = {
    "torch": "interpreter and torch, which a script imports, too",
    "import": "seqanom, pandas, pyarrow; for a report matplotlib",
    "data": "read or draw, split, scale, weights",
    "updates": "forward, backward and optimiser step of the training batches, loss on validation data after each epoch",
    "outputs": "outputs on validation and test data at the end",
    "gathering": "features, targets, masks and weights of a batch into one place, within the kernel",
    "training loop": "batch order, calls of the kernel, keeping the best weights, display",
    "evaluation": "stitching windows on validation and test data at the end, without their outputs",
    "metrics": "scores, decisions, metrics, curves of each run",
    "writing": "run folders",
    "report": "collecting the runs, statistics, tables, figures",
    "other": "plan, addresses, detector, everything else",
}
NEEDED = ("updates", "outputs")
"""What would be there without a runner."""
KERNEL = {
    "seqanom_epochs": "updates",
    "seqanom_recurrent_outputs": "outputs",
    "seqanom_tcn_outputs": "outputs",
}
"""Functions of the compiled kernel that are timed."""


class Clock:
    """Seconds per part; what is timed within another part is counted once, in its own.

    Args:
        set_: puts a timed function in the place of another.
    """

    def __init__(self, set_: Callable[[Any, str, Any], None]) -> None:
        self.set = set_
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.within: list[float] = []
        self.gathered: dict[int, tuple[Stored, int]] = {}
        """Data, and how often a sequence of them was gathered by updates."""

    def start(self) -> None:
        """Begin again."""
        self.seconds |= dict.fromkeys(PARTS, 0.0)
        self.gathered.clear()

    def count_gathered(self) -> None:
        """Count the sequences that epochs gather."""
        method = Several.losses

        def counted(own: Several, order: Tensor) -> Tensor:
            for stored in (own.updates.stored, own.judge.stored):
                _, count = self.gathered.get(id(stored), (stored, 0))
                self.gathered[id(stored)] = stored, count + len(order) * sum(stored.counts)
            return method(own, order)

        self.set(Several, "losses", counted)

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
        self.set(home, name, self.timed(part, getattr(home, name)))

    def put_made(self, home: Any, name: str, parts: dict[str, str]) -> None:
        """Time what the method of that name makes, if its first argument is a name of `parts`."""
        make = getattr(home, name)

        def made(own: Any, which: str, *arguments: Any, **named: Any) -> Any:
            found = make(own, which, *arguments, **named)
            return self.timed(parts[which], found) if which in parts else found

        self.set(home, name, made)


def clocked(set_: Callable[[Any, str, Any], None] = setattr) -> Clock:
    """A clock on all parts."""
    clock = Clock(set_)
    for part, home, name in (
        ("data", run, "prepare"),
        ("data", run, "make_member"),
        ("data", sweep, "_open"),
        ("training loop", run, "fit"),
        ("evaluation", run, "predict"),
        ("metrics", run, "make_result"),
        ("writing", Store, "publish"),
    ):
        clock.put(part, home, name)
    clock.put_made(Library, "function", KERNEL)
    clock.count_gathered()
    return clock


def default(folder: Path) -> None:
    """The experiment that ships, without its report."""
    sweep.run_experiment(EXPERIMENT, Store(folder), SerialEngine(), device="cpu")


def report(folder: Path) -> None:
    """Its report."""
    show(EXPERIMENT, EXPERIMENT.data_digests(), folder, early_cost=None)


def long_run(hidden: int, seconds: float, sequences: int = 400) -> Callable[[Path], None]:
    """One run of a gru, in as many epochs as take about so many seconds of the processor."""
    data = {"kind": "drift", "train": sequences}

    def train(epochs: int, folder: Path | None = None) -> float:
        start = time.process_time()
        settings = {"data": data, "model": {"kind": "gru", "hidden": hidden}, "train": {"epochs": epochs}}
        with console.progress("gru", epochs) as advance:
            run.train(settings, folder, device="cpu", on_epoch=advance)
        return time.process_time() - start

    few, more = (min(train(epochs) for _ in range(3)) for epochs in (FEW, 5 * FEW))
    epochs = max(1, round(seconds / ((more - few) / (4 * FEW))))
    return lambda folder: print(f"gru({hidden}), {epochs} epochs: {train(epochs, folder):.1f} s")


BATCH = 32
"""Sequences of a batch, as in all cases."""
FEW = 20
"""Epochs of a short run, from which it is seen how many a long one has."""
EXPERIMENT = sweep.load_experiment(SHIPPED / "default.yaml")
SIZES = (8, 16, 32, 64)
"""Hidden units."""
MANY = 8000
"""Training sequences, of which a fifth validates, where there are more than the default of 400."""
Steps = list[tuple[str, Callable[[Path], None]]]


def cases(seconds: float) -> dict[str, Steps]:
    """What is measured, one after the other."""
    found: dict[str, Steps] = {"default experiment": [("other", default), ("report", report)]}
    for hidden in SIZES:
        found[f"{seconds:g} s, gru({hidden})"] = [("other", long_run(hidden, seconds))]
    found[f"{seconds:g} s, gru(16), {MANY} sequences"] = [("other", long_run(16, seconds, MANY))]
    return found


def profile(clock: Clock, steps: Steps) -> dict[str, float]:
    """Seconds per part of some steps."""
    clock.start()
    with tempfile.TemporaryDirectory() as folder:
        for part, step in steps:
            clock.timed(part, step)(Path(folder))
    seconds = dict(clock.seconds)
    for stored, count in clock.gathered.values():
        taken = count * _gathering(stored)
        seconds["updates"] -= taken
        seconds["gathering"] += taken
    seconds["torch"] = _imports("torch")
    what = "seqanom.train, seqanomaly.run"
    if len(steps) > 1:
        what += ", seqanomaly.sweep, seqanomaly.report.write; seqanomaly.report.write.get_ready()"
    seconds["import"] = _imports(what) - seconds["torch"]
    return seconds


def _gathering(stored: Stored) -> float:
    """Seconds that the kernel takes to gather one sequence, alone: within an update it is not seen from outside."""
    found, (count, *_) = library(), stored.counts
    assert found is not None
    gather = found.function("seqanom_gather", *[ctypes.c_void_p] * 6)
    index = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    size = min(count, BATCH)
    kept = stored.room(size)
    to = Room(*(tensor.data_ptr() for tensor in kept))
    start, again = time.process_time(), max(1, 200_000 // count)
    for _ in range(again):
        gather(ctypes.addressof(stored.fields), 0, index.data_ptr(), count, size, ctypes.addressof(to))
    return (time.process_time() - start) / (again * count)


def _imports(what: str) -> float:
    """Seconds of a process that only imports something, as a command does, and leaves like it; the least of three."""
    return min(
        _alone(f"import gc, os; gc.set_threshold(100_000, 20, 20); import {what}; os._exit(0)") for _ in range(3)
    )


def _alone(what: str) -> float:
    """Seconds of a process that does nothing else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", what], check=True)  # noqa: S603 - our own code
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(seconds: float = 30) -> None:
    """Measure, write the tables and fill the page."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    torch.set_num_threads(1)
    helpers.MOST = 1  # this process does everything itself, so its time is all there is
    clock = clocked()
    found = {case: profile(clock, steps) for case, steps in cases(seconds).items()}
    with (HERE / "profile.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["case", "part", "cpu_seconds", "share"])
        for case, parts in found.items():
            whole = sum(parts.values())
            table.writerows([case, part, f"{s:.3f}", f"{s / whole:.4f}"] for part, s in parts.items())
    (HERE / "profile.md").write_text(markdown(found))
    runpy.run_path(str(HERE.parent / "pages.py"), run_name="__main__")


def markdown(found: dict[str, dict[str, float]]) -> str:
    """The table for the page; its last rows have what a runner adds."""
    of_runner = {part: what for part, what in PARTS.items() if part not in NEEDED}
    rows = [(part, what, [part]) for part, what in PARTS.items()]
    rows += [
        ("all", "", [*PARTS]),
        ("the runner", "all but torch, updates and outputs", [part for part in of_runner if part != "torch"]),
        ("all but training", "all but updates and outputs", [*of_runner]),
    ]
    lines = [f"| part | what | {' | '.join(f'{case}: s | %' for case in found)} |"]
    lines.append(f"| --- | --- |{' ---: |' * 2 * len(found)}")
    for name, what, parts in rows:
        cells = []
        for seconds in found.values():
            own, whole = sum(seconds[part] for part in parts), sum(seconds.values())
            cells.append(f"{own:.1f} | {100 * own / whole:.1f}")
        lines.append(f"| {name} | {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
