"""The whole line, from configurations and a data set to results."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

import seqanomaly
from seqanomaly.batch import Batch
from seqanomaly.counters import Frame, relative_position, since_onset, until_event
from seqanomaly.datasets.mapped.sequences import MappedSequences, fit_scaler
from seqanomaly.datasets.mapped.source import MappedSource
from seqanomaly.datasets.scale import Scaler
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.shuffle import shuffled_labels
from seqanomaly.datasets.source import Parts, Source
from seqanomaly.detector import Detector
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.losses.counter_loss import CounterLoss
from seqanomaly.losses.diagnostics import Diagnostics, Spread
from seqanomaly.losses.modulations import for_seed
from seqanomaly.metrics.buckets import bucket_metrics, reliability_by_bucket, sequence_counts, step_curve
from seqanomaly.metrics.delay import recall_since_onset
from seqanomaly.metrics.steps import Steps
from seqanomaly.metrics.thresholds import ORACLE, Oracle
from seqanomaly.models.base import SequenceModel, UntrainedModel
from seqanomaly.run_config import FORMAT, LossSpec, RunConfig, last_counter, repeat_command, unreached
from seqanomaly.seeds import numpy_generator, torch_generator
from seqanomaly.store import RunResult, Store
from seqanomaly.tasks import Calibration, Judged, Task, task_of
from seqanomaly.training.choose import compute_for
from seqanomaly.training.device import find_device, one_thread
from seqanomaly.training.loop import Fitted, fit, predict
from seqanomaly.training.mapped import Mapped, MappedWeights
from seqanomaly.training.stack import Member, Shelf, Within
from seqanomaly.training.weights import seen_weights, sequence_weights, window_weights
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

    @property
    def learned(self) -> Sequences | MappedSequences:
        """The training sequences, in memory or mapped."""
        return self.parts.train if self.mapped is None else self.mapped.sequences

    @property
    def windows(self) -> Windows | None:
        """The windows of the training sequences."""
        return self.train.windows if self.mapped is None else self.mapped.windows

    def pieces(self) -> Iterator[tuple[NDArray[np.int64], Prepared]]:
        """All training sequences in memory, or some mapped ones after the other without features; and which they are.

        Weights depend on the labels and counters of a sequence alone, so that they are the same piece by piece.
        """
        if self.mapped is None:
            yield np.arange(len(self.parts.train)), self
            return
        for index, part, batch in self.mapped.pieces():
            yield index, replace(self, parts=replace(self.parts, train=part), train=batch, mapped=None)


def train(
    config: RunConfig | Mapping[str, Any],
    out: Path | str | None = None,
    *,
    device: str = "auto",
    on_epoch: Callable[[int], None] = lambda _: None,
) -> RunResult:
    """Train one configuration; with `out`, keep it there, and return what lies there if it was trained before.

    Args:
        config: a `RunConfig` or a mapping of its fields.
        out: folder of runs.
        device: auto, cpu, cuda, cuda:N or mps.
        on_epoch: called after each epoch with its number.

    Raises:
        ConfigError, DataError: something is wrong with the settings or the data.
        RunError: the training diverged.

    >>> result = train({"data": {"kind": "drift", "train": 20, "test": 20}, "train": {"epochs": 2}})
    >>> result.metrics.query("metric == 'accuracy'")["bucket"].tolist()
    ['early', 'mid', 'late']
    """
    config = config if isinstance(config, RunConfig) else RunConfig(**config)
    where = find_device(device)
    store = None if out is None else Store(Path(out))
    if store is not None:
        store.prepare()
    source = config.data.open()
    digest = config.digest(source.digest)
    if store is not None and digest in store:
        return store.load(digest)
    (result,) = run_stack([config], source, where, on_epoch)
    if isinstance(result, RunError):
        if store is not None:
            store.record_failure(config, digest, str(result), repeat_command(config, store.root))
        raise result
    if store is not None:
        store.publish(result)
    return result


def run_stack(
    configs: list[RunConfig],
    source: Source,
    device: torch.device,
    on_epoch: Callable[[int], None] = lambda _: None,
    *,
    scores: bool = False,
) -> list[RunResult | RunError]:
    """Train configurations that may differ in loss, learning rate and seed as one stack, and evaluate each.

    With `scores`, the results hold the score of every test step.
    """
    task, where = task_of(configs[0].task, trained=configs[0].model.trained), configs[0].data.name
    if source.known is not None:
        task.check(source.known, where)  # what no seed can mend ends the whole
    kinds = sorted({_kind(config) for config in configs})
    prepared = {(seed, shuffle): _prepared(source, task, seed, configs[0], shuffle=shuffle) for seed, shuffle in kinds}
    usable = [config for config in configs if isinstance(prepared[_kind(config)], Prepared)]
    results = iter(_train_stack(usable, task, source, prepared, device, on_epoch, scores=scores) if usable else [])
    return [
        RunError(f"{config.title}: {found}")
        if isinstance(found := prepared[_kind(config)], DataError)
        else next(results)
        for config in configs
    ]


def _kind(config: RunConfig) -> tuple[int, bool]:
    """What a run's data depend on: its seed, and whether labels are shuffled."""
    return config.seed, config.model.trained and config.loss.shuffles


