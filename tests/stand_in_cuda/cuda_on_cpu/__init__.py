"""One CUDA device that is none: torch computes on the CPU, and complains where CUDA would.

Tensors of the device are of a subclass that says ``cuda`` and takes part in no operation with the host's; see
``tensors.py``. What they are asked to do is told to ``device.py``: streams, events, graphs that are captured without
being done and replayed later, memory, and what a profiler sees. Times are the CPU's.

Raised are errors that CUDA raises: operands on two devices, arrays of the device handed to NumPy, an event read before
it is waited for; and, while a graph is captured, whatever waits for the device, copies to or from ordinary memory of
the host, work on a stream that is not captured, and a branch that is not joined. A replay that reads memory that was
freed is an error here; there it reads what happens to be in it.
"""

from __future__ import annotations

__all__ = ["install"]


def install() -> None:
    """Have torch, which is imported, find the device."""
    from cuda_on_cpu import patches

    patches.install()
