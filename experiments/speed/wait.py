"""How long does everything take that is not training?

    python experiments/speed/wait.py [MEASURE ..]

writes wait.csv and wait.md beside this file and fills the README here; with names of measures, only their rows are made
again. Arms take turns, so that a noisy machine hits them alike; the table has medians over the repeats. Every command
is a process of its own, from its start to its end, interpreter and imports included. `report` and `grid` read copies of
one real run under the digests of a large experiment, with noise on their values. A peak is the largest resident set of
any one process of a command, of this script at least, since a process begins as a copy of it. Modules are compiled
once, as an installation does, also where the variable PYTHONDONTWRITEBYTECODE is set.
"""

from __future__ import annotations

import csv
import json
import os
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from operator import sub
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqanomaly.config import dump_yaml
from seqanomaly.experiment import Experiment
from seqanomaly.store import Store

HERE = Path(__file__).parent
SEQANOM = [sys.executable, "-m", "seqanom"]
BARE = """
import typer
app = typer.Typer(help="A bare app.", no_args_is_help=True, add_completion=False)
for name in ("compare", "check", "report", "train", "score", "runs", "losses"):
    app.command(name, help="A command.")(lambda: None)
group = typer.Typer(name="data", help="A group.")
for name in ("list", "show", "split", "convert"):
    group.command(name, help="A command.")(lambda: None)
app.add_typer(group)
app()
"""
HEAD = ["measure", "what", "repeats", "median_seconds", "median_cpu_seconds", "peak_mb"]


class Spent(NamedTuple):
    """What a process took."""

    seconds: float
    """From start to end."""
    cpu: float
    """Of the process and its children, user and system."""
    peak: float
    """Largest resident set in MB."""


