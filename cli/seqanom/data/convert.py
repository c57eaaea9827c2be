"""`seqanom data convert`: any data set as one long table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console
from seqanom.data.options import Binary, Data, Features, Ignore, Label, Normal, Part, Series, Step, chosen
from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.long import LongTable, Written

ENDINGS = (".parquet", ".csv")


def convert(
    data: Data,
    out: Annotated[Path, typer.Argument(help="File to write, .parquet or .csv.")],
    series: Series = None,
    step: Step = None,
    label: Label = None,
    features: Features = None,
    ignore: Ignore = None,
    normal: Normal = None,
    binary: Binary = None,
    part: Part = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Write the split of this seed into the column part.", show_default="what is given", min=0),
    ] = None,
) -> None:
    """Write every sequence, unscaled, as a long table: series, step, label, part and the features.

    Parquet keeps the order of the classes. The column part is left out where the seed draws the test part.
    """
    from seqanomaly.datasets.long import long_table, write_long

    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"OUT: unknown ending of {out}; use {' or '.join(ENDINGS)}")
    spec = chosen(data, series, step, label, features, ignore, normal, binary, part)
    with console.opening(spec.name):
        source = spec.open()
    if out.exists() and str(out.resolve()) == str(Path(str(spec.settings().get("path") or "")).resolve()):
        raise ConfigError(f"OUT: {out} is the data to convert; name another file")
    made = long_table(source, seed)
    try:
        with console.opening(spec.name):
            written = write_long(made, out)
    except OSError as error:
        raise ConfigError(f"OUT: cannot write {out} ({error.strerror or error})") from None
    console.result_text(f"{out}\n")
    _say(made, written, out)


def _say(made: LongTable, written: Written, out: Path) -> None:
    """What was written, how to read it, and what a CSV file cannot keep."""
    counts = f"{written.steps:,} steps of {written.series:,} series"
    split = "the column part says which train and which test" if made.divided else "the seed draws the test part"
    console.remark(f"{counts}; {split}.")
    console.remark(f"Read it with {reading(made.settings, out)}")
    if out.suffix.lower() == ".csv" and (lost := _lost(made, written.sample, out.name)):
        console.remark(f"Note: read again, the CSV file gives other {' and '.join(lost)}; .parquet keeps them.")


def reading(settings: Any, out: Path) -> str:
    """The option that reads the table.

    >>> reading({"part": "part"}, Path("out.parquet"))
    "--data '{path: out.parquet, part: part}'"
    """
    import shlex

    from seqanomaly.config import dump_yaml

    mapping = {"path": out.as_posix(), **settings}
    return f"--data {shlex.quote(dump_yaml(mapping, flow=True).strip() if settings else out.as_posix())}"


def _lost(made: LongTable, sample: pd.DataFrame, name: str) -> list[str]:
    """What reading the CSV file does not give back: names of series that look like numbers, unused classes, order.

    A row of each series and class shows it as well as the file that has all of them.
    """
    import tempfile

    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.datasets.frame import Layout, read_frame
    from seqanomaly.datasets.long import LABEL, PART, SERIES
    from seqanomaly.datasets.written import write_pieces

    normal = made.settings.get("normal")
    layout = Layout(normal=None if normal is None else str(normal), ignore=(PART,))
    with tempfile.TemporaryDirectory() as folder:
        write_pieces([sample], Path(folder) / name)
        found = read_frame(read_table(Path(folder) / name), layout, name, missing="missing" in made.settings).sequences
    pairs = {
        "names of series": (list(found.ids), sample[SERIES].unique().tolist()),
        "classes": (list(found.classes), sample[LABEL].cat.categories.tolist()),
    }
    return [what for what, (one, other) in pairs.items() if one != other]
