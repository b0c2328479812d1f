"""What sentences and tables tell of cases on a GPU: changes of kernel, what to ask, and both clocks."""

from __future__ import annotations

from typing import Any

import pytest

from reports import kernels, products, tables
from reports.cells import Table
from reports.findings import ODD, findings
from tests.reports import gpu, wide

Record = dict[str, Any]


def plain(texts: list[str]) -> str:
    joined = " ".join(texts).replace("\N{MULTIPLICATION SIGN}", "x")
    return joined.replace("\N{EN DASH}", "-").replace("\xa0", " ")


def lines(table: Table) -> list[dict[str, str]]:
    headings = [heading for heading, _ in table.columns]
    found = [line for section in table.sections for line in section.rows]
    return [dict(zip(headings, (cell.text for cell in line), strict=True)) for line in found]


# Findings


def told_of(summary: Record, start: str) -> str:
    (text,) = [one for one in products.odd(summary) if one.startswith(start)]
    return plain([text])


def test_a_change_of_kernel_is_told_as_likely_and_not_as_shown() -> None:
    _, summary = gpu.make()
    text = told_of(summary, "torch bfloat16 (cuda) — slower per unit of arithmetic than 1024")
    other = "cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_tn_align1"
    assert f"By the profiler 1025 and 1026 run `{other}`, 1024 `{gpu.ALIGNED}`: another kernel goes with" in text
    assert "likely cause and proves nothing" in text
    assert "1028 runs the same kernel as 1024" in text


def test_sizes_that_are_equivalent_need_no_cause() -> None:
    _, summary = gpu.make()
    for row in summary["cases"]:
        if row["group"] == "torch matmul bfloat16 cuda" and row["case"] == "1032":
            row["kernels"] = ["yet another"]
    assert "yet another" not in told_of(summary, "torch bfloat16 (cuda) — slower per unit of arithmetic than 1024")


def test_without_a_profiler_nothing_is_said_of_kernels() -> None:
    assert "kernel" not in plain(products.odd(gpu.make(profiled=False)[1]))
    assert "kernel" not in plain(products.odd(wide.make()[1]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (gpu.UNALIGNED, "cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_256x128_32x3_tn_align1"),
        ("void gemmSN_TN_kernel<float, 128>(cublasGemmParams)", "gemmSN_TN_kernel<float, 128>"),
        ("void at::native::(anonymous namespace)::fill<2>(int)", "at::native::fill<2>"),
        ("x" * 100, "x" * 71 + "\N{HORIZONTAL ELLIPSIS}"),
        ("a`b", "a'b"),
        ("", "unnamed"),
    ],
)
def test_a_kernel_is_named_by_what_tells_it_from_others(name: str, expected: str) -> None:
    assert kernels.short(name) == expected


def test_many_kernels_are_counted() -> None:
    assert kernels.said(("a", "b", "a", "c", "d", "e")) == "`a`, `b`, `c` and 2 more"


def test_kernels_in_another_order_are_the_same() -> None:
    assert not kernels.Kernels(("a", "b"), ("b", "a", "a")).differ
    assert kernels.Kernels(("a", "b"), ("b",)).differ


def test_where_a_size_costs_more_than_the_margin_the_command_to_ask_is_given() -> None:
    run, summary = gpu.make()
    row = gpu.comparison(summary, "torch matmul bfloat16 cuda, base 4096", "4097")
    row.update(ratio=1.9, ci_low=1.88, ci_high=1.92)
    (text,) = products.padding(run, summary)
    command = "mlpbench advise --m 4097 --k 4097 --n 4097 --library torch --dtype bfloat16 --device cuda"
    assert f"`{command}` (1.90x here)" in plain([text])
    assert text in [one.text for one in findings(run, summary) if one.question == ODD]
    for row in summary["comparisons"]:
        row.update(ratio=1.019, ci_low=1.015, ci_high=1.023, verdict="slower")
    assert products.padding(run, summary) == []
    assert len(products.padding(run | {"margin": 0.01}, summary)) == 1


def test_the_command_has_the_costliest_size_and_the_threads_it_was_measured_with() -> None:
    run, summary = wide.make(("numpy", "torch"))
    for row in summary["comparisons"]:
        row.update(ratio=1.0, ci_low=0.99, ci_high=1.01, verdict="equivalent")
    for k, ratio in ((1025, 1.1), (1023, 1.2)):
        row = next(one for one in summary["comparisons"] if one["group"] == "numpy matmul float64 cpu, k alone"
                   and one["k"] == k)  # fmt: skip
        row.update(ratio=ratio, ci_low=ratio - 0.02, ci_high=ratio + 0.02, verdict="slower")
    (text,) = products.padding(run, summary)
    assert "`mlpbench advise --m 1024 --k 1023 --n 1024 --library numpy --dtype float64 --threads 2`" in text
    assert text.count("--m") == 1


@pytest.mark.parametrize(
    "change", [{"marked": True}, {"verdict": "inconclusive"}, {"provider": "jax"}, {"dtype": "int8"}, {"stack": 4}]
)
def test_nothing_is_advised_without_a_verdict_or_where_advice_cannot_be_asked(change: Record) -> None:
    run, summary = gpu.make()
    for row in summary["comparisons"]:
        row.update(change)
    assert products.padding(run, summary) == []


# Tables


def test_both_clocks_and_the_kernels_are_beside_one_another() -> None:
    _, summary = gpu.make()
    row = next(one for one in summary["cases"] if (one["group"], one["case"]) == ("torch matmul bfloat16 cuda", "1025"))
    row.update(time_s=1e-3, time_low=0.99e-3, time_high=1.01e-3, device_time_s=0.97e-3, device_time_low=0.96e-3,
               device_time_high=0.98e-3, kernel_s=0.9e-3)  # fmt: skip
    (table,) = [one for one in tables.cases(summary) if one.title == "Matrix products"]
    found = next(line for line in lines(table) if line["by the device's clock"].startswith("970"))
    assert plain([found["time per product, 95 % interval"]]) == "1.00 ms (0.990-1.01)"
    assert plain([found["by the device's clock"]]) == "970 µs (960-980)"
    assert [plain([found[name]]) for name in ("in kernels", "launching and waiting")] == ["900 µs", "70.0 µs"]
    assert "Kernels are timed by the profiler" in table.note
    hints = {cell.hint for one in table.sections for line in one.rows for cell in line}
    assert gpu.UNALIGNED in hints


def test_without_a_gpu_there_are_no_columns_of_its() -> None:
    for table in tables.cases(wide.make()[1]):
        headings = {name for name, _ in table.columns}
        assert not {"by the device's clock", "in kernels", "launching and waiting"} & headings
        assert "profiler" not in table.note


def test_a_device_s_clock_without_a_profiler_has_no_columns_of_kernels() -> None:
    (table,) = tables.cases(gpu.make(profiled=False)[1])
    headings = [name for name, _ in table.columns]
    assert "by the device's clock" in headings
    assert not {"in kernels", "launching and waiting"} & set(headings)
    assert "until all is synchronised" in table.note
    assert "profiler" not in table.note
