"""Data sets in tables: a user's file, and the episodes that ship with the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from seqanomaly.config import call
from seqanomaly.datasets import single
from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.times import Dates
from seqanomaly.datasets.opened import VALIDATION, Loaded, Opened, reading
from seqanomaly.datasets.policies import Backward, Cleaned, Duplicates, Policies
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.split import AnySplit, SplitSpec, by_time, check_folds
from seqanomaly.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.frame import Layout
    from seqanomaly.datasets.mapped.one import One

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
"""Names of columns, in a list."""
UNLABELLED = "no column holds labels, so all steps are taken as normal"
FEW = "name the column that tells them apart with --series; if there are no others, cut each with split: {time: 0.3}"
"""The remedy where a table holds too few sequences."""
ClassName = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v)]
"""The name of a class, which may be written as a whole number."""
SHIPPED = Path(__file__).parents[1] / "_data"


class _TableSpec(DataSpec, ABC):
    """A long table with a row per step."""

    @abstractmethod
    def table(self) -> Path:
        """Where the file is."""

    @abstractmethod
    def layout(self) -> Layout:
        """Which column means what."""

    @abstractmethod
    def long(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The table with a row per step, and what was done to it."""

    @abstractmethod
    def as_it_is(self) -> tuple[str, ...] | None:
        """What is said about the table if `long` leaves it as it is; None if it does not."""

    @abstractmethod
    def policies(self) -> Policies:
        """What is done about missing values and uneven times."""

    @abstractmethod
    def one(self) -> One | None:
        """What the table does not say itself, if it is declared to hold one series."""

    @abstractmethod
    def part_column(self) -> str | None:
        """The column that says train or test, if there is one."""

    @abstractmethod
    def expect_columns(self, names: list[str], tables: Iterable[pd.DataFrame] = ()) -> None:
        """Raise a `DataError` where the column of the series or the label is not there, of those names."""

    @abstractmethod
    def said_of_columns(self) -> tuple[str, ...]:
        """Which column is what, and which features may be something else, where it is no matter of course."""

    @abstractmethod
    def division(self) -> SplitSpec | None:
        """How the table is divided, where neither a column says so nor the seed draws a share."""

    @abstractmethod
    def test_share(self) -> float:
        """Share of the sequences that the seed draws for testing where no column says so."""

    @abstractmethod
    def validation_share(self) -> float:
        """Share of the training sequences that validates."""

    @abstractmethod
    def is_mapped(self) -> bool:
        """Whether the table is mapped instead of being read whole."""

    def content_digest(self) -> str:
        from seqanomaly.datasets.formats.stream import is_file
        from seqanomaly.datasets.formats.table import content_digest

        path = self.table()
        if not is_file(path):
            raise DataError(f"{path}: there is no such file")
        if self.is_mapped():
            from seqanomaly.datasets.mapped.cache import known_digest

            return known_digest(path)
        return content_digest(path)

    def open(self) -> Source:
        """Read and check the table, or map it."""
        source = self._mapped() if self.is_mapped() else self._read()
        source.notes = (*source.notes, *self.said_of_columns())
        return source

    def _mapped(self) -> Source:
        from seqanomaly.datasets.mapped.division import Division
        from seqanomaly.datasets.mapped.source import MappedSource
        from seqanomaly.datasets.mapped.tables import columns_of

        share = {"test": self.test_share(), "validation": self.validation_share()}
        with reading([self.table()], self.table().name):
            self.expect_columns(columns_of(self.table()), self._frames())
        division = Division(self.part_column(), self.division(), **share)
        return MappedSource(self.table(), self.layout(), division, self.one(), self.policies())

    def _frames(self) -> Iterator[pd.DataFrame]:
        """The table, some rows at a time."""
        from seqanomaly.datasets.mapped.tables import columns_of, frames
        from seqanomaly.datasets.mapped.text import described, is_text

        path = self.table()
        yield from frames(path, columns_of(path), described(path, self.layout().commas) if is_text(path) else None)

    def _read(self) -> Source:
        from seqanomaly.datasets.cleaning import clean
        from seqanomaly.datasets.formats.stream import is_file
        from seqanomaly.datasets.formats.table import content_digest

        path, where = self.table(), self.table().name
        with reading([path], where), ThreadPoolExecutor(1) as beside:
            digest = beside.submit(content_digest, path) if is_file(path) else None
            loaded = self._straight() or self._by_frame()
            policies = self.policies()
            split, share = self.division(), self.test_share()
            if split is not None and split.time is not None:
                loaded = by_time(loaded, split.time, where)
            loaded = clean(replace(loaded, validating=self.validation_share()), policies, where)
            folds = None if split is None else split.folds
            if folds is not None:
                check_folds(loaded, folds, where)
                share = 1 / folds
            assert digest is not None  # what is no file has not been read
            source = Opened(
                loaded,
                where,
                digest=digest.result(),
                test_share=share,
                few=FEW,
                folds=folds,
                policies=policies.active(),
            )
        source.columns = self.layout().series, self.layout().step
        return source

    def _straight(self) -> Loaded | None:
        """The table, read a batch of rows at a time; None where it is none that can be."""
        from seqanomaly.datasets.cleaning import step_note
        from seqanomaly.datasets.part_column import by_counts
        from seqanomaly.datasets.straight import read_straight

        notes, part = self.as_it_is(), self.part_column()
        if notes is None:
            return None
        found = read_straight(self.table(), self.layout(), part, missing=self.policies().missing != "error")
        if found is None:
            return None
        loaded = Loaded(known=found.sequences, notes=(*notes, *step_note(found.sequences)))
        if part is None or found.parts is None:
            return loaded
        return by_counts(loaded, found.parts, part, self.table().name)

    def _by_frame(self) -> Loaded:
        """The table, read whole into a data frame."""
        from seqanomaly.datasets.cleaning import step_note
        from seqanomaly.datasets.formats.table import read_noted
        from seqanomaly.datasets.frame import read_frame
        from seqanomaly.datasets.part_column import by_part, given_parts

        path, where, part, policies = self.table(), self.table().name, self.part_column(), self.policies()
        table, notes = read_noted(path, self.layout().commas, asks=True)
        frame, also = self.long(table)
        read = read_frame(
            frame,
            self.layout(),
            where,
            missing=policies.missing != "error",
            sort=policies.backward == "sort",
            doubles=policies.duplicates != "error" or policies.backward != "sort",
        )
        loaded = Loaded(known=read.sequences, notes=(*notes, *also, *step_note(read.sequences)))
        return loaded if part is None else by_part(loaded, given_parts(frame, part, where)[read.rows], part, where)


class FileData(Cleaned, _TableSpec):
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


class Episodes(_TableSpec):
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
