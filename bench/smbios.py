"""What the firmware says of the memory: SMBIOS (DMTF DSP0134) Memory Devices, type 17, and their arrays, type 16.

Two readers of one table: the properties that udev's dmi_memory_id keeps, which anyone may read, and the text of
dmidecode, which takes root. Serial numbers, asset tags and part numbers are in both and are not looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DATA_WIDTHS",
    "Module",
    "Run",
    "Unclear",
    "ask_dmidecode",
    "ask_udev",
    "configured_rate",
    "memory_type",
    "module_width",
    "populated",
    "run_program",
]

UDEV = "run/udev/data/+dmi:id"
TABLE = "sys/firmware/dmi/tables/DMI"
SECONDS = 5
LONGEST = 1 << 20  # bytes; some hundred devices of 1 KiB are the most there can be
UDEV_LINE = re.compile(r"^E: ?(MEMORY_\w+)=(.*)$", re.MULTILINE)
UDEV_DEVICE = re.compile(r"MEMORY_DEVICE_(\d{1,4})_(\w+)")
DMI_HEADER = re.compile(r"^Handle (0x[0-9A-Fa-f]+), DMI type (\d+)", re.MULTILINE)
NUMBER = re.compile(r"(\d{1,18})(?= |$)")
SIZE = re.compile(r"(\d{1,9}) ([kMGTP])i?B")
POWERS = {"k": 10, "M": 20, "G": 30, "T": 40, "P": 50}
DATA_WIDTHS = {16, 32, 64}  # bits, of a module or of chips soldered together
# 7.18.2 and 7.18.6: in slots of the same table, yet no part of the main memory
NOT_MAIN = re.compile(r"Flash|E?E?PROM|FEPROM|ROM|Logical non-volatile device|NVDIMM.*|Intel Optane.*", re.IGNORECASE)
TYPE = re.compile(r"(?:LP)?DDR[2-5]?X?|HBM[2-4]?")
# The slowest grade of JEDEC's JESD79, 79-2, 79-3, 79-4 and 79-5, in MT/s: what is less is the clock, half of it.
SLOWEST = {"DDR": 200, "DDR2": 400, "DDR3": 800, "DDR4": 1600, "DDR5": 3200}
FASTEST = 20_000  # 65535 stands for "see the extended speed" (7.18.4)

Run = Callable[[Sequence[str]], str]


class Unclear(Exception):
    """What was read does not answer the question, and why."""


@dataclass(frozen=True)
class Module:
    """A slot, or memory soldered in its place; None is what the firmware does not say."""

    size: int | None  # bytes, 0 in an empty slot
    data_width: int | None  # bits, without those of error correction
    form: str
    type: str
    locator: str  # where it is by the board's print, and, below, in terms of banks: anything may stand in either
    bank: str
    rated: int | None  # MT/s
    configured: int | None  # MT/s


def ask_udev(root: Path) -> list[Module]:
    """Return the modules that udev keeps."""
    try:
        with (root / UDEV).open("rb") as file:
            return _from_udev(_bounded(file.read(LONGEST + 1).decode(errors="replace")))
    except FileNotFoundError:
        raise Unclear("not there") from None


def ask_dmidecode(root: Path, run: Run) -> list[Module]:
    """Return the modules that dmidecode prints, where this process may read the table."""
    if not os.access(root / TABLE, os.R_OK):  # without it dmidecode would search the memory itself
        raise Unclear("the table is not there or may not be read")
    return _from_dmidecode(_bounded(run(["dmidecode", "-t", "16,17"])))


def run_program(command: Sequence[str]) -> str:
    """Return what a program of the system prints."""
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not program:
        raise Unclear("not installed")
    done = subprocess.run(
        [program, *command[1:]],
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout.decode(errors="replace")


def populated(modules: Sequence[Module]) -> list[Module]:
    """Return those that are not empty slots."""
    if any(module.size is None for module in modules):
        raise Unclear("a slot that may be empty or not")
    return [module for module in modules if module.size]


def memory_type(modules: Sequence[Module]) -> str:
    """Return the type that all modules are of, such as ``DDR4``."""
    types = {module.type for module in populated(modules)}
    if len(types) != 1 or not all(TYPE.fullmatch(name) for name in types):
        raise Unclear("modules of unlike or unknown types")
    return types.pop()


def module_width(modules: Sequence[Module]) -> int:
    """Return the data width in bits that all modules have."""
    widths = {module.data_width for module in populated(modules)}
    if len(widths) != 1 or not widths <= DATA_WIDTHS:
        raise Unclear("modules of unlike or impossible widths")
    return widths.pop() or 0


def configured_rate(modules: Sequence[Module]) -> int:
    """Return the transfers per second at which all modules are set to run."""
    filled = populated(modules)
    rates = {module.configured for module in filled}
    if len(rates) != 1 or None in rates:
        raise Unclear("modules of unlike or unknown configured speeds")
    rate = rates.pop() or 0
    if rate > FASTEST:
        raise Unclear("an impossible configured speed")
    # Version 3.1 made MHz into MT/s (7.18.4), yet some firmware goes on giving the clock, half of the transfers.
    if any(rate < SLOWEST.get(module.type, 1) or abs(2 * rate - (module.rated or 0)) <= 1 for module in filled):
        raise Unclear(f"a configured speed of {rate}, which seems to be the clock and not the transfers")
    return rate * 10**6


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise Unclear("longer than any table")
    return text


def _from_udev(text: str) -> list[Module]:
    """Return the modules in udev's record of ``dmi/id``, /run/udev/data/+dmi:id."""
    fields = dict(UDEV_LINE.findall(text))
    devices: dict[int, dict[str, str]] = {}
    for name, value in fields.items():
        if match := UDEV_DEVICE.fullmatch(name):
            devices.setdefault(int(match[1]), {})[match[2]] = value.strip()
    # They are numbered as they come, so that a gap is one that could not be read.
    _expect(len(devices), max(_number(fields.get("MEMORY_ARRAY_NUM_DEVICES")) or 0, 1 + max(devices, default=-1)))
    return [_from_properties(devices[number]) for number in sorted(devices) if not _is_beside(devices[number], "TYPE")]


