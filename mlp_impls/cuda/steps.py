"""Which graph replays the steps on a batch, or on those of an epoch, and when it is captured.

A graph reads fixed memory. A batch that is stepped on for the first time is copied, within the step, to buffers that
the graph of its size reads. One that comes back is resident: its second step captures a graph that reads it where it
lies and needs no copy. So an epoch of new batches captures one graph per size, and a few batches in a circle get one
each. That goes when its batch does; beyond ``OWN_GRAPHS`` at a time, further batches are copied.

The steps of an epoch at once are one graph, which reads buffers for all of its batches: an epoch of other batches of
the same sizes is two copies of many arrays each and one replay.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mlp_impls.cuda.graphs import Graph, Graphs

__all__ = ["OWN_GRAPHS", "Loss", "Placed", "Steps"]

OWN_GRAPHS = 64  # of one model at a time; ``training_step`` has 16 batches resident

Batch = tuple[Tensor, Tensor]


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


@dataclass(frozen=True)
class _Epoch:
    """What epochs of batches of the same sizes share: buffers for all batches, where losses go, the graph of both."""

    images: list[Tensor]
    labels: list[Tensor]
    losses: Tensor  # (batches,)
    graph: Graph

    @property
    def sizes(self) -> list[int]:
        return [len(labels) for labels in self.labels]


class Steps:
    """Steps on batches, replayed from graphs.

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
        self._epoch: _Epoch | None = None

    def placed(self, images: Tensor, labels: Tensor) -> Placed:
        """Return a batch that can have a graph of its own; any other pair of tensors is copied at each step."""
        batch = Placed((images.contiguous(), labels.contiguous()))
        batch.owner = self
        return batch

    def __call__(self, batch: Batch) -> Loss:
        """Do a step; return its loss."""
        size = self._sizes.get(len(batch[1])) or self._first(batch)
        size.rescue()
        graph = self._graph_of(batch)
        if graph is None:
            for buffer, part in zip(size.buffers, batch, strict=True):
                buffer.copy_(part)
            graph = size.graph
        graph.replay()
        return size.loss()

    def epoch(self, batches: Sequence[Batch]) -> list[Loss]:
        """Do a step on each batch in turn, all in one replay; return their losses.

        It is captured anew where the sizes are not those of the last time.
        """
        if not batches:
            return []
        for size in self._sizes.values():
            size.rescue()
        if self._epoch is None or self._epoch.sizes != [len(labels) for _, labels in batches]:
            self._epoch = None  # its buffers go before others come
            self._epoch = self._first_epoch(batches)
        images, labels = zip(*batches, strict=True)
        torch._foreach_copy_(self._epoch.images, images)
        torch._foreach_copy_(self._epoch.labels, labels)
        self._epoch.graph.replay()
        return [Loss(value) for value in self._epoch.losses.clone()]

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
        copy = _copied(batch)
        loss = self._warmed_up(copy)
        size = self._sizes[len(batch[1])] = _Size(copy, self._graphs.capture(partial(self._step, *copy)), loss)
        return size

    def _first_epoch(self, batches: Sequence[Batch]) -> _Epoch:
        """Return what epochs of batches of these sizes share, captured on copies of these."""
        copies = [_copied(batch) for batch in batches]
        of_sizes = [self._warmed_up(batch) for batch in {len(batch[1]): batch for batch in copies}.values()]
        losses = of_sizes[0].new_empty(len(copies))

        def steps() -> Tensor:
            for loss, batch in zip(losses, copies, strict=True):
                loss.copy_(self._step(*batch))
            return losses

        images, labels = zip(*copies, strict=True)
        return _Epoch(list(images), list(labels), losses, self._graphs.capture(steps))

    def _warmed_up(self, batch: Batch) -> Tensor:
        """Return the loss of a batch's size, warmed up on it, with what outlasts a step as it was."""
        before = [tensor.clone() for tensor in self._changed]
        loss = self._graphs.warm_up(partial(self._step, *batch))
        for tensor, values in zip(self._changed, before, strict=True):
            tensor.copy_(values)
        return loss


def _copied(batch: Batch) -> Batch:
    images, labels = (part.clone(memory_format=torch.contiguous_format) for part in batch)
    return images, labels
