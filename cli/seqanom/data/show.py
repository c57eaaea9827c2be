"""`seqanom data show`: what is in a data set, and what about it may mislead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqanom import console
from seqanom.data.options import AsJson, Binary, Data, Features, Ignore, Label, Normal, Part, Series, Step, chosen
from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from seqanomaly.datasets.source import Parts, Source
    from seqanomaly.datasets.step_alone import Place, StepAlone

BAR = 20
"""Characters of a full bar."""
UNASKED = (
    "the table is mapped, so it was not asked whether a step's place alone predicts the label, nor for few anomalous "
    "sequences or parts of unlike lengths: look at a part of it"
)
"""What is left out of a look at a table larger than memory."""


def show(
    data: Data,
    series: Series = None,
    step: Step = None,
    label: Label = None,
    features: Features = None,
    ignore: Ignore = None,
    normal: Normal = None,
    binary: Binary = None,
    part: Part = None,
    seed: Annotated[int, typer.Option(help="Whose split.", min=0)] = 0,
    picture: Annotated[Path | None, typer.Option(help="PNG file to draw some sequences into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was recognised, sizes, channels, classes, where anomalies lie, and what may mislead."""
    if picture is not None and picture.suffix.lower() != ".png":
        raise ConfigError(f"--picture: unknown ending of {picture}; use .png")
    spec = chosen(data, series, step, label, features, ignore, normal, binary, part)
    with console.opening(spec.name):
        source = spec.open()
    facts = _facts(spec.name, source, seed)
    if as_json:
        console.result_json(facts)
    else:
        _print(facts)
    if picture is not None:
        _draw(source.parts(seed), f"{spec.name}, seed {seed}", picture)


def _facts(name: str, source: Source, seed: int) -> dict[str, Any]:
    """Everything that is shown, as plain values."""
    from seqanom.train import plain_json

    tables, alone, warnings = _looked_at(source, seed)
    return {
        "data": name,
        "seed": seed,
        "test_part": "given" if source.official_test else "drawn by the seed",
        "notes": list(source.notes),
        **{key: plain_json(table) for key, table in tables.items()},
        "missing_values": 0,  # where nothing is counted, one would have been an error that names its row
        **source.counts,
        "place_alone": [_alone(found) for found in alone],
        "warnings": warnings,
    }


def _looked_at(source: Source, seed: int) -> tuple[dict[str, pd.DataFrame], list[StepAlone], list[str]]:
    """The tables of the parts, what a step's place alone can do, and what may mislead."""
    from seqanomaly.datasets.doubts import doubts
    from seqanomaly.datasets.mapped.source import MappedSource
    from seqanomaly.datasets.mapped.summary import tables as mapped_tables
    from seqanomaly.datasets.step_alone import step_alone
    from seqanomaly.datasets.summary import channels_table, classes_table, parts_table, tenths_table

    if isinstance(source, MappedSource):
        return mapped_tables(source.divided(seed)), [], [UNASKED]
    parts = source.parts(seed)
    places: tuple[Place, ...] = ("step", "position")
    asked = [step_alone(parts.train, [parts.validation, parts.test], place) for place in places]
    alone = [found for found in asked if found is not None]
    tables = {
        "parts": parts_table(parts),
        "channels": channels_table(parts),
        "classes": classes_table(parts),
        "tenths": tenths_table(parts),
    }
    return tables, alone, doubts(parts, alone)


def _alone(alone: StepAlone) -> dict[str, Any]:
    return {
        "place": alone.place,
        "rule": alone.rule,
        "balanced_accuracy": alone.accuracy,
        "low": alone.low,
        "clear": alone.clear,
    }


def _print(facts: Mapping[str, Any]) -> None:
    for note in facts["notes"]:
        console.result(f"- {note}")
    console.result(_parts(facts))
    console.result("")
    console.result(_channels(facts))
    console.result(f"\n{_irregular(facts)}\n")
    console.result(_classes(facts))
    console.result("")
    console.result(_tenths(facts))
    console.result("")
    for alone in facts["place_alone"]:
        console.result(_place(alone))
    if not facts["place_alone"] and UNASKED not in facts["warnings"]:
        console.result("Step index alone: not asked, as the training part or the rest has one class only.")
    for warning in facts["warnings"]:
        console.result(f"Warning: {warning}.")


