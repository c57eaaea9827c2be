"""What is in the parts of a data set, in small tables: sizes, channels, classes, anomalies by place."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Parts

TENTHS = tuple(f"{10 * place}-{10 * place + 10}%" for place in range(10))
"""Slices of a sequence by the relative place of its steps."""


def parts_table(parts: Parts) -> pd.DataFrame:
    """A row per part: sequences, steps, lengths, share of anomalous steps, sequences with any.

    >>> one = Sequences.of([np.zeros((4, 1)), np.zeros((2, 1))], [[0, 0, 1, 1], 0])
    >>> parts_table(Parts(train=one, validation=one, test=one)).values[0].tolist()
    ['train', 2, 6, 2, 3.0, 4, 0.3333333333333333, 1]
    """
    rows = [
        {
            "part": name,
            "sequences": len(part),
            "steps": int(part.length.sum()),
            "shortest": int(part.length.min()),
            "median": float(np.median(part.length)),
            "longest": int(part.length.max()),
            "anomalous": float((part.label[part.mask] != 0).mean()),
            "anomalous_sequences": int((part.highest != 0).sum()),
        }
        for name, part in vars(parts).items()
    ]
    return pd.DataFrame(rows)


def channels_table(parts: Parts) -> pd.DataFrame:
    """A row per channel: range and mean in the training part, range in the test part, whether it is constant there.

    >>> one = Sequences.of([np.array([[1.0, 5.0], [3.0, 5.0]])], [0], features=("heat", "load"))
    >>> channels_table(Parts(train=one, validation=one, test=one))[["channel", "mean", "constant"]].values.tolist()
    [['heat', 2.0, False], ['load', 5.0, True]]
    """
    train, test = (part.x[part.mask] for part in (parts.train, parts.test))
    low, high = train.min(axis=0), train.max(axis=0)
    return pd.DataFrame(
        {
            "channel": list(parts.train.features),
            "min": low.astype(np.float64),
            "mean": train.mean(axis=0, dtype=np.float64),
            "max": high.astype(np.float64),
            "test_min": test.min(axis=0).astype(np.float64),
            "test_max": test.max(axis=0).astype(np.float64),
            "constant": low == high,
        }
    )


def classes_table(parts: Parts) -> pd.DataFrame:
    """A row per class: its steps in each part, its share of all steps, the sequences that have it.

    >>> one = Sequences.of([np.zeros((3, 1))], [[0, 1, 1]])
    >>> classes_table(Parts(train=one, validation=one, test=one)).values.tolist()
    [['0', 1, 1, 1, 0.3333333333333333, 3], ['1', 2, 2, 2, 0.6666666666666666, 3]]
    """
    every = vars(parts)
    total = sum(int(part.length.sum()) for part in every.values())
    rows = []
    for code, name in enumerate(parts.train.classes):
        has = {word: (part.label == code) & part.mask for word, part in every.items()}
        steps = {word: int(found.sum()) for word, found in has.items()}
        sequences = sum(int((every[word].count(found) > 0).sum()) for word, found in has.items())
        rows.append({"class": name, **steps, "share": sum(steps.values()) / total, "sequences": sequences})
    return pd.DataFrame(rows)


def tenths_table(parts: Parts) -> pd.DataFrame:
    """A row per tenth of a sequence: share of anomalous steps in the training part, in the test part, in all.

    A step belongs to the tenth in which its middle (i + 0.5)/n lies; NaN where no step does.

    >>> one = Sequences.of([np.zeros((20, 1))], [[0] * 10 + [1] * 10])
    >>> tenths_table(Parts(train=one, validation=one, test=one))["train"].tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    counts = {word: _by_tenth(part) for word, part in vars(parts).items()}
    counts["all"] = sum(counts.values(), np.zeros((2, 10)))
    shares = {word: found[0] / np.where(found[1] == 0, np.nan, found[1]) for word, found in counts.items()}
    return pd.DataFrame({"tenth": TENTHS, **{word: shares[word] for word in ("train", "test", "all")}})


def _by_tenth(part: Sequences) -> np.ndarray:
    """Anomalous steps and all steps of each tenth, [2, 10]."""
    sequence, step = part.places(part.mask)
    tenth = np.minimum(((step + 0.5) / part.length[sequence] * 10).astype(np.int64), 9)
    anomalous = (part.label[part.mask] != 0).astype(np.float64)
    return np.stack([np.bincount(tenth, weights=weight, minlength=10) for weight in (anomalous, np.ones(len(tenth)))])