def spent(command: list[str], *, terminal: bool = False, fails: bool = False) -> Spent:
    """Run a command, with what it says thrown away, or with a terminal of its own on standard error."""
    ours, theirs = os.openpty() if terminal else (None, subprocess.DEVNULL)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)  # noqa: S603 - our own commands
    if ours is not None:
        os.close(theirs)
        _drain(ours)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert fails == (process.returncode != 0), command
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return Spent(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def _drain(terminal: int) -> None:
    """Read until the other side is closed."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # Linux says so at the end
        pass
    os.close(terminal)


def in_turn(
    measure: str, arms: dict[str, Callable[[], Spent]], repeats: int, *, against: str | None = None
) -> Iterator[list[Any]]:
    """A row for each arm; with `against`, one more for what another arm takes more than that one in the same turn."""
    found: dict[str, list[Spent]] = {arm: [] for arm in arms}
    for turn in range(repeats):
        for arm, run in reversed(arms.items()) if turn % 2 else arms.items():
            found[arm].append(run())
    for arm, runs in found.items():
        middle = [statistics.median(values) for values in zip(*runs, strict=True)]
        yield [measure, arm, repeats, f"{middle[0]:.2f}", f"{middle[1]:.2f}", f"{middle[2]:.0f}"]
    for arm in [arm for arm in arms if against is not None and arm != against]:
        more = [Spent(*map(sub, *pair)) for pair in zip(found[arm], found[str(against)], strict=True)]
        middle = [statistics.median(values) for values in zip(*more, strict=True)]
        low, _, high = statistics.quantiles([spent.cpu for spent in more], n=4)
        what = f"{arm}, more than {against} (half of the turns: {low:+.2f} to {high:+.2f} s of cpu)"
        yield [measure, what, repeats, f"{middle[0]:+.2f}", f"{middle[1]:+.2f}", f"{middle[2]:+.0f}"]


LOSSES = ["uniform", "linear", "step", *({"kind": "exp", "rate": rate / 100} for rate in range(2, 9))]
"""Ten losses."""
DATA = {"kind": "drift", "train": 40, "test": 40}


def experiment(cells: int, seeds: int) -> Experiment:
    """`cells` models with ten losses each, and so many seeds."""
    models = [{"kind": "rnn", "hidden": hidden} for hidden in range(1, cells + 1)]
    settings: dict[str, Any] = {"name": "copies", "data": DATA, "model": models, "loss": LOSSES, "seeds": seeds}
    return Experiment(**settings)


def store_copies(wanted: Experiment, root: Path) -> None:
    """Fill `root` as `compare` would have left it."""
    settings: dict[str, Any] = {"data": DATA, "train": {"epochs": 1}}
    from seqanomaly import train

    original = Store(root / "original")
    folder = original.folder(train(settings, original.root).digest)
    store, generator = Store(root), np.random.default_rng(0)
    store.prepare()
    digests = wanted.data_digests()
    store.keep_experiment(wanted, digests)
    head, *rows = csv.reader((folder / "metrics.csv").read_text(encoding="utf-8").splitlines())
    place = head.index("value")
    for config in wanted.expand():
        copy = store.folder(config.digest(digests[config.data]))
        shutil.copytree(folder, copy)
        (copy / "config.yaml").write_text(json.dumps(config.settings()) + "\n", encoding="utf-8")
        noise = generator.normal(0, 0.01, len(rows)).tolist()
        moved = [
            [*row[:place], repr(float(row[place]) + by) if row[place] else "", *row[place + 1 :]]
            for row, by in zip(rows, noise, strict=True)
        ]
        with (copy / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([head, *moved])
    shutil.rmtree(original.root)


def start(folder: Path) -> Iterator[list[Any]]:
    """The help against that of a bare Typer app with as many commands, and a mistyped loss."""
    bare = folder / "bare.py"
    bare.write_text(BARE)
    yield from in_turn(
        "start",
        {
            "bare app --help": lambda: spent([sys.executable, str(bare), "--help"]),
            "seqanom --help": lambda: spent([*SEQANOM, "--help"]),
            "a mistyped loss": lambda: spent([*SEQANOM, "compare", "--loss", "exq"], fails=True),
        },
        7,
    )


def check(folder: Path) -> Iterator[list[Any]]:
    """Expanding and checking 100,000 runs."""
    path = folder / "large.yaml"
    path.write_text(dump_yaml(experiment(100, 100).settings()))
    command = [*SEQANOM, "check", str(path), "--out", str(folder / "none")]
    yield from in_turn("check", {"100,000 runs": lambda: spent(command)}, 3)


def report(folder: Path) -> Iterator[list[Any]]:
    """Report over stored runs of 100 families of seeds, with few seeds and with many."""
    yield from in_turn("report", {name: run for seeds in (10, 100) for name, run in stored(folder, 10, seeds)}, 3)


def grid(folder: Path) -> Iterator[list[Any]]:
    """Report over as many runs with ten times the models."""
    yield from in_turn("grid", dict(stored(folder, 100, 10)), 1)


def stored(folder: Path, cells: int, seeds: int) -> Iterator[tuple[str, Callable[[], Spent]]]:
    """Make the runs; their name, and what reports on them."""
    root = folder / f"{cells}_{seeds}"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # so that this process stays small
        pool.submit(store_copies, experiment(cells, seeds), root).result()
    name = f"{cells * 10 * seeds:,} runs: {cells} models, 10 losses, {seeds} seeds"
    yield name, partial(spent, [*SEQANOM, "report", str(root)])


SILENT = """
from contextlib import nullcontext
from seqanom import console
from seqanom.main import main
console.counting = console.progress = lambda *_: nullcontext(lambda _: None)
main()
"""
"""The command without a display."""


def progress(folder: Path) -> Iterator[list[Any]]:
    """A sweep of 40 short runs in one process, and one run of 3,000 epochs, without a display and with both."""
    grid = ["--data", "drift", "--loss", "exp,step,linear", "--seeds", "10", "--train", "{epochs: 10}"]
    yield from displayed(folder, "sweep", ["compare", "--engine", "serial", *grid], 9)
    yield from displayed(folder, "run", ["train", "--data", "drift", "--epochs", "3000"], 9)


def displayed(folder: Path, name: str, arguments: list[str], repeats: int) -> Iterator[list[Any]]:
    """A command in each of the three ways, each time into a folder of its own."""
    folders = (str(folder / f"{name}{number}") for number in count())

    def run(command: list[str], *, terminal: bool = False) -> Spent:
        return spent([*command, *arguments, "--out", next(folders)], terminal=terminal)

    silent = f"{name}, no display"
    arms = {
        silent: lambda: run([sys.executable, "-c", SILENT]),
        f"{name}, plain lines": lambda: run(SEQANOM),
        f"{name}, on a terminal": lambda: run(SEQANOM, terminal=True),
    }
    yield from in_turn("progress", arms, repeats, against=silent)


MEASURES: dict[str, Callable[[Path], Iterator[list[Any]]]] = {
    "start": start,
    "check": check,
    "report": report,
    "grid": grid,
    "progress": progress,
}


def main(*wanted: str) -> None:
    """Measure and write the table."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    path = HERE / "wait.csv"
    kept: dict[str, list[list[Any]]] = {}
    if path.is_file():
        with path.open(newline="") as file:
            for row in list(csv.reader(file))[1:]:
                kept.setdefault(row[0], []).append(row)
    for name in wanted or MEASURES:
        with tempfile.TemporaryDirectory() as folder:
            kept[name] = list(MEASURES[name](Path(folder)))
        print(*kept[name], sep="\n")
        rows = [row for measure in MEASURES for row in kept.get(measure, [])]
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEAD, *rows])
        path.with_suffix(".md").write_text(markdown(rows))
    runpy.run_path(str(HERE.parent / "pages.py"), run_name="__main__")


def markdown(rows: list[list[Any]]) -> str:
    """The table for the page."""
    head = [" | ".join(name.replace("_", " ") for name in HEAD), "--- | ---" + " | ---:" * (len(HEAD) - 2)]
    return "".join(f"| {line} |\n" for line in [*head, *(" | ".join(map(str, row)) for row in rows)])


if __name__ == "__main__":
    main(*sys.argv[1:])
