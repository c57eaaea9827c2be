"""TSB-AD and TSB-UAD: counts of the real series, what a name says, and broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqanomaly.datasets.formats.tsb import TsbAd, TsbUad
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError

NAME = "001_NAB_id_1_Facility_tr_5_1st_7.csv"


def rows(first: int = 7, steps: int = 10, names: str = "a,b,Label") -> str:
    return f"{names}\n" + "".join(f"{i},{i + 0.5},{int(i >= first)}\n" for i in range(steps))


def heard(data: TsbAd | TsbUad) -> str:
    with pytest.raises(DataError) as error:
        data.open()
    return str(error.value).replace(data.path, "HERE")


@pytest.mark.parametrize(
    ("folder", "name", "train", "steps", "width", "share"),
    [
        ("TSB-AD-U", "001_NAB_id_1_Facility", 1007, 4031, 1, 0.0851),
        ("TSB-AD-M", "002_MSL_id_1_Sensor", 500, 1827, 55, 0.0060),
    ],
)
def test_the_counts_of_the_readme(
    shared: Path, folder: str, name: str, train: int, steps: int, width: int, share: float
) -> None:
    source = TsbAd(path=str(shared / "datasets" / "TSB-AD" / folder)).open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert known.ids == test.ids == (name,)
    assert (int(known.length[0]), int(test.length[0])) == (train, steps - train)
    assert known.x.shape[2] == width
    assert test.label.sum() / steps == pytest.approx(share, abs=5e-5)


def test_tsb_uad_has_no_given_training_part(shared: Path) -> None:
    data = TsbUad(path=str(shared / "datasets" / "TSB-UAD" / "MBA_ECG805_data.out.gz"))
    source = data.open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.ids, known.length.tolist(), test.length.tolist()) == (("MBA_ECG805_data",), [23_040], [207_360])
    assert (known.label.sum() + test.label.sum()) / 230_400 == pytest.approx(0.0877, abs=5e-5)
    assert source.notes[1] == (
        "label is the second column; no training part is given, so the first 10% of each series train "
        "(1,064 of 23,040 training steps are anomalous)"
    )
    assert data.name == "tsb_uad(path=MBA_ECG805_data.out.gz)"


def test_what_the_name_says(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(rows())
    parts = TsbAd(path=str(tmp_path)).open().parts(0)
    assert parts.train.x[0, :, 0].tolist() == [0, 1, 2, 3]
    assert parts.validation.x[0, :, 1].tolist() == [4.5]
    assert parts.test.x[0, :, 0].tolist() == [5, 6, 7, 8, 9]
    assert parts.test.label[0].tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("001_NAB.csv", rows(), "its name does not say where training ends: .._tr_TRAIN_1st_FIRST.csv"),
        (NAME, rows(names="a,b,label"), "its last column is 'label'; in TSB-AD it is 'Label'"),
        (NAME, rows(first=8), "its name says that step 7 is the first anomaly, and its column says 8"),
        (NAME, rows(first=99), "its name says that step 7 is the first anomaly, and its column says None"),
        (NAME, rows() + "1,2,3\n", "data row 11: the label is 3.0; it must be 0 or 1"),
        (NAME, rows() + "1,2\n", "row 12, value 3 of 3 is missing"),
        (
            "1_X_id_1_Y_tr_10_1st_7.csv",
            rows(),
            "1_X_id_1_Y: has 10 steps, so it cannot be cut into train and test at 10",
        ),
    ],
)
def test_broken_tsb_ad(tmp_path: Path, name: str, content: str, text: str) -> None:
    (tmp_path / name).write_text(content)
    assert (
        heard(TsbAd(path=str(tmp_path / name)))
        .removeprefix("HERE: ")
        .removeprefix("HERE, ")
        .startswith(text.replace("test at 10", "test at step 10"))
    )


def test_series_of_different_widths(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(rows())
    (tmp_path / "002_X_id_1_Y_tr_5_1st_7.csv").write_text(rows().replace("a,b", "a,b,c").replace(".5,", ".5,1,"))
    assert heard(TsbAd(path=str(tmp_path))) == (
        f"HERE: {NAME} has 2 features and 002_X_id_1_Y_tr_5_1st_7.csv 3; name one of them, or choose with dataset: X"
    )
    chosen = TsbAd(path=str(tmp_path), dataset="X").open().known
    assert chosen is not None
    assert chosen.ids == ("002_X_id_1_Y",)
    assert heard(TsbAd(path=str(tmp_path), dataset="NAP")) == (
        "HERE: there is no data set 'NAP'; did you mean 'NAB'? (known: NAB, X)"
    )


def test_tsb_uad_files(tmp_path: Path) -> None:
    (tmp_path / "a.out").write_text("".join(f"{i},{int(i > 12)}\n" for i in range(20)))
    parts = TsbUad(path=str(tmp_path), train=0.5).open().parts(0)
    assert [part.length.tolist() for part in (parts.train, parts.validation, parts.test)] == [[8], [2], [10]]
    assert np.flatnonzero(parts.test.label[0]).tolist() == list(range(3, 10))
    (tmp_path / "a.out").write_text("1,2,3\n")
    assert heard(TsbUad(path=str(tmp_path))) == "HERE/a.out: has 3 columns; TSB-UAD has two, value and label"
    (tmp_path / "a.out").write_text("1,0\n2,5\n")
    assert heard(TsbUad(path=str(tmp_path))) == "HERE/a.out, data row 2: the label is 5.0; it must be 0 or 1"
    (tmp_path / "a.out").write_text("1,0\n2,0\n")
    assert heard(TsbUad(path=str(tmp_path))) == "a: has 2 steps, so it cannot be cut into train and test at step 0"


def test_empty_folders(tmp_path: Path) -> None:
    assert heard(TsbUad(path=str(tmp_path))) == "HERE: there is no file that ends in .out in it"
    assert heard(TsbAd(path=str(tmp_path))).startswith("HERE: there is no file such as 001_NAB_id_1_Facility_tr_1007")


def test_endings_in_capitals_are_read_beside_others(tmp_path: Path) -> None:
    for name in ("a.out", "B.OUT"):
        (tmp_path / name).write_text("".join(f"{step},{step % 2}\n" for step in range(40)))
    data = pick_data(str(tmp_path))
    assert isinstance(data, TsbUad)
    assert data.open().parts(0).test.ids == ("B", "a")
