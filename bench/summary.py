"""What the statistics derive from the records: comparisons with verdicts, absolute figures, fits over the widths."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import series, stats, trends, workloads
from bench.case import Case, Group
from bench.errors import BadInput
from bench.plan import Plan, Planned
from bench.stats import Comparison
from bench.store import FORMAT_VERSION, Records, write_json

__all__ = ["summarize", "to_csv", "write"]

Floats = NDArray[np.float64]
Row = dict[str, Any]

LEAST_LAUNCHES = 5  # with three, 13 % of families hold a false verdict (simulated); see docs/method.md
UNITS = {"examples": "examples/s", "matmuls": "FLOP/s"}


def write(records: Records, folder: Path) -> Row:
    """Derive the summary and write summary.json and summary.csv beside the records; return it."""
    summary = summarize(records)
    write_json(folder / "summary.json", summary)
    (folder / "summary.csv").write_text(to_csv(summary["comparisons"]), encoding="utf-8")
    return summary


def summarize(records: Records) -> Row:
    """Return what summary.json holds. Raises BadInput where the plan in run.json is none."""
    try:
        plan = Plan.from_json(records.run["plan"], records.run["seed"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"run.json: its plan is damaged ({error!r}); restore the file from a copy") from None
    rounds = {case.id: planned.rounds for planned in plan.groups for case in planned.group.cases}
    times = series.times(records, rounds)
    status = _statuses(records)
    margin = float(records.run["margin"])
    comparisons = [row for planned in plan.groups for row in _compare_group(planned, times, status, margin)]
    _judge_controls(comparisons, margin)
    cases = [_case_row(case, planned, times, status, records)
             for planned in plan.groups for case in planned.group.cases]  # fmt: skip
    cases += _skip_rows(plan)
    start_up = series.start_up(records)
    training = [
        (case, _identity(case, planned.group))
        for planned in plan.of("throughput")
        for case in planned.group.cases
        if case.id not in status
    ]
    for row in cases:
        row |= start_up.get(f"{row['study']}/{row['group']}/{row['case']}", {})
    return {
        "format_version": FORMAT_VERSION,
        "comparisons": comparisons,
        "cases": cases,
        "fixed_costs": trends.fixed_costs(training, times),
        "crossovers": trends.crossovers(comparisons),
        "notes": [*records.notes, *_launch_notes(plan, records)],
    }


def to_csv(rows: list[Row]) -> str:
    """Return rows as CSV text with a header line."""
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _identity(case: Case, group: Group) -> Row:
    parameters = case.parameters
    hidden = parameters.get("hidden")
    sizes = [parameters[key] for key in ("inputs", "outputs") if key in parameters]
    return {
        "study": case.study,
        "group": case.group,
        "case": case.name,
        "baseline": group.baseline,
        "control": case.control,
        "implementation": case.implementation,
        "provider": case.provider,
        "device": case.device,
        "dtype": case.dtype,
        "threads": case.threads,
        "batch": parameters.get("batch"),
        "width": hidden[0] if hidden else None,
        "depth": len(hidden) if hidden is not None else None,
        "shape": "-".join(map(str, [sizes[0], *hidden, sizes[1]])) if hidden is not None else None,
        "m": parameters.get("m"),
        "k": parameters.get("k"),
        "n": parameters.get("n"),
        "stack": parameters.get("stack"),
    }


def _compare_group(planned: Planned, times: dict[str, Floats], status: dict[str, tuple[str, str]],
                   margin: float) -> list[Row]:  # fmt: skip
    group = planned.group
    present = {case.name: case for case in group.cases if case.id in times and case.id not in status}
    baseline = present.pop(group.baseline, None)
    if baseline is None:
        return []
    work = workloads.work(baseline).flops
    found: list[tuple[Case, Comparison]] = []
    for case in present.values():
        per_flop = times[case.id] / workloads.work(case).flops
        comparison = stats.compare(per_flop, times[baseline.id] / work)
        if comparison is not None:
            found.append((case, comparison))
    judged = [(case, comparison) for case, comparison in found if not case.control]
    adjusted = dict(zip(
        (case.id for case, _ in judged), stats.holm([comparison.p for _, comparison in judged]), strict=True
    ))  # fmt: skip
    return [
        _comparison_row(case, group, comparison, times, adjusted.get(case.id), max(len(judged), 1), margin)
        for case, comparison in found
    ]


def _comparison_row(case: Case, group: Group, comparison: Comparison, times: dict[str, Floats],
                    p_adjusted: float | None, family: int, margin: float) -> Row:  # fmt: skip
    verdict = None if p_adjusted is None else _verdict(comparison, p_adjusted, margin, stats.ALPHA)
    return {
        **_identity(case, group),
        "ratio": comparison.ratio,
        "ci_low": comparison.ci_low,
        "ci_high": comparison.ci_high,
        "verdict": verdict,
        "mde": stats.mde(comparison.deviation, comparison.launches, family, margin),
        "launches": comparison.launches,
        "rounds": comparison.rounds,
        "p": comparison.p,
        "p_adjusted": p_adjusted,
        "mean_ratio": comparison.mean_ratio,
        "deviation": comparison.deviation,
        **_absolute(case, times[case.id]),
        "percent_of_attainable": None,
        "marked": False,
    }


def _verdict(comparison: Comparison, p_adjusted: float, margin: float, alpha: float) -> str:
    if comparison.launches < LEAST_LAUNCHES:
        return "inconclusive"
    return stats.verdict(comparison, p_adjusted, margin, alpha)


def _judge_controls(comparisons: list[Row], margin: float) -> None:
    """Give the controls, all of the run together, their verdicts at 1 %, and mark the groups of those that fail."""
    controls = [row for row in comparisons if row["control"]]
    for row, p_adjusted in zip(controls, stats.holm([row["p"] for row in controls]), strict=True):
        comparison = Comparison(
            row["ratio"], row["ci_low"], row["ci_high"], row["mean_ratio"], row["p"], row["deviation"],
            row["launches"], row["rounds"],
        )  # fmt: skip
        row["p_adjusted"] = p_adjusted
        row["verdict"] = _verdict(comparison, p_adjusted, margin, stats.CONTROL_ALPHA)
        row["mde"] = stats.mde(row["deviation"], row["launches"], len(controls), margin, stats.CONTROL_ALPHA)
        if row["verdict"] in {"faster", "slower"}:
            for other in comparisons:
                other["marked"] |= (other["study"], other["group"]) == (row["study"], row["group"])


def _absolute(case: Case, times: Floats) -> Row:
    """Seconds per step, median over launches of their medians over rounds, with a 95 % t interval on its logarithm."""
    needed = workloads.work(case)
    medians = stats.launch_medians(times)
    medians = medians[np.isfinite(medians)]
    if not len(medians):
        return {"time_s": None, "time_low": None, "time_high": None, "throughput": None,
                "throughput_unit": UNITS[needed.item], "flops": needed.flops, "bytes": needed.bytes,
                "flop_rate": None, "arithmetic_intensity": needed.flops / needed.bytes}  # fmt: skip
    time_s = float(np.median(medians))
    low = high = None
    if len(medians) > 1:
        interval = stats.mean_interval(np.log(medians))
        low, high = float(np.exp(interval.low)), float(np.exp(interval.high))
    rate = needed.flops / time_s
    return {
        "time_s": time_s,
        "time_low": low,
        "time_high": high,
        "throughput": needed.items / time_s if needed.item == "examples" else rate,
        "throughput_unit": UNITS[needed.item],
        "flops": needed.flops,
        "bytes": needed.bytes,
        "flop_rate": rate,
        "arithmetic_intensity": needed.flops / needed.bytes,
    }


def _case_row(case: Case, planned: Planned, times: dict[str, Floats], status: dict[str, tuple[str, str]],
              records: Records) -> Row:  # fmt: skip
    found = times.get(case.id, np.empty((0, planned.rounds)))
    measured = bool(np.isfinite(stats.launch_medians(found)).any()) if len(found) else False
    state, reason = status.get(case.id, ("measured" if measured else "not measured", None))
    row = _identity(case, planned.group) | {"status": state, "reason": reason} | _absolute(case, found)
    calibrations = series.outcomes_by_case(records, "calibration").get(case.id)
    if calibrations and state == "too slow":
        step_s = calibrations[-1]["step_s"]
        rate = row["flops"] / step_s
        items = workloads.work(case).items
        row |= {"time_s": step_s, "flop_rate": rate,
                "throughput": rate if row["throughput_unit"] == "FLOP/s" else items / step_s}  # fmt: skip
    return row | {
        "percent_of_attainable": None,
        "launches": int(np.isfinite(stats.launch_medians(found)).sum()) if len(found) else 0,
        "rounds": planned.rounds,
        "steps": None,
    }


def _skip_rows(plan: Plan) -> list[Row]:
    return [
        _identity(case, Group(case.study, case.group, (case,), baseline))
        | {"status": "skipped", "reason": reason}
        | _absolute(case, np.empty((0, 1)))
        | {"percent_of_attainable": None, "launches": 0, "rounds": 0, "steps": None}
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
            found[case] = ("too slow", f"a step takes {outcome['step_s']:.2g} s: too slow for this many rounds")
    return found


def _launch_notes(plan: Plan, records: Records) -> list[str]:
    complete = series.complete_launches(records)
    notes = []
    for study, planned in plan.launches.items():
        done = len(complete.get(study, {}))
        if done < planned:
            little = "; below five no verdict is given" if done < LEAST_LAUNCHES else ""
            notes.append(f"{study}: {done} of {planned} launches are complete{little}. --resume finishes the rest.")
    return notes
