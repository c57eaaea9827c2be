"""Commas before decimals and between thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.table import read_noted
from seqanomaly.errors import DataError


def read(cells: list[str], tmp_path: Path, other: str = "1", **settings: Any) -> list[float]:
    """A column of a table with semicolons, and one beside it."""
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "".join(f"{cell};{other}\n" for cell in cells))
    table, _ = read_noted(path, **{"asks": True, **settings})
    found: list[float] = table["a"].tolist()
    return found


@pytest.mark.parametrize(
    ("cells", "other", "values"),
    [
        (["0,5", "7", "1,100"], "1", [0.5, 7, 1.1]),
        (["1,100", "12,1000"], "1", [1.1, 12.1]),
        (["1,100", "2,200"], "0,5", [1.1, 2.2]),
        (["1100,250", "1,100"], "1", [1100.25, 1.1]),
        (["1,100", "1,100,200"], "1", [1100, 1100200]),
        (["1,100", "-2,200.5"], "1", [1100, -2200.5]),
        (["1,100", "2,200"], "1,100,200", [1100, 2200]),
    ],
)
def test_one_number_says_what_commas_mean(cells: list[str], other: str, values: list[float], tmp_path: Path) -> None:
    assert read(cells, tmp_path, other) == values


@pytest.mark.parametrize("cells", [["950", "1,100"], ["2.5", "1,100"]])
def test_what_no_number_says_is_asked_for(cells: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read(cells, tmp_path)
    assert str(error.value) == (
        "t.csv: column 'a', data row 2: '1,100' may have decimals or thousands after its comma, and no row says which; "
        "say which with commas: decimals or commas: thousands"
    )
    assert read(cells, tmp_path, commas="thousands") == [float(cells[0]), 1100]


def test_families_read_what_their_authors_wrote(tmp_path: Path) -> None:
    assert read(["950", "1,100"], tmp_path, asks=False) == [950, 1.1]


def test_thousands_between_commas(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"1,100",x\n7,"1,5"\n')
    table, notes = read_noted(tmp_path / "t.csv", "thousands")
    assert table.values.tolist() == [[1100, "x"], [7, "1,5"]]
    assert notes == ("t.csv: in its numbers thousands follow a comma",)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("commas", [None, "decimals", "thousands"])
def test_a_table_takes_the_setting(commas: str | None, tmp_path: Path, *, mapped: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x;label\n" + "".join(f"{step},250;{step // 15}\n" for step in range(1, 21)))
    given: dict[str, Any] = {"path": str(path), "series": None, "step": None, "mapped": mapped, "commas": commas}
    if commas is None or (mapped and commas == "thousands"):
        problem = (
            "'1,250' may have decimals or" if commas is None else "has commas between thousands, which are read in"
        )
        with pytest.raises(DataError, match=problem):
            FileData(**given).open()
        return
    source = FileData(**given).open()
    assert source.parts(0).train.x[0, 0, 0] == (1.25 if commas == "decimals" else 1250)
    assert f"t.csv: its columns are separated by ';' and {commas} follow a comma" in source.notes