def _prepared(source: Source, task: Task, seed: int, first: RunConfig, *, shuffle: bool) -> Prepared | DataError:
    """The parts of one seed, or why this seed's split cannot be used."""
    try:
        frame = first.frame if first.model.trained else "sequence"
        found = prepare(source, task, seed, first.data.name, shuffle=shuffle, cut=first.cut, frame=frame)
        if first.threshold is not None:
            validation = found.parts.validation
            labels = validation.label[task.scored(validation)]
            first.threshold.check(labels != 0, f"{first.data.name}, seed {seed}")
        return found
    except DataError as error:
        return error


def _train_stack(
    configs: list[RunConfig],
    task: Task,
    source: Source,
    prepared: Mapping[tuple[int, bool], Prepared | DataError],
    device: torch.device,
    on_epoch: Callable[[int], None],
    *,
    scores: bool,
) -> list[RunResult | RunError]:
    first, data = configs[0], [found for c in configs if isinstance(found := prepared[_kind(c)], Prepared)]
    shape = data[0].learned
    model = first.model.build(len(shape.features), task.outputs(len(shape.features), len(shape.classes)))
    weighed = [_member(c, task, d) for c, d in zip(configs, data, strict=True)]
    members = [member for member, _ in weighed]
    with one_thread():
        if isinstance(model, UntrainedModel):
            fitted = [_fitted(model, m.seed, d, first) for m, d in zip(members, data, strict=True)]
        else:
            fitted = fit(
                model,
                task.step_loss,
                members,
                epochs=first.train.epochs,
                batch_size=first.train.batch_size,
                optimizer=first.train.optimizer,
                weight_decay=first.train.weight_decay,
                momentum=first.train.momentum,
                clip=first.train.clip,
                patience=first.train.patience,
                truncate=first.train.truncate,
                precision=first.train.precision,
                device=device,
                on_epoch=on_epoch,
            )
        rows = torch.stack([f.weights for f in fitted]).to(device)
        validation = predict(model, rows, Shelf([d.validation for d in data], device))  # [K, N, T, O]
        test = predict(model, rows, Shelf([d.test for d in data], device))
    path = compute_for(model, device=device, truncate=first.train.truncate, precision=first.train.precision).path
    facts = _facts(configs, source, device, path)
    return [
        _result(
            config,
            task,
            model,
            source,
            d,
            m,
            w,
            f,
            v[: len(d.parts.validation)],
            t[: len(d.parts.test)],
            facts,
            scores=scores,
        )
        if f.failure is None
        else RunError(f"{config.title}: {f.failure}")
        for config, d, (m, w), f, v, t in zip(configs, data, weighed, fitted, validation, test, strict=True)
    ]


