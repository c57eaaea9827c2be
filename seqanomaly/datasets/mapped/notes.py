"""What about a mapped table has to be known, in the sentences that a table in memory gets, read as little as may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.sequences import AT_ONCE, MappedSequences
from seqanomaly.datasets.opened import alike_note, constant_note, copies_note, early_note

SCATTERED = 512
"""Steps that are read at once where they stand far apart, as much around each comes into memory."""


def notes_about(known: MappedSequences, test: MappedSequences | None) -> tuple[str, ...]:
    """Sentences about features that never change, copies of sequences, and anomalies at one end of them."""
    constant = constant_features(known)
    shares = thirds(known if test is None else test)
    return (
        *constant_note([name for name, same in zip(known.features, constant, strict=True) if same], len(constant)),
        *alike_note([name for part in (known, test) if part is not None for name in part.ids]),
        *copies_note(copies(known, test), given=test is not None),
        *(() if shares is None else early_note(*shares)),
    )


def constant_features(part: MappedSequences) -> NDArray[np.bool_]:
    """Which features have one value at all steps, [F]; reads on until all have changed."""
    same: NDArray[np.bool_] = np.ones(len(part.features), bool)
    value = part.table.features(part.first[:1] + part.active[:1])
    for stretch in part.stretches(1 << 14):
        same &= (part.table.features(part.taking(stretch)) == value).all(axis=0)
        if not same.any():
            break
    return same


def copies(known: MappedSequences, test: MappedSequences | None) -> int:
    """How many test sequences equal a training one step by step; without them, how many equal an earlier one.

    Only sequences that agree in length and in three of their steps are read whole.
    """
    marks = _marks(known)
    others = marks if test is None else _marks(test)
    if test is None:
        _, code, count = np.unique(marks, return_inverse=True, return_counts=True)
        alike = np.flatnonzero(count[code] > 1)
        return len(alike) - len({_content(known, one) for one in alike.tolist()})
    both = np.intersect1d(marks, others)
    seen = {_content(known, one) for one in np.flatnonzero(np.isin(marks, both)).tolist()}
    return sum(_content(test, one) in seen for one in np.flatnonzero(np.isin(others, both)).tolist())


def _marks(part: MappedSequences) -> NDArray[np.uint64]:
    """A number for each sequence that equal ones share, [N]: of its length, first, middle and last step."""
    factors = np.random.default_rng(0).integers(1, 2**63, size=(3, len(part.features)), dtype=np.uint64) | np.uint64(1)
    found = np.empty(len(part), np.uint64)
    for start in range(0, len(part), SCATTERED):
        chosen = slice(start, start + SCATTERED)
        first, length = part.first[chosen], part.length[chosen]
        mark = length.astype(np.uint64)
        for rows, factor in zip((first, first + length // 2, first + length - 1), factors, strict=True):
            bits = (part.table.features(rows[:, None])[:, 0] + 0.0).view(np.uint32).astype(np.uint64)  # -0.0 is 0.0
            mark = mark * np.uint64(0x9E3779B97F4A7C15) + (bits * factor).sum(axis=1, dtype=np.uint64)
        found[chosen] = mark
    return found


def _content(part: MappedSequences, number: int) -> tuple[int, bytes]:
    """What tells a sequence from all others: its length and a digest of its steps."""
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    first, length = int(part.first[number]), int(part.length[number])
    for at in range(first, first + length, AT_ONCE):
        digest.update(part.table.features(np.arange(at, min(at + AT_ONCE, first + length))).tobytes())
    return length, digest.digest()


def thirds(part: MappedSequences) -> tuple[float, float] | None:
    """Shares of anomalous steps in the first and in the last third of the sequences; None where one has no step."""
    early, late = -(-(2 * part.length - 3) // 6), (4 * part.length - 3) // 6 + 1  # where they end and begin
    found, taken = np.zeros(2), np.zeros(2)
    for stretch in part.stretches():
        anomalous = part.class_of(stretch.rows) != 0
        starts, of = stretch.starts, stretch.sequence
        ends = starts + np.clip(early[of] - stretch.begin, 0, stretch.length)
        begins = starts + np.clip(late[of] - stretch.begin, 0, stretch.length)
        if part.table.validity is not None:
            taking = part.table.taking(stretch.rows)
            anomalous &= taking
            taken += _within(taking, starts, ends, begins, stretch.length)
        found += _within(anomalous, starts, ends, begins, stretch.length)
    if part.table.validity is None:
        taken += early.sum(), (part.length - late).sum()
    if not taken.all():
        return None
    one, other = (found / taken).tolist()
    return one, other


def _within(
    steps: NDArray[np.bool_],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    begins: NDArray[np.int64],
    length: NDArray[np.int64],
) -> tuple[int, int]:
    """How many of some steps lie before `ends` and from `begins` on in their pieces, which begin at `starts`."""
    upto = np.concatenate([[0], np.cumsum(steps)])
    return int((upto[ends] - upto[starts]).sum()), int((upto[starts + length] - upto[begins]).sum())
