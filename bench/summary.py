"""What is derived from the records: comparisons with verdicts, absolute figures, fits over the widths, checks."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import (
    audit,
    bandwidths,
    columns,
    comparisons,
    curves,
    device_times,
    disturbance,
    factorial,
    harness,
    limits,
    predecessors,
    predictions,
    reproduction,
    roofline,
    series,
    stages,
    startup,
    starved,
    stats,
    trends,
    workloads,
)
from bench.budget import PILOT_LAUNCHES
from bench.case import TOO_SLOW, Case, Group
from bench.errors import BadInput
from bench.plan import Plan, Planned
from bench.store import FORMAT_VERSION, Records, rounded, write_json

__all__ = ["summarize", "to_csv", "write"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

COLUMNS: dict[str, series.Column] = {
    "time_s": series.time_s,
    "position": lambda sample: sample["position"],
    "elapsed_s": lambda sample: sample["elapsed_s"],
    **{name: series.telemetry(name) for name in disturbance.CLOCKS},
}


def write(records: Records, folder: Path) -> Row:
    """Derive the summary and write summary.json and summary.csv beside the records; return it."""
    summary: Row = rounded(summarize(records))
    write_json(folder / "summary.json", summary)
    (folder / "summary.csv").write_text(to_csv(summary["comparisons"]), encoding="utf-8")
    return summary


def summarize(records: Records) -> Row:
    """Return what summary.json holds. Raises BadInput where the plan in run.json is none."""
    plan, margin = _plan(records), float(records.run["margin"])
    rounds = {case.id: planned.rounds for planned in plan.groups for case in planned.group.cases}
    recorded = series.arrays(records, rounds, COLUMNS)
    times, status, flagged = recorded["time_s"], _statuses(records), disturbance.flags(recorded)
    compared = comparisons.compare(list(plan.groups), times, flagged, status, margin)
    cases = device_times.add(_cases(plan, times, status, records), plan, records)
    most = limits.derive(plan, records, times, status, cases)
    roofline.hold(plan, (*cases, *compared), most)
    facts = (records.run.get("machine") or {}).get("facts") or {}
    predictions.add(compared, cases, facts)
    return {
        "format_version": FORMAT_VERSION,
        "comparisons": compared,
        "effects": factorial.derive(plan.groups, times, status, compared, margin),
        "cases": cases,
        "fixed_costs": trends.fixed_costs(_training(plan, status), times),
        "crossovers": trends.crossovers(compared),
        "device_crossovers": trends.device_crossovers(compared),
        "predecessors": predecessors.after_effects(list(plan.groups), times, recorded["position"], margin),
        "disturbed": disturbance.shares(list(plan.groups), flagged, times),
        "starved": starved.launches(list(plan.groups), times),
        "harness": harness.costs(plan, records),
        **curves.derive(plan, records),
        **stages.derive(plan, records),
        **bandwidths.derive(plan, records, times, status),
        **device_times.derive(plan, records),
        **reproduction.derive(plan, compared, status, margin, facts),
        **most,
        "excesses": roofline.excesses(cases),
        "notes": _notes(plan, records),
    }


def to_csv(rows: list[Row]) -> str:
    """Return rows as CSV text with a header line; lists are left out, they have no place in a table."""
    text = io.StringIO()
    if rows:
        names = [name for name, value in rows[0].items() if not isinstance(value, list)]
        writer = csv.DictWriter(text, fieldnames=names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _plan(records: Records) -> Plan:
    try:
        return Plan.from_json(records.run["plan"], records.run["seed"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"run.json: its plan is damaged ({error!r}); restore the file from a copy") from None


def _training(plan: Plan, status: dict[str, tuple[str, str]]) -> list[tuple[Case, Row]]:
    """Return the cases whose times are fitted over the widths, each with its columns."""
    return [
        (case, columns.identity(case, planned.group))
        for planned in plan.of("throughput")
        for case in planned.group.cases
        if case.id not in status
    ]


def _cases(plan: Plan, times: dict[str, Floats], status: dict[str, tuple[str, str]], records: Records) -> list[Row]:
    rows = [_case_row(case, planned, times, status, records)
            for planned in plan.groups for case in planned.group.cases]  # fmt: skip
    rows += _skip_rows(plan)
    start_up, conditions = series.start_up(records), series.conditions(records)
    for row in rows:
        case = f"{row['study']}/{row['group']}/{row['case']}"
        row |= start_up.get(case, {}) | {"conditions": conditions.get(case)}
    return startup.derive(rows, plan, times)


def _case_row(case: Case, planned: Planned, times: dict[str, Floats], status: dict[str, tuple[str, str]],
              records: Records) -> Row:  # fmt: skip
    found = times.get(case.id, np.empty((0, planned.rounds)))
    measured = bool(np.isfinite(stats.launch_medians(found)).any()) if len(found) else False
    otherwise = ("measured", None) if measured else ("not measured", _unmeasured(case, planned, status, records))
    state, reason = status.get(case.id, otherwise)
    row = columns.identity(case, planned.group) | {"status": state, "reason": reason} | columns.absolute(case, found)
    calibrations = series.outcomes_by_case(records, "calibration").get(case.id)
    if calibrations and state == TOO_SLOW and calibrations[-1]["step_s"] is not None:
        step_s = calibrations[-1]["step_s"]
        rate = row["flops"] / step_s
        items = workloads.work(case).items
        row |= {"time_s": step_s, "flop_rate": rate,
                "throughput": rate if row["throughput_unit"] == "FLOP/s" else items / step_s}  # fmt: skip
    return row | {
        "launches": int(np.isfinite(stats.launch_medians(found)).sum()) if len(found) else 0,
        "rounds": planned.rounds,
        "steps": None,
    }


def _unmeasured(
    case: Case, planned: Planned, status: dict[str, tuple[str, str]], records: Records
) -> str | None:  # fmt: skip
    """Return why nothing was measured of a case that nothing went wrong with: a control shares its baseline's fate."""
    bases = (base for base in planned.group.cases if case.control and base.name == planned.group.baseline)
    lost = next((f"the baseline, {base.name}, is {status[base.id][0]}" for base in bases if base.id in status), None)
    return lost or (None if series.complete_launches(records).get(case.study) else "no launch is complete")


