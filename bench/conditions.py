"""Under which conditions a case runs, asked in the process that runs it: nobody else can know.

A framework's library file tells its switches, the model what of its step is compiled, the kernel whose allocator is in
the process, a profiler what runs on a GPU (``bench/profiling.py``). What cannot be asked is None with a reason; no
question may cost a case anything.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import libraries, profiling
from bench.case import Case

__all__ = ["SWITCHES", "allocator", "ask"]

SWITCHES = ("threads", "float32_products", "onednn", "xla")
OPTIONAL = ("half_sums",)  # only of those who tell it
ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc")
MAPS = Path("/proc/self/maps")
LONGEST = 200  # letters of an answer or a reason

Answers = dict[str, Any]
Question = Callable[[], Mapping[str, Any]]


def ask(case: Case, graph: str | None, profiled: Question | None = None) -> Answers:
    """Return ``conditions`` of a case in this process, and ``reasons`` for those that are None.

    Args:
        case: What runs here.
        graph: What of its step is compiled, as its workload says; None where it does not.
        profiled: What answers ``profiling.ASKED``; None where nobody can, which is then no condition.
    """
    found: Answers = {"device": case.device, "dtype": case.dtype, "framework": case.framework}
    reasons: dict[str, str] = {}
    questions: list[tuple[tuple[str, ...], Question]] = [
        (("version",), lambda: {"version": sys.modules[case.framework].__version__}),
        (SWITCHES, lambda: _switches(case)),
        (("graph",), lambda: {"graph": graph}),
        (("allocator",), lambda: {"allocator": allocator()}),
    ]
    if profiled is not None:
        questions.append((profiling.ASKED, profiled))
    for names, question in questions:
        answers, reason = _answered(question)
        for name in (*names, *(name for name in OPTIONAL if name in answers)):
            found[name] = answers.get(name) if name in profiling.ASKED else _plain(answers.get(name))
            if found[name] is None:
                reasons[name] = reason or "not told"
    if "XLA" in (found["graph"] or ""):  # a variant may have XLA compile what its framework by itself would not
        found["xla"] = True
    return {"conditions": found, "reasons": reasons}


def allocator(maps: Path = MAPS) -> str | None:
    """Return whose ``malloc`` this process has: a library's that is mapped into it, else the C library's."""
    mapped = re.findall(r"/lib(\w+)[^/\n]*\.so", maps.read_text(encoding="utf-8", errors="replace"))
    for name in ALLOCATORS:
        if any(library.startswith(name) for library in mapped):
            return name
    return os.confstr("CS_GNU_LIBC_VERSION")


def _switches(case: Case) -> Mapping[str, Any]:
    if case.framework not in libraries.names():
        raise LookupError(f"no file bench/libraries/{case.framework}.py to ask")
    answers: Mapping[str, Any] = libraries.load(case.framework).conditions(case.device)
    return answers


def _answered(question: Question) -> tuple[Mapping[str, Any], str]:
    try:
        answers = question()
        return (answers, "") if isinstance(answers, Mapping) else ({}, "not told in a dictionary")
    except Exception as error:  # whatever a framework raises is a reason not to know
        return {}, " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]


def _plain(value: Any) -> bool | int | str | None:
    """Return what JSON holds: a truth value, a whole number or a line of text; None for anything else."""
    if isinstance(value, str):
        return " ".join(value.split())[:LONGEST] or None
    return value if isinstance(value, bool | int) else None
