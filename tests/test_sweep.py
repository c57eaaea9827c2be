"""The sweep: the same bytes whatever happens on the way, nothing trained twice, and only the guilty fail."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.collect import collect, collect_details, collect_notes, stored_parts
from seqanomaly.comparison import MISSING, NOT_TRAINED, compare_runs
from seqanomaly.config import dump_yaml, read_yaml
from seqanomaly.datasets.watching import watching
from seqanomaly.engines.base import Ended, Engine
from seqanomaly.engines.local import LocalEngine
from seqanomaly.engines.serial import SerialEngine
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.experiment import SHIPPED, Experiment
from seqanomaly.metrics.scores import METRICS
from seqanomaly.metrics.whole import WHOLE_METRICS
from seqanomaly.paths import DATA, EXPERIMENT
from seqanomaly.report.words import findings, groups
from seqanomaly.report.write import make_report
from seqanomaly.run import train
from seqanomaly.store import Store, read_table
from seqanomaly.sweep import (
    Job,
    Progress,
    Trained,
    compare,
    run_experiment,
)

TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {"kind": "drift", "length": 8, "train": 20, "test": 20, "features": 2},
    "model": {"kind": "rnn", "hidden": 2},
    "loss": ["uniform", "exp", "step"],
    "train": {"epochs": 2},
    "seeds": 3,
    "stack": 3,
}
"""Nine runs in three stacks."""


def tiny(**changed: Any) -> Experiment:
    return Experiment(**{**TINY, **changed})


def table(experiment: Experiment, store: Store) -> str:
    """The bytes of comparison.csv."""
    compared = compare_runs(
        collect(experiment, experiment.data_digests(), store), experiment.baseline.name, list(experiment.axes())
    )
    return compared.to_csv(index=False, lineterminator="\n")


def sweep(experiment: Experiment, folder: Path, engine: Engine | None = None, **settings: Any) -> Progress:
    return run_experiment(experiment, Store(folder), engine or SerialEngine(), device="cpu", **settings)


def times(store: Store) -> dict[str, int]:
    """When each run folder was written."""
    return {digest: store.folder(digest).stat().st_mtime_ns for digest in store.digests()}


def remove(store: Store, digest: str) -> None:
    for path in store.folder(digest).iterdir():
        path.unlink()
    store.folder(digest).rmdir()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The tiny experiment, run without interruption."""
    store = Store(tmp_path_factory.mktemp("whole"))
    assert sweep(tiny(), store.root).done == 9
    return store


@pytest.fixture(scope="module")
def expected(whole: Store) -> str:
    """Its table."""
    return table(tiny(), whole)


# the same bytes


def test_the_table_is_of_what_was_trained(whole: Store, expected: str) -> None:
    assert len(whole.digests()) == tiny().count == 9
    assert len(expected.splitlines()) == 1 + 3 * (3 * len(METRICS) + len(WHOLE_METRICS))
    assert len({line.split(",")[8] for line in expected.splitlines() if "rnn(hidden=2),exp" in line}) > 1


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_a_byte(workers: int, expected: str, tmp_path: Path) -> None:
    assert sweep(tiny(), tmp_path, LocalEngine(workers)).done == 9
    assert table(tiny(), Store(tmp_path)) == expected


def test_runs_that_are_lost_come_back_as_they_were(expected: str, tmp_path: Path) -> None:
    store, chance = Store(tmp_path), random.Random(0)
    sweep(tiny(), tmp_path)
    for _ in range(4):
        before = times(store)
        lost = set(chance.sample(store.digests(), chance.randint(1, 5)))
        for digest in lost:
            remove(store, digest)
        progress = sweep(tiny(), tmp_path)
        assert (progress.found, progress.done, progress.failed) == (9 - len(lost), len(lost), {})
        after = times(store)
        assert {digest for digest in after if after[digest] != before[digest]} == lost
        assert table(tiny(), store) == expected


