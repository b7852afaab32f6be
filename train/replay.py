"""Work of a GPU that is launched as one: without, small networks wait for the processor that starts each kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch

_FIRST_CALLS = 3  # in which libraries choose their kernels and reserve memory, which cannot be recorded


class Replayed:
    """A function that is recorded as a CUDA graph at its fourth call and replayed from then on; on a CPU, just called.

    Args:
        function: reads and writes memory of the device at the same addresses in every call, and never waits for it.
        device: where.
    """

    def __init__(self, function: Callable[[], None], device: torch.device) -> None:
        self.function, self._device = function, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do what the function does."""
        if self._device.type != "cuda":
            self.function()
        elif self._graph is not None:
            self._graph.replay()
        elif self._calls < _FIRST_CALLS:
            self._call_aside()
        else:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.device(self._device), torch.cuda.graph(self._graph):
                self.function()  # is recorded and not done
            self._graph.replay()
        self._calls += 1

    def _call_aside(self) -> None:
        """Call the function on a stream of its own, as recording will."""
        stream: torch.cuda.Stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            self.function()
        torch.cuda.current_stream(self._device).wait_stream(stream)
