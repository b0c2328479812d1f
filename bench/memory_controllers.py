"""What the kernel's drivers say of the memory controllers: error reporting (EDAC) and event counters.

EDAC (Documentation/admin-guide/RAS/main.rst) lists the modules that are there. Event sources
(arch/x86/events/intel/uncore_snbep.c, arch/x86/events/amd/uncore.c) are those of the processor, whatever is plugged in.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.memory_channels import Channel
from bench.smbios import Unclear

__all__ = ["edac_channels", "event_sources"]

EDAC = "sys/devices/system/edac/mc"
EVENT_SOURCES = "sys/bus/event_source/devices"
MEBIBYTE = 1 << 20
WIDTH = 64  # bits of data on a channel of these types, by JEDEC
# The names of edac_mem_types in drivers/edac/edac_mc.c. Unbuffered DDR5 is not among them: drivers for it count
# halves of 32 bits as channels. Low-power types have channels of 16 or 32.
TYPES = re.compile(r"(Unbuffered|Registered)-DDR[2-4]?|Load-Reduced-DDR[3-5]-RAM|Registered-DDR5")
NOT_MAIN = {"Non-volatile-RAM"}
SOCKET = re.compile(r"(?:Socket|SrcID)#(\d+)")  # as in "Skylake Socket#0 IMC#1"


def edac_channels(root: Path) -> tuple[dict[Channel, int], int]:
    """Return the data width in bits of each channel that holds a module, and the bytes on all.

    Raises:
        Unclear: EDAC is not there or does not tell.
    """
    channels: dict[Channel, int] = {}
    size = 0
    for controller in sorted((root / EDAC).glob("mc[0-9]*")):
        socket = SOCKET.search(_text(controller / "mc_name"))
        for folder in sorted((*controller.glob("dimm[0-9]*"), *controller.glob("rank[0-9]*"))):
            bytes_here, name = _module(folder)
            if bytes_here:
                channels[Channel(socket[1] if socket else None, (controller.name, name))] = WIDTH
                size += bytes_here
    if not channels:
        raise Unclear("no memory controller with modules")
    return channels, size


def event_sources(root: Path, kind: str) -> int:
    """Return how many numbered event sources there are of a kind, such as ``uncore_imc``."""
    names = (path.name for path in (root / EVENT_SOURCES).glob(f"{kind}_*"))
    return sum(bool(re.fullmatch(rf"{kind}_\d+", name)) for name in names)


def _module(folder: Path) -> tuple[int, str]:
    """Return the bytes on one module or rank and the name of its channel; no bytes where there is none to count."""
    megabytes, kind = _text(folder / "size"), _text(folder / "dimm_mem_type")
    if not re.fullmatch(r"\d{1,9}", megabytes):
        raise Unclear("a module without a size")
    if megabytes == "0" or kind in NOT_MAIN:
        return 0, ""
    if not TYPES.fullmatch(kind):
        raise Unclear("memory of a type whose channels may be narrower than 64 bits")
    found = re.fullmatch(r"(?:csrow \d+ |branch (\d+) )?channel (\d+)(?: slot \d+)?", _text(folder / "dimm_location"))
    if not found:
        raise Unclear("a module whose channel is not given")
    return int(megabytes) * MEBIBYTE, f"{found[1]}/{found[2]}"


def _text(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(1 << 12).strip()
    except OSError:
        return ""
