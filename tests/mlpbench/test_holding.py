"""What a reference run says holds, from made-up summaries."""

from __future__ import annotations

from typing import Any

import pytest

from mlpbench import holding
from mlpbench.reference_parts import PARTS

Row = dict[str, Any]


def comparison(case: str, verdict: str, study: str = "throughput") -> Row:
    return {"study": study, "group": "g", "case": case, "verdict": verdict, "control": False}


def step(provider: str, time_s: float, **fields: Any) -> Row:
    named = {"study": "throughput", "control": False, "status": "measured", "provider": provider, "depth": 1}
    return named | {
        "implementation": provider, "time_s": time_s, "flop_rate": 1 / time_s, "width": 256, "batch": 256,
        "dtype": "float32", "group": "g",
    } | fields  # fmt: skip


def whole(**parts: Row) -> dict[str, Row]:
    empty: Row = {"comparisons": [], "cases": [], "facts": {}, "whole": True, "curves": [], "reproduced": []}
    return {part.name: empty | parts.get(part.name.replace("-", "_"), {}) for part in PARTS}


def judged(found: dict[str, Row], device: str = "cuda") -> dict[str, holding.Judged]:
    claims = holding.judge(found, device)
    assert len({one.wanted for one in claims}) == len(claims)
    return {one.wanted: one for one in claims}


def state(found: dict[str, Row], words: str, device: str = "cuda") -> str:
    (one,) = (one for wanted, one in judged(found, device).items() if words in wanted)
    return one.state


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("faster", "slower", "missed"),
        ("slower", "faster", "missed"),
        ("faster", "equivalent", "holds"),
        ("slower", "slower", "holds"),
    ],
)
def test_a_reversed_verdict_is_missed(first: str, second: str, expected: str) -> None:
    found = whole(
        throughput={"comparisons": [comparison("a", first)]},
        throughput_again={"comparisons": [comparison("a", second), comparison("b", "faster")]},
    )
    assert state(found, "no verdict of throughput") == expected


def test_a_study_is_compared_with_itself_alone() -> None:
    found = whole(
        throughput={"comparisons": [comparison("a", "faster", "roofline"), comparison("b", "faster")]},
        throughput_again={"comparisons": [comparison("a", "slower", "roofline"), comparison("b", "faster")]},
    )
    assert state(found, "no verdict of throughput") == "holds"


def test_what_is_not_measured_yet_is_open() -> None:
    assert {one.state for one in judged({}).values()} == {"open"}
    half = whole(throughput={"whole": False})
    assert "throughput" in next(one for key, one in judged(half).items() if "captured step" in key).measured


def test_what_needs_a_gpu_is_open_without_one() -> None:
    found = whole(throughput={"cases": [step("torch_cudagraph", 1.0)]})
    assert state(found, "captured step") == "missed"
    assert state(found, "captured step", "cpu") == "open"


@pytest.mark.parametrize(("seconds", "expected"), [(14e-6, "holds"), (16e-6, "missed")])
@pytest.mark.parametrize(
    ("provider", "implementation"),
    [
        ("torch_cudagraph", "torch_cudagraph"),
        ("torch_cudagraph", "torch_cudagraph:forked"),
        ("triton_fused", "triton_fused"),
    ],
)
def test_the_fastest_captured_step_counts_and_is_named(
    seconds: float, expected: str, provider: str, implementation: str
) -> None:
    others = [step(name, 30e-6) for name in ("torch_cudagraph", "triton_fused")]
    uncounted = [
        step("torch_concise", 1e-6),
        *(step(provider, 1e-6, **other) for other in ({"width": 16}, {"batch": 512}, {"dtype": "bfloat16"})),
        *(step(provider, 1e-6, **other) for other in ({"depth": 2}, {"control": True}, {"status": "failed"})),
    ]
    cases = [*others, step(provider, seconds, implementation=implementation), *uncounted]
    (one,) = (one for key, one in judged(whole(throughput={"cases": cases})).items() if "captured step" in key)
    assert (one.state, one.measured) == (expected, f"{seconds * 1e6:.1f} µs by {implementation}")


def test_without_a_captured_step_it_is_open() -> None:
    assert state(whole(throughput={"cases": [step("torch_concise", 1e-6)]}), "captured step") == "open"


@pytest.mark.parametrize(("rate", "expected"), [(0.76, "holds"), (0.74, "missed")])
def test_the_share_of_the_peak_of_the_same_dtype(rate: float, expected: str) -> None:
    large = {"width": 8192, "depth": 3, "batch": 8192, "dtype": "bfloat16"}
    peaks = [{"dtype": "bfloat16", "flop_rate": 1.0}, {"dtype": "float32", "flop_rate": 0.1}]
    found = whole(wide={"peaks": peaks, "cases": [step("torch_compile", 1.0, **large | {"flop_rate": rate})]})
    assert state(found, "bfloat16 peak") == expected


