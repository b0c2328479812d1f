"""Streams, whose work is done at once, and events, which are over for the host once it waited for them."""

from __future__ import annotations

import time
from contextlib import contextmanager

from cuda_on_cpu.device import DEVICE

__all__ = ["Event", "Stream", "current", "using"]


class Stream:
    """A stream of work."""

    def __init__(self, device=None, priority=0) -> None:
        self.waited_for: set[Stream] = set()

    def wait_stream(self, other: Stream) -> None:
        """Have work from now on wait for the other's: in a capture, branch off or join."""
        if DEVICE.graph is not None:
            DEVICE.graph.depends(self, other)

    def synchronize(self) -> None:
        DEVICE.wait()


DEFAULT = DEVICE.stream = Stream()


class Event:
    """A moment on the device's clock."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False) -> None:
        self.timing, self.at, self.done = enable_timing, None, False

    def record(self, stream=None) -> None:
        DEVICE.forbid("an event with its time")
        self.at, self.done = time.perf_counter(), False
        DEVICE.pending.append(self)

    def query(self) -> bool:
        DEVICE.forbid("asking for an event")
        return self.at is None or self.done

    def synchronize(self) -> None:
        DEVICE.wait()

    def elapsed_time(self, end: Event) -> float:
        """Return milliseconds."""
        if not (self.timing and end.timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self.at is None or end.at is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.done and end.done):
            raise RuntimeError("CUDA error: device not ready")
        return (end.at - self.at) * 1000


def current(device=None) -> Stream:
    return DEVICE.stream


@contextmanager
def using(stream):
    before, DEVICE.stream = DEVICE.stream, stream or DEVICE.stream
    try:
        yield
    finally:
        DEVICE.stream = before
