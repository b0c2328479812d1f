"""The caches of one core: sizes, line sizes and how many threads share each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.hardware import Fact, Facts, fact, unknown
from bench.hardware.cpu import allowed_threads, sysctl_values

__all__ = ["probe"]

ROOT = Path("/")
SUFFIXES = {"Data": "d", "Instruction": "i", "Unified": ""}
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
SYSCONF = {"l1d": "LEVEL1_DCACHE", "l1i": "LEVEL1_ICACHE", "l2": "LEVEL2_CACHE", "l3": "LEVEL3_CACHE"}
SYSCTL = {"l1d": "l1dcachesize", "l1i": "l1icachesize", "l2": "l2cachesize", "l3": "l3cachesize"}


def probe(root: Path = ROOT, thread: int | None = None, sysconf: Callable[[str], int] = os.sysconf) -> Facts:
    """Return the facts about the caches of one thread's core, the first this process may use unless told."""
    thread = min(allowed_threads()) if thread is None else thread
    folders = sorted((root / f"sys/devices/system/cpu/cpu{thread}/cache").glob("index*"))
    facts: Facts = {}
    for folder in folders:
        facts |= _from_sysfs(folder)
    if facts:
        return facts
    other = from_sysctl(sysctl_values()) if sys.platform == "darwin" else _from_sysconf(sysconf)
    return other or {"l1d_size": unknown("/sys has no caches; neither sysconf nor sysctl knows them", "B")}


def from_sysctl(values: dict[str, str]) -> Facts:
    """Return the cache facts in macOS's settings; on Apple silicon those of the performance cores."""
    facts: Facts = {}
    for name, key in SYSCTL.items():
        for setting in (f"hw.perflevel0.{key}", f"hw.{key}"):
            if values.get(setting, "").isdigit() and f"{name}_size" not in facts:
                facts[f"{name}_size"] = fact(int(values[setting]), f"sysctl {setting}", "B")
    if values.get("hw.cachelinesize", "").isdigit():
        facts["line_size"] = fact(int(values["hw.cachelinesize"]), "sysctl hw.cachelinesize", "B")
    return facts


def _from_sysfs(folder: Path) -> Facts:
    source = f"/sys/devices/system/cpu/{folder.parts[-3]}/cache/{folder.name}"
    try:
        name = f"l{_text(folder, 'level')}{SUFFIXES[_text(folder, 'type')]}"
    except (OSError, KeyError):
        return {}
    return {
        f"{name}_size": _asked(source, lambda: _bytes(_text(folder, "size")), "B"),
        f"{name}_line_size": _asked(source, lambda: int(_text(folder, "coherency_line_size")), "B"),
        f"{name}_shared_by": _asked(source, lambda: _members(_text(folder, "shared_cpu_list")), "threads"),
    }


def _asked(source: str, question: Callable[[], int], unit: str) -> Fact:
    try:
        return fact(question(), source, unit)
    except (OSError, ValueError) as error:
        return unknown(f"{source}: {type(error).__name__}", unit)


def _from_sysconf(sysconf: Callable[[str], int]) -> Facts:
    facts: Facts = {}
    for name, key in SYSCONF.items():
        for suffix, setting in (("size", f"SC_{key}_SIZE"), ("line_size", f"SC_{key}_LINESIZE")):
            try:
                value = sysconf(setting)
            except (OSError, ValueError):
                continue
            if value > 0:
                facts[f"{name}_{suffix}"] = fact(value, f"sysconf {setting}", "B")
    return facts


def _text(folder: Path, name: str) -> str:
    return (folder / name).read_text().strip()


def _bytes(text: str) -> int:
    """Return the bytes of a size such as ``48K``."""
    return int(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else int(text)


def _members(text: str) -> int:
    """Return how many numbers a list such as ``0-3,8`` has."""
    ranges = [part.split("-") for part in text.split(",")]
    return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in ranges)
