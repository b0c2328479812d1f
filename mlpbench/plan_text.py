"""A plan as people read it: its groups, what is skipped and why, its size, and how long it will take."""

from __future__ import annotations

import os
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from bench import plan as planning
from bench import workloads
from bench.case import Case
from bench.plan import Plan
from bench.survey import Survey
from mlpbench.console import duration

__all__ = ["extent", "show"]


def show(plan: Plan, survey: Survey, console: Console) -> None:
    """Print a plan that is not carried out."""
    table = Table(show_edge=False, pad_edge=False)
    for column in ("study", "group", "cases", "launches × rounds", "FLOPs per step"):
        table.add_column(column, overflow="fold")
    for entry in plan.groups:
        flops = sorted({workloads.work(case).flops for case in entry.group.cases})
        table.add_row(
            entry.group.study, entry.group.name, ", ".join(case.name for case in entry.group.cases),
            f"{plan.launches[entry.group.study]} × {entry.rounds}" if plan.budget_s is None else "?",
            " to ".join(f"{value:.4g}" for value in dict.fromkeys((flops[0], flops[-1]))),
        )  # fmt: skip
    if plan.groups:
        console.print(table)
    for sentence in (*_skips(plan), *plan.left_out):
        console.print(sentence)
    console.print(f"{extent(plan, survey)}. Nothing was measured.")


def extent(plan: Plan, survey: Survey) -> str:
    """Say how many cases and samples a plan has, and how long it takes."""
    cases = sum(len(entry.group.cases) for entry in plan.groups)
    samples = sum(len(entry.group.cases) * entry.rounds * plan.launches[entry.group.study] for entry in plan.groups)
    return f"cases: {cases}, groups: {len(plan.groups)}, samples: {samples}, {_expected(plan, survey)}"


def _expected(plan: Plan, survey: Survey) -> str:
    if plan.budget_s is not None:
        return f"launches and rounds to be fixed by a pilot, in all {duration(plan.budget_s)}"
    busy = " (other work keeps this machine busy; less when it is idle)" if _is_busy() else ""
    return f"expected to take about {duration(planning.expected_seconds(plan, survey))}{busy}"


def _is_busy() -> bool:
    """Whether more wants to run than there are cores: the small product that gives the rate had to wait then."""
    try:
        return os.getloadavg()[0] > (os.cpu_count() or 1)
    except OSError:  # the system does not tell
        return False


def _skips(plan: Plan) -> Iterator[str]:
    """Say each reason once, with how many cases it skips, and whose."""
    found: dict[str, list[Case]] = {}
    for case, _, reason in plan.skips:
        found.setdefault(reason, []).append(case)
    for reason, cases in found.items():
        names = ", ".join(dict.fromkeys(case.implementation for case in cases))
        groups = {(case.study, case.group) for case in cases}
        yield f"skipped: {_counted(cases, 'case')} of {names} in {_counted(groups, 'group')}: {reason}"


def _counted(things: list[Case] | set[tuple[str, str]], word: str) -> str:
    return f"{len(things)} {word}{'s' * (len(things) > 1)}"
