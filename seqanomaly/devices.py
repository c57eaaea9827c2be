"""Which kind of device a name stands for: stacks are larger on CUDA; loads torch only where there is a driver."""

from __future__ import annotations

import ctypes
from typing import Literal

DeviceKind = Literal["cpu", "cuda"]
"""What the size of a stack depends on; everything but CUDA counts as a CPU."""
DRIVERS = ("libcuda.so.1", "nvcuda.dll", "libamdhip64.so")
"""Libraries without which torch finds no CUDA device."""


def device_kind(name: str) -> DeviceKind:
    """The kind of the device of that name; `auto` is CUDA where torch finds any.

    Args:
        name: auto, cpu, cuda, cuda:N or mps.

    >>> device_kind("cpu"), device_kind("cuda:1"), device_kind("mps")
    ('cpu', 'cuda', 'cpu')
    """
    if name != "auto":
        return "cuda" if name.startswith("cuda") else "cpu"
    if not any(_loads(driver) for driver in DRIVERS):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _loads(library: str) -> bool:
    """Whether the system has that library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
