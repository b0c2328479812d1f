"""Launches that mostly waited for other work of the machine: what was timed in them says little of the cases."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats
from bench.plan import Planned

__all__ = ["launches"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

# No launch of the reference runs is above 1.26; starved ones were seen far beyond 10.
MOST = 2.0


def launches(groups: list[Planned], times: dict[str, Floats]) -> list[Row]:
    """Return per study how slow each launch was, how many were starved, and whether its verdicts rest mostly on these.

    How slow: the median over the study's cases of the launch's median over the fastest sample of the same case.

    Args:
        groups: The groups of a run.
        times: Seconds per step by case id, (launches, rounds).
    """
    taken: dict[str, list[Floats]] = defaultdict(list)
    for planned in groups:
        taken[planned.group.study] += [_slowness(times[case.id]) for case in planned.group.cases if case.id in times]
    rows = []
    for study, cases in taken.items():
        found = [one[np.isfinite(one)] for one in np.transpose(cases)]  # a launch each, over the cases it has
        slow = [float(np.median(one)) for one in found if len(one)]
        starved = sum(one > MOST for one in slow)
        rows.append({"study": study, "slowness": slow, "starved": starved, "mostly": 0 < len(slow) <= 2 * starved})
    return rows


def _slowness(times: Floats) -> Floats:
    """Return each launch's median over the fastest sample of all launches, NaN where there is too little of it."""
    finite = times[np.isfinite(times)]
    medians = stats.launch_medians(times)
    return medians / finite.min() if len(finite) else medians
