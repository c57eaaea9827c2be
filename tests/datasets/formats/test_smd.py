"""Server Machine Dataset: counts of the real machines, one machine, and broken folders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seqanomaly.datasets.formats.smd import Smd
from seqanomaly.errors import DataError

Samples = Mapping[str, Callable[[Path], None]]


@pytest.fixture
def folder(samples: Samples, tmp_path: Path) -> Path:
    samples["smd"](tmp_path / "SMD")
    return tmp_path / "SMD"


def heard(folder: Path, machine: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        Smd(path=str(folder), machine=machine).open()
    return str(error.value).replace(str(folder), "HERE")


def test_the_counts_of_the_readme(shared: Path) -> None:
    source = Smd(path=str(shared / "datasets" / "ServerMachineDataset")).open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert known.ids == test.ids == ("machine-1-6", "machine-2-1")
    assert known.length.tolist() == [23_688, 23_693]
    assert test.length.tolist() == [23_689, 23_694]
    assert known.x.shape[2] == 38
    shares = test.label.sum(axis=1) / test.length
    assert shares.tolist() == pytest.approx([0.1565, 0.0494], abs=5e-5)
    assert not known.label.any()
    assert "the training half has none and is taken as normal" in source.notes[1]
    assert (
        "5 of 38 features never change in the training part (channel_8, channel_27, channel_29, channel_37, "
        in (source.notes[3])
    )


def test_one_machine(folder: Path) -> None:
    data = Smd(path=str(folder), machine="machine-2-1")
    parts = data.open().parts(0)
    assert (parts.test.ids, parts.test.length.tolist()) == (("machine-2-1",), [41])
    assert parts.test.label[0].tolist() == [0] * 20 + [1] * 21
    assert data.name == "smd(path=SMD,machine=machine-2-1)"
    assert heard(folder, "machine-1-2") == (
        "HERE: there is no machine 'machine-1-2'; did you mean 'machine-1-1'? (known: machine-1-1, machine-2-1)"
    )


def test_a_missing_label_file(folder: Path) -> None:
    (folder / "test_label" / "machine-1-1.txt").unlink()
    assert heard(folder) == (
        "HERE/test_label: there is no machine-1-1.txt in it; each machine is in train, test and test_label"
    )
    shutil.rmtree(folder / "train")
    assert heard(folder) == "HERE: there is no file in train; it needs the folders train, test and test_label"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("test_label", "0\n1\n", "HERE/test_label/machine-1-1.txt: has 2 labels for the 31 rows of machine-1-1.txt"),
        ("test_label", "0\n2\n", "HERE/test_label/machine-1-1.txt, data row 2: the label is 2.0; it must be 0 or 1"),
        ("train", "1,2\n", "HERE/train/machine-1-1.txt: has 2 columns; the Server Machine Dataset has 38 here"),
        (
            "test_label",
            "0,1\n",
            "HERE/test_label/machine-1-1.txt: has 2 columns; the Server Machine Dataset has 1 here",
        ),
    ],
)
def test_broken_files(folder: Path, name: str, content: str, text: str) -> None:
    (folder / name / "machine-1-1.txt").write_text(content)
    assert heard(folder) == text
