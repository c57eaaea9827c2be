"""A table larger than memory as a data set: parts are bounds in its converted copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.cleaning import constant_names
from seqanomaly.datasets.formats.stream import OPEN, RATIO
from seqanomaly.datasets.formats.table import separated_note
from seqanomaly.datasets.frame import Layout, classed
from seqanomaly.datasets.mapped.cache import known_digest
from seqanomaly.datasets.mapped.converted import AS_THEY_ARE, converted
from seqanomaly.datasets.mapped.copied import MappedTable
from seqanomaly.datasets.mapped.division import Division
from seqanomaly.datasets.mapped.notes import constant_features, notes_about
from seqanomaly.datasets.mapped.one import One
from seqanomaly.datasets.mapped.sequences import MappedSequences
from seqanomaly.datasets.mapped.tables import columns_and_rows, is_arrow
from seqanomaly.datasets.mapped.text import decoded_size, is_text
from seqanomaly.datasets.opened import check_enough, check_lengths, cut_note, pieces_note, reading, time_cuts
from seqanomaly.datasets.part_column import begins_to_validate, check_counts
from seqanomaly.datasets.policies import Policies
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.single import one_note
from seqanomaly.datasets.source import Parts, Source, fold, hold_out
from seqanomaly.datasets.split import check_fold_count, check_time
from seqanomaly.datasets.table_spec import UNLABELLED
from seqanomaly.errors import DataError
from seqanomaly.seeds import numpy_generator

LARGE = 1 << 30
"""Decoded bytes, 8 for each value, from which on a table is mapped without being told."""
SCORED = 5_000_000
"""Most steps, padded to the longest sequence, of a part that is scored: its scores are held in memory."""
WHOLE = 5_000_000
"""Most steps of a sequence that a model is given at once."""
HELD = 20_000_000
"""Most steps, padded, of all parts together where a command has to hold them."""


@dataclass(frozen=True, kw_only=True)
class MappedParts:
    """The training, validation and test sequences of one seed; no step is in two of them."""

    train: MappedSequences
    validation: MappedSequences
    test: MappedSequences


def is_large(path: Path) -> bool:
    """Whether a table is too large to be read whole as a matter of course.

    Parquet and Feather say how many values they have; those of text are estimated from its beginning.
    """
    try:
        if is_text(path):
            return _may_be_large(path) and decoded_size(path) > LARGE
        names, rows = columns_and_rows(path) if is_arrow(path) else ([], 0)
    except DataError:
        return False  # whoever reads it says why it cannot be read
    return 8 * rows * len(names) > LARGE


def _may_be_large(path: Path) -> bool:
    """Whether a text file is not so small that nothing need be known of it: a value takes two bytes at least."""
    most = path.stat().st_size * (RATIO if path.suffix.lower() in OPEN else 1)
    return 4 * most > LARGE


class MappedSource(Source):
    """A long table in a file, converted once and mapped then.

    The parts of a seed are those that it has of the same table read whole.

    Args:
        path: the file.
        layout: which column means what.
        division: how it is divided.
        one: what it does not say itself, if it is one series.
        policies: what is done about missing values and uneven times.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        division: Division,
        one: One | None = None,
        policies: Policies = AS_THEY_ARE,
    ) -> None:
        self.where, self.layout, self.division, self.one = path.name, layout, division, one
        with reading([path], self.where):
            self.table = converted(path, layout, division.column, one, policies, division)
            self.digest = known_digest(path)
        self.columns, self.policies = (layout.series, layout.step), policies.active()
        self._divide(self._whole())
        changing = self._without_constant(policies)
        self.shape = self._shape()
        if self.table.mended is not None:
            self.counts = self.table.mended.counts
        self.notes = (*self._how(changing), *notes_about(self.sequences, self.given))

    def _whole(self) -> MappedSequences:
        return MappedSequences.of(self.table, *classed(list(self.table.about.labels), self.layout, self.where))

    def _without_constant(self, policies: Policies) -> tuple[str, ...]:
        """Leave out the features that never change in the training part, if that is asked for; what was done."""
        constant = constant_features(self.sequences) if policies.constant != "keep" else np.zeros(0, np.bool_)
        if not constant.any():
            return ()
        names = constant_names(self.table.about.features, constant, policies, self.where)
        self.table = MappedTable(self.table.folder, np.flatnonzero(~constant))
        self._divide(self._whole())
        return (f"never change in the training part: {names}: left out",)

    def _divide(self, whole: MappedSequences) -> None:
        """Set what no seed decides: the sequences to learn from, the given test part, where validation is cut off."""
        self.sequences, self.given, begin, continued = whole, None, None, False
        split, mended = self.division.split, self.table.mended
        if mended is not None and self.table.series.parts is not None:
            self.sequences, self.given, begin, continued = _by_counts(whole)
        elif self.division.column is not None:
            self.sequences, self.given, begin, continued = _by_part(whole, self.division.column, self.where)
        elif split is not None and split.time is not None:
            first = check_time(whole.length, whole.ids, split.time, self.where)
            self.sequences, self.given = _cut(whole, first)
            continued = True
        if split is not None and split.folds is not None:
            check_fold_count(len(whole), split.folds, self.where)
        self.official_test = self.given is not None
        in_time = self.given is not None and begin is None and (continued or len(self.sequences) == 1)
        check_lengths(self.sequences.length, self.sequences.ids, self.where, both=in_time)
        if self.given is None:
            few = "name the column that tells them apart with --series"
            check_enough(len(self.sequences), self.where, few)
        else:
            check_lengths(self.given.length, self.given.ids, self.where, both=False)
        self.sequences = self.sequences.with_breaks()
        self.given = None if self.given is None else self.given.with_breaks()
        share = self.division.validation
        ends = begin if begin is not None else time_cuts(self.sequences.length, share) if in_time else None
        self.cut = None if ends is None else _cut(self.sequences, ends)
        self.cut_share = share if begin is None or (mended is not None and mended.usual_validation) else None

    @property
    def test_share(self) -> float:
        """Share of the series that test where no part is given."""
        split = self.division.split
        return self.division.test if split is None or split.folds is None else 1 / split.folds

    def _shape(self) -> tuple[int, int]:
        count = len(self.sequences) if self.official_test else int(len(self.sequences) * (1 - self.test_share))
        return count, self.sequences.steps

    def _how(self, changing: tuple[str, ...]) -> list[str]:
        """How the table was read, mended and cut."""
        mended = self.table.mended
        notes = [f"{self.where} is mapped, not read: its steps stay in its converted copy, {self.table.folder}"]
        if (text := self.table.about.text) is not None:
            notes += separated_note(self.where, text.separator, "decimals" if text.decimal == "," else None, text.skip)
        if self.one is not None:
            notes += one_note(self.one.step, self.where)
        if self.layout.label is None:
            notes.append(UNLABELLED)
        notes += [mended.every] if mended is not None and mended.every is not None else []
        if self.division.split is not None and self.division.split.time is not None and self.given is not None:
            share, steps = 100 * self.division.split.time, int(self.given.length.sum())
            steps = steps if mended is None else mended.tested
            notes.append(f"test is the last {share:g}% of each series: {steps:,} steps")
        if mended is not None:
            notes += mended.sentences
        elif self.table.about.timed:
            notes.append("timestamps order the steps; their distances are not looked at in a table that is mapped")
        notes += changing
        if self.cut is not None:
            notes.append(cut_note(self.cut[0].length, self.cut[1].length, self.cut_share))
        parts = [part for part in (*(self.cut or (self.sequences,)), self.given) if part is not None and part.broken]
        return [*notes, *self._pieces_note(parts)]

    def _pieces_note(self, parts: list[MappedSequences]) -> tuple[str, ...]:
        """How many pieces sequences are cut into at their gaps."""
        if not parts:
            return ()
        try:
            lengths = [part.pieces().length for part in parts]
        except DataError as error:
            raise DataError(f"{self.where}: {error}") from None
        alone = sum(int(part.length.sum()) for part in parts) - sum(int(length.sum()) for length in lengths)
        return pieces_note(sum(map(len, parts)), sum(map(len, lengths)), alone)

    def divided(self, seed: int) -> MappedParts:
        """The parts for `seed`, where they lie."""
        generator, split = numpy_generator(seed, "split"), self.division.split
        known, test = self.sequences, self.given
        if test is None:
            drawn = split is None or split.folds is None
            known, test = (
                hold_out(known, self.division.test, generator) if drawn else fold(known, split.folds, seed)  # type: ignore[union-attr,arg-type]
            )
        train, validation = self.cut or hold_out(known, self.division.validation, generator)
        return MappedParts(train=train.pieces(), validation=validation.pieces(), test=test.pieces())

    def scored(self, parts: MappedParts) -> tuple[Sequences, Sequences]:
        """The validation and the test part in memory.

        Raises:
            DataError: one has more steps than can be scored.
        """
        for word, part in (("validation", parts.validation), ("test", parts.test)):
            if (size := len(part) * part.steps) > SCORED:
                raise DataError(
                    f"{self.where}: the {word} part has {size:,} steps, padded to its longest sequence, and at most "
                    f"{SCORED:,} can be scored, as metrics hold them all: choose smaller shares, as in {{path: "
                    f"{self.where}, test: 0.01, validation: 0.01}}, or say them in a column, part: COLUMN"
                )
        return held(parts.validation), held(parts.test)

    def check_whole(self, parts: MappedParts) -> None:
        """Raise a `DataError` where a training sequence has more steps than a model is given at once."""
        if parts.train.steps > WHOLE:
            longest = int(np.argmax(parts.train.length))
            raise DataError(
                f"{self.where}: series {parts.train.ids[longest]!r} trains with {parts.train.length[longest]:,} steps, "
                f"and a model that sees whole sequences is given at most {WHOLE:,}: train with --window, or cut it "
                "into several series"
            )

    def parts(self, seed: int) -> Parts:
        """The parts for `seed`, read into memory; a `DataError` says that they are too large for it."""
        found = self.divided(seed)
        each = [found.train, found.validation, found.test]
        if (size := sum(len(part) * part.steps for part in each)) > HELD:
            raise DataError(
                f"{self.where}: has {size:,} steps, padded to the longest sequences, and this command holds all of "
                f"them, at most {HELD:,}: give it a part of the table"
            )
        train, validation, test = (held(part) for part in each)
        return Parts(train=train, validation=validation, test=test)

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> None:
        """Unknown for real data."""


