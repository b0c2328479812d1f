"""A whole run: a pilot that checks and calibrates, then launches, each recorded as it happens; and its resumption."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from bench import budget, store
from bench import plan as planning
from bench.case import TOO_SLOW, Case
from bench.launch import PILOT, Context, Launch, Limits
from bench.plan import Plan, Planned
from bench.privacy import anonymous
from bench.progress import Progress, Watch
from bench.slow import Slow
from bench.store import Records, RunFolder

__all__ = ["Progress", "measure", "memory_limit"]

MEMORY_SHARE = 0.6  # of what is free when the run begins: one worker may take most of it, never all


def memory_limit() -> int:
    """Return the bytes one worker may allocate."""
    return int(MEMORY_SHARE * psutil.virtual_memory().available)


def measure(
    plan: Plan,
    folder: RunFolder,
    data_directory: Path,
    limits: Limits,
    *,
    earlier: Records | None = None,
    began: float | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Carry out the plan, or what a resumed one still lacks; a budget counts from ``began`` (time.monotonic).

    Every sample is on record before the next is taken. KeyboardInterrupt passes through with no worker left behind.
    """
    began = time.monotonic() if began is None else began
    cache = folder.path.resolve() / "compiler-cache"
    context = Context(folder, limits, data_directory, cache, time.perf_counter())
    state = _Earlier(earlier, plan)
    state.restore(context)
    for case, _, reason in plan.skips:
        if earlier is None:
            folder.outcome("skip", case=case.id, reason=reason)
    watch = Watch(plan, state.complete, context.retired, on_progress)
    context.progress = watch.sampled
    for study in plan.launches:
        if study not in state.piloted:
            watch.phase(f"{study}: checking equality, compiling, calibrating")
            _pilot(context, plan, study)
            folder.outcome("launch", study=study, launch=PILOT, attempt=0, complete=True)
    if plan.budget_s is not None:
        plan = _settle(context, plan, state, watch, began + plan.budget_s)
    _launches(context, plan, state, watch)
    shutil.rmtree(cache, ignore_errors=True)


def _launches(context: Context, plan: Plan, state: _Earlier, watch: Watch) -> None:
    """Take the launches that are not complete; studies take turns, so that each one's are spread over the whole run."""
    for index in range(max(plan.launches.values(), default=0)):
        for study in list(plan.launches):
            if index < plan.launches[study] and (study, index) not in state.complete:
                watch.launch(study, index, plan.launches[study])
                _launch(context, plan, study, index, state.attempts.get((study, index), 0))
                plan = _stop_if_precise(context, plan, study, index)


def _stop_if_precise(context: Context, plan: Plan, study: str, index: int) -> Plan:
    """Leave out a study's further launches once the precision asked for is reached; the shorter plan is on record."""
    done = index + 1
    if plan.precision is None or not budget.LEAST_LAUNCHES_TO_STOP <= done < plan.launches[study]:
        return plan
    found = budget.intervals(plan, store.read(context.folder.path), study, context.retired)
    if not budget.precise(found, plan.precision):
        return plan
    context.folder.outcome("stopped", study=study, launches=done, planned=plan.launches[study])
    shorter = replace(plan, launches={**plan.launches, study: done})
    context.folder.replan(shorter.to_json())
    return shorter


def _settle(context: Context, plan: Plan, state: _Earlier, watch: Watch, ends: float) -> Plan:
    """Take the launches that a budget is planned from, and put the plan that fits the time left on record."""
    for number in range(budget.PILOT_LAUNCHES):
        for study in budget.adjustable(plan):
            watch.phase(f"{study}: planning launch {number + 1} of {budget.PILOT_LAUNCHES}")
            index = PILOT - 1 - number
            _launch(context, plan, study, index, state.attempts.get((study, index), 0))
    records, left_s = store.read(context.folder.path), ends - time.monotonic()
    settled, fits = budget.settle(plan, records, left_s)
    context.folder.outcome("planned", budget_s=plan.budget_s, short=not fits, studies=budget.describe(settled))
    context.folder.replan(settled.to_json())
    watch.replan(settled)
    return settled


