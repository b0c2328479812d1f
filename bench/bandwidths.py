"""How fast memory moves: bandwidth of each kernel over its working sets, and the steps that caches make in it."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import columns, series
from bench.case import Case
from bench.plan import Plan
from bench.store import Records
from bench.studies import memory
from bench.workloads import memory_sweep

__all__ = ["CALL_SHARE", "STUDY", "derive", "measured"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

STUDY = "memory"
CALL_SHARE = 0.2  # of a pass's time, above which the call into the library weighs in what is measured
MOST_CALL_SHARE = 0.5  # above which taking the call off leaves too little to tell a bandwidth from
FALL = 0.75  # of the bandwidth before it, at which a fall is a step
NEAR = 4.0  # as a ratio: falls in a row over working sets that are no farther apart are one step
IDENTITY = ("group", "provider", "device", "dtype", "threads")


def derive(plan: Plan, records: Records, times: Mapping[str, Floats], lost: Container[str] = ()) -> Row:
    """Return the tables of the study.

    ``bandwidths`` has a row per case: bytes per second by STREAM's count with a 95 % interval, the same if every store
    makes its line be read first, the share of a pass that is the call, and the bandwidth without the call where that is
    at most half of it. ``cache_steps`` has a row per fall of a curve, the call taken off.

    Args:
        plan: What was planned.
        records: The run.
        times: Seconds per step by case id, (launches, rounds).
        lost: The ids of cases that something went wrong with.
    """
    curves = [[row for _, row in curve] for curve in measured(STUDY, plan, records, times, lost)]
    facts = (records.run.get("machine") or {}).get("facts") or {}
    return {
        "bandwidths": [row for curve in curves for row in curve],
        "cache_steps": [step for curve in curves for step in _steps(curve, facts)],
    }


def measured(
    study: str, plan: Plan, records: Records, times: Mapping[str, Floats], lost: Container[str] = ()
) -> list[list[tuple[Case, Row]]]:
    """Return, per group of a study that sweeps memory, its cases that have a time, each with its row."""
    groups = [
        [case for case in entry.group.cases
         if case.workload == "memory_sweep" and case.id in times and case.id not in lost and not case.control]
        for entry in plan.of(study)
    ]  # fmt: skip
    rounds = {case.id: times[case.id].shape[1] for cases in groups for case in cases}
    told = series.arrays(records, rounds, {"call_s": _call_s})["call_s"]
    curves = []
    for cases in groups:
        call_s = _median([told[case.id] for case in cases if case.id in told])
        rows = ((case, _row(case, times[case.id], call_s)) for case in cases)
        curves.append([(case, row) for case, row in rows if row["bandwidth"] is not None])
    return curves


def _call_s(sample: Row) -> float | None:
    return (sample.get("told") or {}).get("call_s")


def _median(values: list[Floats]) -> float | None:
    """Return the median of what is told: a call takes as long in every case of a group, and each launch measured it."""
    known = np.concatenate([np.ravel(array) for array in values] or [np.empty(0)])
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else None


def _row(case: Case, times: Floats, call_s: float | None) -> Row:
    figures = columns.absolute(case, times)
    time_s, carried = figures["time_s"], memory_sweep.traffic(case)
    share = None if call_s is None or time_s is None else min(1.0, call_s / time_s)
    off_s = call_s if call_s is not None and share is not None and share <= MOST_CALL_SHARE else math.inf
    return {name: getattr(case, name) for name in IDENTITY} | {
        "case": case.name,
        "kernel": case.parameters["kernel"],
        "working_set": case.parameters["working_set"],
        "assumed_caches": case.parameters["assumed_caches"],
        **_rates(figures),
        "bytes": figures["bytes"],
        "bytes_allocating": carried,
        "bandwidth_allocating": None if time_s is None else carried / time_s,
        "call_s": call_s,
        "call_share": share,
        "call_bound": share is not None and share > CALL_SHARE,
        **{f"net_{name}": rate for name, rate in _rates(figures, off_s).items()},
    }


def _rates(figures: Row, off_s: float = 0.0) -> Row:
    """Return bytes per second and the ends of their interval, so many seconds taken off each pass."""
    ends = {"bandwidth": "time_s", "low": "time_high", "high": "time_low"}
    times = {name: figures[end] for name, end in ends.items()}
    return {name: figures["bytes"] / (time - off_s) if time and time > off_s else None for name, time in times.items()}


def _steps(curve: list[Row], facts: Mapping[str, Any]) -> list[Row]:
    """Return where a curve falls: by a quarter at least, intervals apart, from one working set to the next.

    Falls in a row make one step unless their working sets lie far apart. Bandwidths are those without the call.
    """
    points = sorted((row for row in curve if row["net_bandwidth"]), key=lambda row: float(row["working_set"]))
    spans: list[tuple[Row, Row]] = []
    for before, after in pairwise(points):
        if not _falls(before, after):
            continue
        near = after["working_set"] <= NEAR * before["working_set"]
        if near and spans and spans[-1][1] is before:
            spans[-1] = (spans[-1][0], after)
        else:
            spans.append((before, after))
    return [_step(*span, facts) for span in spans]


def _falls(before: Row, after: Row) -> bool:
    low, high = before["net_low"], after["net_high"]
    apart = low is None or high is None or high < low
    return bool(apart and after["net_bandwidth"] <= FALL * before["net_bandwidth"])


def _step(before: Row, after: Row, facts: Mapping[str, Any]) -> Row:
    between = (before["working_set"], after["working_set"])
    return {name: before[name] for name in (*IDENTITY, "kernel")} | {
        "from": between[0],
        "to": between[1],
        "before": before["net_bandwidth"],
        "after": after["net_bandwidth"],
        "caches": _known(before, facts, *between),
        "kind": "derived",
    }


def _known(row: Row, facts: Mapping[str, Any], low: int, high: int) -> list[str]:
    """Return the levels of cache that are known to hold as much as lies between two working sets."""
    if row["device"] != "cpu" or "caches" not in facts:
        return []
    machine_threads = ((facts.get("cpu") or {}).get("threads") or {}).get("value") or 1
    levels, assumed = memory.capacities(facts["caches"], row["threads"], machine_threads)
    return [level for level, size in levels.items() if level not in assumed and low <= size <= high]
