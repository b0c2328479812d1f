"""CUDA graphs: operations that are noted while they are captured, not done, and done at each replay.

What an operation would give is found by doing it; then what it changed is put back, and new results are made useless,
so that whoever relies on a captured operation having been done is found out.
"""

from __future__ import annotations

import gc
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._pytree import tree_flatten, tree_map_only

from cuda_on_cpu.device import DEVICE, is_view, kernel
from cuda_on_cpu.streams import Stream, using

__all__ = ["CUDAGraph", "graph", "pool_handle"]

NO_KERNELS = {"aten::new_empty", "aten::empty_like", "aten::new_empty_strided"}


class CUDAGraph:
    """A graph; what it reads must live as long as it, as long as that was not made while it was captured."""

    def __init__(self, keep_graph=False) -> None:
        self._nodes: list[_Node] = []
        self._own: dict[int, Any] = {}
        self._origin: Stream | None = None
        self._branches: dict[Stream, bool] = {}  # whether they have work that nothing waits for yet

    def capture_begin(self, pool=None, capture_error_mode="global") -> None:
        if DEVICE.graph is not None:
            raise RuntimeError("CUDA error: a graph is being captured")
        self._origin, DEVICE.graph = DEVICE.stream, self

    def capture_end(self) -> None:
        DEVICE.graph = None
        if any(self._branches.values()):
            raise RuntimeError("CUDA error: capturing stream has unjoined work")

    def depends(self, stream: Stream, other: Stream) -> None:
        """Have a stream's work wait for another's: it becomes a branch of what is captured, or joins one to itself."""
        inside = {self._origin, *self._branches}
        if other not in inside:
            if stream in inside:
                raise RuntimeError("CUDA error: dependency created on uncaptured work in another stream")
            return
        for one, joined in ((stream, False), (other, True)):
            if one is not self._origin:
                self._branches[one] = not joined

    def own(self, tensor) -> None:
        """Keep memory that was made meanwhile."""
        self._own[tensor.untyped_storage()._cdata] = tensor.untyped_storage()

    def note(self, function, args, kwargs):
        """Note an operation; return what it will write to."""
        self._belongs()
        if is_view(function):
            return function(*args, **kwargs)
        written = _written(function, args, kwargs)
        before = [one.clone() for one in written]
        result = function(*args, **kwargs)
        for one, values in zip(written, before, strict=True):
            one.copy_(values)
        new = [one for one in _tensors(result) if not any(one is other for other in _tensors((args, kwargs)))]
        for one in new:
            self.own(one)
            one.fill_(math.nan if one.dtype.is_floating_point else 0)
        if function._schema.name in NO_KERNELS:
            return result
        self._nodes.append(_Node(function, *self._kept((args, kwargs)), self._kept(new)))
        return result

    def replay(self) -> None:
        """Do everything that was captured."""
        DEVICE.forbid("a replay")
        began = time.perf_counter()
        DEVICE.saw("cudaGraphLaunch", began, on_device=False)
        with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(), torch.no_grad():
            for node in self._nodes:
                began = time.perf_counter()
                node.do()
                DEVICE.saw(kernel(node.function), began)

    def reset(self) -> None:
        self._nodes.clear()

    def pool(self):
        return pool_handle()

    def _belongs(self) -> None:
        stream = DEVICE.stream
        if stream in self._branches:
            self._branches[stream] = True
        elif stream is not self._origin:
            raise RuntimeError(
                "CUDA error: operation would make the legacy stream depend on a capturing blocking stream"
            )

    def _kept(self, value):
        return tree_map_only(
            torch.Tensor, lambda one: _Address(one, own=one.untyped_storage()._cdata in self._own), value
        )


class _Address:
    """Where a tensor lies; it is kept alive only if it is the graph's own."""

    def __init__(self, tensor, *, own: bool) -> None:
        self._tensor = tensor.detach().as_subclass(torch.Tensor) if own else None
        self._storage = None if own else StorageWeakRef(tensor.untyped_storage())
        self._shape = tensor.storage_offset(), tensor.size(), tensor.stride()
        self._dtype = tensor.dtype

    def tensor(self):
        """Return what lies there."""
        if self._tensor is not None:
            return self._tensor
        storage = torch.UntypedStorage._new_with_weak_ptr(self._storage.cdata)
        if storage is None:
            raise RuntimeError("CUDA error: a graph is replayed whose memory was freed")
        return torch.empty(0, dtype=self._dtype).set_(storage, *self._shape)


@dataclass(frozen=True)
class _Node:
    function: Any
    args: Any
    kwargs: Any
    new: list[_Address]

    def do(self) -> None:
        here = [tree_map_only(_Address, _Address.tensor, one) for one in (self.args, self.kwargs)]
        found = self.function(*here[0], **here[1])
        given = _tensors(here)
        results = [one for one in _tensors(found) if not any(one is other for other in given)]
        for target, result in zip(self.new, results, strict=True):
            target.tensor().copy_(result)


@contextmanager
def graph(cuda_graph, pool=None, stream=None, capture_error_mode="global"):
    """Capture what is handed in meanwhile."""
    DEVICE.wait()
    gc.collect()
    with using(stream or Stream()):
        cuda_graph.capture_begin(pool, capture_error_mode)
        try:
            yield
        except BaseException:
            DEVICE.graph = None
            raise
        cuda_graph.capture_end()


def pool_handle():
    return (0, 1)


def _tensors(value):
    return [one for one in tree_flatten(value)[0] if isinstance(one, torch.Tensor)]


def _written(function, args, kwargs):
    """Return the tensors that an operation changes."""
    given = {**dict(zip((one.name for one in function._schema.arguments), args, strict=False)), **kwargs}
    changed = (one.name for one in function._schema.arguments if one.alias_info is not None and one.alias_info.is_write)
    return _tensors([given.get(name) for name in changed])
