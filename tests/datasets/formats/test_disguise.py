"""Files that hold something else than their names say, told by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import SeqanomError

TABLE = pd.DataFrame({"series": ["a", "a", "b"], "step": [0, 1, 0], "label": 0, "x": 0.5})
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
PAGE = "\n<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n"


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", TABLE.to_csv(index=False))


def saved(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (
            lambda path: path.write_bytes(gzip.compress(b"a,b")),
            "is compressed with gzip, which its name does not say; add .gz to its name",
        ),
        (
            lambda path: path.write_bytes(lzma.compress(b"a,b")),
            "is compressed with xz, which its name does not say; add .xz to its name",
        ),
        (
            lambda path: path.write_bytes(bz2.compress(b"a,b")),
            "is compressed with bzip2, which its name does not say; add .bz2 to its name",
        ),
        (lambda path: path.write_text("a,b", encoding="utf-16"), "is text in UTF-16; save it as UTF-8"),
        (zipped, "is a ZIP archive or an Excel workbook, not text; unpack it, or save the sheet as CSV"),
        (
            lambda path: TABLE.to_parquet(path),
            "is a Parquet file, which its name does not say; let its name end in .parquet",
        ),
        (
            lambda path: TABLE.to_feather(path),
            "is a Feather file, which its name does not say; let its name end in .feather",
        ),
        (saved, "is a NumPy array, not text; let its name end in .npy"),
        (
            lambda path: path.write_text(POINTER),
            "is a pointer of Git LFS, not the file that it stands for; fetch that with git lfs pull",
        ),
        (
            lambda path: path.write_text(PAGE),
            "is a page of a web site, perhaps one that says why there is no file; fetch it again",
        ),
    ],
)
@pytest.mark.parametrize("name", ["mine.csv", "mine.ts", "mine.out", "135_UCR_Anomaly_mine_10_20_30.txt"])
def test_text_that_is_none(tmp_path: Path, name: str, write: Callable[[Path], None], said: str) -> None:
    write(tmp_path / name)
    assert heard({"path": str(tmp_path / name)}) == f"{tmp_path / name}: {said}"


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "x.npy", "x.npz", "a.csv.gz"])
def test_a_pointer_in_place_of_any_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(POINTER)
    settings = {"path": str(tmp_path / name), **({"labels": "none"} if name.endswith("npy") else {})}
    assert heard(settings) == (
        f"{tmp_path / name}: is a pointer of Git LFS, not the file that it stands for; fetch that with git lfs pull"
    )


def test_what_its_name_says_is_no_disguise(tmp_path: Path) -> None:
    text = "series,step,label,x\n" + "".join(
        f"{name},{step},{step // 3},{step}.5\n" for name in "abc" for step in range(5)
    )
    for name, packed in (("a.csv.gz", gzip.compress), ("b.csv.bz2", bz2.compress), ("c.csv.xz", lzma.compress)):
        (tmp_path / name).write_bytes(packed(text.encode()))
        assert len(opened(str(tmp_path / name)).parts(0).test) == 1


def opened(settings: object) -> Source:
    data = pick_data(settings)
    assert isinstance(data, DataSpec)
    return data.open()


def heard(settings: object) -> str:
    with pytest.raises(SeqanomError) as error:
        opened(settings)
    return str(error.value)
