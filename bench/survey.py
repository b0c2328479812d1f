"""Before a plan: what can run here, what a start costs, and what each environment says of itself.

Short worker processes answer, since only workers import frameworks; one that crashes or hangs is a reason, not an
error.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import environments, libraries
from bench.case import Case
from bench.environments import Environment
from bench.hardware.software import PACKAGES, steering_variables
from bench.privacy import anonymous
from bench.process import WorkerError, WorkerProcess, start

__all__ = ["Survey", "framework_facts", "library_case", "survey"]

ANSWER_LIMIT_S = 120.0
ASKED_PACKAGES = (*PACKAGES, "flax", "optax", "keras")
NOT_TOLD = "(set)"  # what a variable that steers no library is set to is nobody's business

Record = dict[str, Any]
Told = Callable[[str], None]  # which environment is being asked


@dataclass
class Survey:
    """What was found.

    Attributes:
        reasons: Why cases cannot run, by case id.
        start_s: Seconds that the start of a worker takes, by environment.
        rate: The FLOP/s of a small product, None where none was taken.
        environments: What each environment that answered is: framework, kind, Python, packages, variables.
        unanswered: Why an environment did not answer, by its name.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    start_s: dict[str, float] = field(default_factory=dict)
    rate: float | None = None
    environments: dict[str, Record] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)


def survey(cases: Iterable[Case], places: Iterable[str] = (), told: Told = lambda name: None) -> Survey:
    """Ask each provider once per device, dtype, variant and parameters whether it can run here, and each environment
    what it is: those of the cases and those named beside. ``told`` hears which one is asked next.

    What ships shares a process per environment; a user's file, which may crash or hang, gets one of its own. A provider
    that cannot be imported costs its own cases only.
    """
    look = _Look(told)
    processes: dict[tuple[str, str], dict[tuple[str, str], list[Case]]] = {}
    for case in cases:
        providers = processes.setdefault((case.where, case.source or ""), {})
        providers.setdefault((case.workload, case.provider), []).append(case)
    for (name, _), providers in processes.items():
        look.ask(environments.find(name), list(providers.values()))
    for name in dict.fromkeys([*(name for name, _ in processes), *places]):
        look.describe(environments.find(name))
    return look.found


def library_case(name: str, threads: int = 1) -> Case | None:
    """Return a case that stands for the library of an environment's framework; None where there is no file for it."""
    framework = environments.find(name).framework
    if framework not in libraries.names():
        return None
    other = "" if name == framework else name
    return Case("", "", name, "matmul", framework, framework, {}, threads=threads, environment=other)


def framework_facts(names: Iterable[str], threads: int, told: Told = lambda name: None) -> dict[str, Record]:
    """Return what the framework of each environment says of itself, as its library file asks it: version, BLAS,
    kernels, threads. One that does not answer leaves an unknown fact with the reason.
    """
    facts: dict[str, Record] = {}
    for name in names:
        case = library_case(name, threads)
        if case is None:
            continue
        environment = environments.find(name)
        _tell(told, environment)
        try:
            with _Asked(environment, case) as worker:
                worker.receive(ANSWER_LIMIT_S)
                facts[name] = worker.request({"do": "facts", "library": case.provider}, ANSWER_LIMIT_S)["facts"]
        except WorkerError as error:
            facts[name] = {"available": {"value": None, "unit": None, "source": error.reason, "kind": "unknown"}}
    return facts


