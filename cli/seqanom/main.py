"""The command line, assembled. Nothing heavy is imported here: torch, pandas and matplotlib wait for their command."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from seqanom import console
from seqanom.check import check
from seqanom.compare import compare
from seqanom.data import data
from seqanom.losses import losses
from seqanom.report import report
from seqanom.runs import runs
from seqanom.score import score
from seqanom.train import train
from seqanomaly import __version__

app = typer.Typer(
    name="seqanom",
    help="Train sequential anomaly detectors with counter-modulated losses and compare late with early accuracy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (compare, check, report, train, score, runs, losses):
    app.command()(_command)
app.add_typer(data)


FEW = 100_000
"""New objects after which Python looks for garbage: what a command loads is none, and looking takes long."""


def _version(wanted: bool) -> None:
    if wanted:
        console.result(f"seqanom {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train sequential anomaly detectors with counter-modulated losses and compare late with early accuracy."""


def main() -> None:
    """Entry point of the `seqanom` command."""
    gc.set_threshold(FEW, 20, 20)
    console.leave(console.run(app))
