"""Helpers are copies of a process with one thread: tried in processes of their own, as this one may have several."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from seqanomaly.engines.helpers import Here
from seqanomaly.errors import DataError

SCRIPT = """
import os, sys, time
from seqanomaly.engines import helpers
from seqanomaly.errors import DataError, SeqanomError
helpers.usable_cores = lambda: CORES
def who(number):
    time.sleep(0.05)
    return number, os.getpid()
def refuse():
    raise DataError("a.csv: has no rows")
def die():
    os._exit(3)
def sleep():
    print("working", flush=True)
    time.sleep(60)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is copied")


def script(body: str, cores: int = 2) -> list[str]:
    return [sys.executable, "-c", SCRIPT.replace("CORES", str(cores)) + textwrap.dedent(body)]


def said(body: str, cores: int = 2) -> list[str]:
    done = subprocess.run(script(body, cores), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


NUMBERS = """
with helpers.helpers() as helper:
    found = [future.result() for future in [helper.submit(who, number) for number in range(8)]]
print([number for number, _ in found], len({pid for _, pid in found} - {os.getpid()}))
"""


@linux
def test_helpers_are_other_processes_and_results_come_in_order() -> None:
    assert said(NUMBERS) == ["[0, 1, 2, 3, 4, 5, 6, 7] 2"]


def test_with_one_core_there_are_none() -> None:
    assert said(NUMBERS, cores=1) == ["[0, 1, 2, 3, 4, 5, 6, 7] 0"]


def test_a_process_with_threads_is_not_copied() -> None:
    threads = "import threading\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
    assert said(threads + NUMBERS) == ["[0, 1, 2, 3, 4, 5, 6, 7] 0"]


REFUSED = "DataError a.csv: has no rows"
DIED = "RunError a process that helped died, perhaps for want of memory; start the same command again"


@pytest.mark.parametrize(
    ("work", "cores", "expected"),
    [
        ("refuse", 1, REFUSED),
        pytest.param("refuse", 2, REFUSED, marks=linux),
        pytest.param("die", 2, DIED, marks=linux),
    ],
)
def test_what_goes_wrong_is_told(work: str, cores: int, expected: str) -> None:
    body = f"""
    try:
        with helpers.helpers() as helper:
            helper.submit({work}).result()
    except SeqanomError as error:
        print(type(error).__name__, error)
    """
    assert said(body, cores) == [expected]


@linux
def test_helpers_end_with_their_parent() -> None:
    body = "\nwith helpers.helpers() as helper:\n    helper.submit(sleep).result()\n"
    with subprocess.Popen(script(body), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "working\n"
        parent.send_signal(signal.SIGKILL)
        rest, _ = parent.communicate(timeout=60)  # the last helper closes the pipe
    assert rest == ""


def test_here_it_is_done_at_once() -> None:
    done: list[int] = []
    future = Here().submit(done.append, 1)
    assert (done, future.done()) == ([1], True)

    def refuse() -> None:
        raise DataError("a.csv: has no rows")

    with pytest.raises(DataError, match=r"^a\.csv: has no rows$"):
        Here().submit(refuse)
