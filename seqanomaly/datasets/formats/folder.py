"""A folder of tables, one sequence in each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.stream import is_file, visible
from seqanomaly.datasets.formats.text import bare, column_names
from seqanomaly.datasets.formats.times import Dates
from seqanomaly.datasets.headers import (
    LABEL,
    NAMES,
    SERIES,
    STEP,
    TIMES,
    candidates,
    columns_note,
    could_be_label,
    features_note,
    is_unnamed,
    plain,
)
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import Backward, Cleaned, Duplicates
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.table_spec import UNLABELLED, ClassName, Names
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

WORD = re.compile(r"(?<![^\W_])(train|test)(?:ing)?(?![^\W_\d])", re.IGNORECASE)
"""The word train or test in a name, as in `test1`, `train_no_anomaly` and `pump-test`."""
GIVEN = "the words train and test in the names of the files or their folders give the parts"
FILE, ROW = "name of the file", "number of the row"


class Folder(Given, Drawn):
    """CSV, Parquet or Feather tables in a folder and its subfolders, one sequence in each.

    The words train and test in the names of all files or their folders give the parts; without them the seed draws the
    test part. With `split: time`
    each file, and also a single one, is cut into a training and a test part instead; `test` is the share of its steps.
    """

    title: ClassVar[str] = "a folder of tables, one sequence in each"
    looks: ClassVar[str] = "any folder of .csv, .parquet or .feather tables, one sequence each"
    example: ClassVar[str] = "machines"
    kind: Literal["folder"] = "folder"
    label: str | None = "label"
    """Column with the class of a step; null to take all steps as normal."""
    split: Literal["files", "time"] = "files"
    """`files`: whole files for testing; `time`: the last steps of each file."""
    unwritten: ClassVar[frozenset[str]] = Cleaned.unwritten | {"ignore", "binary", "dates", "commas"}
    step: str | None = None
    """Column that orders the rows; by default they are in order."""
    features: Names | None = None
    """Numeric columns to use; all that are left by default."""
    ignore: Names | None = None
    """Columns that are no features."""
    normal: ClassName | None = None
    """The label that means normal; by default 0 or "normal"."""
    binary: bool = False
    """Whether all labels but the normal one are one class, as detect needs: 1, and the normal one is 0."""
    commas: Commas | None = None
    """What follows the comma in numbers such as 1,100: `decimals` or `thousands`; by default the columns say it."""
    dates: Dates | None = None
    """What dates such as 02/01/2016 begin with, `day_first` or `month_first`; by default the rows say it."""
    duplicates: Duplicates = "error"
    """As elsewhere, but rows that have the same step are an error by default."""
    backward: Backward = "sort"
    """As elsewhere, but rows are put in the order of `step`, if it is given, by default."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        found = tables_in(path) if path.is_dir() else []
        return _named(column_names(found[0])) if found else None

    def files(self) -> Sequence[Path]:
        """All tables, in the order of their names."""
        from seqanomaly.datasets.formats.table import SUFFIXES

        root = self.root()
        found = tables_in(root) if root.is_dir() else [root]
        if not found:
            raise DataError(f"{root}: there is no table in it; known endings: {', '.join(SUFFIXES)}")
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        import pandas as pd

        from seqanomaly.datasets.formats.table import read_noted
        from seqanomaly.datasets.frame import Layout, read_frame

        names = [_name(path, self.base()) for path in files]
        read = [read_noted(path, self.commas, asks=True) for path in files]
        tables = [table for table, _ in read]
        _same_columns(files, tables)
        self._check_labels(files[0], tables)
        self._check_numbers(files, tables)
        rows, notes = [len(table) for table in tables], list(read[0][1])
        frame = pd.concat(tables, ignore_index=True)
        del read, tables  # which take as much as all of them together
        frame[FILE] = pd.Categorical.from_codes(np.repeat(np.arange(len(names)), rows), pd.Index(names))
        frame[ROW] = np.arange(len(frame))
        layout = Layout(
            series=FILE,
            step=self.step or ROW,
            label=self.label,
            features=self.features,
            normal=self.normal,
            binary=self.binary,
            ignore=(ROW, *(self.ignore or ())),
            dates=self.dates,
            commas=self.commas,
        )
        sequences = read_frame(
            frame,
            layout,
            str(self.path),
            missing=self.takes_missing,
            sort=self.backward == "sort",
            doubles=self.duplicates != "error" or self.backward != "sort",
        ).sequences
        if self.step is None:
            sequences = replace(sequences, time=None)
        notes += [UNLABELLED] if self.label is None else columns_note({LABEL: self.label}) * (self.label != LABEL)
        taken = {self.label, self.step, FILE, ROW, *(self.ignore or ())}
        notes += features_note([name for name in frame.columns if name not in taken], self.features)
        return self._cut(sequences, notes) if self.split == "time" else self._split(sequences, notes)

    def _check_labels(self, path: Path, tables: Sequence[pd.DataFrame]) -> None:
        columns = list(tables[0].columns)
        if self.label is not None and self.label not in columns:
            could = candidates(columns, tables)
            raise DataError(
                f"{path}: there is no column {self.label!r}; say which one it is{could} with label: NAME "
                "(--label NAME), or take every step as normal, as for forecast, with label: null"
                f"{nearest(self.label, columns)}"
            )

    def _check_numbers(self, files: Sequence[Path], tables: Sequence[pd.DataFrame]) -> None:
        """Name the file of a value that is no number, which the frame of all files could not."""
        from seqanomaly.datasets.frame import numbers

        for path, table in zip(files, tables, strict=True):
            self._check_single(path, table)
            taken = (self.label, self.step, *(self.ignore or ()))
            for name in self.features or [name for name in table if name not in taken]:
                if is_unnamed(str(name)) and self.features is None:
                    continue
                if name in table:
                    numbers(
                        table[name],
                        str(path),
                        ", or leave the column out with --ignore",
                        missing=self.takes_missing,
                    )

    def _check_single(self, path: Path, table: pd.DataFrame) -> None:
        """Raise a `DataError` where a column of text tells several series apart."""
        import pandas as pd

        taken = (*(self.ignore or ()), self.label)
        named = [str(name) for name in table if plain(str(name)) in NAMES and name not in taken]
        for name in named if self.features is None else []:
            column = table[name]
            if (name == SERIES or not pd.api.types.is_numeric_dtype(column)) and column.nunique() > 1:
                raise DataError(
                    f"{path}: column {name!r} tells several series apart, and here a file is one sequence; join the "
                    "files into one table, or name one of them alone"
                )

    def _cut(self, sequences: Sequences, notes: list[str]) -> Loaded:
        """The first steps of each sequence for training, the others for testing."""
        own = [sequences.span(row) for row in range(len(sequences))]
        each = [
            Halves.cut(
                name,
                sequences.x[of].astype(np.float64),
                sequences.label[of],
                round(length * (1 - self.test)),
                None if sequences.time is None else sequences.time[of],
            )
            for name, of, length in zip(sequences.ids, own, sequences.length.tolist(), strict=True)
        ]
        notes.append(f"the last {self.test:.0%} of each file test and the steps before train")
        return halves_loaded(each, sequences.features, notes, sequences.classes)

    def _split(self, sequences: Sequences, notes: list[str]) -> Loaded:
        """Whole files, by the words train and test in their names or their folders' if every file has one of them."""
        of = [_part(Path(name)) for name in sequences.ids]
        is_test = np.array([part == "test" for part in of])
        if None not in of and is_test.any() and not is_test.all():
            known, test = (sequences.take(np.flatnonzero(part)) for part in (~is_test, is_test))
            return Loaded(known=known, test=test, notes=(*notes, GIVEN))
        if len(sequences) < 3:
            raise DataError(
                f"{self.path}: too few sequences ({len(sequences)}); training, validation and test need one file each, "
                "so 3: add files, or cut each in time with split: time"
            )
        return Loaded(known=sequences, notes=tuple(notes))


