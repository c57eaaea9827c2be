"""The store: a run folder is whole or not there, holds what was put in, and never a pickle."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqanomaly import train
from seqanomaly.detector import Detector
from seqanomaly.errors import ConfigError, DataError, RunError
from seqanomaly.experiment import Experiment
from seqanomaly.run_config import RunConfig
from seqanomaly.store import RunResult, Store, read_config

CONFIG: dict[str, Any] = {
    "data": {"kind": "drift", "length": 9, "train": 12, "test": 8},
    "model": {"kind": "rnn", "hidden": 3},
    "loss": {"kind": "exp", "normalize": "none", "pos_weight": 1e-5},
    "train": {"epochs": 2, "lr": 1e-5},
    "buckets": {"1": ["0%", "50%"], "NA": [8, 9], "none": [20, 30]},
}
FILES = {
    "config.yaml",
    "metrics.csv",
    "curve.csv",
    "history.csv",
    "onset.csv",
    "reliability.csv",
    "environment.json",
    "detector.json",
    "model.safetensors",
}


@pytest.fixture(scope="module")
def result() -> RunResult:
    return train(CONFIG, device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "results" / "deep")
    found.prepare()
    return found


def files(store: Store) -> set[str]:
    return {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()}


def assert_same(found: RunResult, expected: RunResult) -> None:
    assert found.config == expected.config
    assert found.digest == expected.digest
    for name in ("metrics", "curve", "history", "onset", "reliability"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name), check_exact=True)
    assert found.environment == expected.environment
    assert torch.equal(found.detector.weights, expected.detector.weights)
    assert dataclasses.replace(found.detector, weights=expected.detector.weights) == expected.detector


def test_what_is_published_is_loaded(store: Store, result: RunResult) -> None:
    assert result.digest not in store
    place = store.publish(result)
    assert place == store.folder(result.digest)
    assert {path.name for path in place.iterdir()} == FILES
    assert result.digest in store
    assert_same(store.load(result.digest), result)
    notes = result.metrics.set_index(["bucket", "metric"])["note"]
    assert (notes["1", "accuracy"], notes["none", "accuracy"]) == ("", "no steps in this bucket")


def test_every_bit_of_a_table_comes_back(store: Store, result: RunResult) -> None:
    generator = np.random.default_rng(0)
    values = generator.standard_normal(2000) * 10.0 ** generator.integers(-300, 300, 2000)
    history = pd.DataFrame({"epoch": np.arange(2000), "train_loss": values, "validation_loss": -values, "best": 0})
    store.publish(dataclasses.replace(result, history=history))
    pd.testing.assert_frame_equal(store.load(result.digest).history, history, check_exact=True)


def test_names_that_look_like_numbers_stay_text(store: Store, result: RunResult) -> None:
    names = {"series": "1e3", "step": "007", "label": "yes", "normal": "1.5", "part": "null", "features": ("08", "=")}
    config = RunConfig(**{**CONFIG, "data": {"path": "1e5.csv", **names}})
    store.publish(dataclasses.replace(result, config=config))
    assert store.load(result.digest).config == config


def test_the_first_of_two_is_kept(store: Store, result: RunResult) -> None:
    store.publish(result)
    other = dataclasses.replace(result, environment={"who": "the second"})
    assert store.publish(other) == store.folder(result.digest)
    assert_same(store.load(result.digest), result)
    assert len(files(store)) == len(FILES)


def failing(error: BaseException) -> Callable[..., None]:
    def save(self: Detector, folder: Path) -> None:
        (folder / "detector.json").write_text("{")
        raise error

    return save


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), MemoryError()])
def test_a_break_in_the_middle_leaves_nothing(
    store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(Detector, "save", failing(error))
    with pytest.raises(type(error)):
        store.publish(result)
    assert files(store) == set()
    assert store.digests() == []
    assert result.digest not in store


def test_a_full_disk_is_said_and_leaves_nothing(
    store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "save", failing(OSError(28, "No space left on device")))
    with pytest.raises(ConfigError) as error:
        store.publish(result)
    assert str(error.value) == (
        f"out: {store.root}: cannot write there (No space left on device); choose another folder"
    )
    assert files(store) == set()


@pytest.mark.parametrize("name", ["experiment.yaml", "data.json"])
def test_an_experiment_that_cannot_be_kept(store: Store, name: str) -> None:
    (store.root / name).mkdir()
    settings: dict[str, Any] = {"name": "a", "data": ["drift"], "loss": ["exp"]}
    experiment = Experiment(**settings)
    with pytest.raises(ConfigError) as error:
        store.keep_experiment(experiment, {experiment.data[0]: "d"})
    assert str(error.value) == f"out: {store.root}: cannot write there (Is a directory); choose another folder"


def test_what_a_killed_run_leaves_is_no_run(store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detector, "save", failing(KeyboardInterrupt()))
    monkeypatch.setattr("seqanomaly.store.shutil.rmtree", lambda *_, **__: None)  # a killed process cleans nothing
    with pytest.raises(KeyboardInterrupt):
        store.publish(result)
    monkeypatch.undo()
    assert len(files(store)) > 0
    assert store.digests() == []
    assert result.digest not in store
    store.publish(result)
    assert store.digests() == [result.digest]
    assert_same(store.load(result.digest), result)


def test_a_reader_sees_the_whole_folder_at_once(
    store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    save = Detector.save

    def watched(self: Detector, folder: Path) -> None:
        seen.append(result.digest in store or bool(store.digests()))
        save(self, folder)
        seen.append(result.digest in store or bool(store.digests()))

    monkeypatch.setattr(Detector, "save", watched)
    store.publish(result)
    assert seen == [False, False]
    assert store.digests() == [result.digest]


def test_nothing_in_a_run_folder_is_a_pickle(store: Store, result: RunResult) -> None:
    for path in store.publish(result).iterdir():
        assert not zipfile.is_zipfile(path), path.name
        start = path.read_bytes()[:2]
        assert not (start[:1] == b"\x80" and 2 <= start[1] <= 5), f"{path.name} starts like a pickle"
        if path.suffix != ".safetensors":
            path.read_text(encoding="utf-8")


def test_a_failure_is_kept_until_it_succeeds(store: Store, result: RunResult) -> None:
    config = result.config
    for reason in ("diverged", "diverged again"):
        store.record_failure(config, result.digest, reason, "seqanom train --lr 1")
    ((digest, record),) = store.failures()
    assert digest == result.digest
    assert record["reason"] == "diverged again"
    assert record["command"] == "seqanom train --lr 1"
    assert record["title"] == config.title
    assert RunConfig(**record["config"]) == config
    assert store.digests() == []
    store.publish(result)
    assert list(store.failures()) == []
    assert files(store) == {f"runs/{result.digest[:2]}/{result.digest}/{name}" for name in FILES}


def test_a_diverged_run_is_recorded_and_a_good_one_found(tmp_path: Path) -> None:
    diverging = {
        **CONFIG,
        "task": "forecast",
        "loss": "uniform",
        "train": {"epochs": 1, "lr": 1e30, "optimizer": "sgd"},
    }
    with pytest.raises(RunError, match="training diverged in epoch 1") as error:
        train(diverging, tmp_path, device="cpu")
    ((_, record),) = Store(tmp_path).failures()
    assert record["reason"] == str(error.value)
    first = train(CONFIG, tmp_path, device="cpu")
    epochs: list[int] = []
    again = train(CONFIG, tmp_path, device="cpu", on_epoch=epochs.append)
    assert epochs == []
    assert_same(again, first)


def test_runs_are_found_by_the_beginning_of_their_digest(store: Store, result: RunResult) -> None:
    digests = ["ab00000000000000", "ab10000000000000", "cd00000000000000"]
    for digest in reversed(digests):
        store.publish(dataclasses.replace(result, digest=digest))
    assert store.digests() == digests
    for beginning, expected in (("ab", digests[:2]), ("ab1", digests[1:2]), ("", digests), ("ef", [])):
        assert store.find(beginning) == [store.folder(digest) for digest in expected]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(ConfigError) as error:
            Store(out).prepare()
        assert str(error.value) == f"out: {out}: cannot write there (Not a directory); choose another folder"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("config.yaml", None, "/config.yaml: there is no such file"),
        ("config.yaml", b"[", "/config.yaml, line 1, column 2: not valid YAML"),
        ("config.yaml", b"", "/config.yaml: must hold a mapping (key: value), found nothing"),
        ("config.yaml", b"\xff", "/config.yaml: cannot be read as a YAML text file"),
        ("config.yaml", b"data: drift\nlos: exp\n", "/config.yaml: unknown key 'los'; did you mean 'loss'?"),
        ("config.yaml", b"1: drift\n", "/config.yaml: keys are text, got 1"),
        ("metrics.csv", None, "/metrics.csv: missing or damaged ("),
        ("metrics.csv", b"", "/metrics.csv: missing or damaged (No columns to parse from file)"),
        ("curve.csv", b"\xff\xfe\n1", "/curve.csv: missing or damaged ('utf-8' codec"),
        ("history.csv", b"a,b\n1,2,3\n1,2,3,4\n", "/history.csv: missing or damaged ("),
        ("environment.json", None, "/environment.json: missing or damaged ("),
        ("environment.json", b"{", "/environment.json: missing or damaged ("),
        ("environment.json", b"[]", "/environment.json: missing or damaged (it holds no mapping)"),
        ("detector.json", b"{}", ": the detector in it is damaged ('task'); train it again"),
        ("model.safetensors", b"", ": the detector in it is damaged ("),
        ("model.safetensors", None, ": is not a run folder, model.safetensors is missing"),
    ],
)
def test_a_damaged_file_is_named(store: Store, result: RunResult, name: str, content: bytes | None, text: str) -> None:
    place = store.publish(result)
    if content is None:
        (place / name).unlink()
    else:
        (place / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        store.load(result.digest)
    assert str(error.value).startswith(f"{place}{text}")


def test_a_run_that_is_not_there(store: Store) -> None:
    place = store.folder("0123456789abcdef")
    with pytest.raises(DataError) as error:
        store.load("0123456789abcdef")
    assert str(error.value) == f"{place / 'config.yaml'}: there is no such file"


def test_a_damaged_record_of_a_failure(store: Store, result: RunResult) -> None:
    path = store.record_failure(result.config, result.digest, "diverged", "seqanom train")
    path.write_text("{")
    with pytest.raises(DataError) as error:
        list(store.failures())
    assert str(error.value).startswith(f"{path}: missing or damaged (")


def test_a_configuration_is_read_alone(store: Store, result: RunResult) -> None:
    place = store.publish(result)
    assert read_config(place) == result.config
    assert (place / "config.yaml").read_text().startswith(f"# {result.config.title}\n")
