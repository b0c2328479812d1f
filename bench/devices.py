"""A device's own clock, and what handing work to it and waiting for it cost; asked in the worker that uses it."""

from __future__ import annotations

import time
from contextlib import suppress

from bench import libraries, timing
from bench.case import Case
from bench.timing import Call, Clock, DeviceClock

__all__ = ["COSTS", "clock", "costs", "measured"]

COSTS = ("launch_s", "synchronize_s", "round_trip_s", "event_s")
SAMPLE_S = 0.001


def clock(case: Case) -> DeviceClock | None:
    """Return the clock of a case's device from its framework's library file; None on a CPU, and where it has none."""
    if case.device == "cpu" or case.framework not in libraries.names():
        return None
    make = getattr(libraries.load(case.framework), "device_clock", None)
    found: DeviceClock | None = None if make is None else make(case.device)
    return found


def costs(case: Case, device_clock: DeviceClock) -> dict[str, float]:
    """Return what using a case's device costs in this process, as ``measured`` does; nothing where that fails."""
    with suppress(Exception):  # what is only shown must not cost a case
        library = libraries.load(case.framework)
        target = library.empty((1,), case.device, "float32")
        return measured(lambda: library.fill(target, 0.0), lambda: library.synchronize(case.device), device_clock)
    return {}


def measured(
    launch: Call, synchronize: Call, device_clock: DeviceClock, clock: Clock = time.perf_counter
) -> dict[str, float]:
    """Return seconds by the user's clock, by the names in COSTS.

    ``launch_s`` is that of one tiny kernel among many that are handed in back to back, ``synchronize_s`` of waiting
    with nothing under way, ``round_trip_s`` of a tiny kernel waited for, ``event_s`` of stopping the device's clock.
    """

    def nothing() -> None:
        return None

    def round_trip() -> None:
        launch()
        synchronize()

    asked = ((launch, synchronize), (synchronize, nothing), (round_trip, nothing), (device_clock.stop, synchronize))
    found = (timing.calibrate(*calls, clock, target_s=SAMPLE_S).step_s for calls in asked)
    return dict(zip(COSTS, found, strict=True))
