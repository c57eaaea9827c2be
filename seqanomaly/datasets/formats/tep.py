"""The Tennessee Eastman process in tables with a row per sample, in the layout of Rieth et al. with a label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from seqanomaly.datasets.family import Drawn, Shipped
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.stream import visible
from seqanomaly.datasets.formats.text import bare, find, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".feather")
ONSETS = {"train": 20, "test": 160}
"""Normal samples before the fault in the tables of Rieth et al., one every 3 minutes: 1 and 8 hours."""
RUN = ("faultNumber", "simulationRun")
CHANNELS = (*(f"xmeas_{i}" for i in range(1, 42)), *(f"xmv_{i}" for i in range(1, 13)))
"""41 measurements and 12 manipulated variables; the tables of Rieth et al. leave out the last, which is constant."""


class Tep(Shipped, Drawn):
    """Simulated runs of a chemical plant (Tennessee Eastman) whose faults begin at a random time; see `data/tep`.

    The layout is that of Rieth, Amsel, Tran & Cook, Additional Tennessee Eastman Process Simulation Data, Harvard
    Dataverse 2017. A table with a column `label` says itself where a fault is; in their own tables, without one, it
    begins after a number of samples. The process is that of Downs & Vogel, Computers & Chemical Engineering 17, 1993.
    """

    title: ClassVar[str] = "the Tennessee Eastman process"
    looks: ClassVar[str] = (
        "tep_sim_train.csv and .._test.csv, TEP_Faulty_Training.csv, ..; faultNumber, simulationRun, .."
    )
    example: ClassVar[str] = "TEP_sim"
    kind: Literal["tep"] = "tep"
    subset: Literal["sim", "episodes"] = "sim"
    """Which pair of tables: `tep_sim_train.csv` and `.._test.csv`, or `tep_episodes_..`; sim ships."""
    label: Literal["label", "fault"] = "label"
    """`label`: 1 from the fault's onset on; `fault`: which fault from then on, for the task `classify`."""
    onset: int | None = Field(None, ge=0)
    """Normal samples at the start of a run with a fault, in tables without labels; by default 20 in a training run and
    160 in a testing run (a file whose name says `test`, or runs of over 500 samples), as Rieth et al. made them."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file():
            return {} if _is_table(path) else None
        if path.is_dir() and _rieth(path):
            return {}
        parts = listed(path, "tep_*_train.csv")
        subsets = sorted(bare(one).stem.removeprefix("tep_").removesuffix("_train") for one in parts)
        known = [name for name in ("sim", "episodes") if name in subsets]
        return None if not known else {} if known[0] == "sim" else {"subset": known[0]}

    def files(self) -> Sequence[Path]:
        """The training and the test table, or the one table."""
        root, remedy = self.root(), f"it needs tep_{self.subset}_train.csv and tep_{self.subset}_test.csv"
        if self.path is None and self.subset != "sim":
            raise DataError("these episodes ship under a name of their own: episodes; or name a folder with path")
        if root.is_file():
            return [root]
        if self.path is not None and (found := _rieth(root)):
            return found
        return [find(root, f"tep_{self.subset}_{part}.csv", remedy) for part in ("train", "test")]

    def read(self, files: Sequence[Path]) -> Loaded:
        notes: list[str] = []
        tables = [(path, self._labelled(path, notes)) for path in files]
        found = {part: [(path, table) for path, table in tables if _part(path) == part] for part in ("train", "test")}
        parts = {part: _joined(of) for part, of in found.items() if of}
        faults = sorted({int(fault) for table in parts.values() for fault in table["faultNumber"].unique()} - {0})
        classes = ("normal", *(f"fault{number}" for number in faults)) if self.label == "fault" else ("0", "1")
        known, *test = (
            self._sequences(table, classes, f"{part}-" if len(parts) > 1 else "") for part, table in parts.items()
        )
        if test and test[0].features != known.features:
            raise DataError(f"{files[-1]}: has {len(test[0].features)} variables where {files[0].name} has "
                            f"{len(known.features)}")  # fmt: skip
        what = "the number of the fault" if self.label == "fault" else "1"
        notes.insert(0, f"label is {what} from the onset of the fault on, 0 before")
        return Loaded(known=known, test=test[0] if test else None, notes=tuple(notes))

    def _labelled(self, path: Path, notes: list[str]) -> pd.DataFrame:
        """The checked table with labels; where it has none, they follow from the sample number, which is noted."""
        table = _table(path, missing=self.takes_missing)
        if "label" in table:
            if self.onset is not None:
                raise DataError(f"{path}: has a column 'label', so onset does not apply; leave it out")
            return table
        from seqanomaly.datasets.frame import numbers

        sample = numbers(table["sample"], str(path))
        part = "test" if _part(path) == "test" or sample.max() > 500 else "train"
        onset = ONSETS[part] if self.onset is None else self.onset
        source = f"as Rieth et al. made their {part}ing runs; for others set onset" if self.onset is None else "as set"
        notes.append(
            f"{bare(path).name}: has no column 'label', so a run with a fault is normal up to sample {onset} and "
            f"anomalous after it, {source}"
        )
        return table.assign(label=((table["faultNumber"] > 0) & (sample > onset)).astype(np.int64))

    def _sequences(self, table: pd.DataFrame, classes: tuple[str, ...], prefix: str) -> Sequences:
        runs = [run for _, run in table.groupby(list(RUN), sort=False)]
        first = [run.iloc[0] for run in runs]
        names = ["normal" if not row["faultNumber"] else f"fault{row['faultNumber']:g}" for row in first]
        codes = [classes.index(name) if self.label == "fault" else 1 for name in names]
        channels = _channels(table)
        return Sequences.of(
            [run[list(channels)].to_numpy(np.float64) for run in runs],
            [run["label"].to_numpy(np.int64) * code for run, code in zip(runs, codes, strict=True)],
            ids=tuple(f"{prefix}{name}-{row['simulationRun']:g}" for name, row in zip(names, first, strict=True)),
            features=channels,
            classes=classes,
            time=[run["sample"].to_numpy() for run in runs],
        )


def _is_table(path: Path) -> bool:
    names = [name.strip('"') for name in first_line(path).strip().split(",")]
    return {*RUN, "sample", "xmeas_1"} <= set(names)


def _rieth(folder: Path) -> list[Path]:
    """The tables of Rieth et al. in a folder, training ones first; none unless there are some of both parts."""
    found = {
        part: [
            path
            for path in sorted(visible(folder, "*"), key=lambda path: path.name)
            if re.search(rf"fault(y|_?free)_?{part}ing\b", bare(path).stem, re.IGNORECASE)
            and path.name.lower().endswith(SUFFIXES)
        ]
        for part in ("train", "test")
    }
    return [*found["train"], *found["test"]] if all(found.values()) else []


def _part(path: Path) -> str:
    return "test" if re.search(r"(^|[^a-z])test(ing)?([^a-z]|$)", bare(path).name.lower()) else "train"


def _channels(table: pd.DataFrame) -> tuple[str, ...]:
    """The variables of a table: the last one may be missing."""
    return CHANNELS if CHANNELS[-1] in table else CHANNELS[:-1]


def _joined(tables: Sequence[tuple[Path, pd.DataFrame]]) -> pd.DataFrame:
    """The tables of one part as one; a `DataError` names those that have a run in common, or other columns."""
    import pandas as pd

    seen: dict[tuple[int, int], Path] = {}
    for path, table in tables:
        if set(table) != set(tables[0][1]):
            raise DataError(f"{path}: has not the same columns as {tables[0][0].name}")
        for run in table[list(RUN)].drop_duplicates().itertuples(index=False):
            if run in seen:
                raise DataError(
                    f"{path}: run {run[1]} of fault {run[0]} is in {seen[run].name} too; keep it in one of both"
                )
            seen[run] = path
    return pd.concat([table for _, table in tables], ignore_index=True)


def _table(path: Path, *, missing: bool) -> pd.DataFrame:
    """The checked table, its rows in order of run and sample."""
    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.datasets.frame import Layout, read_frame

    table = read_table(path)
    channels = _channels(table)
    labelled = ("label",) if "label" in table else ()
    needed = (*RUN, "sample", *channels, *labelled)
    absent = [name for name in needed if name not in table]
    if absent:
        raise DataError(
            f"{path}: there is no column {absent[0]!r}; a table of the Tennessee Eastman process has "
            f"{', '.join(RUN)}, sample, xmeas_1 to xmeas_41 and xmv_1 to xmv_11"
        )
    table = table[list(needed)]
    _whole(table, path)
    series = table["faultNumber"].astype(str) + "-" + table["simulationRun"].astype(str)
    if labelled:
        table = table.assign(label=zero_one(table["label"], f"{path}: column 'label'"))
    layout = Layout(series="run", step="sample", label=None, features=(*RUN, *channels))
    frame = read_frame(table.assign(run=series), layout, path.name, missing=missing)
    assert frame.sequences.time is not None
    sample = frame.sequences.time[frame.sequences.real]
    return table.iloc[frame.rows].reset_index(drop=True).assign(sample=sample)


def _whole(table: pd.DataFrame, path: Path) -> None:
    """The numbers of faults and runs name classes and sequences, so they are whole."""
    from seqanomaly.datasets.frame import numbers

    for name in RUN:
        found = numbers(table[name], str(path))
        wrong = (found != np.round(found)) | (found < 0) | (found > 999_999)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{path}: column {name!r}, data row {row + 1}: {found[row]:g} is not a number of a fault or run; they "
                "are whole, from 0 on"
            )