@pytest.mark.parametrize("stacks", [0, 1, 2])
def test_an_interrupted_sweep_goes_on(stacks: int, expected: str, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 3 * stacks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(tiny(), tmp_path, on_progress=interrupt)
    before = times(Store(tmp_path))
    assert len(before) == 3 * stacks
    progress = sweep(tiny(), tmp_path)
    assert (progress.found, progress.done) == (3 * stacks, 9 - 3 * stacks)
    assert times(Store(tmp_path)).items() >= before.items()
    assert table(tiny(), Store(tmp_path)) == expected


def test_where_everything_is_there_no_engine_is_asked(whole: Store) -> None:
    class Idle:
        workers = 1

        def run(self, work: object, jobs: object) -> Iterator[Any]:
            raise AssertionError(work, jobs)

    before, told = times(whole), list[Progress]()
    progress = sweep(tiny(), whole.root, Idle(), on_progress=told.append)
    assert told == [progress]
    assert (progress.found, progress.done, progress.remaining) == (9, 0, 0)
    assert times(whole) == before


def test_a_larger_experiment_reuses_a_smaller_one(whole: Store, tmp_path: Path) -> None:
    sweep(tiny(loss=["uniform", "exp"]), tmp_path)
    before = times(Store(tmp_path))
    progress = sweep(tiny(), tmp_path)
    assert (progress.found, progress.done) == (6, 3)
    assert times(Store(tmp_path)).items() >= before.items()
    assert Store(tmp_path).digests() == whole.digests()


def test_a_run_that_was_trained_alone_is_reused(tmp_path: Path) -> None:
    config = list(tiny().expand())[4]
    alone = train(config, tmp_path, device="cpu")
    before = times(Store(tmp_path))
    assert list(before) == [alone.digest]
    progress = sweep(tiny(), tmp_path)
    assert (progress.found, progress.done) == (1, 8)
    assert times(Store(tmp_path)).items() >= before.items()
    runs = collect(tiny(), tiny().data_digests(), Store(tmp_path))
    of_it = runs[(runs["loss"] == config.loss.name) & (runs["seed"] == config.seed)]
    np.testing.assert_array_equal(of_it["value"], alone.metrics["value"])


# killed at any moment

LAUNCH = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from seqanom.main import main; main()"
)
LONG = {**TINY, "name": "long", "train": {"epochs": 20}, "seeds": 16, "stack": 2}
"""48 runs in 24 stacks: seconds."""


@dataclass
class Command:
    """`seqanom compare` of an experiment into a folder, in a session of its own."""

    experiment: Path
    store: Store

    def start(self, workers: int = 2) -> subprocess.Popen[str]:
        arguments = ["compare", self.experiment, "--out", self.store.root, "--workers", workers, "--device", "cpu"]
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", LAUNCH, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def stop(self, how: str, workers: int, after: int) -> tuple[int, str]:
        """Start it, stop it once so many runs are there; its exit code and standard error when nobody is left."""
        with self.start(workers) as process:
            deadline = time.monotonic() + 120
            while len(self.store.digests()) < after and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert process.poll() is None, process.stderr and process.stderr.read()
            send, number = STOPS[how]
            send(process.pid, number)
            _, err = process.communicate(timeout=60)  # ends when the last worker has closed its end
            return process.returncode, err


STOPS: dict[str, tuple[Callable[[int, int], None], signal.Signals]] = {
    "kill all": (os.killpg, signal.SIGKILL),
    "kill the main process": (os.kill, signal.SIGKILL),
    "Ctrl-C": (os.killpg, signal.SIGINT),
    "TERM": (os.kill, signal.SIGTERM),
}


