"""Runs inside an environment: builds cases, times samples, answers one JSON line per request.

Only the standard library, NumPy, the light modules of ours and the framework of the case at hand are imported here.
"""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from bench import conditions, devices, implementations, libraries, profiling, timing, workloads
from bench.case import Case
from bench.outliving import end_with_parent
from bench.workloads import training_step

__all__ = ["main"]

RATE_SIZE = 512

Message = dict[str, Any]
NETWORK = {"inputs", "hidden", "outputs"}


class Worker:
    """The cases one worker holds, and what it does on request."""

    def __init__(self) -> None:
        self.providers: dict[str, ModuleType] = {}
        self.prepared: dict[str, workloads.Prepared] = {}
        self.planted: dict[str, tuple[int, int]] = {}
        self.device_clocks: dict[str, timing.DeviceClock | None] = {}
        self.device_costs: dict[str, Message] = {}

    def hello(self, request: Message) -> Message:
        """Import the provider; return the seconds since this process was asked for and those of the import alone."""
        if request["memory_limit"] is not None:
            # RLIMIT_DATA counts writable private memory; RLIMIT_AS would count CUDA's address reservations.
            resource.setrlimit(resource.RLIMIT_DATA, (request["memory_limit"], request["memory_limit"]))
        started = time.perf_counter()
        for case in request["cases"]:
            self._provider(Case.from_json(case))
        done = time.perf_counter()
        return {
            "import_s": done - started,
            "interpreter_s": started - request["asked_at"],
            "overhead_s": timing.call_overhead(),
        }

    def survey(self, request: Message) -> Message:
        """Return the reason why a case cannot run here, or None."""
        case = Case.from_json(request["case"])
        provider = self._provider(case)
        reason = implementations.refusal(provider, case.device, case.dtype, _keywords(case, provider))
        of_workload = getattr(workloads.load(case.workload), "unsupported", None)
        if reason is None and of_workload is not None:
            reason = of_workload(case)
        return {"reason": None if reason is None else str(reason) or "it gives no reason"}

    def rate(self, request: Message) -> Message:
        """Return the FLOP/s of a small product in NumPy: an expectation of how long a plan takes, nothing else."""
        matrix = np.ones((RATE_SIZE, RATE_SIZE), dtype=np.float32)
        step_s = timing.calibrate(lambda: matrix @ matrix, lambda: None).step_s
        return {"rate": 2 * RATE_SIZE**3 / step_s}

    def about(self, request: Message) -> Message:
        """Return the version of this Python and those of the packages named that are installed here."""
        found = {name: _version(name) for name in request["packages"]}
        return {
            "python": platform.python_version(),
            "packages": {name: version for name, version in found.items() if version is not None},
        }

    def facts(self, request: Message) -> Message:
        """Return what a library says of its framework."""
        return {"facts": libraries.load(request["library"]).facts()}

    def check(self, request: Message) -> Message:
        """Return how far a case is from the reference."""
        case = Case.from_json(request["case"])
        cache = Path(request["cache"]) if request.get("cache") else None
        equality = workloads.load(case.workload).check(case, self._provider(case), Path(request["data_dir"]), cache)
        result: Message = equality.to_json()
        return result

    def prepare(self, request: Message) -> Message:
        """Build a case and take its first steps; return its start-up figures in seconds, and what its device costs."""
        case = Case.from_json(request["case"])
        provider = self._provider(case)
        started = time.perf_counter()
        prepared = workloads.load(case.workload).prepare(case, provider, Path(request["data_dir"]))
        prepared.synchronize()
        built = time.perf_counter()
        self.prepared[case.id], self.planted[case.id] = prepared, case.planted
        figures = {"build_s": built - started}
        if prepared.lasts_s is None:
            prepared.step()
            prepared.synchronize()
            figures["first_step_s"] = (time.perf_counter() - built) / prepared.copies
        return figures | self._of_device(case)

    def conditions(self, request: Message) -> Message:
        """Return what steers the speed of a prepared case in this process, and what it has a GPU do."""
        case = Case.from_json(request["case"])
        prepared = self.prepared.get(case.id)
        graph = None if prepared is None else prepared.graph
        return conditions.ask(case, graph, profiling.question(case, prepared))

    def calibrate(self, request: Message) -> Message:
        """Warm a prepared case up, then return how many steps make a sample of it."""
        prepared = self.prepared[request["case_id"]]
        if prepared.lasts_s is not None:
            return {"steps": 1, "step_s": prepared.lasts_s, "warm_up_steps": 0}
        warm = prepared.first_step_warms
        warm_up_steps = 0 if warm else timing.warm_up(prepared.step, prepared.synchronize)
        target_s = prepared.sample_s or timing.TARGET_SAMPLE_S
        calibration = timing.calibrate(prepared.step, prepared.synchronize, wake=prepared.wake, target_s=target_s)
        _, reported = self.planted[request["case_id"]]
        calls = math.ceil(max(calibration.steps, prepared.least_calls) / reported) * reported
        step_s = calibration.step_s / prepared.copies
        return {"steps": calls * prepared.copies, "step_s": step_s, "warm_up_steps": warm_up_steps}

    def sample(self, request: Message) -> Message:
        """Time one sample of a prepared case, with what the kernel says happened to this process meanwhile."""
        prepared = self.prepared[request["case_id"]]
        device_clock = self.device_clocks[request["case_id"]]
        done, reported = self.planted[request["case_id"]]
        calls = request["steps"] // prepared.copies * done // reported
        before = resource.getrusage(resource.RUSAGE_SELF)
        taken = timing.sample(prepared.step, prepared.synchronize, calls, wake=prepared.wake, device_clock=device_clock)
        after = resource.getrusage(resource.RUSAGE_SELF)
        telemetry = {
            "voluntary_switches": after.ru_nvcsw - before.ru_nvcsw,
            "involuntary_switches": after.ru_nivcsw - before.ru_nivcsw,
            "page_faults": after.ru_minflt - before.ru_minflt,
            "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 6),
            "wake_s": round(taken.wake_s, 9),
        }
        reply: Message = {"elapsed_s": taken.elapsed_s, "telemetry": telemetry}
        if device_clock is not None:
            reply["device_s"] = device_clock.seconds()
        told = prepared.tell() if prepared.tell is not None else {}
        return reply | ({"told": told} if told else {})

    def release(self, request: Message) -> Message:
        """Forget the prepared cases."""
        self.prepared.clear()
        self.planted.clear()
        self.device_clocks.clear()
        return {}

    def _of_device(self, case: Case) -> Message:
        """Take the clock of a case's device, if it has one, and return what the device costs, asked once."""
        self.device_clocks[case.id] = clock = devices.clock(case)
        if clock is None:
            return {}
        if case.framework not in self.device_costs:
            self.device_costs[case.framework] = devices.costs(case, clock)
        return self.device_costs[case.framework]

    def _provider(self, case: Case) -> ModuleType:
        key = case.source or case.provider
        if key not in self.providers:
            self.providers[key] = (
                libraries.load(case.provider)
                if case.workload in workloads.OF_LIBRARIES
                else implementations.load(case.provider, case.source)
            )
        return self.providers[key]


