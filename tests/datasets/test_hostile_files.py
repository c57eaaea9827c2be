"""Files that would cost a careless reader its memory, its time or its secrets."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets import family, files
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.folder import Folder
from seqanomaly.datasets.formats.stream import stream
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import SeqanomError

Samples = Mapping[str, Callable[[Path], None]]
GB = 1 << 30
CHILD = f"""
import json, resource, sys
from pathlib import Path
import seqanomaly.datasets.opened, seqanomaly.datasets.formats.table
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import SeqanomError

there = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (there + {GB}, there + {GB}))
for settings in json.loads(sys.argv[1]):
    try:
        pick_data(settings).open()
        print("read")
    except SeqanomError as error:
        print(error)
"""


def one_line(path: Path) -> None:
    """200 MB without an end of line."""
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(200):
            file.write(b"1" * (1 << 20))


def bomb(path: Path) -> None:
    """2 GB of zeros in 2 MB."""
    member = gzip.compress(b"0\n" * (8 << 20))
    path.write_bytes(gzip.compress(b"label\n") + member * 128)


def columns(path: Path) -> None:
    """100,000 columns."""
    path.write_text("\n".join(",".join(str(value) for value in row) for row in (range(100_000), [0] * 100_000)))


def declared(path: Path) -> None:
    """An array whose header says 10^12 values."""
    with path.open("wb") as file:
        about = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**3, 10**3)}
        np.lib.format.write_array_header_1_0(file, about)
        file.write(bytes(80))


def arrays(path: Path) -> None:
    """300 MB of zeros in 300 KB."""
    np.savez_compressed(path, x=np.zeros((300, 1 << 20, 1), np.int8), y=np.zeros(300))


def parquet(path: Path) -> None:
    """40 million equal rows in a few KB."""
    pd.DataFrame({"label": np.zeros(40_000_000, np.int8)}).to_parquet(path)


HEAVY: dict[str, tuple[Callable[[Path], None], str]] = {
    "line.csv": (one_line, "HERE/line.csv: has a line of more than 64 MB, so it is no table; it needs a line per row"),
    "line.out": (one_line, "HERE/line.out: has a line of more than 64 MB, so it is no table; it needs a line per row"),
    "bomb.csv.gz": (  # with the columns that a table needs: see mapped/test_text.py
        bomb,
        "bomb.csv.gz: there is no column 'series'; say which one it is with series (--series), or read the file as one "
        "series with {path: HERE/bomb.csv.gz, series: null, step: null}; known: label",
    ),
    "bomb.out.gz": (
        bomb,
        "HERE/bomb.out.gz: unpacks to more than 398 MB, over 200 times its size, so it is no data file; if it is one, "
        "unpack it first",
    ),
    "columns.csv": (
        columns,
        "HERE/columns.csv: has 100,000 columns in its first row and a table may have 20,000; steps belong in rows and "
        "features in columns",
    ),
    "columns.out": (
        columns,
        "HERE/columns.out: has 100,000 columns in its first row and a table may have 20,000; steps belong in rows and "
        "features in columns",
    ),
    "declared.npy": (
        declared,
        "HERE/declared.npy: its header declares the shape (1000000, 1000, 1000) of float64, 8,000,000,000,000 bytes, "
        "and 80 follow; it is cut off or damaged, so save it again",
    ),
    "arrays.npz": (
        arrays,
        "HERE/arrays.npz: says that it unpacks to 300 MB, over 200 times its size, so it is no data file; if it is "
        "one, save it with numpy.savez, which does not compress",
    ),
    "rows.parquet": (
        parquet,
        "HERE/rows.parquet: says that it holds 305 MB in a file of SIZE bytes, over 200 times its size, so it is no "
        "data file; if it is one, save it in parts",
    ),
}


LIGHT = ("columns.csv", "columns.out", "declared.npy")


def given(path: Path) -> dict[str, str]:
    """The settings of a heavy file; an array needs labels too."""
    if path.suffix != ".npy":
        return {"path": str(path)}
    np.save(path.with_name("y.npy"), np.zeros(3))
    return {"path": str(path), "labels": "y.npy"}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process with 1 GB of memory says of each heavy file."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process can be bounded on Linux only")
    folder = tmp_path_factory.mktemp("heavy")
    for name, (write, _) in HEAVY.items():
        write(folder / name)
    settings = [given(folder / name) for name in HEAVY]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(settings)], capture_output=True, text=True, timeout=300, check=False
    )
    sizes = {name: f"{(folder / name).stat().st_size:,}" for name in HEAVY}
    shutil.rmtree(folder)
    assert done.returncode == 0, done.stderr
    sentences = done.stdout.replace(str(folder), "HERE").splitlines()
    return {
        name: sentence.replace(sizes[name] + " bytes", "SIZE bytes")
        for name, sentence in zip(HEAVY, sentences, strict=True)
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_what_is_too_much_is_refused_in_little_memory(said: dict[str, str], name: str) -> None:
    assert said[name] == HEAVY[name][1]


@pytest.mark.parametrize("name", LIGHT)
def test_what_is_too_much_is_refused(tmp_path: Path, name: str) -> None:
    write, sentence = HEAVY[name]
    write(tmp_path / name)
    assert heard(given(tmp_path / name), tmp_path) == sentence


def heard(settings: object, folder: Path) -> str:
    with pytest.raises(SeqanomError) as error:
        opened(settings)
    return str(error.value).replace(str(folder), "HERE")


def opened(settings: object) -> None:
    data = pick_data(settings)
    assert isinstance(data, DataSpec)
    data.open()


class Canary:
    """What a careless reader would run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    canary, held = tmp_path / "ran", np.array([Canary(tmp_path / "ran")], object)
    np.savez(tmp_path / "a.npz", x=held, y=np.zeros(1))
    np.save(tmp_path / "x.npy", held)
    held.dump(tmp_path / "p.npz")
    end = "holds Python objects, which are not loaded as they could run code; save plain numbers"
    assert heard(str(tmp_path / "a.npz"), tmp_path) == f"HERE/a.npz: x: {end}"
    assert heard({"path": str(tmp_path / "x.npy"), "labels": "x.npy"}, tmp_path).endswith("or it would count twice")
    shutil.copy(tmp_path / "x.npy", tmp_path / "y.npy")
    assert heard({"path": str(tmp_path / "x.npy"), "labels": "y.npy"}, tmp_path) == f"HERE/x.npy: {end}"
    assert heard(str(tmp_path / "p.npz"), tmp_path) == f"HERE/p.npz: {end}"
    assert not canary.exists()
    np.load(tmp_path / "a.npz", allow_pickle=True)["x"]
    assert canary.exists()


