"""A run on a mapped table ends as the run on the same table in memory does, bit for bit."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqanomaly.datasets.mapped import pages, rough, sequences
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.run import run_stack, train
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult
from seqanomaly.training import long_weights, loop
from seqanomaly.training import mapped as mapped_training
from seqanomaly.training.compute import Torch

CPU = torch.device("cpu")
Alike = Callable[[RunResult, RunResult], None]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 series of 8 to 30 steps, every second one with an anomaly of some steps."""
    generator, frames = np.random.default_rng(1), []
    for number, steps in enumerate(generator.integers(8, 31, 24)):
        place, onset = np.arange(steps), generator.integers(1, steps - 2)
        label = (number % 2) * ((place >= onset) & (place < onset + 5)).astype(int)
        x = generator.normal(size=(steps, 2)) + label[:, None]
        frames.append(pd.DataFrame({"series": number, "step": place, "label": label, "a": x[:, 0], "b": x[:, 1]}))
    path = tmp_path_factory.mktemp("table") / "t.parquet"
    pd.concat(frames).to_parquet(path, index=False, row_group_size=50)
    return path


@pytest.fixture(autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes by in several pieces, and is let go of again and again."""
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setattr(sequences, "AT_ONCE", 70)
    monkeypatch.setattr(pages, "KEPT", 1000)


def config(table: Path, *, mapped: bool, **settings: Any) -> RunConfig:
    data = {"kind": "file", "path": str(table), "mapped": mapped, **settings.pop("data", {})}
    model = {"kind": "gru", "hidden": 3}
    return RunConfig(**{"data": data, "model": model, "train": {"epochs": 1, "batch_size": 8}, **settings})


def both(table: Path, **settings: Any) -> tuple[RunResult, RunResult]:
    one, other = (train(config(table, mapped=mapped, **settings)) for mapped in (True, False))
    return one, other


@pytest.mark.parametrize("window", [None, {"length": 7, "stride": 3}])
def test_every_frame_and_task(question: tuple[str, str], window: object, table: Path, alike: Alike) -> None:
    task, frame = question
    alike(*both(table, task=task, frame=frame, window=window, loss="exp"))


@pytest.mark.parametrize(
    "loss",
    [
        "uniform",
        {"kind": "step", "normalize": "none"},
        {"kind": "linear", "pos_weight": 3.0},
        {"kind": "permuted", "of": "exp"},
        {"kind": "reverse", "of": "linear"},
    ],
)
def test_every_kind_of_loss(loss: object, table: Path, alike: Alike) -> None:
    alike(*both(table, loss=loss, window=6))


def test_every_split(division: dict[str, Any], table: Path, alike: Alike) -> None:
    alike(*both(table, data=division, loss="exp", window=5))


def test_a_matched_rate_agrees_to_rounding(table: Path) -> None:
    mapped, memory = both(table, loss={"kind": "rate_matched", "of": "exp"}, window=6)
    assert mapped.environment["learning_rate"] == pytest.approx(memory.environment["learning_rate"], rel=1e-12)
    torch.testing.assert_close(mapped.detector.weights, memory.detector.weights, rtol=1e-5, atol=1e-6)


def test_a_stack_of_members_with_other_numbers_of_windows(table: Path, alike: Alike) -> None:
    found = []
    for mapped in (True, False):
        configs = [
            config(table, mapped=mapped, seed=seed, loss=loss, window=6)
            for seed in (0, 1)
            for loss in ("exp", "uniform")
        ]
        results = run_stack(configs, configs[0].data.open(), CPU)
        found.append([result for result in results if isinstance(result, RunResult)])
    assert [len(results) for results in found] == [4, 4]
    assert len({result.environment["windows"] for result in found[0]}) == 2
    for one, other in zip(*found, strict=True):
        alike(one, other)


def test_an_experiment(table: Path, tmp_path: Path) -> None:
    from seqanomaly.sweep import compare

    tables = []
    for mapped in (True, False):
        wanted: dict[str, Any] = {"name": "t", "data": {"path": str(table), "mapped": mapped}, "loss": ["exp"]}
        wanted |= {"seeds": 2, "train": {"epochs": 1}, "window": 10}
        tables.append(compare(wanted, tmp_path / str(mapped), workers=0))
    mapped_table, memory = tables
    own = ["ess"]  # a mean over sequences, which are added up in pieces
    pd.testing.assert_frame_equal(mapped_table.drop(columns=own), memory.drop(columns=own), check_exact=True)
    pd.testing.assert_frame_equal(mapped_table[own], memory[own], rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"loss": "shuffled_labels"}, "shuffled labels need all of them in memory, and the table is mapped"),
        ({"model": "position"}, "the model position needs all labels in memory, and the table is mapped"),
        ({"task": "detect", "data": {"label": "a", "features": ("b",)}}, "labels are classes"),
    ],
)
def test_what_needs_all_of_it_is_said(settings: dict[str, Any], sentence: str, table: Path) -> None:
    with pytest.raises((DataError, RunError), match=sentence):
        train(config(table, mapped=True, **settings))


def test_no_step_with_a_counter(table: Path, tmp_path: Path) -> None:
    path, long = tmp_path / "whole.parquet", pd.read_parquet(table)
    long.assign(label=long["series"] % 2).to_parquet(path)
    sentences = []
    for mapped in (True, False):
        with pytest.raises((DataError, RunError)) as error:
            train(config(path, mapped=mapped, task="forecast", frame="until_event", loss="exp"))
        sentences.append(str(error.value))
    assert sentences[0] == sentences[1]
    assert "no step that is learned has a counter in the frame until_event" in sentences[0]


def test_one_class(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    pd.read_parquet(table).assign(label=0).to_parquet(path)
    sentences = []
    for mapped in (True, False):
        with pytest.raises((DataError, RunError)) as error:
            train(config(path, mapped=mapped))
        sentences.append(str(error.value).removeprefix("gru(hidden=3) on one with uniform, seed 0: "))
    assert sentences[0] == sentences[1]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Path:
    """The same with missing values, also at the beginning of series, a feature that never changes, and gaps."""
    frame, generator = pd.read_parquet(table), np.random.default_rng(3)
    frame.loc[(generator.random(len(frame)) < 0.2) | ((frame["series"] % 3 == 0) & (frame["step"] < 4)), "a"] = np.nan
    frame["step"] += 9 * (frame["step"] > 12) + 2 * (frame["step"] > 4)
    path = tmp_path_factory.mktemp("broken") / "broken.parquet"
    frame.assign(c=5.0).to_parquet(path, index=False, row_group_size=50)
    return path


@pytest.mark.parametrize("window", [None, {"length": 7, "stride": 3}, {"length": 2, "stride": 1}])
@pytest.mark.parametrize(
    ("task", "frame"), [("detect", "sequence"), ("forecast", "window"), ("forecast", "until_event")]
)
@pytest.mark.parametrize(
    "policies",
    [
        {"missing": "mask"},
        {"missing": "ffill", "constant": "drop"},
        {"missing": "interpolate", "gaps": "mask"},
        {"missing": "mask", "gaps": "split"},
        {"missing": "drop", "gaps": "split", "gap": 4},
    ],
)
@pytest.mark.parametrize("rows", [13, 1000])
def test_mended_tables(
    policies: dict[str, Any],
    task: str,
    frame: str,
    window: object,
    rows: int,
    broken: Path,
    monkeypatch: pytest.MonkeyPatch,
    alike: Alike,
) -> None:
    monkeypatch.setattr(rough, "AT_ONCE", rows)
    alike(*both(broken, data=policies, task=task, frame=frame, window=window, loss="exp"))


def test_a_long_mended_sequence(broken: Path, monkeypatch: pytest.MonkeyPatch, alike: Alike) -> None:
    monkeypatch.setattr(mapped_training, "WEIGHED", 5)
    monkeypatch.setattr(long_weights, "AT_ONCE", 6)
    for policies in ({"missing": "mask"}, {"missing": "mask", "gaps": "split"}):
        for task in ("detect", "forecast"):
            alike(*both(broken, data=policies, task=task, frame="window", window=4, loss="exp"))


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One series of 700 steps with four anomalies."""
    place = np.arange(700)
    label = ((place % 200 > 60) & (place % 200 < 90)).astype(int)
    x = np.random.default_rng(2).normal(size=(700, 2)) + label[:, None]
    path = tmp_path_factory.mktemp("pump") / "pump.parquet"
    frame = pd.DataFrame({"label": label, "a": x[:, 0], "b": x[:, 1]})
    frame.to_parquet(path, index=False, row_group_size=50)
    return path


@pytest.mark.parametrize("window", [{"length": 7, "stride": 3}, {"length": 40, "stride": 1}])
@pytest.mark.parametrize("task", ["detect", "forecast"])
@pytest.mark.parametrize("frame", ["sequence", "window", "since_onset", "until_event"])
@pytest.mark.parametrize(
    "loss",
    [
        {"kind": "exp", "rate": 0.01, "normalize": "none"},
        {"kind": "exp", "rate": -0.01},
        {"kind": "reverse", "of": {"kind": "exp", "rate": 0.02}},
        {"kind": "reverse", "of": "linear", "normalize": "none"},
        "linear",
        "step",
        {"kind": "step", "threshold": 5, "normalize": "none"},
    ],
)
def test_weights_of_a_long_sequence_are_made_in_parts(
    window: Any, task: str, frame: str, loss: Any, pump: Path, monkeypatch: pytest.MonkeyPatch, alike: Alike
) -> None:
    """What is averaged over a whole sequence is added up in another order; all else has the same bits."""
    monkeypatch.setattr(mapped_training, "WEIGHED", 50)
    monkeypatch.setattr(long_weights, "AT_ONCE", 37)
    data = {"series": None, "step": None}
    one, other = both(pump, data=data, window=window, task=task, frame=frame, loss=loss)
    if frame == "window" or (isinstance(loss, dict) and loss.get("normalize") == "none"):
        alike(one, other)
    assert one.digest == other.digest
    assert one.environment["weights"] == pytest.approx(other.environment["weights"], rel=1e-6)
    torch.testing.assert_close(one.detector.weights, other.detector.weights, rtol=1e-4, atol=1e-6)


def test_long_and_short_sequences_together(table: Path, monkeypatch: pytest.MonkeyPatch, alike: Alike) -> None:
    monkeypatch.setattr(mapped_training, "WEIGHED", 20)
    monkeypatch.setattr(long_weights, "AT_ONCE", 11)
    alike(*both(table, frame="window", window=5, loss="exp"))
    alike(*both(table, frame="until_event", window=5, loss={"kind": "linear", "normalize": "none"}))
    one, other = both(table, frame="since_onset", window=5, loss="exp")
    assert one.environment["weights"] == pytest.approx(other.environment["weights"], rel=1e-6)
    one, other = both(table, loss={"kind": "rate_matched", "of": "exp"}, window=6)
    assert one.environment["learning_rate"] == pytest.approx(other.environment["learning_rate"], rel=1e-12)


def test_an_order_of_all_steps_of_a_long_sequence_is_refused(
    table: Path, monkeypatch: pytest.MonkeyPatch, alike: Alike
) -> None:
    monkeypatch.setattr(mapped_training, "WEIGHED", 20)
    with pytest.raises(ConfigError, match=r"permuted.*: needs the weights of all \d+ steps of a sequence at once"):
        train(config(table, mapped=True, window=6, loss={"kind": "permuted", "of": "exp"}))
    alike(*both(table, window=6, frame="window", loss={"kind": "permuted", "of": "exp"}))


@pytest.mark.slow
def test_memory_stays_small_where_data_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a gigabyte of features goes by, and the process grows by a fraction of it."""
    import subprocess
    import sys

    import pyarrow as pa
    import pyarrow.parquet as pq

    count, steps, width = 1600, 10_000, 8
    generator = np.random.default_rng(0)
    names = [f"x{n}" for n in range(width)]
    schema = pa.schema(
        [("series", pa.int32()), ("step", pa.int32()), ("label", pa.int8()), *((n, pa.float32()) for n in names)]
    )
    path = tmp_path / "large.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, count, 100):
            series = np.repeat(np.arange(start, start + 100, dtype=np.int32), steps)
            step = np.tile(np.arange(steps, dtype=np.int32), 100)
            x = generator.standard_normal((len(series), width), np.float32)
            label = ((step > 5000) & (series % 2 == 1)).astype(np.int8)
            writer.write_table(pa.table([series, step, label, *x.T.copy()], schema=schema))
    code = (
        "import resource, sys, torch, seqanomaly.run\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "data = {'kind': 'file', 'path': sys.argv[1], 'test': 0.01, 'validation': 0.01, 'mapped': True}\n"
        "window = {'length': 100, 'stride': 100}\n"
        "how = {'model': {'kind': 'rnn', 'hidden': 2}, 'train': {'epochs': 1, 'batch_size': 1000}}\n"
        "found = seqanomaly.run.train({'data': data, 'loss': 'exp', 'window': window, **how}, device='cpu')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, found.environment['windows'])"
    )
    environment = {**os.environ, "SEQANOM_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    grown, windows = (int(word) for word in done.stdout.split())
    assert windows > 150_000
    assert grown * 1024 < 4 * count * steps * width * 0.8, "kilobytes of peak resident memory"


@pytest.mark.parametrize("window", [None, {"length": 6, "stride": 4}])
def test_mapped_batches_go_to_updates_that_are_replayed(
    table: Path, window: Any, tape: Any, monkeypatch: pytest.MonkeyPatch, alike: Alike
) -> None:
    monkeypatch.setenv("SEQANOM_KERNEL", "off")
    settings = {"window": window, "train": {"epochs": 5, "batch_size": 8}}
    usual = train(config(table, mapped=False, **settings))
    monkeypatch.setattr(loop, "compute_for", lambda model, **_: Torch(model, replayed=True))  # as on CUDA
    monkeypatch.setattr(loop, "CudaRecorder", lambda device: tape)
    alike(train(config(table, mapped=True, **settings)), usual)
    assert tape.replayed > 0
