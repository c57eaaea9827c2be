"""The machine and the versions that times belong to, and its peak in matrix products."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from seqanomaly.engines import usable_cores

PEAK = """
import time, torch
torch.set_num_threads({threads})
a, b = torch.rand(2, {size}, {size})
times = []
for _ in range({count}):
    start = time.perf_counter()
    torch.mm(a, b)
    times.append(time.perf_counter() - start)
print(2 * {size} ** 3 / min(times) / 1e9)
"""


def peak(threads: int, size: int = 1024, count: int = 60) -> float:
    """Most that a float32 product of square matrices reaches with that many threads, in 10^9 operations a second."""
    code = PEAK.format(threads=threads, size=size, count=count)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return round(float(done.stdout), 1)


def machine() -> dict[str, Any]:
    """What times depend on."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "lightning", "skorch", "seqanom")},
    }


def check_machine(path: Path, *, empty: bool) -> str | None:
    """Keep the machine in a file, with its peak, or say what differs from the one that earlier rows come from."""
    here = machine()
    if empty or not path.exists():
        peaks = {"peak_one_core": peak(1), "peak_all_cores": peak(here["cores"])}
        path.write_text(json.dumps({**here, **peaks}, indent=1) + "\n", encoding="utf-8")
        return None
    before = json.loads(path.read_text(encoding="utf-8"))
    differ = [f"{name} {before.get(name)!r}, here {value!r}" for name, value in here.items() if before[name] != value]
    if not differ:
        return None
    return (
        f"{path} and the rows beside it come from elsewhere ({'; '.join(differ)}), and times of two places cannot be "
        "compared; choose another folder with --out, or delete sweep*.csv there to measure everything here"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
