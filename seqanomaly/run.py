"""The whole line, from configurations and a data set to results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from seqanomaly.datasets.source import Source
from seqanomaly.errors import DataError, RunError
from seqanomaly.models.base import UntrainedModel
from seqanomaly.preparation import Prepared, prepare
from seqanomaly.results import Trained, make_result, run_facts
from seqanomaly.run_config import RunConfig, repeat_command
from seqanomaly.seeds import torch_generator
from seqanomaly.store import RunResult, Store
from seqanomaly.tasks import Task, task_of
from seqanomaly.training.choose import compute_for
from seqanomaly.training.device import find_device, one_thread
from seqanomaly.training.log import Fitted
from seqanomaly.training.loop import fit, predict
from seqanomaly.training.stack import Shelf
from seqanomaly.weighting import make_member


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
    weighed = [make_member(c, task, d) for c, d in zip(configs, data, strict=True)]
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
                group_by_length=first.train.group_by_length,
                precision=first.train.precision,
                device=device,
                on_epoch=on_epoch,
            )
        rows = torch.stack([f.weights for f in fitted]).to(device)
        validation = predict(model, rows, Shelf([d.validation for d in data], device))  # [K, N, T, O]
        test = predict(model, rows, Shelf([d.test for d in data], device))
    path = compute_for(model, device=device, truncate=first.train.truncate, precision=first.train.precision).path
    facts = run_facts(configs, source, device, path)
    results: list[RunResult | RunError] = []
    for config, d, (m, w), f, v, t in zip(configs, data, weighed, fitted, validation, test, strict=True):
        if f.failure is not None:
            results.append(RunError(f"{config.title}: {f.failure}"))
            continue
        outputs = {"validation": v[: len(d.parts.validation.x)], "test": t[: len(d.parts.test.x)]}
        trained = Trained(config=config, data=d, learning_rate=m.lr, weights=w, fitted=f, **outputs)
        results.append(make_result(trained, task, model, source, facts, scores=scores))
    return results


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
