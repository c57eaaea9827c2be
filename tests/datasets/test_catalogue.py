"""What the catalogue says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqanomaly.config import parse_yaml
from seqanomaly.datasets.catalogue import FAMILIES, SHIPPED_DATA, Shipped, drawn
from seqanomaly.datasets.family import Family
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import DATASETS, pick_data
from seqanomaly.datasets.synthetic import SYNTHETIC

DATA = Path(__file__).parents[2] / "data"


def test_every_kind_is_in_it() -> None:
    families = [kind for kind, data in DATASETS.items() if issubclass(data, Family) or kind == "file"]
    assert [family.kind for family in FAMILIES] == families
    assert list(drawn()) == list(SYNTHETIC)
    shipped = {value["kind"] if isinstance(value := parse_yaml(one.name, ""), dict) else value for one in SHIPPED_DATA}
    assert shipped == {path.name for path in DATA.iterdir()}
    assert set(DATASETS) == shipped | set(SYNTHETIC) | set(families)


@pytest.mark.parametrize("entry", SHIPPED_DATA, ids=lambda entry: entry.name)
def test_sizes_and_labels_of_what_ships(entry: Shipped) -> None:
    spec = pick_data(parse_yaml(entry.name, ""))
    assert isinstance(spec, DataSpec)
    source = spec.open()
    parts = list(vars(source.parts(0)).values())
    assert sum(map(len, parts)) == entry.sequences
    lengths = [int(length) for part in parts for length in part.length]
    assert (min(lengths), max(lengths)) == entry.steps
    assert len(parts[0].features) == entry.channels
    assert ("official test part" in entry.about) == source.official_test
    assert "the seed draws the test part" in entry.about or source.official_test
    for setting in re.findall(r"\{.*?\}", entry.labels):
        other = pick_data(parse_yaml(setting, ""))
        assert isinstance(other, DataSpec)
        known = other.open().known
        assert known is not None
        count = re.search(r"which of (\d)", entry.labels)
        assert len(known.classes) == (2 if count is None else int(count[1]) + 1)


@pytest.mark.parametrize("entry", SHIPPED_DATA, ids=lambda entry: entry.name)
def test_licences_are_those_of_the_readmes(entry: Shipped) -> None:
    kind = entry.name if entry.name in DATASETS else "robot"
    readme = " ".join((DATA / kind / "README.md").read_text(encoding="utf-8").split())
    said = {"public domain (U.S. Government work)": "Work of the U.S. Government"}.get(entry.licence, entry.licence)
    assert said in readme
