"""The parts of one seed: split, scaled, and as batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seqanomaly.batch import Batch
from seqanomaly.counters import Frame, since_onset, until_event
from seqanomaly.datasets.mapped.moments import fit_scaler
from seqanomaly.datasets.mapped.sequences import AT_ONCE, MappedSequences
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.shuffle import shuffled_labels
from seqanomaly.datasets.source import Parts, Source
from seqanomaly.errors import DataError
from seqanomaly.seeds import numpy_generator
from seqanomaly.tasks import Task
from seqanomaly.training.long_weights import LongSequence
from seqanomaly.training.mapped import Mapped
from seqanomaly.windows import Windows


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The scaled parts of one seed, and their batches."""

    parts: Parts
    test_as_given: Sequences
    """The test part before it was scaled: the best possible accuracy is a law of these values."""
    scaler: Scaler
    train: Batch
    validation: Batch
    test: Batch
    mapped: Mapped | None = None
    """The training sequences where they lie in a mapped file; `parts.train` and `train` are then those of no sequence.
    """

    piece: Callable[[NDArray[np.int64]], tuple[Sequences, Batch]] | None = None
    """Makes some training sequences, padded and without features, and what the loss sees of them; None if not flat."""

    @property
    def learned(self) -> Sequences | MappedSequences:
        """The training sequences, in memory or mapped."""
        return self.parts.train if self.mapped is None else self.mapped.sequences

    @property
    def windows(self) -> Windows | None:
        """The windows of the training sequences."""
        return self.train.windows if self.mapped is None else self.mapped.windows

    def pieces(self) -> Iterator[tuple[NDArray[np.int64], Prepared]]:
        """All training sequences, or some flat or mapped ones after the other without features; and which they are.

        Weights depend on the labels and counters of a sequence alone, so that they are the same piece by piece. Of one
        that is too long to be weighed at once, nothing is read: see `LongSequence`.
        """
        if self.piece is not None:
            for index in _groups(self.parts.train):
                part, batch = self.piece(index)
                yield index, replace(self, parts=replace(self.parts, train=part), train=batch, piece=None)
            return
        if self.mapped is None:
            yield np.arange(len(self.parts.train)), self
            return
        for index in self.mapped.groups():
            if self.mapped.long[index[0]]:
                yield index, self
                continue
            part, batch = self.mapped.piece(index)
            yield index, replace(self, parts=replace(self.parts, train=part), train=batch, mapped=None)


def prepare(
    source: Source,
    task: Task,
    seed: int,
    where: str,
    *,
    shuffle: bool = False,
    cut: tuple[int, int] | None = None,
    frame: Frame = "sequence",
) -> Prepared:
    """The parts of one seed, scaled by the training part.

    Args:
        source: the data set.
        task: what is asked per step.
        seed: redraws the parts.
        where: name of the data set in an error.
        shuffle: whether only the test part keeps its labels.
        cut: length and stride of the windows that each part is seen in; None for whole sequences.
        frame: what the counters of the training steps count.

    Raises:
        DataError: the parts of this seed cannot answer the question.
    """
    if isinstance(source, MappedSource):
        return _prepare_mapped(source, task, seed, where, shuffle=shuffle, cut=cut, frame=frame)
    parts = _laid_out(source.parts(seed), seed, where, shuffle=shuffle, cut=cut)
    task.check(parts.train, where)
    scaler = Scaler.fit(parts.train)
    scaled = Parts(**{name: scaler.apply(part) for name, part in vars(parts).items()})
    seen = {name: _seen(task.learning(part), part, cut) for name, part in vars(scaled).items()}
    _check_validation(seen["validation"], where, seed)
    train, piece = seen["train"], None
    if scaled.train.flat is None:
        train = _counted(train, scaled.train, frame, f"{where}, seed {seed}")
    else:
        piece = _pieces_of(scaled.train, task, frame, cut)
        if not any(_has_counters(piece(index)[1]) for index in _groups(scaled.train)):
            raise _no_counters(frame, f"{where}, seed {seed}")
    return Prepared(
        parts=scaled,
        test_as_given=parts.test,
        scaler=scaler,
        train=train,
        piece=piece,
        validation=seen["validation"],
        test=seen["test"],
    )


def _laid_out(parts: Parts, seed: int, where: str, *, shuffle: bool, cut: tuple[int, int] | None) -> Parts:
    """The parts with the labels that are wanted, padded where sequences are seen whole."""
    generator, remedy = numpy_generator(seed, "labels"), "leave shuffled_labels out"
    try:
        if shuffle:
            learned = {name: shuffled_labels(part, generator) for name, part in vars(parts).items() if name != "test"}
            parts = replace(parts, **learned)
        remedy = "train with --window, which needs no padding"
        found = {n: part.padded() if cut is None else part.with_room(cut[0]) for n, part in vars(parts).items()}
    except MemoryError as error:
        raise DataError(f"{where}: {error}; {remedy}") from None
    return Parts(**found)