def test_stopped_at_any_moment_it_goes_on_to_the_same_table(tmp_path: Path) -> None:
    path, store = tmp_path / "long.yaml", Store(tmp_path / "killed")
    path.write_text(dump_yaml(LONG))
    command, chance = Command(path, store), random.Random()
    farewell = f"Stopped; what is finished lies in {store.root}. The same command goes on from there."
    codes = {"kill all": -9, "kill the main process": -9, "Ctrl-C": 130, "TERM": 75}
    finished: dict[str, int] = {}
    for place, (how, code) in enumerate(codes.items()):
        found, err = command.stop(how, 1 + place % 2, after=len(finished) + chance.randint(1, 5) if place else 1)
        assert found == code, err
        assert (farewell in err) == (code > 0)
        assert "Traceback" not in err
        now = times(store)
        assert now.items() >= finished.items()
        assert len(now) < 48  # there was something left to do
        finished = now
    with command.start() as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"long: {len(finished)} of 48 runs done ({len(finished)} before)" in err
    assert out.splitlines()[-1].startswith(f"Written: {store.root / 'comparison.csv'}, ")
    assert times(store).items() >= finished.items()
    sweep(Experiment(**LONG), tmp_path / "whole")
    whole = table(Experiment(**LONG), Store(tmp_path / "whole"))
    assert (store.root / "comparison.csv").read_text(encoding="utf-8") == whole


def test_an_interrupt_while_workers_start_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text(dump_yaml(LONG))
    with Command(path, Store(tmp_path / "out")).start() as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "long: 0 of 48 runs done, 4 in training\n"
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    *progress, last = err.splitlines()
    assert last == f"Stopped; what is finished lies in {tmp_path / 'out'}. The same command goes on from there."
    assert all(line.startswith("long: ") for line in progress)  # workers may have begun


# crashes


@dataclass
class Crashing:
    """An engine on which stacks with a guilty member crash, the first `times` times or always."""

    guilty: str
    times: int = 1000
    publish_first: bool = False
    workers: int = 1
    tried: list[tuple[int, int]] = field(default_factory=list)
    """Members and attempt of each job that came."""

    def run(self, work: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Ended[Any, Any]]:
        for job in jobs:
            assert isinstance(job, Job)
            self.tried.append((len(job.configs), job.attempt))
            is_guilty = any(config.digest(job.data_digest) == self.guilty for config in job.configs)
            if is_guilty and self.times:
                self.times -= 1
                if self.publish_first:
                    work(job)
                yield Ended(job, None, "its worker process died (exit code -9)")
            else:
                yield Ended(job, work(job), None)


GUILTY = list(tiny().expand())[4]


def test_only_the_guilty_member_of_a_crashing_stack_fails(whole: Store, tmp_path: Path) -> None:
    guilty, store = GUILTY.digest(None), Store(tmp_path)
    engine = Crashing(guilty)
    progress = sweep(tiny(), tmp_path, engine)
    assert engine.tried == [(3, 1)] * 3 + [(3, 2)] + [(1, 3)] * 3
    assert progress.failed == {guilty: "its worker process died (exit code -9)"}
    assert (progress.done, progress.remaining) == (8, 0)
    assert set(whole.digests()) - set(store.digests()) == {guilty}
    ((digest, record),) = store.failures()
    assert (digest, record["reason"], record["title"]) == (guilty, progress.failed[guilty], GUILTY.title)
    assert record["command"].startswith("seqanom train --task detect --data ")
    rows = compare_runs(collect(tiny(), tiny().data_digests(), store), "uniform")
    notes = rows.groupby("loss")["note"].unique()
    assert all("1 of 3 runs missing" in note for note in notes[GUILTY.loss.name])
    assert all(
        "missing" not in note for loss in {"uniform", "exp", "step"} - {GUILTY.loss.name} for note in notes[loss]
    )
    again = sweep(tiny(), tmp_path)  # it may have been the machine: a new sweep tries again
    assert (again.found, again.done, again.failed) == (8, 1, {})
    assert list(store.failures()) == []


def test_a_stack_that_crashed_once_changes_nothing(expected: str, tmp_path: Path) -> None:
    engine = Crashing(GUILTY.digest(None), times=1)
    progress = sweep(tiny(), tmp_path, engine)
    assert engine.tried == [(3, 1)] * 3 + [(3, 2)]
    assert (progress.done, progress.failed) == (9, {})
    assert table(tiny(), Store(tmp_path)) == expected


