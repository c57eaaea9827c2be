"""Files of every family, broken at random: each is read right, or ends in one sentence that names it."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec, Parts
from seqanomaly.datasets.specs import FAMILIES, pick_data
from seqanomaly.errors import SeqanomError

Generator = np.random.Generator
Write = Callable[[Path, Path], None]


@dataclass(frozen=True, kw_only=True)
class Bed:
    """A small data set to break: `write(folder, shared)` writes it, `settings` open it with a path in `folder`."""

    write: Write
    settings: Mapping[str, Any] = field(default_factory=dict)
    path: str = "."


def head(source: Path, target: Path, lines: int, start: int = 0) -> None:
    """The first lines, and those from `start` on, of a text file, plain or compressed."""
    packed = source.suffix == ".gz"
    found = (gzip.decompress(source.read_bytes()) if packed else source.read_bytes()).splitlines(keepends=True)
    content = b"".join(found[start : start + lines])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content) if target.suffix == ".gz" else content)


def cmapss(folder: Path, shared: Path) -> None:
    here = SHIPPED / "cmapss"
    head(here / "train_FD001.txt.gz", folder / "train_FD001.txt", 479)  # two engines
    head(here / "test_FD001.txt.gz", folder / "test_FD001.txt.gz", 312)  # four engines
    head(here / "RUL_FD001.txt.gz", folder / "RUL_FD001.txt", 4)


def tep(folder: Path, shared: Path) -> None:
    head(SHIPPED / "tep" / "tep_sim_train.csv.gz", folder / "tep_sim_train.csv", 481)
    head(SHIPPED / "tep" / "tep_sim_test.csv.gz", folder / "tep_sim_test.csv.gz", 241)


def robot(folder: Path, shared: Path) -> None:
    head(SHIPPED / "robot" / "lp1.data.gz", folder / "lp1.data", 18 * 30)


def skab(folder: Path, shared: Path) -> None:
    for name in ("valve1/0", "valve1/1", "valve2/0", "other/1"):
        lines = (shared / "datasets" / "SKAB" / f"{name}.csv").read_text().splitlines(keepends=True)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.csv").write_text("".join([lines[0], *lines[1::25]]))


def long_skab(folder: Path, shared: Path) -> None:
    for name in ("0.csv", "1.csv"):
        head(shared / "datasets" / "SKAB" / "valve1" / name, folder / "valve1" / name, 520)


def nab(folder: Path, shared: Path) -> None:
    here, windows = shared / "datasets" / "NAB", "labels/combined_windows.json"
    head(here / "data/realTraffic/speed_7578.csv", folder / "data/realTraffic/speed_7578.csv", 1200)
    (folder / "labels").mkdir()
    of_all = json.loads((here / windows).read_text())
    key = "realTraffic/speed_7578.csv"
    (folder / windows).write_text(json.dumps({key: of_all[key]}))


def ucr(folder: Path, shared: Path) -> None:
    name = "135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.txt"
    head(shared / "datasets" / "UCR_Anomaly" / name, folder / name, 4300)


def smd(folder: Path, shared: Path) -> None:
    here = shared / "datasets" / "ServerMachineDataset"
    for machine, end in (("machine-1-6", ""), ("machine-2-1", ".gz")):
        for part in ("train", "test"):
            head(here / part / f"{machine}.txt.gz", folder / part / f"{machine}.txt{end}", 60)
        head(here / "test_label" / f"{machine}.txt", folder / "test_label" / f"{machine}.txt", 60)


def smap(folder: Path, shared: Path) -> None:
    here = shared / "datasets" / "SMAP_MSL"
    for part, steps in (("train", 40), ("test", 60)):
        (folder / part).mkdir(parents=True)
        for channel in ("S-2", "A-5"):
            np.save(folder / part / f"{channel}.npy", np.load(here / part / f"{channel}.npy")[:steps])
    table = pd.read_csv(here / "labeled_anomalies.csv")
    table = table[table["chan_id"].isin(["S-2", "A-5"])].drop_duplicates("chan_id")
    table.assign(num_values=60, anomaly_sequences="[[20, 30]]").to_csv(folder / "labeled_anomalies.csv", index=False)


def braatz(folder: Path, shared: Path) -> None:
    here = shared / "datasets" / "TEP_Braatz"
    folder.mkdir()
    np.savetxt(folder / "d00.dat", np.loadtxt(here / "d00.dat")[:, :40])
    head(here / "d00_te.dat.gz", folder / "d00_te.dat", 40)
    head(here / "d01.dat.gz", folder / "d01.dat", 40)
    head(here / "d01_te.dat.gz", folder / "d01_te.dat.gz", 180)


def tsb_ad(folder: Path, shared: Path) -> None:
    name = "001_NAB_id_1_Facility_tr_1007_1st_2014.csv"
    head(shared / "datasets" / "TSB-AD" / "TSB-AD-U" / name, folder / name, 2100)


def tsb_uad(folder: Path, shared: Path) -> None:
    here = shared / "datasets" / "TSB-UAD" / "MBA_ECG805_data.out.gz"
    head(here, folder / "a.out", 300)
    head(here, folder / "b.out.gz", 200, start=300)


def ts(folder: Path, shared: Path) -> None:
    for part in ("TRAIN", "TEST"):
        name = f"GunPoint_{part}.ts"
        lines = (shared / "datasets" / "aeon" / "GunPoint" / name).read_text().splitlines(keepends=True)
        start = lines.index("@data\n") + 1
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("".join([*lines[:start], *lines[start : start + 14]]))


def aeon(folder: Path, shared: Path) -> None:
    here = shared / "datasets" / "aeon" / "UnitTest"
    for part, lines in (("TRAIN_A", 200), ("TEST", 300)):
        head(here / f"ecg-diff-count-3_{part}.csv", folder / f"ecg-diff-count-3_{part}.csv", lines)


def npz(folder: Path, shared: Path) -> None:
    folder.mkdir()
    x, y = _arrays()
    np.savez_compressed(folder / "a.npz", x=x, y=y)


def npz_parts(folder: Path, shared: Path) -> None:
    folder.mkdir()
    x, y = _arrays()
    np.savez(folder / "a.npz", x_train=x[:8], y_train=y[:8], x_test=x[8:], y_test=y[8:])


def npy(folder: Path, shared: Path) -> None:
    folder.mkdir()
    x, y = _arrays()
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    frame = _episodes()
    runs = [run for _, run in frame.groupby("run", sort=False)]
    x = np.stack([run[["a_feed", "purge_rate"]].to_numpy() for run in runs])
    return x, np.stack([run["label"].to_numpy() for run in runs])


def _episodes() -> pd.DataFrame:
    """Ten steps of twelve of the episodes that ship."""
    found = pd.read_csv(SHIPPED / "episodes" / "episodes.csv.gz")
    runs = found["run"].unique()[:12]
    return found[found["run"].isin(runs) & (found["sample"] <= 10)].drop(columns=["fault", "part"])


def folder_of_tables(folder: Path, shared: Path) -> None:
    for place, (_, run) in enumerate(_episodes().groupby("run", sort=False)):
        end = ".csv.gz" if place % 3 == 0 else ".csv"
        path = folder / f"site{place % 2}" / f"{place}{end}"
        path.parent.mkdir(parents=True, exist_ok=True)
        run.drop(columns=["run", "sample"]).to_csv(path, index=False)


def table(name: str) -> Write:
    def write(folder: Path, shared: Path) -> None:
        folder.mkdir()
        frame, path = _episodes().reset_index(drop=True), folder / name
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        elif path.suffix == ".feather":
            frame.to_feather(path)
        else:
            frame.to_csv(path, index=False, sep=";" if "semicolon" in name else ",")

    return write


def timed(folder: Path, shared: Path) -> None:
    folder.mkdir()
    frame = _episodes()
    frame["sample"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["sample"], unit="min")
    frame.to_csv(folder / "timed.csv", index=False)


def wide(folder: Path, shared: Path) -> None:
    folder.mkdir()
    rows = [[run["label"].iloc[0], *run["a_feed"].round(4)] for _, run in _episodes().groupby("run", sort=False)]
    pd.DataFrame(rows, columns=["label", *(f"t{i}" for i in range(10))]).to_csv(folder / "wide.csv", index=False)


LONG = {"series": "run", "step": "sample"}
BEDS = {
    "cmapss": Bed(write=cmapss),
    "tep": Bed(write=tep, settings={"kind": "tep", "label": "fault"}),
    "robot": Bed(write=robot, settings={"kind": "robot", "label": "class"}),
    "skab": Bed(write=skab),
    "skab usual": Bed(write=long_skab, settings={"kind": "skab", "split": "usual"}),
    "nab": Bed(write=nab),
    "ucr": Bed(write=ucr),
    "smd": Bed(write=smd),
    "smap": Bed(write=smap, settings={"kind": "smap", "spacecraft": "SMAP"}),
    "braatz": Bed(write=braatz, settings={"kind": "braatz", "label": "fault"}),
    "tsb_ad": Bed(write=tsb_ad),
    "tsb_uad": Bed(write=tsb_uad),
    "ts": Bed(write=ts, settings={"kind": "ts", "normal": "1"}),
    "aeon": Bed(write=aeon, path="ecg-diff-count-3_TEST.csv"),
    "npz": Bed(write=npz, path="a.npz"),
    "npz parts": Bed(write=npz_parts, path="a.npz"),
    "npy": Bed(write=npy, path="x.npy", settings={"labels": "y.npy"}),
    "folder": Bed(write=folder_of_tables),
    "folder in time": Bed(write=folder_of_tables, settings={"kind": "folder", "split": "time"}),
    "csv": Bed(write=table("a.csv"), path="a.csv", settings=LONG),
    "csv.gz": Bed(write=table("a.csv.gz"), path="a.csv.gz", settings=LONG),
    "semicolons": Bed(write=table("semicolon.csv"), path="semicolon.csv", settings=LONG),
    "timed": Bed(write=timed, path="timed.csv", settings=LONG),
    "parquet": Bed(write=table("a.parquet"), path="a.parquet", settings=LONG),
    "feather": Bed(write=table("a.feather"), path="a.feather", settings=LONG),
    "wide": Bed(write=wide, path="wide.csv"),
}
OWN = (
    "cmapss",
    "tep",
    "robot",
    "npz",
    "npz parts",
    "npy",
    "folder",
    "csv",
    "csv.gz",
    "timed",
    "parquet",
    "feather",
    "wide",
)
"""Those that are cut from what ships, so that they need no other files."""

# How a file, its text or its folder is broken


NASTY = (
    *(
        "",
        " ",
        "abc",
        "inf",
        "-inf",
        "nan",
        "NaN",
        "NA",
        "None",
        "true",
        "1e400",
        "-1e39",
        "1e-400",
        "9" * 40,
        "-1",
        "2",
    ),
    *("0.5", "1_000", "0x1F", '"', "'", '"a\nb"', "1,5", "é", "\u202e", "\x1b[31m", "[[", "[[0, 1e999]]", "a" * 500),
    *("2024-13-45", "1970-01-01", "2024-01-01T00:00:00+09:00", "+-1", "1e", "\u0663", "-0"),
)
ENDINGS = (
    ".csv",
    ".csv.gz",
    ".txt",
    ".ts",
    ".out",
    ".npy",
    ".npz",
    ".parquet",
    ".feather",
    ".dat",
    ".data",
    ".xz",
    ".gz",
)


def truncated(content: bytes, random: Generator) -> bytes:
    return content[: random.integers(len(content) + 1)]


def flipped(content: bytes, random: Generator) -> bytes:
    found = bytearray(content)
    for _ in range(random.integers(1, 9)):
        if found:
            found[random.integers(len(found))] ^= 1 << int(random.integers(8))
    return bytes(found)


def flipped_early(content: bytes, random: Generator) -> bytes:
    return flipped(content[:200], random) + content[200:]


def inserted(content: bytes, random: Generator) -> bytes:
    place = int(random.integers(len(content) + 1))
    what = (b"\0", b"\xe9", b"\xff\xfe", b'"', b"\n\n", b"\r", b"#", b"\x1a", b"\0" * 600)[random.integers(9)]
    return content[:place] + what + content[place:]


def encoded(content: bytes, random: Generator) -> bytes:
    text = content.decode("utf-8", errors="replace")
    return (
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-16-be"),
        lambda: text.encode("utf-8-sig"),
        lambda: text.replace("\n", "\r\n").encode(),
        lambda: text.replace("\n", "\r").encode(),
        lambda: ("é" + text).encode("latin-1", errors="replace"),
    )[random.integers(6)]()


def doubled(content: bytes, random: Generator) -> bytes:
    return content + (content, b"garbage", b"\n", b"\0" * 100)[random.integers(4)]


def emptied(content: bytes, random: Generator) -> bytes:
    return (b"", b"\n", b" \n \n", b",\n", b"a\n", b"\xef\xbb\xbf")[random.integers(6)]


BYTES = (truncated, flipped, flipped_early, inserted, encoded, doubled, emptied)


def cells(content: bytes) -> tuple[str, list[list[str]]]:
    """The separator of a text and its rows of values."""
    text = content.decode("utf-8", errors="replace")
    separator = max(",;\t: ", key=text.split("\n", 1)[-1][:3000].count)
    return separator, [line.split(separator) for line in text.split("\n")]


def rows_broken(rows: list[list[str]], random: Generator) -> list[list[str]]:
    place = int(random.integers(len(rows)))
    return (
        lambda: rows[:place] + rows[place + 1 :],
        lambda: [*rows[: place + 1], rows[place], *rows[place + 1 :]],
        lambda: [rows[0], *(rows[1:][i] for i in random.permutation(len(rows) - 1))],
        lambda: [rows[i] for i in random.permutation(len(rows))],
        lambda: rows[1:],
        lambda: [["series", "label", *map(str, range(len(rows[0]) - 2))], *rows],
        lambda: [rows[0], *rows],
        lambda: rows[: place + 1],
        lambda: [*rows[:place], [*rows[place], "1"], *rows[place + 1 :]],
        lambda: [*rows[:place], rows[place][:-1], *rows[place + 1 :]],
    )[random.integers(10)]()


def columns_broken(rows: list[list[str]], random: Generator) -> list[list[str]]:
    one, other = (int(random.integers(max(len(row) for row in rows))) for _ in range(2))

    def swapped(row: list[str]) -> list[str]:
        if max(one, other) < len(row):
            row[one], row[other] = row[other], row[one]
        return row

    return (
        lambda: [row[:one] + row[one + 1 :] for row in rows],
        lambda: [row[: one + 1] + row[one:] for row in rows],
        lambda: [swapped(list(row)) for row in rows],
        lambda: [[*row, "1"] for row in rows],
    )[random.integers(4)]()


def values_broken(rows: list[list[str]], random: Generator) -> list[list[str]]:
    nasty = NASTY[random.integers(len(NASTY))]
    whole, found = random.random() < 0.3, [list(row) for row in rows]
    column = int(random.integers(max(len(row) for row in rows)))
    chosen = range(int(random.integers(2)), len(found)) if whole else [int(random.integers(len(found)))]
    for place in chosen:
        if column < len(found[place]):
            found[place][column] = nasty
    return found


TEXTS = (rows_broken, columns_broken, values_broken, values_broken)


def array_broken(path: Path, random: Generator) -> None:
    """Another value, type or shape in an array."""
    held = dict(np.load(path)) if path.suffix == ".npz" else {"x": np.load(path)}
    name = list(held)[random.integers(len(held))]
    x = np.array(held[name])
    value = (np.nan, np.inf, -1, 1e300, 0.5, 7, 1e6)[random.integers(7)]
    changed = x.astype(np.float64)
    changed.flat[random.integers(x.size)] = value
    held[name] = (
        lambda: changed,
        lambda: x.astype(("i1", "u8", "c16", "U8", "S4", "?", "f2", "M8[s]")[random.integers(8)]),
        lambda: x.ravel(),
        lambda: x[:-1],
        lambda: x[:0],
        lambda: x[..., None],
        lambda: x.T,
        lambda: np.array(value),
    )[random.integers(8)]()
    np.savez(path, **held) if path.suffix == ".npz" else np.save(path, held["x"])


def place_broken(path: Path, random: Generator) -> None:
    """The file is missing, elsewhere, a folder, or something else."""
    content = path.read_bytes()
    others = [other for other in path.parent.iterdir() if other.is_file() and other != path]
    what = int(random.integers(7))
    if what == 0 or (what == 4 and not others):
        path.unlink()
    elif what == 1:
        path.rename(path.with_suffix(ENDINGS[random.integers(len(ENDINGS))]))
    elif what == 2:
        path.with_suffix(ENDINGS[random.integers(len(ENDINGS))]).write_bytes(content)
    elif what == 3:
        path.unlink()
        path.mkdir()
    elif what == 4:
        others[random.integers(len(others))].write_bytes(content)
    elif what == 5:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.rename(path.with_name("other" + path.name))


def broken(folder: Path, random: Generator) -> str:
    """Break one file in the folder; what was done to which."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = files[random.integers(len(files))]
    packed = path.suffix == ".gz" and random.random() < 0.7
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    is_text = packed or path.suffix in (".csv", ".txt", ".dat", ".data", ".out", ".ts", ".json")
    draw = random.random()
    if draw < 0.1:
        place_broken(path, random)
        return f"place of {path.name}"
    if path.suffix in (".npy", ".npz") and draw < 0.5:
        array_broken(path, random)
        return f"array in {path.name}"
    if is_text and draw < 0.7:
        change = TEXTS[random.integers(len(TEXTS))]
        separator, rows = cells(content)
        what, found = change.__name__, "\n".join(separator.join(row) for row in change(rows, random)).encode()
    else:
        damage = BYTES[random.integers(len(BYTES))]
        what, found = damage.__name__, damage(content, random)
    path.write_bytes(gzip.compress(found) if packed else found)
    return f"{what} {path.name}"


