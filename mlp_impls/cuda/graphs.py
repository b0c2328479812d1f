"""Which graph replays the steps on a batch, and when it is captured.

A graph reads fixed memory. A batch that is stepped on for the first time is copied, within the step, to buffers that
the graph of its size reads. One that comes back is resident: its second step captures a graph that reads it where it
lies and needs no copy. So an epoch of new batches captures one graph per size, and a few batches in a circle get one
each. That goes when its batch does; beyond ``OWN_GRAPHS`` at a time, further batches are copied.

``Steps`` knows neither what a step does nor CUDA, of which ``CudaGraphs`` is all there is here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["OWN_GRAPHS", "Branch", "CudaGraphs", "Graph", "Graphs", "Inline", "Loss", "Placed", "Steps", "Uncaptured"]

WARM_UPS = 3  # as in torch's notes on CUDA semantics, "Whole-network capture"
OWN_GRAPHS = 64  # of one model at a time; ``training_step`` has 16 batches resident

Batch = tuple[Tensor, Tensor]


class Graph(Protocol):
    """What was captured."""

    def replay(self) -> object:
        """Do it again, on the same memory."""


class Graphs(Protocol):
    """What captures functions that always work on the same memory."""

    def capturing(self) -> bool:
        """Return whether the caller is being captured itself, by something else."""

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        """Call a function until it does nothing for the first time any more; return what it returned."""

    def capture(self, function: Callable[[], Tensor]) -> Graph:
        """Return a record of what a function does, which is not done."""


class CudaGraphs:
    """CUDA's: warmed up and captured on one side stream, with one pool for what kernels work in."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()

    def capturing(self) -> bool:
        """Return whether the caller is being captured itself."""
        return torch.cuda.is_current_stream_capturing()

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
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
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

    def capturing(self) -> bool:
        """Return False."""
        return False

    def warm_up(self, function: Callable[[], Tensor]) -> Tensor:
        """Call a function once, for what it returns."""
        return function()

    def capture(self, function: Callable[[], Tensor]) -> Graph:
        """Return what calls the function."""
        return _Call(function)


@dataclass(frozen=True, eq=False)
class _Call:
    replay: Callable[[], object]


class Loss:
    """A step's loss: ``value`` is the memory that the graph writes to, and a copy once that is to be written again."""

    __slots__ = ("__weakref__", "value")

    def __init__(self, value: Tensor) -> None:
        self.value = value


class Placed(tuple[Tensor, Tensor]):
    """Images and labels as ``Steps.placed`` returns them: whose they are, whether they were stepped on, their graph."""

    owner: Steps
    seen: bool = False
    graph: Graph | None = None


class _Size:
    """What batches of one size share: the buffers to copy them to, the graph that reads these, where losses go."""

    def __init__(self, buffers: Batch, graph: Graph, loss: Tensor) -> None:
        self.buffers = buffers
        self.graph = graph
        self._loss = loss
        self._last: Callable[[], Loss | None] = lambda: None

    def rescue(self) -> None:
        """Copy the last loss, which the next step overwrites, if anyone holds it still."""
        if (held := self._last()) is not None:
            held.value = held.value.clone()

    def loss(self) -> Loss:
        """Return the loss of the last step."""
        loss = Loss(self._loss)
        self._last = weakref.ref(loss)
        return loss


class Steps:
    """Steps on batches, each replayed from a graph.

    Args:
        step: Does a step on images, (batch, inputs), and labels, (batch,), and returns its loss: in the same memory
            whenever they are the same tensors, and with one loss tensor for all batches of a size.
        changed: What it changes that outlasts it, and that warming up leaves as it was.
        graphs: What captures.
    """

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], changed: Sequence[Tensor], graphs: Graphs) -> None:
        self._step = step
        self._changed = changed
        self._graphs = graphs
        self._sizes: dict[int, _Size] = {}
        self._own: weakref.WeakSet[Graph] = weakref.WeakSet()

    def placed(self, images: Tensor, labels: Tensor) -> Placed:
        """Return a batch that can have a graph of its own; any other pair of tensors is copied at each step."""
        batch = Placed((images.contiguous(), labels.contiguous()))
        batch.owner = self
        return batch

    def __call__(self, batch: Batch) -> Loss:
        """Do a step; return its loss. While the caller is being captured, for a longer graph, it is not replayed."""
        if self._graphs.capturing():
            return Loss(self._step(*batch))
        size = self._sizes.get(len(batch[1])) or self._first(batch)
        size.rescue()
        graph = self._graph_of(batch)
        if graph is None:
            for buffer, part in zip(size.buffers, batch, strict=True):
                buffer.copy_(part)
            graph = size.graph
        graph.replay()
        return size.loss()

    def _graph_of(self, batch: Batch) -> Graph | None:
        """Return the graph that is the batch's own, captured if it is time for that."""
        if not isinstance(batch, Placed) or batch.owner is not self:
            return None
        if batch.graph is None and batch.seen and len(self._own) < OWN_GRAPHS:
            batch.graph = self._graphs.capture(partial(self._step, *batch))
            self._own.add(batch.graph)
        batch.seen = True
        return batch.graph

    def _first(self, batch: Batch) -> _Size:
        """Return what batches of this size share, captured on a copy of this one."""
        images, labels = (part.clone(memory_format=torch.contiguous_format) for part in batch)
        step, before = partial(self._step, images, labels), [tensor.clone() for tensor in self._changed]
        loss = self._graphs.warm_up(step)
        for tensor, values in zip(self._changed, before, strict=True):
            tensor.copy_(values)
        size = self._sizes[len(labels)] = _Size((images, labels), self._graphs.capture(step), loss)
        return size
