"""Bandwidths and the steps of caches, from times of known truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bench import bandwidths
from bench.case import Case, Group
from bench.hardware import fact
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import with_control

Row = dict[str, Any]

KIB, MIB = 1 << 10, 1 << 20
GIGA = 1e9
CALL_S = 1e-6
LAUNCHES, ROUNDS = 5, 20
FACTS = {
    "caches": {
        "l1d_size": fact(48 * KIB, "planted", "B"),
        "l1d_shared_by": fact(1, "planted"),
        "l2_size": fact(MIB, "planted", "B"),
        "l2_shared_by": fact(1, "planted"),
        "l3_size": fact(32 * MIB, "planted", "B"),
        "l3_shared_by": fact(2, "planted"),
    },
    "cpu": {"threads": fact(2, "planted")},
}
# GB/s within each cache and beyond
TRUTH = {48 * KIB: 400, MIB: 200, 32 * MIB: 100, 1 << 40: 20}


def truth(size: int) -> float:
    return next(rate for capacity, rate in TRUTH.items() if size <= capacity)


def group(sizes: list[int], kernel: str = "copy", threads: int = 1) -> Group:
    name = f"torch {kernel} {threads}"
    cases = tuple(
        Case(
            "memory", name, str(size), "memory_sweep", "torch", "torch", threads=threads,
            parameters={"kernel": kernel, "working_set": size, "assumed_caches": []},
        )
        for size in sizes
    )  # fmt: skip
    return with_control(Group("memory", name, cases, cases[0].name))


def measured(groups: list[Group], rates: Mapping[int, float] | None = None, noise: float = 0.01, told: bool = True,
             facts: Row = FACTS, lost: tuple[str, ...] = ()) -> Row:  # fmt: skip
    """The tables of a run in which a pass takes the call and what memory takes."""
    generator = np.random.default_rng(0)
    times, samples = {}, []
    for case in (case for one in groups for case in one.cases):
        size = case.parameters["working_set"]
        seconds = CALL_S + size / (GIGA * (rates[size] if rates else truth(size)))
        times[case.id] = seconds * np.exp(noise * generator.standard_normal((LAUNCHES, ROUNDS)))
        for launch in range(LAUNCHES):
            sample = {"case": case.id, "launch": launch, "attempt": 0, "round": 0, "steps": 1, "elapsed_s": seconds}
            samples.append(sample | ({"told": {"call_s": CALL_S}} if told else {}))
    outcomes = [
        {"kind": "launch", "study": "memory", "launch": launch, "attempt": 0, "complete": True}
        for launch in range(LAUNCHES)
    ]
    plan = Plan(0, {"memory": LAUNCHES}, [Planned(one, ROUNDS) for one in groups], [])
    run = {"machine": {"facts": facts}}
    return bandwidths.derive(plan, Records(run, samples, outcomes, []), times, lost)


OCTAVES = [24 * KIB << power for power in range(13)]


def by_size(tables: Row) -> dict[int, Row]:
    return {row["working_set"]: row for row in tables["bandwidths"]}


def test_bandwidth_is_streams_bytes_over_time_with_its_interval() -> None:
    row = by_size(measured([group([96 * MIB])]))[96 * MIB]
    assert row["bandwidth"] == pytest.approx(20 * GIGA, rel=0.01)
    assert row["low"] < 20 * GIGA < row["high"]
    assert row["high"] / row["low"] < 1.05
    assert (row["kernel"], row["threads"], row["provider"], row["bytes"]) == ("copy", 1, "torch", 96 * MIB)


@pytest.mark.parametrize(("kernel", "more"), [("copy", 3 / 2), ("read", 1), ("write", 2), ("triad", 4 / 3)])
def test_traffic_of_stores_that_read_first_is_told(kernel: str, more: float) -> None:
    row = by_size(measured([group([96 * MIB], kernel)]))[96 * MIB]
    assert row["bytes_allocating"] == pytest.approx(more * row["bytes"])
    assert row["bandwidth_allocating"] == pytest.approx(more * row["bandwidth"])


def test_points_where_the_call_weighs_are_marked_and_have_a_bandwidth_without_it() -> None:
    found = by_size(measured([group(OCTAVES)]))
    small, middle, large = found[24 * KIB], found[384 * KIB], found[96 * MIB]
    assert small["call_share"] == pytest.approx(0.94, abs=0.01)
    assert small["call_bound"]
    assert small["net_bandwidth"] is None  # too little is left of the time
    assert middle["call_bound"]
    assert middle["bandwidth"] < 140 * GIGA
    assert middle["net_bandwidth"] == pytest.approx(200 * GIGA, rel=0.02)
    assert middle["net_low"] < middle["net_bandwidth"] < middle["net_high"]
    assert found[1536 * KIB]["call_share"] == pytest.approx(0.06, abs=0.01)
    assert not found[1536 * KIB]["call_bound"]
    assert not large["call_bound"]
    assert large["net_bandwidth"] == pytest.approx(large["bandwidth"], rel=0.001)


def test_without_a_measured_call_nothing_is_marked_and_no_step_found() -> None:
    tables = measured([group(OCTAVES)], told=False)
    assert {(row["call_bound"], row["net_bandwidth"]) for row in tables["bandwidths"]} == {(False, None)}
    assert tables["cache_steps"] == []


def test_steps_lie_where_the_caches_end() -> None:
    steps = measured([group(OCTAVES)])["cache_steps"]
    assert [step["caches"] for step in steps] == [["l2"], ["l3"]]
    for step, capacity, before, after in zip(steps, (MIB, 32 * MIB), (200, 100), (100, 20), strict=True):
        assert step["from"] <= capacity <= step["to"]
        assert step["before"] == pytest.approx(before * GIGA, rel=0.03)
        assert step["after"] == pytest.approx(after * GIGA, rel=0.03)
        assert step["kind"] == "derived"


def test_a_gradual_fall_is_one_step() -> None:
    sizes = [4 * MIB << power for power in range(6)]
    rates = dict(zip(sizes, (100, 100, 60, 35, 20, 20), strict=True))
    [step] = measured([group(sizes)], rates)["cache_steps"]
    assert (step["from"], step["to"]) == (8 * MIB, 64 * MIB)
    assert step["before"] / step["after"] == pytest.approx(5, rel=0.03)


def test_working_sets_far_apart_have_a_step_each() -> None:
    steps = measured([group([512 * KIB, 16 * MIB, 128 * MIB])])["cache_steps"]
    assert [(step["from"], step["to"]) for step in steps] == [(512 * KIB, 16 * MIB), (16 * MIB, 128 * MIB)]


def test_a_small_fall_and_one_within_the_noise_are_no_steps() -> None:
    sizes = [8 * MIB, 16 * MIB]
    assert measured([group(sizes)], {8 * MIB: 100, 16 * MIB: 80})["cache_steps"] == []
    assert measured([group(sizes)], {8 * MIB: 100, 16 * MIB: 70}, noise=2.0)["cache_steps"] == []
    assert len(measured([group(sizes)], {8 * MIB: 100, 16 * MIB: 70})["cache_steps"]) == 1


def test_a_rise_is_no_step() -> None:
    assert measured([group([8 * MIB, 16 * MIB])], {8 * MIB: 50, 16 * MIB: 100})["cache_steps"] == []


def test_private_caches_of_several_threads_are_looked_for_together() -> None:
    sizes = [1536 * KIB, 3 * MIB]
    rates = {1536 * KIB: 200, 3 * MIB: 100}
    [step] = measured([group(sizes, threads=2)], rates)["cache_steps"]
    assert step["caches"] == ["l2"]
    [step] = measured([group(sizes)], rates)["cache_steps"]
    assert step["caches"] == []


def test_caches_that_are_not_known_are_not_named() -> None:
    steps = measured([group(OCTAVES)], facts={})["cache_steps"]
    assert [step["caches"] for step in steps] == [[], []]
    known = {"caches": {name: entry for name, entry in FACTS["caches"].items() if "l3" not in name}}
    assert [step["caches"] for step in measured([group(OCTAVES)], facts=known)["cache_steps"]] == [["l2"], []]


def test_the_control_and_what_was_lost_have_no_rows() -> None:
    one = group([8 * MIB, 16 * MIB])
    rows = measured([one], lost=(one.cases[0].id,))["bandwidths"]
    assert [row["case"] for row in rows] == [str(16 * MIB)]


def test_a_run_without_the_study_has_empty_tables() -> None:
    assert measured([]) == {"bandwidths": [], "cache_steps": []}
