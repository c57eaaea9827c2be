"""Where to compute: names of devices, and one thread."""

import pytest
import torch

from seqanomaly.errors import ConfigError
from seqanomaly.training.device import find_device, one_thread

UNKNOWN = r"^device: unknown device '{}'; known: auto, cpu, cuda, cuda:N, mps$"


def cuda_devices(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)


@pytest.mark.parametrize(
    "name", ["gpu", "", "CPU", "cuda:x", "cuda:-1", "cpu:", "cuda:", "cpu:00", "cpu:٠", "cpu 0", "cpu\n"]
)
def test_an_unknown_device_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=UNKNOWN.format(name.replace("\n", r"\\n"))):
        find_device(name)


@pytest.mark.parametrize(
    ("name", "count", "text"),
    [
        ("cuda", 0, r"^device: 'cuda' is not there: 0 cuda devices are available; use cpu or auto$"),
        ("cuda:0", 0, r"^device: 'cuda:0' is not there: 0 cuda devices are available; use cpu or auto$"),
        ("cuda:2", 2, r"^device: 'cuda:2' is not there: 2 cuda devices are available; use cpu or auto$"),
        ("cpu:1", 0, r"^device: 'cpu:1' is not there: 1 cpu devices are available; use cpu or auto$"),
    ],
)
def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str, count: int, text: str) -> None:
    cuda_devices(monkeypatch, count)
    with pytest.raises(ConfigError, match=text):
        find_device(name)


def test_mps_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(
        ConfigError, match=r"^device: 'mps' is not there: 0 mps devices are available; use cpu or auto$"
    ):
        find_device("mps")


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "cuda", "cuda:0", "cuda:1"])
def test_a_device_that_is_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    cuda_devices(monkeypatch, 2)
    assert find_device(name) == torch.device(name)


@pytest.mark.parametrize(("count", "kind"), [(0, "cpu"), (1, "cuda")])
def test_auto_takes_cuda_where_there_is_some(monkeypatch: pytest.MonkeyPatch, count: int, kind: str) -> None:
    cuda_devices(monkeypatch, count)
    assert find_device("auto") == torch.device(kind)


def test_what_is_too_small_for_a_normal_float_is_0_on_one_thread_and_no_longer_after_it() -> None:
    small = torch.tensor([1e-39])
    for flushes in (True, False):
        supported = torch.set_flush_denormal(flushes)
        with one_thread():
            assert (small * 1 == 0) == supported
        assert (small * 1 == 0) == (supported and flushes)


def test_one_thread_restores() -> None:
    outside = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(KeyError, match="oops"), one_thread():
            raise KeyError("oops")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(outside)
