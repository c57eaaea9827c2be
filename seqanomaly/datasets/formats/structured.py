"""Structured logs of logparser: a line of the log per row with its event; sessions are blocks that the lines name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.formats.encoding import Coded, Encoded, classes_of
from seqanomaly.datasets.formats.loglines import CONTENT, EVENT, LABEL, LARGEST, LINE, SMALLEST, Lines, read_lines
from seqanomaly.datasets.formats.text import bare, column_names, find, listed
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.split import by_time
from seqanomaly.datasets.table_spec import UNLABELLED
from seqanomaly.errors import DataError

LABELS = "anomaly_label.csv"
BLOCK = "BlockId"
NORMAL = "-"
"""The label of a line without an alert."""


class Structured(Encoded):
    """A log that logparser took apart: a row per line of the log, with its text (`Content`) and event (`EventId`).

    Of HDFS a session is what the lines say of a block (`blk_..`), labelled in `anomaly_label.csv`; a line may name
    several blocks. Where each line has a label of its own (`Label`, as in BGL), the log is one series. Encoded as
    `events` are. Zhu et al., Tools and benchmarks for automated log parsing, ICSE-SEIP 2019.
    """

    title: ClassVar[str] = "a structured log"
    looks: ClassVar[str] = "HDFS.log_structured.csv of logparser and anomaly_label.csv, or a label on each line (BGL)"
    example: ClassVar[str] = "HDFS"
    kind: Literal["structured"] = "structured"
    labels: str | None = LABELS
    """The file with the label of each block, beside the log or in `preprocessed`; null to take all as normal."""
    unlabelled: Literal["error", "drop"] = "error"
    """Blocks that the file of labels does not have: an error, or left out (`drop`)."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        folder = path if path.is_dir() else path.parent
        if path.is_dir() or bare(path).name == LABELS:
            tables = listed(folder, "*structured.csv")
            raw = [] if tables else [*listed(folder, "*.log"), *listed(folder.parent, "*.log")]
            known = any(map(_is_structured, tables)) or (
                raw and bool(listed(folder, LABELS)) and len(_csv(folder)) == 1
            )
            return None if not known else {} if path.is_dir() else {"path": str(folder)}
        return {} if path.is_file() and _is_structured(path) else None

    def files(self) -> Sequence[Path]:
        """The structured log and, where its lines have none, the file of labels."""
        root = self.root()
        found = [root] if root.is_file() else listed(root, "*structured.csv")
        if not found:
            raise DataError(
                f"{root}: there is no structured log in it (NAME.log_structured.csv); make one of the raw log with "
                "logparser, as its events are not known without"
            )
        if len(found) > 1:
            raise DataError(f"{root}: holds {' and '.join(path.name for path in found)}; name one of them")
        names = column_names(found[0])
        return found if LABEL in names or self.labels is None else [*found, self._label_file()]

    def _label_file(self) -> Path:
        assert self.labels is not None
        name, base = Path(self.labels), self.base()
        if name.is_absolute() or ".." in name.parts:
            raise DataError(f"labels: {self.labels} does not lie in {base}; put it there and name it from there")
        folders = [base / name.parent, base / "preprocessed"]
        there = [folder for folder in folders if listed(folder, name.name)] if name.name else []
        remedy = (
            "it has the label of each block (BlockId, Label); put it there, name another one with labels: FILE, or "
            "take all sessions as normal with labels: null"
        )
        return find((there or folders)[0], name.name, remedy)

    def read(self, files: Sequence[Path]) -> Loaded:
        path, *labels = files
        names = column_names(path)
        lines = read_lines(path, by_line=LABEL in names, normal=self.normal or NORMAL)
        order = () if lines.disordered is None else (
            f"{LINE} is not in order (data row {lines.disordered:,}): lines are taken in the order of the file",
        )  # fmt: skip
        if LABEL in names:
            return self._series(lines, path, order)
        return self._sessions(lines, path, labels, order)

    def _series(self, lines: Lines, path: Path, notes: tuple[str, ...]) -> Loaded:
        """One series of all lines, each with its label."""
        normal, label = self.normal or NORMAL, np.concatenate(lines.label)
        if label.all():
            raise DataError(
                f"{path}: column {LABEL!r} has no label {normal!r}, which means normal; say which one does with "
                "normal: LABEL"
            )
        log = Coded(
            events=list(lines.events),
            code=np.concatenate(lines.code),
            length=np.array([lines.count]),
            ids=[bare(path).name.split(".")[0]],
            label=label.astype(np.int64),
        )
        known, said = self.sequences(log, ("0", "1"), path)
        about = (
            f"label is 1 where column {LABEL!r} is not {normal!r}; the lines are one series in the order of the file"
        )
        return by_time(Loaded(known=known, notes=(about, *notes, *said)), self.test, path.name)

    def _sessions(self, lines: Lines, path: Path, labels: list[Path], notes: tuple[str, ...]) -> Loaded:
        """A session per block."""
        import pandas as pd

        if not sum(map(len, lines.block)):
            raise DataError(
                f"{path}: no line names a block (blk_..) in column {CONTENT!r} and there is no column {LABEL!r}, so "
                "neither sessions nor labels are known; make a table with a session per row (session, events, label)"
            )
        session, blocks = pd.factorize(np.concatenate(lines.block))
        length = np.bincount(session)
        said = [f"a session is a block: {len(blocks):,} in {lines.count:,} lines{_named(lines)}"]
        code = np.concatenate(lines.code)[np.argsort(session, kind="stable")]
        of_block, classes, about = self._labels(blocks, labels)
        log = Coded(
            events=list(lines.events),
            code=code,
            length=length,
            ids=[f"blk_{number}" for number in blocks.tolist()],
            label=np.repeat(of_block, length),
        )
        unknown = of_block < 0
        if unknown.any():
            where, first = labels[0].name, log.ids[int(np.argmax(unknown))]
            if self.unlabelled == "error":
                raise DataError(
                    f"{path}: {int(unknown.sum()):,} of {len(blocks):,} blocks have no label in {where} (the first is "
                    f"{first}); complete it, or leave them out with unlabelled: drop"
                )
            said.append(f"blocks without a label in {where}: {int(unknown.sum()):,} of {len(blocks):,}, left out")
            log = log.take(~unknown)
        known, how = self.sequences(log, classes, path)
        return Loaded(known=known, notes=(*about, *notes, *said, *how))

    def _labels(
        self, blocks: NDArray[np.int64], files: list[Path]
    ) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
        """Class of each block, -1 where it is not known, the names of the classes, and what is said of it."""
        import pandas as pd

        if not files:
            return np.zeros(len(blocks), np.int64), ("0", "1"), (UNLABELLED,)
        (path,) = files
        numbers, words = _label_table(path)
        code, classes = classes_of(words, self.normal, f"{path}: column {LABEL!r}")
        place = pd.Index(numbers).get_indexer(pd.Index(blocks))
        unused = len(numbers) - int((place >= 0).sum())
        about = [f"label is that of the block in {path.name}, on all of its events"]
        about += [f"{path.name}: {unused:,} of its {len(numbers):,} blocks are in no line"] if unused else []
        return np.where(place >= 0, code[place], -1), classes, tuple(about)


