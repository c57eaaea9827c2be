"""The UCR anomaly archive: counts of the real series, what a name says, and names that say nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqanomaly.datasets.formats.ucr import Ucr
from seqanomaly.errors import DataError


def file(folder: Path, name: str, values: str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n") -> Path:
    (folder / name).write_text(values)
    return folder / name


def heard(path: Path) -> str:
    with pytest.raises(DataError) as error:
        Ucr(path=str(path)).open()
    return str(error.value).replace(str(path), "HERE")


def test_the_counts_of_the_readme(shared: Path) -> None:
    source = Ucr(path=str(shared / "datasets" / "UCR_Anomaly")).open()
    parts = source.parts(0)
    known = source.known
    assert known is not None
    assert known.ids == parts.test.ids
    assert known.length.tolist() == [35_000, 1_200, 1_600, 2_300]
    assert (known.length + parts.test.length).tolist() == [79_795, 7_501, 7_500, 7_500]
    assert parts.test.label.sum(axis=1).tolist() == [620, 12, 111, 102]
    assert parts.test.label[1].argmax() == 4_187 - 1_200
    assert not known.label.any()


def test_the_interval_is_where_variants_of_one_series_differ(shared: Path) -> None:
    # 136 and 137 were made from one series by changing the one or the other place: nothing else differs
    found = {}
    for name in (
        "136_UCR_Anomaly_InternalBleeding17_1600_3198_3309",
        "137_UCR_Anomaly_InternalBleeding18_2300_4485_4587",
    ):
        source = Ucr(path=str(shared / "datasets" / "UCR_Anomaly" / f"{name}.txt")).open()
        test = source.parts(0).test
        assert source.known is not None
        found[name] = [np.concatenate([getattr(part, of)[0] for part in (source.known, test)]) for of in ("x", "label")]
    (one, one_label), (other, other_label) = found.values()
    np.testing.assert_array_equal((one != other)[:, 0], (one_label | other_label) == 1)


def test_what_the_name_says(tmp_path: Path) -> None:
    source = Ucr(path=str(file(tmp_path, "007_UCR_Anomaly_a_b_4_6_8.txt"))).open()
    parts = source.parts(0)
    assert parts.train.x[0, :, 0].tolist() == [1, 2, 3]
    assert parts.validation.x[0, :, 0].tolist() == [4]
    assert parts.test.x[0, :, 0].tolist() == [5, 6, 7, 8, 9, 10]
    assert parts.test.label[0].tolist() == [0, 0, 1, 1, 0, 0]
    assert parts.test.ids == ("007_a_b",)
    assert source.notes[1] == (
        "label is 1 on the lines BEGIN + 1 to END of a file named .._TRAIN_BEGIN_END.txt; the first TRAIN values train"
    )


def test_values_in_one_row(tmp_path: Path) -> None:
    path = file(tmp_path, "007_UCR_Anomaly_row_4_6_8.txt", "   ".join(f"{value:e}" for value in range(10)))
    assert Ucr(path=str(path)).open().parts(0).test.x[0, :, 0].tolist() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("a.txt", "1\n2\n", "its name does not say where training ends and the anomaly is: .._TRAIN_BEGIN_END.txt"),
        ("1_UCR_Anomaly_a_4_6_11.txt", "1\n" * 10, "its name gives 4, 6, 11, which are no places in its 10 values"),
        ("1_UCR_Anomaly_a_7_6_8.txt", "1\n" * 10, "its name gives 7, 6, 8, which are no places in its 10 values"),
        ("1_UCR_Anomaly_a_4_6_8.txt", "1 2\n" * 10, "has 2 values in a row; the archive has one number per line"),
        ("1_UCR_Anomaly_a_4_6_8.txt", "1\n2\nx\n", "row 3, value 1 of 1: 'x' is not a finite 32-bit number"),
        ("1_UCR_Anomaly_a_4_6_8.txt", "", "the file is empty"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, values: str, text: str) -> None:
    assert heard(file(tmp_path, name, values)) == f"HERE: {text}"


def test_an_empty_folder(tmp_path: Path) -> None:
    assert heard(tmp_path).startswith("HERE: there is no file such as 135_UCR_Anomaly_")


def test_an_anomaly_of_one_value(tmp_path: Path) -> None:
    one = Ucr(path=str(file(tmp_path, "007_UCR_Anomaly_one_4_7_7.txt"))).open().parts(0).test
    assert one.label[0].tolist() == [0, 0, 1, 0, 0, 0]  # the value on line 7
    assert heard(file(tmp_path, "008_UCR_Anomaly_in_the_training_part_4_4_4.txt")) == (
        "HERE: its name gives 4, 4, 4, which are no places in its 10 values"
    )
