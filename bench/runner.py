"""A whole run: a pilot that checks and calibrates, then launches, each recorded as it happens; and its resumption."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench import plan as planning
from bench.case import Case
from bench.launch import PILOT, Context, Launch, Limits
from bench.plan import Plan, Planned
from bench.store import Records, RunFolder

__all__ = ["Progress", "measure", "memory_limit"]

TOO_SLOW = "too slow"
MEMORY_SHARE = 0.6  # of what is free when the run begins: one worker may take most of it, never all


@dataclass(frozen=True)
class Progress:
    """What is going on, how far it is, and about how many seconds are left (None before anything is measured)."""

    text: str
    done: int
    total: int
    left_s: float | None


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
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Carry out the plan, or what a resumed one still lacks.

    Every sample is on record before the next is taken. KeyboardInterrupt passes through with no worker left behind.
    """
    cache = folder.path.resolve() / "compiler-cache"
    context = Context(folder, limits, data_directory, cache, time.perf_counter())
    state = _Earlier(earlier, plan)
    state.restore(context)
    for case, _, reason in plan.skips:
        if earlier is None:
            folder.outcome("skip", case=case.id, reason=reason)
    watch = _Watch(plan, state, context.retired, on_progress)
    context.progress = watch.sampled
    for study in plan.launches:
        if study not in state.piloted:
            watch.phase(f"{study}: checking equality, compiling, calibrating")
            _pilot(context, plan, study)
            folder.outcome("launch", study=study, launch=PILOT, attempt=0, complete=True)
    for index in range(max(plan.launches.values(), default=0)):
        # Studies take turns, so that each one's launches are spread over the whole run.
        for study, launches in plan.launches.items():
            if index < launches and (study, index) not in state.complete:
                watch.launch(study, index, launches)
                attempt = state.attempts.get((study, index), 0)
                _launch(context, plan, study, index, attempt)
    shutil.rmtree(cache, ignore_errors=True)


def _launch(context: Context, plan: Plan, study: str, index: int, attempt: int) -> None:
    context.folder.outcome("launch", study=study, launch=index, attempt=attempt, complete=False)
    generator = planning.launch_generator(plan.seed, study, index, attempt)
    with Launch(context, plan.of(study), generator, index, attempt) as launch:
        launch.run()
    context.folder.outcome("launch", study=study, launch=index, attempt=attempt, complete=True)


def _pilot(context: Context, plan: Plan, study: str) -> None:
    """Check each case against the reference, take its cold start-up figures, and calibrate it."""
    generator = planning.launch_generator(plan.seed, study, PILOT, 0)
    with Launch(context, plan.of(study), generator, PILOT) as launch:
        launch.start(keep=lambda case: not case.control)
        for planned in plan.of(study):
            cases = [case for case in planned.group.cases if not case.control]
            context.progress(f"{study}: {planned.group.name}", 0.0)
            # Built first, since the check would leave a compiler's cache warm; on record only if it is equal.
            for case in context.live(cases):
                figures = launch.prepare(case)
                if figures is not None and _equal(launch, case):
                    launch.record_start(case, figures)
                    _find_slow(launch, case, planned)
            launch.release(cases)
            shutil.rmtree(_references(context), ignore_errors=True)  # no other group has the same
            _settle_control(context, planned)


def _equal(launch: Launch, case: Case) -> bool:
    context = launch.context
    folders = {"data_dir": str(context.data_directory), "cache": str(_references(context))}
    message = {"do": "check", "case": case.to_json(), **folders}
    reply = launch.ask(case, message, "equality check")
    if reply is None:
        return False
    context.folder.outcome("equality", case=case.id, **reply)
    if not reply["equal"]:
        context.retired[case.id] = reply["note"]
    return bool(reply["equal"])


def _references(context: Context) -> Path:
    """The folder in which workers share what the reference comes to."""
    return context.cache / "references"


def _find_slow(launch: Launch, case: Case, planned: Planned) -> None:
    """Retire a case that would take too long for a verdict; its time in the pilot is shown instead."""
    figures = launch.calibrate(case)
    if figures is None:
        return
    slow = figures["step_s"] * planned.rounds > launch.context.limits.case_s
    launch.context.folder.outcome("calibration", case=case.id, launch=PILOT, too_slow=slow, **figures)
    if slow:
        launch.context.retired[case.id] = TOO_SLOW


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


class _Watch:
    """Turns what happens into progress: samples done of those planned, and the time left at the pace so far."""

    def __init__(
        self, plan: Plan, state: _Earlier, retired: Container[str], report: Callable[[Progress], None]
    ) -> None:
        self.plan = plan
        self.retired = retired
        self.report = report
        self.text = ""
        self.done = 0
        self.left = [
            (study, index)
            for study, launches in plan.launches.items()
            for index in range(launches)
            if (study, index) not in state.complete
        ]
        self.total = self._samples()
        self.began: float | None = None

    def phase(self, text: str) -> None:
        self.text = text
        self._tell(text)

    def launch(self, study: str, index: int, launches: int) -> None:
        self.began = self.began or time.monotonic()
        self.total = self.done + self._samples()
        self.left.remove((study, index))
        self.phase(f"{study}: launch {index + 1} of {launches}")

    def sampled(self, text: str, elapsed_s: float) -> None:
        self.done += elapsed_s > 0
        self._tell(text if self.began is None else f"{self.text}, {text}")

    def _tell(self, text: str) -> None:
        left = None
        if self.began is not None and self.done:
            left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        self.report(Progress(text, self.done, self.total, left))

    def _samples(self) -> int:
        """Return how many samples the launches that are left will take of cases not retired."""
        return sum(
            planned.rounds * sum(case.id not in self.retired for case in planned.group.cases)
            for study, _ in self.left
            for planned in self.plan.of(study)
        )
