"""What the machine did at most in a run, as cases of their own show: the study ``roofline``.

The peak of a dtype, device and number of threads is the fastest product among several libraries and sizes, by the
median. The largest of several medians tends to be the one that chance favoured: it is high by a part of its interval,
which is not widened for that. The bandwidth of a level of memory is that of the faster kernel, the call taken off.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench import bandwidths
from bench.case import Case
from bench.plan import Plan
from bench.store import Records
from bench.studies.roofline import FLOOR, PEAK, STUDY

__all__ = ["Ends", "derive", "rate"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

KIND = "achieved"


class Ends(NamedTuple):
    """A rate per second with the ends of its 95 % interval, None where they are unknown."""

    value: float
    low: float | None
    high: float | None

    def times(self, factor: float) -> Ends:
        """Return the rate multiplied."""
        return Ends(*(None if end is None else end * factor for end in self))  # type: ignore[arg-type]


def derive(
    plan: Plan, records: Records, times: Mapping[str, Floats], lost: Container[str], cases: Iterable[Row]
) -> dict[str, list[Row]]:
    """Return the tables that every case is held against.

    ``peaks`` has a row per device, dtype and number of threads, FLOP/s; ``roofs`` one per device, number of threads and
    level of memory, bytes per second; ``floors`` one per implementation and depth, or library, in seconds.

    Args:
        plan: What was planned.
        records: The run.
        times: Seconds per step by case id, (launches, rounds).
        lost: The ids of cases that something went wrong with.
        cases: The rows of ``cases`` in the summary.
    """
    own = [row for row in cases if row["study"] == STUDY and row["status"] == "measured" and not row["control"]]
    return {
        "peaks": _peaks([row for row in own if row["group"].startswith(PEAK)]),
        "roofs": _roofs(plan, records, times, lost),
        "floors": [_floor(row) for row in own if row["group"].startswith(FLOOR)],
    }


def rate(row: Row) -> Ends:
    """Return FLOP/s with the interval that a case's time has."""
    low, high = (row["flops"] / row[end] if row[end] else None for end in ("time_high", "time_low"))
    return Ends(row["flops"] / row["time_s"], low, high)


def _peaks(rows: Iterable[Row]) -> list[Row]:
    best: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = row["device"], row["dtype"], row["threads"]
        if key not in best or row["flop_rate"] > best[key]["flop_rate"]:
            best[key] = row
    return [_peak(row) for row in best.values()]


def _peak(row: Row) -> Row:
    found = rate(row)
    return {name: row[name] for name in ("group", "case", "device", "dtype", "threads")} | {
        "flop_rate": found.value,
        "low": found.low,
        "high": found.high,
        "library": row["provider"],
        "shape": f"{row['m']} x {row['k']} x {row['n']}",
        "kind": KIND,
    }


def _roofs(plan: Plan, records: Records, times: Mapping[str, Floats], lost: Container[str]) -> list[Row]:
    best: dict[tuple[Any, ...], Row] = {}
    for curve in bandwidths.measured(STUDY, plan, records, times, lost):
        for case, row in curve:
            found = _roof(case, row)
            key = case.device, case.threads, case.parameters["level"]
            if found["bandwidth"] and (key not in best or found["bandwidth"] > best[key]["bandwidth"]):
                best[key] = found
    return list(best.values())


def _roof(case: Case, row: Row) -> Row:
    """Return a level's bandwidth, None where the call takes most of a pass; an unknown call is not taken off."""
    net = "" if row["call_share"] is None else "net_"
    return {name: row[name] for name in ("group", "case", "device", "threads", "kernel", "working_set")} | {
        "level": case.parameters["level"],
        "capacity": case.parameters["capacity"],
        "assumed": case.parameters["level"] in case.parameters["assumed_caches"],
        "bandwidth": row[f"{net}bandwidth"],
        "low": row[f"{net}low"],
        "high": row[f"{net}high"],
        "library": case.provider,
        "call_share": row["call_share"],
        "kind": KIND,
    }


def _floor(row: Row) -> Row:
    identity = ("group", "case", "device", "dtype", "threads", "implementation", "depth")
    return {name: row[name] for name in (*identity, "time_s", "time_low", "time_high")}
