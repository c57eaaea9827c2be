"""Loaded first by a process that loads for its copies (see `copies`): makes that fast, and ends it with its parent."""

from __future__ import annotations

import gc
import os
import signal

MARK = "SEQANOM_LOADING"
"""Environment variable that only such a process is started with; elsewhere loading this module does nothing."""
EVERY = 0.05
"""Seconds between two looks whether the parent is there; a copy has no such timer."""


def begin() -> None:
    """End this process when its parent has ended, and do not look for garbage: nothing that is loaded is any.

    Looking takes a sixth of the time that loading takes; each copy enables it again.
    """
    parent = os.getppid()

    def look(_number: int, _frame: object) -> None:
        if os.getppid() != parent:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
    gc.disable()


if os.environ.pop(MARK, None) is not None:
    begin()
