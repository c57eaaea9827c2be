"""The command line as a whole: its exit codes, and what is said where."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer
from rich.console import Console
from seqanom import console
from seqanom.__main__ import start
from seqanom.console import BUG, DONE, INTERRUPTED, SOME_FAILED, STOPPED, USAGE

import seqanomaly
from seqanomaly.errors import RunError

Run = Callable[..., Any]
Complaint = Callable[..., str]


def test_the_exit_codes() -> None:
    assert (DONE, SOME_FAILED, USAGE, BUG, STOPPED, INTERRUPTED) == (0, 1, 2, 70, 75, 130)


def test_version(seqanom: Run) -> None:
    assert seqanom("--version") == (0, f"seqanom {seqanomaly.__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("train",), ("score",), ("runs",), ("losses",), ("compare",)])
def test_help(seqanom: Run, command: tuple[str, ...]) -> None:
    done = seqanom(*command, "--help")
    assert done.code == 0
    assert "Usage: seqanom" in done.out
    assert done.err == ""


def test_without_a_command_there_is_help(seqanom: Run) -> None:
    done = seqanom()
    assert done.code == 2
    assert "Usage: seqanom [OPTIONS] COMMAND" in done.out
    assert done.err == ""


def test_it_is_a_module_too() -> None:
    command = [sys.executable, "-m", "seqanom", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"seqanom {seqanomaly.__version__}\n"


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, seqanom.main; print([m for m in ('torch', 'pandas', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("trian",), "No such command 'trian'. Did you mean 'train'? Try 'seqanom --help'."),
        (
            ("train", "--epohcs", "3"),
            "No such option: --epohcs (Possible options: --epochs). Try 'seqanom train --help'.",
        ),
        (("train", "--epochs"), "Option '--epochs' requires an argument. Try 'seqanom --help'."),
        (("train", "more"), "Got unexpected extra argument(s) (more). Try 'seqanom train --help'."),
        (("score",), "Missing argument 'run'. Try 'seqanom score --help'."),
        (
            ("train", "--epochs", "2.5"),
            "Invalid value for '--epochs': must be an integer, got '2.5'. Try 'seqanom train --help'.",
        ),
        (
            ("train", "--lr", "fast"),
            "Invalid value for '--lr': must be a number, got 'fast'. Try 'seqanom train --help'.",
        ),
    ],
)
def test_usage(complaint: Complaint, arguments: tuple[str, ...], text: str) -> None:
    assert complaint(*arguments) == text


def raising(error: BaseException) -> Callable[..., None]:
    def work(*_: object, **__: object) -> None:
        raise error

    return work


def test_a_bug_is_told_with_its_traceback(seqanom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.run.train", raising(ZeroDivisionError("boom")))
    done = seqanom("train")
    assert done.code == 70
    assert done.out == ""
    assert done.err.startswith("Traceback (most recent call last):")
    assert "ZeroDivisionError: boom\nThis is a bug in seqanom, not in what you typed; please report it" in done.err


def test_an_interrupt_is_no_bug(seqanom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.run.train", raising(KeyboardInterrupt()))
    done = seqanom("train")
    assert done.code == 130
    assert done.out == ""
    assert done.err.strip() == "Stopped before the run was finished; the same command starts it again."


def test_a_failed_run(seqanom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqanomaly.run.train", raising(RunError("it diverged [red]here[/red]")))
    assert seqanom("train") == (1, "", "Error: it diverged [red]here[/red]\n")


def test_a_reader_that_goes_away_is_no_bug() -> None:
    code = "import sys; sys.argv = ['seqanom', 'losses']; from seqanom.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")


def test_leaving_says_everything_and_does_what_was_left_for_the_end() -> None:
    code = (
        "import atexit, sys; from seqanom import console; atexit.register(lambda: sys.stderr.write('end')); "
        "sys.stdout.write('result'); console.leave(75)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("result", "end", 75)


def test_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    made = console.table("a[b]", title="x(features=[a,b])")
    made.add_row("1")
    console.result(made)
    console.result("[bold]x[/bold]")
    console.remark("[bold]y[/bold]")
    out, err = capsys.readouterr()
    assert out.splitlines()[0].rstrip() == "x(features=[a,b])"
    assert "[bold]x[/bold]" in out
    assert err == "[bold]y[/bold]\n"


def test_a_narrow_terminal_cuts_no_name_off() -> None:
    made = console.table("run", "model")
    made.add_row("fdf32c65", "gru(hidden=4)")
    screen = io.StringIO()
    Console(file=screen, width=18).print(made)
    words = [line.split() for line in screen.getvalue().splitlines()]
    assert words[0] == ["run", "model"]
    assert "".join(word for line in words[1:] for word in line[-1:]) == "gru(hidden=4)"


def test_what_is_missing_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    console.result_json({"a": [float("nan"), 1.5], "b": (1, "x")})
    assert "".join(capsys.readouterr().out.split()) == '{"a":[null,1.5],"b":[1,"x"]}'


def test_an_application_may_have_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(lambda: console.result("done"))
    assert console.run(app, []) == 0
    assert capsys.readouterr().out == "done\n"


def test_an_interrupt_while_the_command_loads_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "seqanom.main", Interrupted())
    with pytest.raises(SystemExit) as end:
        start()
    assert end.value.code == INTERRUPTED
    assert capsys.readouterr() == ("", "Interrupted.\n")
