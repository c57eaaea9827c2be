"""Sequences read from files, and the source that splits them by whole sequence or, where there is one, by time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.laid import padded_bytes
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts, Source, fold, hold_out
from seqanomaly.errors import DataError
from seqanomaly.seeds import numpy_generator

VALIDATION = 0.2
"""Share of the training part that validates."""
AT_ONCE = 1 << 16
"""Steps that are looked at together, so that what is made of them stays in the processor's cache."""
ODD = 0x9E3779B97F4A7C15
"""A number whose powers have their bits everywhere."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a reader found in the files of a data set."""

    known: Sequences
    """The training part; all sequences where the seed draws the test part."""
    test: Sequences | None = None
    """The test part, where it is given."""
    validation: NDArray[np.int64] | None = None
    """Step of each training sequence at which its validating ones begin, [N], where the files say it."""
    continued: bool = False
    """Whether test sequences go on where training ones end, so that each of those is needed to learn from."""
    notes: tuple[str, ...] = ()
    """What was recognised in the files or done to the data, a sentence each."""
    validating: float = VALIDATION
    """Share of the training part that validates, where the files do not say it."""
    usual_validation: bool = False
    """Whether `validation` is no more than the last 20% of each sequence as it was read."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many values are missing and, where files hold times, how many steps are irregular in each way."""


class Opened(Source):
    """Sequences from files.

    The seed draws the validation part, and the test part where none is given, by whole sequence. A single training
    sequence, and those that the test sequences continue, are cut in time instead: the last 20% of each validate.
    A validation part that the files give is taken as it is. With `folds`, the seed chooses the fold that is tested
    instead of drawing a share.
    """

    def __init__(
        self,
        loaded: Loaded,
        where: str,
        *,
        digest: str,
        test_share: float,
        few: str,
        folds: int | None = None,
        policies: Mapping[str, Any] | None = None,
    ) -> None:
        """Check the sequences; `few` is the remedy where they are too few."""
        _usable(loaded, where, few)
        self.folds, self.counts, self.policies = folds, loaded.counts, policies or {}
        known = loaded.known
        self.loaded, self.known, self.test_share = loaded, known, test_share
        self.official_test, self.digest = loaded.test is not None, digest
        self.cut = _cut(loaded)
        self.shape = int(len(known) * (1.0 if self.official_test else 1 - test_share)), known.steps
        self.notes = (
            *loaded.notes,
            *_cut_note(
                self.cut,
                None if loaded.validation is not None and not loaded.usual_validation else loaded.validating,
            ),
            *_pieces_note(self.cut or (known,), loaded.test, where),
            *_flat_note(loaded),
            *_constant_note(known),
            *alike_note([name for part in (known, loaded.test) if part is not None for name in part.ids]),
            *_copies_note(loaded),
            *_early_note(loaded),
        )

    def parts(self, seed: int) -> Parts:
        generator = numpy_generator(seed, "split")
        known, test = self.loaded.known, self.loaded.test
        if test is None:
            known, test = (
                hold_out(known, self.test_share, generator) if self.folds is None else fold(known, self.folds, seed)
            )
        train, validation = self.cut or hold_out(known, self.loaded.validating, generator)
        return Parts(train=train.pieces(), validation=validation.pieces(), test=test.pieces())

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> None:
        """Unknown for real data."""


@contextmanager
def reading(files: Iterable[Path], where: str) -> Iterator[None]:
    """Raise a `DataError` where `files` need more memory than there is, or change meanwhile so that none is right."""
    before = {path: _version(path) for path in files}
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"{where}: needs more memory than there is ({str(error) or 'no reason given'}); use a part of it"
        ) from None
    changed = next((path for path, version in before.items() if _version(path) != version), None)
    if changed is not None:
        raise DataError(f"{changed}: changed while it was read; wait until it is written and start again")


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def cut_in_time(sequences: Sequences, share: float) -> tuple[Sequences, Sequences]:
    """Cut each sequence into its first steps and its last `share`, whose numbers go on.

    >>> first, last = cut_in_time(Sequences.of([np.arange(10.0)[:, None]], [0]), 0.2)
    >>> first.length.tolist(), last.x[0].tolist(), last.start.tolist()
    ([8], [[8.0], [9.0]], [8])
    """
    return _cut_at(sequences, time_cuts(sequences.length, share))


