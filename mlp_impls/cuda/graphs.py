"""What captures steps, and replays them: CUDA's graphs, a stream beside the step's, and what stands in for them.

``steps.py`` knows what is captured and when, and of CUDA nothing but this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Branch", "CudaGraphs", "Graph", "Graphs", "Inline", "Uncaptured"]

WARM_UPS = 3  # as in torch's notes on CUDA semantics, "Whole-network capture"
# Calls that a capture does not bear count where this thread makes them: others may go on, such as the one that pins
# the memory of batches to come (bench/pipelines/dataloader.py).
ERROR_MODE = "thread_local"


class Graph(Protocol):
    """What was captured."""

    def replay(self) -> object:
        """Do it again, on the same memory."""


class Graphs(Protocol):
    """What captures functions that always work on the same memory."""

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        """Call a function until it does nothing for the first time any more; return what it returned."""

    def capture(self, function: Callable[[], Tensor]) -> Graph:
        """Return a record of what a function does, which is not done."""


class CudaGraphs:
    """CUDA's: warmed up and captured on one side stream, with one pool for what kernels work in."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        """Call a function a few times, so that libraries have chosen kernels, and loaded them, before capture."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            *_, result = [function() for _ in range(WARM_UPS)]
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def capture(self, function: Callable[[], Tensor]) -> Graph:
        """Return a graph of the kernels that a function launches."""
        graph: Graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode=ERROR_MODE):
            function()
        return graph


class Inline:
    """Where parts of a step go that nothing else in it waits for: nowhere else, they are done at once."""

    def run(self, part: Callable[[], object]) -> None:
        """Do a part."""
        part()

    def join(self) -> None:
        """Return when all parts are done."""


class Branch(Inline):
    """A second stream for such parts, which in a graph makes a branch of them, beside what comes after."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()

    def run(self, part: Callable[[], object]) -> None:
        """Do a part when what was handed in before it is done."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            part()

    def join(self) -> None:
        """Have what is handed in from now on wait for all parts."""
        torch.cuda.current_stream().wait_stream(self._stream)


class Uncaptured:
    """Stands in for graphs where there are none: functions are called in place of being replayed."""

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        """Call a function once, for what it returns."""
        return function()

    def capture(self, function: Callable[[], Tensor]) -> Graph:
        """Return what calls the function."""
        return _Call(function)


@dataclass(frozen=True, eq=False)
class _Call:
    replay: Callable[[], object]
