"""NumPy files: parts, shapes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqanomaly.datasets.formats.arrays import Numpy, read_array
from seqanomaly.errors import DataError

X = np.arange(5 * 4 * 2, dtype=float).reshape(5, 4, 2)
Y = np.array([0, 1, 0, 1, 0])


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def heard(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as error:
        Numpy(path=str(path), **settings).open()
    return str(error.value).replace(str(path), "HERE")


def test_labels_per_sequence_and_per_step(tmp_path: Path) -> None:
    known = Numpy(path=str(npz(tmp_path, x=X, y=Y))).open().known
    assert known is not None
    np.testing.assert_array_equal(known.x, X)
    assert known.label.tolist() == [[label] * 4 for label in Y]
    known = Numpy(path=str(npz(tmp_path, x=X.astype(np.int16), y=np.tile([0.0, 0, 2, 2], (5, 1))))).open().known
    assert known is not None
    assert known.label[3].tolist() == [0, 0, 2, 2]
    assert known.classes == ("0", "1", "2")


@pytest.mark.parametrize("x", [X.reshape(20, 2), X.reshape(40)])
def test_one_series_is_cut_in_time(tmp_path: Path, x: np.ndarray) -> None:
    labels = np.arange(len(x)) % 2
    source = Numpy(path=str(npz(tmp_path, x=x, y=labels)), test=0.25).open()
    test = source.parts(0).test
    count = len(x) // 4
    assert (test.start.tolist(), test.label.tolist()) == ([len(x) - count], [labels[-count:].tolist()])
    np.testing.assert_array_equal(test.x[0], x[-count:].reshape(count, -1))
    assert source.notes[1] == f"test is the last 25% of each series: {count} steps"


def test_features_and_labels_of_one_shape_are_sequences_of_one_feature(tmp_path: Path) -> None:
    known = Numpy(path=str(npz(tmp_path, x=X[..., 0], y=np.tile([0, 0, 1, 1], (5, 1))))).open().known
    assert known is not None
    np.testing.assert_array_equal(known.x, X[..., :1])
    assert known.label[0].tolist() == [0, 0, 1, 1]


def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones((4, 5)), y=np.eye(4, 5))
    (tmp_path / "a.npz").rename(tmp_path / "A.NPZ")
    assert Numpy.recognise(tmp_path / "A.NPZ") == {}
    assert len(Numpy(path=str(tmp_path / "A.NPZ")).open().parts(0).train) == 2


def test_no_labels_are_asked_for(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X.reshape(20, 2))
    source = Numpy(path=str(tmp_path / "x.npy"), labels="none").open()
    assert source.notes[1] == "no column holds labels, so all steps are taken as normal"
    assert [part.label.any() for part in vars(source.parts(0)).values()] == [False] * 3


def test_given_parts(tmp_path: Path) -> None:
    path = npz(tmp_path, x_train=X, y_train=Y, x_test=X[:2, :3] + 100, y_test=[0, 2])
    source = Numpy(path=str(path)).open()
    parts = source.parts(0)
    assert source.official_test
    assert [len(part) for part in vars(parts).values()] == [4, 1, 2]
    assert parts.test.x.shape == (2, 3, 2)
    assert parts.train.classes == parts.test.classes == ("0", "1", "2")
    assert source.notes[1] == "the arrays x_train and x_test give the parts"


def test_two_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "below").mkdir()
    np.save(tmp_path / "below" / "y.npy", Y)
    data = Numpy(path=str(tmp_path / "x.npy"), labels="below/y.npy")
    before = data.content_digest()
    assert len(data.open().parts(0).test) == 2
    np.save(tmp_path / "below" / "y.npy", 1 - Y)
    assert data.content_digest() != before
    assert heard(tmp_path / "x.npy") == (
        "HERE: holds features only; name the .npy file with the labels with labels: FILE, or take every step as "
        "normal, as for forecast, with labels: none"
    )
    assert heard(tmp_path / "x.npy", labels="no.npy") == f"{tmp_path / 'no.npy'}: there is no such file"


@pytest.mark.parametrize("labels", ["../y.npy", "/etc/y.npy", "below/../../y.npy"])
def test_labels_outside_the_folder_are_refused(tmp_path: Path, labels: str) -> None:
    (tmp_path / "here").mkdir()
    np.save(tmp_path / "here" / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    assert heard(tmp_path / "here" / "x.npy", labels=labels) == (
        f"{labels}: the labels are outside the folder of x.npy; put them beside it"
    )


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (
            {"x": X},
            "a.npz: there is no array 'y'; it holds x, needed are x and y, or x_train, y_train, x_test and y_test",
        ),
        ({"x_train": X, "y_train": Y}, "a.npz: there is no array 'x_test'; it holds x_train, y_train, needed are"),
        ({"x": X[0], "y": Y}, "a.npz: x has the shape (4, 2); needed is [sequences, steps, features], or"),
        ({"x": np.array(1.0), "y": np.array(0)}, "a.npz: x has the shape (); needed is [sequences, steps, features]"),
        ({"x": X, "y": Y[:3]}, "a.npz: y has the shape (3,); needed is a label per sequence (5,) or per step (5, 4)"),
        ({"x": X, "y": Y - 1}, "a.npz: y holds -1 to 0; labels are whole numbers from 0 on"),
        ({"x": X, "y": Y / 2}, "a.npz: y holds 0 to 0.5; labels are whole numbers from 0 on"),
        ({"x": X.astype(str), "y": Y}, "HERE: x: holds <U"),
        ({"x": X + np.inf, "y": Y}, "a.npz: x: the value at [0, 0, 0] is inf, not a finite 32-bit number"),
        (
            {"x": X[:2], "y": Y[:2]},
            "numpy(path=a.npz): has 2 series; training, validation and test need at least one each",
        ),
        (
            {"x_train": X, "y_train": Y, "x_test": X[..., :1], "y_test": Y},
            "a.npz: x_train has 2 features and x_test 1",
        ),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    assert heard(npz(tmp_path, **arrays)).startswith(text)


def test_objects_are_not_loaded(tmp_path: Path) -> None:
    refused = "HERE: x: holds Python objects, which are not loaded as they could run code; save plain numbers"
    assert heard(npz(tmp_path, x=np.array([{1: 2}], object), y=Y)) == refused
    (tmp_path / "p.npz").write_bytes(b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00N.")
    assert heard(tmp_path / "p.npz") == refused.replace("HERE: x", "HERE")


def test_broken_files(tmp_path: Path) -> None:
    path = npz(tmp_path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:-200])
    assert heard(path).startswith("HERE: cannot be read as npz: ")
    path.write_bytes(b"")
    assert heard(path) == "HERE: the file is empty"
    np.save(tmp_path / "x.npy", X)
    assert heard(tmp_path) == "HERE: is no .npy or .npz file"
    assert heard(npz(tmp_path, x=X, y=Y), labels="y.npy") == (
        "HERE: labels is for a .npy file, got 'y.npy'; a .npz file holds them as y"
    )
    with pytest.raises(DataError, match=r"holds several arrays; a \.npy file holds one"):
        read_array(npz(tmp_path, x=X).rename(tmp_path / "renamed.npy"))
