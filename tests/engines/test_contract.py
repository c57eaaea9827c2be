"""What every engine keeps, and how the local one survives its workers."""

from __future__ import annotations

import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pebble import ProcessPool

from seqanomaly.engines import ENGINES, choose_engine, copies, usable_cores
from seqanomaly.engines.base import Ended, Engine
from seqanomaly.engines.copies import ONE_THREAD, load_for_copies, no_interrupts
from seqanomaly.engines.loading import MARK
from seqanomaly.engines.local import ATTEMPTS, LocalEngine
from seqanomaly.engines.serial import SerialEngine
from seqanomaly.errors import ConfigError, DataError

EACH: dict[str, Callable[[], Engine]] = {
    "serial": SerialEngine,
    "local-1": lambda: LocalEngine(1),
    "local-2": lambda: LocalEngine(2),
    "local-copies": lambda: LocalEngine(2, context=load_for_copies("json")),
}


@pytest.fixture(autouse=True)
def _workers_find_this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture(params=EACH)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return EACH[request.param]()


# what workers do


class OddError(Exception):
    """An error that cannot be sent to another process: its arguments are not its message."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"{number} is {why}")


def square(number: int) -> int:
    return number * number


def faults_of_a_second_array(megabytes: int) -> int:
    """Pages that the system has to give for an array, after one of that size was freed."""
    np.ones(megabytes << 20, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(megabytes << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def setting(name: str) -> str | None:
    return os.environ.get(name)


def picky(number: int) -> int:
    if number == 2:
        raise OddError(number, "odd")
    if number == 3:
        raise TimeoutError("of its own")
    return number * number


def refusing(number: int) -> int:
    if number == 1:
        raise ConfigError("must be less than 1, got 1", ("train", "lr"))
    return number


def refusing_data(_: int) -> int:
    raise DataError("mine.csv: is empty")


def process_id(number: int) -> int:
    time.sleep(0.05)
    return os.getpid()


def deadly(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def endless(number: int) -> int:
    if number == 1:
        time.sleep(600)
    return number


def results(ends: Iterator[Ended[int, int]]) -> dict[int, int | str | None]:
    """Job -> its result, or why there is none."""
    return {end.job: end.crash if end.result is None else end.result for end in ends}


# every engine


def test_every_engine_is_tried() -> None:
    assert {name.partition("-")[0] for name in EACH} == set(ENGINES)


def test_all_jobs_end_with_their_results(engine: Engine) -> None:
    ends = list(engine.run(square, range(7)))
    assert sorted((end.job, end.result, end.crash) for end in ends) == [(n, n * n, None) for n in range(7)]
    assert multiprocessing.active_children() == []


def test_no_jobs(engine: Engine) -> None:
    assert list(engine.run(square, [])) == []


def test_an_error_is_the_crash_of_its_job_only(engine: Engine) -> None:
    assert results(engine.run(picky, range(6))) == {
        **{n: n * n for n in (0, 1, 4, 5)},
        2: "OddError: 2 is odd",
        3: "TimeoutError: of its own",
    }


def test_a_users_mistake_ends_everything(engine: Engine) -> None:
    with pytest.raises(ConfigError) as error:
        list(engine.run(refusing, range(3)))
    assert str(error.value) == "train.lr: must be less than 1, got 1"
    assert (error.value.path, error.value.message) == (("train", "lr"), "must be less than 1, got 1")
    assert multiprocessing.active_children() == []


def test_a_data_error_stays_one(engine: Engine) -> None:
    with pytest.raises(DataError, match=r"^mine\.csv: is empty$"):
        list(engine.run(refusing_data, [0]))


def test_jobs_are_taken_as_they_are_needed(engine: Engine) -> None:
    taken = []

    def jobs() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    ends = engine.run(square, jobs())
    assert taken == []
    assert next(ends).crash is None
    assert len(taken) <= 2 * engine.workers
    next(ends)
    assert len(taken) <= 2 * engine.workers + 1
    ends.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_two_processes_at_most_share_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.engines.usable_cores", lambda: 8)
    assert choose_engine(None).workers == 8
    assert choose_engine(None, kind="cuda").workers == 2
    assert choose_engine(5, kind="cuda").workers == 5


def test_only_a_process_that_loads_for_copies_is_changed() -> None:
    code = (
        "import signal, gc, seqanomaly.engines.loading; print(signal.getitimer(signal.ITIMER_REAL)[1], gc.isenabled())"
    )
    for mark, said in (({}, "0.0 True"), ({MARK: "1"}, "0.05 False")):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **mark},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == said


def test_the_number_of_workers_chooses_the_engine() -> None:
    assert isinstance(choose_engine(0), SerialEngine)
    found = [choose_engine(count, 5.0) for count in (None, 1, 3)]
    assert [(engine.workers, engine.timeout) for engine in found if isinstance(engine, LocalEngine)] == [
        (usable_cores(), 5.0),
        (1, 5.0),
        (3, 5.0),
    ]


# the local engine


def test_a_worker_lives_on_from_job_to_job() -> None:
    found = list(LocalEngine(2).run(process_id, range(12)))
    processes = {end.result for end in found}
    assert None not in processes
    assert len(processes) <= 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_fails_its_own_job_only(workers: int) -> None:
    assert results(LocalEngine(workers).run(deadly, range(8))) == {
        **{n: n for n in (0, 2, 3, 4, 5, 6, 7)},
        1: "its worker process died (exit code -9)",
    }


def test_a_worker_that_dies_between_two_jobs_harms_none() -> None:
    ended: list[int] = []

    def jobs() -> Iterator[int]:
        yield from (0, 1)
        (worker,) = multiprocessing.active_children()
        time.sleep(0.5)  # it has done both and waits
        worker.kill()
        time.sleep(0.5)
        yield from (2, 3, 4)

    for end in LocalEngine(1).run(square, jobs()):
        assert end.result == end.job**2
        ended.append(end.job)
    assert sorted(ended) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_that_hangs_is_ended(workers: int) -> None:
    assert results(LocalEngine(workers, 2.5).run(endless, range(6))) == {
        **{n: n for n in (0, 2, 3, 4, 5)},
        1: "took longer than 2.5 s",
    }


def test_closing_early_ends_the_workers() -> None:
    ends = LocalEngine(2).run(endless, [0, 1, 1, 1])
    assert next(ends).result == 0
    assert len(multiprocessing.active_children()) == 2
    ends.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


TASK = """
import time

