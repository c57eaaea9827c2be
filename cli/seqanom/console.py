"""The one place that prints, and that turns errors into exit codes.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seqanomaly.errors import RunError, SeqanomError

DONE, SOME_FAILED, USAGE, BUG, INTERRUPTED = 0, 1, 2, 70, 130

_results = Console(highlight=False)
_remarks = Console(stderr=True, highlight=False)


def result(what: Table | str) -> None:
    """Print a result."""
    _results.print(what)


def result_text(text: str) -> None:
    """Print text as it is, with nothing wrapped or coloured."""
    sys.stdout.write(text)


def result_json(value: object) -> None:
    """Print a result for machines."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def remark(text: str) -> None:
    """Say something that is not a result."""
    _remarks.print(escape(text), soft_wrap=True)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table: the first column to the left, the others to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", header_style="bold")
    return made


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields a function that takes how much is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_remarks, transient=True, disable=not _remarks.is_terminal) as bar:
        task = bar.add_task(escape(what), total=total)
        yield lambda done: bar.update(task, completed=done)


def run(app: typer.Typer, arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; a user's mistake is one sentence."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=arguments, prog_name="seqanom", standalone_mode=False)
        return int(code or DONE)
    except SeqanomError as error:
        remark(f"Error: {error}")
        return SOME_FAILED if isinstance(error, RunError) else USAGE
    except (KeyboardInterrupt, typer.Abort):
        remark("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads it any more
        return DONE
    except Exception as error:
        return _usage(error) if hasattr(error, "format_message") else _bug()


def _usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "seqanom"
    remark(f"Error: {error.format_message()} Try '{command} --help'.")
    return USAGE


def _bug() -> int:
    traceback.print_exc()
    remark("This is a bug in seqanom, not in what you typed; please report it with the lines above.")
    return BUG
