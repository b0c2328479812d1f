"""The processor's clock: what it is now, what it may reach, and who governs it (Linux; unknown elsewhere)."""

from __future__ import annotations

import re
from pathlib import Path

from bench.hardware import Fact, Facts, ask
from bench.hardware.cpu import allowed_threads

__all__ = ["probe"]

ROOT = Path("/")
KILO, MEGA = 10**3, 10**6


def probe(root: Path = ROOT, thread: int | None = None) -> Facts:
    """Return the clock facts of one thread's core, the first this process may use unless told."""
    thread = min(allowed_threads()) if thread is None else thread
    here = f"sys/devices/system/cpu/cpu{thread}/cpufreq"
    return {
        "now": _now(root, here),
        "max": ask(f"/{here}/cpuinfo_max_freq", lambda: KILO * int(_text(root, f"{here}/cpuinfo_max_freq")), "Hz"),
        "governor": ask(f"/{here}/scaling_governor", lambda: _text(root, f"{here}/scaling_governor")),
        "driver": ask(f"/{here}/scaling_driver", lambda: _text(root, f"{here}/scaling_driver")),
        "boost": _boost(root),
    }


def _now(root: Path, here: str) -> Fact:
    scaling = ask(f"/{here}/scaling_cur_freq", lambda: KILO * int(_text(root, f"{here}/scaling_cur_freq")), "Hz")
    if scaling["kind"] != "unknown":
        return scaling
    return ask("/proc/cpuinfo (a guest may be told the nominal clock)", lambda: _megahertz(root), "Hz")


def _megahertz(root: Path) -> int | None:
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", _text(root, "proc/cpuinfo"), re.MULTILINE)
    return round(MEGA * float(found[1])) if found else None


def _boost(root: Path) -> Fact:
    """Return whether clocks above the nominal one are allowed: ``boost``, or Intel's ``no_turbo`` turned round."""
    general, intel = "sys/devices/system/cpu/cpufreq/boost", "sys/devices/system/cpu/intel_pstate/no_turbo"
    if (root / intel).exists():
        return ask(f"/{intel}", lambda: _text(root, intel) == "0")
    return ask(f"/{general}", lambda: _text(root, general) == "1")


def _text(root: Path, path: str) -> str:
    try:
        return (root / path).read_text().strip()
    except FileNotFoundError:
        raise FileNotFoundError("no such file") from None