def main(read_fd: str, write_fd: str, parent: str) -> None:
    """Answer requests from one file descriptor on another until it closes."""
    _die_with(int(parent))
    worker = Worker()
    verbs: dict[str, Callable[[Message], Message]] = {
        "hello": worker.hello,
        "survey": worker.survey,
        "rate": worker.rate,
        "about": worker.about,
        "facts": worker.facts,
        "check": worker.check,
        "prepare": worker.prepare,
        "conditions": worker.conditions,
        "calibrate": worker.calibrate,
        "sample": worker.sample,
        "release": worker.release,
    }
    with os.fdopen(int(read_fd), "rb") as requests, os.fdopen(int(write_fd), "wb", buffering=0) as replies:
        for line in requests:
            request = json.loads(line)
            reply = _answer(verbs[request["do"]], request) | {"number": request["number"]}
            replies.write(json.dumps(reply).encode() + b"\n")


def _keywords(case: Case, provider: ModuleType) -> dict[str, Any]:
    """Return the keywords of a case's variant, and its network, if it has them."""
    keywords = training_step.variant(case, provider)
    return keywords | ({"shape": training_step.shape_of(case)} if case.parameters.keys() >= NETWORK else {})


def _version(package: str) -> str | None:
    """Return the version of an installed package, also under its name for CPUs, or as a loaded module tells it."""
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except (metadata.PackageNotFoundError, KeyError):
            continue
    told = getattr(sys.modules.get(package), "__version__", None)
    return None if told is None else str(told)


def _answer(verb: Callable[[Message], Message], request: Message) -> Message:
    try:
        return verb(request)
    except MemoryError as error:
        return {"error": f"out of memory: {error}".rstrip(": ")}
    except Exception as error:  # whatever an implementation raises costs its own row only
        text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())[:500]
        out_of_memory = "out of memory" in text.lower() or "can't allocate memory" in text.lower()
        return {"error": ("out of memory: " if out_of_memory else "") + f"{type(error).__name__}: {text}"}


def _die_with(parent: int) -> None:
    """Have the kernel kill this process, stopped or not, when its parent dies (Linux; see process.py for others)."""
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