def _launch(context: Context, plan: Plan, study: str, index: int, attempt: int) -> None:
    context.folder.outcome("launch", study=study, launch=index, attempt=attempt, complete=False)
    generator = planning.launch_generator(plan.seed, study, index, attempt)
    with Launch(context, plan.of(study), generator, index, attempt) as launch:
        launch.run()
        figures = launch.figures()
    context.folder.outcome("launch", study=study, launch=index, attempt=attempt, complete=True, **figures)


def _pilot(context: Context, plan: Plan, study: str) -> None:
    """Check each case against the reference, take its cold start-up figures, and calibrate it."""
    generator = planning.launch_generator(plan.seed, study, PILOT, 0)
    slow = Slow()
    with Launch(context, plan.of(study), generator, PILOT) as launch:
        launch.start(keep=lambda case: not case.control)
        for planned in plan.of(study):
            cases = [case for case in planned.group.cases if not case.control]
            context.progress(f"{study}: {planned.group.name}", 0.0)
            # Built first, since the check would leave a compiler's cache warm; on record only if it is equal.
            for case in context.live(cases):
                if planned.group.launches is None and slow.foresee(context, case, planned.rounds):
                    continue
                figures = launch.prepare(case)
                if figures is not None and _equal(launch, case):
                    launch.record_start(case, figures)
                    _record_conditions(launch, case)
                    if planned.group.launches is None:
                        slow.find(launch, case, planned.rounds)
            launch.release(cases)
            shutil.rmtree(_references(context), ignore_errors=True)  # no other group has the same
            _settle_control(context, planned)


def _equal(launch: Launch, case: Case) -> bool:
    context = launch.context
    folders = {"data_dir": str(context.data_directory), "cache": str(_references(context))}
    message = {"do": "check", "case": case.to_json(), **folders}
    reply = launch.ask(case, message, "equality check", context.limits.check_s)
    if reply is None:
        return False
    context.folder.outcome("equality", case=case.id, **reply)
    if not reply["equal"]:
        context.retired[case.id] = reply["note"]
    return bool(reply["equal"])


def _record_conditions(launch: Launch, case: Case) -> None:
    """Record what steers the case's speed, as its own worker tells; only a worker that dies of the question loses."""
    reply = launch.ask(case, {"do": "conditions", "case": case.to_json()}, "conditions")
    if reply is not None:
        told, reasons = reply["conditions"], anonymous(reply["reasons"])
        launch.context.folder.outcome("conditions", case=case.id, conditions=told, reasons=reasons)


def _references(context: Context) -> Path:
    """The folder in which workers share what the reference comes to."""
    return context.cache / "references"


def _settle_control(context: Context, planned: Planned) -> None:
    """The control shares its baseline's fate."""
    group = planned.group
    for baseline in (case for case in group.cases if case.name == group.baseline and case.id in context.retired):
        for control in (case for case in group.cases if case.control):
            context.retired[control.id] = context.retired[baseline.id]


class _Earlier:
    """What a resumed run has already: pilots, whole launches, retired cases."""

    def __init__(self, records: Records | None, plan: Plan) -> None:
        self.piloted: set[str] = set()
        self.complete: set[tuple[str, int]] = set()
        self.attempts: dict[tuple[str, int], int] = {}
        self.outcomes: list[dict[str, Any]] = records.outcomes if records else []
        self.plan = plan
        for outcome in self.outcomes:
            if outcome["kind"] == "launch":
                self._launch(outcome)

    def restore(self, context: Context) -> None:
        """Put retirements back as they were."""
        for outcome in self.outcomes:
            kind, case = outcome["kind"], outcome.get("case", "")
            if kind == "failure" or (kind == "calibration" and outcome["too_slow"]):
                context.retired[case] = outcome.get("reason", TOO_SLOW)
            elif kind == "equality" and not outcome["equal"]:
                context.retired[case] = "not equal to the reference"
        for planned in self.plan.groups:
            _settle_control(context, planned)

    def _launch(self, outcome: dict[str, Any]) -> None:
        study, index = outcome["study"], outcome["launch"]
        if index == PILOT:
            self.piloted.add(study)
        elif outcome["complete"]:
            self.complete.add((study, index))
        else:
            self.attempts[study, index] = outcome["attempt"] + 1
