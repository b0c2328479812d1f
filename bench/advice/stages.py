"""One stage of an answer: cases of some sizes against the problem as it is, as a plan, and what its records come to.

``screen`` measures every candidate in a few launches, enough to tell which are worth a verdict. ``confirm`` takes
those in fresh launches, with other seeds, by a preset of ``mlpbench run``: that a candidate was picked because it
looked good, by luck too, is thereby out of its interval. A launch serves all problems that are asked about together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import plan as planning
from bench import series, stats, summary
from bench.advice.problems import AS_IT_IS, COPIED, Problem, Sizes, named, own
from bench.case import CONTROL, Case, Group
from bench.plan import Plan, Planned
from bench.stats import Comparison
from bench.store import Records
from bench.studies import with_control
from bench.survey import Survey

__all__ = ["CONFIRM", "SCREEN", "Measure", "Result", "Settings", "Unmeasurable", "confirm", "screen"]

SCREEN, CONFIRM = "screen", "confirm"
SEEDS = (SCREEN, CONFIRM, "wide", "final")  # of the studies: a thousand apart, since every launch adds its number
SCREEN_LAUNCHES, SCREEN_ROUNDS = 2, 12

Row = dict[str, Any]
Floats = NDArray[np.float64]
Measure = Callable[[Plan, float], Records]
Asked = Sequence[tuple[Problem, Sequence[Sizes]]]


@dataclass(frozen=True)
class Settings:
    """How an answer is measured; ``measure`` carries a plan out, to be judged by a margin, and returns its records."""

    measure: Measure
    survey: Survey = field(default_factory=Survey)
    preset: str = "quick"
    margin: float = 0.02
    seed: int = 0


class Unmeasurable(Exception):
    """Why something asked about cannot be measured here."""


@dataclass(frozen=True)
class Result:
    """What a stage came to for one problem.

    Attributes:
        rows: The summary's comparisons with the problem as it is, by sizes.
        times: Seconds per step by sizes, (launches, rounds).
        failed: Why sizes have no row.
        time_s: Of a step of the problem as it is.
        copied: The ratio of copying without padding, 1 where nothing is ever copied.
        control: The control's row, where there is a control.
    """

    rows: Mapping[Sizes, Row]
    times: Mapping[Sizes, Floats]
    failed: Mapping[Sizes, str]
    time_s: float
    copied: float
    control: Row | None

    def compare(self, one: Sizes, other: Sizes) -> Comparison | None:
        """Return how the times of two sizes compare; None where there are too few."""
        return stats.compare(self.times[one], self.times[other])


def screen(
    asked: Asked, settings: Settings, study: str = SCREEN, launches: int = SCREEN_LAUNCHES, rounds: int = SCREEN_ROUNDS
) -> list[Result | None]:
    """Measure these sizes, and copying alone, in a few launches, without a control.

    None for a problem of which no sizes are asked. Raises Unmeasurable where a problem as it is cannot be measured.
    """
    groups = [_group(problem, tried, study, settings, alone=True) for problem, tried in asked if tried]
    planned = [Planned(group, _rounds(rounds, len(group.cases))) for group in groups]
    return _results(asked, Plan(settings.seed, {study: launches}, planned, []), settings)


def confirm(asked: Asked, settings: Settings, study: str = CONFIRM, *, control: bool = True) -> list[Result | None]:
    """Measure these sizes for a verdict, by the preset; otherwise as ``screen``."""
    groups = [_group(problem, tried, study, settings) for problem, tried in asked if tried]
    groups = [with_control(group) if control else group for group in groups]
    return _results(asked, planning.make(groups, settings.survey, settings.preset, settings.seed), settings)


def _group(problem: Problem, tried: Sequence[Sizes], study: str, settings: Settings, *, alone: bool = False) -> Group:
    seed = settings.seed + 1000 * SEEDS.index(study)
    cases: list[Case] = [problem.case(study, sizes, seed) for sizes in (own(problem), *tried)]
    if alone and any(dimension.copied for dimension in problem.dimensions):
        cases.append(problem.case(study, own(problem), seed, copied=True))
    return Group(study, problem.title, tuple(cases), AS_IT_IS)


def _rounds(rounds: int, cases: int) -> int:
    """Return the rounds, in whole Williams squares where one has no more rows than there are rounds."""
    return planning.whole_squares(rounds, cases) if planning.whole_squares(1, cases) <= rounds else rounds


def _results(asked: Asked, plan: Plan, settings: Settings) -> list[Result | None]:
    if not plan.groups:
        return [None] * len(asked)
    records = settings.measure(plan, settings.margin)
    derived = summary.summarize(records)
    rounds = {case.id: planned.rounds for planned in plan.groups for case in planned.group.cases}
    times = series.times(records, rounds)
    return [_result(problem, tried, derived, times) if tried else None for problem, tried in asked]


def _result(problem: Problem, tried: Sequence[Sizes], derived: Row, times: Mapping[str, Floats]) -> Result:
    compared = {row["case"]: row for row in derived["comparisons"] if row["group"] == problem.title}
    cases = {row["case"]: row for row in derived["cases"] if row["group"] == problem.title}
    baseline = cases[AS_IT_IS]
    if baseline["time_s"] is None or baseline["status"] != "measured":
        raise Unmeasurable(f"{problem.title}: {baseline['reason'] or baseline['status']}")
    names = {sizes: named(problem, sizes) for sizes in (own(problem), *tried)}
    return Result(
        rows={sizes: compared[name] for sizes, name in names.items() if name in compared},
        times={sizes: times[key] for sizes, name in names.items() if (key := _key(baseline, name)) in times},
        failed={sizes: cases[name]["reason"] or cases[name]["status"] for sizes, name in names.items()
                if name not in compared and name != AS_IT_IS},
        time_s=baseline["time_s"],
        copied=compared[COPIED]["ratio"] if COPIED in compared else 1.0,
        control=compared.get(CONTROL),
    )  # fmt: skip


def _key(baseline: Row, name: str) -> str:
    return f"{baseline['study']}/{baseline['group']}/{name}"