def test_links_that_lead_nowhere(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    loop = "HERE/loop.csv: cannot be opened (Too many levels of symbolic links)"
    assert heard(str(tmp_path / "loop.csv"), tmp_path) == loop
    assert heard({"kind": "file", "path": str(tmp_path / "loop.csv")}, tmp_path) == loop
    samples["folder"](tmp_path / "folder")
    (tmp_path / "folder" / "site0" / "a.csv").symlink_to("gone.csv")
    gone = "HERE/folder/site0/a.csv: is a link to gone.csv, which is not there; remove the link"
    assert heard(str(tmp_path / "folder"), tmp_path) == gone


@pytest.mark.parametrize("kind", ["folder", "skab", "nab", "ucr", "smd", "smap", "braatz", "tsb_ad", "tsb_uad", "ts"])
def test_a_link_out_of_the_folder_is_not_followed(samples: Samples, tmp_path: Path, kind: str) -> None:
    samples[kind](tmp_path / "here")
    known = [path for path in (tmp_path / "here").rglob("*") if path.is_file() and "X-9" not in path.name]
    wanted = "P-1.npy" if kind == "smap" else ""
    path = next(path for path in sorted(known) if path.name.endswith(wanted))
    path.rename(tmp_path / "secret")
    path.symlink_to(tmp_path / "secret")
    settings = {"kind": kind, "path": str(tmp_path / "here"), **({"spacecraft": "SMAP"} if kind == "smap" else {})}
    assert heard(settings, tmp_path) == (
        f"{str(path).replace(str(tmp_path), 'HERE')}: is a link out of HERE/here, which is not followed; put the file "
        "itself there"
    )


def test_a_linked_folder_is_read_where_it_is_named(samples: Samples, tmp_path: Path) -> None:
    samples["folder"](tmp_path / "there")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    opened(str(tmp_path / "here"))
    (tmp_path / "there" / "again").symlink_to(tmp_path / "there" / "site0")
    assert heard(str(tmp_path / "here"), tmp_path).endswith(
        "is the same as HERE/here/again/0.csv; keep one of both, or it would count twice"
    )


def test_two_files_for_one_series(samples: Samples, tmp_path: Path) -> None:
    samples["folder"](tmp_path / "here")
    one = tmp_path / "here" / "site0" / "0.csv"
    pd.read_csv(one).to_parquet(one.with_suffix(".parquet"))
    assert heard(str(tmp_path / "here"), tmp_path) == (
        "HERE/here/site0/0.parquet: is the same as HERE/here/site0/0.csv; keep one of both, or it would count twice"
    )
    samples["ucr"](tmp_path / "ucr")
    one = tmp_path / "ucr" / "001_UCR_Anomaly_one_20_30_33.txt"
    shutil.copy(one, one.with_name("001_UCR_Anomaly_one_20_31_33.txt"))
    assert heard(str(tmp_path / "ucr"), tmp_path) == (
        "001_one: two files hold a series of this name; rename one, or name one of them"
    )
    samples["smd"](tmp_path / "smd")
    label = tmp_path / "smd" / "test_label" / "machine-1-1.txt"
    label.with_name("machine-1-1.txt.gz").write_bytes(gzip.compress(b"0\n"))
    assert heard(str(tmp_path / "smd"), tmp_path) == (
        "HERE/smd/test_label: holds both machine-1-1.txt and machine-1-1.txt.gz; keep one of them"
    )


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "realTraffic/../../../secret.csv"])
def test_labels_lead_to_no_other_files(samples: Samples, tmp_path: Path, key: str) -> None:
    samples["nab"](tmp_path / "here")
    labels = tmp_path / "here" / "labels" / "combined_windows.json"
    held = json.loads(labels.read_text())
    labels.write_text(json.dumps({**held, key: [["2014-04-01", "2014-04-02"]]}))
    data = pick_data(str(tmp_path / "here"))
    assert isinstance(data, family.Family)
    assert {path.relative_to(tmp_path / "here").parts[0] for path in data.files()} == {"data", "labels"}
    assert data.open().parts(0).test.ids == ("flow", "speed")


