"""No (series, step) is in two parts, and it would be noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.spans import Span, prove_apart, series_names, spans
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


def one(steps: int, name: str = "a", first: int | None = None) -> Sequences:
    offset = None if first is None else np.array([first])
    return Sequences.of([np.zeros((steps, 1))], [0], ids=(name,), offset=offset)


def test_every_family_is_apart(samples: Samples, tmp_path: Path) -> None:
    for kind, write in samples.items():
        write(tmp_path / kind)
        path = next((tmp_path / kind).glob("*.npz"), tmp_path / kind)
        spec = pick_data({"path": str(path), **({"channels": ["P-1"]} if kind == "smap" else {})})
        assert isinstance(spec, DataSpec)
        parts = spec.open().parts(0)
        found = spans(vars(parts))
        assert prove_apart(found) == sum(int(part.length.sum()) for part in vars(parts).values())


def test_a_series_that_is_cut_is_covered(samples: Samples, tmp_path: Path) -> None:
    samples["nab"](tmp_path / "here")
    spec = pick_data(str(tmp_path / "here"))
    assert isinstance(spec, DataSpec)
    found = [span for span in spans(vars(spec.open().parts(0))) if span.series == "flow"]
    assert [(span.part, span.first, span.last, span.steps) for span in found] == [
        ("train", 0, 7, 8),
        ("validation", 8, 9, 2),
        ("test", 10, 69, 60),
    ]


def test_a_recording_of_its_own_gets_a_name_of_its_own() -> None:
    own = {"train": one(5), "validation": one(2, first=5), "test": one(4)}
    assert series_names(own) == {"train": ("a",), "validation": ("a",), "test": ("a (test)",)}
    goes_on = {"train": one(5), "test": one(4, first=5)}
    assert series_names(goes_on)["test"] == ("a",)
    assert series_names(goes_on, whole=True)["test"] == ("a (test)",)
    assert series_names({"train": one(5), "test": one(4, "b")}, whole=True)["test"] == ("b",)


def test_a_step_in_two_parts_is_found() -> None:
    shared = [Span(part="train", series="a", first=0, last=5), Span(part="test", series="a", first=5, last=9)]
    other = Span(part="test", series="b", first=0, last=5)
    assert prove_apart([shared[0], other]) == 12
    with pytest.raises(DataError) as error:
        prove_apart([shared[1], other, shared[0]])
    assert str(error.value) == (
        "series 'a': steps 0 to 5 (train) and 5 to 9 (test) overlap; give the sequences different names"
    )


def test_a_span_inside_another_one_is_found() -> None:
    outer = Span(part="train", series="a", first=0, last=9)
    inner = [Span(part="test", series="a", first=at, last=at) for at in (2, 12)]
    with pytest.raises(DataError, match=r"steps 0 to 9 \(train\) and 2 to 2 \(test\) overlap"):
        prove_apart([*inner, outer])
