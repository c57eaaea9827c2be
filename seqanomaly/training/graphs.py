"""Work on a device that is recorded once and replayed, so that thousands of small kernels are launched as one.

A recorder says how: as a CUDA graph, where the tensors that the work reads and changes must stay where they are and
nobody may ask the device anything. So `Replayed` copies what differs from call to call into buffers of its own, one set
per shape. Source: the section "CUDA Graphs" of torch's notes on CUDA semantics. Not measured on a GPU.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from seqanomaly.config import nearest
from seqanomaly.errors import ConfigError

VARIABLE = "SEQANOM_GRAPHS"
WARM = 3
"""How often work of a shape is done as usual before it is recorded: what is set up at first use cannot be recorded."""
Work = Callable[..., None]
"""Reads the tensors that it is given; what it changes, it changes in place."""


def graphs_wanted() -> bool:
    """Whether updates on a CUDA device are recorded and replayed: yes, unless `SEQANOM_GRAPHS` is `off`.

    Raises:
        ConfigError: the variable says something else.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "off"):
        raise ConfigError(f"unknown {VARIABLE}={wanted!r}{nearest(wanted, ('off',))}")
    return not wanted


class Recorder(ABC):
    """One way to do work again without asking for each of its operations."""

    @abstractmethod
    def warm(self, work: Callable[[], None]) -> None:
        """Do it as usual, where it will be recorded."""

    @abstractmethod
    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What does it on the same memory each time it is called; it is not done by being recorded."""


@cache
def side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream on which work of a CUDA device is recorded: one for all, since cuBLAS keeps work space for each."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class CudaRecorder(Recorder):
    """CUDA graphs on a side stream; they share one pool of memory, so it grows with the largest only.

    Args:
        device: of kind cuda.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.stream = device, side_stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def warm(self, work: Callable[[], None]) -> None:
        usual = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(usual)
        with torch.cuda.stream(self.stream):
            work()
        usual.wait_stream(self.stream)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Recorder`; waits for the device, once.

        Raises:
            ConfigError: the driver or the card cannot.
        """
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.device(self.device), torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ConfigError(
                f"{self.device}: an update could not be recorded as a CUDA graph ({str(error).splitlines()[0]}); "
                f"compute without graphs by {VARIABLE}=off"
            ) from error
        return graph.replay


class Replayed:
    """Work that is recorded for each combination of shapes that it is given, and replayed from then on.

    The first calls of a combination are done as usual, which is the warm-up that recording asks for; so nothing is ever
    computed that does not count.

    Args:
        work: what to do.
        recorder: how to do it again.
    """

    def __init__(self, work: Work, recorder: Recorder) -> None:
        self._work, self._recorder = work, recorder
        self._fixed: dict[tuple[torch.Size | None, ...], _Fixed] = {}

    def __call__(self, *given: Tensor | None) -> None:
        shapes = tuple(None if tensor is None else tensor.shape for tensor in given)
        if shapes not in self._fixed:
            self._fixed[shapes] = _Fixed(self._work, given)
        self._fixed[shapes].run(given, self._recorder)


class _Fixed:
    """Work on buffers that stay where they are.

    Args:
        work: what to do.
        given: tensors like those that it will be given.
    """

    def __init__(self, work: Work, given: tuple[Tensor | None, ...]) -> None:
        like = torch.contiguous_format
        self.buffers = [None if tensor is None else torch.empty_like(tensor, memory_format=like) for tensor in given]
        self._work, self._calls = work, 0
        self._replay: Callable[[], None] | None = None

    def run(self, given: tuple[Tensor | None, ...], recorder: Recorder) -> None:
        for buffer, tensor in zip(self.buffers, given, strict=True):
            if buffer is not None and tensor is not None:
                buffer.copy_(tensor, non_blocking=True)
        self._calls += 1
        if self._calls <= WARM:
            recorder.warm(self._on_buffers)
            return
        if self._replay is None:
            self._replay = recorder.record(self._on_buffers)
        self._replay()

    def _on_buffers(self) -> None:
        self._work(*self.buffers)