class _Look:
    """A survey in the making."""

    def __init__(self, told: Told) -> None:
        self.found = Survey()
        self._told = told
        self._broken: dict[str, bool] = {}

    def ask(self, environment: Environment, providers: Sequence[Sequence[Case]]) -> None:
        """Ask the cases of one provider after the other, in another process after one that failed."""
        while providers:
            if environment.name in self.found.unanswered:
                self._refuse(providers[0], self.found.unanswered[environment.name])
                providers = providers[1:]
                continue
            _tell(self._told, environment, providers[0][0].source)
            with _Asked(environment, providers[0][0]) as worker:
                providers = self._ask_while_it_works(environment, worker, providers)

    def describe(self, environment: Environment) -> None:
        """Ask an environment what it is, unless it was asked or gave no answer in time."""
        if environment.name in self.found.environments or environment.name in self.found.unanswered:
            return
        _tell(self._told, environment)
        try:
            with _Asked(environment, None) as worker:
                worker.receive(ANSWER_LIMIT_S)
                self._describe(environment, worker)
        except WorkerError as error:
            self.found.unanswered[environment.name] = _with(error.reason, environment.remedy)

    def _ask_while_it_works(
        self, environment: Environment, worker: WorkerProcess, providers: Sequence[Sequence[Case]]
    ) -> Sequence[Sequence[Case]]:
        """Return the providers that are yet to be asked: those after one that failed."""
        for number, cases in enumerate(providers):
            began = time.monotonic()
            try:
                self._import(worker, cases[0], asked=number == 0)
                self._question(worker, cases)
            except WorkerError as error:
                reason = self._with_remedy(environment, cases[0], error.reason)
                self._refuse(cases, reason)
                if time.monotonic() - began > ANSWER_LIMIT_S and cases[0].source is None:
                    self.found.unanswered[environment.name] = reason
                return providers[number + 1 :]
        with suppress(WorkerError):
            self._describe(environment, worker)
        return ()

    def _import(self, worker: WorkerProcess, case: Case, *, asked: bool) -> None:
        """Have the provider of a case imported; the first one of a worker is at its start."""
        if not asked:
            worker.send({"do": "hello", "cases": [case.to_json()], "memory_limit": None, "asked_at": 0.0})
        worker.receive(ANSWER_LIMIT_S)
        if asked:
            cost = time.perf_counter() - worker.asked_at
            self.found.start_s[case.where] = max(cost, self.found.start_s.get(case.where, 0.0))

    def _question(self, worker: WorkerProcess, cases: Sequence[Case]) -> None:
        answers: dict[tuple[str, ...], str | None] = {}
        for case in cases:
            told = json.dumps(dict(case.parameters), sort_keys=True)
            key = (case.workload, case.device, case.dtype, case.variant, case.apart, told)
            if key not in answers:
                answers[key] = _answer(worker, case)
            answer = answers[key]
            if answer is not None:
                self._refuse([case], answer)

    def _describe(self, environment: Environment, worker: WorkerProcess) -> None:
        if self.found.rate is None:
            self.found.rate = worker.request({"do": "rate"}, ANSWER_LIMIT_S)["rate"]
        if environment.name not in self.found.environments:
            told = worker.request({"do": "about", "packages": ASKED_PACKAGES}, ANSWER_LIMIT_S)
            self.found.environments[environment.name] = {
                "framework": environment.framework,
                "kind": environment.kind,
                "python": told["python"],
                "packages": told["packages"],
                "variables": _variables(environment),
            }

    def _refuse(self, cases: Iterable[Case], reason: str) -> None:
        """Give a reason to those cases that have none."""
        for case in cases:
            self.found.reasons.setdefault(case.id, anonymous(reason))

    def _with_remedy(self, environment: Environment, case: Case, reason: str) -> str:
        """Return the reason, with what mends the environment where that, not a user's file, is at fault."""
        if case.source is not None and not self._is_broken(environment):
            return reason
        return _with(reason, environment.remedy)

    def _is_broken(self, environment: Environment) -> bool:
        """Return whether the framework itself cannot be imported."""
        if environment.name not in self._broken:
            case = library_case(environment.name)
            self._broken[environment.name] = case is not None and not _imports(environment, case)
        return self._broken[environment.name]


def _tell(told: Told, environment: Environment, source: str | None = None) -> None:
    """Say which environment is asked, and about which file of the user's; one that is not there is asked nothing."""
    if environment.reason is None:
        told(f"{Path(source).name} in {environment.name}" if source else environment.name)


def _with(reason: str, remedy: str) -> str:
    remedy = anonymous(remedy)
    return reason if not remedy or remedy in reason else f"{reason}; {remedy}"


def _imports(environment: Environment, case: Case) -> bool:
    try:
        with _Asked(environment, case) as worker:
            worker.receive(ANSWER_LIMIT_S)
    except WorkerError:
        return False
    return True


def _answer(worker: WorkerProcess, case: Case) -> str | None:
    try:
        reason: str | None = worker.request({"do": "survey", "case": case.to_json()}, ANSWER_LIMIT_S)["reason"]
    except WorkerError as error:
        if not error.alive:
            raise
        return error.reason
    return reason


def _variables(environment: Environment) -> dict[str, str | None]:
    """Return what an environment sets, or, where None, removes, as it may be recorded."""
    given = {name: value for name, value in environment.variables.items() if value is not None}
    steering = steering_variables(given)
    return {name: steering.get(name, NOT_TOLD) if name in given else None for name in environment.variables}


class _Asked:
    """A worker that is to import a case's provider, ended on leaving."""

    def __init__(self, environment: Environment, case: Case | None) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="mlpbench-", ignore_cleanup_errors=True)
        self._worker = start(environment, case, Path(self._cache.name))

    def __enter__(self) -> WorkerProcess:
        return self._worker

    def __exit__(self, *_: object) -> None:
        self._worker.end()
        self._cache.cleanup()