def _from_dmidecode(text: str) -> list[Module]:
    """Return the modules of the system memory in what ``dmidecode -t 16,17`` prints."""
    arrays: dict[str, dict[str, str]] = {}
    devices = []
    for block in re.split(r"\n\s*\n", text):
        header = DMI_HEADER.search(block)
        lines = (line.partition(":") for line in block.splitlines())
        fields = {name.strip(): value.strip() for name, _, value in lines}
        if header and header[2] == "16":
            arrays[header[1]] = fields
        elif header and header[2] == "17":
            devices.append(fields)
    main = {handle: array for handle, array in arrays.items() if array.get("Use") == "System Memory"}
    members = [fields for fields in devices if not arrays or fields.get("Array Handle") in main]
    _expect(len(members), sum(_number(array.get("Number Of Devices")) or 0 for array in main.values()))
    return [_from_text(fields) for fields in members if not _is_beside(fields, "Type")]


def _expect(found: int, expected: int) -> None:
    if not found:
        raise Unclear("no Memory Device (SMBIOS type 17)")
    if found < expected:
        raise Unclear(f"{found} Memory Devices of {expected}")


def _is_beside(fields: Mapping[str, str], key: str) -> bool:
    technology = fields.get("MEMORY_TECHNOLOGY") or fields.get("Memory Technology") or ""
    return any(NOT_MAIN.fullmatch(text) for text in (fields.get(key, ""), technology))


def _from_properties(fields: Mapping[str, str]) -> Module:
    return Module(
        size=0 if "0" in (fields.get("PRESENT"), fields.get("SIZE")) else _number(fields.get("SIZE")),
        data_width=_number(fields.get("DATA_WIDTH")),
        form=fields.get("FORM_FACTOR", ""),
        type=fields.get("TYPE", ""),
        locator=fields.get("LOCATOR", ""),
        bank=fields.get("BANK_LOCATOR", ""),
        rated=_number(fields.get("SPEED_MTS")),
        configured=_number(fields.get("CONFIGURED_SPEED_MTS")),
    )


def _from_text(fields: Mapping[str, str]) -> Module:
    size = SIZE.fullmatch(fields.get("Size", ""))
    empty = fields.get("Size") == "No Module Installed"
    return Module(
        size=0 if empty else int(size[1]) << POWERS[size[2]] if size else None,
        data_width=_number(fields.get("Data Width")),
        form=fields.get("Form Factor", ""),
        type=fields.get("Type", ""),
        locator=fields.get("Locator", ""),
        bank=fields.get("Bank Locator", ""),
        rated=_number(fields.get("Speed")),
        configured=_number(fields.get("Configured Memory Speed") or fields.get("Configured Clock Speed")),
    )


def _number(text: str | None) -> int | None:
    """Return the number that a text begins with, as in ``64 bits``; 0 is a number not given."""
    match = NUMBER.match(text or "")
    return (int(match[1]) or None) if match else None
