"""Each case against what the machine can do at most, as measured in the same run by cases of its own.

A roofline (Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model"): attainable
FLOP/s = min(peak, arithmetic intensity × bandwidth). Every figure is this run's: without the study ``roofline`` nothing
is attainable or not, and its own cases are held against nothing.

Data that fit a level of memory may lie in any level that is larger as well, so the fastest of these counts; what fits
the first cache is held against the second one, as the first is not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bench.limits import Ends, rate
from bench.plan import Plan
from bench.studies.roofline import STUDY

__all__ = ["BLANK", "excesses", "hold", "place"]

Row = dict[str, Any]

LAUNCH_SHARE = 0.5  # of a step's time, from which on what a step costs without arithmetic is what is in the way
MOST_PERCENT = 105.0  # a lower bound above this is an error to be found
BLANK = dict.fromkeys(
    ("attainable", "percent_of_attainable", "percent_low", "percent_high", "bound_by", "floor_s"), None
)


def hold(plan: Plan, rows: Iterable[Row], limits: Mapping[str, list[Row]]) -> None:
    """Add to rows of ``cases`` or ``comparisons`` where they lie.

    A case that sets variables of its own, which may pick other kernels, is held against nothing: the peaks have none.
    """
    groups = [planned.group for planned in plan.groups]
    steered = {(case.study, case.group, case.name) for group in groups for case in group.cases if case.variables}
    for row in rows:
        row |= BLANK if (row["study"], row["group"], row["case"]) in steered else place(row, limits)


def place(row: Row, limits: Mapping[str, list[Row]]) -> Row:
    """Return where a row of ``cases`` or ``comparisons`` lies, as columns; all None without a time, a peak or a roof,
    and for what hands its operands over: how fast that may go is not measured.

    ``attainable`` in FLOP/s, ``percent_of_attainable`` with the ends of its interval, ``floor_s`` and ``bound_by``:
    ``launch`` where the floor is at least half of the time; else, and without a floor, whichever of ``memory`` and
    ``compute`` limits more. What a cache has to hold is what one step of a network needs: an epoch has many.
    """
    if row["study"] == STUDY or not row["flops"] or not row["time_s"] or row["throughput_unit"] == "B/s":
        return dict(BLANK)
    if row.get("transfers"):
        return dict(BLANK)
    steps = _network_steps(row)
    peak = next((one for one in limits["peaks"] if _same(one, row, "device", "dtype", "threads")), None)
    roof = _roof(row, row["bytes"] / steps, limits["roofs"])
    if peak is None or roof is None:
        return dict(BLANK)
    compute = Ends(peak["flop_rate"], peak["low"], peak["high"])
    memory = Ends(roof["bandwidth"], roof["low"], roof["high"]).times(row["arithmetic_intensity"])
    limit = min(compute, memory, key=lambda ends: ends.value)
    floor_s = _floor_of(row, limits["floors"])
    launch = floor_s is not None and floor_s * steps >= LAUNCH_SHARE * row["time_s"]
    percent = _percent(rate(row), limit)
    return {
        "attainable": limit.value,
        "percent_of_attainable": percent.value,
        "percent_low": percent.low,
        "percent_high": percent.high,
        "bound_by": "launch" if launch else "memory" if limit is memory else "compute",
        "floor_s": floor_s,
    }


def excesses(cases: Iterable[Row]) -> list[str]:
    """Return a sentence on the cases that are surely beyond what is attainable, which cannot be; none where none is."""
    found = [row for row in cases if (row["percent_low"] or 0.0) > MOST_PERCENT]
    if not found:
        return []
    most = max(found, key=lambda row: float(row["percent_low"]))
    others = f" So it is with {len(found) - 1} more." if len(found) > 1 else ""
    share, low = most["percent_of_attainable"], most["percent_low"]
    return [
        f"{most['case']} in {most['group']} reaches {share:.0f} % of what is attainable, with a lower bound of "
        f"{low:.0f} %. That is an error to be found, in the peak, in the bandwidth or in what is counted, and no "
        f"result.{others}"
    ]


def _roof(row: Row, held: float, roofs: Iterable[Row]) -> Row | None:
    """Return the fastest level that holds so many bytes."""
    large = [
        roof
        for roof in roofs
        if _same(roof, row, "device", "threads") and (roof["capacity"] is None or roof["capacity"] >= held)
    ]
    return max(large, key=lambda roof: float(roof["bandwidth"]), default=None)


def _floor_of(row: Row, floors: Iterable[Row]) -> float | None:
    """Return the seconds of a step of the same implementation and depth, or library, with nothing to compute."""
    same = ("device", "dtype", "threads", "implementation", "depth")
    return next((float(one["time_s"]) for one in floors if _same(one, row, *same)), None)


def _network_steps(row: Row) -> float:
    """Return how many steps of a network a step of the case holds: one, unless it is an epoch or a part of one."""
    if row["throughput_unit"] != "examples/s":
        return 1.0
    return max(1.0, float(row["throughput"] * row["time_s"] / row["batch"]))


def _percent(reached: Ends, limit: Ends) -> Ends:
    """Return a rate as a percentage of its limit; the errors of both are independent and add up in quadrature, as logs.

    A value may lie outside its own interval, being a median and that of a mean: it then has no length on that side.
    """
    value = 100 * reached.value / limit.value
    if None in (*reached, *limit):
        return Ends(value, None, None)
    down, up = _log(reached.value, reached.low), _log(reached.high, reached.value)
    return Ends(
        value,
        value * math.exp(-math.hypot(down, _log(limit.high, limit.value))),
        value * math.exp(math.hypot(up, _log(limit.value, limit.low))),
    )


def _log(upper: float | None, lower: float | None) -> float:
    return max(0.0, math.log(upper / lower)) if upper and lower else 0.0


def _same(one: Row, other: Row, *columns: str) -> bool:
    return all(one[name] == other[name] for name in columns)
