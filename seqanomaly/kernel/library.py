"""The compiled library, where the installation has one: which instruction sets it can run here, and its functions.

Every function is compiled once per instruction set. Which set runs follows from the machine, or from the environment
variable `SEQANOM_KERNEL`: `off` for torch everywhere, or the name of a set. Never from load, so that the same machine
gives the same bits.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from seqanomaly.config import nearest
from seqanomaly.errors import ConfigError
from seqanomaly.kernel.sources import fingerprint

SETS = ("plain", "avx2", "avx512")
"""Every instruction set, the best one last."""
VARIABLE = "SEQANOM_KERNEL"


class Library:
    """The compiled functions of one instruction set.

    Args:
        loaded: the shared library.
        instructions: name of the set; the machine has it.
    """

    def __init__(self, loaded: ctypes.CDLL, instructions: str) -> None:
        self._loaded, self.instructions = loaded, instructions

    def function(self, name: str, *arguments: type, result: type | None = None) -> Callable[..., int | None]:
        """The function of that name, which takes `arguments` (ctypes) and gives a `result`."""
        found = self._loaded[f"{name}_{self.instructions}"]
        found.argtypes, found.restype = arguments, result
        return found

    def address(self, name: str) -> int:
        """Where the function of that name lies, for another one that calls it."""
        found = ctypes.cast(self._loaded[f"{name}_{self.instructions}"], ctypes.c_void_p).value
        assert found is not None
        return found


def library() -> Library | None:
    """The library as `SEQANOM_KERNEL` asks for it, by default with the best set; None for torch everywhere.

    Raises:
        ConfigError: the variable names no set, or one that this machine or installation does not have; the library
            was compiled from other sources than these.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "off":
        return None
    if wanted and wanted not in SETS:
        raise ConfigError(f"unknown {VARIABLE}={wanted!r}{nearest(wanted, ('off', *SETS))}")
    found = usable()
    if wanted and wanted not in found:
        have = f"this machine has {', '.join(found)}" if found else "the kernel was not compiled when it was installed"
        raise ConfigError(f"{VARIABLE}={wanted!r} cannot run: {have}; leave {VARIABLE} unset")
    return of(wanted or found[-1]) if found else None


def usable() -> list[str]:
    """The instruction sets that this machine and installation have, the best one last; none without a library."""
    loaded = _loaded()
    return [] if loaded is None else [name for place, name in enumerate(SETS) if loaded.seqanom_has(place)]


@cache
def of(instructions: str) -> Library:
    """The library with that instruction set, which is a `usable` one."""
    loaded = _loaded()
    assert loaded is not None
    return Library(loaded, instructions)


@cache
def _loaded() -> ctypes.CDLL | None:
    places = (Path(__file__).with_name(f"_native{suffix}") for suffix in EXTENSION_SUFFIXES)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None
    loaded = ctypes.CDLL(str(path))
    expected = fingerprint(path.parent)
    if expected and (not hasattr(loaded, "seqanom_sources") or expected != loaded.seqanom_sources() % (1 << 32)):
        raise ConfigError(
            f"{path}: was compiled from other sources than stand beside it; install again (pip install -e . in a "
            f"checkout), or set {VARIABLE}=off to compute with torch"
        )
    return loaded
