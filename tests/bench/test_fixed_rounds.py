"""Groups whose rounds their study fixes: a budget leaves them alone, and with fewer than 20 there is no verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import budget, comparisons, stats
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import with_control

LEAST = stats.LEAST_ROUNDS


def group(name: str, rounds: int | None = None, launches: int | None = None) -> Group:
    sizes = dict.fromkeys("mkn", 8) | {"stack": 1}
    cases = tuple(Case("alignment", name, case, "matmul", "numpy", "numpy", sizes) for case in ("1024", "1025"))
    return with_control(Group("alignment", name, cases, "1024", launches, rounds))


def planned(*groups: Group, budget_s: float | None = None) -> Plan:
    entries = [Planned(one, one.rounds or 24) for one in groups]
    return Plan(0, {"alignment": 5}, entries, [], budget_s)


def records(plan: Plan, launch_s: float = 10.0, sample_s: float = 0.1) -> Records:
    """Three launches that a budget is planned from: so many seconds each, and so many a sample."""
    generator = np.random.default_rng(0)
    samples: list[dict[str, Any]] = []
    outcomes: list[dict[str, Any]] = []
    for launch in (-2, -3, -4):
        at_s = 0.0
        for entry in plan.groups:
            for number in range(entry.rounds):
                for position, case in enumerate(entry.group.cases):
                    at_s += sample_s
                    elapsed = sample_s * float(np.exp(0.01 * generator.standard_normal()))
                    samples.append({"case": case.id, "launch": launch, "attempt": 0, "round": number, "steps": 1,
                                    "position": position, "elapsed_s": elapsed, "at_s": at_s})  # fmt: skip
        outcomes.append({"kind": "launch", "study": "alignment", "launch": launch, "attempt": 0, "complete": True,
                         "wall_s": launch_s})  # fmt: skip
    return Records({}, samples, outcomes)


def test_a_study_stays_adjustable_while_any_of_its_groups_is_open() -> None:
    assert budget.adjustable(planned(group("open"), group("few", 4))) == ["alignment"]
    assert budget.adjustable(planned(group("few", 4))) == []


def test_launches_that_are_fixed_keep_a_study_out() -> None:
    assert budget.adjustable(planned(group("open"), group("epochs", 10, 5))) == []


def test_a_budget_leaves_fixed_rounds_alone() -> None:
    plan = budget.unsettled(planned(group("open"), group("few", 4), group("more", 24)), 600.0)
    assert {entry.group.name: entry.rounds for entry in plan.groups} == {"open": 24, "few": 4, "more": 24}
    settled, fits = budget.settle(plan, records(plan), 600.0)
    found = {entry.group.name: entry.rounds for entry in settled.groups}
    assert fits
    assert (found["few"], found["more"]) == (4, 24)
    assert settled.launches["alignment"] > 5 or found["open"] > 24
    assert len(settled.groups) == 3


def test_groups_of_a_study_that_is_kept_out_stay_in_the_plan() -> None:
    plan = planned(group("open"), group("epochs", 10, 5))
    settled, _ = budget.settle(plan, records(plan), 600.0)
    assert [entry.group.name for entry in settled.groups] == ["open", "epochs"]
    assert settled.launches == plan.launches


def test_fixed_rounds_are_part_of_what_a_launch_costs() -> None:
    """30 s a launch: 24 rounds of three samples are 7.1 s of it, as the first sample ends when the span begins."""
    plan = planned(group("open"), group("more", 24))
    cost = budget._cost(plan, records(plan, launch_s=30.0), "alignment")
    assert cost.launch_s == pytest.approx(30.0 - 7.1)
    assert cost.round_s == pytest.approx(7.1 / 24)


def test_a_budget_is_kept_with_the_fixed_rounds_in_it() -> None:
    plan = budget.unsettled(planned(group("open"), group("more", 24)), 400.0)
    recorded = records(plan, launch_s=30.0)
    settled, _ = budget.settle(plan, recorded, 400.0)
    cost = budget._cost(plan, recorded, "alignment")
    rounds = next(entry.rounds for entry in settled.groups if entry.group.name == "open")
    assert settled.launches["alignment"] * (cost.launch_s + rounds * cost.round_s) <= 400.0


def test_what_gets_no_verdict_does_not_keep_a_run_from_being_precise() -> None:
    """The few rounds of one group scatter by a factor of ten; those of the other not at all."""
    plan = planned(group("open"), group("few", 4))
    recorded = records(plan)
    generator = np.random.default_rng(1)
    for sample in recorded.samples:
        sample["launch"] += 4
        sample["elapsed_s"] = 0.1 if "open" in sample["case"] else 0.1 * float(10 ** generator.standard_normal())
    for outcome in recorded.outcomes:
        outcome["launch"] += 4
    found = budget.intervals(plan, recorded, "alignment")
    assert len(found) == 2
    assert all(one.ci_high / one.ci_low < 1.001 for one in found)


def compared(rounds: int, launches: int = 10, lost: int = 0) -> list[dict[str, Any]]:
    """A case that is a fifth slower than its baseline, beyond any doubt."""
    one = group("few", rounds)
    generator = np.random.default_rng(0)
    speeds = {"1024": 1.0, "1025": 1.2, "control": 1.0}
    times = {
        case.id: speeds[case.name] * np.exp(0.001 * generator.standard_normal((launches, rounds))) for case in one.cases
    }
    for values in times.values():
        values[0, :lost] = np.nan
    flagged = {"any": {case.id: np.zeros((launches, rounds), dtype=bool) for case in one.cases}}
    return comparisons.compare([Planned(one, rounds)], times, flagged, {}, 0.02)


def test_with_fewer_than_twenty_rounds_there_is_no_verdict() -> None:
    rows = compared(LEAST - 1)
    assert {row["verdict"] for row in rows} == {"inconclusive"}
    assert {row["reason"] for row in rows} == {"fewer than 20 rounds"}
    assert rows[0]["ratio"] == pytest.approx(1.2, rel=0.01)
    assert not any(row["sensitive"] for row in rows)


def test_with_twenty_there_is_one() -> None:
    slower, control = compared(LEAST)
    assert (slower["verdict"], slower["reason"]) == ("slower", None)
    assert control["verdict"] == "equivalent"


def test_a_sample_that_was_lost_takes_no_verdict_away() -> None:
    assert compared(LEAST, lost=3)[0]["verdict"] == "slower"
    assert compared(LEAST, lost=3)[0]["rounds"] == LEAST - 3


def test_too_few_launches_are_told_first() -> None:
    assert {row["reason"] for row in compared(4, launches=3)} == {"fewer than 5 launches"}


def test_the_plan_that_a_record_holds_says_which_rounds_are_fixed() -> None:
    plan = replace(planned(group("open"), group("few", 4)), budget_s=60.0)
    read = Plan.from_json(plan.to_json(), 0)
    assert [entry.group.rounds for entry in read.groups] == [None, 4]
    assert budget.adjustable(read) == ["alignment"]
