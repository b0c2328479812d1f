"""What is attainable, how much of it a case uses and what is in the way, from times of known truth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import roofline, summary, workloads
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import network, with_control
from mlp_impls import Shape

Row = dict[str, Any]

MIB = 1 << 20
LAUNCHES, ROUNDS, STEPS = 5, 20, 10
SAME = {"device": "cpu", "dtype": "float32", "threads": 2}


def peak(rate: float = 100e9, low: float | None = 98e9, high: float | None = 103e9, **other: Any) -> Row:
    return {**SAME, "flop_rate": rate, "low": low, "high": high} | other


def roof(bandwidth: float, capacity: int | None, **other: Any) -> Row:
    ends = {"low": 0.9 * bandwidth, "high": 1.2 * bandwidth}
    return {"device": "cpu", "threads": 2, "bandwidth": bandwidth, "capacity": capacity, **ends} | other


def floor(time_s: float, implementation: str = "torch_concise", depth: int | None = 1, **other: Any) -> Row:
    return {**SAME, "implementation": implementation, "depth": depth, "time_s": time_s} | other


ROOFS = (roof(200e9, 2 * MIB), roof(80e9, 32 * MIB), roof(10e9, None))


def limits(peaks: tuple[Row, ...] = (peak(),), roofs: tuple[Row, ...] = ROOFS, floors: tuple[Row, ...] = ()) -> Any:
    return {"peaks": list(peaks), "roofs": list(roofs), "floors": list(floors)}


def step(flops: float = 1e9, size: float = MIB, time_s: float | None = 0.02, **other: Any) -> Row:
    """A training step: so many FLOPs and bytes in so many seconds."""
    times = {"time_s": time_s, "time_low": time_s and 0.96 * time_s, "time_high": time_s and 1.03 * time_s}
    return {
        "study": "throughput", "case": "torch_concise", "group": "784-8-10", "implementation": "torch_concise",
        "depth": 1, "batch": 256, "throughput_unit": "examples/s", "throughput": time_s and 256 / time_s, **SAME,
        "flops": flops, "bytes": size, "arithmetic_intensity": flops / size, **times,
    } | other  # fmt: skip


def test_attainable_is_the_peak_where_memory_feeds_it() -> None:
    found = roofline.place(step(flops=1e9, size=MIB, time_s=0.02), limits())
    assert found["attainable"] == 100e9  # 954 FLOP per byte at 200 GB/s would be 191 TFLOP/s
    assert found["percent_of_attainable"] == pytest.approx(50)
    assert found["bound_by"] == "compute"


@pytest.mark.parametrize(
    ("size", "bandwidth"), [(1000, 200e9), (2 * MIB, 200e9), (2 * MIB + 1, 80e9), (32 * MIB, 80e9), (33 * MIB, 10e9)]
)
def test_memory_is_the_nearest_level_that_holds_what_is_moved(size: int, bandwidth: float) -> None:
    found = roofline.place(step(flops=0.1 * size, size=size, time_s=size / bandwidth * 4), limits())
    assert found["attainable"] == pytest.approx(0.1 * bandwidth)
    assert found["percent_of_attainable"] == pytest.approx(25)
    assert found["bound_by"] == "memory"


def test_a_level_is_as_fast_as_any_that_is_farther() -> None:
    found = roofline.place(step(flops=1000, size=1000), limits(roofs=(roof(5e9, 2 * MIB), roof(10e9, None))))
    assert found["attainable"] == 10e9


def test_intervals_of_a_case_and_of_its_limit_add_up_in_quadrature() -> None:
    found = roofline.place(step(), limits())
    low = 50 * math.exp(-math.hypot(math.log(1.03), math.log(1.03)))  # the case slower, the peak higher
    high = 50 * math.exp(math.hypot(math.log(1 / 0.96), math.log(100 / 98)))
    assert (found["percent_low"], found["percent_high"]) == pytest.approx((low, high))
    bound = roofline.place(step(flops=100, size=1000, time_s=1e-6), limits())
    assert bound["percent_low"] == pytest.approx(0.5 * math.exp(-math.hypot(math.log(1.03), math.log(1.2))))


@pytest.mark.parametrize(
    "placed",
    [
        roofline.place(step(time_low=None, time_high=None), limits()),
        roofline.place(step(), limits(peaks=(peak(low=None, high=None),))),
    ],
)
def test_without_one_of_the_intervals_there_is_a_share_and_no_interval(placed: Row) -> None:
    assert placed["percent_of_attainable"] == pytest.approx(50)
    assert (placed["percent_low"], placed["percent_high"]) == (None, None)


def test_a_median_outside_its_own_interval_does_not_turn_it_over() -> None:
    row = step(time_low=0.021, time_high=0.022)  # the rate, 50 GFLOP/s, is above both of its ends
    found = roofline.place(row, limits())
    assert found["percent_low"] == pytest.approx(50 * math.exp(-math.hypot(math.log(1.1), math.log(1.03))))
    assert found["percent_high"] == pytest.approx(50 * 100 / 98)  # the peak's part alone


@pytest.mark.parametrize(
    ("floors", "bound"),
    [
        ((), "compute"),
        ((floor(0.01),), "launch"),
        ((floor(0.0099),), "compute"),
        ((floor(0.019, implementation="torch_manual"),), "compute"),
        ((floor(0.019, implementation="torch_concise:eager"),), "compute"),
        ((floor(0.019, depth=3),), "compute"),
        ((floor(0.019, depth=None),), "compute"),
        ((floor(0.019, dtype="float64"),), "compute"),
        ((floor(0.019, threads=1),), "compute"),
        ((floor(0.019, device="cuda"),), "compute"),
    ],
)
def test_launching_is_in_the_way_where_the_same_with_nothing_to_compute_takes_half_as_long(
    floors: tuple[Row, ...], bound: str
) -> None:
    assert roofline.place(step(), limits(floors=floors))["bound_by"] == bound


def test_a_product_has_the_floor_of_its_library() -> None:
    product = step(study="alignment", implementation="torch", depth=None, batch=None, throughput_unit="FLOP/s")
    floors = (floor(0.012, "numpy", None), floor(0.011, "torch", None))
    found = roofline.place(product, limits(floors=floors))
    assert (found["floor_s"], found["bound_by"]) == (0.011, "launch")
    assert found["percent_of_attainable"] == pytest.approx(50)


def test_an_epoch_is_as_many_launches_as_it_has_steps_and_each_step_is_held_by_a_cache() -> None:
    epoch = step(flops=1e9, size=100 * MIB, time_s=0.2, throughput=100 * 256 / 0.2)
    found = roofline.place(epoch, limits(floors=(floor(0.0011),)))
    assert (found["floor_s"], found["bound_by"]) == (0.0011, "launch")
    assert found["attainable"] == 100e9  # at the bandwidth of main memory it would be 95 GFLOP/s


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"dtype": "float64"}, {"threads": 1}])
def test_no_peak_is_borrowed_from_another_device_dtype_or_number_of_threads(other: Row) -> None:
    assert set(roofline.place(step(**other), limits(floors=(floor(0.02),))).values()) == {None}
    assert set(roofline.place(step(), limits(peaks=(peak(**other),))).values()) == {None}


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"threads": 1}])
def test_no_bandwidth_is_borrowed_either(other: Row) -> None:
    assert set(roofline.place(step(), limits(roofs=(roof(10e9, None, **other),))).values()) == {None}


@pytest.mark.parametrize(
    "row",
    [
        step(study="roofline"),
        step(time_s=None),
        step(flops=0),
        step(study="memory", throughput_unit="B/s"),
    ],
)
def test_what_limits_are_made_of_and_what_cannot_be_placed_is_left_blank(row: Row) -> None:
    assert roofline.place(row, limits(floors=(floor(0.02),))) == roofline.BLANK


def test_without_peaks_or_roofs_all_is_blank() -> None:
    assert roofline.place(step(), limits(peaks=())) == roofline.BLANK
    assert roofline.place(step(), limits(roofs=())) == roofline.BLANK


@pytest.mark.parametrize(("low", "told"), [(104.9, 0), (105.1, 1), (None, 0)])
def test_what_surely_exceeds_the_attainable_is_told_as_an_error(low: float | None, told: int) -> None:
    rows = [step() | {"percent_of_attainable": 112.0, "percent_low": low}]
    found = roofline.excesses([*rows, step() | {"percent_of_attainable": 150.0, "percent_low": None}])
    assert len(found) == told
    assert all("torch_concise in 784-8-10 reaches 112 %" in text and "error to be found" in text for text in found)


# From records to the tables


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


def test_a_case_that_picks_other_kernels_is_held_against_nothing() -> None:
    as_set = product("torch", 1024, "torch steering cpu", study="alignment", name="as set")
    group = Group(
        "alignment", as_set.group, (as_set, replace(as_set, name="without X", variables={"X": None})), "as set"
    )
    plan = Plan(0, {"alignment": LAUNCHES}, [Planned(group, ROUNDS)], [])
    rows = [step(study="alignment", group=group.name, case=case.name, implementation="torch", depth=None, batch=None,
                 throughput_unit="FLOP/s") for case in group.cases]  # fmt: skip
    roofline.hold(plan, rows, limits())
    assert [row["percent_of_attainable"] for row in rows] == [pytest.approx(50), None]


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
