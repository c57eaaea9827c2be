"""`seqanom data`: look at data sets, convert them, say which steps train and which test; one file per command."""

from __future__ import annotations

import typer

from seqanom.data.convert import convert
from seqanom.data.listing import listing
from seqanom.data.show import show
from seqanom.data.split import split

data = typer.Typer(
    name="data", help="Look at data sets: list, show, convert, split.", no_args_is_help=True, add_completion=False
)
data.command("list")(listing)
for _command in (show, convert, split):
    data.command()(_command)
