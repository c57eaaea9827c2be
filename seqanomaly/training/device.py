"""Where to compute, and with how many threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seqanomaly.errors import ConfigError
from seqanomaly.kernel.library import library
from seqanomaly.training.graphs import graphs_wanted


def find_device(name: str) -> torch.device:
    """The device of that name: `auto` (CUDA if there is any, else the CPU), `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        ConfigError: no such device, or what `SEQANOM_KERNEL` or `SEQANOM_GRAPHS` asks for cannot run.

    >>> find_device("cpu")
    device(type='cpu')
    """
    library()
    graphs_wanted()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts = re.fullmatch(r"(cpu|cuda|mps)(?::(0|[1-9][0-9]*))?", name)
    if parts is None:
        raise ConfigError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:N, mps", ("device",))
    kind, number = parts.groups()
    found = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(number or 0) >= found:
        raise ConfigError(f"{name!r} is not there: {found} {kind} devices are available; use cpu or auto", ("device",))
    return torch.device(name)


@contextmanager
def room_on(device: torch.device, members: int) -> Iterator[None]:
    """What cannot be trained inside because the device has too little memory is told as what to do about it.

    Raises:
        ConfigError: there is no room on the device.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        smaller = f"stack: {members // 2}" if members > 1 else "a smaller batch_size"
        raise ConfigError(
            f"{device}: a stack of {members} members does not fit into its memory; give {smaller}, or compute with "
            "--device cpu"
        ) from error


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch inside: small models are faster so, and the sums have one order.

    On it, floats nearer to 0 than 1.2e-38 are 0, as they are in the kernel: processors take many times as long for
    such numbers, to which gradients come that vanish over many steps.
    """
    before, flushes = torch.get_num_threads(), _flushes()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(flushes)


def _flushes() -> bool:
    return (torch.tensor([1e-39]) * 1).item() == 0