def time_cuts(length: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Where the last `share` of sequences of those lengths begins, both [N]; each piece has a step at least.

    >>> time_cuts(np.array([10, 2]), 0.3).tolist()
    [7, 1]
    """
    return np.array([min(max(1, round(steps * (1 - share))), steps - 1) for steps in length.tolist()], np.int64)


def _cut_at(sequences: Sequences, ends: NDArray[np.int64]) -> tuple[Sequences, Sequences]:
    return sequences.cut(np.zeros_like(ends), ends), sequences.cut(ends, sequences.length)


def _cut(loaded: Loaded) -> tuple[Sequences, Sequences] | None:
    """The training and the validation part, where no seed draws them."""
    if loaded.validation is not None:
        return _cut_at(loaded.known, loaded.validation)
    return cut_in_time(loaded.known, loaded.validating) if is_cut(loaded) else None


def _usable(loaded: Loaded, where: str, few: str) -> None:
    """Every sequence has an early and a late step, and there are enough to split."""
    for part in (loaded.known, loaded.test):
        if part is not None:
            check_lengths(part.length, part.ids, where, both=part is loaded.known and is_cut(loaded))
    if loaded.test is None:
        check_enough(len(loaded.known), where, few)


def check_lengths(length: NDArray[np.int64], ids: Sequence[str], where: str, *, both: bool) -> None:
    """Raise a `DataError` about a sequence that is too short, of those that are cut into `both` parts or not."""
    short = length < (4 if both else 2)
    if np.any(short):
        place = int(np.argmax(short))
        count = f"{length[place]} step{'s' * bool(length[place] != 1)}"
        needs = "at least 2 to have an early and a late one, so leave it out"
        if both:
            needs = "at least 4 to be cut into one that trains and one that validates"
        raise DataError(f"{where}: series {ids[place]!r} has {count}; a sequence needs {needs}")


def check_enough(count: int, where: str, few: str) -> None:
    """Raise a `DataError` that ends with `few` where there are not three sequences."""
    if count < 3:
        raise DataError(
            f"{where}: has {count} series; training, validation and test need at least one each, so 3: {few}"
        )


def is_cut(loaded: Loaded) -> bool:
    """Whether training sequences are cut in time for the validation part, as no seed draws it and no file gives it."""
    in_time = loaded.continued or len(loaded.known) == 1
    return loaded.test is not None and loaded.validation is None and in_time


def _cut_note(cut: tuple[Sequences, Sequences] | None, share: float | None) -> tuple[str, ...]:
    return () if cut is None else (cut_note(cut[0].length, cut[1].length, share),)


def cut_note(train: NDArray[np.int64], validation: NDArray[np.int64], share: float | None) -> str:
    """The sentence about training sequences of those lengths that were cut; `share` is None where the files say so."""
    which = "each training sequence" if len(train) > 1 else "the training sequence"
    what = "given" if share is None else f"the last {100 * share:g}% of {which}"
    return f"validation is {what}: {int(train.sum()):,} steps train and {int(validation.sum()):,} validate"


def _flat_note(loaded: Loaded) -> tuple[str, ...]:
    """The sentence about parts that are not padded, as they would take several times the memory of their steps."""
    parts = [part for part in (loaded.known, loaded.test) if part is not None and part.flat is not None]
    if not parts:
        return ()
    held = sum(padded_bytes(len(part), part.steps, len(part.features)) for part in parts)
    steps = sum(int(part.length.sum()) for part in parts)
    needed = padded_bytes(1, steps, len(loaded.known.features))
    return (
        f"sequences are of very unlike lengths: their {steps:,} steps are held one after the other, as padded to the "
        f"longest one they take {held / needed:.0f} times as much, {held / (1 << 30):.1f} GB; without --window, and "
        "with shuffled labels, a model needs that",
    )


def constant_features(known: Sequences) -> NDArray[np.bool_]:
    """Which features have one value at all steps that take part, [F]."""
    own = known.span(0)
    some = known.x[own] if known.valid is None else known.x[own][known.valid[own]]
    same = np.asarray((some == some[:1]).all(axis=0), bool)  # most change in the first sequence
    if same.any():
        steps = known.x[..., same][known.mask]
        same[same] = (steps == steps[:1]).all(axis=0)
    return same


def _constant_note(known: Sequences) -> tuple[str, ...]:
    constant = [name for name, same in zip(known.features, constant_features(known), strict=True) if same]
    return constant_note(constant, len(known.features))


def constant_note(constant: list[str], features: int) -> tuple[str, ...]:
    """The sentence about features that never change, of so many."""
    if not constant:
        return ()
    names = ", ".join(constant[:8]) + ", ..." * (len(constant) > 8)
    many = "feature never changes" if features == 1 else "features never change"
    return (f"{len(constant)} of {features} {many} in the training part ({names}): kept, only centred",)


def _pieces_note(known: tuple[Sequences, ...], test: Sequences | None, where: str) -> tuple[str, ...]:
    """How many pieces the sequences are cut into at their gaps."""
    parts = [part for part in (*known, test) if part is not None and part.breaks is not None]
    if not parts:
        return ()
    try:
        pieces = [part.pieces() for part in parts]
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    alone = sum(int(part.length.sum()) for part in parts) - sum(int(part.length.sum()) for part in pieces)
    return pieces_note(sum(map(len, parts)), sum(map(len, pieces)), alone)


def pieces_note(sequences: int, pieces: int, alone: int) -> tuple[str, ...]:
    """The sentence about so many sequences that are cut into pieces, and so many steps that stand alone."""
    single = "1 piece of a single step is" if alone == 1 else f"{alone:,} pieces of a single step are"
    also = f"; {single} left out" if alone else ""
    return (f"cut at gaps: {sequences:,} sequences become {pieces:,}, whose counters begin anew{also}",)


def alike_note(names: Iterable[str]) -> tuple[str, ...]:
    """The sentence about names of series that differ in case or spaces only, so that one series may count as two.

    >>> alike_note(["M1", "m1 ", "M2"])
    ("1 series has a name that differs from another one in case or spaces only ('M1' and 'm1 '): if they are one, \
write them alike",)
    """
    seen: dict[str, str] = {}
    pairs = [(seen.setdefault("".join(name.casefold().split()), name), name) for name in dict.fromkeys(names)]
    alike = [pair for pair in pairs if pair[0] != pair[1]]
    if not alike:
        return ()
    what = "1 series has a name that differs" if len(alike) == 1 else f"{len(alike):,} series have names that differ"
    (one, other), more = alike[0], ", .." * (len(alike) > 1)
    return (
        f"{what} from another one in case or spaces only ({one!r} and {other!r}{more}): if they are one, "
        "write them alike",
    )


def _copies_note(loaded: Loaded) -> tuple[str, ...]:
    """Whether a test sequence, or one that may be drawn for testing, equals another one step by step."""
    parts = [part for part in (loaded.known, loaded.test) if part is not None]
    known, *test = _like_others(parts)
    seen = set(known)
    count = sum(one in seen for one in test[0]) if test else len(known) - len(seen)
    return copies_note(count, given=loaded.test is not None)


def _like_others(parts: list[Sequences]) -> list[list[bytes]]:
    """The steps of the sequences of each part, without nearly all whose length, first and last step none else has."""
    keys = [_keys(part) for part in parts]
    _, code, count = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    chosen = np.split(count[code] > 1, np.cumsum([len(key) for key in keys])[:-1])
    places = [np.flatnonzero(some).tolist() for some in chosen]
    return [[part.x[part.span(i)].tobytes() for i in some] for part, some in zip(parts, places, strict=True)]


def _keys(part: Sequences) -> NDArray[np.uint64]:
    """A number of the length, the first and the last step of each sequence, [N], which few others have."""
    every = np.arange(len(part))
    first, last = (part.x[part.at(every, step)] for step in (np.zeros_like(every), part.length - 1))
    ends = [first, last, part.length[:, None].view(np.float32)]
    words = np.concatenate(ends, axis=1).view(np.uint32)
    factors = np.cumprod(np.full(words.shape[1], ODD, np.uint64))  # modulo 2^64
    return np.asarray(words @ factors, np.uint64)


def copies_note(count: int, *, given: bool) -> tuple[str, ...]:
    """The sentence about so many copies, among test sequences that are `given` or among all."""
    if not count:
        return ()
    what = "test sequences equal a training one" if given else "sequences equal an earlier one"
    return (f"copies: {count:,} {what} in all features and steps, so the test is easier than it looks",)


def _early_note(loaded: Loaded) -> tuple[str, ...]:
    """Whether anomalies are commoner at one end of the sequences, which accuracy by step would mostly show."""
    part = loaded.test or loaded.known
    if part.flat is not None:
        return _early_note_of_flat(part)
    step, rows = np.arange(part.x.shape[1]), max(1, AT_ONCE // part.x.shape[1])
    ends, begins = _thirds(part.length)
    steps, anomalous = np.zeros((2, 2), np.int64)  # in the first third and in the last one
    for first in range(0, len(part), rows):
        now = slice(first, first + rows)
        taking = step < part.length[now, None]
        if part.valid is not None:
            taking &= part.valid[now]
        wrong = part.label[now] != 0
        for place, third in enumerate((step < ends[now, None], step >= begins[now, None])):
            third &= taking
            steps[place] += np.count_nonzero(third)
            anomalous[place] += np.count_nonzero(third & wrong)
    return early_note(*(anomalous / steps).tolist()) if steps.all() else ()


def _early_note_of_flat(part: Sequences) -> tuple[str, ...]:
    """The same of flat sequences."""
    sequence, step = part.places(part.mask)
    wrong, (ends, begins) = part.label[part.mask] != 0, _thirds(part.length)
    thirds = step < ends[sequence], step >= begins[sequence]
    steps, anomalous = ([np.count_nonzero(third & of) for third in thirds] for of in (True, wrong))
    return early_note(*np.divide(anomalous, steps).tolist()) if all(steps) else ()


def _thirds(length: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the first third of sequences of those lengths ends, and where the last one begins, both [N].

    >>> _thirds(np.array([9, 2]))
    (array([3, 1]), array([6, 1]))
    """
    lengths, code = np.unique(length, return_inverse=True)
    places = [(np.arange(steps) + 0.5) / steps for steps in lengths.tolist()]
    ends = [np.count_nonzero(place < 1 / 3) for place in places]
    begins = [np.count_nonzero(place <= 2 / 3) for place in places]
    return np.array(ends, np.int64)[code], np.array(begins, np.int64)[code]


def early_note(early: float, late: float) -> tuple[str, ...]:
    """The sentence about the shares of anomalous steps in the first and the last third, if they differ much."""
    if abs(late - early) < 0.05:
        return ()
    return (
        f"{early:.0%} of the steps are anomalous in the first third of the sequences and {late:.0%} in the last: "
        "accuracy by step mostly shows that, so compare balanced accuracy",
    )
