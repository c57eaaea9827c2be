"""Does a table larger than memory train as fast as one in memory, in little memory?

Usage: python experiments/speed/large.py [STEPS] [FOLDER]; by default 200,000,000 steps, in build/large. Generates the
table once: long Parquet, 8 channels, sequences of 10,000 steps of which 0.5% test and 0.5% validate. Every figure
comes from a process of its own with its peak resident memory, and training has one thread. pyarrow reads the table and
it is converted in turns, each time from the system's cache; writes large.csv and large.md beside itself. Mapped and in
memory are compared on a table that fits, in turns. On that table the commands that stream are measured, too, and
training with as many scored steps as a mapped table may have. Remove the folder afterwards; it takes 35 GB.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    import pandas as pd

RESULTS, PAGE = (Path(__file__).with_suffix(ending) for ending in (".csv", ".md"))
CHANNELS, LENGTH, SCORED = 8, 10_000, 0.005
WINDOW, BATCH = 100, 256
IN_MEMORY, REPEATS = 10_000_000, 3
"""Steps of the table that is read whole, as 200 million would need over 20 GB; and how often both ways take turns."""
MOST = 0.25
"""Share of a table of twice as many steps that tests, and that validates: 5 million steps each, the most."""


def generate(path: Path, steps: int, share: float = SCORED) -> None:
    """A long table: random walks around 0, whose second half is shifted in every second series."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator, count = np.random.default_rng(0), steps // LENGTH
    scored = max(1, round(share * count))
    words = np.array(["train"] * (count - 2 * scored) + ["validation"] * scored + ["test"] * scored)
    names = [f"x{n}" for n in range(CHANNELS)]
    schema = pa.schema(
        [
            ("unit", pa.int32()),
            ("step", pa.int32()),
            ("label", pa.int8()),
            ("part", pa.dictionary(pa.int32(), pa.string())),
            *((name, pa.float32()) for name in names),
        ]
    )
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for start in range(0, count, 100):
            series = np.repeat(np.arange(start, min(start + 100, count)), LENGTH)
            step = np.tile(np.arange(LENGTH), len(series) // LENGTH)
            label = (step >= LENGTH // 2) & (series % 2 == 1)
            x = generator.standard_normal((len(series), CHANNELS), np.float32) + 0.5 * label[:, None]
            columns = [series.astype(np.int32), step.astype(np.int32), label.astype(np.int8)]
            part = pa.array(words[series]).dictionary_encode()
            writer.write_table(pa.table([*columns, part, *x.astype(np.float32).T.copy()], schema=schema))


def read_by_pyarrow(path: Path) -> dict[str, float]:
    """The same columns by pyarrow, a batch after the other, and nothing done with them."""
    import pyarrow.parquet as pq

    start, processor, steps = time.perf_counter(), time.process_time(), 0
    with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            steps += sum(batch.num_rows for batch in file.iter_batches(1 << 17, [group]))
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - processor, "steps": steps}


ONE: dict[str, Any] = {"series": None, "step": None, "ignore": ["unit", "step", "part"], "validation": SCORED}
"""The table as one series, which has as many steps as the table has rows, cut in time."""
SERIES: dict[str, Any] = {"series": "unit", "part": "part"}
"""The table as the series that it names."""


def open_it(path: Path, data: dict[str, Any]) -> dict[str, float]:
    """Open the table as a data set: the first time it is converted."""
    import seqanomaly.datasets.mapped.source  # noqa: F401 - importing is not loading
    from seqanomaly.datasets.files import FileData

    start, processor = time.perf_counter(), time.process_time()
    FileData(path=str(path), mapped=True, test=SCORED, **data).open()
    steps = int(path.stem)
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - processor, "steps": steps}


