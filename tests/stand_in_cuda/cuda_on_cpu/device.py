"""What the device does with operations: at once, or into the graph that is being captured; and what is seen of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch

__all__ = ["DEVICE", "PROPERTIES", "is_view"]

L2 = 1 << 20 if os.environ.get("STAND_IN_SMALL") else 60 << 20
PROPERTIES = SimpleNamespace(
    name="NVIDIA Stand-in H200", major=9, minor=0, multi_processor_count=132, total_memory=150_000_000_000,
    L2_cache_size=L2, memory_bus_width=6016, memory_clock_rate=3_201_000, clock_rate=1_980_000,
)  # fmt: skip
MICRO = 1e6


@dataclass
class Device:
    """The device's state in this process."""

    stream: Any = None  # the current one
    graph: Any = None  # the one that is captured
    pending: list[Any] = field(default_factory=list)  # events that nobody waited for yet
    allocations: int = 0
    profiles: list[Any] = field(default_factory=list)

    def wait(self) -> None:
        """Return when all is done, as it always is here; not while a graph is captured."""
        self.forbid("waiting for the device")
        for event in self.pending:
            event.done = True
        self.pending.clear()

    def forbid(self, what: str) -> None:
        """Raise while a graph is captured."""
        if self.graph is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing ({what})")

    def do(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Do an operation, or have the graph that is captured note it; return its result."""
        function = AS_ON_CUDA.get(function._schema.name, function)
        if self.graph is not None:
            return self.graph.note(function, args, kwargs)
        if is_view(function):
            return function(*args, **kwargs)
        began = time.perf_counter()
        result = function(*args, **kwargs)
        self.saw("cudaLaunchKernel", began, on_device=False)
        self.saw(kernel(function), began)
        return result

    def saw(self, name: str, began: float, *, on_device: bool = True) -> None:
        """Tell profilers of something that began then and ends now."""
        for profile in self.profiles:
            profile.add(name, began * MICRO, time.perf_counter() * MICRO, on_device)


class _AddProduct:
    """``addmm_`` as cuBLAS has it, a product added as a whole; MKL adds it term by term, and so loses digits."""

    _schema = torch.ops.aten.addmm_.default._schema

    def __call__(self, target: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        summed = torch.float64 if target.dtype is torch.float64 else torch.float32
        return target.copy_(beta * target.to(summed) + alpha * (a.to(summed) @ b.to(summed)))


DEVICE = Device()
AS_ON_CUDA = {"aten::addmm_": _AddProduct()}


def is_view(function: Any) -> bool:
    """Return whether an operation only looks in another way at memory that is there."""
    returns = function._schema.returns
    return bool(returns) and all(one.alias_info is not None and not one.alias_info.is_write for one in returns)


def kernel(function: Any) -> str:
    """Return a name such as kernels have."""
    return f"void at::stand_in::{function._schema.name.removeprefix('aten::')}_kernel<float>(int, float*)"
