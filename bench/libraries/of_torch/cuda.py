"""A GPU as torch has it: whether there is one, its clock, its L2, steps captured into graphs, what a profiler sees."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from bench.profiling import Activity

__all__ = ["captured", "device_clock", "last_cache", "profiled", "unavailable"]

# The first with bfloat16 arithmetic, below it is emulated (CUDA C++ Programming Guide); and the first with tf32's.
CAPABILITIES = {"bfloat16": (8, 0), "tf32": (8, 0)}

NO_KERNELS = ("Memcpy", "Memset")  # how CUPTI's names of copies and fills begin
# torch's own workaround for graphs that are replayed once a profiler has come and gone (torch/profiler/profiler.py),
# which it applies to those of Inductor alone.
WITH_GRAPHS = {"DISABLE_CUPTI_LAZY_REINIT": "1", "TEARDOWN_CUPTI": "0"}
MICRO = 1e-6


def unavailable(dtype: str) -> str | None:
    """Return the reason why there is no GPU for products of a dtype, or None."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA device" if torch.version.cuda else "this torch was built without CUDA"
    needed = CAPABILITIES.get(dtype)
    if needed is not None and torch.cuda.get_device_capability() < needed:
        return f"{torch.cuda.get_device_name()} has no {dtype} arithmetic"
    return None


def device_clock(device: str) -> _Events | None:
    """Return the GPU's own clock; None on a CPU."""
    return _Events() if device == "cuda" else None


def last_cache(device: str) -> int | None:
    """Return the bytes of the GPU's L2; None where this torch does not tell."""
    found: int | None = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", None)
    return found or None


def captured(step: Callable[[], object], device: str, copies: int) -> Callable[[], None]:
    """Return what replays a CUDA graph of so many steps, warmed up on the stream that they are captured on."""
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(copies):
            step()
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(copies):
            step()
    return _Replay(graph, step)


def profiled(work: Callable[[], object], device: str) -> list[Activity]:
    """Return what a GPU did for ``work``, which is waited for, in the order in which it began, as CUPTI tells torch."""
    os.environ.update(WITH_GRAPHS)
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        work()
        torch.cuda.synchronize(device)
    done = [event for event in found.events() if event.device_type == DeviceType.CUDA and not event.is_user_annotation]
    return [
        Activity(
            event.name,
            (event.time_range.end - event.time_range.start) * MICRO,
            is_kernel=not event.name.startswith(NO_KERNELS),
        )
        for event in sorted(done, key=lambda event: event.time_range.start)
    ]


class _Events:
    """An event before and one after, on the current stream (resolution: about half a microsecond, CUDA Runtime API)."""

    def __init__(self) -> None:
        self._before, self._after = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        self._before.record()

    def stop(self) -> None:
        self._after.record()

    def seconds(self) -> float:
        if not self._after.query():
            raise RuntimeError("synchronize() returned before the device was done with the steps")
        return float(self._before.elapsed_time(self._after)) / 1000  # elapsed_time is in milliseconds


class _Replay:
    """A graph and the step in it, whose arrays must live as long as the addresses that the graph has of them."""

    def __init__(self, graph: torch.cuda.CUDAGraph, step: Callable[[], object]) -> None:
        self._graph, self._step = graph, step

    def __call__(self) -> None:
        self._graph.replay()