def work(number):
    print("working", flush=True)
    time.sleep(600)
"""
PARENT = """
from task import work
from seqanomaly.engines.copies import load_for_copies
from seqanomaly.engines.local import LocalEngine

list(LocalEngine(2, context={context}).run(work, range(4)))
"""
each_context = pytest.mark.parametrize("context", ["None", 'load_for_copies("task")'])


def test_an_interrupt_while_workers_start_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[bool] = []

    def start(how: Callable[[], None]) -> None:
        os.kill(os.getpid(), signal.SIGINT)  # any thread may take it
        how()
        started.append(True)

    monkeypatch.setattr(copies, "_start", start)
    with other_thread(), pytest.raises(KeyboardInterrupt):
        list(LocalEngine(2).run(square, [1]))
    assert started == [True, True]
    assert multiprocessing.active_children() == []


@contextmanager
def other_thread() -> Iterator[None]:
    """A second thread, as that of a progress bar: signals may come to it."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_wait_for_the_end(number: signal.Signals) -> None:
    said: list[str] = []
    before = signal.signal(number, lambda *_: said.append("signal"))
    try:
        with other_thread(), no_interrupts():
            os.kill(os.getpid(), number)
            time.sleep(0.05)
            said.append("end")
        assert said == ["end", "signal"]
    finally:
        signal.signal(number, before)


@each_context
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent_whatever_they_do(tmp_path: Path, end: signal.Signals, context: str) -> None:
    (tmp_path / "task.py").write_text(TASK)
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(context=context))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == ["working\n"] * 2
        parent.send_signal(end)
        rest, _ = parent.communicate(timeout=60)  # the last worker closes the pipe
    assert rest == ""
    assert parent.returncode == -end


@each_context
def test_an_interrupt_is_for_the_parent(tmp_path: Path, context: str) -> None:
    (tmp_path / "task.py").write_text(TASK.replace("600", "0.5"))
    script = tmp_path / "parent.py"
    script.write_text("import signal\nsignal.signal(signal.SIGINT, lambda *_: None)" + PARENT.format(context=context))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "working\n"
        os.killpg(parent.pid, signal.SIGINT)
        _, err = parent.communicate(timeout=60)
    assert (err, parent.returncode) == ("", 0)


OF_COPIES = """
import sys
from task import loaded
from seqanomaly.engines.copies import load_for_copies
from seqanomaly.engines.local import LocalEngine

context = load_for_copies("colorsys")
assert "colorsys" not in sys.modules
ends = LocalEngine(1, context=context).run(loaded, ["colorsys", "chunk"])
print(sorted((end.job, end.result) for end in ends))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every worker loads for itself")
def test_a_copy_has_loaded_already_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text("import sys\n\ndef loaded(name):\n    return name in sys.modules\n")
    (tmp_path / "parent.py").write_text(OF_COPIES)
    command = [sys.executable, str(tmp_path / "parent.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[('chunk', False), ('colorsys', True)]\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is loaded ahead")
def test_loading_ends_with_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(600)\n")
    search = os.pathsep.join([str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", search)
    code = "from seqanomaly.engines.copies import load_for_copies; load_for_copies('slow'); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"loading\n"
        rest, _ = parent.communicate(b"\n", timeout=60)  # whoever loads closes the pipe
    assert (rest, parent.returncode) == (b"", 0)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left as they are")
def test_a_worker_keeps_the_memory_that_it_frees() -> None:
    (ended,) = LocalEngine(1).run(faults_of_a_second_array, [64])
    assert ended.result is not None
    assert ended.result < 16
    assert faults_of_a_second_array(64) >= 16  # a process of the user's own is left alone


def test_jobs_outlive_a_pool_that_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies before the pool knows what it was working on breaks the pool; here the first pool breaks."""
    broken: list[Future[int]] = []
    schedule = ProcessPool.schedule

    def breaking(self: ProcessPool, *args: Any, **kwargs: Any) -> Future[int]:
        if len(broken) == 2:
            future: Future[int] = schedule(self, *args, **kwargs)
            return future
        broken.append(Future())
        broken[-1].set_exception(BrokenProcessPool("All workers expired"))
        return broken[-1]

    monkeypatch.setattr(ProcessPool, "schedule", breaking)
    assert results(LocalEngine(1).run(square, range(4))) == {0: 0, 1: 1, 2: 4, 3: 9}


def test_a_job_whose_pools_are_all_given_up_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Future[int]] = []

    def breaking(self: ProcessPool, *args: Any, **kwargs: Any) -> Future[int]:
        tried.append(Future())
        tried[-1].set_exception(BrokenProcessPool("All workers expired"))
        return tried[-1]

    monkeypatch.setattr(ProcessPool, "schedule", breaking)
    assert results(LocalEngine(1).run(square, [5])) == {5: "its worker process died"}
    assert len(tried) == ATTEMPTS


def test_a_worker_has_one_thread_and_its_parent_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    assert {end.job: end.result for end in LocalEngine(1).run(setting, ONE_THREAD)} == ONE_THREAD
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("7", None)
