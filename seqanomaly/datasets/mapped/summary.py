"""What is in the parts of a mapped table, in the tables of `datasets.summary`; every step goes by once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.datasets.mapped.sequences import MappedSequences
from seqanomaly.datasets.mapped.source import MappedParts
from seqanomaly.datasets.summary import TENTHS


@dataclass
class _Seen:
    """What was counted in a part."""

    part: MappedSequences
    steps: NDArray[np.int64]
    """Of each class, [C]."""
    has: NDArray[np.bool_]
    """Whether a sequence has a step of a class, [N, C]."""
    tenths: NDArray[np.int64]
    """Anomalous steps and all steps of each tenth, [2, 10]."""
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    total: NDArray[np.float64]
    """Of each feature, [F]."""


def tables(parts: MappedParts) -> dict[str, pd.DataFrame]:
    """The tables `parts`, `channels`, `classes` and `tenths` as `datasets.summary` has them; memory stays bounded."""
    seen = {word: _counted(part) for word, part in vars(parts).items()}
    return {
        "parts": pd.DataFrame([_part(word, found) for word, found in seen.items()]),
        "channels": _channels(seen),
        "classes": _classes(seen),
        "tenths": _tenths(seen),
    }


def _counted(part: MappedSequences) -> _Seen:
    classes, features = len(part.classes), len(part.features)
    found = _Seen(
        part=part,
        steps=np.zeros(classes, np.int64),
        has=np.zeros((len(part), classes), bool),
        tenths=np.zeros((2, 10), np.int64),
        low=np.full(features, np.inf, np.float32),
        high=np.full(features, -np.inf, np.float32),
        total=np.zeros(features),
    )
    for stretch in part.stretches():
        rows, sequence, place = stretch.rows, np.repeat(stretch.sequence, stretch.length), stretch.place
        if part.table.validity is not None:
            taking = part.table.taking(rows)
            rows, sequence, place = rows[taking], sequence[taking], place[taking]
        if not len(rows):
            continue
        label, x = part.class_of(rows), part.table.features(rows)
        found.steps += np.bincount(label, minlength=classes)
        found.has[sequence, label] = True
        tenth = np.minimum(((place + 0.5) / part.length[sequence] * 10).astype(np.int64), 9)
        found.tenths += np.stack([np.bincount(tenth[label != 0], minlength=10), np.bincount(tenth, minlength=10)])
        found.low, found.high = np.minimum(found.low, x.min(axis=0)), np.maximum(found.high, x.max(axis=0))
        found.total += x.sum(axis=0, dtype=np.float64)
    return found


def _part(word: str, found: _Seen) -> dict[str, object]:
    length = found.part.length
    return {
        "part": word,
        "sequences": len(length),
        "steps": int(length.sum()),
        "shortest": int(length.min()),
        "median": float(np.median(length)),
        "longest": int(length.max()),
        "anomalous": float(found.steps[1:].sum() / found.steps.sum()),
        "anomalous_sequences": int(found.has[:, 1:].any(axis=1).sum()),
    }


def _channels(seen: Mapping[str, _Seen]) -> pd.DataFrame:
    train, test = seen["train"], seen["test"]
    return pd.DataFrame(
        {
            "channel": list(train.part.features),
            "min": train.low.astype(np.float64),
            "mean": train.total / train.steps.sum(),
            "max": train.high.astype(np.float64),
            "test_min": test.low.astype(np.float64),
            "test_max": test.high.astype(np.float64),
            "constant": train.low == train.high,
        }
    )


def _classes(seen: Mapping[str, _Seen]) -> pd.DataFrame:
    every = sum(int(found.part.length.sum()) for found in seen.values())
    rows = []
    for code, name in enumerate(seen["train"].part.classes):
        steps = {word: int(found.steps[code]) for word, found in seen.items()}
        sequences = sum(int(found.has[:, code].sum()) for found in seen.values())
        rows.append({"class": name, **steps, "share": sum(steps.values()) / every, "sequences": sequences})
    return pd.DataFrame(rows)


def _tenths(seen: Mapping[str, _Seen]) -> pd.DataFrame:
    counts = {word: found.tenths.astype(np.float64) for word, found in seen.items()}
    counts["all"] = sum(counts.values(), np.zeros((2, 10)))
    shares = {word: found[0] / np.where(found[1] == 0, np.nan, found[1]) for word, found in counts.items()}
    return pd.DataFrame({"tenth": TENTHS, **{word: shares[word] for word in ("train", "test", "all")}})
