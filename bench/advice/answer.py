"""An answer as JSON: what to pad to, what that gains and costs, and what was measured to tell."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bench.advice.choice import INCONCLUSIVE, Advice
from bench.advice.problems import Problem, Sizes, changed, named, own
from bench.advice.stages import Result

__all__ = ["to_json"]

Row = dict[str, Any]

FIGURES = ("ratio", "ci_low", "ci_high", "verdict", "mde", "time_s", "launches", "rounds")


def to_json(advice: Advice, margin: float) -> Row:
    """Return an answer as ``mlpbench advise --json`` prints it; seconds, bytes, and ratios of times."""
    problem, row = advice.problem, advice.row or {}
    before, after = problem.memory(own(problem)), problem.memory(advice.sizes)
    return {
        "advice": advice.outcome,
        "problem": problem.to_json() | asdict(problem.place),
        "dimensions": [_dimension(advice, index) for index in range(len(problem.dimensions))],
        **{name: row.get(name) for name in ("ratio", "ci_low", "ci_high")},
        "time_s": advice.confirmed.time_s if advice.confirmed else None,
        "padded_time_s": row.get("time_s"),
        "memory_bytes": before,
        "extra_bytes": after - before,
        "extra_share": after / before - 1,
        "margin": margin,
        "screened": _screened(advice),
        "confirmed": _rows(problem, advice.confirmed),
        "control": _figures(advice.confirmed.control) if advice.confirmed and advice.confirmed.control else None,
        "never_padded": list(problem.fixed),
        "notes": list(advice.notes),
    }


def _dimension(advice: Advice, index: int) -> Row:
    """Return what is advised on one dimension, and the best that padding it alone came to."""
    problem = advice.problem
    dimension, size = problem.dimensions[index], advice.sizes[index]
    tried = [candidate.size for candidate in advice.candidates if candidate.index == index]
    return {
        "name": dimension.name,
        "size": dimension.size,
        "pad_to": None if advice.outcome == INCONCLUSIVE else size,
        "tried": tried,
        "alone": _alone(problem, index, advice.confirmed, confirmed=True)
        or _alone(problem, index, advice.screened, confirmed=False),
    }


def _alone(problem: Problem, index: int, result: Result | None, *, confirmed: bool) -> Row | None:
    """Return the best of a stage in which only that dimension is padded; an interval only where it is confirmed."""
    rows = {} if result is None else {s: row for s, row in result.rows.items() if changed(problem, s) == (index,)}
    if not rows:
        return None
    best: Sizes = min(rows, key=lambda sizes: float(rows[sizes]["ratio"]))
    interval = {name: rows[best][name] if confirmed else None for name in ("ci_low", "ci_high", "verdict")}
    return {"size": best[index], "ratio": rows[best]["ratio"], **interval, "confirmed": confirmed}


def _screened(advice: Advice) -> list[Row]:
    rows = advice.screened.rows if advice.screened else {}
    return [
        {"dimension": advice.problem.dimensions[candidate.index].name, "size": candidate.size, "why": candidate.why,
         "extra": candidate.extra, "ratio": rows[candidate.sizes]["ratio"] if candidate.sizes in rows else None}
        for candidate in advice.candidates
    ]  # fmt: skip


def _rows(problem: Problem, result: Result | None) -> list[Row]:
    rows = result.rows if result else {}
    return [{"padded": named(problem, sizes), "sizes": list(sizes), **_figures(row)} for sizes, row in rows.items()]


def _figures(row: Row) -> Row:
    return {name: row[name] for name in FIGURES}
