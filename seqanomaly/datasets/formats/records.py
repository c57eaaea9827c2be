"""WFDB records (PhysioNet): signals in a header and data files, beats or rhythms in an annotation file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.family import Drawn, Given
from seqanomaly.datasets.formats.stream import check_own, is_file, visible
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.split import by_time
from seqanomaly.datasets.table_spec import Names
from seqanomaly.errors import DataError

BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""Codes of beats; others are rhythms, noise and remarks."""
BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, ArithmeticError)
"""What the library raises for files that are damaged."""
RATIO = 64
"""Samples that a byte of a data file holds at most; uncompressed formats hold one or less."""


class Records(Given, Drawn):
    """Records of PhysioNet such as ECGs, with an anomaly where a beat, or the rhythm, is not a normal one.

    A step is a sample. With `label: beat` it has the label of the beat at or before it; before the first beat it is
    normal. Needs the package wfdb (`pip install 'seqanom[wfdb]'`).
    Goldberger et al., PhysioBank, PhysioToolkit, and PhysioNet, Circulation 101(23), 2000.
    """

    title: ClassVar[str] = "WFDB records"
    looks: ClassVar[str] = "100.hea, 100.dat, 100.atr, ..: records of PhysioNet; needs the extra wfdb"
    example: ClassVar[str] = "mitdb/100.hea"
    kind: Literal["wfdb"] = "wfdb"
    annotator: str = "atr"
    """Ending of the annotation files."""
    label: Literal["beat", "rhythm"] = "beat"
    """`beat`: 1 from a beat that is not normal to the next beat; `rhythm`: 1 from a change to a rhythm that is not
    normal, (N, to the next change."""
    normal: Names | None = None
    """Codes of normal beats; by default N alone. `[N, L, R, e, j]` are those of the AAMI class N."""
    signals: Names | None = None
    """The signals to use, as in `[MLII]`, in the records of a folder that have them; by default all, which must be the
    same in each record."""
    split: Literal["records", "time"] = "records"
    """`records`: whole records are drawn for testing; `time`: the last steps of each record test."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        if path.is_file():
            there = path.suffix in (".hea", ".dat", ".atr") and is_file(path.with_suffix(".hea"))
            return {"path": str(path.with_suffix(".hea")), "split": "time"} if there else None
        found = len(list(visible(path, "*.hea")))
        return None if not found else {"split": "time"} if found < 3 else {}

    def files(self) -> Sequence[Path]:
        """Header, data files and annotations of each record."""
        found = []
        for head in self._chosen():
            data = [head.parent / name for name in dict.fromkeys(_header(head).file_name)]
            of_record = [head, *data, head.with_suffix(f".{self.annotator}")]
            missing = next((path for path in of_record if not is_file(path)), None)
            if missing is not None:
                other = "; other annotations are named with annotator: ENDING" * (missing == of_record[-1])
                raise DataError(f"{missing}: there is no such file, which record {head.stem} needs{other}")
            found += of_record
        return found

    def _own_files(self) -> Sequence[Path]:
        """As for other families; the files of a record differ in their endings only."""
        files = self.files()
        for ending in dict.fromkeys(path.suffix for path in files):
            check_own([path for path in files if path.suffix == ending], self.base(), self.root())
        return files

    def _headers(self) -> list[Path]:
        root = self.root()
        if root.is_file():
            if not is_file(root.with_suffix(".hea")):
                raise DataError(f"{root}: has no header {root.with_suffix('.hea').name} beside it")
            return [root.with_suffix(".hea")]
        found = sorted(visible(root, "*.hea"))
        if not found:
            raise DataError(f"{root}: there is no header such as 100.hea in it")
        return found

    def _chosen(self) -> list[Path]:
        """The headers of the records; of a folder, those that have the signals, where some are named."""
        heads, asked = self._headers(), set(self.signals or ())
        if not asked or self.root().is_file():
            return heads
        found = [head for head in heads if asked <= set(_header(head).sig_name)]
        if not found:
            there = dict.fromkeys(name for head in heads for name in _header(head).sig_name)
            raise DataError(f"{self.path}: no record has the signals {', '.join(sorted(asked))}; there are "
                            f"{', '.join(there)}")  # fmt: skip
        return found

    def read(self, files: Sequence[Path]) -> Loaded:
        heads = [path for path in files if path.suffix == ".hea"]
        first = _header(heads[0])
        names = self.signals or tuple(first.sig_name)
        x: list[NDArray[np.floating]] = [_signals(head, names, first.fs, missing=self.takes_missing) for head in heads]
        labels, counts = zip(
            *(self._labels(head, len(values)) for head, values in zip(heads, x, strict=True)), strict=True
        )
        wrong, every = (sum(count[place] for count in counts) for place in (0, 1))
        until = f"a {self.label} that is not {' or '.join(self._normal() if self.label == 'beat' else ('(N',))}"
        notes: tuple[str, ...] = (
            f"label is 1 from {until} to the next one: {wrong:,} of {every:,} in the .{self.annotator} files",
            f"{', '.join(names)} at {first.fs:g} samples per second; a step is a sample",
        )
        without = [head.stem for head in self._headers() if head not in heads]
        notes += (f"records without {' and '.join(names)}, left out: {', '.join(without)}",) if without else ()
        known = Sequences.of(x, labels, ids=tuple(head.stem for head in heads), features=names)
        loaded = Loaded(known=known, notes=notes)
        return by_time(loaded, self.test, str(self.path)) if self.split == "time" else loaded

    def _normal(self) -> tuple[str, ...]:
        return self.normal or ("N",)

    def _labels(self, head: Path, steps: int) -> tuple[NDArray[np.int64], tuple[int, int]]:
        """Label of each sample, and how many annotations are not normal, of how many."""
        path = head.with_suffix(f".{self.annotator}")
        found = _called(path, lambda wfdb: wfdb.rdann(str(head.with_suffix("")), self.annotator))
        symbols, notes = found.symbol, [str(text).strip("\0 ") for text in found.aux_note]
        if self.label == "beat":
            places = [place for place, symbol in enumerate(symbols) if symbol in BEATS]
            wrong = [symbols[place] not in self._normal() for place in places]
        else:
            places = [place for place, note in enumerate(notes) if symbols[place] == "+" and note.startswith("(")]
            wrong = [notes[place] != "(N" for place in places]
        if not places:
            raise DataError(f"{path}: has no annotation of a {self.label}; choose another label, or another annotator")
        at = np.asarray(found.sample)[places]
        if at.min() < 0 or at.max() >= steps or (np.diff(at) < 0).any():
            raise DataError(f"{path}: its annotations are not in the order of the {steps:,} samples of {head.stem}")
        before = np.searchsorted(at, np.arange(steps), side="right")
        return np.array([0, *wrong], np.int64)[before], (sum(wrong), len(wrong))


def _wfdb(path: Path) -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses what pandas will leave out one day
            import wfdb
    except ModuleNotFoundError:
        raise DataError(
            f"{path}: is a WFDB record, which the package wfdb reads; install it with pip install 'seqanom[wfdb]'"
        ) from None
    found: ModuleType = wfdb
    return found


def _called(path: Path, read: Any) -> Any:
    """What `read` gives for the library; a `DataError` names the file that it cannot read."""
    wfdb = _wfdb(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(wfdb)
    except BROKEN as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as part of a WFDB record ({reason}); fetch it again") from None


def _header(head: Path) -> Any:
    """The header of a record of one segment."""
    found = _called(head, lambda wfdb: wfdb.rdheader(str(head.with_suffix(""))))
    if getattr(found, "seg_name", None) is not None or not getattr(found, "n_sig", 0):
        raise DataError(f"{head}: is a record of several segments or without signals; name records with signals")
    for listed in (found.file_name, found.sig_name):
        if listed is None or len(listed) != found.n_sig or None in listed:
            raise DataError(
                f"{head}: does not name its {found.n_sig} signals and their files; it is cut off, fetch it again"
            )
    return found


def _check_size(head: Path, found: Any) -> None:
    """Raise a `DataError` where the declared samples cannot be in the data files."""
    size = sum((head.parent / name).stat().st_size for name in set(found.file_name))
    if (found.sig_len or 0) * found.n_sig > RATIO * max(size, 1):
        raise DataError(
            f"{head}: declares {found.sig_len:,} samples of {found.n_sig:,} signals and its data files have {size:,} "
            "bytes; one of both is damaged, fetch them again"
        )


def _signals(head: Path, names: Sequence[str], fs: float, *, missing: bool) -> NDArray[np.float64]:
    """Samples [steps, signals] in physical units, NaN where one is `missing`."""
    _check_size(head, _header(head))
    found = _called(head, lambda wfdb: wfdb.rdrecord(str(head.with_suffix(""))))
    if found.fs != fs:
        raise DataError(f"{head}: has {found.fs:g} samples per second and the first record {fs:g}; read them apart")
    absent = next((name for name in names if name not in found.sig_name), None)
    if absent is not None:
        raise DataError(
            f"{head}: there is no signal {absent!r}; it has {', '.join(found.sig_name)}: choose with signals: [..] "
            "those to use, of a folder in the records that have them, or read the records apart"
        )
    x: NDArray[np.float64] = found.p_signal[:, [found.sig_name.index(name) for name in names]].astype(np.float64)
    usable = (np.abs(x) <= np.finfo(np.float32).max) | (np.isnan(x) if missing else False)
    if not usable.all():
        step, signal = (int(place[0]) for place in np.nonzero(~usable))
        raise DataError(
            f"{head}: sample {step} of {names[signal]!r} is missing or not finite; {FILL_IT}, or choose other signals "
            "with signals: [..]"
        )
    return x
