"""What the machine is: one file is one probe, and its name is that of its group of facts.

The contract of a probe file:

``probe() -> dict[str, Fact]``
    Facts by name. What cannot be found out is an unknown fact whose source says what was tried; a guess is not an
    answer. Arguments, all with defaults, replace the file system and the libraries it asks.

No user name, host name, serial number or home path is recorded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, TypedDict

from bench.privacy import anonymous

__all__ = ["Fact", "Facts", "ask", "fact", "fingerprint", "machine_name", "names", "record", "unknown"]

Kind = Literal["queried", "derived", "looked-up", "measured", "unknown"]
GIBIBYTE = 1 << 30
STEADY_CPU_FACTS = ("brand", "family", "model", "physical_cores", "threads", "machine_threads")
# What vendors put around a processor's name: marks, generations, core counts and nominal clocks.
DECORATION = re.compile(r"\((?:r|tm|c)\)|@.*|\bwith .*|\d+th gen|\b[\w-]+-core\b|\bcpu\b|\bprocessor\b", re.IGNORECASE)


class Fact(TypedDict):
    """One thing known, or not, about the machine; ``value`` is None where ``kind`` is ``unknown``."""

    value: Any
    unit: str | None
    source: str
    kind: Kind


Facts = dict[str, Fact]


def fact(value: Any, source: str, unit: str | None = None, kind: Kind = "queried") -> Fact:
    """Return a known fact."""
    return Fact(value=value, unit=unit, source=source, kind=kind)


def unknown(source: str, unit: str | None = None) -> Fact:
    """Return an unknown fact; the source says what was tried."""
    return Fact(value=None, unit=unit, source=source, kind="unknown")


def ask(source: str, question: Callable[[], Any], unit: str | None = None, kind: Kind = "queried") -> Fact:
    """Return the answer to a question as a fact; one that raises or answers None is unknown, with the reason."""
    try:
        value = question()
    except Exception as error:  # whatever a library raises is a reason not to know
        return unknown(f"{source}: {_message(error)}", unit)
    return unknown(f"{source}: says nothing", unit) if value is None else fact(value, source, unit, kind)


def names() -> list[str]:
    """Return the probes there are, nothing imported."""
    return sorted(module.name for module in iter_modules(__path__))


def record(probes: Mapping[str, Callable[[], Facts]] | None = None) -> dict[str, Facts]:
    """Return the facts of every probe by group; a probe that raises leaves one unknown fact with the error."""
    if probes is None:
        probes = {name: _probe_of(name) for name in names()}
    result: dict[str, Facts] = anonymous({name: _facts(probe) for name, probe in probes.items()})
    return result


def fingerprint(facts: Mapping[str, Facts]) -> str:
    """Return 16 hexadecimal digits that are the same whenever the machine is; nothing that jitters goes in."""
    memory = _value(facts, "memory", "total")
    steady = {
        "cpu": {name: _value(facts, "cpu", name) for name in STEADY_CPU_FACTS},
        "caches": {name: entry["value"] for name, entry in facts.get("caches", {}).items()},
        "memory": None if memory is None else round(memory / GIBIBYTE),
        "gpus": _gpu_names(facts),
    }
    return hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()[:16]


def machine_name(facts: Mapping[str, Facts]) -> str:
    """Return a short name by processors: the GPU, else the CPU, then the physical cores, as ``amd-epyc-2c``."""
    gpus = _gpu_names(facts)
    name = gpus[0] if gpus else _value(facts, "cpu", "brand") or _value(facts, "cpu", "architecture") or "machine"
    count = f"-x{len(gpus)}" if len(gpus) > 1 else ""
    cores = _value(facts, "cpu", "physical_cores")
    return _slug(name) + count + (f"-{cores}c" if cores else "")


def _probe_of(name: str) -> Callable[[], Facts]:
    def probe() -> Facts:
        found: Facts = import_module(f"{__name__}.{name}").probe()
        return found

    return probe


def _facts(probe: Callable[[], Facts]) -> Facts:
    try:
        return probe()
    except Exception as error:  # a probe is never worth a crash
        return {"probe": unknown(f"the probe failed: {_message(error)}")}


def _message(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _value(facts: Mapping[str, Facts], group: str, name: str) -> Any:
    entry = facts.get(group, {}).get(name)
    return None if entry is None else entry["value"]


def _gpu_names(facts: Mapping[str, Facts]) -> list[str]:
    gpus = facts.get("gpu", {}).items()
    return [entry["value"] for name, entry in gpus if re.fullmatch(r"gpu\d+_name", name) and entry["value"]]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", DECORATION.sub(" ", text).lower()).strip("-") or "machine"
