"""Which instruction set runs, and what the variable may say."""

import ctypes
import math
from pathlib import Path

import numpy as np
import pytest

from seqanomaly.errors import ConfigError
from seqanomaly.kernel import library as module
from seqanomaly.kernel.library import SETS, VARIABLE, library, of, usable
from seqanomaly.kernel.sources import fingerprint

compiled = pytest.mark.skipif(not usable(), reason="the kernel is not compiled here (python setup.py build_ext -i)")


@compiled
def test_the_best_set_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    found = library()
    assert found is not None
    assert found.instructions == usable()[-1]
    assert usable()[0] == "plain"


@compiled
def test_a_set_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "plain")
    found = library()
    assert found is not None
    assert found.instructions == "plain"


def test_off_is_torch_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    assert library() is None


def test_no_library_is_torch_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "_loaded", lambda: None)
    assert library() is None
    assert usable() == []


def test_an_unknown_set_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "avx51")
    with pytest.raises(ConfigError, match=r"unknown SEQANOM_KERNEL='avx51'; did you mean 'avx512'\?"):
        library()


def test_a_set_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "avx2")
    for found, have in (
        (["plain"], "this machine has plain"),
        ([], "the kernel was not compiled when it was installed"),
    ):
        monkeypatch.setattr(module, "usable", lambda found=found: found)
        with pytest.raises(ConfigError) as error:
            library()
        assert str(error.value) == f"SEQANOM_KERNEL='avx2' cannot run: {have}; leave SEQANOM_KERNEL unset"


@compiled
@pytest.mark.parametrize("instructions", SETS)
def test_tanh_is_tanh(instructions: str) -> None:
    if instructions not in usable():
        pytest.skip(f"this machine has no {instructions}")
    tanh = of(instructions).function("seqanom_tanh", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    edges = [0.0, -0.0, 1e-30, 7.9, -7.9, 8, -8, 1e30, math.inf, -math.inf, math.nan]
    x = np.concatenate([np.linspace(-12, 12, 100_003), edges]).astype(np.float32)
    y = np.full_like(x, 7)
    tanh(x.ctypes.data, y.ctypes.data, len(x))
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=4e-7, atol=0)
    assert (np.abs(y[np.isfinite(y)]) <= 1).all()
    assert (np.abs(y[np.abs(x) >= 8]) == 1).all()


@compiled
def test_a_library_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(module, "fingerprint", lambda folder: 1)
    module._loaded.cache_clear()
    with pytest.raises(ConfigError, match=r"_native.*: was compiled from other sources than stand beside it; install"):
        library()
    monkeypatch.undo()
    module._loaded.cache_clear()
    assert usable()[0] == "plain"


def test_any_source_changes_the_fingerprint(tmp_path: Path) -> None:
    found = {fingerprint(tmp_path)}
    for name, text in (("a.cpp", "int a;"), ("b.h", "int b;"), ("b.h", "int c;")):
        (tmp_path / name).write_text(text)
        found.add(fingerprint(tmp_path))
    assert len(found) == 4
