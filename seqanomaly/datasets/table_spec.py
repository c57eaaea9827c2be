"""A data set in one table with a row per step: how it is read, cleaned and divided."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator

from seqanomaly.datasets.opened import Loaded, Opened, reading
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.split import SplitSpec, by_time, check_folds
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.frame import Layout
    from seqanomaly.datasets.mapped.one import One

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
"""Names of columns, in a list."""
ClassName = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v)]
"""The name of a class, which may be written as a whole number."""
UNLABELLED = "no column holds labels, so all steps are taken as normal"
FEW = "name the column that tells them apart with --series; if there are no others, cut each with split: {time: 0.3}"
"""The remedy where a table holds too few sequences."""


class TableSpec(DataSpec, ABC):
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
