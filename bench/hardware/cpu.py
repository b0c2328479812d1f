"""The processor, and how much of it this process may use.

py-cpuinfo names the processor; where it fails or is missing, /proc/cpuinfo (Linux) or sysctl (macOS) does. SIMD
features come from the kernel first: py-cpuinfo adds what the processor has but the kernel may not have switched on.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import cgroup
from bench.hardware import Fact, Facts, ask, fact, unknown

__all__ = ["allowed_threads", "probe", "sysctl_values", "usable_cores"]

ROOT = Path("/")
CPUS = "sys/devices/system/cpu"
# x86: SSE, AVX, FMA, AMX; ARM: NEON (asimd), SVE, SME, dot products; POWER: VSX. On x86 "sme" encrypts memory.
SIMD_X86 = re.compile(r"(sse|ssse|avx|fma|f16c|amx|xop)\w*")
SIMD_OTHER = re.compile(r"(neon|asimd|sve|sme|bf16|i8mm|fphp|vsx|altivec)\w*")
CLOCK_SOURCES = {"kvm-clock": "KVM", "hyperv_clocksource_tsc_page": "Hyper-V", "xen": "Xen"}

Description = dict[str, Any]


def probe(
    root: Path = ROOT,
    identify: Callable[[], Mapping[str, Any]] | None = None,
    allowed: Collection[int] | None = None,
    sysctl: Callable[[], dict[str, str]] | None = None,
) -> Facts:
    """Return the facts about the processor.

    Args:
        root: Where /proc and /sys are looked for.
        identify: What to call in place of ``cpuinfo.get_cpu_info``.
        allowed: The thread numbers this process may use.
        sysctl: What to call in place of macOS's sysctl.
    """
    allowed = allowed_threads() if allowed is None else allowed
    descriptions = _descriptions(root, identify or _cpuinfo, sysctl)
    return (
        {name: _first(descriptions, name) for name in ("brand", "vendor", "family", "model", "stepping")}
        | {"architecture": fact(platform.machine(), "platform.machine")}
        | _counts(root, allowed)
        | {"simd": _simd(descriptions), "hypervisor": _hypervisor(root, descriptions)}
    )


def usable_cores(root: Path = ROOT, allowed: Collection[int] | None = None) -> int:
    """Return the physical cores this process may use: by affinity, and by control group rounded down; at least 1."""
    cores, _ = _cores(root, allowed_threads() if allowed is None else allowed)
    try:
        limit = cgroup.cpu_limit(root)
    except OSError:
        limit = None
    return max(1, cores if limit is None else min(cores, int(limit)))


def allowed_threads() -> set[int]:
    """Return the numbers of the hardware threads on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))  # macOS has no affinity


def sysctl_values() -> dict[str, str]:
    """Return macOS's ``hw`` and ``machdep.cpu`` settings by name."""
    text = subprocess.run(
        ["sysctl", "hw", "machdep.cpu"], capture_output=True, text=True, timeout=10, check=False
    ).stdout
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon}


def _cores(root: Path, allowed: Collection[int]) -> tuple[int, str]:
    """Return how many physical cores the allowed threads lie on, and how that was found."""
    siblings = [_siblings(root, thread) for thread in allowed]
    if all(siblings):
        return len(set(siblings)), "affinity over /sys topology"
    if sys.platform == "darwin":
        return import_module("psutil").cpu_count(logical=False), "psutil"
    return len(allowed), "affinity; each thread taken as a core, for there is no /sys topology"


def _siblings(root: Path, thread: int) -> str | None:
    """Return the threads of one core, such as ``0,4``: unlike core ids, unique over sockets and clusters."""
    topology = root / CPUS / f"cpu{thread}" / "topology"
    return _text(topology / "core_cpus_list") or _text(topology / "thread_siblings_list")


def _counts(root: Path, allowed: Collection[int]) -> Facts:
    cores, how = _cores(root, allowed)
    packages = {_text(root / CPUS / f"cpu{thread}/topology/physical_package_id") for thread in allowed}
    return {
        "physical_cores": fact(cores, how, None, "derived"),
        "threads": fact(len(allowed), "sched_getaffinity" if hasattr(os, "sched_getaffinity") else "os.cpu_count"),
        "machine_threads": fact(os.cpu_count(), "os.cpu_count"),
        "sockets": unknown("no /sys topology") if None in packages else fact(len(packages), "/sys topology"),
        "cgroup_limit": _limit(root),
        "usable_cores": fact(usable_cores(root, allowed), "cores and control group limit", None, "derived"),
    }