def _fitted(model: UntrainedModel, seed: int, data: Prepared, config: RunConfig) -> Fitted:
    """What takes the place of training where a model has a closed form."""
    if data.mapped is not None:
        raise DataError(
            f"{config.data.name}: the model {config.model.name} needs all labels in memory, and the table is mapped; "
            "leave the model out, or read the table whole with mapped: false"
        )
    train = data.parts.train
    row = model.fitted(torch.from_numpy(train.label), torch.from_numpy(train.mask), torch_generator(seed, "weights"))
    return Fitted(row, [], [], best_epoch=0, failure=None)


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
    parts = source.parts(seed)
    if shuffle:
        generator = numpy_generator(seed, "labels")
        learned = {name: shuffled_labels(part, generator) for name, part in vars(parts).items() if name != "test"}
        parts = replace(parts, **learned)
    task.check(parts.train, where)
    scaler = Scaler.fit(parts.train)
    scaled = Parts(**{name: scaler.apply(part) for name, part in vars(parts).items()})
    seen = {name: _seen(task.learning(part), part, cut) for name, part in vars(scaled).items()}
    _check_validation(seen["validation"], where, seed)
    return Prepared(
        parts=scaled,
        test_as_given=parts.test,
        scaler=scaler,
        train=_counted(seen["train"], scaled.train, frame, f"{where}, seed {seed}"),
        validation=seen["validation"],
        test=seen["test"],
    )


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
        lambda some: _with_counter(task.learning(some), some, frame),
        cut,
    )
    if not any(_has_counters(batch) for _, _, batch in mapped.pieces()):
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


def _no_counters(frame: Frame, where: str) -> DataError:
    side = "from its first anomalous step on" if frame == "since_onset" else "up to its first anomalous step"
    return DataError(
        f"{where}: no step that is learned has a counter in the frame {frame}, as none is in a sequence {side}; "
        "choose the frame sequence, or give sequences that have such steps"
    )


def step_weights(config: RunConfig, task: Task, data: Prepared) -> Tensor:
    """The weight of each training step [N, T]: modulation of the counter, times the weight of the step's class.

    Where the counter is the place in a window, the modulation is left out: see `place_weights`.
    """
    factors = _class_factors(config, len(data.parts.train.classes))[torch.from_numpy(data.parts.train.label)]
    if _by_place(config, data):
        return data.train.mask * factors
    loss = CounterLoss(task.base, for_seed(config.loss.modulation, config.seed), normalize=config.loss.normalize)
    return sequence_weights(loss, data.train, torch.from_numpy(data.parts.train.real)) * factors


def place_weights(config: RunConfig, task: Task, data: Prepared) -> Within | None:
    """The modulation of each place in a window, where that is what the counter is; else None."""
    if not _by_place(config, data):
        return None
    loss = CounterLoss(task.base, for_seed(config.loss.modulation, config.seed), normalize=config.loss.normalize)
    return window_weights(loss, data.train, data.parts.train.length)


def learning_rate(config: RunConfig, task: Task, data: Prepared) -> float:
    """The learning rate: the one that is set, times the mean raw weight of the loss that it is matched to, if any."""
    rate = config.train.lr
    for matched in config.loss.matched:
        plain = config.model_copy(update={"loss": LossSpec(modulation=matched, normalize="none")})
        total, times = 0.0, 0
        for _, piece in data.pieces():
            seen = seen_weights(step_weights(plain, task, piece), place_weights(plain, task, piece), piece.train)
            total, times = total + seen.sum().item(), times + int(piece.train.times().sum())
        rate *= total / times
    if rate == 0:
        raise _unreached(config, data)
    return rate


def _by_place(config: RunConfig, data: Prepared) -> bool:
    """Whether the counter is the place in a window."""
    return config.frame == "window" and data.windows is not None


def _unreached(config: RunConfig, data: Prepared) -> ConfigError:
    longest = int(data.learned.length.max())
    return unreached(config.loss, config.data.name, longest, last_counter(config.frame, config.window, longest))


def _member(config: RunConfig, task: Task, data: Prepared) -> tuple[Member, Diagnostics]:
    """The member, and what its weights do."""
    make = partial(Member, seed=config.seed, train=data.train, validation=data.validation)
    if not config.model.trained:  # a loss means nothing to it
        weight = data.train.mask.float()
        return make(lr=config.train.lr, weight=weight), _spread(weight, None, data).result()
    rate = learning_rate(config, task, data)
    kept = None if data.mapped is None else MappedWeights(data.mapped)
    spread = Spread()
    for index, piece in data.pieces():
        weight, within = step_weights(config, task, piece), place_weights(config, task, piece)
        spread += _spread(weight, within, piece)
        if kept is not None:
            kept.add(index, weight, within)
    if not spread.active:
        raise _unreached(config, data)
    if kept is not None:
        return make(lr=rate, weight=data.train.mask.float(), mapped=kept.done()), spread.result()
    return make(lr=rate, weight=weight, within=within), spread.result()


