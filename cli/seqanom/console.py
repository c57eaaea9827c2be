"""The one place that prints, and that turns errors into exit codes.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from seqanomaly.errors import RunError, SeqanomError

DONE, SOME_FAILED, USAGE, BUG, STOPPED, INTERRUPTED = 0, 1, 2, 70, 75, 130

WIDE = 10_000
"""Width where there is no terminal, so that nothing is wrapped or cut."""

_remarks = Console(stderr=True, highlight=False)


class _Results(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # `run` says what that means


def result(what: Table | Text | str) -> None:
    """Print a result, wrapped to the terminal where there is one."""
    results = _Results(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
    if isinstance(what, Table) and what.title:  # rich would fold it to the width of the table
        results.print(what.title, style="bold")
        what.title = None
    results.print(what)


def result_text(text: str) -> None:
    """Print text as it is, with nothing wrapped or coloured."""
    sys.stdout.write(text)


def result_json(value: object) -> None:
    """Print a result for machines; a number that is missing is null."""
    sys.stdout.write(json.dumps(_without_nan(value), indent=2, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def remark(text: str) -> None:
    """Say something that is not a result, wrapped to the terminal where there is one."""
    _remarks.print(escape(text), soft_wrap=not _remarks.is_terminal)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table: the first column to the left, the others to the right; a narrow terminal cuts nothing off."""
    made = Table(title=title, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", header_style="bold", overflow="fold")
    return made


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, elsewhere a line every half minute; yields a function that takes how much is done.

    That function may be called thousands of times a second: it does nothing until something is to be shown.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from seqanomaly.datasets.watching import watching

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = _remarks.is_terminal
    pause = GLANCE if shown else LINE
    due = time.monotonic() + (0 if shown else pause)
    with Progress(*columns, console=_remarks, transient=True, refresh_per_second=1 / GLANCE, disable=not shown) as bar:
        task = bar.add_task(escape(what), total=total)

        def reading(path: Path, count: int) -> None:
            bar.update(task, description=escape(f"{what}: reading file {count}, {path.name}"))

        def advance(done: int) -> None:
            nonlocal due
            now = time.monotonic()
            if now < due:
                return
            due = now + pause
            if shown:
                bar.update(task, completed=done, description=escape(what))
            else:
                remark(f"{what}: {done} of {total} done")

        with watching(reading):
            yield advance


GLANCE, LINE = 0.5, 30.0
"""Seconds from one state of a bar to the next, and from line to line."""


@contextmanager
def opening(what: str) -> Iterator[None]:
    """Which file is being read, on a terminal; nothing elsewhere."""
    from rich.status import Status

    from seqanomaly.datasets.watching import watching

    if not _remarks.is_terminal:
        yield
        return
    status = Status(escape(f"Reading {what}"), console=_remarks)

    def reading(path: Path, count: int) -> None:
        status.update(escape(f"Reading {what}: file {count}, {path.name}"))

    with status, watching(reading):
        yield


@contextmanager
def counting(what: str, total: int, describe: Callable[[Any], tuple[int, str]]) -> Iterator[Callable[[Any], None]]:
    """Progress of many runs: a bar on a terminal, elsewhere a line for every further tenth, or after five minutes.

    Before the first state a terminal shows which file is being read.

    Args:
        what: what is under way.
        total: how much there is to do.
        describe: turns a state into how much is done and how to say it; on a terminal it is asked again and again.
    """
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeElapsedColumn

    from seqanomaly.datasets.watching import watching

    class State(ProgressColumn):
        def render(self, task: Task) -> Text:
            text = describe(task.fields["state"])[1] if task.fields["state"] is not None else task.description
            return Text(text, no_wrap=True, overflow="ellipsis")

    said, when = -1, 0.0
    with Progress(
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        State(),
        console=_remarks,
        transient=True,
        refresh_per_second=1 / GLANCE,
        disable=not _remarks.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=total, state=None)

        def reading(path: Path, count: int) -> None:
            bar.update(task, description=f"{what}: reading file {count}, {path.name}", refresh=True)

        def update(state: Any) -> None:
            nonlocal said, when
            done, text = describe(state)
            bar.update(task, completed=done, state=state)
            if not _remarks.is_terminal and (10 * done // total > said or time.monotonic() - when > PAUSE):
                said, when = 10 * done // total, time.monotonic()
                remark(f"{what}: {text}")

        with watching(reading):
            yield update


PAUSE = 300.0
"""Seconds after which a line is due although there is little to tell."""


class Terminated(BaseException):
    """TERM or USR1 was received."""


def plural(count: int, what: str) -> str:
    """A count and what is counted.

    >>> plural(1, "loss"), plural(2, "loss"), plural(2, "seed")
    ('1 loss', '2 losses', '2 seeds')
    """
    return f"{count} {what}" + ("" if count == 1 else "es" if what.endswith("s") else "s")


@contextmanager
def stopping(message: str) -> Iterator[None]:
    """Say `message` when the work inside is interrupted or terminated."""

    def stop(_number: int, _frame: object) -> None:
        raise Terminated

    before = {number: signal.signal(number, stop) for number in _STOPS}
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(message) from None
    except Terminated:
        raise Terminated(message) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOPS = [number for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGUSR1")) if number is not None]


def run(app: typer.Typer, arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; a user's mistake is one sentence."""
    try:
        command = typer.main.get_command(app)
        with command.make_context("seqanom", sys.argv[1:] if arguments is None else arguments) as context:
            command.invoke(context)
        sys.stdout.flush()
        return DONE
    except typer.Exit as end:
        return end.exit_code
    except SeqanomError as error:
        remark(f"Error: {error}")
        return SOME_FAILED if isinstance(error, RunError) else USAGE
    except (KeyboardInterrupt, typer.Abort) as stopped:
        remark(str(stopped) or "Interrupted.")
        return INTERRUPTED
    except Terminated as stopped:
        remark(str(stopped))
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads it any more
        return DONE
    except Exception as error:
        return _usage(error) if hasattr(error, "format_message") else _bug()


def leave(code: int) -> NoReturn:
    """End the process at once: taking every loaded module apart again takes up to a second."""
    atexit._run_exitfuncs()  # no worker, lock or temporary file stays
    with suppress(BrokenPipeError):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(code)


def _usage(error: Any) -> int:
    from pydantic import ValidationError

    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "seqanom"
    message = error.format_message()
    wrong = error.__cause__ or error.__context__
    if isinstance(wrong, ValidationError):  # typer leaves out the value
        from seqanomaly.config import sentence

        first = wrong.errors()[0]
        message = f"{message.removesuffix(first['msg'])}{sentence(first)}"
    if message:  # without a command, the help is on the screen already
        remark(f"Error: {message}{'' if message.endswith(('.', '?')) else '.'} Try '{command} --help'.")
    return USAGE


def _bug() -> int:
    traceback.print_exc()
    remark("This is a bug in seqanom, not in what you typed; please report it with the lines above.")
    return BUG
