"""What starting up costs, and the step at which it has paid for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench import startup, summary
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import with_control

Row = dict[str, Any]
LAUNCHES, ROUNDS = 6, 20
STEP_S = {"torch_concise": 100e-6, "fast": 50e-6, "fast:eager": 80e-6, "slow": 120e-6}
START_S = {"torch_concise": (0.010, 0.002), "fast": (0.011, 0.501), "fast:eager": (0.010, 0.003), "slow": (0.1, 0.1)}
NOISE = np.exp(0.002 * np.random.default_rng(0).standard_normal((LAUNCHES, ROUNDS)))


def samples_of(seconds: float) -> np.ndarray[Any, Any]:
    """Seconds per step, (launches, rounds)."""
    return seconds * NOISE


def row(build_s: float | None, first_step_s: float | None, time_s: float | None = None, **more: Any) -> Row:
    return {"build_s": build_s, "first_step_s": first_step_s, "time_s": time_s, **more}


def records(workload: str = "training_step", **shares: float) -> Records:
    """A run of one group whose start-ups and steps take what the tables above say, a share of the noise left in."""
    parameters: Row = {"inputs": 784, "hidden": [8], "outputs": 10, "batch": 256, "learning_rate": 0.1, "images": 256}
    cases = tuple(
        Case("throughput", "g", name, workload, name.partition(":")[0], "torch", parameters,
             variant=name.partition(":")[2])
        for name in STEP_S
    )  # fmt: skip
    group = with_control(Group("throughput", "g", cases, "torch_concise"))
    plan = Plan(0, {"throughput": LAUNCHES}, [Planned(group, ROUNDS)], [])
    samples, outcomes = [], []
    for case in group.cases:
        who = "torch_concise" if case.control else case.name
        times = samples_of(STEP_S[who]) * shares.get(who, 1.0)
        for (launch, number), seconds in np.ndenumerate(times):
            samples.append({"case": case.id, "launch": launch, "attempt": 0, "round": number, "position": 0,
                            "steps": 1, "elapsed_s": float(seconds)})  # fmt: skip
            if number == 0:
                build_s, first_step_s = START_S[who]
                # Medians are those of launches: one that was held up for a minute changes nothing.
                held_up = 60.0 * (launch == 0)
                outcomes.append({"kind": "start", "case": case.id, "pilot": False, "launch": launch,
                                 "overhead_s": 1e-6,
                                 "build_s": build_s + held_up, "first_step_s": first_step_s + held_up})  # fmt: skip
        outcomes.append({"kind": "start", "case": case.id, "pilot": True, "overhead_s": 1e-6,
                         "build_s": 1.0, "first_step_s": 9.0})  # fmt: skip
        graph = "whole step" if case.name == "fast" else "none"
        outcomes.append({"kind": "conditions", "case": case.id, "conditions": {"graph": graph}, "reasons": {}})
    for launch in range(LAUNCHES):
        outcomes.append({"kind": "launch", "study": "throughput", "launch": launch, "attempt": 0, "complete": True})
    return Records({"plan": plan.to_json(), "seed": 0, "margin": 0.02}, samples, outcomes)


def derived(**options: Any) -> dict[str, Row]:
    return {row["case"]: row for row in summary.summarize(records(**options))["cases"]}


def test_a_later_start_is_paid_for_by_the_steps_it_saves() -> None:
    """0.5 s later, 50 us saved a step: after the first step 10,000 more, hence at the end of step 10,001."""
    found = startup.breakeven(row(0.1, 0.6), row(0.1, 0.1, 100e-6), samples_of(50e-6), samples_of(100e-6))
    assert found == 10_001


@pytest.mark.parametrize("other_s", [100e-6, 97e-6, 63e-6])
def test_it_is_the_first_step_at_which_the_totals_have_crossed(other_s: float) -> None:
    start, other_start, own_s = 0.30171, 0.0123, 50e-6
    found = startup.breakeven(row(0.0, start), row(0.0, other_start, other_s), samples_of(own_s), samples_of(other_s))
    assert found is not None
    assert start + (found - 1) * own_s <= other_start + (found - 1) * other_s
    assert start + (found - 2) * own_s > other_start + (found - 2) * other_s


def test_what_starts_no_later_has_paid_at_its_first_step() -> None:
    other = row(0.1, 0.1, 100e-6)
    assert startup.breakeven(row(0.1, 0.1), other, samples_of(50e-6), samples_of(100e-6)) == 1
    assert startup.breakeven(row(0.0, 0.1), other, samples_of(50e-6), samples_of(100e-6)) == 1


@pytest.mark.parametrize("own_s", [100e-6, 101e-6])
def test_what_is_not_faster_per_step_never_pays(own_s: float) -> None:
    assert startup.breakeven(row(0.0, 0.0), row(0.1, 0.1, 100e-6), samples_of(own_s), samples_of(100e-6)) is None


def test_an_interval_that_reaches_one_is_not_faster() -> None:
    unsure = samples_of(95e-6) * np.array([0.8, 1.2, 0.9, 1.1, 0.95, 1.0])[:, None]
    assert startup.breakeven(row(0.1, 0.6), row(0.1, 0.1, 100e-6), unsure, samples_of(100e-6)) is None


def test_too_few_launches_for_a_verdict_are_too_few_here() -> None:
    few = slice(0, 4)
    times, others = samples_of(50e-6)[few], samples_of(100e-6)[few]
    assert startup.breakeven(row(0.1, 0.6), row(0.1, 0.1, 100e-6), times, others) is None


@pytest.mark.parametrize("lacking", [row(None, 0.6), row(0.1, None)])
def test_a_start_that_was_not_measured_gives_none(lacking: Row) -> None:
    assert startup.breakeven(lacking, row(0.1, 0.1, 100e-6), samples_of(50e-6), samples_of(100e-6)) is None


def test_each_row_is_weighed_against_its_own_eager_variant_else_the_baseline() -> None:
    against = {name: row["breakeven_against"] for name, row in derived().items()}
    assert against == {
        "torch_concise": None, "fast": "fast:eager", "fast:eager": "torch_concise", "slow": "torch_concise",
        "control": None,
    }  # fmt: skip


def test_the_columns_follow_from_medians_over_launches() -> None:
    """0.499 s later than eager, 30 us saved a step."""
    found = {name: row["breakeven_steps"] for name, row in derived().items()}
    assert found["fast"] == pytest.approx(1 + 0.499 / 30e-6, rel=1e-3)
    assert found["fast:eager"] == pytest.approx(1 + 0.001 / 20e-6, abs=1)
    assert found["slow"] is found["torch_concise"] is found["control"] is None


def test_an_eager_variant_that_failed_leaves_the_baseline() -> None:
    run = records()
    run.outcomes.append({"kind": "failure", "case": "throughput/g/fast:eager", "reason": "crashed", "phase": "x"})
    found = {row["case"]: row for row in summary.summarize(run)["cases"]}
    assert found["fast"]["breakeven_against"] == "torch_concise"
    assert found["fast:eager"]["breakeven_against"] is None


def test_only_training_steps_are_weighed() -> None:
    assert {row["breakeven_against"] for row in derived(workload="fed_epoch").values()} == {None}


def test_compiling_is_what_the_first_step_takes_beyond_a_steady_one_where_something_is_compiled() -> None:
    found = derived()
    assert found["fast"]["compile_s"] == pytest.approx(0.501 - 50e-6, abs=1e-6)
    assert found["fast"]["cold_compile_s"] == pytest.approx(9.0, abs=1e-3)
    assert found["fast:eager"]["compile_s"] is None
    assert found["torch_concise"]["cold_compile_s"] is None


def test_a_first_step_that_is_no_slower_took_no_compiling() -> None:
    graph = {"conditions": {"graph": "whole step"}}
    assert startup.compile_s(row(0.1, 0.01, 0.02, **graph), "first_step_s") == 0


@pytest.mark.parametrize("conditions", [None, {}, {"graph": None}])
def test_where_nobody_says_what_is_compiled_its_time_is_unknown(conditions: Row | None) -> None:
    assert startup.compile_s(row(0.1, 0.5, 0.02, conditions=conditions), "first_step_s") is None
