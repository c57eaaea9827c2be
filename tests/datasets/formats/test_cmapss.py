"""C-MAPSS: the shipped copy against the original, counts, labels and broken files."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from seqanomaly.counters import relative_position
from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.formats.cmapss import FEATURES, Cmapss
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import ConfigError, DataError

NAMES = ("train_FD001.txt", "test_FD001.txt", "RUL_FD001.txt")


def write(folder: Path, engines: dict[str, list[int]], left: str = "5\n20\n", subset: str = "FD001") -> Path:
    """Files with engines of the given lengths, their values the cycle."""
    for part, lengths in engines.items():
        rows = [
            f"{unit + 1} {cycle} " + " ".join([f"{cycle}.5"] * len(FEATURES)) + "  "
            for unit, length in enumerate(lengths)
            for cycle in range(1, length + 1)
        ]
        (folder / f"{part}_{subset}.txt").write_text("\n".join(rows) + "\n")
    (folder / f"RUL_{subset}.txt").write_text(left)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"train": [8, 9, 10], "test": [6, 7]})


def heard(folder: Path, subset: str = "FD001") -> str:
    with pytest.raises(DataError) as error:
        pick_data({"kind": "cmapss", "path": str(folder), "subset": subset}).open()  # type: ignore[attr-defined]
    return str(error.value).replace(f"{folder}", "HERE")


def test_what_ships_is_the_original(shared: Path) -> None:
    for name in NAMES:
        packed = (SHIPPED / "cmapss" / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == (shared / "datasets" / "CMAPSSData" / name).read_bytes()
    original = Cmapss(path=str(shared / "datasets" / "CMAPSSData"))
    assert original.content_digest() == Cmapss().content_digest()
    assert original.name == "cmapss(path=CMAPSSData)"


def test_the_counts_of_the_readme() -> None:
    source = Cmapss().open()
    parts = source.parts(0)
    assert source.known is not None
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [80, 20, 100]
    assert source.official_test
    for part, rows, shortest, longest, share in (
        (source.known, 20_631, 128, 362, 0.150),
        (parts.test, 13_096, 31, 303, 0.025),
    ):
        assert part.x.shape == (100, longest, 24)
        assert (int(part.mask.sum()), int(part.length.min())) == (rows, shortest)
        assert part.label[part.mask].mean() == pytest.approx(share, abs=0.0005)
        assert np.all(np.diff(part.label.astype(int), axis=1)[part.mask[:, 1:]] >= 0)
    assert (parts.test.label.max(axis=1) == 1).sum() == 25
    assert source.notes == (
        "label is 1 where the remaining useful life is at most 30 cycles, in train_FD001.txt and, with the cycles left "
        "in RUL_FD001.txt, in test_FD001.txt",
        "7 of 24 features never change in the training part (setting_3, sensor_1, sensor_5, sensor_10, sensor_16, "
        "sensor_18, sensor_19): kept, only centred",
        "0% of the steps are anomalous in the first third of the sequences and 8% in the last: accuracy by step mostly "
        "shows that, so compare balanced accuracy",
    )


def test_labels_begin_at_the_horizon(folder: Path) -> None:
    source = Cmapss(path=str(folder), horizon=5).open()
    assert source.known is not None
    assert source.known.label.tolist()[0] == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]  # cycles left 7, 6, 5, ..., 0
    assert source.known.ids == ("train-1", "train-2", "train-3")
    test = source.parts(0).test
    assert test.label.tolist() == [[0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0]]
    assert test.x[0, :6, 0].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert test.features[:4] == ("setting_1", "setting_2", "setting_3", "sensor_1")


def test_a_row_of_names_is_left_out_and_said(folder: Path) -> None:
    plain = Cmapss(path=str(folder)).open()
    for name, names in (
        ("train_FD001.txt", "unit_number time " + " ".join(f"s{i}" for i in range(29))),
        (NAMES[2], "RUL"),
    ):
        (folder / name).write_text(f"{names}\n" + (folder / name).read_text())
    source = Cmapss(path=str(folder)).open()
    assert source.parts(0).train.x.tobytes() == plain.parts(0).train.x.tobytes()
    assert source.parts(0).test.label.tobytes() == plain.parts(0).test.label.tobytes()
    assert source.notes[2:4] == (
        "train_FD001.txt: its first row holds names and was left out",
        "RUL_FD001.txt: its first row holds names and was left out",
    )


def test_the_headers_found_in_the_wild(shared: Path, folder: Path) -> None:
    quirks = shared / "datasets" / "quirks"
    shutil.copy(quirks / "cmapss_header_26sensors_21columns.txt", folder / "train_FD001.txt")
    shutil.copy(quirks / "cmapss_RUL_with_header.txt", folder / "RUL_FD001.txt")
    rows = len((folder / "RUL_FD001.txt").read_text().split()) - 1
    write(folder, {"test": [6] * rows}, (folder / "RUL_FD001.txt").read_text())
    source = Cmapss(path=str(folder)).open()
    assert source.known is not None
    assert source.known.x[0, 0, :3].tolist() == pytest.approx([-0.0007, -0.0004, 100.0])
    assert sum("holds names and was left out" in note for note in source.notes) == 2


def test_compressed_files_are_the_same_data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    packed = tmp_path_factory.mktemp("packed")
    for path in folder.iterdir():
        (packed / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert Cmapss(path=str(packed)).content_digest() == Cmapss(path=str(folder)).content_digest()
    (packed / "RUL_FD001.txt.gz").write_bytes(gzip.compress(b"5\n21\n"))
    assert Cmapss(path=str(packed)).content_digest() != Cmapss(path=str(folder)).content_digest()


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("cmapss", "cmapss"),
        ({"kind": "cmapss", "subset": "FD003"}, "cmapss(subset=FD003)"),
        ({"kind": "cmapss", "path": "a/b/CMAPSSData/", "horizon": 50}, "cmapss(path=CMAPSSData,horizon=50)"),
    ],
)
def test_names(value: object, name: str) -> None:
    found = pick_data(value)
    assert isinstance(found, Cmapss)
    assert found.name == name
    assert pick_data(found.settings()) == found


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError) as error:
        pick_data({"kind": "cmapss", "subset": "FD005"})
    assert str(error.value) == "subset: must be 'FD001', 'FD002', 'FD003' or 'FD004', got 'FD005'"


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(DataError) as error:
        Cmapss(subset="FD003").open()
    assert str(error.value) == "FD003 does not ship; name the folder of the unpacked C-MAPSS archive with path"
    assert heard(folder, "FD002") == (
        "HERE: there is no train_FD002.txt in it; a subset has the files train_, test_ and RUL_FD002.txt "
        "(found: train_FD001.txt)"
    )
    assert heard(folder / "no") == "HERE/no: there is no such file or folder".replace("HERE/no", "HERE")
    (folder / "RUL_FD001.txt").unlink()
    assert heard(folder).startswith("HERE: there is no RUL_FD001.txt in it; ")
    assert heard(folder / "train_FD001.txt") == (
        "HERE: is not a folder; name the one with the files train_FD001.txt, test_.. and RUL_.."
    )


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("RUL_FD001.txt", ("5\n20", "5"), "RUL_FD001.txt: has 1 rows for the 2 engines of test_FD001.txt; it needs"),
        ("test_FD001.txt", (" 3.5  \n", "\n"), "test_FD001.txt: row 3, value 26 of 26 is missing"),
        (
            "test_FD001.txt",
            ("3.5  \n", "3.5 1 2\n"),
            "test_FD001.txt: cannot be read as rows of numbers: Expected 26 fi",
        ),
        ("train_FD001.txt", ("4.5", "x"), "train_FD001.txt: row 4, value 3 of 26: 'x' is not a finite 32-bit number"),
        ("train_FD001.txt", ("4.5", "inf"), "train_FD001.txt: row 4, value 3 of 26: 'inf' is not a finite 32-bit nu"),
        (
            "train_FD001.txt",
            ("1 4 ", "1 5 "),
            "train_FD001.txt: data row 4: engine 1 has cycle 5 instead of 4; the cycl",
        ),
        (
            "train_FD001.txt",
            ("1 4 ", "7 1 "),
            "train_FD001.txt: the rows of an engine do not stand together; sort them",
        ),
        (
            "train_FD001.txt",
            ("1 1 ", "1.5 1 "),
            "train_FD001.txt: data row 1: 1.5 is not the number of an engine; they are whole",
        ),
        ("RUL_FD001.txt", ("5\n20", "5\n-2"), "RUL_FD001.txt: data row 2: -2 cycles are left; it must be 0 or more"),
        ("RUL_FD001.txt", ("5\n20\n", ""), "RUL_FD001.txt: the file is empty"),
        ("RUL_FD001.txt", ("5\n20", "5 1\n20 1"), "RUL_FD001.txt: has 2 columns; C-MAPSS has 1 here"),
    ],
)
def test_broken_files(folder: Path, name: str, change: tuple[str, str], text: str) -> None:
    (folder / name).write_text((folder / name).read_text().replace(*change, 1))
    assert heard(folder).startswith(f"HERE/{text}")


def test_a_broken_archive(folder: Path) -> None:
    (folder / "RUL_FD001.txt").rename(folder / "RUL_FD001.txt.gz")
    assert heard(folder) == "HERE/RUL_FD001.txt.gz: cannot be read (Not a gzipped file (b'5\\n'))"


def test_the_base_rates_that_the_page_on_real_data_names() -> None:
    """Anomalous share by quarter of a record: training runs end in a failure, test records mostly before one."""
    source = Cmapss().open()
    known, test = source.known, source.parts(0).test
    assert known is not None
    shares = []
    for part in (known, test):
        position = relative_position(np.arange(part.steps), part.length[:, None])
        quarters = [part.mask & (position >= q / 4) & (position < (q + 1) / 4) for q in range(4)]
        shares.append([round(float(part.label[quarter].mean()), 3) for quarter in quarters])
    assert shares == [[0, 0, 0, 0.599], [0, 0, 0, 0.101]]
    assert (test.label.max(axis=1) > 0).sum() == 25
    page = (Path(__file__).parents[3] / "docs" / "real-data.md").read_text(encoding="utf-8")
    assert "59.9% of the training steps are anomalous, but 10.1% of the test steps" in page


def test_other_subsets_beside_it_are_named(folder: Path) -> None:
    for path in list(folder.glob("*FD001.txt")):
        (folder / path.name.replace("FD001", "FD003")).write_bytes(path.read_bytes())
    assert "FD001 is read; others there, with subset: FD003" in Cmapss(path=str(folder)).open().notes
