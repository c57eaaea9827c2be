"""A trained detector: everything that is needed to score new sequences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from seqanomaly.config import nearest
from seqanomaly.datasets.policies import Policies, known_policies
from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError
from seqanomaly.models.specs import MODELS, ModelSpec
from seqanomaly.run_config import WindowSpec
from seqanomaly.tasks import Calibration, Judged, task_of
from seqanomaly.training.device import one_thread
from seqanomaly.training.loop import predict
from seqanomaly.training.stack import Shelf

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.formats.times import Dates

SETTINGS, WEIGHTS = "detector.json", "model.safetensors"


@dataclass(frozen=True, kw_only=True)
class Detector:
    """Weights, scaler, threshold and names of one trained member.

    >>> from seqanomaly import train
    >>> detector = train({"data": {"kind": "drift", "train": 20, "test": 20}, "train": {"epochs": 1}}).detector
    >>> detector.judge(Sequences.of([np.zeros((7, 5))], [0])).score.shape
    (1, 7)
    """

    task: str
    """detect, classify or forecast."""
    model: ModelSpec
    """Kind and sizes of the model."""
    weights: Tensor
    """The model's row [P]."""
    scaler: Scaler
    """Fitted on the training part."""
    calibration: Calibration
    """Threshold, and the scale of residuals, from the validation part."""
    features: tuple[str, ...]
    """Names of the features, in order."""
    classes: tuple[str, ...]
    """Names of the classes, normal first."""
    series: str = "series"
    """Column that names the sequence of a row in new data."""
    step: str = "step"
    """Column that orders the rows of a sequence in new data."""
    window: tuple[int, int] | None = None
    """Length and stride of the windows that it sees sequences in; None for whole sequences."""
    policies: Mapping[str, Any] = field(default_factory=dict)
    """What is done about missing values and uneven times, as in training, where it is anything."""

    def judge(self, sequences: Sequences) -> Judged:
        """Score and decision of every step; a step's score depends on it and the steps before it only.

        In windows, each step has one score, from the window in which its place is the largest: the earliest that holds
        it. With windows of L steps every s steps, a step has at least L - s steps of its sequence before it in that
        window, or all there are. The last window ends with the sequence, so that the scores of its last steps depend on
        where it ends, though never on later values.
        """
        task = task_of(self.task, trained=self.model.trained)
        scaled = self.scaler.apply(sequences)
        model = self.model.build(len(self.features), task.outputs(len(self.features), len(self.classes)))
        batch = task.learning(scaled)
        if self.window is not None:
            batch = batch.in_windows(scaled.length, *self.window)
        with one_thread():
            outputs = predict(model, self.weights.unsqueeze(0), Shelf([batch], torch.device("cpu")))
        return task.judge(outputs[0], scaled, self.calibration)

    def score(
        self,
        frame: pd.DataFrame,
        where: str = "data",
        *,
        series: str | None = None,
        step: str | None = None,
        dates: Dates | None = None,
    ) -> pd.DataFrame:
        """Score and decision for each row of a long frame, in its order.

        Args:
            frame: one row per step with the training data's feature columns; labels are not needed.
            where: name of the data in an error.
            series: column that names the sequence, by default the one of the training data.
            step: column that orders its rows, likewise.
            dates: what stands first in dates such as 02/01/2016; by default the rows say it.

        What training data were treated with is done to these as well: missing values, doubles and gaps. A row that is
        left out or masked so has no score.

        Raises:
            DataError: a column is missing or a value is not a finite number.
        """
        from seqanomaly.datasets.cleaning import clean_new
        from seqanomaly.datasets.frame import Layout, read_frame

        frame = frame.rename(columns=str)
        layout = Layout(
            series=series or self.series, step=step or self.step, label=None, features=self.features, dates=dates
        )
        policies = Policies(**self.policies)
        missing = None if self.policies == {} else policies.missing != "error"
        long = read_frame(frame, layout, where, missing=missing, doubles=policies.duplicates != "keep")
        sequences = self._laid_out(clean_new(long.sequences, policies, where), where)
        judged = self.judge(sequences)
        assert sequences.time is not None
        given = sequences.real & (sequences.time >= 0)
        rows = long.rows[sequences.time[given]]
        score = np.full(len(frame), np.nan)
        decision = np.full(len(frame), None, object)
        score[rows] = judged.score[given]
        decision[rows] = np.array(self.classes, object)[judged.decision[given]]
        decision[np.isnan(score)] = None
        kept = frame[[layout.series, layout.step]].reset_index(drop=True)
        return kept.assign(score=score, decision=decision)

    def score_sequences(self, sequences: Sequences, where: str = "data") -> pd.DataFrame:
        """Score and decision for each step: columns series, step (its number in its series, from 0), score, decision.

        Args:
            sequences: with the training data's features by name, in any order and among others.
            where: name of the data in an error.

        Raises:
            DataError: a feature is missing.
        """
        import pandas as pd

        missing = next((name for name in self.features if name not in sequences.features), None)
        if missing is not None:
            raise DataError(
                f"{where}: there is no feature {missing!r}, which the detector was trained on"
                f"{nearest(missing, sequences.features)}"
            )
        place = [sequences.features.index(name) for name in self.features]
        chosen = self._laid_out(replace(sequences, x=sequences.x[..., place], features=self.features), where)
        judged, mask = self.judge(chosen), chosen.mask
        row, step = chosen.places(mask)
        score = judged.score[mask]
        decision = np.array(self.classes, object)[judged.decision[mask]]
        decision[np.isnan(score)] = None
        names = np.array(chosen.ids, object)[row]
        return pd.DataFrame({"series": names, "step": chosen.start[row] + step, "score": score, "decision": decision})

    def _laid_out(self, sequences: Sequences, where: str) -> Sequences:
        """The same as the model sees them: whole ones are padded."""
        try:
            return sequences.padded() if self.window is None else sequences.with_room(self.window[0])
        except MemoryError as error:
            raise DataError(f"{where}: {error}; score those of about one length at a time") from None

    def save(self, folder: Path) -> None:
        """Write `detector.json` and `model.safetensors` into `folder`."""
        settings = {
            "task": self.task,
            "model": self.model.settings(),
            "features": self.features,
            "classes": self.classes,
            "columns": {"series": self.series, "step": self.step},
            "scaler": {"mean": self.scaler.mean, "scale": self.scaler.scale},
            "threshold": self.calibration.threshold,
            "alarm_threshold": self.calibration.alarm_threshold,
            "residual_scale": self.calibration.residual_scale,
            "window": None if self.window is None else dict(zip(("length", "stride"), self.window, strict=True)),
            **({"policies": dict(self.policies)} if self.policies else {}),
        }
        (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        task = task_of(self.task, trained=self.model.trained)
        model = self.model.build(len(self.features), task.outputs(len(self.features), len(self.classes)))
        named = {name: w[0].contiguous() for name, w in model.views(self.weights.unsqueeze(0)).items()}
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(named))

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read a detector from a run folder; a `DataError` says which file is missing or damaged."""
        try:
            found = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            name, features, classes = found["task"], tuple(found["features"]), tuple(found["classes"])
            spec = MODELS[found["model"]["kind"]](**found["model"])
            task = task_of(name, trained=spec.trained)
            model = spec.build(len(features), task.outputs(len(features), len(classes)))
            named = safetensors.torch.load((folder / WEIGHTS).read_bytes())
            expected = {name: parameter.shape for name, parameter in model.parameters().items()}
            if {name: tuple(weight.shape) for name, weight in named.items()} != expected:
                raise ValueError(f"{WEIGHTS} does not belong to {SETTINGS}")
            weights = model.rows(named)
            scale = found["residual_scale"]
            window = found.get("window")  # detectors of before have no such key and see whole sequences
            return cls(
                task=task.name,
                model=spec,
                weights=weights,
                scaler=Scaler(tuple(found["scaler"]["mean"]), tuple(found["scaler"]["scale"])),
                calibration=Calibration(
                    found["threshold"], None if scale is None else tuple(scale), found["alarm_threshold"]
                ),
                features=features,
                classes=classes,
                series=found["columns"]["series"],
                step=found["columns"]["step"],
                window=None if window is None else WindowSpec(**window).cut,
                policies=known_policies(found.get("policies", {})),
            )
        except FileNotFoundError as error:
            raise DataError(f"{folder}: is not a run folder, {Path(error.filename).name} is missing") from None
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DataError(f"{folder}: the detector in it is damaged ({error}); train it again") from None
