"""How long does a sweep of 64 detectors take, in `seqanom compare` and in what people use?

    pip install -c constraints.txt -e '.[bench]'
    python experiments/speed/sweep.py [--shapes h8,h16] [--models gru] [--peers plain,seqanom] [--repeats 2]

Whole processes are timed, from their start to their results; peers take turns. Each finished measurement is a row of
sweep.csv, and what has a row is not measured again; --again drops the rows that are selected first. The accuracy of
every run is in sweep_accuracy.csv, the machine in sweep_machine.json. At the end the table, the figure and the page are
made. Peers train a few of the members only, and `scaled` says what all would take; `full` rows, where all were trained,
show how well that holds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple, NoReturn

import pandas as pd
import yaml
from sweep_machine import check_machine
from sweep_page import write_page
from sweep_shapes import MODELS, SHAPES, TINY, Shape

from seqanomaly.collect import collect
from seqanomaly.engines import usable_cores
from seqanomaly.experiment import Experiment
from seqanomaly.store import Store, read_environment

HERE = Path(__file__).parent
PEERS = {
    "plain": ["plain.py"],
    "processes": ["plain.py"],
    "lightning": ["lightning_peer.py"],
    "skorch": ["skorch_peer.py"],
}
ARMS = (*PEERS, "seqanom")
FULL = ("h8", "lstm")
"""Where peers train all members too, once."""
CELL = ["shape", "model", "peer", "repeat"]
UNSET = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE")
"""Variables that would give a process other threads than the default, or have it compile its modules every time."""


class Cell(NamedTuple):
    """One measurement; `repeat` counts from 1, and is `full` where a peer trains all members."""

    shape: str
    model: str
    peer: str
    repeat: str


def fail(sentence: str) -> NoReturn:
    """End with one sentence."""
    sys.exit(f"sweep.py: {sentence}")


def cells(shapes: list[str], models: list[str], peers: list[str], repeats: int) -> Iterator[Cell]:
    """Every measurement, in the order in which they are made: peers take turns."""
    for repeat in range(1, repeats + 1):
        for shape in shapes:
            for model in models:
                yield from (Cell(shape, model, peer, str(repeat)) for peer in peers)
                if repeat == 1 and (shape, model) == FULL:
                    yield from (Cell(shape, model, peer, "full") for peer in peers if peer in PEERS)


def run(command: list[str], what: str) -> tuple[float, str]:
    """Seconds and standard output of a process that runs as it would for its users, see `UNSET`."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)  # noqa: S603
    seconds = time.perf_counter() - start
    if done.returncode:
        fail(f"{what} ended with code {done.returncode}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return seconds, done.stdout


def measure_peer(cell: Cell, shape: Shape, data: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train some members, or all; what it took, what all would take, and the runs."""
    processes = usable_cores() if cell.peer == "processes" else 1
    members = shape.members if cell.repeat == "full" else shape.members[: shape.sample * processes]
    sweep = {name: getattr(shape, name) for name in ("hidden", "epochs", "batch_size")}
    sweep |= {"folder": str(data), "model": cell.model, "members": members}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.json"
        path.write_text(json.dumps(sweep), encoding="utf-8")
        script = [str(HERE / "peers" / name) for name in PEERS[cell.peer]]
        count = [str(processes)] if cell.peer == "processes" else []
        seconds, output = run([*script, str(path), *count], " ".join(cell))
    runs = json.loads(output.splitlines()[-1])
    return {
        "members": len(members),
        "seconds": seconds,
        "scaled": scaled(seconds, runs, len(shape.members), processes),
        "path": "",
    }, runs


def scaled(seconds: float, runs: list[dict[str, Any]], members: int, processes: int) -> float:
    """What all members would take: starting and first runs as measured, the others as long as their median.

    >>> runs = [{"process": 1, "seconds": 3.0}, {"process": 1, "seconds": 1.0}, {"process": 1, "seconds": 1.0}]
    >>> scaled(7.0, runs, 64, 1)  # 2 to start, 3 for the first, 63 x 1
    68.0
    """
    if len(runs) == members:
        return seconds
    of_process: dict[int, list[float]] = {}
    for one in runs:
        of_process.setdefault(one["process"], []).append(one["seconds"])
    first = mean(times[0] for times in of_process.values())
    other = median(t for times in of_process.values() for t in times[1:])
    starting = seconds - max(sum(times) for times in of_process.values())
    return starting + first + (members / processes - 1) * other


def measure_seqanom(cell: Cell, shape: Shape) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The whole command with all members."""
    settings = shape.experiment(cell.model)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "sweep.yaml", Path(folder) / "out"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        seconds, _ = run(["-m", "seqanom", "compare", str(path), "--out", str(out)], " ".join(cell))
        store, experiment = Store(out), Experiment(**settings)
        runs = collect(experiment, experiment.data_digests(), store)
        paths = {read_environment(store.folder(digest))["path"] for digest in store.digests()}
    accuracy = runs[runs["metric"] == "accuracy"].pivot(index=["seed", "loss"], columns="bucket", values="value")
    table = accuracy[["early", "late"]].reset_index()
    found = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    members = len(shape.members)
    return {"members": members, "seconds": seconds, "scaled": seconds, "path": ", ".join(sorted(paths))}, found


def add(path: Path, rows: pd.DataFrame) -> None:
    """Append to a table."""
    rows.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.5g", lineterminator="\n")


def read(path: Path) -> pd.DataFrame:
    """A table, or an empty one."""
    text = dict.fromkeys([*CELL, "path"], str)
    return pd.read_csv(path, dtype=text, keep_default_na=False) if path.exists() else pd.DataFrame(columns=CELL)


def measure(wanted: list[Cell], shapes: dict[str, Shape], out: Path) -> None:
    """Measure what has no row yet, and add a row for each."""
    done = set(read(out / "sweep.csv")[CELL].itertuples(index=False, name=None))
    left = [cell for cell in wanted if cell not in done]
    forget(left, out)  # accuracies of a measurement that was interrupted
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for place, cell in enumerate(left, 1):
            shape, data = shapes[cell.shape], Path(folder) / cell.shape
            if not data.exists():
                shape.write_data(data)
            row, runs = measure_seqanom(cell, shape) if cell.peer == "seqanom" else measure_peer(cell, shape, data)
            if cell.repeat in ("1", "full"):
                table = pd.DataFrame(runs)[["seed", "loss", "early", "late"]]
                add(out / "sweep_accuracy.csv", pd.DataFrame([cell._asdict()] * len(table)).join(table))
            add(out / "sweep.csv", pd.DataFrame([{**cell._asdict(), **row}]))
            spent = time.perf_counter() - start
            print(f"{place} of {len(left)}, {spent:.0f} s: {' '.join(cell)} {row['scaled']:.1f} s", flush=True)


def forget(wanted: list[Cell], out: Path) -> None:
    """Drop the rows of these measurements."""
    for name in ("sweep.csv", "sweep_accuracy.csv"):
        if (path := out / name).exists():
            table = read(path)
            kept = table[[cell not in set(wanted) for cell in table[CELL].itertuples(index=False, name=None)]]
            kept.to_csv(path, index=False, lineterminator="\n")


def chosen(text: str | None, known: list[str], what: str) -> list[str]:
    """The names in a list such as a,b; all that are known without one."""
    names = known if text is None else text.split(",")
    for name in names:
        if name not in known:
            fail(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return names


def main(arguments: list[str] | None = None) -> None:
    """Measure what is missing and make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", help=f"of {', '.join(SHAPES)}; all by default, and tiny for a trial")
    parser.add_argument("--models", help=f"of {', '.join(MODELS)}; all by default")
    parser.add_argument("--peers", help=f"of {', '.join(ARMS)}; all by default")
    parser.add_argument("--repeats", type=int, default=2, help="measurements of each; 2 by default")
    parser.add_argument("--again", action="store_true", help="measure what is selected again")
    parser.add_argument("--quick", action="store_true", help="a trial: one epoch and one seed; needs --out")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results; beside the script by default")
    given = parser.parse_args(arguments)
    shapes = {**SHAPES, TINY.name: TINY}
    names = list(SHAPES) if given.shapes is None else chosen(given.shapes, list(shapes), "shape")
    models, peers = chosen(given.models, list(MODELS), "model"), chosen(given.peers, list(ARMS), "peer")
    if given.quick:
        if given.out == HERE:
            fail("--quick is a trial, whose times say little; give it a folder of its own with --out")
        shapes = {name: replace(shape, epochs=1, seeds=1, sample=2) for name, shape in shapes.items()}
    wanted = list(cells(names, models, peers, given.repeats))
    given.out.mkdir(parents=True, exist_ok=True)
    done = set() if given.again else set(read(given.out / "sweep.csv")[CELL].itertuples(index=False, name=None))
    needed = {cell.peer for cell in wanted if cell not in done}
    missing = [name for name in ("lightning", "skorch") if name in needed and find_spec(name) is None]
    if missing:
        fail(
            f"{' and '.join(missing)} not installed; run pip install -c constraints.txt -e '.[bench]', or leave out "
            "with --peers, for example --peers plain,processes,seqanom"
        )
    if given.again:
        forget(wanted, given.out)
    if needed:
        if problem := check_machine(given.out / "sweep_machine.json", empty=read(given.out / "sweep.csv").empty):
            fail(problem)
        with tempfile.TemporaryDirectory() as folder:  # files and compiled modules are read once before time counts
            measure(list(cells([TINY.name], models[:1], peers, 1)), shapes, Path(folder))
        measure(wanted, shapes, given.out)
    write_page(given.out, shapes)


if __name__ == "__main__":
    main()