def test_a_stack_that_had_published_before_it_crashed_is_done(expected: str, tmp_path: Path) -> None:
    engine = Crashing(GUILTY.digest(None), publish_first=True)
    progress = sweep(tiny(), tmp_path, engine)
    assert engine.tried == [(3, 1)] * 3
    assert (progress.done, progress.failed) == (9, {})
    assert table(tiny(), Store(tmp_path)) == expected


def test_a_single_run_is_tried_twice(tmp_path: Path) -> None:
    alone = tiny(stack=1)
    engine = Crashing(GUILTY.digest(None))
    progress = sweep(alone, tmp_path, engine)
    assert engine.tried == [(1, 1)] * 9 + [(1, 2)]
    assert list(progress.failed) == [GUILTY.digest(None)]


def test_a_member_that_diverges_fails_alone(tmp_path: Path) -> None:
    wild = tiny(train={"epochs": 2, "optimizer": "sgd", "lr": [0.01, 1e38]}, loss="uniform", stack=6)
    progress = sweep(wild, tmp_path)
    assert (progress.done, len(progress.failed)) == (3, 3)
    for reason in progress.failed.values():
        assert "rnn(hidden=2) on drift(" in reason
        assert ": training diverged in epoch " in reason
        assert reason.endswith("; try a smaller lr or clip: 1")
    compared = compare_runs(collect(wild, wild.data_digests(), Store(tmp_path)), "uniform", list(wild.axes()))
    compared = compared[compared["metric"] == "accuracy"]
    assert compared.groupby("lr")["note"].unique().map(list).to_dict() == {0.01: [""], 1e38: ["3 of 3 runs missing"]}
    assert len(list(Store(tmp_path).failures())) == 3
    assert set(collect_details(wild, wild.data_digests(), Store(tmp_path), "curve")["title"]) == {
        f"rnn(hidden=2) on {wild.data[0].name}, lr=0.01"
    }


# progress


def test_progress_is_told_after_each_stack(tmp_path: Path) -> None:
    told: list[tuple[int, int, int, int]] = []

    def tell(progress: Progress) -> None:
        left = progress.seconds_left()
        assert (left is None) == (progress.done == 0)
        told.append((progress.found, progress.done, progress.running, progress.remaining))

    sweep(tiny(loss="uniform"), tmp_path)
    progress = sweep(tiny(), tmp_path, on_progress=tell)
    assert told == [(3, 0, 2, 6), (3, 2, 2, 4), (3, 4, 2, 2), (3, 6, 0, 0)]
    assert progress.steps == 6 * 2  # two epochs of one batch


def test_what_is_left_counts_down_until_the_next_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.sweep.time.monotonic", lambda: 109.0)
    progress = Progress(10, done=4, steps=800, started=100.0, ended=108.0)
    assert progress.steps_per_second() == 100.0
    assert progress.seconds_left() == 2.0 * 6 - 1.0
    assert Progress(10, done=9, started=100.0, ended=104.0).seconds_left() == 0.0
    assert Progress(10, started=100.0, ended=108.0).steps_per_second() is None


# scores


