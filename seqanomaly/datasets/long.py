"""Any data set as a long table that can be read again: series, step, label, part and features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.spans import series_names
from seqanomaly.errors import DataError
from seqanomaly.paths import whole

SERIES, STEP, LABEL, PART = "series", "step", "label", "part"
"""The columns beside the features."""
USUAL = ("0", "normal", "Normal", "NORMAL")
"""Classes that are taken as normal without being told."""


@dataclass(frozen=True, kw_only=True)
class LongTable:
    """A long table, and what has to be said to read it again."""

    frame: pd.DataFrame
    """A row per step."""
    settings: Mapping[str, str | float] = field(default_factory=dict)
    """Settings beside `path` with which it is read: `part`, `test`, `missing`, `normal`, as far as they are needed."""


def long_table(source: Source, seed: int | None = None) -> LongTable:
    """Every sequence as training sees it, unscaled, in the order of the parts.

    The column `part` says what is the same for every seed; it is left out where the seed draws the test part. With a
    seed, and where the seed draws the data (0 then), it says which step trains, validates and tests under that seed.

    Args:
        source: an opened data set.
        seed: whose split is to be written; None for what no seed decides.

    Raises:
        DataError: a feature has the name of one of the other columns.

    >>> from seqanomaly.datasets.synthetic import Drift
    >>> table = long_table(Drift(length=2, train=3, test=1).open())
    >>> table.frame[["series", "step", "part"]].iloc[-2:].values.tolist(), table.settings
    ([['0 (test)', 0, 'test'], ['0 (test)', 1, 'test']], {'part': 'part'})
    """
    parts = _parts(source, seed)
    in_time = isinstance(source, Opened) and source.cut is not None
    names = series_names(parts, whole=not in_time)
    (some, *_) = parts.values()
    clash = next((name for name in some.features if name in (SERIES, STEP, LABEL, PART)), None)
    if clash is not None:
        raise DataError(
            f"the feature {clash!r} has the name of a column that every long table has; choose others with features: "
            "[..] (--features), or rename it in the file"
        )
    frames = [_frame(part, names[word], word) for word, part in parts.items()]
    settings: dict[str, str | float] = {}
    if len(parts) > 1:
        settings["part"] = PART
    elif isinstance(source, Opened) and source.test_share != 0.3:
        settings["test"] = source.test_share
    if any(part.valid is not None for part in parts.values()):
        settings["missing"] = "mask"
    if next((name for name in some.classes if name in USUAL), None) != some.classes[0]:
        settings["normal"] = some.classes[0]
    frame = pd.concat(frames, ignore_index=True)
    return LongTable(frame=frame if len(parts) > 1 else frame.drop(columns=PART), settings=settings)


def _parts(source: Source, seed: int | None) -> dict[str, Sequences]:
    """What is written, by the word in the column `part`; a single part has none."""
    if seed is not None or not isinstance(source, Opened) or source.cut is not None:
        return dict(vars(source.parts(seed or 0)))
    known, test = source.loaded.known.pieces(), source.loaded.test
    return {"": known} if test is None else {"train": known, "test": test.pieces()}


def _frame(part: Sequences, names: tuple[str, ...], word: str) -> pd.DataFrame:
    """The rows of one part; the label is an ordered categorical, so that Parquet keeps the order of the classes.

    Features of a masked step are missing.
    """
    row, place = np.nonzero(part.real)
    columns = {
        SERIES: np.array(names, object)[row],
        STEP: part.start[row] + place,
        LABEL: pd.Categorical.from_codes(part.label[part.real], categories=pd.Index(part.classes), ordered=True),
        PART: word,
    }
    values = np.where(part.mask[..., None], part.x, np.float32(np.nan))[part.real]
    features = pd.DataFrame(values, columns=list(part.features))
    return pd.concat([pd.DataFrame(columns), features], axis=1)


def write_long(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet or CSV, by the ending of its name; the file appears whole."""
    with whole(path) as draft:
        if path.suffix.lower() == ".parquet":
            frame.to_parquet(draft, index=False)
        else:
            frame.to_csv(draft, index=False, lineterminator="\n")
