"""The Tennessee Eastman process in tables with a row per sample, in the layout of Rieth et al. with a label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from seqanomaly.datasets.family import Drawn, Shipped
from seqanomaly.datasets.formats.labels import zero_one
from seqanomaly.datasets.formats.text import bare, find, first_line, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

RUN = ("faultNumber", "simulationRun")
CHANNELS = (*(f"xmeas_{i}" for i in range(1, 42)), *(f"xmv_{i}" for i in range(1, 13)))
"""41 measurements and 12 manipulated variables."""


class Tep(Shipped, Drawn):
    """Simulated runs of a chemical plant (Tennessee Eastman) whose faults begin at a random time; see `data/tep`.

    The layout is that of Rieth, Amsel, Tran & Cook (2017) with a label per sample; the process is that of Downs &
    Vogel, Computers & Chemical Engineering 17, 1993.
    """

    title: ClassVar[str] = "the Tennessee Eastman process"
    kind: Literal["tep"] = "tep"
    subset: Literal["sim", "episodes"] = "sim"
    """Which pair of tables: `tep_sim_train.csv` and `.._test.csv`, or `tep_episodes_..`; sim ships."""
    label: Literal["label", "fault"] = "label"
    """`label`: 1 from the fault's onset on; `fault`: which fault from then on, for the task `classify`."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file():
            return {} if first_line(path).startswith(",".join((*RUN, "sample", "xmeas_1,"))) else None
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
        return [find(root, f"tep_{self.subset}_{part}.csv", remedy) for part in ("train", "test")]

    def read(self, files: Sequence[Path]) -> Loaded:
        parts = [_table(path, missing=self.takes_missing) for path in files]
        faults = sorted({int(fault) for table in parts for fault in table["faultNumber"].unique()} - {0})
        classes = ("normal", *(f"fault{number}" for number in faults)) if self.label == "fault" else ("0", "1")
        prefixes = ("train-", "test-") if len(parts) > 1 else ("",)
        known, *test = (self._sequences(table, classes, prefix) for table, prefix in zip(parts, prefixes, strict=True))
        what = "the number of the fault" if self.label == "fault" else "1"
        note = f"label is {what} from the onset of the fault on, 0 before"
        return Loaded(known=known, test=test[0] if test else None, notes=(note,))

    def _sequences(self, table: pd.DataFrame, classes: tuple[str, ...], prefix: str) -> Sequences:
        runs = [run for _, run in table.groupby(list(RUN), sort=False)]
        first = [run.iloc[0] for run in runs]
        names = ["normal" if not row["faultNumber"] else f"fault{row['faultNumber']:g}" for row in first]
        codes = [classes.index(name) if self.label == "fault" else 1 for name in names]
        return Sequences.of(
            [run[list(CHANNELS)].to_numpy(np.float64) for run in runs],
            [run["label"].to_numpy(np.int64) * code for run, code in zip(runs, codes, strict=True)],
            ids=tuple(f"{prefix}{name}-{row['simulationRun']:g}" for name, row in zip(names, first, strict=True)),
            features=CHANNELS,
            classes=classes,
            time=[run["sample"].to_numpy() for run in runs],
        )


def _table(path: Path, *, missing: bool) -> pd.DataFrame:
    """The checked table, its rows in order of run and sample."""
    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.datasets.frame import Layout, read_frame

    table = read_table(path)
    needed = (*RUN, "sample", *CHANNELS, "label")
    absent = [name for name in needed if name not in table]
    if absent:
        raise DataError(
            f"{path}: there is no column {absent[0]!r}; a table of the Tennessee Eastman process has {len(needed)}"
        )
    table = table[list(needed)]
    _whole(table, path)
    series = table["faultNumber"].astype(str) + "-" + table["simulationRun"].astype(str)
    label = zero_one(table["label"], f"{path}: column 'label'")
    layout = Layout(series="run", step="sample", label=None, features=(*RUN, *CHANNELS))
    frame = read_frame(table.assign(label=label, run=series), layout, path.name, missing=missing)
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
