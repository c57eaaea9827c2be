"""Engines: where the stacks of an experiment are trained."""

from __future__ import annotations

import os
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING

from seqanomaly.engines.base import Engine

if TYPE_CHECKING:
    from seqanomaly.devices import DeviceKind

ENGINES = ("local", "serial")
"""Every engine by its name."""


def choose_engine(
    workers: int | None, timeout: float | None = None, context: BaseContext | None = None, kind: DeviceKind = "cpu"
) -> Engine:
    """A pool of `workers` processes, see `LocalEngine`; 0 for this process alone.

    By default there is one per usable core. Of those that share a CUDA device there are two at most: each holds a
    stack on it, and while one judges its detectors on the CPU the other one trains.
    """
    from seqanomaly.engines.local import LocalEngine
    from seqanomaly.engines.serial import SerialEngine

    return SerialEngine() if workers == 0 else LocalEngine(workers or _usual(kind), timeout, context)


def _usual(kind: DeviceKind) -> int:
    return min(2, usable_cores()) if kind == "cuda" else usable_cores()


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
