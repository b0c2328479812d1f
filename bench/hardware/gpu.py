"""NVIDIA GPUs as their driver describes them (NVML through pynvml); no UUID or serial number is asked for.

What CUDA makes of them is in the facts of the frameworks; which of them a run may see is CUDA_VISIBLE_DEVICES.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench.hardware import Fact, Facts, ask, unknown

__all__ = ["probe"]

MEGA = 10**6


def probe(nvml: Any = None) -> Facts:
    """Return the facts about the GPUs; ``nvml`` is what to ask in place of pynvml."""
    started = ask("NVML", lambda: _start(nvml))
    if started["value"] is None:
        return {"count": unknown(started["source"])}
    nvml = started["value"]
    try:
        return _all(nvml)
    finally:
        nvml.nvmlShutdown()


def _start(nvml: Any) -> Any:
    nvml = import_module("pynvml") if nvml is None else nvml
    nvml.nvmlInit()
    return nvml


def _all(nvml: Any) -> Facts:
    facts = {
        "count": ask("NVML", nvml.nvmlDeviceGetCount),
        "driver_version": ask("NVML", lambda: _string(nvml.nvmlSystemGetDriverVersion())),
        "cuda_driver_version": ask("NVML", lambda: _cuda_version(nvml.nvmlSystemGetCudaDriverVersion_v2())),
    }
    for index in range(facts["count"]["value"] or 0):
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        facts |= {f"gpu{index}_{name}": entry for name, entry in _one(nvml, device).items()}
    return facts


def _one(nvml: Any, device: Any) -> Facts:
    def asked(function: str, *arguments: Any, unit: str | None = None, read: Callable[[Any], Any] = int) -> Fact:
        # Looked up inside the question: an older pynvml lacks some functions, an older driver their answers.
        return ask(f"NVML {function}", lambda: read(getattr(nvml, function)(device, *arguments)), unit)

    return {
        "name": asked("nvmlDeviceGetName", read=_string),
        "memory": asked("nvmlDeviceGetMemoryInfo", unit="B", read=lambda info: int(info.total)),
        "memory_bus_width": asked("nvmlDeviceGetMemoryBusWidth", unit="bit"),
        "clock_max": asked("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM, unit="Hz", read=_hertz),
        "memory_clock_max": asked("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM, unit="Hz", read=_hertz),
        "power_limit": asked("nvmlDeviceGetPowerManagementLimit", unit="W", read=lambda milliwatts: milliwatts / 1000),
        "compute_capability": asked("nvmlDeviceGetCudaComputeCapability", read=lambda pair: ".".join(map(str, pair))),
        "pcie_generation": asked("nvmlDeviceGetMaxPcieLinkGeneration"),
        "pcie_width": asked("nvmlDeviceGetMaxPcieLinkWidth", unit="lanes"),
        "ecc": asked("nvmlDeviceGetEccMode", read=lambda modes: bool(modes[0])),
        "mig": asked("nvmlDeviceGetMigMode", read=lambda modes: bool(modes[0])),
        "persistence": asked("nvmlDeviceGetPersistenceMode", read=bool),
    }


def _string(text: str | bytes) -> str:
    """Return text that older versions of pynvml gave as bytes."""
    return text.decode() if isinstance(text, bytes) else text


def _hertz(megahertz: int) -> int:
    return MEGA * megahertz


def _cuda_version(number: int) -> str:
    """Return 12040 as ``12.4``: 1000 times the major plus 10 times the minor version (NVML API reference)."""
    return f"{number // 1000}.{number % 1000 // 10}"