# What must hold


def well_formed(parts: Parts, *, official: bool) -> None:
    for part in (parts.train, parts.validation, parts.test):
        count, steps, width = part.x.shape
        assert count > 0
        assert (part.x.dtype.name, part.label.dtype.name) == ("float32", "int64")
        assert part.label.shape == (count, steps) == part.mask.shape
        assert np.isfinite(part.x).all()
        assert ((part.label >= 0) & (part.label < len(part.classes))).all()
        assert len(part.ids) == len(set(part.ids)) == len(part.length) == count
        assert len(part.features) == len(set(part.features)) == width
        assert (part.length >= 1).all()
        assert (part.features, part.classes) == (parts.train.features, parts.train.classes)
    apart(parts.train, parts.validation)
    for part in (parts.train, parts.validation):
        apart(part, parts.test, another_recording=official)


def apart(one: Sequences, other: Sequences, *, another_recording: bool = False) -> None:
    """No step of a series is in both; a test part may be another recording, which starts from 0 again."""
    ends = dict(zip(one.ids, (one.start + one.length).tolist(), strict=True))
    for name, start in zip(other.ids, other.start.tolist(), strict=True):
        assert name not in ends or start >= ends[name] or (another_recording and start == 0), name


def outcome(bed: Bed, folder: Path) -> str | None:
    """The sentence that is said about a data set, or None where it is read; anything else is a failure."""
    names = {part for path in folder.rglob("*") for part in (path.name, path.name.split(".")[0])}
    try:
        data = pick_data({"path": str(folder / bed.path), **bed.settings})
        assert isinstance(data, DataSpec)
        source = data.open()
        well_formed(source.parts(0), official=source.official_test)
    except SeqanomError as error:
        sentence = str(error)
        assert len(sentence) < 400, sentence
        assert sentence.isprintable(), sentence
        assert folder.name in sentence or any(name in sentence for name in names), sentence
        return sentence
    return None


