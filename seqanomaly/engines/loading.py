"""Loaded first by a process that loads for its copies (see `copies`): makes that fast, and ends it with its parent."""

from __future__ import annotations

import gc
import os
import signal

_PARENT = os.getppid()
EVERY = 0.05
"""Seconds between two looks whether the parent is there; a copy has no such timer."""


def _look(_number: int, _frame: object) -> None:
    if os.getppid() != _PARENT:
        os._exit(1)


signal.signal(signal.SIGALRM, _look)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
gc.disable()  # nothing that is loaded is garbage, and looking takes a sixth of the time; each copy enables it again
