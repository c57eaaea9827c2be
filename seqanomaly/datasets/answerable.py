"""Whether labels can answer a task's question; needs no torch, so that it can be asked before anything is trained."""

from __future__ import annotations

import numpy as np

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError


def check_answerable(task: str, sequences: Sequences, where: str) -> None:
    """Raise a `DataError` that names `where` if no detector could learn the task from these sequences.

    `detect` needs two classes and `classify` two or more, normal and anomalous ones; `forecast` learns from normal
    steps after a first one.

    >>> check_answerable("detect", Sequences.of([np.zeros((2, 1))], [[0, 1]]), "mine.csv")
    """
    count = len(sequences.classes)
    if task != "classify" and count > 2:
        listed = ", ".join([*sequences.classes[:8], *[".."] * (count > 8)])
        raise DataError(
            f"{where}: the label has {count} classes ({listed}); {task} tells normal from anomalous, so use "
            "--task classify or another label column, or make one class of all but the first with binary: true (tables)"
        )
    if task == "forecast":
        if not (sequences.label == 0)[sequences.later].any():
            raise DataError(
                f"{where}: the training part has no normal step after a first one, and forecast learns on those"
            )
        return
    found = np.unique(sequences.label[sequences.mask])
    if len(found) < 2:
        raise DataError(
            f"{where}: every training step has the label {sequences.classes[found[0]]!r}; learning to tell them apart "
            "needs normal and anomalous steps (--task forecast learns from normal ones alone)"
        )
