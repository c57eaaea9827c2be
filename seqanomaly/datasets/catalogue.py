"""What ships and which families of files are recognised, for people: a line each, and a command to begin with."""

from __future__ import annotations

from dataclasses import dataclass

from seqanomaly.datasets.family import Family as Files
from seqanomaly.datasets.specs import DATASETS
from seqanomaly.datasets.synthetic import SYNTHETIC


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A data set that ships with the package; `data/NAME/README.md` says where it comes from."""

    name: str
    """What `--data` takes."""
    about: str
    """What it is."""
    sequences: int
    """How many sequences it has."""
    steps: tuple[int, int]
    """Steps of the shortest and of the longest."""
    channels: int
    """Features of a step."""
    labels: str
    """What is anomalous, or which classes there are."""
    licence: str
    """Under which it ships."""


SHIPPED_DATA = (
    Shipped(
        name="episodes",
        about="chemical plant runs, half with a fault from their first step; official test part",
        sequences=204,
        steps=(80, 80),
        channels=12,
        labels="fault or not, balanced at every step; {kind: episodes, label: fault}: which of 6 faults",
        licence="Apache-2.0",
    ),
    Shipped(
        name="cmapss",
        about="C-MAPSS FD001, simulated turbofan engines until they fail; official test part",
        sequences=200,
        steps=(31, 362),
        channels=24,
        labels="at most 30 cycles left; {kind: cmapss, horizon: 50}: at most 50",
        licence="public domain (U.S. Government work)",
    ),
    Shipped(
        name="tep",
        about="Tennessee Eastman, plant runs whose faults begin on the way; official test part",
        sequences=66,
        steps=(222, 240),
        channels=53,
        labels="from the fault's onset on; {kind: tep, label: fault}: which of 6 faults",
        licence="Apache-2.0",
    ),
    Shipped(
        name="robot",
        about="robot execution failures lp1, forces and torques at approach to grasp; the seed draws the test part",
        sequences=88,
        steps=(15, 15),
        channels=6,
        labels="failure or not; {kind: robot, label: class}: which of 3",
        licence="CC BY 4.0",
    ),
    Shipped(
        name="{kind: robot, subset: lp4}",
        about="robot execution failures lp4, approach to ungrasp; the seed draws the test part",
        sequences=116,
        steps=(15, 15),
        channels=6,
        labels="failure or not; {kind: robot, subset: lp4, label: class}: which of 2",
        licence="CC BY 4.0",
    ),
)
"""The data sets that ship, with what their files hold."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of files that is recognised by their names and first lines."""

    kind: str
    """Its name, as in `{kind: cmapss, path: CMAPSSData}`."""
    title: str
    """What it is called by those who know it."""
    files: str
    """What the files look like."""
    example: str
    """What stands behind the command, with paths as a user would have them."""

    @property
    def command(self) -> str:
        """A command to begin with.

        >>> next(family.command for family in FAMILIES if family.kind == "cmapss")
        'seqanom data show CMAPSSData'
        """
        quoted = f"'{self.example}'" if self.example.startswith("{") else self.example
        return f"seqanom data show {quoted}"


FAMILIES = (
    *(
        Family(kind=kind, title=data.title, files=data.looks, example=data.example)
        for kind, data in DATASETS.items()
        if issubclass(data, Files)
    ),
    Family(
        kind="file",
        title="a table",
        files="one table with columns for series, step, label and features",
        example="mine.csv --series unit --step cycle --label fault",
    ),
)
"""The families of files, in the order of `DATASETS`."""


def drawn() -> dict[str, str]:
    """The tasks that are drawn by the seed, with the first sentence about each.

    >>> list(drawn())
    ['drift', 'evidence', 'onset', 'ar']
    """
    return {kind: str(DATASETS[kind].__doc__).strip().partition("\n")[0] for kind in SYNTHETIC}
