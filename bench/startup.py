"""What starting up costs beyond a steady step, and from which step on that has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats
from bench.case import spelled
from bench.plan import Plan

__all__ = ["breakeven", "compile_s", "derive"]

EAGER = "eager"
NOT_COMPILED = "none"

Floats = NDArray[np.float64]
Row = dict[str, Any]


def derive(rows: list[Row], plan: Plan, times: Mapping[str, Floats]) -> list[Row]:
    """Return the rows of cases with ``compile_s``, ``cold_compile_s``, ``breakeven_steps`` and ``breakeven_against``.

    Args:
        rows: Cases with their start-up figures and conditions.
        plan: Which cases take a training step, and the others of their groups.
        times: Seconds per step by case id, (launches, rounds).
    """
    eager = {
        case.id: spelled(case.provider, EAGER, case.environment)
        for planned in plan.groups
        for case in planned.group.cases
        if case.workload == "training_step" and not case.control
    }
    by_id = {_id(row): row for row in rows}
    for key, row in by_id.items():
        row |= {"compile_s": compile_s(row, "first_step_s"), "cold_compile_s": compile_s(row, "cold_first_step_s")}
        row |= {"breakeven_steps": None, "breakeven_against": None}
        against = _against(row, (eager[key], row["baseline"]), by_id) if key in eager else None
        if against is not None:
            row["breakeven_against"] = against["case"]
            if key in times and _id(against) in times:
                row["breakeven_steps"] = breakeven(row, against, times[key], times[_id(against)])
    return rows


def compile_s(row: Row, first_step: str) -> float | None:
    """Return the seconds of a first step beyond a steady one; None where nothing of the step is compiled."""
    graph = (row.get("conditions") or {}).get("graph")
    if graph in (None, NOT_COMPILED) or row.get(first_step) is None or row.get("time_s") is None:
        return None
    return float(max(0.0, row[first_step] - row["time_s"]))


def breakeven(row: Row, against: Row, times: Floats, others: Floats) -> int | None:
    """Return the step by the end of which the time since building began is no longer than the other's.

    With start-ups S (building and first step) and times t of a further step, the least n >= 1 with
    S + (n - 1) t <= S' + (n - 1) t'. None where t is not shown to be below t': the 95 % interval of their paired ratio
    reaches 1, or there are too few launches for a verdict.

    Args:
        row: A case, with ``build_s`` and ``first_step_s``.
        against: Another, with its ``time_s`` too.
        times: Seconds per step of the case, (launches, rounds).
        others: The same of the other.
    """
    ratio, later = stats.compare(times, others), _later_s(row, against)
    if ratio is None or ratio.launches < stats.LEAST_JUDGED or ratio.ci_high >= 1 or later is None:
        return None
    gained_s = float(against["time_s"]) * (1 - ratio.ratio)
    return 1 + max(0, math.ceil(later / gained_s))


def _later_s(row: Row, against: Row) -> float | None:
    """Return by how many seconds the first step of a case is done later than the other's."""
    names = ("build_s", "first_step_s")
    if against.get("time_s") is None or any(one.get(name) is None for one in (row, against) for name in names):
        return None
    return float(sum(row[name] - against[name] for name in names))


def _against(row: Row, names: Iterable[str], by_id: Mapping[str, Row]) -> Row | None:
    """Return the first other row of the group that has one of the names and was measured, as the row itself was."""
    for name in names:
        other = by_id.get(_id(row | {"case": name}))
        if other is not None and name != row["case"] and other["status"] == row["status"] == "measured":
            return other
    return None


def _id(row: Row) -> str:
    return f"{row['study']}/{row['group']}/{row['case']}"
