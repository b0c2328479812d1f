"""One try: a whole small run, from fresh processes to verdicts, of cases whose truth is known."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import budget, runner, store, summary
from bench import plan as planning
from bench.case import Case, Group
from bench.launch import Limits
from bench.plan import Plan
from bench.progress import Progress
from bench.store import Records, RunFolder
from bench.survey import survey

__all__ = ["attempt"]

Row = dict[str, Any]


def attempt(
    groups: Sequence[Group],
    *,
    seed: int,
    margin: float,
    budget_s: float | None,
    data_directory: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Row:
    """Measure the groups as ``mlpbench run`` would, by the quick preset or a budget; return the line of the try.

    Its raw records are dropped once its verdicts are derived; the launches' log ratios, from which anybody can derive
    the intervals again, are in the line.
    """
    began, when = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    seen = survey(case for group in groups for case in group.cases)
    plan = planning.make(groups, seen, "quick", seed)
    if budget_s is not None:
        plan = budget.unsettled(plan, budget_s)
    records = _measured(plan, margin, began, data_directory, on_progress)
    seconds = round(time.monotonic() - began, 3)
    cases = {case.id: case for group in groups for case in group.cases}
    return {"tool": "mlpbench", "began": when, "seconds": seconds, "budget_s": budget_s} | _told(records, cases)


def _measured(
    plan: Plan, margin: float, began: float, data_directory: Path, on_progress: Callable[[Progress], None]
) -> Records:
    with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
        run = {
            "command": ["mlpbench", "selfcheck"], "label": "", "seed": plan.seed, "margin": margin, "data": {},
            "plan": plan.to_json(), "machine": {"fingerprint": "", "facts": {}},
        }  # fmt: skip
        folder = RunFolder.create(Path(name) / "run", run)
        limits = Limits(memory_bytes=runner.memory_limit())
        try:
            runner.measure(plan, folder, data_directory, limits, began=began, on_progress=on_progress)
        finally:
            folder.close()
        return store.read(folder.path)


def _told(records: Records, cases: dict[str, Case]) -> Row:
    """What the line of a try says of its plan and of what came out."""
    derived, plan = summary.summarize(records), records.run["plan"]
    return {
        "seed": records.run["seed"],
        "launches": max(plan["launches"].values(), default=0),
        "rounds": max((entry["rounds"] for entry in plan["groups"]), default=0),
        "margin": records.run["margin"],
        "comparisons": [_comparison(row, cases) for row in derived["comparisons"]],
        "effects": derived["effects"],
        "harness": _harness(derived),
        "problems": [
            f"{row['group']}/{row['case']}: {row['reason']}" for row in derived["cases"] if row["status"] != "measured"
        ],
    }


def _comparison(row: Row, cases: dict[str, Case]) -> Row:
    case = cases[f"{row['study']}/{row['group']}/{row['case']}"]
    done, reported = case.planted
    kept = ("group", "provider", "case", "control", "medians", "ratio", "ci_low", "ci_high", "p", "p_adjusted",
            "verdict", "mde", "rounds", "steady", "disturbed", "verdict_undisturbed", "sensitive")  # fmt: skip
    return {"truth": done / reported} | {name: row.get(name) for name in kept}


def _harness(derived: Row) -> Row:
    rows = derived.get("harness") or [{}]
    return {name: rows[0].get(name) for name in ("in_samples", "overhead", "stopped_cpu")}
