"""NVIDIA GPUs as their driver describes them (NVML through pynvml); no UUID or serial number is asked for.

The width of the memory bus is the CUDA driver's attribute, else NVML's answer, else a table's by name; where torch
runs, ``prefer_torch`` puts torch's device properties first. What else CUDA makes of the GPUs is in the facts of the
frameworks; which of them a run may see is CUDA_VISIBLE_DEVICES.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from bench import bus_widths, cuda_driver
from bench.hardware import Fact, Facts, ask, fact, unknown

__all__ = ["prefer_torch", "probe"]

MEGA = 10**6
# Both edges of the clock, for HBM and GDDR alike: CUDA C++ Best Practices Guide, Theoretical Bandwidth Calculation
TRANSFERS_PER_CLOCK = 2
TORCH = "torch.cuda.get_device_properties"
NOT_TOLD = unknown("not told")

AskCuda = Callable[[], list[dict[str, Any]]]


def probe(nvml: Any = None, ask_cuda: AskCuda = cuda_driver.ask_devices) -> Facts:
    """Return the facts about the GPUs.

    Args:
        nvml: What to ask in place of pynvml.
        ask_cuda: What to call for the CUDA driver's devices.
    """
    cuda = ask("CUDA driver", ask_cuda)
    started = ask("NVML", lambda: _start(nvml))
    if started["value"] is None:
        return _without_nvml(started["source"], cuda)
    nvml = started["value"]
    try:
        return _all(nvml, cuda)
    finally:
        nvml.nvmlShutdown()


def prefer_torch(facts: Mapping[str, Facts]) -> Facts:
    """Return the GPUs' facts with the bus widths that torch gives for GPUs of their names, where it does."""
    torch, gpus = facts.get("torch", {}), dict(facts.get("gpu", {}))
    attributes = ("name", "memory_bus_width")
    devices = [{key: torch.get(f"{gpu}_{key}", NOT_TOLD)["value"] for key in attributes} for gpu in _numbered(torch)]
    for gpu in _numbered(gpus):
        width = _by_name(gpus[f"{gpu}_name"], fact(devices, TORCH), "memory_bus_width")
        if width is not None:
            gpus[f"{gpu}_memory_bus_width"] = fact(width, TORCH, "bit")
            clock = gpus.get(f"{gpu}_memory_clock_max", NOT_TOLD)
            gpus[f"{gpu}_implied_bandwidth"] = _implied(gpus[f"{gpu}_memory_bus_width"], clock)
    return gpus


def _numbered(facts: Facts) -> list[str]:
    """Return the GPUs that have a name: ``gpu0``, ``gpu1``."""
    found = [re.fullmatch(r"(gpu\d+)_name", name) for name, entry in facts.items() if entry["value"]]
    return [match[1] for match in found if match]


def _start(nvml: Any) -> Any:
    nvml = import_module("pynvml") if nvml is None else nvml
    nvml.nvmlInit()
    return nvml


def _without_nvml(reason: str, cuda: Fact) -> Facts:
    """Return what the CUDA driver alone tells."""
    if not cuda["value"]:
        return {"count": unknown(reason if cuda["value"] == [] else f"{reason}; {cuda['source']}")}
    facts = {"count": fact(len(cuda["value"]), cuda["source"])}
    for index, device in enumerate(cuda["value"]):
        name = fact(device["name"], cuda["source"])
        width = _width(name, cuda, unknown(reason, "bit"))
        clock = _memory_clock(name, cuda, unknown(reason, "Hz"))
        one = {"name": name, "memory_bus_width": width, "memory_clock_max": clock}
        one["implied_bandwidth"] = _implied(width, clock)
        facts |= {f"gpu{index}_{key}": entry for key, entry in one.items()}
    return facts


def _all(nvml: Any, cuda: Fact) -> Facts:
    facts = {
        "count": ask("NVML", nvml.nvmlDeviceGetCount),
        "driver_version": ask("NVML", lambda: _string(nvml.nvmlSystemGetDriverVersion())),
        "cuda_driver_version": ask("NVML", lambda: _cuda_version(nvml.nvmlSystemGetCudaDriverVersion_v2())),
    }
    for index in range(facts["count"]["value"] or 0):
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        facts |= {f"gpu{index}_{name}": entry for name, entry in _one(nvml, device, cuda).items()}
    return facts


