"""What was found to be irregular in the series of a data set and what was done about it, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.times import Survey, duration

KEPT = "kept, in the order of the file"
DONE = {
    "missing": {
        "drop": "these steps are left out",
        "ffill": "the last value before is carried forward",
        "interpolate": "interpolated between the values around",
        "mask": "these steps are masked",
    },
    "duplicates": {
        "keep": KEPT,
        "error": KEPT,
        "first": "left out, the first of each time is kept",
        "last": "left out, the last of each time is kept",
        "mask": "masked, the first of each time counts",
    },
    "backward": {
        "keep": KEPT,
        "sort": "sorted by time",
        "error": KEPT,
        "drop": "what is before the latest time so far is left out",
        "mask": "what is before the latest time so far is masked",
    },
    "irregular": {
        "keep": "steps count as equally far apart",
        "error": "steps count as equally far apart",
        "ffill": "the series are put on an even grid, with the last values before",
        "interpolate": "the series are put on an even grid, interpolated",
    },
    "gaps": {
        "keep": "kept, so sequences and windows go on across them (gaps: split cuts there)",
        "error": "kept",
        "split": "sequences are cut there",
        "ffill": "filled with the last values before",
        "interpolate": "filled by interpolation",
        "mask": "filled with masked steps",
    },
}
"""What each policy does, in words."""
WORDS = {
    "missing": "missing values",
    "duplicates": "duplicated timestamps",
    "backward": "jumps back in time",
    "irregular": "uneven distances in time",
    "gaps": "gaps in time",
}
"""What each policy is about."""


@dataclass(frozen=True, kw_only=True)
class Longest:
    """The longest gap."""

    apart: float
    """Seconds or step numbers."""
    series: str
    """Name of its series."""
    step: int
    """Number of the step that comes after it."""
    seconds: bool
    """Whether `apart` is in seconds."""


@dataclass
class Findings:
    """Steps by what is irregular about them and by series, and what became of them.

    >>> found = Findings()
    >>> found.add("missing", "a", 2)
    >>> found.sentences(Policies(missing="mask"))
    ['missing values: 2 steps (a 2): these steps are masked']
    """

    steps: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Kind -> series -> steps."""
    longest: Longest | None = None
    """The longest gap of all series."""
    values: int = 0
    """Values that are missing."""
    left_out: int = 0
    """Steps that are left out of the series."""
    on_grid: int = 0
    """Steps that the series have on an even grid."""
    added: int = 0
    """Steps that are added in gaps."""
    masked: int = 0
    """Steps that are masked."""

    def add(self, kind: str, series: str, steps: int) -> None:
        """Count steps."""
        self.steps[kind][series] += steps

    def look(self, series: str, found: Survey, *, seconds: bool, first: int = 0) -> None:
        """Count what is irregular about the times of a series, or of its steps from `first` on."""
        kinds = {"duplicates": "duplicate", "backward": "backward", "irregular": "uneven", "gaps": "gap"}
        for kind, steps in kinds.items():
            self.add(kind, series, int(vars(found)[steps].sum()))
        if found.gap.any():
            step = int(np.where(found.gap, found.apart, -np.inf).argmax())
            if self.longest is None or found.apart[step] > self.longest.apart:
                apart = float(found.apart[step])
                self.longest = Longest(apart=apart, series=series, step=first + step, seconds=seconds)

    def counts(self, *, timed: bool) -> dict[str, int]:
        """Missing values, and with times the steps of each other kind."""
        kinds = ("gaps", "duplicates", "backward", "irregular") if timed else ()
        return {"missing_values": self.values, **{kind: self.steps[kind].total() for kind in kinds}}

    def sentences(self, policies: Policies) -> list[str]:
        """A sentence about each kind that was found."""
        notes = []
        for kind, words in WORDS.items():
            if self.steps[kind].total():
                longest = f", the longest {self._longest()}" if kind == "gaps" else ""
                what = "" if kind == "gaps" else " step"
                done = DONE[kind][vars(policies)[kind]]
                notes.append(f"{words}: {counted(self.steps[kind], what)}{longest}: {done}")
        changed = {"left out": self.left_out, "on the grid": self.on_grid, "added": self.added, "masked": self.masked}
        said = [f"{steps:,} {what}" for what, steps in changed.items() if steps]
        return [*notes, f"steps that this changes: {', '.join(said)}"] if said else notes

    def _longest(self) -> str:
        assert self.longest is not None
        apart = duration(self.longest.apart, seconds=self.longest.seconds)
        return f"{apart} in {self.longest.series} before step {self.longest.step}"


def counted(found: Mapping[str, int], what: str = " step") -> str:
    """The sum, and the series with the most.

    >>> counted({"a": 1, "b": 1200})
    '1,201 steps (b 1,200, a 1)'
    """
    total = sum(found.values())
    most = sorted((name for name in found if found[name]), key=lambda name: -found[name])
    listed = ", ".join(f"{name} {found[name]:,}" for name in most[:3]) + ", ..." * (len(most) > 3)
    return f"{total:,}{what}{'s' * bool(what and total != 1)} ({listed})"
