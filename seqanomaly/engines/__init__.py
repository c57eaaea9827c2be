"""Engines: where the stacks of an experiment are trained."""

from __future__ import annotations

import os
from multiprocessing.context import BaseContext

from seqanomaly.engines.base import Engine

ENGINES = ("local", "serial")
"""Every engine by its name."""


def choose_engine(workers: int | None, timeout: float | None = None, context: BaseContext | None = None) -> Engine:
    """A pool of `workers` processes, one per usable core by default; 0 for this process alone. See `LocalEngine`."""
    from seqanomaly.engines.local import LocalEngine
    from seqanomaly.engines.serial import SerialEngine

    return SerialEngine() if workers == 0 else LocalEngine(workers or usable_cores(), timeout, context)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