def _skip_rows(plan: Plan) -> list[Row]:
    return [
        columns.identity(case, Group(case.study, case.group, (case,), baseline))
        | {"status": "skipped", "reason": reason}
        | columns.absolute(case, np.empty((0, 1)))
        | {"launches": 0, "rounds": 0, "steps": None}
        for case, baseline, reason in plan.skips
    ]


def _statuses(records: Records) -> dict[str, tuple[str, str]]:
    """Return (status, reason) of the cases that something went wrong with."""
    found: dict[str, tuple[str, str]] = {}
    for outcome in records.outcomes:
        case, kind = outcome.get("case"), outcome["kind"]
        if case is None:
            continue
        if kind == "failure":
            found[case] = ("failed", f"{outcome['reason']} (in {outcome['phase']})")
        elif kind == "equality" and not outcome["equal"]:
            found[case] = ("not equal", outcome["note"])
        elif kind == "calibration" and outcome["too_slow"]:
            found[case] = (TOO_SLOW, outcome.get("reason") or _slow(outcome["step_s"]))
    return found


def _slow(step_s: float) -> str:
    return f"a step takes {step_s:.2g} s: too slow for this many rounds"


def _notes(plan: Plan, records: Records) -> list[str]:
    order = audit.order(records.samples)
    return [*records.notes, *_launch_notes(plan, records), *_plan_notes(plan, records), *order]


def _launch_notes(plan: Plan, records: Records) -> list[str]:
    complete = series.complete_launches(records)
    notes = []
    for study, planned in plan.launches.items():
        done = len(complete.get(study, {}))
        if done < planned:
            little = "; below five no verdict is given" if done < stats.LEAST_JUDGED else ""
            notes.append(f"{study}: {done} of {planned} launches are complete{little}. --resume finishes the rest.")
    return notes


def _plan_notes(plan: Plan, records: Records) -> list[str]:
    """Say how launches and rounds were fixed where no preset did it."""
    notes = []
    for outcome in records.outcomes:
        if outcome["kind"] == "planned":
            notes.append(
                f"Launches and rounds were fixed from a budget of {outcome['budget_s']:g} s by "
                f"{PILOT_LAUNCHES} launches of each study that enter no result."
                + (" It was too short for the least plan there is, which was taken all the same." * outcome["short"])
            )
        elif outcome["kind"] == "stopped":
            notes.append(
                f"{outcome['study']}: stopped after {outcome['launches']} of {outcome['planned']} launches, its widest "
                f"interval being within ±{100 * (plan.precision or 0):g} % as asked for. No verdict was looked at."
            )
    return notes