def epoch(path: Path, data: dict[str, Any], *, mapped: bool = True) -> dict[str, float]:
    """One epoch of a small GRU on windows, as `seqanom train` has it, with the validation loss at its end."""
    from seqanomaly.run import train
    from seqanomaly.training.loop import fit

    took: list[float] = []

    def timed(*given: Any, **settings: Any) -> Any:
        start, processor = time.perf_counter(), time.process_time()
        found = fit(*given, **settings)
        took.extend([time.perf_counter() - start, time.process_time() - processor])
        return found

    config = {
        "data": {"kind": "file", "path": str(path), "mapped": mapped, "test": SCORED, **data},
        "loss": "exp",
        "window": {"length": WINDOW, "stride": WINDOW},
        "train": {"epochs": 1, "batch_size": BATCH},
    }
    with mock.patch("seqanomaly.run.fit", timed):
        found = train(config, device="cpu")
    return {"seconds": took[0], "processor": took[1], "steps": WINDOW * found.environment["windows"]}


def mapping(path: Path) -> str:
    """What `--data` takes of a table that was generated, or of what `data convert` made of it."""
    return f"{{path: {path}, series: {'series' if path.suffix == '.csv' else 'unit'}, part: part, mapped: true}}"


def convert_to(path: Path, ending: str) -> list[str]:
    """The words of a command that converts a table."""
    return ["data", "convert", mapping(path), str(path.with_name(f"{path.stem}-out{ending}"))]


def score_it(path: Path) -> list[str]:
    """The words of a command that scores a table by the detector that `mapped` trained."""
    (run,) = (path.parent / "run" / "runs").glob("*/*")
    return ["score", str(run), mapping(path), "--out", str(path.with_name("scores.parquet"))]


LARGE = ("open", "mapped", "convert one", "mapped one", "convert mended")
"""What is done with the largest table, once it has been converted."""
COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "show": lambda path: ["data", "show", mapping(path)],
    "split": lambda path: ["data", "split", mapping(path)],
    "to parquet": lambda path: convert_to(path, ".parquet"),
    "to csv": lambda path: convert_to(path, ".csv"),
    "show csv": lambda path: ["data", "show", mapping(path.with_name(f"{path.stem}-out.csv"))],
    "train": lambda path: [
        *("train", "--data", mapping(path), "--window", str(WINDOW), "--epochs", "1", "--batch-size", str(BATCH)),
        *("--device", "cpu", "--out", str(path.parent / "run")),
    ],
    "score": score_it,
}
"""The words of each command, in the order in which they are run: `score` needs `train`, and the CSV file is written."""


