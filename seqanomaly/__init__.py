"""Sequential anomaly detection with counter-modulated losses: train, compare, and trust the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqanomaly.detector import Detector
    from seqanomaly.run import train

__version__ = "0.1.0"
__all__ = ["Detector", "train"]


def __getattr__(name: str) -> object:
    """Load torch and the rest only when they are used."""
    if name == "train":
        from seqanomaly.run import train

        return train
    if name == "Detector":
        from seqanomaly.detector import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