def _limit(root: Path) -> Fact:
    answer = ask("control groups: CPU quota", lambda: cgroup.cpu_limit(root) or "none", "cores")
    return fact("none", answer["source"]) if answer["value"] == "none" else answer


def _descriptions(
    root: Path, identify: Callable[[], Mapping[str, Any]], sysctl: Callable[[], dict[str, str]] | None
) -> dict[str, Description]:
    """Return what each source says; one that fails says only why, under ``error``."""
    sources: dict[str, Callable[[], Description]] = {
        "py-cpuinfo": lambda: _from_cpuinfo(identify()),
        "/proc/cpuinfo": lambda: _from_proc((root / "proc/cpuinfo").read_text()),
    }
    if sysctl or sys.platform == "darwin":
        sources["sysctl"] = lambda: _from_sysctl((sysctl or sysctl_values)())
    answers = {name: ask(name, source) for name, source in sources.items()}
    return {name: answer["value"] or {"error": answer["source"]} for name, answer in answers.items()}


def _first(descriptions: Mapping[str, Description], name: str) -> Fact:
    for source, description in descriptions.items():
        if description.get(name) not in (None, "", []):
            return fact(description[name], source)
    return unknown("; ".join(entry.get("error", source) for source, entry in descriptions.items()))


def _cpuinfo() -> Mapping[str, Any]:
    found: Mapping[str, Any] = import_module("cpuinfo").get_cpu_info()
    return found


def _from_cpuinfo(found: Mapping[str, Any]) -> Description:
    names = {"brand": "brand_raw", "vendor": "vendor_id_raw", "features": "flags"}
    names |= {name: name for name in ("family", "model", "stepping")}
    return {name: found.get(key) for name, key in names.items()}


def _from_proc(text: str) -> Description:
    lines = [line.partition(":") for line in text.split("\n\n")[0].splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in lines}
    # ARM kernels give no name; implementer and part are what names are looked up by.
    arm = "CPU part" in fields and f"ARM implementer {fields.get('CPU implementer')} part {fields['CPU part']}"
    numbers = {"family": "cpu family", "model": "model", "stepping": "stepping"}
    return {
        "brand": fields.get("model name") or arm or fields.get("cpu"),
        "vendor": fields.get("vendor_id"),
        "features": (fields.get("flags") or fields.get("Features") or "").split(),
    } | {name: int(fields[key]) for name, key in numbers.items() if fields.get(key, "").isdigit()}


def _from_sysctl(values: Mapping[str, str]) -> Description:
    prefix = "hw.optional.arm.FEAT_"
    switched_on = [name for name, value in values.items() if value == "1"]
    arm = [name.removeprefix(prefix).lower() for name in switched_on if name.startswith(prefix)]
    neon = ["neon"] if "hw.optional.neon" in switched_on else []
    listed = " ".join((values.get("machdep.cpu.features", ""), values.get("machdep.cpu.leaf7_features", "")))
    return {
        "brand": values.get("machdep.cpu.brand_string"),
        "vendor": values.get("machdep.cpu.vendor"),
        "features": [*listed.lower().replace(".", "_").split(), *neon, *arm],
    }


def _simd(descriptions: Mapping[str, Description]) -> Fact:
    order = sorted(descriptions, key=lambda source: source == "py-cpuinfo")
    answer = _first({source: descriptions[source] for source in order}, "features")
    if answer["value"] is None:
        return answer
    features = {"sse3" if name == "pni" else name for name in answer["value"]}
    pattern = SIMD_X86 if "sse2" in features else SIMD_OTHER
    return fact(sorted(name for name in features if pattern.fullmatch(name)), answer["source"])


def _hypervisor(root: Path, descriptions: Mapping[str, Description]) -> Fact:
    kind = _text(root / "sys/hypervisor/type")
    if kind:
        return fact(kind, "/sys/hypervisor/type")
    features: list[str] = next((entry["features"] for entry in descriptions.values() if entry.get("features")), [])
    if "hypervisor" not in features:
        x86 = "sse2" in features
        return fact("none", "no hypervisor flag") if x86 else unknown("no flag for it on this architecture")
    board = [_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    if any(board):
        return fact(" ".join(filter(None, board)), "hypervisor flag and DMI", None, "derived")
    clocks = (_text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or "").split()
    for clock, name in CLOCK_SOURCES.items():
        if clock in clocks:
            return fact(name, f"hypervisor flag and clock source {clock}", None, "derived")
    return fact("present", "hypervisor flag; neither DMI nor clock sources name it")


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
