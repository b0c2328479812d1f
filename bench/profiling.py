"""Which kernels the steps of a case have the device run, and for how long, by the profiler of its framework.

Asked in the pilot alone, of the steps that are sampled: of a replay where they are captured. ``kernels`` are distinct
names, in the order in which they first began. ``kernel_s`` is seconds per step, those of all kernels added up: what
runs side by side counts as if it did not. What the device copies and fills without a kernel (memcpy, memset) is in
neither; ``copy_s`` are the seconds per step of that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from bench import libraries, timing
from bench.case import Case
from bench.timing import Clock
from bench.workloads import Prepared

__all__ = ["ASKED", "Activity", "question", "tally"]

ASKED = ("kernels", "kernel_s", "copy_s")
MOST_NAMES = 12
LONGEST = 200  # letters of a name
LEAST_CALLS = 3
MOST_STEPS = 200  # there may be dozens of kernels in each, and reading what was seen takes a while
SETTLING_CALLS = 40  # then batches that come back have graphs of their own (mlp_impls/cuda/steps.py)
SETTLING_S = 2.0  # at the most: long steps have more in them than their captures


class Activity(NamedTuple):
    """Something that a device did: a kernel, or else a copy or a fill without one."""

    name: str
    seconds: float
    is_kernel: bool


def question(case: Case, prepared: Prepared | None) -> Callable[[], Mapping[str, Any]] | None:
    """Return what answers ``ASKED``; None where nobody can: on a CPU, and in a framework whose file has no profiler."""
    if prepared is None or case.device == "cpu" or case.framework not in libraries.names():
        return None
    profiled = getattr(libraries.load(case.framework), "profiled", None)
    return None if profiled is None else partial(_ask, prepared, partial(profiled, device=case.device))


def tally(activities: Sequence[Activity], steps: int) -> dict[str, Any]:
    """Return ``ASKED`` of so many steps. Raises LookupError where not each of them can have had the same kernels."""
    kernels = [one for one in activities if one.is_kernel]
    if not kernels or len(kernels) % steps:
        raise LookupError(f"the profiler saw {len(kernels)} kernels in {steps} steps")
    names = dict.fromkeys(" ".join(one.name.split())[:LONGEST] for one in kernels)
    return {
        "kernels": list(names)[:MOST_NAMES],
        "kernel_s": sum(one.seconds for one in kernels) / steps,
        "copy_s": sum(one.seconds for one in activities if not one.is_kernel) / steps,
    }


def _ask(
    prepared: Prepared, profiled: Callable[[Callable[[], None]], Sequence[Activity]], clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """Profile as many steps as a sample has, woken as one is, but not the waking."""
    if prepared.lasts_s is not None or prepared.first_step_warms:
        raise LookupError("a step is a pass over many batches, whose own steps are profiled in the study throughput")
    calls = _calls(prepared, clock)

    def work() -> None:
        for _ in range(calls):
            prepared.step()

    (prepared.wake or prepared.step)()
    prepared.synchronize()
    return tally(profiled(work), calls * prepared.copies)


def _calls(prepared: Prepared, clock: Clock) -> int:
    """Return how many calls a sample makes, or as many as are soon read, once steps do nothing for the first time."""
    step, synchronize = prepared.step, prepared.synchronize
    started = clock()
    for _ in range(SETTLING_CALLS):
        step()
        synchronize()
        if clock() - started > SETTLING_S:
            break
    elapsed_s = timing.sample(step, synchronize, LEAST_CALLS, clock, prepared.wake).elapsed_s
    wanted = math.ceil((prepared.sample_s or timing.TARGET_SAMPLE_S) * LEAST_CALLS / elapsed_s)
    return max(LEAST_CALLS, prepared.least_calls, min(MOST_STEPS // prepared.copies, wanted))
