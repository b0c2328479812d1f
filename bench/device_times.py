"""What samples on a GPU say beyond the user's clock: the device's time per step, what using it costs, how it held out.

Verdicts rest on the user's clock. The device's is in summary.json beside it, for cases that have one, and so are the
kernels of a step and their own time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import columns, devices, gpu_telemetry, series, stats
from bench.case import Case
from bench.plan import Plan
from bench.store import Records

__all__ = ["add", "costs", "derive", "device_time_s"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

PROFILED = ("kernels", "kernel_s")
FIRST_ROUNDS = 3
LAST_PART = 3  # the last third of the rounds


def device_time_s(sample: Row) -> float | None:
    """Return a sample's seconds per step by the device's clock; None where it has none."""
    seconds = sample.get("device_s")
    return float(seconds / sample["steps"]) if seconds else None


COLUMNS: dict[str, series.Column] = {
    "time_s": device_time_s,
    gpu_telemetry.CLOCK: series.telemetry(gpu_telemetry.CLOCK),
    gpu_telemetry.POWER: series.telemetry(gpu_telemetry.POWER),
}


def add(rows: list[Row], plan: Plan, records: Records) -> list[Row]:
    """Return the rows of cases with ``device_time_s``, ``device_time_low`` and ``device_time_high``; None on a CPU.

    They are to the device's clock what ``time_s``, ``time_low`` and ``time_high`` are to the user's. ``kernels`` and
    ``kernel_s`` are what a profiler saw in the pilot (``bench/profiling.py``), where one was asked.
    """
    times = series.arrays(records, _rounds(plan), {"time_s": device_time_s})["time_s"]
    cases = {case.id: case for planned in plan.groups for case in planned.group.cases if case.id in times}
    for row in rows:
        case = cases.get(f"{row['study']}/{row['group']}/{row['case']}")
        found = {} if case is None else columns.absolute(case, times[case.id])
        row |= {f"device_{name}": found.get(name) for name in ("time_s", "time_low", "time_high")}
        row |= _profiled(row.get("conditions") or {})
    return rows


def _profiled(told: Row) -> Row:
    """Return what a profiler saw, None where it was not asked. Raises TypeError where that cannot be what one saw."""
    found = {name: told.get(name) for name in PROFILED}
    for value, kinds in zip(found.values(), ((list,), (int, float)), strict=True):
        if value is not None and not isinstance(value, kinds):
            raise TypeError(f"kernels are {value!r:.40}")
    return found


def costs(study: str, records: Records) -> Row:
    """Return the seconds that using a GPU costs, by the names of ``devices.COSTS``: medians over a study's launches.

    None where nobody was asked: on a CPU, and in runs of earlier versions.
    """
    starts = [
        start
        for case, told in series.outcomes_by_case(records, "start").items()
        for start in told
        if case.partition("/")[0] == study and not start["pilot"]
    ]
    found = {name: [start[name] for start in starts if name in start] for name in devices.COSTS}
    return {name: float(np.median(values)) if values else None for name, values in found.items()}


def derive(plan: Plan, records: Records) -> Row:
    """Return the table ``sustained``: was a GPU as fast at the end of its turns as at their beginning?

    A row per case that has a device's clock: FLOP/s by it in the first rounds of a launch and in the last third, with
    the clock of the multiprocessors in Hz and the power in W, medians over launches of medians over rounds; and the
    ratio of the last rate to the first, with a 95 % t interval over launches. ``busy`` is the share of the time between
    samples that was timed. A GPU cools in the rest of it: these are turns, not a load without end, under which it may
    hold out less.
    """
    recorded = series.arrays(records, _rounds(plan), COLUMNS)
    busy = _busy(plan, records)
    rows = [
        columns.identity(case, planned.group)
        | _sustained(case, {name: found[case.id] for name, found in recorded.items()})
        | {"busy": busy.get((case.study, case.group))}
        for planned in plan.groups
        for case in planned.group.cases
        if np.isfinite(recorded["time_s"].get(case.id, np.nan)).any()
    ]
    return {"sustained": rows}


def _sustained(case: Case, recorded: dict[str, Floats]) -> Row:
    rounds = recorded["time_s"].shape[1]
    parts = {"first": slice(FIRST_ROUNDS), "last": slice(rounds - max(1, rounds // LAST_PART), rounds)}
    row: Row = {}
    for name, part in parts.items():
        found = {column: values[:, part] for column, values in recorded.items()}
        row[f"{name}_rate"] = columns.absolute(case, found.pop("time_s"))["flop_rate"]
        row |= {f"{name}_{column}": _median(values) for column, values in found.items()}
    first, last = (stats.launch_medians(recorded["time_s"][:, part]) for part in parts.values())
    return row | _ratio(np.log(first / last))


def _ratio(logs: Floats) -> Row:
    """Return the ratio whose logarithms, (launches,), are given; None where there are too few for an interval."""
    found = stats.intervals(logs)
    row: Row = {"ratio": None, "low": None, "high": None, "launches": int(found.launches)}
    if found.launches >= stats.LEAST_LAUNCHES:
        row |= {"ratio": float(np.exp(found.mean)), "low": float(np.exp(found.low)), "high": float(np.exp(found.high))}
    return row


def _busy(plan: Plan, records: Records) -> dict[tuple[str, str], float]:
    """Return by study and group the device's time over that from the first sample of a launch to its last, medians."""
    groups = {case.id: (case.study, case.group) for planned in plan.groups for case in planned.group.cases}
    taken: dict[tuple[tuple[str, str], int], list[Row]] = defaultdict(list)
    for sample, row in series.counted(records, _rounds(plan)):
        if sample.get("device_s") and sample.get("at_s") is not None:
            taken[groups[sample["case"]], row].append(sample)
    shares: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (group, _), samples in taken.items():
        passed = samples[-1]["at_s"] - samples[0]["at_s"]
        if passed > 0:
            shares[group].append(sum(sample["device_s"] for sample in samples[1:]) / passed)
    return {group: float(np.median(found)) for group, found in shares.items()}


def _rounds(plan: Plan) -> dict[str, int]:
    return {case.id: planned.rounds for planned in plan.groups for case in planned.group.cases}


def _median(values: Floats) -> float | None:
    medians = stats.launch_medians(values)
    known = medians[np.isfinite(medians)]
    return float(np.median(known)) if len(known) else None