def command(path: Path, words: list[str]) -> dict[str, float]:
    """Run a command as its users do."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqanom", *words], stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": seconds, "processor": used.ru_utime + used.ru_stime, "steps": int(path.stem)}


WORK: dict[str, Callable[[Path], dict[str, float]]] = {
    "pyarrow": read_by_pyarrow,
    "convert": lambda path: open_it(path, SERIES),
    "open": lambda path: open_it(path, SERIES),
    "mapped": lambda path: epoch(path, SERIES),
    "convert one": lambda path: open_it(path, ONE),
    "mapped one": lambda path: epoch(path, ONE),
    "convert mended": lambda path: open_it(path, {**ONE, "missing": "ffill"}),
    "memory": lambda path: epoch(path, SERIES, mapped=False),
    "scored": lambda path: epoch(path, SERIES),
}


def measure(what: str, path: Path) -> dict[str, float]:
    """Do some work in a process of its own."""
    environment = {**os.environ, "SEQANOM_CACHE": str(path.parent / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--do", what, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(what, path.name, found)
    return found


def read_through(path: Path) -> None:
    """Have the system's cache hold as much of a file as it can: converting a large one leaves nothing of it there."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def main(steps: int, folder: Path) -> None:
    """Generate, measure, write the results."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{min(steps, IN_MEMORY)}.parquet"
    whole, scored = folder / f"{steps}.parquet", folder / f"{2 * int(part.stem)}.parquet"
    for path in (part, scored, whole):
        if not path.exists():
            draft, share = path.with_suffix(".draft"), MOST if path == scored else SCORED
            given = [sys.executable, __file__, "--generate", str(draft), path.stem, str(share)]
            subprocess.run(given, check=True)  # noqa: S603 - a process inherits the peak memory of the one that starts it
            draft.rename(path)
    rows: list[tuple[str, str, dict[str, float]]] = []
    for what in ("pyarrow", "convert") * REPEATS:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        read_through(whole)
        rows.append((what, whole.stem, measure(what, whole)))
    rows += [(what, whole.stem, measure(what, whole)) for what in LARGE]
    for _ in range(REPEATS):
        rows += [(what, part.stem, measure(what, part)) for what in ("mapped", "memory")]
    rows.append(("scored", scored.stem, measure("scored", scored)))
    shutil.rmtree(folder / "run", ignore_errors=True)  # what is stored is not trained
    rows += [(what, part.stem, measure(what, part)) for what in COMMANDS]
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "table_steps", "steps", "seconds", "processor_seconds", "peak_gb"])
        for what, size, found in rows:
            times = f"{found['seconds']:.1f}", f"{found['processor']:.1f}"
            writer.writerow([what, size, int(found["steps"]), *times, f"{found['peak']:.2f}"])
    PAGE.write_text(page(), encoding="utf-8")


SAID = {
    "pyarrow": "pyarrow reads the file, a batch after the other",
    "convert": "it is opened for the first time, so converted",
    "open": "it is opened again",
    "mapped": "one epoch, mapped",
    "convert one": "it is opened as one series, so converted",
    "mapped one": "one epoch of that series, mapped",
    "convert mended": "it is converted as one series whose missing values are filled",
    "memory": "one epoch, in memory",
    "scored": "one epoch, mapped; half of them are scored",
    "show": "`data show`",
    "split": "`data split`",
    "to parquet": "`data convert` to Parquet",
    "to csv": "`data convert` to CSV",
    "show csv": "`data show` of that CSV file, which converts it first",
    "train": "`train`, one epoch and the metrics",
    "score": "`score` to Parquet, which converts the table once more, without labels",
}
"""What was measured, in words."""


def page() -> str:
    """The results as a table, medians where there are several."""
    import pandas as pd

    measured = pd.read_csv(RESULTS)
    found = measured.groupby(["table_steps", "what"], sort=False).median().reset_index()
    lines = ["| table | what | seconds | processor seconds | peak memory |", "|---|---|---|---|---|"]
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]
    lines += [
        f"| {row['table_steps'] / 1e6:,.0f} million steps | {SAID[row['what']]} | {row['seconds']:,.1f} | "
        f"{row['processor_seconds']:,.1f} | {row['peak_gb']:.2f} GB |"
        for row in rows
    ]
    middle = measured.groupby(["what", "table_steps"]).median()
    said = [_shares(middle["steps"] / middle[f"{kind}seconds"]) for kind in ("", "processor_")]
    words = (
        f"Mapped training had {said[0]} of the speed that the smaller table had in memory, and {said[1]} by processor "
    )
    words += "time: one thread reads while the other trains."
    return "\n".join([*lines, "", words, ""])


def _shares(speed: pd.Series) -> str:
    """The speed of each mapped table, in percent of the one in memory."""
    memory, mapped = float(speed["memory"].iloc[0]), speed["mapped"]
    each = zip(mapped.index.tolist(), mapped.tolist(), strict=True)
    return " and ".join(f"{rate / memory:.0%} on {size / 1e6:,.0f} million steps" for size, rate in each)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--do"]:
        what, table = sys.argv[2], Path(sys.argv[3])
        result = WORK[what](table) if what in WORK else command(table, COMMANDS[what](table))
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(json.dumps({**result, "peak": peak * 1024 / 1e9}))
    elif sys.argv[1:2] == ["--generate"]:
        generate(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        given = sys.argv[1:]
        main(int(given[0]) if given else 200_000_000, Path(given[1] if len(given) > 1 else "build/large"))
