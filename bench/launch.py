"""A launch: starts its workers, feeds them rounds, watches them and ends them.

A launch is one fresh set of processes, started in random order: one worker per implementation (or library) and device,
and one for the control. They serve all groups of one study in random order; while one is timed all others are stopped.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import gpu_telemetry, plan, telemetry
from bench.case import Case
from bench.gpu_telemetry import Gpu
from bench.plan import Planned
from bench.process import WorkerError, WorkerProcess, spawn
from bench.store import RunFolder

__all__ = ["PILOT", "Context", "Launch", "Limits"]

PILOT = -1
SLOWEST_SAMPLE = 50  # a sample may take this many times what it was calibrated for
# What a process answers that may fail at all that follows: CUDA's errors stay with the process, whatever it does next.
BEYOND_USE = re.compile(r"^out of memory|CUDA error|Error \[CUDA\]|CUDA_ERROR")


@dataclass(frozen=True)
class Limits:
    """Per case: seconds for a start-up request and for the equality check, which of huge networks takes minutes; least
    seconds before a sample is given up; bytes of a worker.
    """

    start_s: float = 120.0
    check_s: float = 300.0
    sample_s: float = 10.0
    memory_bytes: int | None = None
    case_s: float = 30.0


@dataclass
class Context:
    """What all launches of a run share."""

    folder: RunFolder
    limits: Limits
    data_directory: Path
    cache: Path
    began: float
    progress: Callable[[str, float], None] = lambda text, seconds: None
    retired: dict[str, str] = field(default_factory=dict)

    def live(self, cases: Sequence[Case]) -> list[Case]:
        """Return the cases that nothing has gone wrong with."""
        return [case for case in cases if case.id not in self.retired]

    def retire(self, case: Case, kind: str, reason: str, **fields: Any) -> None:
        """Take a case out of the rest of the run and say why."""
        self.retired[case.id] = reason
        self.folder.outcome(kind, case=case.id, reason=reason, **fields)


class Launch:
    """One launch of one study; a context manager that leaves no worker behind."""

    def __init__(
        self, context: Context, groups: Sequence[Planned], generator: np.random.Generator, index: int, attempt: int = 0
    ) -> None:
        self.context = context
        self.groups = groups
        self.generator = generator
        self.index = index
        self.attempt = attempt
        self._workers: dict[str, WorkerProcess] = {}
        self._gpus: dict[str, Gpu] = {}
        self._hello: dict[str, dict[str, Any]] = {}
        self._lost: set[str] = set()
        self._calibrated: dict[str, dict[str, Any]] = {}
        self._began = time.perf_counter()

    def __enter__(self) -> Launch:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.end()

    def run(self) -> None:
        """Measure every group once; what fails is on record."""
        self.start()
        for planned in self.shuffled(self.groups):
            self._measure(planned)

    def start(self, keep: Callable[[Case], bool] = lambda case: True) -> None:
        """Start the workers in random order, the next as soon as one is up; two at a time, more on many cores."""
        keys: dict[str, Case] = {}
        for planned in self.groups:
            keys |= {case.worker: case for case in self.context.live(planned.group.cases) if keep(case)}
        waiting = self.shuffled(list(keys.values()))
        starting: list[Case] = []
        while waiting or starting:
            while waiting and len(starting) < plan.starting_at_once():
                starting.append(waiting.pop())
                self._spawn(starting[-1])
            first = self._first_to_answer(starting)
            starting.remove(first)
            self._await(first)

    def figures(self) -> dict[str, float]:
        """Return the seconds since the launch began and those of CPU that stopped workers used meanwhile."""
        quiet = sum(worker.stopped_cpu_s for worker in self._workers.values())
        return {"wall_s": round(time.perf_counter() - self._began, 6), "stopped_cpu_s": round(quiet, 9)}

    def prepare(self, case: Case) -> dict[str, Any] | None:
        """Build a case in its worker and return its start-up figures; None where that failed."""
        directory = str(self.context.data_directory)
        drawn = replace(case, seed=case.seed + max(0, self.index)) if case.reseeded else case
        figures = self.ask(case, {"do": "prepare", "case": drawn.to_json(), "data_dir": directory}, "start-up")
        return None if figures is None else self._hello[case.worker] | figures

    def calibrate(self, case: Case) -> dict[str, Any] | None:
        """Warm a prepared case up and return how many steps make a sample of it; None where that failed."""
        return self.ask(case, {"do": "calibrate", "case_id": case.id}, "calibration")

    def record_start(self, case: Case, figures: Mapping[str, Any]) -> None:
        """Record start-up figures, in seconds; those of launches that only a budget is planned from are left out."""
        if self.index < PILOT:
            return
        self.context.folder.outcome(
            "start", case=case.id, launch=self.index, attempt=self.attempt, pilot=self.index == PILOT, **figures
        )

    def ask(self, case: Case, message: Mapping[str, Any], phase: str, limit_s: float = 0.0) -> dict[str, Any] | None:
        """Ask a case's worker, started again if it died; None where the case failed, which is then retired."""
        if case.worker not in self._workers:
            self._spawn(case)
            if not self._await(case):
                return None
        worker = self._workers[case.worker]
        try:
            reply = worker.request(message, limit_s or self.context.limits.start_s)
            worker.stop()
            return reply
        except WorkerError as error:
            self._failed(case, phase, error)
            return None

    def release(self, cases: Sequence[Case]) -> None:
        """Have the workers forget what they prepared."""
        for key in {case.worker: case for case in cases}:
            if key in self._workers:
                try:
                    self._workers[key].request({"do": "release"}, self.context.limits.start_s)
                    self._workers[key].stop()
                except WorkerError:
                    self._workers.pop(key).end()

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        """Return the items in an order drawn for this launch."""
        return [items[index] for index in self.generator.permutation(len(items))]

    def _measure(self, planned: Planned) -> None:
        self._lost = set()
        live = self.context.live(planned.group.cases)
        cases = self._ready(live, planned.group.baseline)
        if cases:
            for number, row in enumerate(plan.order(planned.rounds, len(cases), self.generator)):
                for position, index in enumerate(row):
                    self._sample(cases[index], number, position)
        self.release(live)

    def _ready(self, live: Sequence[Case], baseline: str) -> list[Case]:
        """Build and calibrate the cases, in random order; return those that can be sampled.

        Each launch calibrates anew: a burst of other load then misjudges one launch at most. The control takes its
        baseline's steps, so that nothing but the process is different.
        """
        self._calibrated = {}
        for case in self.shuffled(live):
            figures = self.prepare(case)
            calibration = self.calibrate(case) if figures is not None else None
            if figures is not None and calibration is not None:
                self.record_start(case, figures | {"steps": calibration["steps"]})
                self._calibrated[case.id] = calibration
        bases = [self._calibrated[case.id] for case in live if case.name == baseline and case.id in self._calibrated]
        for control in (case for case in live if case.control and case.id in self._calibrated):
            for base in bases:
                self._calibrated[control.id] = base
        return [case for case in live if case.id in self._calibrated]

    def _sample(self, case: Case, number: int, position: int) -> None:
        if case.id in self.context.retired or case.id in self._lost:
            return
        steps = self._calibrated[case.id]["steps"]
        expected = steps * self._calibrated[case.id]["step_s"]
        limit = max(self.context.limits.sample_s, SLOWEST_SAMPLE * expected)
        gpu = self._gpus.get(case.worker)
        reasons = None if gpu is None else gpu.reasons()
        before = telemetry.read()
        reply = self.ask(case, {"do": "sample", "case_id": case.id, "steps": steps}, "sampling", limit)
        if reply is None:
            return
        around = telemetry.difference(before, telemetry.read())
        if gpu is not None:
            around |= gpu_telemetry.around(gpu, reasons)
        told = {name: reply[name] for name in ("device_s", "told") if name in reply}
        self.context.folder.sample(
            told
            | {
                "case": case.id,
                "launch": self.index,
                "attempt": self.attempt,
                "round": number,
                "position": position,
                "steps": steps,
                "elapsed_s": reply["elapsed_s"],
                "at_s": round(time.perf_counter() - self.context.began, 6),
                "telemetry": reply["telemetry"] | around,
            }
        )
        self.context.progress(case.group, reply["elapsed_s"])

    def _spawn(self, case: Case) -> None:
        memory = self.context.limits.memory_bytes if case.device == "cpu" else None
        self._workers[case.worker] = spawn(case, self.context.cache, memory)
        gpu = gpu_telemetry.of(case)
        if gpu is not None:
            self._gpus[case.worker] = gpu

    def _first_to_answer(self, starting: Sequence[Case]) -> Case:
        """Return the case whose worker has answered, or ended, before the others; the first of them if none does."""
        workers = {self._workers[case.worker]: case for case in starting}
        ready, _, _ = select.select(list(workers), [], [], self.context.limits.start_s)
        return workers[ready[0]] if ready else starting[0]

    def _await(self, case: Case) -> bool:
        """Wait for a worker's hello; where it fails, so do all of its cases."""
        try:
            self._hello[case.worker] = self._workers[case.worker].receive(self.context.limits.start_s)
            self._workers[case.worker].stop()
            return True
        except WorkerError as error:
            self._workers.pop(case.worker).end()
            for planned in self.groups:
                for other in self.context.live(planned.group.cases):
                    if other.worker == case.worker:
                        self.context.retire(other, "failure", error.reason, launch=self.index, phase="start")
            return False

    def _failed(self, case: Case, phase: str, error: WorkerError) -> None:
        self.context.retire(case, "failure", error.reason, launch=self.index, phase=phase)
        if error.alive and not BEYOND_USE.search(error.reason):
            self._workers[case.worker].stop()
            return
        self._workers.pop(case.worker).end()
        # What else that worker had prepared is gone with it; the groups that remain get a fresh one.
        for planned in self.groups:
            self._lost |= {other.id for other in planned.group.cases if other.worker == case.worker}
