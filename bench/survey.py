"""Before a plan: what can run here, what a start costs, and what each framework says of itself.

A short worker process per provider answers, since only workers import frameworks; one that crashes or hangs is a
reason, not an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import environments, libraries
from bench.case import Case
from bench.process import WorkerError, WorkerProcess, spawn

__all__ = ["Survey", "framework_facts", "survey"]

ANSWER_LIMIT_S = 120.0


@dataclass
class Survey:
    """Reasons why cases cannot run, by case id; seconds that the start of each framework's worker takes; the FLOP/s of
    a small product, None where none was taken.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    start_s: dict[str, float] = field(default_factory=dict)
    rate: float | None = None


def survey(cases: Iterable[Case]) -> Survey:
    """Ask each provider once per device and dtype whether it can run here."""
    found = Survey()
    by_provider: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        by_provider.setdefault((case.workload, case.source or case.provider), []).append(case)
    for group in by_provider.values():
        _ask(group, found)
    return found


def framework_facts(names: Iterable[str], threads: int) -> dict[str, dict[str, Any]]:
    """Return what each framework's library file says of it: version, BLAS, kernels, threads."""
    facts = {}
    for name in names:
        if name not in libraries.names():
            continue
        case = Case("", "", name, "matmul", name, name, {}, threads=threads)
        try:
            with _Asked(case) as worker:
                facts[name] = worker.request({"do": "facts", "library": name}, ANSWER_LIMIT_S)["facts"]
        except WorkerError as error:
            facts[name] = {"available": {"value": None, "unit": None, "source": error.reason, "kind": "unknown"}}
    return facts


def _ask(cases: list[Case], found: Survey) -> None:
    first = cases[0]
    environment = environments.for_framework(first.framework)
    if environment.reason:
        found.reasons |= dict.fromkeys((case.id for case in cases), environment.reason)
        return
    answers: dict[tuple[str, str], str | None] = {}
    try:
        started = time.perf_counter()
        with _Asked(first) as worker:
            # Two providers of one framework may be surveyed; the cheaper start is the framework's own.
            cost = time.perf_counter() - started
            found.start_s[first.framework] = min(cost, found.start_s.get(first.framework, cost))
            if found.rate is None:
                found.rate = worker.request({"do": "rate"}, ANSWER_LIMIT_S)["rate"]
            for case in cases:
                key = (case.device, case.dtype)
                if key not in answers:
                    answers[key] = worker.request({"do": "survey", "case": case.to_json()}, ANSWER_LIMIT_S)["reason"]
    except WorkerError as error:
        for case in cases:
            answers.setdefault((case.device, case.dtype), error.reason)
    for case in cases:
        reason = answers[case.device, case.dtype]
        if reason is not None:
            found.reasons[case.id] = reason


class _Asked:
    """A worker that has imported a case's provider, ended on leaving."""

    def __init__(self, case: Case) -> None:
        self._worker = spawn(case, Path("/nonexistent"))

    def __enter__(self) -> WorkerProcess:
        try:
            self._worker.receive(ANSWER_LIMIT_S)
        except BaseException:
            self._worker.end()
            raise
        return self._worker

    def __exit__(self, *_: object) -> None:
        self._worker.end()
