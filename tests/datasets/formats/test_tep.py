"""Tennessee Eastman tables: the shipped copy against the original, counts, classes and broken tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.formats.tep import CHANNELS, Tep
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError

FAULTS = (1, 2, 4, 6, 11, 14)


def table(runs: dict[tuple[int, int], list[int]]) -> pd.DataFrame:
    """A table of runs, given by fault, number and labels."""
    frames = []
    for (fault, number), labels in runs.items():
        frame = pd.DataFrame(
            {"faultNumber": fault, "simulationRun": number, "sample": range(1, len(labels) + 1)}, dtype=int
        )
        values = pd.DataFrame({name: np.arange(len(labels)) + fault + number / 10 for name in CHANNELS})
        frames.append(pd.concat([frame, values], axis=1).assign(label=labels))
    return pd.concat(frames)


def write(folder: Path, **parts: pd.DataFrame) -> Path:
    usual = {
        "train": table({(0, 1): [0, 0, 0], (6, 1): [0, 1, 1], (6, 2): [0, 0, 1]}),
        "test": table({(0, 1): [0, 0], (2, 1): [0, 1]}),
    }
    for part, frame in (usual | parts).items():
        frame.to_csv(folder / f"tep_sim_{part}.csv", index=False)
    return folder


def opened(folder: Path, **settings: Any) -> Source:
    return Tep(path=str(folder), **settings).open()


def test_what_ships_is_the_simulators_table(shared: Path) -> None:
    for part in ("train", "test"):
        name = f"tep_sim_{part}.csv.gz"
        assert (SHIPPED / "tep" / name).read_bytes() == (shared / "datasets" / "TEP_sim" / name).read_bytes()


def test_the_counts_of_the_readme() -> None:
    source = Tep(label="fault").open()
    parts = source.parts(0)
    assert source.known is not None
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [35, 9, 22]
    assert source.official_test
    assert parts.test.classes == ("normal", *(f"fault{number}" for number in FAULTS))
    for part, steps, normal, each, share, short in (
        (source.known, 10_542, 8, 6, 0.490, 222),
        (parts.test, 5_275, 4, 3, 0.482, 235),
    ):
        assert part.x.shape[1:] == (240, 53)
        assert int(part.mask.sum()) == steps
        assert sorted(part.length)[:2] == [short, 240]
        assert (part.label[part.mask] != 0).mean() == pytest.approx(share, abs=0.0005)
        assert np.bincount(part.label.max(axis=1)).tolist() == [normal, *[each] * 6]
        onset = (part.label != 0).argmax(axis=1)[part.label.max(axis=1) > 0]
        assert (onset.min(), onset.max()) >= (40, 40)
        assert onset.max() <= 160


def test_the_label_is_1_or_the_fault() -> None:
    binary, fault = (Tep(label=label).open().parts(0).test for label in ("label", "fault"))
    assert binary.classes == ("0", "1")
    np.testing.assert_array_equal(binary.label, fault.label != 0)
    np.testing.assert_array_equal(binary.x, fault.x)


def test_the_episodes_of_the_same_simulator(shared: Path) -> None:
    source = Tep(path=str(shared / "datasets" / "TEP_sim"), subset="episodes").open()
    parts = source.parts(0)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [96, 24, 84]
    np.testing.assert_allclose((parts.test.label != 0).mean(axis=0), 0.5)


def test_runs_and_classes(tmp_path: Path) -> None:
    shuffled = table({(0, 1): [0, 0, 0], (6, 1): [0, 1, 1], (6, 2): [0, 0, 1]}).sample(frac=1, random_state=1)
    source = opened(write(tmp_path, train=shuffled), label="fault")
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert known.classes == test.classes == ("normal", "fault2", "fault6")
    found = {
        name: (label.tolist(), x[:, 0].tolist()) for name, label, x in zip(known.ids, known.label, known.x, strict=True)
    }
    assert found["train-fault6-1"] == ([0, 2, 2], pytest.approx([6.1, 7.1, 8.1]))
    assert found["train-fault6-2"][0] == [0, 0, 2]
    assert found["train-normal-1"][0] == [0, 0, 0]
    assert (test.ids, test.label.tolist()) == (("test-normal-1", "test-fault2-1"), [[0, 0], [0, 1]])
    assert source.notes[1] == "label is the number of the fault from the onset of the fault on, 0 before"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda t: t.drop(columns="xmv_3"),
            "HERE: there is no column 'xmv_3'; a table of the Tennessee Eastman process",
        ),
        (lambda t: t.assign(label=2), "HERE: column 'label', data row 1: the label is 2; it must be 0 or 1"),
        (lambda t: t.assign(sample=1), "tep_sim_train.csv: series '0-1' has the same 'sample' in data rows 1 and 2"),
        (lambda t: t.assign(xmv_1="off"), "tep_sim_train.csv: column 'xmv_1', data row 1: 'off' is not a number"),
        (
            lambda t: t.assign(faultNumber=1.5),
            "HERE: column 'faultNumber', data row 1: 1.5 is not a number of a fault or run; they are whole, from 0 on",
        ),
        (lambda t: t.assign(simulationRun=-1), "HERE: column 'simulationRun', data row 1: -1 is not a number of a"),
        (lambda t: t.assign(xmv_1=np.nan), "tep_sim_train.csv: column 'xmv_1', data row 1: the value is missing"),
    ],
)
def test_broken_tables(tmp_path: Path, change: Any, text: str) -> None:
    usual = table({(0, 1): [0, 0, 0], (6, 1): [0, 1, 1]})
    folder = write(tmp_path, train=change(usual))
    with pytest.raises(DataError) as error:
        opened(folder)
    assert str(error.value).replace(str(folder / "tep_sim_train.csv"), "HERE").startswith(text)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        Tep(subset="episodes").open()
    assert str(error.value) == ("these episodes ship under a name of their own: episodes; or name a folder with path")
    with pytest.raises(DataError) as error:
        opened(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: there is no tep_sim_train.csv in it; it needs tep_sim_train.csv and tep_sim_test.csv"
    )


def test_one_table_is_split_by_the_seed(tmp_path: Path) -> None:
    runs = {(fault, number): [0, int(fault > 0)] for fault in (0, 4) for number in range(1, 6)}
    path = write(tmp_path, train=table(runs)) / "tep_sim_train.csv"
    source = opened(path)
    assert not source.official_test
    assert [len(part) for part in vars(source.parts(0)).values()] == [6, 1, 3]
    assert source.known is not None
    assert source.known.ids[:2] == ("normal-1", "normal-2")
    assert recognise(str(path)) == {"kind": "tep", "path": str(path)}


def rieth(folder: Path) -> Path:
    """Tables in the names, columns and lengths of Rieth et al.: no label, 11 manipulated variables."""
    folder.mkdir()
    for part, steps in (("Training", 500), ("Testing", 960)):
        for name, faults in (("FaultFree", [0]), ("Faulty", [1, 5])):
            runs = table({(fault, number): [0] * steps for fault in faults for number in (1, 2)})
            runs.drop(columns=["label", "xmv_12"]).to_csv(folder / f"TEP_{name}_{part}.csv", index=False)
    return folder


def test_the_tables_of_rieth_have_their_onset(tmp_path: Path) -> None:
    folder = rieth(tmp_path / "rieth")
    assert recognise(str(folder)) == {"kind": "tep", "path": str(folder)}
    source = opened(folder, label="fault")
    known, test = source.known, source.parts(0).test
    assert known is not None
    assert (known.x.shape, test.x.shape) == ((6, 500, 52), (6, 960, 52))
    assert known.classes == ("normal", "fault1", "fault5")
    for part, onset in ((known, 20), (test, 160)):
        faulty = part.label.max(axis=1) > 0
        assert faulty.tolist() == [False, False, True, True, True, True]
        assert ((part.label[faulty] != 0).argmax(axis=1) == onset).all()
        assert (part.label[faulty, onset:] != 0).all()
    assert source.notes[2] == (
        "TEP_FaultFree_Training.csv: has no column 'label', so a run with a fault is normal up to sample 20 and "
        "anomalous after it, as Rieth et al. made their training runs; for others set onset"
    )
    assert "up to sample 160 and anomalous after it, as Rieth et al. made their testing runs" in source.notes[5]


def test_another_onset(tmp_path: Path) -> None:
    folder = rieth(tmp_path / "rieth")
    source = opened(folder / "TEP_Faulty_Testing.csv", onset=10)
    assert source.known is not None
    assert (source.known.label.argmax(axis=1) == 10).all()
    assert source.notes[2].endswith("is normal up to sample 10 and anomalous after it, as set")
    renamed = (folder / "TEP_Faulty_Testing.csv").rename(folder / "latest.csv")
    assert "up to sample 160" in opened(renamed).notes[2]  # its runs are longer than those of the training part
    with pytest.raises(DataError) as error:
        Tep(onset=3).open()
    assert str(error.value).endswith(
        "tep_sim_train.csv.gz: has a column 'label', so onset does not apply; leave it out"
    )


def test_a_run_in_two_tables(tmp_path: Path) -> None:
    folder = rieth(tmp_path / "rieth")
    path = folder / "TEP_FaultFree_Training.csv"
    path.write_bytes((folder / "TEP_Faulty_Training.csv").read_bytes())
    with pytest.raises(DataError) as error:
        opened(folder)
    assert str(error.value) == (
        f"{folder / 'TEP_Faulty_Training.csv'}: run 1 of fault 1 is in TEP_FaultFree_Training.csv too; keep it in "
        "one of both"
    )
