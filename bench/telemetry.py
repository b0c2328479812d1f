"""What the host did to this machine meanwhile: steal time and CPU pressure, where the kernel shows them; the clock."""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path

__all__ = ["HostClock", "difference", "read"]

HostClock = dict[str, float]
FREQUENCY = "frequency_hz"
CPUS_READ = 8  # a reading is a system call per CPU


def read(proc: Path = Path("/proc"), devices: Path = Path("/sys/devices/system/cpu")) -> HostClock:
    """Return seconds since boot that the hypervisor took (steal) and that runnable tasks waited (CPU pressure).

    And, where the kernel shows it, the highest frequency among the first CPUs this process may use: those that idle
    have clocked down by themselves.
    """
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
    with contextlib.suppress(OSError, ValueError):
        # Documentation/admin-guide/pm/cpufreq.rst: scaling_cur_freq is in kHz.
        result[FREQUENCY] = max(int(path.read_bytes()) * 1e3 for path in _frequency_files(devices))
    return result


def difference(before: HostClock, after: HostClock) -> HostClock:
    """Return what passed between two readings, in seconds, of the clocks that both have; of frequencies the later."""
    passed = {name: round(after[name] - before[name], 6) for name in before.keys() & after.keys()}
    return passed | ({FREQUENCY: after[FREQUENCY]} if FREQUENCY in after else {})


@cache
def _frequency_files(devices: Path) -> tuple[Path, ...]:
    """Found once: most virtual machines have none, and then no sample should pay for looking."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    files = (devices / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq" for cpu in cpus[:CPUS_READ])
    return tuple(file for file in files if file.exists())
