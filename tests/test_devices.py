"""The kind of a device, without torch where it cannot be CUDA."""

import subprocess
import sys

import pytest
import torch

from seqanomaly import devices
from seqanomaly.devices import DRIVERS, device_kind


@pytest.mark.parametrize(
    ("driver", "found", "kind"), [(False, True, "cpu"), (True, False, "cpu"), (True, True, "cuda")]
)
def test_auto_is_cuda_where_torch_finds_some(
    driver: bool, found: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_loads", lambda library: driver and library == DRIVERS[0])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    assert device_kind("auto") == kind


def test_without_a_driver_torch_is_not_loaded() -> None:
    code = (
        "import sys; from seqanomaly import devices; devices.DRIVERS = ('libthere-is-none.so',);"
        "print(devices.device_kind('auto'), devices.device_kind('cuda'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "cuda", "False"]


def test_a_library_that_is_there_loads() -> None:
    assert not devices._loads("libthere-is-none.so")
    assert devices._loads(str(torch._C.__file__))
