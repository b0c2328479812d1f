"""Before a plan: what can run here, what a start costs, and what each framework says of itself.

A short worker process per provider answers, since only workers import frameworks; one that crashes or hangs is a
reason, not an error.
"""

from __future__ import annotations

import tempfile
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
    """Ask each provider once per device and dtype whether it can run here.

    What ships shares one process per framework; a user's file, which may crash or hang, gets one of its own.
    """
    found = Survey()
    together: dict[str, list[Case]] = {}
    for case in cases:
        together.setdefault(case.source or case.framework, []).append(case)
    for members in together.values():
        _ask(members, found)
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
    reason = environments.for_framework(first.framework).reason
    answers: dict[tuple[str, ...], str | None] = {}
    try:
        if reason is not None:
            raise WorkerError(reason, alive=False)
        started = time.perf_counter()
        with _Asked(first) as worker:
            cost = time.perf_counter() - started
            found.start_s[first.framework] = max(cost, found.start_s.get(first.framework, 0.0))
            if found.rate is None:
                found.rate = worker.request({"do": "rate"}, ANSWER_LIMIT_S)["rate"]
            for case in cases:
                if _question(case) not in answers:
                    answers[_question(case)] = _answer(worker, case)
    except WorkerError as error:
        for case in cases:
            answers.setdefault(_question(case), error.reason)
    for case in cases:
        answer = answers[_question(case)]
        if answer is not None:
            found.reasons[case.id] = answer


def _question(case: Case) -> tuple[str, ...]:
    return (case.workload, case.provider, case.device, case.dtype, case.apart)


def _answer(worker: WorkerProcess, case: Case) -> str | None:
    try:
        reason: str | None = worker.request({"do": "survey", "case": case.to_json()}, ANSWER_LIMIT_S)["reason"]
    except WorkerError as error:
        if not error.alive:
            raise
        return error.reason
    return reason


class _Asked:
    """A worker that has imported a case's provider, ended on leaving."""

    def __init__(self, case: Case) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="mlpbench-", ignore_cleanup_errors=True)
        self._worker = spawn(case, Path(self._cache.name))

    def __enter__(self) -> WorkerProcess:
        try:
            self._worker.receive(ANSWER_LIMIT_S)
        except BaseException:
            self.__exit__()
            raise
        return self._worker

    def __exit__(self, *_: object) -> None:
        self._worker.end()
        self._cache.cleanup()