def _spread(weight: Tensor, within: Within | None, data: Prepared) -> Spread:
    """How the weights of some training sequences are spread."""
    anomalous = torch.from_numpy(data.parts.train.label != 0)
    return Spread.of(seen_weights(weight, within, data.train), anomalous, data.train.mask, data.train.times())


def _class_factors(config: RunConfig, classes: int) -> Tensor:
    if config.loss.class_weight is not None:
        if len(config.loss.class_weight) != classes:
            raise ConfigError(
                f"has {len(config.loss.class_weight)} values for the {classes} classes of {config.data.name}; "
                "give one each, normal first",
                ("loss", "class_weight"),
            )
        return torch.tensor(config.loss.class_weight)
    return torch.tensor([1.0] + [config.loss.pos_weight or 1.0] * (classes - 1))


def _result(
    config: RunConfig,
    task: Task,
    model: SequenceModel,
    source: Source,
    data: Prepared,
    member: Member,
    weights: Diagnostics,
    fitted: Fitted,
    validation: Tensor,
    test: Tensor,
    facts: dict[str, Any],
    *,
    scores: bool,
) -> RunResult:
    train = data.learned
    calibration = task.calibrate(validation, data.parts.validation, config.threshold)
    before = flatten(task, data.parts.validation, task.judge(validation, data.parts.validation, calibration))
    if isinstance(config.threshold, Oracle):
        calibration = _of_the_oracle(task, config.threshold, calibration, test, data.parts.test)
    steps = flatten(task, data.parts.test, task.judge(test, data.parts.test, calibration))
    oracle = ORACLE if isinstance(config.threshold, Oracle) else ""
    best = source.best_accuracy(data.test_as_given, _sight(model, data.test))
    series, step = source.columns
    epochs = np.arange(1, len(fitted.train_loss) + 1)
    return RunResult(
        config=config,
        digest=config.digest(source.digest),
        metrics=bucket_metrics(steps, config.buckets, best, validation=before, oracle=oracle),
        curve=step_curve(steps, best),
        onset=recall_since_onset(steps),
        reliability=reliability_by_bucket(steps, config.buckets),
        sequences=sequence_counts(steps, config.buckets) if source.official_test else None,
        history=pd.DataFrame(
            {
                "epoch": epochs,
                "train_loss": fitted.train_loss,
                "validation_loss": fitted.validation_loss,
                "best": (epochs == fitted.best_epoch).astype(int),
            }
        ),
        environment={
            **facts,
            "weights": asdict(weights),
            "learning_rate": member.lr,
            "sequences": {**{part: len(found) for part, found in vars(data.parts).items()}, "train": len(train)},
            "windows": None if data.windows is None else len(data.windows),
            "receptive_field": model.receptive_field,
            "normalize": config.loss.normalize,
            "threshold": task.name if config.threshold is None else config.threshold.name,
            "notes": [*source.notes, *_notes(model, data), *[oracle] * bool(oracle)],
        },
        detector=Detector(
            task=task.name,
            model=config.model,
            weights=fitted.weights,
            scaler=data.scaler,
            calibration=calibration,
            features=train.features,
            classes=train.classes,
            series=series,
            step=step,
            window=config.cut,
            policies=dict(source.policies),
        ),
        scores=_score_frame(steps, data.parts.test) if scores else None,
    )


def _of_the_oracle(task: Task, rule: Oracle, calibration: Calibration, outputs: Tensor, test: Sequences) -> Calibration:
    """The only place where a threshold sees test labels; what is made of it is marked."""
    scored = task.scored(test)
    score = task.score(outputs, test, calibration.residual_scale)[scored]
    return replace(calibration, threshold=rule.choose(score, test.label[scored] != 0))


def flatten(task: Task, sequences: Sequences, judged: Judged) -> Steps:
    """The scored steps of all sequences, one after the other."""
    scored = task.scored(sequences)
    sequence, step = np.nonzero(scored)
    return Steps(
        sequence=sequence,
        step=step,
        position=relative_position(sequences.length, scored.shape[1])[scored],
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


def _facts(configs: list[RunConfig], source: Source, device: torch.device, path: str) -> dict[str, Any]:
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
