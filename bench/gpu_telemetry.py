"""What a GPU says of itself around a sample, through NVML: clocks, power, temperature, and what holds its clocks back.

The parent asks, once the sample is over, so that the timed worker pays nothing; on a CPU nobody is asked. A worker uses
the first GPU that CUDA_VISIBLE_DEVICES leaves it. Where it cannot be told which of NVML's that is, none is asked:
nothing known is better than another GPU's clocks. Whatever NVML does not answer is left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from bench import environments
from bench.case import Case

__all__ = ["CLOCK", "POWER", "REASONS", "Gpu", "around", "find", "of"]

VISIBLE, ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"
CLOCK, POWER, REASONS = "sm_clock_hz", "power_w", "clock_reasons"

# NVML API reference: clocks are in MHz, power in mW, averaged over a second from Ampere on (GA100: at the moment).
QUESTIONS = (
    (CLOCK, "nvmlDeviceGetClockInfo", ("NVML_CLOCK_SM",), 1e6),
    ("memory_clock_hz", "nvmlDeviceGetClockInfo", ("NVML_CLOCK_MEM",), 1e6),
    (POWER, "nvmlDeviceGetPowerUsage", (), 1e-3),
    ("temperature_c", "nvmlDeviceGetTemperature", ("NVML_TEMPERATURE_GPU",), 1.0),
)
# The second is what the first was called until driver 535.
REASON_QUESTIONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")


@dataclass(frozen=True)
class Gpu:
    """A GPU that NVML knows."""

    nvml: Any
    handle: Any

    def reasons(self) -> int | None:
        """Return what holds its clocks back at this moment, as a mask of nvmlClocksEventReason bits."""
        for name in REASON_QUESTIONS:
            with suppress(Exception):  # an older driver or pynvml lacks one; a GPU may be lost at any time
                return int(getattr(self.nvml, name)(self.handle))
        return None

    def read(self) -> dict[str, float]:
        """Return its clocks in Hz, power in W and temperature in °C at this moment, what is answered of them."""
        found: dict[str, float] = {}
        for key, name, constants, scale in QUESTIONS:
            with suppress(Exception):
                arguments = (getattr(self.nvml, constant) for constant in constants)
                found[key] = float(getattr(self.nvml, name)(self.handle, *arguments) * scale)
        return found


def around(gpu: Gpu, before: int | None) -> dict[str, float]:
    """Return what a sample's telemetry gets: ``read`` after it, and the reasons of before it and after it together."""
    told = [reasons for reasons in (before, gpu.reasons()) if reasons is not None]
    found = gpu.read()
    return found | ({REASONS: told[0] | told[-1]} if told else {})


def of(case: Case, environ: Mapping[str, str] = os.environ) -> Gpu | None:
    """Return the GPU that a case's worker uses; None on a CPU and where that is unknown."""
    if case.device == "cpu":
        return None
    variables = {**environ, **environments.changes(environments.find(case.where, environ), case.variables)}
    return _found(variables.get(VISIBLE), variables.get(ORDER))


def find(nvml: Any, visible: str | None, order: str | None) -> Gpu | None:
    """Return the first GPU that CUDA sees; None where NVML does not tell which one that is.

    Args:
        nvml: ``pynvml``, started.
        visible: CUDA_VISIBLE_DEVICES: numbers, or UUIDs, of which the first letters are enough (CUDA C++ Programming
            Guide, CUDA Environment Variables).
        order: CUDA_DEVICE_ORDER. Unless it is PCI_BUS_ID, CUDA numbers several GPUs in an order of its own.
    """
    first = "0" if visible is None else visible.split(",")[0].strip()
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    if first.isdecimal():
        ordered = len(handles) == 1 or order == "PCI_BUS_ID"
        chosen = handles[int(first) : int(first) + 1] if ordered else []
    elif first.startswith("GPU-"):
        chosen = [handle for handle in handles if _text(nvml.nvmlDeviceGetUUID(handle)).startswith(first)]
    else:  # none is visible, or a part of one (MIG)
        chosen = []
    return Gpu(nvml, chosen[0]) if len(chosen) == 1 and not _divided(nvml, chosen[0]) else None


@cache
def _found(visible: str | None, order: str | None) -> Gpu | None:
    with suppress(Exception):  # no pynvml, no driver, or no permission
        nvml = import_module("pynvml")
        nvml.nvmlInit()  # for as long as this process lasts
        return find(nvml, visible, order)
    return None


def _divided(nvml: Any, handle: Any) -> bool:
    """Return whether a GPU is divided into instances (MIG), whose load nothing tells apart; most cannot be."""
    with suppress(Exception):
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
        return bool(current)
    return False


def _text(text: str | bytes) -> str:
    """Return text that older versions of pynvml gave as bytes."""
    return text.decode() if isinstance(text, bytes) else text
