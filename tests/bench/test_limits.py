"""From records to the limits of a machine, and its cases held against them; FLOPs are what torch counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import summary, workloads
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import network, with_control
from mlp_impls import Shape

Row = dict[str, Any]

MIB = 1 << 20
LAUNCHES, ROUNDS, STEPS = 5, 20, 10


def product(library: str, size: int, group: str = "peak float32 cpu", **other: Any) -> Case:
    case = Case("roofline", group, f"{library} {size}", "matmul", library, library, threads=2,
                parameters=dict.fromkeys("mkn", size) | {"stack": 1})  # fmt: skip
    return replace(case, **other)


def sweep(kernel: str, size: int, level: str, capacity: int | None) -> Case:
    parameters = {"kernel": kernel, "working_set": size, "assumed_caches": ["l3"], "level": level, "capacity": capacity}
    return Case("roofline", f"bandwidth {kernel} cpu", level, "memory_sweep", "torch", "torch", parameters, threads=2)


def trained(study: str, width: int, batch: int, name: str = "torch_concise") -> Case:
    parameters = network(Shape(hidden=(width,)), batch, 0.1)
    group = f"floor 784-{width}-10" if study == "roofline" else f"784-{width}-10"
    return Case(study, group, name, "training_step", name, "torch", parameters, threads=2)


PEAKS = (product("torch", 1024), product("numpy", 1024), product("torch", 2048))
SWEEPS = tuple(
    sweep(kernel, size, level, capacity)
    for kernel in ("copy", "triad")
    for size, level, capacity in ((MIB, "l2", 2 * MIB), (128 * MIB, "memory", None))
)
TRAINED = (trained("throughput", 256, 256), trained("throughput", 256, 256, "numpy_scratch"))
RATES = {"torch 1024": 80e9, "numpy 1024": 90e9, "torch 2048": 70e9}
BANDWIDTHS = {("copy", "l2"): 100e9, ("triad", "l2"): 200e9, ("copy", "memory"): 12e9, ("triad", "memory"): 11e9}
CALL_S = 1e-6


def truth(case: Case) -> float:
    """The seconds of a step of each planted case."""
    needed = workloads.work(case)
    if case.workload == "memory_sweep":
        return CALL_S + needed.bytes / BANDWIDTHS[case.parameters["kernel"], case.parameters["level"]]
    if case.group.startswith("peak"):
        return needed.flops / RATES.get(case.name, 80e9)
    return 1e-3 if case.study == "roofline" else needed.flops / 45e9


def derived(lost: tuple[str, ...] = (), studies: tuple[str, ...] = ("roofline", "throughput")) -> Row:
    """The summary of a run in which every case takes what ``truth`` says, with a little noise."""
    floors = Group("roofline", "floor 784-1-10", (trained("roofline", 1, 1),), "")
    groups = [
        with_control(Group("roofline", "peak float32 cpu", PEAKS, "torch 1024")),
        Group("roofline", "bandwidth copy cpu", SWEEPS[:2], "l2"),
        Group("roofline", "bandwidth triad cpu", SWEEPS[2:], "l2"),
        floors,
        with_control(Group("throughput", "784-256-10", TRAINED, "torch_concise")),
    ]  # fmt: skip
    kept = [Planned(group, ROUNDS) for group in groups if group.study in studies]
    plan = Plan(0, dict.fromkeys(studies, LAUNCHES), kept, [])
    generator = np.random.default_rng(0)
    samples = [
        {"case": case.id, "launch": launch, "attempt": 0, "round": number, "position": position, "steps": STEPS,
         "elapsed_s": STEPS * truth(case) * float(np.exp(0.001 * generator.standard_normal())),
         **({"told": {"call_s": CALL_S}} if case.workload == "memory_sweep" and number == 0 else {})}
        for launch in range(LAUNCHES)
        for planned in kept
        for number in range(ROUNDS)
        for position, case in enumerate(planned.group.cases)
    ]  # fmt: skip
    outcomes: list[Row] = [
        {"kind": "launch", "study": study, "launch": launch, "attempt": 0, "complete": True}
        for study in studies
        for launch in range(LAUNCHES)
    ]
    outcomes += [{"kind": "failure", "phase": "sampling", "reason": "crashed", "case": case} for case in lost]
    return summary.summarize(Records({"plan": plan.to_json(), "seed": 0, "margin": 0.02}, samples, outcomes))


@pytest.fixture(scope="module")
def found() -> Row:
    return derived()


def test_the_peak_is_the_fastest_product_with_its_interval(found: Row) -> None:
    [best] = found["peaks"]
    assert (best["case"], best["library"], best["shape"]) == ("numpy 1024", "numpy", "1024 x 1024 x 1024")
    assert best["flop_rate"] == pytest.approx(90e9, rel=0.002)
    assert best["low"] < best["flop_rate"] < best["high"]
    assert best["kind"] == "achieved"


def test_the_roof_of_a_level_is_the_faster_kernel_s_with_the_call_taken_off(found: Row) -> None:
    near, far = found["roofs"]
    assert (near["level"], near["capacity"], near["kernel"], near["assumed"]) == ("l2", 2 * MIB, "triad", False)
    assert near["bandwidth"] == pytest.approx(200e9, rel=0.005)
    assert near["low"] < near["bandwidth"] < near["high"]
    assert (far["level"], far["capacity"], far["kernel"]) == ("memory", None, "copy")


def test_cases_and_comparisons_of_other_studies_are_placed_and_those_of_this_one_are_not(found: Row) -> None:
    for row in (*found["cases"], *found["comparisons"]):
        if row["study"] == "throughput":
            assert row["percent_of_attainable"] == pytest.approx(50, rel=0.005)
            assert row["percent_low"] < row["percent_of_attainable"] < row["percent_high"]
            assert row["bound_by"] == "compute"
        else:
            assert row["percent_of_attainable"] is row["bound_by"] is row["attainable"] is None
    assert {row["study"] for row in found["comparisons"]} == {"roofline", "throughput"}


def test_a_floor_is_that_of_its_implementation_alone(found: Row) -> None:
    rows = {row["case"]: row["floor_s"] for row in found["cases"] if row["study"] == "throughput"}
    assert rows == {"torch_concise": pytest.approx(1e-3, rel=0.01), "control": pytest.approx(1e-3, rel=0.01),
                    "numpy_scratch": None}  # fmt: skip


def test_a_product_that_failed_is_no_peak() -> None:
    [found] = derived(lost=("roofline/peak float32 cpu/numpy 1024",))["peaks"]
    assert found["case"] == "torch 1024"


def test_a_run_without_the_study_holds_nothing_against_anything() -> None:
    found = derived(studies=("throughput",))
    assert (found["peaks"], found["roofs"], found["floors"]) == ([], [], [])
    assert {row["percent_of_attainable"] for row in (*found["cases"], *found["comparisons"])} == {None}


def test_an_excess_is_told_once(found: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found["excesses"] == []
    monkeypatch.setitem(RATES, "numpy 1024", 30e9)
    monkeypatch.setitem(RATES, "torch 1024", 30e9)
    monkeypatch.setitem(RATES, "torch 2048", 30e9)
    beyond = derived()
    assert beyond["excesses"]
    assert not set(beyond["excesses"]) & set(beyond["notes"])


@pytest.mark.parametrize(("stack", "m", "k", "n"), [(1, 5, 7, 3), (4, 5, 7, 3)])
def test_flops_of_products_are_what_the_counter_of_torch_counts(stack: int, m: int, k: int, n: int) -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    a, b = torch.ones(stack, m, k) if stack > 1 else torch.ones(m, k), torch.ones(k, n)
    with FlopCounterMode(display=False) as counter:
        torch.matmul(a, b)
    case = replace(PEAKS[0], parameters={"stack": stack, "m": m, "k": k, "n": n})
    assert workloads.work(case).flops == counter.get_total_flops()


def test_flops_of_the_default_network_are_what_the_counter_of_torch_counts() -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    network = torch.nn.Sequential(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    with FlopCounterMode(display=False) as counter:
        loss = torch.nn.functional.cross_entropy(network(torch.zeros(256, 784)), torch.zeros(256, dtype=torch.int64))
        loss.backward()
    assert workloads.work(TRAINED[0]).flops == counter.get_total_flops() == 209_453_056
