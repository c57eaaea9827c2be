"""Does opening a table cost much more than pyarrow needs to read the same bytes?

Usage: python experiments/speed/loading.py [STEPS] [FOLDER]; by default 10,000,000 steps (a fifth of them as CSV), in
build/loading. Generates long tables with 8 channels and text that names the series, few long and many short ones, as
Parquet, Feather and CSV. pyarrow reads each whole (`read_table`, `read_csv`); then it is opened as a data set, in
memory and, if it is Parquet, mapped, where it is converted first. All take turns, every figure comes from a process of
its own with its peak resident memory, and every process has one thread to compute with beside those that read ahead and
hash. Writes loading.csv and loading.md beside itself. Remove the folder afterwards; it takes 4 GB.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

RESULTS, PAGE = (Path(__file__).with_suffix(ending) for ending in (".csv", ".md"))
CHANNELS, REPEATS = 8, 3
LENGTHS = {"few": 10_000, "many": 50}
"""Steps of a series."""
ENDINGS = {"float32.parquet": 1, "float64.parquet": 1, "float32.feather": 1, "float32.csv": 5}
"""Tables, and which part of the steps they have."""
COLUMNS = ("table", "what", "seconds", "processor_seconds", "peak_gb")


def generate(path: Path, steps: int, length: int) -> None:
    """A long table whose second half is shifted in every second series; four digits after the point as CSV."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    generator, count = np.random.default_rng(0), steps // length
    series, step = np.repeat(np.arange(count, dtype=np.int32), length), np.tile(np.arange(length), count)
    label = (step >= length // 2) & (series % 2 == 1)
    names = pa.array([f"unit-{number:06}" for number in range(count)])
    columns: dict[str, Any] = {
        "series": pa.DictionaryArray.from_arrays(series, names).cast(pa.string()),
        "step": step,
        "label": label.astype(np.int64),
    }
    for number in range(CHANNELS):
        x = (generator.standard_normal(len(step)) + 0.5 * label).astype(path.name.split(".")[0])
        columns[f"x{number}"] = x.round(4) if path.suffix == ".csv" else x
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path)
    elif path.suffix == ".feather":
        pa.feather.write_feather(table, str(path))
    else:
        pa.csv.write_csv(table, path)


def read_by_pyarrow(path: Path) -> Callable[[], object]:
    """The whole table by pyarrow, and nothing done with it."""
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    if path.suffix == ".parquet":
        return lambda: pyarrow.parquet.read_table(path)
    if path.suffix == ".feather":
        return lambda: pyarrow.feather.read_table(path)
    return lambda: pyarrow.csv.read_csv(path)


def opened(path: Path, *, mapped: bool) -> Callable[[], object]:
    """The table as a data set; what has to be imported for it is, before."""
    import seqanomaly.datasets.cleaning
    import seqanomaly.datasets.mapped.source
    import seqanomaly.datasets.straight  # noqa: F401 - importing is not loading
    from seqanomaly.datasets.files import FileData

    return FileData(path=str(path), mapped=mapped).open


WORK: dict[str, Callable[[Path], Callable[[], object]]] = {
    "pyarrow": read_by_pyarrow,
    "memory": lambda path: opened(path, mapped=False),
    "mapped": lambda path: opened(path, mapped=True),
}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds, processor seconds of all threads and peak memory."""
    start, processor = time.perf_counter(), time.process_time()
    kept = work()
    took = {"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - processor}
    del kept
    return took | {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}


def measure(what: str, path: Path) -> dict[str, Any]:
    """Do some work in a process of its own, with a new cache."""
    with tempfile.TemporaryDirectory(dir=path.parent) as cache:
        environment = {**os.environ, "SEQANOM_CACHE": cache, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--do", what, str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(what, path, found)
    return {"table": f"{path.name}, {path.parent.name}", "what": what, **found}


def main(steps: int, folder: Path) -> None:
    """Generate, measure, write the results."""
    rows = []
    for (ending, part), (name, length) in product(ENDINGS.items(), LENGTHS.items()):
        path = folder / name / ending
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # in a process of its own, too, as a new one inherits the peak memory of this one
            given = [sys.executable, __file__, "--generate", str(path), str(steps // part), str(length)]
            subprocess.run(given, check=True)  # noqa: S603
        what = [one for one in WORK if one != "mapped" or path.suffix == ".parquet"]
        rows += [measure(one, path) for _ in range(REPEATS) for one in what]
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: value if isinstance(value, str) else f"{value:.3f}" for key, value in row.items()})
    PAGE.write_text(page(), encoding="utf-8")


SAID = {"pyarrow": "pyarrow reads it", "memory": "opened in memory", "mapped": "converted and mapped"}
"""What was measured, in words."""


def page() -> str:
    """Medians as a table, and how many times what pyarrow needs they are."""
    import pandas as pd

    found = pd.read_csv(RESULTS).groupby(["table", "what"], sort=False).median().reset_index()
    alone = found[found["what"] == "pyarrow"].set_index("table")
    lines = ["| table | what | seconds | processor seconds | peak memory |", "|---|---|---|---|---|"]
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]
    for row in rows:
        of_it = alone.loc[row["table"]]
        shown = [f"{row[key]:.2f} ({row[key] / of_it[key]:.2f}x)" for key in ("seconds", "processor_seconds")]
        lines.append(f"| {row['table']} | {SAID[row['what']]} | {' | '.join(shown)} | {row['peak_gb']:.2f} GB |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--do"]:
        print(json.dumps(timed(WORK[sys.argv[2]](Path(sys.argv[3])))))
    elif sys.argv[1:2] == ["--generate"]:
        generate(Path(sys.argv[2]), *map(int, sys.argv[3:5]))
    else:
        given = sys.argv[1:]
        main(int(given[0]) if given else 10_000_000, Path(given[1] if len(given) > 1 else "build/loading"))
