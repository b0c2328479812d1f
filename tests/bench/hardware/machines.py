"""Machines as file trees, with what is known of their memory bus; fixtures/README.md says what its tables are
constructed after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.hardware import Facts

FIXTURES = Path(__file__).parent / "fixtures" / "memory_bus"
UDEV, TABLE = "run/udev/data/+dmi:id", "sys/firmware/dmi/tables/DMI"
EDAC, EVENTS = "sys/devices/system/edac/mc", "sys/bus/event_source/devices"
CPUINFO = "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {brand}\n"
INTEL = {"vendor": "GenuineIntel", "family": 6, "model": 85, "brand": "Intel(R) Xeon(R) w9-0000"}
AMD = {"vendor": "AuthenticAMD", "family": 25, "model": 17, "brand": "AMD EPYC"}
GIBIBYTE = 1 << 30
TWO_SOCKETS = "server_2_sockets.dmidecode"


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text()


def machine(
    sockets: int = 1, flags: str = "fpu sse2", memory: int = 0, processor: Mapping[str, Any] = INTEL, dmi: str = ""
) -> dict[str, str]:
    """Return the files of a machine that says nothing of its modules; ``dmi`` is maker and product."""
    maker, _, product = dmi.partition("/")
    files = {f"sys/devices/system/cpu/cpu{n}/topology/physical_package_id": f"{n}\n" for n in range(sockets)}
    files["proc/cpuinfo"] = CPUINFO.format(**processor) + f"flags\t\t: {flags}\n"
    files["proc/meminfo"] = f"MemTotal:       {memory >> 10} kB\n"
    return files | {"sys/class/dmi/id/sys_vendor": maker + "\n", "sys/class/dmi/id/product_name": product + "\n"}


def values(facts: Facts) -> dict[str, Any]:
    return {name: entry["value"] for name, entry in facts.items() if entry["value"] is not None}


class Program:
    """Stands in for dmidecode: prints a text or raises, and keeps what it was called with."""

    def __init__(self, answer: str | Exception = "") -> None:
        self.answer = answer
        self.calls: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


BARE = {
    "server_1_socket": (
        machine(1, memory=125 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 512,
            "bus_width_per_socket": 512,
            "channels": 8,
            "implied_bandwidth": 187_712_000_000,
            "rate": 2_933_000_000,
            "modules": 8,
            "module_width": 64,
            "memory_type": "DDR4",
        },
    ),
    "server_2_sockets": (
        machine(2, memory=1000 * GIBIBYTE),
        {
            "sockets": 2,
            "bus_width": 1024,
            "bus_width_per_socket": 512,
            "channels": 16,
            "implied_bandwidth": 614_400_000_000,
            "rate": 4_800_000_000,
            "modules": 16,
            "module_width": 64,
        },
    ),
    "lpddr_laptop": (
        machine(1, memory=15 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 128,
            "bus_width_per_socket": 128,
            "channels": 8,
            "implied_bandwidth": 68_272_000_000,
            "rate": 4_267_000_000,
            "modules": 8,
            "module_width": 16,
            "memory_type": "LPDDR4",
        },
    ),
    "desktop_4_modules": (
        machine(1, memory=62 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 128,
            "bus_width_per_socket": 128,
            "channels": 2,
            "implied_bandwidth": 51_200_000_000,
            "rate": 3_200_000_000,
            "modules": 4,
            "module_width": 64,
            "memory_type": "DDR4",
        },
    ),
    # The letters of its slots are the processors, not channels: what is told of modules stands, the bus is unknown.
    "letters_are_sockets": (
        machine(2, memory=380 * GIBIBYTE),
        {"sockets": 2, "rate": 2_933_000_000, "modules": 12, "module_width": 64, "memory_type": "DDR4"},
    ),
}
