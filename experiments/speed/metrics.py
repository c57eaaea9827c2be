"""How much slower than one average precision is the volume under the surface, and how much memory do the metrics take?

    python experiments/speed/metrics.py

writes metrics.csv beside this file. Times of average precision and VUS are medians over repeats that take turns in one
process; `benchmark` runs once. Each peak is the largest resident set of a process of its own that makes the data and
runs the one metric once, with everything it imports (`data` only makes the data).
"""

from __future__ import annotations

import csv
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from seqanomaly.metrics import benchmark
from seqanomaly.metrics.vus import vus

WINDOW = 100
REPEATS = {100_000: 21, 1_000_000: 7, 10_000_000: 3}
"""Steps -> repeats."""

Steps = tuple[NDArray[np.bool_], NDArray[np.float64]]
Result = TypeVar("Result")

TASKS: dict[str, Callable[[Steps], object]] = {
    "data": lambda steps: None,
    "average_precision": lambda steps: average_precision_score(*steps),
    "vus": lambda steps: vus(*steps, WINDOW),
    "benchmark": lambda steps: benchmark(*steps, WINDOW),
}


def series(count: int) -> Steps:
    """Labels with one event of 10 to 100 steps in a thousand, and scores half a standard deviation higher there."""
    generator = np.random.default_rng(0)
    labels = np.zeros(count, np.bool_)
    for start in generator.integers(0, count - 100, count // 1000):
        labels[start : start + generator.integers(10, 100)] = True
    return labels, labels * 0.5 + generator.standard_normal(count)


def seconds(task: str, steps: Steps) -> float:
    """What one run takes."""
    start = time.perf_counter()
    TASKS[task](steps)
    return time.perf_counter() - start


def medians(count: int) -> dict[str, float]:
    """Median seconds of average precision and VUS, taking turns."""
    steps = series(count)
    taken = {task: [0.0] * REPEATS[count] for task in ("average_precision", "vus")}
    for repeat in range(REPEATS[count]):
        for task, times in taken.items():
            times[repeat] = seconds(task, steps)
    return {task: float(np.median(times)) for task, times in taken.items()}


def once(task: str, count: int) -> tuple[float, float]:
    """Seconds of one run, and the peak of the resident set of this process in GB."""
    taken = seconds(task, series(count))
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def alone(function: Callable[..., Result], *arguments: object) -> Result:
    """What `function` returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    """Measure and write the table."""
    with Path(__file__).with_suffix(".csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["steps", "window", "task", "repeats", "seconds", "over_average_precision", "peak_gb"])
        for count, repeats in REPEATS.items():
            times = alone(medians, count)
            for task in TASKS:
                single, peak = alone(once, task, count)
                taken, runs = (times[task], repeats) if task in times else (single, 1)
                ratio = taken / times["average_precision"]
                speed = [runs, f"{taken:.4g}", f"{ratio:.3g}"] if task != "data" else ["", "", ""]
                table.writerow([count, WINDOW, task, *speed, f"{peak:.3g}"])


if __name__ == "__main__":
    main()