def test_nested_labels(samples: Samples, tmp_path: Path) -> None:
    samples["nab"](tmp_path / "nab")
    deep = "[" * 100_000
    (tmp_path / "nab" / "labels" / "combined_windows.json").write_text(deep)
    assert heard(str(tmp_path / "nab"), tmp_path).startswith("HERE/nab/labels/combined_windows.json: is not a mapping")
    samples["smap"](tmp_path / "smap")
    table = tmp_path / "smap" / "labeled_anomalies.csv"
    table.write_text(table.read_text().replace("[[10, 10]]", deep))
    sentence = heard({"path": str(tmp_path / "smap"), "spacecraft": "SMAP"}, tmp_path)
    assert sentence.startswith("labeled_anomalies.csv: channel 'P-1': '[[[[")
    assert len(sentence) < 400
    for text in ("[[1, Infinity]]", "[[1.5, 2]]", "[[true, 2]]"):
        table.write_text(table.read_text().replace(deep, text))
        assert heard({"path": str(tmp_path / "smap"), "spacecraft": "SMAP"}, tmp_path) == (
            f"labeled_anomalies.csv: channel 'P-1': '{text}' is no list of [start, end] (steps are whole numbers)"
        )
        table.write_text(table.read_text().replace(text, deep))


def test_a_pipe_is_not_waited_for(samples: Samples, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    said = "HERE/a.csv: is a pipe or a device, not a file; copy what it gives into a file"
    assert heard(str(tmp_path / "a.csv"), tmp_path) == said
    assert heard({"kind": "file", "path": str(tmp_path / "a.csv")}, tmp_path) == said
    assert heard({"kind": "folder", "path": str(tmp_path)}, tmp_path) == said
    samples["smd"](tmp_path / "smd")
    label = tmp_path / "smd" / "test_label" / "machine-1-1.txt"
    label.unlink()
    os.mkfifo(label)
    assert heard(str(tmp_path / "smd"), tmp_path) == said.replace("a.csv", "smd/test_label/machine-1-1.txt")
    label.unlink()
    label.mkdir()
    assert heard(str(tmp_path / "smd"), tmp_path) == (
        "HERE/smd/test_label: there is no machine-1-1.txt in it; each machine is in train, test and test_label"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read(samples: Samples, tmp_path: Path) -> None:
    samples["folder"](tmp_path / "here")
    path = tmp_path / "here" / "site0" / "0.csv"
    path.chmod(0)
    assert "Permission denied" in heard(str(path), tmp_path)
    assert heard(str(tmp_path / "here"), tmp_path).startswith("HERE/here/site0/0.csv: cannot be opened")
    said = "HERE/here/site0/0.csv: cannot be opened (Permission denied)"
    assert heard({"kind": "file", "path": str(path)}, tmp_path) == said
    (tmp_path / "here").chmod(0)
    assert heard(str(tmp_path / "here"), tmp_path) == "HERE/here: cannot be opened (Permission denied)"
    (tmp_path / "here").chmod(0o700)


def test_a_mapped_table_that_is_not_there(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.feather", "a.csv"):
        given = {"kind": "file", "path": str(tmp_path / name), "mapped": True}
        assert heard(given, tmp_path) == f"HERE/{name}: there is no such file"


def test_names_that_no_file_has(tmp_path: Path) -> None:
    long = f"{tmp_path}/{'a' * 400}.csv"
    assert heard(long, tmp_path).endswith(": cannot be opened (File name too long)")
    assert heard(f"{tmp_path}/a\0b.csv", tmp_path) == "HERE/a\\x00b.csv: cannot be opened (embedded null byte)"


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(4):
        pd.DataFrame({"x": range(9), "label": 0}).to_csv(tmp_path / f"{place}.csv", index=False)
    read = Folder.read

    def shrinking(self: Folder, files: Any) -> Any:
        found = read(self, files)
        (tmp_path / "2.csv").write_text("x,label\n1,0\n")
        return found

    monkeypatch.setattr(Folder, "read", shrinking)
    said = "changed while it was read; wait until it is written and start again"
    assert heard(str(tmp_path), tmp_path) == f"HERE/2.csv: {said}"

    path = tmp_path / "3.csv"
    pd.DataFrame({"series": list("aabbcc"), "step": [0, 1] * 3, "x": 1.0, "label": 0}).to_csv(path, index=False)
    opened(str(path))
    checked = FileData.long

    def growing(self: FileData, table: pd.DataFrame) -> Any:
        with path.open("a") as file:
            file.write("d,0,1.0,0\n")
        return checked(self, table)

    monkeypatch.setattr(files.FileData, "long", growing)
    assert heard(str(path), tmp_path) == f"HERE/3.csv: {said}"


def test_a_stream_counts_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a" * (1 << 20) + "é".encode() + b"b" * (1 << 20) + b"\xff")
    with stream(path, text=True) as file, pytest.raises(UnicodeDecodeError) as error:
        file.read()
    assert error.value.start == (2 << 20) + 2
    path.write_bytes(b"a" * (1 << 20) + "é".encode()[:1])
    with stream(path, text=True) as file, pytest.raises(UnicodeDecodeError) as error:
        file.read()
    assert error.value.start == 1 << 20
