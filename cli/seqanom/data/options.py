"""What the commands of `seqanom data` have in common: which data set, and which column means what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    from seqanomaly.datasets.source import DataSpec

PANEL = "Columns of a table"

Data = Annotated[str, typer.Argument(help="What --data takes: a name, a file or folder, or a mapping.")]
Series = Annotated[str | None, typer.Option(help="Column that names the sequence.", rich_help_panel=PANEL)]
Step = Annotated[str | None, typer.Option(help="Column that orders its rows.", rich_help_panel=PANEL)]
Label = Annotated[str | None, typer.Option(help="Column with the class of a row.", rich_help_panel=PANEL)]
Features = Annotated[
    str | None, typer.Option(help="Numeric columns to use, with commas; else all.", rich_help_panel=PANEL)
]
Ignore = Annotated[str | None, typer.Option(help="Columns that are no features.", rich_help_panel=PANEL)]
Normal = Annotated[str | None, typer.Option(help="The label that means normal.", rich_help_panel=PANEL)]
Binary = Annotated[
    bool | None, typer.Option("--binary", help="All labels but the normal one are one.", rich_help_panel=PANEL)
]
Part = Annotated[str | None, typer.Option(help="Column that says train, validation or test.", rich_help_panel=PANEL)]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def chosen(
    data: str,
    series: str | None,
    step: str | None,
    label: str | None,
    features: str | None,
    ignore: str | None,
    normal: str | None,
    binary: bool | None,
    part: str | None,
) -> DataSpec:
    """The data set that the argument and the flags name, as `train --data` would take it."""
    from seqanom.values import names, read_values, with_columns
    from seqanomaly.datasets.source import DataSpec
    from seqanomaly.datasets.specs import data_settings, pick_data

    values = read_values(data, "data")
    if len(values) != 1:
        raise ConfigError(f"DATA is one data set, got {len(values)} in {data!r}; look at one after the other")
    columns: dict[str, object] = {"series": series, "step": step, "label": label, "normal": normal, "binary": binary}
    columns |= {"features": names(features), "ignore": names(ignore), "part": part}
    settings = with_columns(data_settings(values[0]), columns)
    try:
        found = pick_data(settings)
    except ConfigError as error:
        raise error.within("data") from None
    assert isinstance(found, DataSpec)
    return found
