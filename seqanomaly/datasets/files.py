"""A data set in a user's own table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from seqanomaly.config import call
from seqanomaly.datasets import single
from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.times import Dates
from seqanomaly.datasets.opened import VALIDATION
from seqanomaly.datasets.policies import Backward, Cleaned, Duplicates
from seqanomaly.datasets.split import AnySplit, SplitSpec
from seqanomaly.datasets.table_spec import UNLABELLED, ClassName, Names, TableSpec
from seqanomaly.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.frame import Layout
    from seqanomaly.datasets.mapped.one import One


class FileData(Cleaned, TableSpec):
    """A table in a file: a row per step, columns for series, step, label and numeric features.

    A wide table has a row per sequence instead, with a column per step.
    """

    kind: Literal["file"] = "file"
    path: str
    """The file; relative to where the command runs."""
    series: str | None = "series"
    """Column that names the sequence of a row; null if the file is one series, whose last steps then test."""
    step: str | None = "step"
    """Column that orders the rows of a sequence: numbers or timestamps; null, in one series, for the rows' order."""
    label: str | None = "label"
    """Column with the class of a step; one label per series is given to all its steps. Null: every step is normal."""
    features: Names | None = None
    """Numeric columns to use; all that are left by default."""
    ignore: Names | None = None
    """Columns that are no features."""
    normal: ClassName | None = None
    """The label that means normal; by default 0 or "normal"."""
    binary: bool = False
    """Whether all labels but the normal one are one class, as detect needs: 1, and the normal one is 0."""
    part: str | None = None
    """Column that says `train`, `validation` or `test`; by default the seed draws the test part."""
    test: float = Field(0.3, gt=0, lt=1)
    """Share of the series for testing where neither a `part` column nor a `split` is given."""
    split: AnySplit = None
    """`{time: 0.3}`: the last 30% of each series test; `{folds: 5}`: seed s tests fold s modulo 5 of the series."""
    duplicates: Duplicates = "error"
    """Rows with the same series and step: an error by default; keep the `first` or the `last`, `keep` or `mask`."""
    backward: Backward = "sort"
    """As elsewhere, but rows are put in the order of `step` by default."""
    unwritten: ClassVar[frozenset[str]] = Cleaned.unwritten - {"duplicates"} | {"ignore", "binary", "dates", "commas"}
    commas: Commas | None = None
    """What follows the comma in numbers such as 1,100: `decimals` or `thousands`; by default the columns say it."""
    dates: Dates | None = None
    """What dates such as 02/01/2016 begin with, `day_first` or `month_first`; by default the rows say it."""
    rows: Literal["steps", "sequences"] = "steps"
    """What a row is: a step of a long table, or a sequence of a wide one, whose other columns are its steps."""

    validation: float = Field(VALIDATION, gt=0, lt=1)
    """Share of what is left for training that validates, where no `part` column says which."""
    mapped: bool | None = None
    """Whether the table is converted once and mapped, so that it may be larger than memory; by default where it is
    over 1 GiB when decoded. Its rows have to be in order; results are the same."""
    guessed: Names = Field((), exclude=True)
    """Which of series, step and label were taken from the names of the columns: said when the table is opened."""

    @model_validator(mode="after")
    def _mapped_tables_are_long(self) -> FileData:
        if self.mapped and self.rows != "steps":
            raise ConfigError(
                f"{self.rows} is for tables that are read whole, got mapped: true; leave one of them out", ("rows",)
            )
        return self

    @model_validator(mode="after")
    def _one_says_what_is_tested(self) -> FileData:
        other = "part" if self.part is not None else "test" if self.test != self._default("test") else None
        if self.split is not None and other is not None:
            raise ConfigError(f"{other} and split both say what is tested; leave one of them out", ("split",))
        if self.series is not None and self.step is None:
            raise ConfigError("null is for a file that is one series, so set series: null too", ("step",))
        if self.series is None and self.rows == "sequences":
            raise ConfigError("null is for a table with a row per step, got rows: sequences", ("series",))
        return self

    @property
    def name(self) -> str:
        """The file's name without its ending, and what differs from the defaults in what is learned from it."""
        settings = {key: value for key, value in self.changed().items() if key not in ("series", "step", "mapped")}
        split = {key: value for key, value in settings.pop("split", {}).items() if value is not None}
        del settings["path"]
        return call(self._stem(), settings | split)

    def table(self) -> Path:
        return Path(self.path)

    def layout(self) -> Layout:
        from seqanomaly.datasets.frame import Layout

        return Layout(
            series=self.series or single.SERIES,
            step=self.step or single.ROW,
            label=self.label,
            features=self.features,
            normal=self.normal,
            binary=self.binary,
            ignore=(*(self.ignore or ()), *(() if self.part is None else (self.part,))),
            dates=self.dates,
            commas=self.commas,
        )

    def long(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        from seqanomaly.datasets.formats.wide import long_from_wide

        if self.rows == "steps":
            self.expect_columns(table.columns.astype(str).tolist(), [table])
            notes: tuple[str, ...] = () if self.label is not None else (UNLABELLED,)
            if self.series is None:
                self._expect_values(table)
                table, one = single.one_series(table, self.step, self._stem(), self.table().name, self.dates)
                notes = (*one, *notes)
            return table, notes
        assert self.series is not None
        assert self.step is not None
        kept = tuple(name for name in (self.label, self.part) if name is not None)
        left = [name for name in table if name not in (self.ignore or ())]
        long = long_from_wide(table[left], self.series, self.step, kept, self.table().name)
        return long, ("each row is a sequence and each other column a step of its one feature",)

    def as_it_is(self) -> tuple[str, ...] | None:
        if self.rows != "steps" or self.series is None:
            return None
        return () if self.label is not None else (UNLABELLED,)

    def expect_columns(self, names: list[str], tables: Iterable[pd.DataFrame] = ()) -> None:
        """Name the column of the series or label that is not there, with what to set if there is none."""
        from seqanomaly.config import nearest
        from seqanomaly.datasets.headers import candidates

        where = self.table().name
        gone = next((name for name in self.ignore or () if name not in names), None)
        if gone is not None:
            raise DataError(f"{where}: there is no column {gone!r} to ignore{nearest(gone, names)}")
        if self.series is not None and self.series not in names:
            raise DataError(
                f"{where}: there is no column {self.series!r}; say which one it is with series (--series), or read the "
                f"file as one series with {{path: {self.path}, series: null, step: null}}{nearest(self.series, names)}"
            )
        if self.label == self._default("label") and self.label not in names:
            several = candidates(names, tables)
            raise DataError(
                f"{where}: there is no column {self.label!r}; say which one it is{several} with label (--label), or "
                f"take every step as normal, as for forecast, with {{path: {self.path}, label: null}}"
                f"{nearest(self.label, names)}"
            )

    def _expect_values(self, table: pd.DataFrame) -> None:
        """Raise a `DataError` about the features that have no value in any row."""
        from seqanomaly.datasets.headers import is_unnamed

        taken = {self.step, self.label, *self.layout().ignore}
        names = self.features or [name for name in map(str, table) if name not in taken and not is_unnamed(name)]
        empty = [name for name in names if name in table and len(table) and table[name].isna().all()]
        if empty:
            what = "1 column has" if len(empty) == 1 else f"{len(empty)} columns have"
            raise DataError(
                f"{self.table().name}: {what} no value in any row; leave out with ignore "
                f"(--ignore '{','.join(empty[:8])}'{', ..' * (len(empty) > 8)})"
            )

    def said_of_columns(self) -> tuple[str, ...]:
        from seqanomaly.datasets.headers import columns_note, features_note
        from seqanomaly.datasets.mapped.tables import columns_of

        if self.rows == "sequences":
            return columns_note({"series": self.series} if "series" in self.guessed else {})
        taken = {self.series, self.step, self.label, self.part, *(self.ignore or ())}
        left = [name for name in columns_of(self.table()) if name not in taken]
        columns = {"series": self.series, "step": self.step, "label": self.label}
        found = {option: name for option, name in columns.items() if option in self.guessed}
        return (*columns_note(found), *features_note(left, self.features))

    def _stem(self) -> str:
        return self.table().name.split(".")[0]

    def one(self) -> One | None:
        from seqanomaly.datasets.mapped.one import One

        return One(name=self._stem(), step=self.step) if self.series is None else None

    def part_column(self) -> str | None:
        return self.part

    def division(self) -> SplitSpec | None:
        one = self.series is None and self.split is None and self.part is None
        return SplitSpec(time=self.test) if one else self.split

    def test_share(self) -> float:
        return self.test

    def validation_share(self) -> float:
        return self.validation

    def is_mapped(self) -> bool:
        from seqanomaly.datasets.formats.stream import is_file

        if self.mapped is not None or self.rows != "steps":
            return bool(self.mapped)
        if not is_file(self.table()):
            return False
        from seqanomaly.datasets.mapped.source import is_large

        return is_large(self.table())
