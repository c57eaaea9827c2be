"""Robot execution failures: the shipped copies against the originals, counts, classes and broken files."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.formats.robot import Robot
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError


def block(name: str, value: int, rows: int = 15) -> str:
    return name + "\n" + "\n".join("\t" + "\t".join([str(value)] * 6) for _ in range(rows)) + "\n"


def file(folder: Path, *blocks: str) -> Path:
    path = folder / "lp1.data"
    path.write_text("\n\n".join(blocks) + "\n\n")
    return path


def classes(subset: Any) -> Counter[str]:
    known = Robot(subset=subset, label="class").open().known
    assert known is not None
    np.testing.assert_array_equal(known.label, np.broadcast_to(known.label[:, :1], known.label.shape))
    return Counter(known.classes[i] for i in known.label[:, 0])


def test_what_ships_is_the_original(shared: Path) -> None:
    for name in ("lp1.data", "lp4.data"):
        packed = (SHIPPED / "robot" / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == (shared / "datasets" / "RobotExecutionFailures" / name).read_bytes()


def test_the_counts_of_the_readme() -> None:
    assert classes("lp1") == {"normal": 21, "obstruction": 34, "collision": 17, "fr_collision": 16}
    assert classes("lp4") == {"normal": 24, "obstruction": 21, "collision": 71}  # one of 72 is a copy
    notes = Robot(subset="lp4").open().notes
    assert notes == (
        "label is 1 for every class but 'normal' of the episode, on all of its steps",
        "copies of earlier episodes: 1 of 117, left out",
    )
    assert Robot(label="class").open().notes == ("label is the class of the episode, on all of its steps",)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_test_part_is_stratified(seed: int) -> None:
    source = Robot(label="class").open()
    parts = source.parts(seed)
    assert not source.official_test
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [50, 12, 26]
    shares = np.bincount(parts.test.label[:, 0]) / 26
    np.testing.assert_allclose(shares, np.array([21, 17, 16, 34]) / 88, atol=1 / 26)
    assert parts.test.x.shape == (26, 15, 6)
    assert parts.test.features == ("fx", "fy", "fz", "tx", "ty", "tz")


def test_a_file_of_its_own(tmp_path: Path) -> None:
    path = file(tmp_path, block("ok", 1), block("lost", 2), block("moved", 3), block("lost", 4), block("lost", 2))
    source = pick_data({"kind": "robot", "path": str(path), "label": "class"}).open()  # type: ignore[attr-defined]
    assert source.known.classes == ("ok", "lost", "moved")
    assert source.known.ids == ("lp1-1", "lp1-2", "lp1-3", "lp1-4")
    assert source.known.label[:, 0].tolist() == [0, 1, 2, 1]
    assert source.known.x[:, 14, 5].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        (
            [block("normal", 1), block("collision", 2, 14)],
            "episode 2 ('collision'): needs a class and 15 rows of 6 finite",
        ),
        (
            [block("normal", 1).replace("1\n", "1\t1\n", 1)],
            "episode 1 ('normal'): its rows are no numbers of equal count",
        ),
        ([block("normal", 1), block("x", 2).replace("2", "a", 1)], "episode 2 ('x'): its rows are no numbers of equal"),
        ([block("collision", 1)], "no episode has the class normal or ok"),
        (
            [block("normal", 1), block("norm4l", 2)],
            "episode 2 ('norm4l'): its class is no word of letters, such as normal or fr_collision",
        ),
        (
            [block("normal", 1).replace("1", "1_0")],
            "episode 1 ('normal'): its rows are no numbers of equal count (a number has no _)",
        ),
        ([block("normal", 1), "x"], "episode 2 ('x'): needs a class and 15 rows of 6 finite numbers, found 0"),
    ],
)
def test_broken_files(tmp_path: Path, blocks: list[str], text: str) -> None:
    path = file(tmp_path, *blocks)
    with pytest.raises(DataError) as error:
        Robot(path=str(path)).open()
    assert str(error.value).startswith(f"{path}: {text}")


def test_a_problem_that_is_not_there() -> None:
    with pytest.raises(DataError) as error:
        Robot(subset="lp2").open()
    assert str(error.value) == "lp2 does not ship; name the folder with lp2.data with path"
    with pytest.raises(DataError) as error:
        Robot(path=str(SHIPPED / "robot"), subset="lp2").open()
    assert str(error.value) == (f"{SHIPPED / 'robot'}: there is no lp2.data in it; found: lp1.data.gz, lp4.data.gz")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("robot", "robot"),
        ({"kind": "robot", "subset": "lp4", "label": "class", "test": 0.5}, "robot(test=0.5,subset=lp4,label=class)"),
    ],
)
def test_names(value: object, name: str) -> None:
    found = pick_data(value)
    assert isinstance(found, Robot)
    assert found.name == name


def test_other_problems_beside_it_are_named(tmp_path: Path) -> None:
    blocks = [f"{name}\n" + "1 2 3 4 5 6\n" * 14 + f"{n} 2 3 4 5 6\n" for n, name in enumerate(["ok", "moved"] * 3)]
    for name in ("lp1", "lp3", "lp5"):
        (tmp_path / f"{name}.data").write_text("\n".join(blocks))
    assert (
        "lp3.data is read; others there, with subset: lp1, lp5" in Robot(path=str(tmp_path), subset="lp3").open().notes
    )