def _is_structured(path: Path) -> bool:
    return bare(path).suffix.lower() == ".csv" and {EVENT, CONTENT} <= set(column_names(path))


def _csv(folder: Path) -> list[Path]:
    return listed(folder, "*.csv")


def _named(lines: Lines) -> str:
    """What is said of the lines that do not name one block."""
    silent = f"; {lines.silent:,} lines name no block and are left out" if lines.silent else ""
    several = f"; {lines.several:,} lines name several, and are an event of each" if lines.several else ""
    return silent + several


def _label_table(path: Path) -> tuple[NDArray[np.int64], list[str]]:
    """Number of each block that has a label, and the label."""
    import pandas as pd

    from seqanomaly.datasets.formats.table import read_table

    table = read_table(path)
    for name in (BLOCK, LABEL):
        if name not in table:
            raise DataError(f"{path}: there is no column {name!r}{nearest(name, table.columns)}")
        if table[name].isna().any():
            row = int(np.argmax(table[name].isna().to_numpy()))
            raise DataError(
                f"{path}: column {name!r}, data row {row + 1}: the value is missing; fill it or drop the row"
            )
    if table.empty:
        raise DataError(f"{path}: there are no rows")
    found = table[BLOCK].astype(str).str.extract(r"^\s*blk_(-?\d+)\s*$")[0]
    exact = [int(word) if isinstance(word, str) else LARGEST + 1 for word in found]
    wrong = next((row for row, number in enumerate(exact) if not SMALLEST <= number <= LARGEST), None)
    if wrong is not None:
        raise DataError(
            f"{path}: column {BLOCK!r}, data row {wrong + 1}: {str(table[BLOCK].iloc[wrong])[:40]!r} is no block; they "
            "are written as blk_-1608999687919862906"
        )
    numbers = np.array(exact, np.int64)
    again = pd.Series(numbers).duplicated().to_numpy()
    if again.any():
        row = int(np.argmax(again))
        raise DataError(
            f"{path}: column {BLOCK!r}, data row {row + 1}: {table[BLOCK].iloc[row]} has a row already; keep one of "
            "them"
        )
    return numbers, table[LABEL].astype(str).str.strip().tolist()
