"""`seqanom data split`: exactly which steps train, validate and test."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from seqanom import console
from seqanom.data.options import AsJson, Binary, Data, Features, Ignore, Label, Normal, Part, Series, Step, chosen


def split(
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
    as_json: AsJson = False,
) -> None:
    """Say which steps train, validate and test under a seed, and prove that none is in two parts.

    Steps are numbered from 0 in their series, in its order.
    """
    from seqanomaly.datasets.mapped.source import MappedSource
    from seqanomaly.datasets.spans import prove_apart, spans

    spec = chosen(data, series, step, label, features, ignore, normal, binary, part)
    with console.opening(spec.name):
        source = spec.open()
    found = spans(vars(source.divided(seed) if isinstance(source, MappedSource) else source.parts(seed)))
    steps = prove_apart(found)
    fixed = "given" if source.official_test else "drawn by the seed"
    if as_json:
        rows = [{**asdict(span), "steps": span.steps} for span in found]
        console.result_json(
            {"data": spec.name, "seed": seed, "test_part": fixed, "spans": rows, "steps": steps, "apart": True}
        )
        return
    made = console.table("series", "part", "first", "last", "steps", title=f"{spec.name}, seed {seed}")
    made.columns[1].justify = "left"
    for span in found:
        made.add_row(span.series, span.part, str(span.first), str(span.last), str(span.steps))
    console.result(made)
    console.result(
        f"\nThe test part is {fixed}. Checked: {console.plural(len(found), 'span')} with {steps:,} different pairs of "
        "series and step, so no step is in two parts."
    )
