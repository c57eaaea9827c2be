"""ARFF files: cases and steps, what is asked, what is left out, and broken files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.arff import Arff
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

FLAT = (
    "% made\n@relation a\n\n@attribute att0 numeric\n@attribute att1 REAL\n@attribute att2 numeric\n"
    "@attribute target {0,1}\n\n@data\n% values\n"
)
STEPS = "@RELATION 'an EEG'\n@ATTRIBUTE AF3 NUMERIC\n@ATTRIBUTE 'F 7' integer\n@ATTRIBUTE eye {0,1}\n@DATA\n"
BAG = (
    "@relation a\n@attribute bag relational\n  @attribute t0 numeric\n  @attribute t1 numeric\n"
    "  @attribute t2 numeric\n@end bag\n@attribute activity {Standing,'Running fast'}\n@data\n"
)


def write(folder: Path) -> None:
    """One series of 400 steps and 3 channels."""
    folder.mkdir(exist_ok=True)
    x = np.random.default_rng(0).standard_normal((400, 3))
    head = "@relation EEG\n" + "".join(f"@attribute {name} numeric\n" for name in ("AF3", "F7", "F3"))
    rows = [",".join([*(f"{v:.4f}" for v in row), str(i // 20 % 4 // 3)]) for i, row in enumerate(x)]
    text = head + "@attribute eyeDetection {0,1}\n@data\n" + "\n".join(rows) + "\n"
    (folder / "EEG_Eye_State.arff").write_text(text)


def lack(folder: Path) -> None:
    path = folder / "EEG_Eye_State.arff"
    lines = path.read_text().splitlines()
    lines[50] = ",".join(["?", *lines[50].split(",")[1:]])
    path.write_text("\n".join(lines) + "\n")


SAMPLE = {
    "kind": "arff",
    "write": write,
    "path": "EEG_Eye_State.arff",
    "settings": {},
    "parts": "continued",
    "lack": lack,
}


def opened(path: Path, text: str, **settings: Any) -> Source:
    path.write_text(text)
    return Arff(path=str(path), **settings).open()


def heard(path: Path, text: str, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        opened(path, text, **settings)
    return str(error.value).replace(str(path), "HERE")


def test_steps_of_one_series(tmp_path: Path) -> None:
    write(tmp_path)
    assert recognise(str(tmp_path)) == {"kind": "arff", "path": str(tmp_path)}
    source = Arff(path=str(tmp_path)).open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.x.shape, test.x.shape, known.features) == ((1, 280, 3), (1, 120, 3), ("AF3", "F7", "F3"))
    assert np.flatnonzero(known.label[0]).tolist() == [i for i in range(280) if i // 20 % 4 == 3]
    assert source.notes[1:4] == (
        "label of a step is its class, the attribute 'eyeDetection'",
        "a row is a step of one series and its attributes are the channels, as those are not numbered; rows: sequences "
        "says otherwise",
        "the last 30% of the steps test and those before train",
    )


def test_a_training_and_a_test_file_of_steps(tmp_path: Path) -> None:
    (tmp_path / "a_TEST.arff").write_text(STEPS + "1,2,1\n" * 4)
    path = tmp_path / "a_TRAIN.arff"
    assert heard(path, STEPS + "1,2,0\n" * 10).startswith("HERE: may have a row per sequence")
    source = opened(path, STEPS + "1,2,0\n" * 10, rows="steps")
    assert source.known is not None
    assert (source.known.x.shape, source.parts(0).test.x.shape) == ((1, 10, 2), (1, 4, 2))
    (tmp_path / "a_TEST.arff").write_text(STEPS.replace("AF3", "AF4") + "1,2,1\n" * 4)
    other = tmp_path / "a_TEST.arff"
    assert heard(path, STEPS + "1,2,0\n", rows="steps") == f"{other}: has not the numeric attributes of a_TRAIN.arff"


def test_cases_of_one_channel(tmp_path: Path) -> None:
    (tmp_path / "a_TEST.arff").write_text(FLAT + "5,6,7,1\n7,8,9,0\n")
    source = opened(tmp_path / "a_TRAIN.arff", FLAT + "1,2,3,0\n3,4,?,1\n" * 3)
    assert source.known is not None
    assert source.known.length.tolist() == [3, 2] * 3
    assert source.known.label[:2, 0].tolist() == [0, 1]
    assert source.parts(0).test.x[:, :, 0].tolist() == [[5, 6, 7], [7, 8, 9]]
    assert source.notes[1:4] == (
        "label is the class of the case, on all of its steps",
        "a row is a sequence and its attributes are the steps, as those are numbered; rows: steps says otherwise",
        "a_TRAIN.arff: 3 of 6 cases end in missing values, which are taken as padding and left out",
    )


def test_cases_of_several_channels(tmp_path: Path) -> None:
    """The lines of the relational attribute are channels; one channel alone is a problem that is not read beside it."""
    rows = "'1,2,3\\n4,5,6',Standing\n\"7,8,?\\n9,10,?\",'Running fast'\n" * 4
    (tmp_path / "aDimension1_TRAIN.arff").write_text(FLAT + "1,2,3,0\n")
    (tmp_path / "a_TRAIN.arff").write_text(BAG + rows)
    source = Arff(path=str(tmp_path), normal="Standing").open()
    known = source.known
    assert known is not None
    assert known.x[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert known.length.tolist() == [3, 2] * 4
    assert known.classes == ("Standing", "Running fast")
    assert "a row is a sequence, each line of its relational attribute a channel" in source.notes
    assert heard(tmp_path / "a_TRAIN.arff", BAG + rows, rows="steps") == (
        "HERE: a row of a relational attribute is a sequence; leave rows: steps out"
    )


def test_what_cannot_be_known_is_asked(tmp_path: Path) -> None:
    path, text = tmp_path / "a.arff", FLAT + "1,2,3,0\n3,4,5,1\n" * 5
    assert heard(path, text) == (
        "HERE: may have a row per sequence, whose steps are its attributes att0 to att2, or a row per step, whose "
        "channels they are; say it with rows: sequences or rows: steps"
    )
    steps, cases = (opened(path, text, rows=rows) for rows in ("steps", "sequences"))
    assert "a row is a step of one series and its attributes are the channels (rows: steps)" in steps.notes
    assert cases.known is not None
    assert cases.known.x.shape == (10, 3, 1)


def test_the_normal_class_is_not_guessed(tmp_path: Path) -> None:
    text = STEPS.replace("{0,1}", "{1,-1}") + "1,2,1\n3,4,-1\n" * 5
    assert heard(tmp_path / "a.arff", text) == (
        "HERE: has the classes -1, 1 and none is 0 or 'normal'; say which one is normal with normal: CLASS"
    )
    known = opened(tmp_path / "a.arff", text, normal=1, label="binary").known
    assert known is not None
    assert known.label[0, :4].tolist() == [0, 1, 0, 1]


def test_what_is_no_number_is_left_out_and_named(tmp_path: Path) -> None:
    head = (
        "@relation a\n@attribute name string\n@attribute x numeric\n@attribute at date 'yyyy-MM-dd'\n"
        "@attribute how {on, 'off, really'}\n@attribute class {normal, fault}\n@data\n"
    )
    rows = "'it\\'s, a',1.5,'2020-01-01','off, really',normal\n\"b\" , 2e0 , ?, on, fault\n" * 5
    source = opened(tmp_path / "a.arff", head + rows)
    assert source.known is not None
    assert source.known.features == ("x",)
    assert source.known.x[0, :2, 0].tolist() == [1.5, 2]
    assert "left out, as they are no numbers: the attributes 'name', 'at', 'how'" in source.notes


def test_values_between_tabs(tmp_path: Path) -> None:
    known = opened(tmp_path / "a.arff", STEPS + "1\t2 0\n3 4\t1\n" * 5).known
    assert known is not None
    assert known.x[0, :2].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,0\n", "has no line @data; it is no ARFF file"),
        (STEPS, "there is no row after @data"),
        ("@relation a\n@attribute x {0,1}\n@data\n1\n", "has 1 attributes; needed are values and, at the end, their"),
        ("@relation a\nx numeric\n@data\n1\n", "line 2: 'x numeric' is no line of an ARFF head, as @attribute NAME"),
        (STEPS.replace("integer", "complex"), "line 3: 'complex' is no type of an attribute; known: numeric, real, "),
        (STEPS.replace("'F 7'", "AF3") + "1,2,0\n", "two attributes are called 'AF3'; rename one"),
        (STEPS.replace("0,1}", "0,1"), "line 4: the classes of 'eye' have no } at their end"),
        (BAG.replace("@end bag\n", "") + "1\n", "the relational attribute 'bag' has no line @end bag"),
        (
            BAG.replace("t1", "x") + "'1,2,3',Standing\n",
            "the attributes in 'bag' (t0, x, t2) are not numbered as steps",
        ),
        (BAG + "'1,2,3\\n4,5',Standing\n", "line 9: its channels have 3, 2 values"),
        (BAG + "'1,2,3',Standing\n'1,2,3\\n4,5,6',Standing\n", "its cases have different numbers of dimensions"),
        (BAG + "'1,2,3,Standing\n", "line 9: has a quotation mark that is not closed, or more beside a value"),
        (BAG + "'1,2,3'4,Standing\n", "line 9: has a quotation mark that is not closed, or more beside a value"),
        (
            BAG.replace("@attribute activity", "@attribute x numeric\n@attribute activity") + "'1,2,3',1,Standing\n",
            "has more than one relational attribute of numbers and a class, so its steps are not known",
        ),
        (STEPS.replace("{0,1}", "numeric") + "1,2,0\n", "its last attribute 'eye' is numeric and has to be the class"),
        (STEPS + "1,2\n", "line 6: has 2 values where there are 3 attributes"),
        (STEPS + "{0 1.5, 2 1}\n", "line 6: is a sparse row ({place value, ..}), which is not read; save all values"),
        (STEPS + "1,2,0,{5}\n", "line 6: has 4 values where there are 3 attributes"),
        (STEPS + "1,?,0\n", "line 6: value 1 of dimension 2 is missing (?); fill it, or set missing: drop, ffill"),
        (STEPS + "1,2,?\n", "line 6: its class is missing (?); leave the row out"),
        (STEPS + "1,2,5\n", "line 6: the class '5' is not one of its head, 0, 1"),
        (STEPS + "1,x,0\n", "line 6: could not convert string to float: 'x'; a row has a number for each numeric"),
        (STEPS + "1,1e39,0\n", "line 6: holds a value that is not finite, or too large for 32 bits"),
        (
            "@relation a\n@attribute x string\n@attribute class {0,1}\n@data\na,0\n",
            "has no numeric attribute",
        ),
    ],
)
def test_broken_files(tmp_path: Path, text: str, expected: str) -> None:
    assert heard(tmp_path / "a.arff", text, normal=None).removeprefix("HERE: ").startswith(expected)