def failures(bed: Bed, cases: Sequence[int], shared: Path, tmp_path: Path) -> list[str]:
    """What went wrong in which cases."""
    whole, folder = tmp_path / "whole", tmp_path / "broken-bed"
    bed.write(whole, shared)
    shutil.copytree(whole, folder)
    assert outcome(bed, folder) is None
    found = []
    for case in cases:
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        what = broken(folder, np.random.default_rng([case, len(bed.path)]))
        try:
            outcome(bed, folder)
        except Exception as error:
            found.append(f"case {case} ({what}): {type(error).__name__}: {error}")
    return found


def test_every_family_is_broken(declared: Mapping[str, Any]) -> None:
    kinds = {str(bed.settings.get("kind", name)) for name, bed in BEDS.items()} | set(declared)
    assert set(FAMILIES) - {"numpy"} <= kinds  # npz and npy


@pytest.mark.parametrize("name", OWN)
def test_broken_files_end_in_a_sentence(name: str, tmp_path: Path) -> None:
    assert failures(BEDS[name], range(12), tmp_path, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", BEDS)
def test_many_broken_files_end_in_a_sentence(name: str, shared: Path, tmp_path: Path) -> None:
    assert failures(BEDS[name], range(100, 320), shared, tmp_path) == []


@pytest.mark.parametrize(
    "cases", [range(12), pytest.param(range(100, 320), marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_broken_files_of_declared_samples(cases: Sequence[int], declared: Mapping[str, Any], tmp_path: Path) -> None:
    for name, sample in declared.items():
        if sample.needs is None or importlib.util.find_spec(sample.needs) is not None:
            bed = Bed(write=partial(_written, sample), path=sample.path, settings=sample.settings | {"kind": name})
            assert failures(bed, cases, tmp_path, tmp_path / name) == []


def _written(sample: Any, folder: Path, shared: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    sample.write(folder)
