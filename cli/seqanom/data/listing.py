"""`seqanom data list`: what ships, and which files are recognised."""

from __future__ import annotations

from dataclasses import asdict

from seqanom import console
from seqanom.data.options import AsJson


def listing(as_json: AsJson = False) -> None:
    """List the data sets that ship, the tasks that are drawn, and the files that are recognised."""
    from seqanomaly.datasets.catalogue import FAMILIES, SHIPPED_DATA, drawn

    if as_json:
        families = [{**asdict(family), "command": family.command} for family in FAMILIES]
        tasks = [{"name": name, "about": about} for name, about in drawn().items()]
        console.result_json({"ships": [asdict(entry) for entry in SHIPPED_DATA], "drawn": tasks, "families": families})
        return
    made = console.table("name", "sequences", "steps", "channels", title="Ships with seqanom")
    for entry in SHIPPED_DATA:
        few, many = entry.steps
        made.add_row(
            entry.name, str(entry.sequences), str(few) if few == many else f"{few}-{many}", str(entry.channels)
        )
    console.result(made)
    for entry in SHIPPED_DATA:
        console.result(f"\n{entry.name}: {entry.about}\n  anomalous: {entry.labels}\n  licence: {entry.licence}")
    console.result("\nDrawn by the seed (length, train and test sequences are settings):")
    for name, about in drawn().items():
        console.result(f"  {name}: {about}")
    console.result("\nFiles that are recognised (say which it is with {kind: KIND, path: PATH} where a path is not):")
    for family in FAMILIES:
        console.result(f"\n{family.kind}: {family.title}\n  {family.files}\n  {family.command}")
