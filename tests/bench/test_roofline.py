"""What is attainable, how much of it a case uses and what is in the way, from times of known truth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bench import roofline
from bench.case import Case, Group
from bench.plan import Plan, Planned

Row = dict[str, Any]

MIB = 1 << 20
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


def test_a_case_that_picks_other_kernels_is_held_against_nothing() -> None:
    sizes = dict.fromkeys("mkn", 1024) | {"stack": 1}
    as_set = Case("alignment", "torch steering cpu", "as set", "matmul", "torch", "torch", sizes, threads=2)
    other = replace(as_set, name="without X", variables={"X": None})
    plan = Plan(0, {"alignment": 5}, [Planned(Group("alignment", as_set.group, (as_set, other), "as set"), 20)], [])
    rows = [step(study="alignment", group=as_set.group, case=case.name, implementation="torch", depth=None, batch=None,
                 throughput_unit="FLOP/s") for case in (as_set, other)]  # fmt: skip
    roofline.hold(plan, rows, limits())
    assert [row["percent_of_attainable"] for row in rows] == [pytest.approx(50), None]
