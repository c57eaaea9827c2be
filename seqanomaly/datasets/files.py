"""Data sets in tables: a user's file, and the episodes that ship with the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from seqanomaly.config import call
from seqanomaly.datasets.opened import VALIDATION, Loaded, Opened, reading
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.split import AnySplit, SplitSpec, by_time, check_folds
from seqanomaly.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.frame import Layout

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
"""Names of columns, in a list."""
FEW = "name the column that tells them apart with --series"
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
    def part_column(self) -> str | None:
        """The column that says train or test, if there is one."""

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
        return self._mapped() if self.is_mapped() else self._read()

    def _mapped(self) -> Source:
        from seqanomaly.datasets.mapped.source import Division, MappedSource

        share = {"test": self.test_share(), "validation": self.validation_share()}
        return MappedSource(self.table(), self.layout(), Division(self.part_column(), self.division(), **share))

    def _read(self) -> Source:
        from seqanomaly.datasets.formats.table import content_digest, read_noted
        from seqanomaly.datasets.frame import read_frame
        from seqanomaly.datasets.part_column import by_part, given_parts
        from seqanomaly.datasets.sampling import sampling_notes

        path, where, part = self.table(), self.table().name, self.part_column()
        with reading([path], where):
            table, notes = read_noted(path)
            frame, also = self.long(table)
            read = read_frame(frame, self.layout(), where)
            sampling = sampling_notes(frame, self.layout(), where)
            loaded = Loaded(known=read.sequences, notes=(*notes, *also, *sampling))
            if part is not None:
                loaded = by_part(loaded, given_parts(frame, part, where)[read.rows], part, where)
            split, share = self.division(), self.test_share()
            if split is not None and split.time is not None:
                loaded = by_time(loaded, split.time, where)
            folds = None if split is None else split.folds
            if folds is not None:
                check_folds(loaded, folds, where)
                share = 1 / folds
            source = Opened(
                loaded,
                where,
                digest=content_digest(path),
                test_share=share,
                few=FEW,
                folds=folds,
                validation_share=self.validation_share(),
            )
        source.columns = self.layout().series, self.layout().step
        return source


class FileData(_TableSpec):
    """A table in a file: a row per step, columns for series, step, label and numeric features.

    A wide table has a row per sequence instead, with a column per step.
    """

    kind: Literal["file"] = "file"
    path: str
    """The file; relative to where the command runs."""
    series: str = "series"
    """Column that names the sequence of a row."""
    step: str = "step"
    """Column that orders the rows of a sequence: numbers or timestamps."""
    label: str = "label"
    """Column with the class of a step; one label per series is given to all its steps."""
    features: Names | None = None
    """Numeric columns to use; all that are left by default."""
    normal: ClassName | None = None
    """The label that means normal; by default 0 or "normal"."""
    part: str | None = None
    """Column that says `train`, `validation` or `test`; by default the seed draws the test part."""
    test: float = Field(0.3, gt=0, lt=1)
    """Share of the series for testing where neither a `part` column nor a `split` is given."""
    split: AnySplit = None
    """`{time: 0.3}`: the last 30% of each series test; `{folds: 5}`: seed s tests fold s modulo 5 of the series."""
    duplicates: Literal["error", "first", "last"] = "error"
    """Which row is kept of those with the same series and step; by default they are an error."""
    rows: Literal["steps", "sequences"] = "steps"
    """What a row is: a step of a long table, or a sequence of a wide one, whose other columns are its steps."""

    validation: float = Field(VALIDATION, gt=0, lt=1)
    """Share of what is left for training that validates, where no `part` column says which."""
    mapped: bool | None = None
    """Whether the table is converted once and mapped, so that it may be larger than memory; by default where it is
    over 1 GiB when decoded. Parquet and Feather files with their rows in order only; results are the same."""

    @model_validator(mode="after")
    def _mapped_tables_are_long(self) -> FileData:
        if self.mapped:
            for key, value in (("rows", "steps"), ("duplicates", "error")):
                if (found := getattr(self, key)) != value:
                    raise ConfigError(
                        f"{found} is for tables that are read whole, got mapped: true; leave one of them out", (key,)
                    )
        return self

    @model_validator(mode="after")
    def _one_says_what_is_tested(self) -> FileData:
        other = "part" if self.part is not None else "test" if self.test != self._default("test") else None
        if self.split is not None and other is not None:
            raise ConfigError(f"{other} and split both say what is tested; leave one of them out", ("split",))
        return self

    @property
    def name(self) -> str:
        """The file's name without its ending, and what differs from the defaults in what is learned from it."""
        settings = {key: value for key, value in self.changed().items() if key not in ("series", "step", "mapped")}
        split = {key: value for key, value in settings.pop("split", {}).items() if value is not None}
        return call(Path(settings.pop("path")).name.split(".")[0], settings | split)

    def table(self) -> Path:
        return Path(self.path)

    def layout(self) -> Layout:
        from seqanomaly.datasets.frame import Layout

        return Layout(
            series=self.series,
            step=self.step,
            label=self.label,
            features=self.features,
            normal=self.normal,
            ignore=() if self.part is None else (self.part,),
        )

    def long(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        from seqanomaly.datasets.formats.wide import long_from_wide

        if self.rows == "steps":
            self._expect_series(table)
            return self._without_duplicates(table)
        kept = tuple(name for name in (self.label, self.part) if name is not None)
        long = long_from_wide(table, self.series, self.step, kept, self.table().name)
        return long, ("each row is a sequence and each other column a step of its one feature",)

    def _expect_series(self, table: pd.DataFrame) -> None:
        from seqanomaly.config import nearest

        if self.series not in table.columns.astype(str):
            raise DataError(
                f"{self.table().name}: there is no column {self.series!r}; say which one it is with series (--series), "
                f"or read the file as one series with {{kind: folder, path: {self.path}, split: time}}"
                f"{nearest(self.series, table.columns.astype(str))}"
            )

    def _without_duplicates(self, table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """One row of those with the same series and step, if that is asked for."""
        if self.duplicates == "error" or self.series not in table or self.step not in table:
            return table, ()
        found = table.drop_duplicates([self.series, self.step], keep=self.duplicates, ignore_index=True)
        gone = len(table) - len(found)
        return found, (f"duplicates of {self.step!r} in a series: {gone:,} rows left out, the {self.duplicates} kept",)

    def part_column(self) -> str | None:
        return self.part

    def division(self) -> SplitSpec | None:
        return self.split

    def test_share(self) -> float:
        return self.test

    def validation_share(self) -> float:
        return self.validation

    def is_mapped(self) -> bool:
        from seqanomaly.datasets.formats.stream import is_file

        if self.mapped is not None or self.rows != "steps" or self.duplicates != "error":
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

    def part_column(self) -> str:
        return "part"

    def division(self) -> None:
        """None: a column says train or test."""

    def test_share(self) -> float:
        return 0.0

    def validation_share(self) -> float:
        return VALIDATION

    def is_mapped(self) -> bool:
        return False
