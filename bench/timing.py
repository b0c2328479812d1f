"""Clock, calibration, warm-up, sampling; the clock is an argument, so that tests need none that runs."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Calibration", "Sample", "calibrate", "call_overhead", "sample", "warm_up"]

Clock = Callable[[], float]
Call = Callable[[], object]

TARGET_SAMPLE_S = 0.005  # thousands of times the overhead of a sample, which is stored
CLOCK_TICKS = 1000
LONG_SAMPLES = 10
MOST_STEPS = 100_000
WARM_UP_S = 0.01
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Sample:
    """The elapsed seconds of ``steps`` back-to-back steps, and of the waking before them."""

    steps: int
    elapsed_s: float
    wake_s: float


@dataclass(frozen=True)
class Calibration:
    """How many steps make a sample, and the seconds one step took when that was decided."""

    steps: int
    step_s: float


def sample(
    step: Call, synchronize: Call, steps: int, clock: Clock = time.perf_counter, wake: Call | None = None
) -> Sample:
    """Time ``steps`` steps, ending synchronised with the device.

    Waking comes first, a discarded step unless something else is given: the process was stopped until just now, its
    threads and caches are cold. Garbage collection waits, as it would fall on whichever case crosses its threshold.
    """
    gc.disable()
    try:
        woken = clock()
        (wake or step)()
        synchronize()
        started = clock()
        for _ in range(steps):
            step()
        synchronize()
        return Sample(steps, clock() - started, started - woken)
    finally:
        gc.enable()


def call_overhead(calls: int = 10_000, clock: Clock = time.perf_counter) -> float:
    """Return the seconds per sample that the harness itself adds: clock, loop entry and synchronisation of nothing."""

    def nothing() -> None:
        return None

    started = clock()
    for _ in range(calls):
        sample(nothing, nothing, 1, clock)
    return (clock() - started) / calls


def warm_up(step: Call, synchronize: Call, clock: Clock = time.perf_counter) -> int:
    """Run steps until both a few have run and some time has passed; return how many."""
    started, steps = clock(), 0
    while steps < WARM_UP_STEPS or (clock() - started < WARM_UP_S and steps < 1000):
        step()
        synchronize()
        steps += 1
    return steps


def calibrate(
    step: Call,
    synchronize: Call,
    clock: Clock = time.perf_counter,
    wake: Call | None = None,
    *,
    resolution_s: float | None = None,
    target_s: float = TARGET_SAMPLE_S,
) -> Calibration:
    """Choose ``steps`` so that a sample lasts the target and at least 1,000 times the clock's resolution.

    The fastest of three tries decides, as a burst of other load would make samples too short; a step that alone is
    far longer than the target needs one try only.
    """
    resolution = time.get_clock_info("perf_counter").resolution if resolution_s is None else resolution_s
    least_s = max(target_s, CLOCK_TICKS * resolution)
    steps = 1
    while True:
        elapsed = sample(step, synchronize, steps, clock, wake).elapsed_s
        if elapsed < LONG_SAMPLES * least_s:
            elapsed = min(elapsed, *(sample(step, synchronize, steps, clock, wake).elapsed_s for _ in range(2)))
        if elapsed >= least_s / 2 or steps >= MOST_STEPS:
            step_s = elapsed / steps
            return Calibration(min(MOST_STEPS, max(1, round(least_s / step_s))) if step_s else MOST_STEPS, step_s)
        growth = least_s / elapsed if elapsed > 0 else 100.0
        steps = min(MOST_STEPS, max(steps + 1, int(steps * min(growth, 100.0))))
