"""Outputs on the test part become the results of a run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import seqanomaly
from seqanomaly.batch import Batch
from seqanomaly.counters import relative_position
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import Source
from seqanomaly.detector import Detector
from seqanomaly.losses.diagnostics import Diagnostics
from seqanomaly.metrics.buckets import bucket_metrics, reliability_by_bucket, sequence_counts, step_curve
from seqanomaly.metrics.delay import recall_since_onset
from seqanomaly.metrics.steps import Steps
from seqanomaly.metrics.thresholds import ORACLE, Oracle
from seqanomaly.models.base import SequenceModel
from seqanomaly.preparation import Prepared
from seqanomaly.run_config import FORMAT, RunConfig
from seqanomaly.store import RunResult
from seqanomaly.tasks import Calibration, Judged, Task
from seqanomaly.training.log import Fitted


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One member of a stack after its training, and its outputs on the scored parts."""

    config: RunConfig
    data: Prepared
    learning_rate: float
    weights: Diagnostics
    fitted: Fitted
    validation: Tensor
    """Outputs [N, T, O]."""
    test: Tensor
    """Outputs [N, T, O]."""


def make_result(
    trained: Trained, task: Task, model: SequenceModel, source: Source, facts: Mapping[str, Any], *, scores: bool
) -> RunResult:
    """Judge the outputs of a trained member, and put everything together that a run folder holds.

    Args:
        trained: the member.
        task: what was asked per step.
        model: what it was asked of.
        source: the data set.
        facts: what `run_facts` says of the whole stack.
        scores: whether to keep the score of every test step.
    """
    config, data = trained.config, trained.data
    calibration, before, steps = _judged(trained, task)
    best = source.best_accuracy(data.test_as_given, _sight(model, data.test))
    oracle = ORACLE if isinstance(config.threshold, Oracle) else ""
    return RunResult(
        config=config,
        digest=config.digest(source.digest),
        metrics=bucket_metrics(steps, config.buckets, best, validation=before, oracle=oracle),
        curve=step_curve(steps, best),
        onset=recall_since_onset(steps),
        reliability=reliability_by_bucket(steps, config.buckets),
        sequences=sequence_counts(steps, config.buckets) if source.official_test else None,
        history=_history(trained.fitted),
        environment={
            **facts,
            **_circumstances(trained, task, model),
            "notes": [*source.notes, *_notes(model, data), *[oracle] * bool(oracle)],
        },
        detector=_detector(trained, task, source, calibration),
        scores=_score_frame(steps, data.parts.test) if scores else None,
    )


def _judged(trained: Trained, task: Task) -> tuple[Calibration, Steps, Steps]:
    """What validation data decide, and the scored steps of the validation and of the test part."""
    rule, parts = trained.config.threshold, trained.data.parts
    calibration = task.calibrate(trained.validation, parts.validation, rule)
    before = flatten(task, parts.validation, task.judge(trained.validation, parts.validation, calibration))
    if isinstance(rule, Oracle):
        calibration = _of_the_oracle(task, rule, calibration, trained.test, parts.test)
    return calibration, before, flatten(task, parts.test, task.judge(trained.test, parts.test, calibration))


def _history(fitted: Fitted) -> pd.DataFrame:
    """Loss by epoch."""
    epochs = np.arange(1, len(fitted.train_loss) + 1)
    return pd.DataFrame(
        {
            "epoch": epochs,
            "train_loss": fitted.train_loss,
            "validation_loss": fitted.validation_loss,
            "best": (epochs == fitted.best_epoch).astype(int),
        }
    )


def _circumstances(trained: Trained, task: Task, model: SequenceModel) -> dict[str, Any]:
    """What environment.json says of this run alone."""
    config, data = trained.config, trained.data
    return {
        "weights": asdict(trained.weights),
        "learning_rate": trained.learning_rate,
        "sequences": {
            **{part: len(found) for part, found in vars(data.parts).items()},
            "train": len(data.learned),
        },
        "windows": None if data.windows is None else len(data.windows),
        "receptive_field": model.receptive_field,
        "normalize": config.loss.normalize,
        "threshold": task.name if config.threshold is None else config.threshold.name,
    }


def _detector(trained: Trained, task: Task, source: Source, calibration: Calibration) -> Detector:
    config, train = trained.config, trained.data.learned
    series, step = source.columns
    return Detector(
        task=task.name,
        model=config.model,
        weights=trained.fitted.weights,
        scaler=trained.data.scaler,
        calibration=calibration,
        features=train.features,
        classes=train.classes,
        series=series,
        step=step,
        window=config.cut,
        policies=dict(source.policies),
    )


def _of_the_oracle(task: Task, rule: Oracle, calibration: Calibration, outputs: Tensor, test: Sequences) -> Calibration:
    """The only place where a threshold sees test labels; what is made of it is marked."""
    scored = task.scored(test)
    score = task.score(outputs, test, calibration.residual_scale)[scored]
    return replace(calibration, threshold=rule.choose(score, test.label[scored] != 0))


def flatten(task: Task, sequences: Sequences, judged: Judged) -> Steps:
    """The scored steps of all sequences, one after the other."""
    scored = task.scored(sequences)
    sequence, step = sequences.places(scored)
    return Steps(
        sequence=sequence,
        step=step,
        position=relative_position(step, sequences.length[sequence]),
        label=sequences.label[scored],
        score=judged.score[scored],
        decision=judged.decision[scored],
        alarm=None if judged.alarm is None else judged.alarm[scored],
        probability=task.probability,
    )


def _score_frame(steps: Steps, test: Sequences) -> pd.DataFrame:
    names = np.array(test.ids, object)[steps.sequence]
    columns = {name: getattr(steps, name) for name in ("step", "position", "label", "score", "decision")}
    return pd.DataFrame({"sequence": names, **columns})


def run_facts(configs: list[RunConfig], source: Source, device: torch.device, path: str) -> dict[str, Any]:
    """What environment.json says of all runs of a stack."""
    return {
        "format": FORMAT,
        "seqanom": seqanomaly.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": str(device),
        "path": path,
        "stack": len(configs),
        "frame": configs[0].frame,
        "window": None if configs[0].window is None else configs[0].window.settings(),
        "data_digest": source.digest,
        "covers": "training randomness only" if source.official_test else "data and training randomness",
    }


def _sight(model: SequenceModel, batch: Batch) -> int | None:
    """How many steps, the current one included, an output can see: no more than the windows have."""
    seen = model.receptive_field
    return seen if batch.windows is None else min(batch.windows.length if seen is None else seen, batch.windows.length)


def _notes(model: SequenceModel, data: Prepared) -> list[str]:
    seen, longest = model.receptive_field, int(data.learned.length.max())
    if data.windows is not None:
        longest = min(longest, data.windows.length)
    if seen is None or seen >= longest or seen <= 1:  # a model without memory is meant to have none
        return []
    what = "sequences" if data.windows is None else "windows"
    return [
        f"the model sees the last {seen} steps only and {what} have up to {longest}: "
        "raise its layers or kernel for it to see them whole"
    ]
