"""The policies of a data set at work: what is irregular in its series is found, treated, and said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.findings import Findings
from seqanomaly.datasets.opened import Loaded, constant_features, is_cut
from seqanomaly.datasets.policies import ASKED, Policies
from seqanomaly.datasets.repair import (
    NEW,
    Line,
    behind,
    drop_missing,
    ffill_missing,
    fill_gaps,
    in_order,
    interpolate_missing,
    mask_missing,
    on_grid,
)
from seqanomaly.datasets.scale import carried
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.series import TEST, TRAIN, VALIDATE, Series, series_of
from seqanomaly.datasets.times import Survey, distances, duration, even
from seqanomaly.errors import DataError

MISSING = {"drop": drop_missing, "mask": mask_missing, "ffill": ffill_missing, "interpolate": interpolate_missing}
"""How missing values are treated."""
NAMES = {TRAIN: "training", VALIDATE: "validation", TEST: "test"}
"""What the parts are called."""
WRONG = {
    "duplicates": ("duplicate", "an earlier step has this time"),
    "backward": ("backward", "its time is before that of the step before"),
    "gaps": ("gap", "steps are missing before it"),
    "irregular": ("uneven", "its distance from the step before is not the usual one"),
}
"""Where a survey keeps what each policy is about, and what is wrong there."""


def clean(loaded: Loaded, policies: Policies, where: str) -> Loaded:
    """What was read, with the policies applied to it, and a sentence about each thing found.

    Args:
        loaded: sequences that may lack values (NaN) where `policies.missing` allows it, and may have times.
        policies: what is done.
        where: name of the data in an error.

    Raises:
        DataError: something is found that is to be an error, or a policy cannot be applied.

    >>> one = Sequences.of([np.array([[1.0], [np.nan], [3.0]])] * 3, [0, 0, 1])
    >>> done = clean(Loaded(known=one), Policies(missing="interpolate"), "doc")
    >>> done.known.x[0].ravel().tolist(), done.notes
    ([1.0, 2.0, 3.0], ('missing values: 3 steps (0 1, 1 1, 2 1): interpolated between the values around',))
    """
    timed, found = loaded.known.time is not None, Findings()
    if not timed:
        _check_no_times(policies, where)
    series = series_of(loaded) if policies.active() else _uneven(loaded) if timed else []
    times = [one.survey(policies.gap) for one in series]
    for one, of_it in zip(series, times, strict=True):
        _look(one, of_it, policies, found, where)
    if policies.active() or (policies.backward == "sort" and found.steps["backward"].total()):
        if not policies.active():
            series = series_of(loaded)
            times = [one.survey(policies.gap) for one in series]
        lines = [_repaired(one, of_it, policies, found, where) for one, of_it in zip(series, times, strict=True)]
        loaded = _rebuilt(loaded, series, lines, policies, where)
    test = None if loaded.test is None else replace(loaded.test, time=None)
    notes = (*loaded.notes, *found.sentences(policies))
    loaded = replace(loaded, known=replace(loaded.known, time=None), test=test, notes=notes)
    return _without_constant(replace(loaded, counts=found.counts(timed=timed)), policies, where)


def _uneven(loaded: Loaded) -> list[Series]:
    """The series in which a survey might find something: most data sets have none."""
    known, test = loaded.known, loaded.test
    assert known.time is not None
    odd = ~_even(known)
    if test is None:
        return [one for one, is_odd in zip(series_of(loaded), odd, strict=True) if is_odd] if odd.any() else []
    assert test.time is not None
    if odd.any() or not _even(test).all() or not _goes_on_evenly(known, test):
        return series_of(loaded)
    return []


def _goes_on_evenly(known: Sequences, test: Sequences) -> bool:
    """Whether test sequences go on with training ones at their distances, as far as that is quickly seen."""
    if not (test.start > 0).any():
        return True
    place = {name: i for i, name in enumerate(known.ids)}
    both = [(place[name], j) for j, name in enumerate(test.ids) if test.start[j] > 0 and name in place]
    before, after = np.array(both, np.int64).reshape(-1, 2).T
    if (known.length[before] < 2).any() or (test.length[after] < 2).any():
        return False
    assert known.time is not None
    assert test.time is not None
    first, last = known.time[known.at(before, 0)], known.time[known.at(before, known.length[before] - 1)]
    goes_on, next_one = (test.time[test.at(after, step)] for step in (0, 1))
    apart, between = known.time[known.at(before, 1)] - first, goes_on - last
    return bool(((between == apart) & (between == next_one - goes_on)).all())


def _even(part: Sequences) -> NDArray[np.bool_]:
    """Which sequences have all their steps equally far apart, [N]; see `even`."""
    assert part.time is not None
    if part.flat is None:
        return even(part.time, part.length)
    own = (part.time[part.span(row)] for row in range(len(part)))
    return np.array([even(time[None], np.array([len(time)]))[0] for time in own])


def clean_new(sequences: Sequences, policies: Policies, where: str) -> Sequences:
    """New sequences treated as those that a detector learned from.

    The `time` of a step is its number among all steps that were given, in order of sequence and step, or -1 where it
    was added. A sequence of which no step is left is left out.

    Raises:
        DataError: as `clean`; steps on an even grid have no place among the given ones.

    >>> new = Sequences.of([np.array([[1.0], [np.nan], [3.0]])], [0])
    >>> clean_new(new, Policies(missing="drop"), "doc").time.tolist()
    [[0, 2]]
    """
    first = np.cumsum(sequences.length) - sequences.length
    if not policies.active():
        time = np.full(sequences.real.shape, NEW, np.int64)
        time[sequences.real] = np.arange(int(sequences.length.sum()))
        return replace(sequences, time=time)
    if policies.irregular in ("ffill", "interpolate"):
        raise DataError(
            f"{where}: the detector learned from series on an even grid (irregular: {policies.irregular}), and scores "
            "belong to the steps that are given; put them on such a grid first, and train without irregular"
        )
    series = series_of(Loaded(known=sequences))
    lines = [_repaired(one, one.survey(policies.gap), policies, Findings(), where) for one in series]
    some = np.array([i for i, line in enumerate(lines) if len(line)], np.int64)
    if not len(some):
        raise DataError(f"{where}: every step lacks a value, and missing is {policies.missing}; fill some of them")
    kept = [lines[i] for i in some]
    origin = [np.where(line.origin == NEW, NEW, line.origin + first[i]) for i, line in zip(some, kept, strict=True)]
    treated = _sequences(sequences.take(some), kept, sequences.start[some])
    same = treated.flat is not None
    placed = replace(
        treated, time=Sequences.of([line.x for line in kept], [0] * len(kept), time=origin, flat=same).time
    )
    return placed.pieces()


def step_note(sequences: Sequences) -> tuple[str, ...]:
    """A sentence about the usual distance of two steps, where they have timestamps.

    >>> days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[ns]")
    >>> step_note(Sequences.of([np.zeros((3, 1))], [0], time=[days]))
    ('a step is every 1 d (median)',)
    """
    if sequences.time is None or sequences.time.dtype.kind != "M":
        return ()
    apart = _distances(sequences)
    return (f"a step is every {duration(float(np.median(apart)), seconds=True)} (median)",) if len(apart) else ()


def _distances(part: Sequences) -> NDArray[np.float64]:
    """Distances of neighbouring steps in seconds; one stands for all where they are all the same."""
    time, length = part.time, part.length
    assert time is not None
    if part.steps < 2 or not _even(part).all():
        return np.concatenate([distances(time[part.span(row)]) for row in range(len(part))])
    several = np.flatnonzero(length > 1)
    each = distances(np.stack([time[part.at(several, step)] for step in (0, 1)], axis=1))[:, 0]
    return each[:1] if (each == each[:1]).all() else np.repeat(each, length[several] - 1)


def _check_no_times(policies: Policies, where: str) -> None:
    asked = next((key for key in (*WRONG, "gap") if key in policies.asked), None)
    if asked is not None:
        value = vars(policies)[asked]
        raise DataError(f"{where}: {asked} is {value}, but its files hold no times to look at; leave {asked} out")


def _look(one: Series, times: Survey | None, policies: Policies, found: Findings, where: str) -> None:
    """Count what is irregular about the times of a series; raise where that is to be an error."""
    if times is None or not times.odd:
        return
    time = one.steps("time")
    assert time is not None
    found.look(one.name, times, seconds=time.dtype.kind == "M")
    for key, (kind, _) in WRONG.items():
        wrong = vars(times)[kind]
        if vars(policies)[key] == "error" and wrong.any():
            step = int(np.argmax(wrong))
            raise wrong_at(key, one.name, step, time[step], where)


def wrong_at(key: str, series: str, step: int, time: Any, where: str) -> DataError:
    """The error about a step of a series whose time is what the policy `key` is about."""
    others = ", ".join(name for name in ASKED[key] if name != "error")
    return DataError(
        f"{where}: series {series!r}, step {step} ({written(time)}): {WRONG[key][1]}; correct it, or say what to do "
        f"with {key}: {others}"
    )


def written(time: Any) -> str:
    """A time as people write it.

    >>> written(np.datetime64("2024-01-01T00:00:00", "ns")), written(np.int64(7))
    ('2024-01-01 00:00:00', '7')
    """
    return re.sub(r"\.?0{3,}$", "", str(time).replace("T", " ")) if isinstance(time, np.datetime64) else f"{time:g}"


def _repaired(one: Series, times: Survey | None, policies: Policies, found: Findings, where: str) -> Line:
    """The steps of a series after all policies, in this order: doubles, jumps back, missing values, grid, gaps."""
    line = one.line()
    given, read = len(line), line.valid
    if times is not None:
        line = _in_time(line, times, policies)
    line = _with_values(line, one, policies, found, where)
    found.left_out += given - len(line)
    if times is not None and times.usual > 0 and len(line):
        line = _evenly(line, times.usual, policies, found, f"{where}: series {one.name!r}")
    found.masked += int((~line.valid & ((line.origin < 0) | read[line.origin])).sum())
    return line


def _in_time(line: Line, times: Survey, policies: Policies) -> Line:
    """Duplicated and backward times treated."""
    if policies.duplicates == "mask":
        line = line.without(times.duplicate)
    elif policies.duplicates in ("first", "last"):
        line = line.at(~(times.duplicate if policies.duplicates == "first" else times.again))
    if policies.backward == "sort":
        return in_order(line)
    if policies.backward in ("drop", "mask"):
        return line.at(~behind(line)) if policies.backward == "drop" else line.without(behind(line))
    return line


def _with_values(line: Line, one: Series, policies: Policies, found: Findings, where: str) -> Line:
    """Missing values treated."""
    missing = np.isnan(line.x)
    if not missing.any():
        return line
    found.values += int(missing.sum())
    found.add("missing", one.name, int(missing.any(axis=1).sum()))
    if policies.missing != "drop" and missing.all(axis=0).any():
        feature = one.pieces[0][0].features[int(np.argmax(missing.all(axis=0)))]
        raise no_value(one.name, feature, policies, where)
    return MISSING[policies.missing](line)


def no_value(series: str, feature: str, policies: Policies, where: str) -> DataError:
    """The error about a series that has no value of a feature."""
    return DataError(
        f"{where}: series {series!r} has no value of {feature!r} at all, so missing: {policies.missing} has nothing to "
        "go by; leave out the series or the feature"
    )


def _evenly(line: Line, usual: float, policies: Policies, found: Findings, name: str) -> Line:
    """Uneven distances and gaps treated."""
    assert line.time is not None
    if policies.irregular in ("ffill", "interpolate"):
        line = on_grid(line, usual, policies.gap, between=policies.irregular == "interpolate", name=name)
        found.on_grid += len(line)
    if policies.gaps in ("ffill", "interpolate", "mask"):
        line = fill_gaps(line, usual, policies.gap, policies.gaps, name)
        found.added += int((line.origin == NEW).sum())
    if policies.gaps == "split":
        assert line.time is not None
        line = replace(line, breaks=np.diff(line.time, prepend=np.nan) > policies.gap * usual)
    return line


def _rebuilt(loaded: Loaded, series: list[Series], lines: list[Line], policies: Policies, where: str) -> Loaded:
    """The parts from the repaired series."""
    of_known: dict[int, Line] = {}
    of_test: dict[int, Line] = {}
    moved = np.zeros(0 if loaded.test is None else len(loaded.test), np.int64)
    for one, line in zip(series, lines, strict=True):
        left, active = (np.bincount(part, minlength=3).tolist() for part in (line.part, line.part[line.valid]))
        check_left(one.name, one.counts(), left, active, policies, where)
        if one.known is not None:
            of_known[one.known] = line.at(line.part != TEST)
        if one.test is not None:
            of_test[one.test] = line.at(line.part == TEST)
            if one.known is not None:
                moved[one.test] = len(of_known[one.known]) - loaded.known.length[one.known]
    known = [of_known[i] for i in range(len(loaded.known))]
    given = loaded.validation is not None or is_cut(loaded)
    return replace(
        loaded,
        known=_sequences(loaded.known, known, loaded.known.offset),
        test=None
        if loaded.test is None
        else _sequences(loaded.test, [of_test[j] for j in range(len(loaded.test))], loaded.test.start + moved),
        validation=np.array([(line.part == TRAIN).sum() for line in known]) if given else None,
        usual_validation=is_cut(loaded),
    )


def check_left(
    series: str, before: Sequence[int], left: Sequence[int], active: Sequence[int], policies: Policies, where: str
) -> None:
    """Raise a `DataError` where a part of a series has too few steps left, or all of them are masked.

    Args:
        series: its name.
        before: steps that each part had.
        left: steps that each has.
        active: those of them that take part.
        policies: what was done.
        where: name of the data in an error.
    """
    said = ", ".join(f"{key}: {value}" for key, value in policies.active().items())
    remedy = f"({said}); leave the series out, or choose another policy"
    for part, had in zip((TRAIN, VALIDATE, TEST), before, strict=True):
        steps = f"{where}: series {series!r}: of its {had:,} {NAMES[part]} step{'s' * (had != 1)}"
        if left[part] < min(had, 2):
            raise DataError(f"{steps} {left[part]} {'is' if left[part] == 1 else 'are'} left {remedy}")
        if had and not active[part]:
            raise DataError(f"{steps} none takes part {remedy}")


def _sequences(part: Sequences, lines: Sequence[Line], offset: NDArray[np.int64] | None) -> Sequences:
    """Lines as the sequences of a part; masked steps have the values of the last one before that is not."""
    valid = [line.valid for line in lines]
    breaks = [np.zeros(len(line), np.bool_) if line.breaks is None else line.breaks for line in lines]
    x = [carried(line.x[None], line.valid[None], np.ones((1, len(line)), np.bool_))[0] for line in lines]
    return Sequences.of(
        x,
        [line.label for line in lines],
        ids=part.ids,
        features=part.features,
        classes=part.classes,
        offset=offset,
        valid=None if all(one.all() for one in valid) else valid,
        breaks=breaks if any(one.any() for one in breaks) else None,
    )


def _without_constant(loaded: Loaded, policies: Policies, where: str) -> Loaded:
    """Features that never change in the training part left out, if that is asked for."""
    constant = constant_features(loaded.known) if policies.constant != "keep" else np.zeros(0, np.bool_)
    if not constant.any():
        return loaded
    names = constant_names(loaded.known.features, constant, policies, where)
    known, test = (None if part is None else _chosen(part, ~constant) for part in (loaded.known, loaded.test))
    assert known is not None
    return replace(
        loaded, known=known, test=test, notes=(*loaded.notes, f"never change in the training part: {names}: left out")
    )


def constant_names(features: Sequence[str], constant: NDArray[np.bool_], policies: Policies, where: str) -> str:
    """Names of the features that never change, some of all; a `DataError` where they are an error, or all of them."""
    names = ", ".join(name for name, same in zip(features, constant, strict=True) if same)
    if policies.constant == "error":
        raise DataError(
            f"{where}: never change in the training part: {names}; leave them out with constant: drop, or keep them"
        )
    if constant.all():
        raise DataError(f"{where}: no feature changes in the training part, so constant: drop leaves none; keep them")
    return names


def _chosen(part: Sequences, features: NDArray[np.bool_]) -> Sequences:
    names = tuple(name for name, chosen in zip(part.features, features, strict=True) if chosen)
    return replace(part, x=np.ascontiguousarray(part.x[..., features]), features=names)