def held(part: MappedSequences) -> Sequences:
    """A part in memory, with the names of its sequences."""
    from dataclasses import replace

    found = part.read(part.steps, np.arange(len(part)))
    return replace(found, ids=tuple(part.ids), offset=part.offset)


def _cut(whole: MappedSequences, ends: NDArray[np.int64]) -> tuple[MappedSequences, MappedSequences]:
    return whole.cut(np.zeros_like(ends), ends), whole.cut(ends, whole.length)


def _by_counts(
    whole: MappedSequences,
) -> tuple[MappedSequences, MappedSequences, NDArray[np.int64] | None, bool]:
    """As `_by_part`, of counts that were looked at before."""
    count = whole.table.series.parts
    assert count is not None
    learned, tested = count[:, :2].sum(axis=1), count[:, 2]
    continued = bool(((learned > 0) & (tested > 0)).any())
    known, test = whole.cut(np.zeros_like(learned), learned), whole.cut(learned, learned + tested)
    return known, test, begins_to_validate(count), continued


def _by_part(
    whole: MappedSequences, column: str, where: str
) -> tuple[MappedSequences, MappedSequences, NDArray[np.int64] | None, bool]:
    """What is learned from, what is tested, where validation begins, and whether test sequences go on with others."""
    count = whole.table.series.parts
    assert count is not None
    check_counts(count, whole.ids, column, where)
    return _by_counts(whole)
