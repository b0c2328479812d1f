"""Clock, calibration, warm-up, sampling; the clock is an argument, so that tests need none that runs.

On a GPU two clocks run side by side and are never mixed. The user's is wall time over steps that end synchronised: it
is what verdicts rest on. The device's is the time between two events on the stream that the steps run on, one before
the first and one after the last. Of short kernels that are launched one by one that is no kernel time either, as the
device waits for each launch. Only steps captured into a graph show what the device alone takes (``bench/replays.py``).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Calibration", "DeviceClock", "Sample", "calibrate", "call_overhead", "sample", "warm_up"]

Clock = Callable[[], float]
Call = Callable[[], object]

TARGET_SAMPLE_S = 0.005  # thousands of times the overhead of a sample, which is stored
CLOCK_TICKS = 1000
LONG_SAMPLES = 10
MOST_STEPS = 100_000
WARM_UP_S = 0.01
WARM_UP_STEPS = 3
LONG_WARM_UP_S = 0.25  # a step of that length leaves nothing cold


class DeviceClock(Protocol):
    """Two events on the stream that steps run on: what lies between them is time of the device's."""

    def start(self) -> None:
        """Have the device note the time when it gets here."""

    def stop(self) -> None:
        """The same again, after all that was handed to it meanwhile; returns at once."""

    def seconds(self) -> float:
        """Return the seconds between the two. Raises RuntimeError where the device is not done yet."""


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
    step: Call,
    synchronize: Call,
    steps: int,
    clock: Clock = time.perf_counter,
    wake: Call | None = None,
    device_clock: DeviceClock | None = None,
) -> Sample:
    """Time ``steps`` steps, ending synchronised with the device.

    Waking comes first, a discarded step unless something else is given: the process was stopped until just now, its
    threads and caches are cold. Garbage collection waits, as it would fall on whichever case crosses its threshold.

    A device's clock, where there is one, is started before the user's and stopped within it, before synchronising, or
    it would see the wait end; that costs the sample ``event_s`` (``bench/devices.py``). Whoever gave it reads it.
    """
    gc.disable()
    try:
        woken = clock()
        (wake or step)()
        synchronize()
        if device_clock is not None:
            synchronize = _started(device_clock, synchronize)
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
    """Run steps until both a few have run and some time has passed, or long enough; return how many."""
    started, steps = clock(), 0
    while clock() - started < LONG_WARM_UP_S and (
        steps < WARM_UP_STEPS or (clock() - started < WARM_UP_S and steps < 1000)
    ):
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


def _started(device_clock: DeviceClock, synchronize: Call) -> Call:
    """Start the device's clock and return what stops it, then synchronises."""

    def stop() -> None:
        device_clock.stop()
        synchronize()

    device_clock.start()
    return stop