@pytest.mark.parametrize(("other", "expected"), [(1.6e-6, "holds"), (1.4e-6, "missed")])
def test_the_fused_step_must_be_faster_at_every_narrow_width(other: float, expected: str) -> None:
    narrow, wide = {"width": 16, "group": "16"}, {"width": 1024, "group": "1024"}
    cases = [
        *(step("triton_fused", 1e-6, **size) for size in (narrow, wide)),
        step("torch_cudagraph", other, **narrow),
        step("torch_cudagraph", 1e-7, **wide),
        step("torch_cudagraph", 1e-7, **narrow, implementation="torch_cudagraph:forked"),
    ]
    assert state(whole(throughput={"cases": cases}), "triton_fused") == expected


@pytest.mark.parametrize(
    ("total", "verdict", "expected"),
    [(0.9, "reproduced", "holds"), (1.1, "reproduced", "missed"), (0.9, "not reproduced", "missed")],
)
def test_ten_epochs_count_by_their_longest_seed_and_only_if_they_learn(
    total: float, verdict: str, expected: str
) -> None:
    curves = [{"group": "g", "case": "a", "total_s": seconds} for seconds in (0.1, total)]
    accuracy = {"curves": curves, "reproduced": [{"group": "g", "case": "a", "verdict": verdict}]}
    assert state(whole(accuracy=accuracy), "ten epochs") == expected


@pytest.mark.parametrize(("name", "implied", "expected"), [
    ("NVIDIA H200", 4.9e12, "holds"), ("NVIDIA H200", 3.3e12, "missed"), ("NVIDIA A10", 4.9e12, "open"),
    ("NVIDIA H200", None, "open"),
])  # fmt: skip
def test_implied_bandwidth_is_judged_where_a_data_sheet_is_known(
    name: str, implied: float | None, expected: str
) -> None:
    facts = {"gpu": {"gpu0_name": {"value": name}, "gpu0_implied_bandwidth": {"value": implied}}}
    assert state(whole(memory={"facts": facts}), "data sheet") == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.86, "holds"), (0.84, "missed")])
def test_triad_is_that_of_the_largest_working_set_on_the_gpu(rate: float, expected: str) -> None:
    def row(device: str, size: int, bandwidth: float) -> Row:
        return {"kernel": "triad", "device": device, "working_set": size, "bandwidth": bandwidth}

    facts = {"gpu": {"gpu0_implied_bandwidth": {"value": 1.0}}}
    rows = [row("cpu", 9, 5.0), row("cuda", 1, 5.0), row("cuda", 2, rate)]
    assert state(whole(memory={"facts": facts, "bandwidths": rows}), "triad") == expected


def square(size: int, event_s: float, kernel_s: float | None = 1.0, dtype: str = "float32", **fields: Any) -> Row:
    return {"study": "roofline", "m": size, "k": size, "n": size, "stack": 1, "device": "cuda", "dtype": dtype,
            "device_time_s": event_s, "kernel_s": kernel_s} | fields  # fmt: skip


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([square(2048, 1.029)], "holds"),
        ([square(2048, 0.971)], "holds"),
        ([square(2048, 1.031)], "missed"),
        ([square(2048, 0.969), square(4096, 1.0)], "missed"),
        ([square(2048, 1.01), square(1024, 1.5)], "holds"),
        ([square(1024, 1.0)], "open"),
        ([square(4096, 1.5, None)], "open"),
        ([square(4096, 1.5, k=4000), square(4096, 1.5, stack=4), square(4096, 1.5, device="cpu")], "open"),
        ([], "open"),
    ],
)
@pytest.mark.parametrize("part", ["wide", "alignment"])
def test_event_time_agrees_with_kernel_time_for_large_squares(cases: list[Row], expected: str, part: str) -> None:
    training = step("torch_concise", 1e-6) | {"device": "cuda", "device_time_s": 2.0, "kernel_s": 1.0}
    assert state(whole(**{part: {"cases": [*cases, training]}}), "profiler kernel time") == expected


def test_how_far_the_clocks_are_apart_is_told_of_large_and_smaller_squares() -> None:
    found = whole(
        wide={"cases": [square(4096, 1.004), square(8192, 0.99, dtype="bfloat16")]},
        alignment={"cases": [square(1024, 1.2), square(1, 11.0)]},
    )
    (told,) = (one.measured for wanted, one in judged(found).items() if "profiler kernel time" in wanted)
    assert told == (
        "2 large products -1.0% to +0.4%, most for 8192 in bfloat16; "
        "2 smaller products +20.0% to +1000.0%, most for 1 in float32"
    )
