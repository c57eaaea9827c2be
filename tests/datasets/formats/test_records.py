"""WFDB records: written with the library and read again, labels from beats and rhythms, and what is refused."""

from __future__ import annotations

import builtins
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.records import Records
from seqanomaly.datasets.source import Source
from seqanomaly.datasets.specs import recognise
from seqanomaly.errors import DataError


def library() -> Any:
    """The package wfdb; a test that needs it is skipped where it is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("wfdb", reason="the package wfdb is not installed (extra wfdb)")


BEATS = [
    (10, "+", "(N"),
    (20, "N", ""),
    (60, "V", ""),
    (100, "~", ""),
    (120, "N", ""),
    (150, "+", "(AFIB"),
    (180, "L", ""),
]
"""Annotations: sample, code, note."""


def record(
    folder: Path, name: str, *, steps: int = 200, fs: int = 360, leads: tuple[str, ...] = ("MLII", "V5")
) -> None:
    wfdb = library()
    folder.mkdir(exist_ok=True)
    seed = sum(map(ord, name))
    x = np.random.default_rng(seed).standard_normal((steps, len(leads))).cumsum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrsamp(
            name,
            fs=fs,
            units=["mV"] * len(leads),
            sig_name=list(leads),
            p_signal=x,
            fmt=["16"] * len(leads),
            write_dir=str(folder),
        )
        sample, symbol, note = zip(*BEATS, strict=True)
        wfdb.wrann(name, "atr", np.array(sample), list(symbol), aux_note=list(note), write_dir=str(folder))


def write(folder: Path) -> None:
    for place in range(8):
        record(folder, f"r{place}", steps=200 + place)


def lack(folder: Path) -> None:
    """Sample 10 of the first lead is the smallest number of 16 bits, which says that there is none."""
    values = np.fromfile(folder / "r3.dat", "<i2")
    values[20] = -(1 << 15)
    values.tofile(folder / "r3.dat")


SAMPLE = {"kind": "wfdb", "write": write, "path": ".", "settings": {}, "needs": "wfdb", "lack": lack}


def opened(path: Path, **settings: Any) -> Source:
    return Records(path=str(path), **settings).open()


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        opened(path, **settings)
    return str(error.value).replace(str(path.parent if path.suffix else path), "HERE")


def test_beats_last_until_the_next_beat(tmp_path: Path) -> None:
    write(tmp_path)
    source = opened(tmp_path)
    known = source.known
    assert known is not None
    assert (known.x.shape, known.features) == ((8, 207, 2), ("MLII", "V5"))
    assert known.ids[:3] == ("r0", "r1", "r2")
    expected = np.zeros(200, int)
    expected[60:120] = expected[180:200] = 1
    assert known.label[0, :200].tolist() == expected.tolist()
    assert source.notes[1:3] == (
        "label is 1 from a beat that is not N to the next one: 16 of 32 in the .atr files",
        "MLII, V5 at 360 samples per second; a step is a sample",
    )
    aami = opened(tmp_path, normal=["N", "L"]).known
    assert aami is not None
    assert np.flatnonzero(aami.label[0]).tolist() == list(range(60, 120))


def test_the_values_are_those_that_were_written(tmp_path: Path) -> None:
    record(tmp_path, "r0")
    x = np.random.default_rng(sum(map(ord, "r0"))).standard_normal((200, 2)).cumsum(axis=0)
    known = opened(tmp_path / "r0.hea", split="time", signals=["V5"]).known
    assert known is not None
    np.testing.assert_allclose(known.x[0, :, 0], x[:140, 1], atol=1e-3)


def test_rhythms(tmp_path: Path) -> None:
    record(tmp_path, "r0")
    parts = opened(tmp_path / "r0.hea", label="rhythm", split="time", test=0.3).parts(0)
    assert not parts.train.label.any()
    assert np.flatnonzero(parts.test.label[0]).tolist() == list(range(10, 60))


def test_what_a_path_is_recognised_as(tmp_path: Path) -> None:
    write(tmp_path)
    assert recognise(str(tmp_path)) == {"kind": "wfdb", "path": str(tmp_path)}
    one = {"kind": "wfdb", "path": str(tmp_path / "r3.hea"), "split": "time"}
    assert recognise(str(tmp_path / "r3.hea")) == recognise(str(tmp_path / "r3.dat")) == one


def test_the_digest_counts_every_file(tmp_path: Path) -> None:
    record(tmp_path, "r0")
    before = Records(path=str(tmp_path)).content_digest()
    for name in ("r0.dat", "r0.atr"):
        path = tmp_path / name
        content = path.read_bytes()
        path.write_bytes(content + b"\0\0")
        assert Records(path=str(tmp_path)).content_digest() != before
        path.write_bytes(content)
    assert Records(path=str(tmp_path)).content_digest() == before


def changed(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace(old, new))


def test_what_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    assert heard(tmp_path, annotator="qrs") == (
        "HERE/r0.qrs: there is no such file, which record r0 needs; other annotations are named with annotator: ENDING"
    )
    assert heard(tmp_path, signals=["II"]) == "HERE: no record has the signals II; there are MLII, V5"
    record(tmp_path, "r5", fs=250)
    assert heard(tmp_path) == "HERE/r5.hea: has 250 samples per second and the first record 360; read them apart"
    (tmp_path / "r2.dat").unlink()
    assert heard(tmp_path) == "HERE/r2.dat: there is no such file, which record r2 needs"
    assert heard(tmp_path / "none") == "HERE: there is no such file or folder"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "360 200",
            "360 999999999999",
            "HERE/r0.hea: declares 999,999,999,999 samples of 2 signals and its data files have 800",
        ),
        ("r0 2", "r0 -2", "HERE/r0.hea: cannot be read as part of a WFDB record (invalid syntax in record line"),
        (
            "r0.dat",
            "../r0.dat",
            "HERE/r0.hea: cannot be read as part of a WFDB record (invalid syntax in signal line); fetch it again",
        ),
        ("r0 2 360 200", "", "HERE/r0.hea: "),
    ],
)
def test_damaged_headers(tmp_path: Path, old: str, new: str, text: str) -> None:
    record(tmp_path / "here", "r0")
    (tmp_path / "r0.dat").write_bytes((tmp_path / "here" / "r0.dat").read_bytes())
    changed(tmp_path / "here", "r0.hea", old, new)
    assert text in heard(tmp_path / "here" / "r0.hea")


def test_truncated_files(tmp_path: Path) -> None:
    record(tmp_path, "r0")
    for name in ("r0.dat", "r0.atr"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:9])
        assert heard(tmp_path / "r0.hea").startswith(("HERE/r0.hea: ", "HERE/r0.atr: "))
        (tmp_path / name).write_bytes(content)
    assert opened(tmp_path / "r0.hea", split="time").official_test


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r0.hea").write_text("r0 1 360 10\n")
    usual = builtins.__import__

    def absent(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "wfdb":
            raise ModuleNotFoundError(name)
        return usual(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    assert heard(tmp_path) == (
        "HERE/r0.hea: is a WFDB record, which the package wfdb reads; install it with pip install 'seqanom[wfdb]'"
    )


def test_a_header_that_ends_after_its_first_line(tmp_path: Path) -> None:
    record(tmp_path, "r0")
    path = tmp_path / "r0.hea"
    path.write_text(path.read_text().splitlines()[0])
    assert heard(path) == ("HERE/r0.hea: does not name its 2 signals and their files; it is cut off, fetch it again")


def test_signals_choose_the_records_of_a_folder(tmp_path: Path) -> None:
    for name, leads in (
        ("100", ("MLII", "V5")),
        ("101", ("MLII", "V1")),
        ("102", ("V5", "V2")),
        ("103", ("V2", "MLII")),
    ):
        record(tmp_path / "mitdb", name, leads=leads)
    source = opened(tmp_path / "mitdb", signals=["MLII"])
    assert source.known is not None
    assert source.known.ids == ("100", "101", "103")
    assert "records without MLII, left out: 102" in source.notes
    with pytest.raises(DataError) as error:
        opened(tmp_path / "mitdb", signals=["II", "V5"])
    assert str(error.value) == f"{tmp_path / 'mitdb'}: no record has the signals II, V5; there are MLII, V5, V1, V2"
    with pytest.raises(
        DataError, match=r"there is no signal 'MLII'; it has V5, V2: choose with signals: \[\.\.\] those"
    ):
        opened(tmp_path / "mitdb" / "102.hea", signals=["MLII"])


def test_a_record_of_several_segments(tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        record(tmp_path, name)
    (tmp_path / "all.hea").write_text("all/2 2 360 400\ns1 200\ns2 200\n")
    with pytest.raises(DataError) as error:
        opened(tmp_path / "all.hea")
    assert str(error.value) == (
        f"{tmp_path / 'all.hea'}: is a record of several segments or without signals; name records with signals"
    )
