"""The episodes that ship with the package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqanomaly.datasets.opened import VALIDATION
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.table_spec import TableSpec

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.frame import Layout

SHIPPED = Path(__file__).parents[1] / "_data"
"""Where the tables are that ship with the package."""


class Episodes(TableSpec):
    """Simulated chemical plant runs of 80 steps that ship with the package; half have a fault from their first step.

    The label is balanced at every step; the part is given. See `data/episodes/README.md`.
    """

    kind: Literal["episodes"] = "episodes"
    label: Literal["label", "fault"] = "label"
    """`label`: fault or not; `fault`: which fault, for the task `classify`."""

    def table(self) -> Path:
        return SHIPPED / "episodes" / "episodes.csv.gz"

    def layout(self) -> Layout:
        from seqanomaly.datasets.frame import Layout

        other = "fault" if self.label == "label" else "label"
        return Layout(series="run", step="sample", label=self.label, ignore=(other, "part"))

    def long(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        return table, ()

    def as_it_is(self) -> tuple[str, ...]:
        return ()

    def one(self) -> None:
        """None: it has a column of series."""

    def part_column(self) -> str:
        return "part"

    def policies(self) -> Policies:
        return Policies(duplicates="error", backward="sort")

    def expect_columns(self, names: list[str], tables: Iterable[pd.DataFrame] = ()) -> None:
        """They are there, as the table ships."""

    def said_of_columns(self) -> tuple[str, ...]:
        return ()

    def division(self) -> None:
        """None: a column says train or test."""

    def test_share(self) -> float:
        return 0.0

    def validation_share(self) -> float:
        return VALIDATION

    def is_mapped(self) -> bool:
        return False