def _one(nvml: Any, device: Any, cuda: Fact) -> Facts:
    def asked(function: str, *arguments: Any, unit: str | None = None, read: Callable[[Any], Any] = int) -> Fact:
        # Looked up inside the question: an older pynvml lacks some functions, an older driver their answers.
        return ask(f"NVML {function}", lambda: read(getattr(nvml, function)(device, *arguments)), unit)

    name = asked("nvmlDeviceGetName", read=_string)
    width = _width(name, cuda, asked("nvmlDeviceGetMemoryBusWidth", unit="bit", read=lambda bits: int(bits) or None))
    clock = asked("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM, unit="Hz", read=_hertz)
    memory_clock = _memory_clock(name, cuda, clock)
    return {
        "name": name,
        "memory": asked("nvmlDeviceGetMemoryInfo", unit="B", read=lambda info: int(info.total)),
        "memory_bus_width": width,
        "clock_max": asked("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM, unit="Hz", read=_hertz),
        "memory_clock_max": memory_clock,
        "implied_bandwidth": _implied(width, memory_clock),
        "power_limit": asked("nvmlDeviceGetPowerManagementLimit", unit="W", read=lambda milliwatts: milliwatts / 1000),
        "compute_capability": asked("nvmlDeviceGetCudaComputeCapability", read=lambda pair: ".".join(map(str, pair))),
        "pcie_generation": asked("nvmlDeviceGetMaxPcieLinkGeneration"),
        "pcie_width": asked("nvmlDeviceGetMaxPcieLinkWidth", unit="lanes"),
        "ecc": asked("nvmlDeviceGetEccMode", read=lambda modes: bool(modes[0])),
        "mig": asked("nvmlDeviceGetMigMode", read=lambda modes: bool(modes[0])),
        "persistence": asked("nvmlDeviceGetPersistenceMode", read=bool),
    }


def _width(name: Fact, cuda: Fact, nvml: Fact) -> Fact:
    """Return the width of a GPU's memory bus by the first source that tells."""
    source = "CUDA driver GLOBAL_MEMORY_BUS_WIDTH"
    width = _by_name(name, cuda, "memory_bus_width")
    if width is not None:
        return fact(width, source, "bit")
    if nvml["value"] is not None:
        return nvml
    if listed := bus_widths.gpu_width(str(name["value"])):
        return fact(listed[0], f"the GPU's name, {listed[1]}", "bit", "looked-up")
    reason = f"{source}: no answer for this name" if cuda["value"] else cuda["source"]
    return unknown(f"{reason}; {nvml['source']}; the GPU's name: in no table", "bit")


def _memory_clock(name: Fact, cuda: Fact, nvml: Fact) -> Fact:
    clock = _by_name(name, cuda, "memory_clock") if nvml["value"] is None else None
    return nvml if clock is None else fact(clock, "CUDA driver MEMORY_CLOCK_RATE", "Hz")


def _by_name(name: Fact, cuda: Fact, attribute: str) -> int | None:
    """Return an attribute of the GPUs of a name: CUDA's order of them need not be NVML's."""
    return _only(device[attribute] for device in cuda["value"] or [] if device["name"] == name["value"])


def _implied(width: Fact, clock: Fact) -> Fact:
    if width["value"] is None or clock["value"] is None:
        return unknown("memory_bus_width or memory_clock_max is unknown", "B/s")
    bandwidth = TRANSFERS_PER_CLOCK * clock["value"] * width["value"] // 8
    return fact(bandwidth, "memory_bus_width / 8 × 2 × memory_clock_max (double data rate)", "B/s", "derived")


def _only(values: Iterable[int | None]) -> int | None:
    """Return what all of them are, None where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _string(text: str | bytes) -> str:
    """Return text that older versions of pynvml gave as bytes."""
    return text.decode() if isinstance(text, bytes) else text


def _hertz(megahertz: int) -> int:
    return MEGA * megahertz


def _cuda_version(number: int) -> str:
    """Return 12040 as ``12.4``: 1000 times the major plus 10 times the minor version (NVML API reference)."""
    return f"{number // 1000}.{number % 1000 // 10}"
