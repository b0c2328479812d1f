"""The main memory, and how much of it this process may use."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path

from bench import cgroup
from bench.hardware import Fact, Facts, ask, fact

__all__ = ["probe"]

ROOT = Path("/")
KIBIBYTE = 1 << 10
HUGE_PAGES = "sys/kernel/mm/transparent_hugepage/enabled"
NODES = "sys/devices/system/node"


def probe(root: Path = ROOT) -> Facts:
    """Return the facts about the memory; ``root`` is where /proc and /sys are looked for."""
    return {
        "total": _size(root, "MemTotal", "total"),
        "available": _size(root, "MemAvailable", "available"),
        "swap": _size(root, "SwapTotal", "swap"),
        "cgroup_limit": _limit(root),
        "page_size": ask("sysconf SC_PAGE_SIZE", lambda: os.sysconf("SC_PAGE_SIZE"), "B"),
        "transparent_huge_pages": ask(f"/{HUGE_PAGES}", lambda: _chosen((root / HUGE_PAGES).read_text())),
        "numa_nodes": ask(f"/{NODES}", lambda: len(list((root / NODES).glob("node[0-9]*"))) or None),
    }


def _size(root: Path, entry: str, attribute: str) -> Fact:
    """Return an entry of /proc/meminfo, or what psutil says where there is no such file."""
    if (root / "proc/meminfo").exists():
        return ask(f"/proc/meminfo {entry}", lambda: _entry(root, entry), "B")
    return ask("psutil", lambda: _from_psutil(attribute), "B")


def _entry(root: Path, entry: str) -> int | None:
    found = re.search(rf"^{entry}:\s*(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    return KIBIBYTE * int(found[1]) if found else None


def _from_psutil(attribute: str) -> int:
    psutil = import_module("psutil")
    return int(psutil.swap_memory().total if attribute == "swap" else getattr(psutil.virtual_memory(), attribute))


def _limit(root: Path) -> Fact:
    answer = ask("control groups: memory limit", lambda: cgroup.memory_limit(root) or "none", "B")
    return fact("none", answer["source"]) if answer["value"] == "none" else answer


def _chosen(text: str) -> str | None:
    """Return the setting in brackets, as in ``always [madvise] never``."""
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else None
