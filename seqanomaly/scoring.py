"""Scores of a table larger than memory: predicted some windows at a time, with the bits that it has in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.times import Dates
from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.mapped.converted import converted
from seqanomaly.datasets.mapped.one import One, rows_kept
from seqanomaly.datasets.mapped.sequences import MappedSequences
from seqanomaly.datasets.mapped.source import WHOLE
from seqanomaly.datasets.opened import reading
from seqanomaly.datasets.written import in_pieces
from seqanomaly.detector import Detector
from seqanomaly.errors import DataError
from seqanomaly.tasks import task_of
from seqanomaly.training.choose import compute_for
from seqanomaly.training.device import one_thread
from seqanomaly.training.stack import windows_at_once
from seqanomaly.windows import Windows, some_windows

Scalar = TypeVar("Scalar", bound=np.generic)
LONGEST = WHOLE
"""Most steps that a detector is given at once which sees whole sequences."""


def score_pieces(
    detector: Detector,
    path: Path,
    *,
    series: str | None = None,
    step: str | None = None,
    one: One | None = None,
    dates: Dates | None = None,
    commas: Commas | None = None,
) -> Iterator[pd.DataFrame]:
    """What `Detector.score` says of the rows of a table, some rows after the other; the table is mapped.

    Args:
        detector: what scores.
        path: the table, whose rows stand in the order of series and step.
        series: column that names the sequence, by default the one of the training data.
        step: column that orders its rows, likewise.
        one: what the table does not say itself, if it is one series.
        dates: what stands first in dates such as 02/01/2016; by default the rows say it.
        commas: what stands after a comma in the numbers of a text table; by default its columns say it.

    Raises:
        DataError: the table cannot be mapped, or not be scored by this detector without being in memory.
    """
    layout = Layout(
        series=series or detector.series,
        step=step or detector.step,
        label=None,
        features=detector.features,
        dates=dates,
        commas=commas,
    )
    if detector.policies:
        said = ", ".join(f"{key}: {value}" for key, value in detector.policies.items())
        raise DataError(
            f"{path.name}: the detector learned from data that were mended ({said}), and a mapped table is scored as "
            f"it is; score a part of it, or read it whole with {{path: {path}, mapped: false}}"
        )
    with reading([path], path.name):
        part = MappedSequences.of(converted(path, layout, None, one), ("0", "1"), {"0": 0, "1": 1})
        if detector.window is None and part.steps > LONGEST:
            longest = part.ids[int(np.argmax(part.length))]
            raise DataError(
                f"{path.name}: series {longest!r} has {part.steps:,} steps, and a detector that sees whole sequences "
                f"is given at most {LONGEST:,}; cut it into several series, or train with --window"
            )
        rows = in_pieces(rows_kept(path, layout, part.about.text, one, int(part.length.sum())))
        for kept, judged in zip(rows, in_pieces(_judged(detector, part)), strict=True):
            decision = np.array(detector.classes, object)[judged["decision"]]
            decision[judged["score"].isna()] = None
            yield kept.assign(score=judged["score"], decision=decision)


def _judged(detector: Detector, part: MappedSequences) -> Iterator[pd.DataFrame]:
    """Score and class of each step in order; what is predicted at once is what is predicted at once in memory."""
    task = task_of(detector.task, trained=detector.model.trained)
    model = detector.model.build(len(detector.features), task.outputs(len(detector.features), len(detector.classes)))
    compute, weights = compute_for(model), detector.weights.unsqueeze(0)
    length, stride = detector.window or (part.steps, part.steps)
    steps = min(length, part.steps)
    size = windows_at_once(1, steps, compute.width)
    for windows in some_windows(part.length, part.steps, length, stride, size):
        later = np.minimum(windows.start, 1)  # the step before is there too, which a forecast reads
        found = detector.scaler.apply(part.read(steps + 1, windows.sequence, windows.start - later))
        x = _moved(task.learning(found).x.numpy(), later, steps)  # [B, L, F]
        with torch.no_grad(), one_thread():
            outputs = compute.outputs(weights, torch.from_numpy(x).unsqueeze(0))[0].cpu()  # [B, L, O]
        beside = torch.zeros(len(windows), 1, model.outputs)
        before = torch.from_numpy(later == 1)[:, None, None]
        padded = torch.where(before, torch.cat([beside, outputs], 1), torch.cat([outputs, beside], 1))  # [B, L + 1, O]
        judged = task.judge(padded, found, detector.calibration)
        taken = _taken(windows, part.length)
        yield pd.DataFrame(
            {
                "score": _moved(judged.score, later, steps)[taken],
                "decision": _moved(judged.decision, later, steps)[taken],
            }
        )


def _moved(values: NDArray[Scalar], later: NDArray[np.int64], steps: int) -> NDArray[Scalar]:
    """Of [B, L + 1, ...] the last L steps where there is one before them, else the first ones."""
    found: NDArray[Scalar] = values[np.arange(len(values))[:, None], later[:, None] + np.arange(steps)]
    return found


def _taken(windows: Windows, length: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which steps of the windows are there and in no earlier one, [B, L]."""
    place = np.arange(windows.length)
    there = windows.start[:, None] + place < length[windows.sequence][:, None]
    return np.asarray(there & (place >= windows.fresh[:, None]))
