"""What measuring itself cost: the share of the time spent inside samples, calls, and what stopped workers used."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import device_times, series
from bench.plan import Plan
from bench.store import Records

__all__ = ["costs"]

Row = dict[str, Any]

LEAST_STEPS = 4  # of cases with fewer, a sample is hardly longer than the discarded step that wakes its worker


def costs(plan: Plan, records: Records) -> list[Row]:
    """Return per study the harness's own costs, as shares, and what using a GPU cost, in seconds; None if not told."""
    rows = []
    for study in plan.launches:
        of = {case.id: case.group for planned in plan.of(study) for case in planned.group.cases}
        rounds = {case.id: planned.rounds for planned in plan.of(study) for case in planned.group.cases}
        some, every = _inside(records, rounds, of)
        rows.append({"study": study, "in_samples": some, "in_samples_all": every,
                     "overhead": _overhead(records, rounds), "stopped_cpu": _stopped(records, study)}
                    | device_times.costs(study, records))  # fmt: skip
    return rows


def _inside(records: Records, rounds: dict[str, int], group_of: dict[str, str]) -> tuple[float | None, float | None]:
    """Return the share of the time between ends of successive samples spent inside: cases of some steps, and all."""
    inside, between = np.zeros(2), np.zeros(2)
    place: tuple[int, str] | None = None
    at = 0.0
    for sample, row in series.counted(records, rounds):
        if sample.get("at_s") is None:
            return None, None
        here = row, group_of[sample["case"]]
        if here == place:
            who = np.array([sample["steps"] >= LEAST_STEPS, True])
            inside += who * sample["elapsed_s"]
            between += who * (sample["at_s"] - at)
        place, at = here, sample["at_s"]
    shares = [float(part / whole) if whole > 0 else None for part, whole in zip(inside, between, strict=True)]
    return shares[0], shares[1]


def _overhead(records: Records, rounds: dict[str, int]) -> float | None:
    """Return the largest over cases of the overhead of a sample over its elapsed time, medians."""
    elapsed = series.arrays(records, rounds, {"elapsed_s": lambda sample: sample["elapsed_s"]})["elapsed_s"]
    starts = series.outcomes_by_case(records, "start")
    found = []
    for case, values in elapsed.items():
        overheads = [start["overhead_s"] for start in starts.get(case, []) if not start["pilot"]]
        if overheads:
            found.append(float(np.median(overheads) / np.nanmedian(values)))
    return max(found, default=None)


def _stopped(records: Records, study: str) -> float | None:
    """Return the CPU time that workers used while stopped over the wall time of the complete launches."""
    found = [
        outcome
        for outcome in records.outcomes
        if outcome["kind"] == "launch" and outcome["study"] == study and outcome["complete"] and outcome["launch"] >= 0
    ]
    told = [outcome for outcome in found if outcome.get("wall_s") and outcome.get("stopped_cpu_s") is not None]
    if not told:
        return None
    return float(sum(outcome["stopped_cpu_s"] for outcome in told) / sum(outcome["wall_s"] for outcome in told))
