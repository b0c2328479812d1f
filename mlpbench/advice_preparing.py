"""What asking for advice and checking it begin with: whether it can be computed here, and what records begin with."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from bench.advice.problems import Problem, own
from bench.advice.stages import SCREEN
from bench.errors import BadInput
from bench.survey import Survey, survey
from mlpbench import recording
from mlpbench.console import LOOKING, ProgressLine

__all__ = ["able", "record"]

Row = dict[str, Any]


def able(problem: Problem, option: str, console: Console) -> Survey:
    """Return a survey of the problem; raises BadInput, which names the option, where it cannot run here."""
    case = problem.case(SCREEN, own(problem), 0)
    with ProgressLine(console) as progress:
        seen = survey([case], told=progress.of_each(LOOKING))
    if case.id in seen.reasons:
        raise BadInput(
            f"{option} {case.implementation}: cannot compute this here ({seen.reasons[case.id]}); name another, or "
            "another --dtype or --device"
        )
    return seen


def record(seen: Survey | None, threads: int | None, console: Console) -> Row:
    """Return what the run.json of a stage begins with; the machine and its software are asked only with a survey."""
    unasked: Row = {"command": [], "label": "", "machine": {"fingerprint": "", "facts": {}}}
    described = unasked if seen is None else recording.describe(None, threads, console, seen).record
    return described | {"data": {"kind": "none", "note": "advice needs no images"}}
