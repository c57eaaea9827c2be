"""Sequential anomaly detection with counter-modulated losses: train, compare, and trust the table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqanomaly.detector import Detector
    from seqanomaly.run import train
    from seqanomaly.sweep import compare

__version__ = "0.1.0"
__all__ = ["Detector", "compare", "train"]

_HOMES = {"Detector": "detector", "compare": "sweep", "train": "run"}


def __getattr__(name: str) -> object:
    """Load torch and the rest only when they are used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = vars(import_module(f"{__name__}.{_HOMES[name]}"))[name]
    return found
