"""A timer without warm-up, for ``bench/selfcheck/broken.py``: what it reports from the first step of a process on.

A file of its own, because a launch of it is a process that should load no more than a worker does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench import libraries, timing, workloads
from bench.case import Case
from bench.workloads import Prepared

__all__ = ["main", "product", "sampled"]

SIZE = 256  # 0.3 ms on one thread: of a longer product the first would stand out less


def product(size: int = SIZE) -> Case:
    """Return a square NumPy matrix product as a case."""
    sizes = {"m": size, "k": size, "n": size, "stack": 1}
    return Case("selfcheck", "timers", "product", "matmul", "numpy", "numpy", sizes)


def prepare(case: Case) -> Prepared:
    """Build a case in this process."""
    prepared: Prepared = workloads.load(case.workload).prepare(case, libraries.load(case.provider), Path())
    return prepared


def sampled(prepared: Prepared, rounds: int, clock: timing.Clock = time.perf_counter) -> list[float]:
    """Return the seconds of each of the first steps: nothing was discarded, nothing is woken."""

    def nothing() -> None:
        return None

    return [timing.sample(prepared.step, prepared.synchronize, 1, clock, nothing).elapsed_s for _ in range(rounds)]


def main() -> None:
    """Write the seconds of this process's first steps, as many as the last argument says, as JSON."""
    print(json.dumps(sampled(prepare(product()), int(sys.argv[-1]))))
