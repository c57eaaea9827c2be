"""Text tables without a header, as the raw files of Daphnet and OPPORTUNITY are laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.numbers import Numbers
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import ConfigError, DataError

DAPHNET = {"label": 11, "step": 1, "masked": ["0"], "normal": "1"}


def daphnet(folder: Path) -> None:
    """Twenty recordings: ms, nine accelerations, annotation (0 no part of the experiment, 1 normal, 2 freeze)."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for subject in range(1, 21):
        note = np.array([0] * 6 + [1] * 20 + [2] * 8 + [1] * 4 + [0] * 2)
        rows = np.column_stack([np.arange(15, 640, 16)[:40], random.integers(-900, 1400, (40, 9)), note])
        (folder / f"S{subject:02}R01.txt").write_text(
            "\n".join(" ".join(map(str, row)) for row in rows.tolist()) + "\n"
        )


def opportunity(folder: Path) -> None:
    """Four recordings in 250 columns: ms, sensors with NaN, and in the last seven columns labels of gestures."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    for name in ("S1-ADL1", "S1-ADL2", "S1-Drill", "S2-ADL1"):
        rows = [[str(word) for word in row] for row in random.integers(-1500, 1500, (30, 250)).tolist()]
        for place, row in enumerate(rows):
            row[0], row[33] = str(33 * place), "NaN" if place % 9 == 4 else row[33]
            row[243:] = ["101", "0", "0", "0", "0", "0", "406516" if 20 < place < 26 else "0"]
        (folder / f"{name}.dat").write_text("\n".join(map(" ".join, rows)) + "\n")
    (folder / "column_names.txt").write_text("Column: 1 MILLISEC\n")


def lack(folder: Path) -> None:
    path = folder / "S01R01.txt"
    lines = path.read_text().split("\n")
    words = lines[12].split()
    lines[12] = " ".join([*words[:4], "NaN", *words[5:]])
    path.write_text("\n".join(lines))


SAMPLE = {
    "kind": "numbers",
    "write": daphnet,
    "settings": {"label": 11, "step": 1, "normal": "1", "binary": True},
    "lack": lack,
}


def opened(path: Path, **settings: Any) -> Source:
    return Numbers(path=str(path), **settings).open()


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        opened(path, **settings)
    return str(error.value).replace(str(path), "HERE")


def test_steps_that_are_no_part_are_masked(tmp_path: Path) -> None:
    daphnet(tmp_path)
    source = opened(tmp_path, **DAPHNET)
    known = source.known
    assert known is not None
    assert known.ids == tuple(f"S{subject:02}R01" for subject in range(1, 21))
    assert known.features == tuple(f"column_{number}" for number in range(2, 11))
    assert known.classes == ("1", "2")
    np.testing.assert_array_equal(known.mask[0], [False] * 6 + [True] * 32 + [False] * 2)
    assert known.label[0].tolist() == [0] * 26 + [1] * 8 + [0] * 6
    assert known.x[1, 3].tolist() == [float(word) for word in (tmp_path / "S02R01.txt").read_text().split()[34:43]]
    assert source.notes[1:4] == (
        "label is column 11, where 1 is normal",
        "9 of the 11 columns are features",
        "masked, as their label is 0: 160 of 800 steps",
    )


def test_steps_stay_masked_where_missing_values_are_filled(tmp_path: Path) -> None:
    daphnet(tmp_path)
    lack(tmp_path)
    known = opened(tmp_path, **DAPHNET, missing="ffill").known
    assert known is not None
    np.testing.assert_array_equal(known.mask[0], [False] * 6 + [True] * 32 + [False] * 2)


def test_one_file_is_cut_in_time(tmp_path: Path) -> None:
    daphnet(tmp_path)
    test = opened(tmp_path / "S01R01.txt", **DAPHNET, test=0.5).parts(0).test
    assert test.start.tolist() == [20]
    assert test.mask[0].tolist() == [True] * 18 + [False] * 2


def test_many_columns_of_labels_and_missing_values(tmp_path: Path) -> None:
    opportunity(tmp_path)
    settings = {"step": 1, "label": 250, "ignore": ["244-249", 2], "binary": True}
    assert heard(tmp_path, **settings).endswith(
        "S1-ADL1.dat: row 5, column 34 is missing; fill it, or set missing: drop, ffill, interpolate or mask"
    )
    source = opened(tmp_path, **settings, missing="ffill")
    known = source.known
    assert known is not None
    assert known.features == tuple(f"column_{number}" for number in range(3, 244))
    assert known.x[0, 4, 31] == known.x[0, 3, 31]
    assert known.label[0].tolist() == [int(20 < place < 26) for place in range(30)]
    assert "left out, as they begin with no row of numbers: column_names.txt" in source.notes


def test_nothing_is_taken_for_a_label(tmp_path: Path) -> None:
    daphnet(tmp_path)
    with pytest.raises(ConfigError, match="kind: numbers, label: NUMBER"):
        recognise(str(tmp_path))
    assert heard(tmp_path).endswith(
        "S01R01.txt: has 11 columns without names; say which one holds the labels with label: NUMBER, from 1 on, or "
        "take every step as normal with label: null"
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"label": 12}, "HERE/S01R01.txt: there is no column 12; it has 11"),
        ({"label": 11, "normal": "7"}, "HERE/S01R01.txt: column 11 has the labels 0, 1, 2 and none is '7'; say which"),
        ({"label": 11, "masked": ["7"]}, "HERE/S01R01.txt: no step of the data has the label '7' that is masked"),
        ({"label": 11, "masked": ["0"]}, "HERE/S01R01.txt: column 11 has the labels 1, 2 and none is '0'; say which"),
        ({"label": 11, "ignore": ["1-10"]}, "HERE/S01R01.txt: of its 11 columns none is left as a feature"),
    ],
)
def test_what_the_columns_cannot_be(tmp_path: Path, settings: dict[str, Any], text: str) -> None:
    daphnet(tmp_path)
    assert heard(tmp_path, **settings).startswith(text)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\n1 2\n")
    assert heard(tmp_path, label=2).startswith("HERE: no file in it begins with a row of numbers; known endings: .txt,")
    (tmp_path / "b.txt").write_text("1 2 0\n1 3 0\n")
    (tmp_path / "c.dat").write_text("1,2,3,0\n")
    assert heard(tmp_path, label=3) == "HERE/c.dat: has 4 columns where b.txt has 3"
    (tmp_path / "b.txt").write_text("1 2 0\n1 3 NaN\n")
    assert heard(tmp_path / "b.txt", label=3) == "HERE: row 2, column 3 is missing; drop the row"


def test_all_steps_may_be_normal(tmp_path: Path) -> None:
    daphnet(tmp_path)
    known = opened(tmp_path, label=None, ignore=[11]).known
    assert known is not None
    assert not known.label.any()
    assert known.features == tuple(f"column_{number}" for number in range(1, 11))
