"""The bus between processors and memory: how wide it is as populated, and how fast it is set to run.

Asked in this order until one tells: udev's copy of SMBIOS, dmidecode, the kernel's memory-controller drivers (EDAC).
What the processor has, populated or not, is a fact of its own: from the counters of its memory controllers, else from
a table by name. Under a hypervisor nothing of this is the hardware's, and all of it is unknown. Channels are counted,
not modules, and those of all sockets, which is what a process can reach. Neither locators nor serial numbers are
recorded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench import bus_widths, smbios
from bench.hardware import Fact, Facts, ask, cpu, fact, unknown
from bench.memory_channels import MODULE_WIDTH, Channel, channel_widths
from bench.memory_controllers import edac_channels, event_sources
from bench.smbios import Module, Run, Unclear, run_program

__all__ = ["probe"]

ROOT = Path("/")
TOPOLOGY = "sys/devices/system/cpu"
KIBIBYTE = 1 << 10
# By DMI. Some hypervisors hide their flag; clouds, which rent out whole machines too, count where there is no flag.
HYPERVISOR = re.compile(r"VMware|VirtualBox|innotek|QEMU|Bochs|Parallels|OpenStack|Virtual|\b(KVM|Xen)\b")
CLOUD = re.compile(r"Amazon EC2(?!.*\.metal)|Google Compute Engine|Alibaba Cloud|DigitalOcean|Hetzner")
# Sandy Bridge to Skylake, the server parts of which have an event source per channel. From Ice Lake on the kernel has
# twelve for eight channels (arch/x86/events/intel/uncore_snbep.c).
SOURCE_PER_CHANNEL = {45, 62, 63, 79, 85}
BUS = {"bus_width": "bit", "bus_width_per_socket": "bit", "channels": None, "implied_bandwidth": "B/s"}
MODULES = {"rate": "T/s", "modules": None, "module_width": "bit", "memory_type": None}

Channels = dict[Channel, int]


@dataclass
class _Found:
    """What was learned, from where, and why not more."""

    modules: list[Module] = field(default_factory=list)
    modules_source: str = ""
    channels: Channels = field(default_factory=dict)
    channels_source: str = ""
    tried: list[str] = field(default_factory=list)


def probe(root: Path = ROOT, run: Run = run_program) -> Facts:
    """Return the facts about the memory bus.

    Args:
        root: Where /proc, /run and /sys are looked for.
        run: What to call with a program and its arguments; returns what it prints.
    """
    processor = {name: entry["value"] for name, entry in cpu.probe(root, identify=dict).items()}
    sockets = ask(f"/{TOPOLOGY}", lambda: _sockets(root))
    found = _look(root, run, sockets["value"])
    hypervisor = _hypervisor(root, processor["hypervisor"])
    bus = _not_the_hardware(hypervisor, found) if hypervisor else _bus(found, sockets["value"]) | _modules(found)
    supported = _supported(root, processor, None if hypervisor else sockets["value"])
    return {"sockets": sockets} | bus | {"bus_width_supported_per_socket": supported}


def _look(root: Path, run: Run, sockets: int | None) -> _Found:
    found = _Found()
    readers: dict[str, Callable[[], list[Module]]] = {
        "udev's copy of SMBIOS": lambda: smbios.ask_udev(root),
        "dmidecode": lambda: smbios.ask_dmidecode(root, run),
    }
    for source, read in readers.items():
        modules = _answer(found, source, partial(_complete, root, read))
        if modules and not found.modules:
            found.modules, found.modules_source = modules, source
        channels = modules and _answer(found, source, partial(channel_widths, modules, sockets))
        if channels:
            found.channels, found.channels_source = channels, source
            return found
    found.channels = _answer(found, "EDAC", lambda: _controllers(root)) or {}
    found.channels_source = "EDAC's channels, taken as 64 bits of data each (JEDEC)"
    return found


def _answer(found: _Found, source: str, question: Callable[[], Any]) -> Any:
    try:
        return question()
    except Unclear as reason:
        found.tried.append(f"{source}: {reason}")
    except Exception as error:  # whatever firmware says is no reason to crash
        found.tried.append(f"{source}: {type(error).__name__}")
    return None


def _complete(root: Path, read: Callable[[], list[Module]]) -> list[Module]:
    modules = read()
    filled = smbios.populated(modules)
    if not filled:
        raise Unclear("no module of the main memory")
    _require_all(root, sum(module.size or 0 for module in filled))
    return modules


def _controllers(root: Path) -> Channels:
    channels, size = edac_channels(root)
    _require_all(root, size)
    return channels


def _require_all(root: Path, size: int) -> None:
    """Raise where the modules hold less than the kernel sees: then there is other memory."""
    meminfo = root / "proc/meminfo"
    total = re.search(r"^MemTotal:\s*(\d{1,18}) kB", meminfo.read_text(), re.MULTILINE) if meminfo.exists() else None
    if total and size < int(total[1]) * KIBIBYTE:
        raise Unclear("modules that hold less than the memory there is")


def _bus(found: _Found, sockets: int | None) -> Facts:
    channels, source = found.channels, found.channels_source
    if not channels:
        return _unknown("; ".join(found.tried), BUS)
    width = sum(channels.values())
    rate = partial(smbios.configured_rate, found.modules)
    return {
        "bus_width": fact(width, f"{source}, summed over the channels of all sockets", "bit", "derived"),
        "bus_width_per_socket": ask(source, lambda: _per_socket(channels, sockets), "bit", "derived"),
        "channels": fact(len(channels), f"{source}: those that hold memory", None, "derived"),
        "implied_bandwidth": ask("bus_width / 8 × rate", lambda: width // 8 * rate(), "B/s", "derived"),
    }


def _modules(found: _Found) -> Facts:
    modules, source = found.modules, found.modules_source
    if not modules:
        return _unknown("; ".join(found.tried), MODULES)
    questions: dict[str, Callable[[], Any]] = {
        "rate": lambda: smbios.configured_rate(modules),
        "modules": lambda: len(smbios.populated(modules)),
        "module_width": lambda: smbios.module_width(modules),
        "memory_type": lambda: smbios.memory_type(modules),
    }
    return {name: ask(source, question, MODULES[name]) for name, question in questions.items()}


def _unknown(reason: str, units: Mapping[str, str | None]) -> Facts:
    """Return unknown facts, the reason told with the first alone."""
    first = next(iter(units))
    return {name: unknown(reason if name == first else f"as {first}", unit) for name, unit in units.items()}


def _per_socket(channels: Channels, sockets: int | None) -> int:
    if sockets == 1:
        return sum(channels.values())
    widths: dict[str | None, int] = defaultdict(int)
    for channel, width in channels.items():
        widths[channel.processor] += width
    if None in widths or len(widths) != sockets:
        raise Unclear("the socket of a channel is not told")
    if len({*widths.values()}) != 1:
        raise Unclear("unlike sockets")
    return widths.popitem()[1]


def _not_the_hardware(hypervisor: str, found: _Found) -> Facts:
    filled = smbios.populated(found.modules)
    widths = " and ".join(str(width) for width in sorted({module.data_width or 0 for module in filled}))
    said = f"says {len(filled)} modules of {widths} bits, which is not the hardware"
    reason = f"the hypervisor's SMBIOS ({hypervisor}) {said if filled else 'would not be the hardware'}"
    return _unknown("; ".join((reason, *found.tried)), BUS | MODULES)


def _supported(root: Path, processor: Mapping[str, Any], sockets: int | None) -> Fact:
    """Return the width that one processor has, whether or not it is populated."""
    brand = str(processor["brand"] or "")
    name = "event sources, one to a channel, each taken as 64 bits; what the processor has, populated or not"
    counted = ask(name, lambda: _event_sources(root, processor, sockets) * MODULE_WIDTH, "bit", "derived")
    if counted["value"] is not None:
        return counted
    if listed := bus_widths.processor_width(brand):
        return fact(listed[0], f"the processor's name, {listed[1]}; the most it can have", "bit", "looked-up")
    return unknown(f"{counted['source']}; the processor's name: {'in no table' if brand else 'unknown'}", "bit")


def _event_sources(root: Path, processor: Mapping[str, Any], sockets: int | None) -> int:
    """Return how many channels a processor has by its event sources, where their number is that of channels."""
    intel, amd = event_sources(root, "uncore_imc"), event_sources(root, "amd_umc")
    if not sockets or not intel + amd:
        raise Unclear("there are none")
    if intel and processor["family"] == 6 and processor["model"] in SOURCE_PER_CHANNEL:
        return intel  # one stands for that channel of every socket
    if amd and "EPYC" in str(processor["brand"]) and amd % sockets == 0:
        return amd // sockets
    raise Unclear("their number need not be that of channels on this processor")


def _hypervisor(root: Path, flagged: str | None) -> str | None:
    """Return what hypervisor this runs under; None for bare metal, and where nothing speaks of one."""
    board = " ".join(_line(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")).strip()
    if HYPERVISOR.search(board) or (flagged is None and CLOUD.search(board)):
        return board
    return None if flagged == "none" else flagged


def _sockets(root: Path) -> int:
    packages = {_line(path) for path in (root / TOPOLOGY).glob("cpu[0-9]*/topology/physical_package_id")}
    if not packages or not all(re.fullmatch(r"\d+", package) for package in packages):
        raise Unclear("no topology")
    return len(packages)


def _line(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.readline(200).strip()
    except OSError:
        return ""