def _groups(train: Sequences) -> Iterator[NDArray[np.int64]]:
    """Indices of some flat sequences after the other, which padded have about `AT_ONCE` steps."""
    return iter(np.split(np.arange(len(train)), range(size := max(1, AT_ONCE // train.steps), len(train), size)))


def _pieces_of(
    train: Sequences, task: Task, frame: Frame, cut: tuple[int, int] | None
) -> Callable[[NDArray[np.int64]], tuple[Sequences, Batch]]:
    """See `Prepared.piece`."""
    labels = replace(train, x=train.x[..., :0])

    def piece(index: NDArray[np.int64]) -> tuple[Sequences, Batch]:
        part = labels.take(index).padded()
        return part, _seen(_with_counter(task.learning(part), part, frame), part, cut)

    return piece


def _prepare_mapped(
    source: MappedSource,
    task: Task,
    seed: int,
    where: str,
    *,
    shuffle: bool,
    cut: tuple[int, int] | None,
    frame: Frame,
) -> Prepared:
    """The same where the training part stays in a mapped file; the other parts are in memory."""
    if shuffle:
        raise DataError(
            f"{where}: shuffled labels need all of them in memory, and the table is mapped; leave shuffled_labels "
            "out, or read the table whole with mapped: false"
        )
    places = source.divided(seed)
    if cut is None:
        source.check_whole(places)
    task.check(places.train.outline(), where)
    validation, test = source.scored(places)
    scaler = fit_scaler(places.train)
    none = Sequences(
        x=np.zeros((0, 1, len(test.features)), np.float32),
        label=np.zeros((0, 1), np.int64),
        length=np.zeros(0, np.int64),
        ids=(),
        features=test.features,
        classes=test.classes,
    )
    parts = Parts(train=none, validation=scaler.apply(validation), test=scaler.apply(test))
    seen = {name: _seen(task.learning(part), part, cut) for name, part in vars(parts).items() if name != "train"}
    _check_validation(seen["validation"], where, seed)
    mapped = Mapped(
        places.train,
        lambda some: task.learning(scaler.apply(some)),
        task.learning,
        lambda some: _with_counter(task.learning(some), some, frame),
        cut,
    )
    if not any(_counts(mapped, index, frame) for index in mapped.groups()):
        raise _no_counters(frame, f"{where}, seed {seed}")
    return Prepared(
        parts=parts,
        test_as_given=test,
        scaler=scaler,
        train=task.learning(none),
        validation=seen["validation"],
        test=seen["test"],
        mapped=mapped,
    )


def _check_validation(batch: Batch, where: str, seed: int) -> None:
    if not bool(batch.mask.any()):
        raise DataError(
            f"{where}: the validation sequences of seed {seed} have no normal step after a first one to choose the "
            "best epoch on; add normal sequences, or take another seed"
        )


def _seen(batch: Batch, part: Sequences, cut: tuple[int, int] | None) -> Batch:
    """Whole sequences, or in windows of that length and stride."""
    return batch if cut is None else batch.in_windows(part.length, *cut)


def _counted(batch: Batch, part: Sequences, frame: Frame, where: str) -> Batch:
    """The batch with the counters of its frame; a `DataError` where no step has one."""
    found = _with_counter(batch, part, frame)
    if not _has_counters(found):
        raise _no_counters(frame, where)
    return found


def _with_counter(batch: Batch, part: Sequences, frame: Frame) -> Batch:
    """The batch with the counters of a frame that depends on labels; others have their counters already."""
    if frame not in ("since_onset", "until_event"):
        return batch
    count = since_onset if frame == "since_onset" else until_event
    counter, counted = (torch.from_numpy(found) for found in count(part.label != 0, part.length))
    return replace(batch, counter=counter, counted=counted)


def _has_counters(batch: Batch) -> bool:
    """Whether a step that is learned has a counter."""
    return batch.counted is None or bool((batch.counted & batch.mask).any())


def _counts(mapped: Mapped, index: NDArray[np.int64], frame: Frame) -> bool:
    """Whether a step of the sequences at `index` that is learned has a counter."""
    if mapped.long[index[0]]:
        return LongSequence(mapped, int(index[0]), frame).has_counters
    return _has_counters(mapped.piece(index)[1])


def _no_counters(frame: Frame, where: str) -> DataError:
    side = "from its first anomalous step on" if frame == "since_onset" else "up to its first anomalous step"
    return DataError(
        f"{where}: no step that is learned has a counter in the frame {frame}, as none is in a sequence {side}; "
        "choose the frame sequence, or give sequences that have such steps"
    )