def _irregular(facts: Mapping[str, Any]) -> str:
    """What was counted, also what was not found.

    >>> _irregular({"missing_values": 0})
    'Missing values: none. The files hold no times.'
    """
    words = {
        "gaps": "gaps in time",
        "duplicates": "duplicated times",
        "backward": "jumps back in time",
        "irregular": "uneven distances in time",
    }
    found = [f"{word}: {facts[key]:,}" for key, word in words.items() if facts.get(key)]
    missing = f"Missing values: {facts['missing_values'] or 'none'}"
    if not words.keys() & facts.keys():
        return f"{missing}. The files hold no times."
    return f"{'; '.join([missing, *found])}." if found else f"{missing}. Times: even, each step after the one before."


def _parts(facts: Mapping[str, Any]) -> Table:
    title = f"{facts['data']}, seed {facts['seed']}; the test part is {facts['test_part']}"
    columns = ("part", "sequences", "steps", "shortest", "median", "longest", "anomalous", "sequences with any")
    made = console.table(*columns, title=title)
    for row in facts["parts"]:
        counts = [f"{row[key]:,}" for key in ("sequences", "steps", "shortest")]
        made.add_row(
            row["part"],
            *counts,
            f"{row['median']:g}",
            f"{row['longest']:,}",
            f"{row['anomalous']:.1%}",
            str(row["anomalous_sequences"]),
        )
    return made


def _channels(facts: Mapping[str, Any]) -> Table:
    names = ("min", "mean", "max", "test_min", "test_max")
    title = f"{console.plural(len(facts['channels']), 'channel')}: range in the training part and in the test part"
    made = console.table("channel", "min", "mean", "max", "test min", "test max", "", title=title)
    for row in facts["channels"]:
        made.add_row(row["channel"], *(f"{row[key]:.5g}" for key in names), "constant" if row["constant"] else "")
    return made


def _classes(facts: Mapping[str, Any]) -> Table:
    made = console.table("class", "train steps", "validation", "test", "share", "sequences", title="Classes")
    for row in facts["classes"]:
        steps = [f"{row[key]:,}" for key in ("train", "validation", "test")]
        made.add_row(row["class"], *steps, f"{row['share']:.1%}", f"{row['sequences']:,}")
    return made


def _tenths(facts: Mapping[str, Any]) -> Table:
    made = console.table("sequence", "train", "test", "all", "", title="Anomalous steps by tenth of the sequence")
    made.columns[4].justify = "left"
    for row in facts["tenths"]:
        shares = ["-" if row[key] is None else f"{row[key]:.1%}" for key in ("train", "test", "all")]
        made.add_row(row["tenth"], *shares, bar(row["all"] or 0.0))
    return made


def bar(share: float) -> str:
    """A share as a bar, with a dot where it is too small for one.

    >>> bar(0.25), bar(0.001), bar(0.0)
    ('█████', '·', '')
    """
    return "█" * round(share * BAR) or "·" * (share > 0)


def _place(alone: Mapping[str, Any]) -> str:
    low = alone["low"]
    certain = f"95% interval from {low:.1%}" if low == low else "too few series for an interval"
    what = "Step index" if alone["place"] == "step" else "Relative position"
    return (
        f"{what} alone: '{alone['rule']}', fitted to the training part, has a balanced accuracy of "
        f"{alone['balanced_accuracy']:.1%} on the rest ({certain})."
    )


def _draw(parts: Parts, title: str, path: Path) -> None:
    from seqanomaly.datasets.picture import draw, save_picture

    try:
        save_picture(draw(parts, title), path)
    except OSError as error:
        raise ConfigError(f"--picture: cannot write {path} ({error.strerror or error})") from None
    console.remark(f"Picture: {path}")
