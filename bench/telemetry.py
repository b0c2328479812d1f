"""What the host did to this machine meanwhile: steal time and CPU pressure, where the kernel shows them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HostClock", "difference"]

HostClock = dict[str, float]


def read(proc: Path = Path("/proc")) -> HostClock:
    """Return seconds since boot that the hypervisor took (steal) and that runnable tasks waited (CPU pressure)."""
    result: HostClock = {}
    try:
        # proc(5): the eighth figure of the cpu line is steal time in clock ticks.
        with open(proc / "stat", encoding="ascii") as file:
            result["steal_s"] = int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")
        # Documentation/accounting/psi.rst: "some ... total=" is in microseconds.
        with open(proc / "pressure" / "cpu", encoding="ascii") as file:
            result["pressure_s"] = int(file.readline().rpartition("=")[2]) / 1e6
    except (OSError, ValueError, IndexError):
        pass
    return result


def difference(before: HostClock, after: HostClock) -> HostClock:
    """Return what passed between two readings, in seconds, of the clocks that both have."""
    return {name: round(after[name] - before[name], 6) for name in before.keys() & after.keys()}