def test_scores_are_kept_for_old_runs_too(expected: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    sweep(tiny(), tmp_path)
    assert not list(tmp_path.glob("runs/*/*/scores.parquet"))
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*/*")}
    remove(store, store.digests()[0])
    progress = sweep(tiny(), tmp_path, scores=True)
    assert progress.found + progress.done == 9
    for digest in store.digests():
        scores = pd.read_parquet(store.folder(digest) / "scores.parquet")
        assert list(scores.columns) == ["sequence", "step", "position", "label", "score", "decision"]
        assert len(scores) == 20 * 8
        right = (scores["label"] == scores["decision"]).groupby(scores["step"]).mean()
        curve = read_table(store.folder(digest) / "curve.csv")
        np.testing.assert_allclose(right, curve["accuracy"])
    kept = {path: time for path, time in written.items() if path.parent.name != store.digests()[0]}
    for path, when in kept.items():
        assert path.stat().st_mtime_ns == when or path.parent.name not in store.digests()
    assert table(tiny(), store) == expected
    assert sweep(tiny(), tmp_path, scores=True).found == 9


def test_an_unknown_device_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^device: unknown device 'gpu'; known: auto, cpu, cuda, cuda:N, mps$"):
        run_experiment(tiny(), Store(tmp_path), SerialEngine(), device="gpu")
    assert list(tmp_path.iterdir()) == []


def test_stacks_on_cuda_are_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[str, list[int]] = {"cpu": [], "cuda": []}

    class Counting(SerialEngine):
        def run(self, work: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Ended[Any, Any]]:
            for job in jobs:
                sizes[kind].append(len(job.configs))
                yield Ended(job, Trained({}, 0), None)

    for kind in sizes:
        monkeypatch.setattr("seqanomaly.sweep.device_kind", lambda name, kind=kind: kind)
        sweep(tiny(stack=None, seeds=60), tmp_path / kind, Counting())
    assert sizes == {"cpu": [15] * 12, "cuda": [90, 90]}


# the frame


def test_the_frame_is_the_table(expected: str, whole: Store, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(dump_yaml(TINY))
    for experiment in (path, str(path), TINY, tiny()):
        assert compare(experiment, whole.root, workers=0).to_csv(index=False, lineterminator="\n") == expected


def test_by_default_results_lie_in_a_folder_of_the_experiments_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = compare({**TINY, "seeds": 1}, workers=0)
    assert found["loss"].unique().tolist() == ["uniform", "exp", "step"]
    assert len(Store(Path("results/tiny")).digests()) == 3


def test_runs_that_are_not_there_are_missing(whole: Store, tmp_path: Path) -> None:
    runs = collect(tiny(), tiny().data_digests(), Store(tmp_path))
    assert runs.columns.tolist() == collect(tiny(), tiny().data_digests(), whole).columns.tolist()
    assert runs["note"].unique().tolist() == ["missing"]
    assert runs["value"].isna().all()
    assert compare_runs(runs, "uniform")["note"].unique().tolist() == [
        "3 of 3 runs missing",
        "3 of 3 runs missing; too few pairs",
    ]
    assert len(collect_details(tiny(), tiny().data_digests(), Store(tmp_path), "curve")) == 0


def test_curves_and_tables_call_a_place_in_the_grid_the_same(tmp_path: Path) -> None:
    axes = tiny(train={"epochs": 1, "patience": [None, 5], "clip": [1.0, None]}, loss="exp", seeds=1)
    sweep(axes, tmp_path)
    runs = collect(axes, axes.data_digests(), Store(tmp_path))
    curves = collect_details(axes, axes.data_digests(), Store(tmp_path), "curve")
    compared = compare_runs(runs, "uniform", list(axes.axes()))
    titles = [title for title, _ in groups(compared)]
    name = axes.data[0].name
    assert sorted(titles) == sorted(curves["title"].unique())
    assert f"rnn(hidden=2) on {name}, clip=null, patience=5" in titles
    assert f"rnn(hidden=2) on {name}, clip=1.0, patience=null" in titles


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    sweep(tiny(seeds=1), tmp_path)
    store = Store(tmp_path)
    curves = partial(collect_details, detail="curve")
    for name, make in (("metrics.csv", collect), ("environment.json", collect), ("curve.csv", curves)):
        folder = store.folder(store.digests()[0])
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("0", "zero"))
        with pytest.raises(DataError) as error:
            make(*store.experiment(), store)
        assert str(error.value).startswith(f"{folder}: is damaged (")
        assert str(error.value).endswith("); delete it and start the comparison again")
        (folder / name).unlink()
        with pytest.raises(DataError, match="is damaged"):
            make(*store.experiment(), store)
        (folder / name).write_text(text)
        make(*store.experiment(), store)


# files


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A user's file with a part column."""
    series, step = np.repeat(np.arange(16), 6), np.tile(np.arange(6), 16)
    frame = pd.DataFrame(
        {
            "series": series,
            "step": step,
            "label": series % 2,
            "heat": np.random.default_rng(0).standard_normal(96).round(3) + series % 2,
            "part": np.where(series < 10, "train", "test"),
        }
    )
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    return path


def on_file(path: Path, **changed: Any) -> Experiment:
    return tiny(**{"data": {"path": str(path), "part": "part"}, "seeds": 2, **changed})


def test_a_given_test_part_is_named(mine: Path, tmp_path: Path) -> None:
    sweep(on_file(mine), tmp_path / "out")
    runs = collect(on_file(mine), on_file(mine).data_digests(), Store(tmp_path / "out"))
    assert (runs["note"].str.endswith("covers training randomness only") == runs["value"].notna()).all()


def test_a_large_table_is_converted_before_the_workers_start(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQANOM_CACHE", str(tmp_path / "cache"))
    seen: list[str] = []

    class Looking:
        workers = 1

        def run(self, work: Any, jobs: Any) -> Iterator[Any]:
            assert [path.name for path in (tmp_path / "cache").glob("*/steps.arrow")] == ["steps.arrow"]
            assert seen == ["mine.csv"]
            yield from SerialEngine().run(work, jobs)

    data = {"path": str(mine), "part": "part"}
    with watching(lambda path, _: seen.append(path.name)):
        sweep(on_file(mine, data={**data, "mapped": True}), tmp_path / "mapped", Looking())
    sweep(on_file(mine), tmp_path / "memory")
    names = [sorted(path.name for path in (tmp_path / how).glob("runs/*/*")) for how in ("mapped", "memory")]
    assert names[0] == names[1]
    for name in names[0]:
        one, other = (tmp_path / how / "runs" / name[:2] / name / "metrics.csv" for how in ("mapped", "memory"))
        assert one.read_bytes() == other.read_bytes()


def test_a_file_counts_by_its_content(mine: Path, tmp_path: Path) -> None:
    sweep(on_file(mine), tmp_path / "out")
    moved = mine.rename(tmp_path / "yours.csv")
    assert sweep(on_file(moved), tmp_path / "out").found == 6
    moved.write_text(moved.read_text() + "15,6,1,0.5,test\n")
    assert sweep(on_file(moved), tmp_path / "out").found == 0


def test_a_report_does_without_the_file(mine: Path, tmp_path: Path) -> None:
    store, experiment = Store(tmp_path / "out"), on_file(mine)
    sweep(experiment, store.root)
    before = collect(experiment, experiment.data_digests(), store)
    store.keep_experiment(experiment, experiment.data_digests())
    mine.rename(tmp_path / "elsewhere.csv")
    with pytest.raises(DataError, match="there is no such file"):
        experiment.data_digests()
    kept, digests = store.experiment()
    assert kept == experiment
    assert len(before) == 6 * (3 * len(METRICS) + len(WHOLE_METRICS))
    assert MISSING not in before["note"].tolist()
    pd.testing.assert_frame_equal(collect(kept, digests, store), before, check_exact=True)
    assert len(collect_details(kept, digests, store, "curve")) == 6 * 6


@dataclass
class Changing:
    """An engine before whose first job a file changes."""

    path: Path
    workers: int = 1

    def run(self, work: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Ended[Any, Any]]:
        with self.path.open("a") as file:
            file.write("15,6,1,0.5,test\n")
        yield from SerialEngine().run(work, jobs)


def test_a_file_that_changes_under_the_sweep_is_an_error(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        sweep(on_file(mine), tmp_path / "out", Changing(mine))
    assert str(error.value) == "mine(part=part): the file has changed since the sweep began; start it again"
    assert Store(tmp_path / "out").digests() == []
    assert sweep(on_file(mine), tmp_path / "out").done == 6


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: there is no such file$"):
        sweep(on_file(tmp_path / "none.csv"), tmp_path / "out")


def test_an_experiment_is_kept_beside_its_runs(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for experiment in (tiny(), tiny(seeds=2)):
        store.keep_experiment(experiment, experiment.data_digests())
    assert store.experiment() == (tiny(seeds=2), {tiny().data[0]: None})
    assert {path.name for path in tmp_path.iterdir()} == {EXPERIMENT, DATA}
    (tmp_path / DATA).write_text("[]")
    with pytest.raises(DataError, match=r"experiment\.yaml or data\.json is damaged .*; run compare again$"):
        store.experiment()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\ndata: drift\nloss: exq", "loss: unknown loss 'exq'; did you mean 'exp'?"),
        ("name: a\n1: 2", "keys are text, got 1"),
        ("name: a\nname: b", "not valid YAML: duplicate key 'name'"),
        ("", "must hold a mapping (key: value), found nothing"),
    ],
)
def test_a_mistake_in_a_file_names_the_file(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        compare(path, tmp_path / "out")
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)
    assert str(error.value).count(str(path)) == 1


# what the experiments that ship find


@pytest.mark.slow
def test_the_default_experiment_shows_when_late_weights_help(tmp_path: Path) -> None:
    found = compare(SHIPPED / "default.yaml", tmp_path)
    accuracy = found[(found["metric"] == "accuracy") & (found["dataset"] == "drift")]
    small = accuracy[(accuracy["model"] == "rnn(hidden=4)") & (accuracy["loss"] == "exp")]
    assert small.loc[small["bucket"] == "late", "difference_low"].item() > 0
    assert small.loc[small["bucket"] == "early", "difference_high"].item() < 0
    large = accuracy[(accuracy["model"] == "gru") & (accuracy["bucket"] == "late") & (accuracy["loss"] != "uniform")]
    assert len(large) == 4
    assert (large["difference_high"] < 0.01).all()
    small_words, large_words = findings(found, "uniform", "early", "late")[:2]
    assert small_words.startswith("rnn(hidden=4) on drift: exp gains ")
    assert " late and loses " in small_words
    assert large_words == "gru on drift: no loss helps late by a point or more."


CHANCE = ("accuracy", "balanced_accuracy", "auroc", "average_precision")
"""Metrics that no loss can change where there is nothing to learn; it can make probabilities overconfident."""


@pytest.mark.slow
def test_where_there_is_nothing_to_learn_nothing_is_significant(tmp_path: Path) -> None:
    null = Experiment(**{**read_yaml(SHIPPED / "null.yaml"), "seeds": 80})
    found = compare(null, tmp_path)
    compared = found[found["difference"].notna() & found["metric"].isin(CHANCE)]
    assert len(compared) == 4 * 3 * len(CHANCE)
    assert (compared["p_adjusted"] >= 0.05).all()
    assert (compared["note"] == "").all()  # and there were enough pairs to tell
    runs = collect(null, null.data_digests(), Store(tmp_path))
    runs = runs[runs["metric"].isin(CHANCE)]
    smallest = [
        of_ten.groupby(["bucket", "metric"])["p_adjusted"].min()
        for first in range(0, 80, 10)
        for of_ten in [compare_runs(runs[runs["seed"].between(first, first + 9)], "uniform")]
    ]
    assert (pd.concat(smallest) < 0.05).mean() < 0.2  # 5% of the families by design, and metrics go together


# controls and models that are not trained


CONTROLLED: dict[str, Any] = {
    **TINY,
    "loss": ["uniform", {"kind": "exp", "normalize": "none"}],
    "train": {"epochs": 2, "lr": [0.01, 0.02]},
    "seeds": 2,
    "controls": True,
}


@pytest.fixture(scope="module")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The tiny experiment with controls."""
    store = Store(tmp_path_factory.mktemp("controlled"))
    done = sweep(Experiment(**CONTROLLED), store.root)
    assert done.failed == {}
    assert done.done == done.total == len(store.digests()) == 2 * (6 * 2 + 4)
    return store


def test_a_model_that_is_not_trained_has_its_baseline_row_only(controlled: Store) -> None:
    experiment = Experiment(**CONTROLLED)
    runs = collect(experiment, experiment.data_digests(), controlled)
    compared = compare_runs(runs, "uniform", list(experiment.axes()))
    losses = compared.groupby("model")["loss"].unique().map(list)
    assert losses["rnn(hidden=2)"] == [
        "uniform", "exp(normalize=none)", "reverse(normalize=none)", "permuted(normalize=none)", "rate_matched",
        "shuffled_labels",
    ]  # fmt: skip
    for model in ("logistic", "position", "majority", "random"):
        assert losses[model] == ["uniform"]
        rows = compared[compared["model"] == model]
        assert rows["difference"].isna().all()
        assert rows["ess"].isna().all() == (model != "logistic")
        assert rows["note"].str.startswith(NOT_TRAINED).all() == (model != "logistic")
    sentences = findings(compared, "uniform", "early", "late")
    assert [sentence.split(":")[0] for sentence in sentences] == [
        f"rnn(hidden=2) on {experiment.data[0].name}, lr={lr}" for lr in (0.01, 0.02)
    ]


def test_controls_do_not_depend_on_workers(controlled: Store, tmp_path: Path) -> None:
    experiment = Experiment(**CONTROLLED)
    sweep(experiment, tmp_path, LocalEngine(2))
    assert table(experiment, Store(tmp_path)) == table(experiment, controlled)


def test_a_stack_does_not_change_what_is_not_trained(controlled: Store, tmp_path: Path) -> None:
    alone = Experiment(**{**CONTROLLED, "stack": 1, "model": "random"})
    sweep(alone, tmp_path)
    for config in alone.expand():
        if not config.model.trained:
            digest = config.digest(None)
            first, second = (store.folder(digest) / "metrics.csv" for store in (controlled, Store(tmp_path)))
            assert first.read_bytes() == second.read_bytes()


def test_a_whole_report_with_controls(controlled: Store, tmp_path: Path) -> None:
    experiment, digests = controlled.experiment()
    assert experiment == Experiment(**CONTROLLED)
    report = make_report(
        stored_parts(experiment, digests, controlled),
        tmp_path,
        name="tiny",
        question="",
        baseline="uniform",
        buckets=["early", "mid", "late"],
        axes=list(experiment.axes()),
        early_cost=0.02,
    )
    names = ["comparison.csv", "effects.csv", "weights.csv", "comparison.md"]
    figures = ("curves", "tradeoff", "reliability", "recall")
    assert [path.name for path in report.files] == names + [f"{n}.{form}" for n in figures for form in ("png", "svg")]
    assert not any("there is no loss beside" in sentence for sentence in report.sentences)
    page = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert f"**not trained, on {experiment.data[0].name}, lr=0.01**" in page
    assert "\n| random | " in page
    assert collect_notes(experiment, digests, controlled) == []


def test_what_all_models_say_of_a_data_set_is_said_once(tmp_path: Path) -> None:
    short = {"kind": "tcn", "channels": 2, "kernel": 2, "layers": 1}
    experiment = tiny(model=[short, {**short, "channels": 3}], loss=["exp"], seeds=2)
    sweep(experiment, tmp_path)
    assert collect_notes(experiment, experiment.data_digests(), Store(tmp_path)) == [
        f"{experiment.data[0].name}: the model sees the last 3 steps only and sequences have up to 8: raise its layers "
        "or kernel for it to see them whole."
    ]


def test_notes_come_from_each_model_once(tmp_path: Path) -> None:
    short = {"kind": "tcn", "channels": 2, "kernel": 2, "layers": 1}
    experiment = tiny(model=["random", short, "logistic"], loss=["exp"], seeds=2)
    sweep(experiment, tmp_path)
    assert collect_notes(experiment, experiment.data_digests(), Store(tmp_path)) == [
        f"{experiment.model[1].name} on {experiment.data[0].name}: the model sees the last 3 steps only and sequences "
        "have up to 8: raise its layers or kernel for it to see them whole."
    ]