def _named(columns: list[str]) -> dict[str, Any]:
    """The columns that a folder's first table has under a usual name: `step` or a first one of times, and labels."""
    first = [name for name in columns[:2] if not is_unnamed(name)][:1]
    step = [STEP] if STEP in columns else [name for name in first if plain(name) in TIMES]
    labels = could_be_label(columns)
    label = {"label": labels[0]} if len(labels) == 1 and labels[0] != LABEL else {}
    return ({"step": step[0]} if step else {}) | label


def _part(name: Path) -> str | None:
    """The part that the first folder, or else the file, names; None where a name has both words.

    >>> _part(Path("test/train_7")), _part(Path("a/x_train")), _part(Path("latest")), _part(Path("train-test"))
    ('test', 'train', None, None)
    """
    folder = next((word.casefold() for word in name.parts[:-1] if word.casefold() in ("train", "test")), None)
    found = {word.casefold() for word in WORD.findall(name.name)}
    return folder or (found.pop() if len(found) == 1 else None)


def tables_in(folder: Path) -> list[Path]:
    """The tables in a folder and its subfolders."""
    from seqanomaly.datasets.formats.table import SUFFIXES

    found = [
        path
        for path in (*visible(folder, "*"), *visible(folder, "*/*"))
        if path.name.lower().endswith(SUFFIXES) and is_file(path)
    ]
    return sorted(found, key=lambda path: path.as_posix())


def _name(path: Path, base: Path) -> str:
    return bare(path).relative_to(base).with_suffix("").as_posix()


def _same_columns(files: Sequence[Path], tables: Sequence[pd.DataFrame]) -> None:
    for path, table in zip(files, tables, strict=True):
        if table.empty:
            raise DataError(f"{path}: there are no rows")
        if set(table.columns) != set(tables[0].columns):
            other = sorted(set(table.columns) ^ set(tables[0].columns))
            raise DataError(
                f"{path}: has not the same columns as {files[0].name} ({other[0]!r} is in one of them only)"
            )
