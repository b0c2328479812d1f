"""Which library uses how much of this machine: absolute rates, and verdicts only where libraries took turns."""

from __future__ import annotations

import pytest

from reports import libraries, page, rows
from reports.findings import LIBRARIES
from reports.libraries import Rate
from tests.reports.shown import Maker, Record, said

GROUP = "libraries matmul float32 cpu"


def found(run: Record, summary: Record, dtype: str = "float32") -> list[Rate]:
    return [rate for rate in libraries.rates(run, summary) if rate.dtype == dtype]


def base(summary: Record, library: str, dtype: str = "float32") -> Record:
    name = f"{library} matmul {dtype} cpu"
    return next(row for row in summary["cases"] if (row["group"], row["case"]) == (name, "1024"))


def set_rate(row: Record, rate: float) -> None:
    row.update(flop_rate=rate, time_s=row["flops"] / rate, time_low=0.99 * row["flops"] / rate,
               time_high=1.01 * row["flops"] / rate)  # fmt: skip


def test_libraries_come_best_first_with_their_share_of_the_best(maker: Maker) -> None:
    rates = found(*maker(crowded=True, flawed=False))
    assert [rate.library for rate in rates] == ["jax", "tensorflow", "torch", "mxnet", "numpy"]
    assert rates[0].share == 1
    assert rates[2].share == pytest.approx(118 / 331)
    assert all(rate.low < rate.rate < rate.high for rate in rates)


def test_each_dtype_has_a_best_of_its_own(maker: Maker) -> None:
    rates = found(*maker(crowded=True, flawed=False), dtype="bfloat16")
    assert [(rate.library, rate.share) for rate in rates] == [("torch", 1), ("jax", pytest.approx(1 / 6))]


def test_the_best_of_what_was_measured_at_the_base_size_counts(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    set_rate(base(summary, "numpy"), 200e9)
    for row in summary["cases"]:
        if row["case"] in ("1032", "control") or row["stack"] == 4:
            set_rate(row, 900e9)
    assert [(rate.library, rate.rate) for rate in found(run, summary)] == [("numpy", 200e9), ("torch", 118e9)]


def test_a_library_that_took_turns_with_others_only_is_found_too(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    summary["cases"] = [row for row in summary["cases"] if row["group"] == GROUP]
    assert [rate.library for rate in found(run, summary)] == ["torch", "numpy"]


def test_the_version_is_that_of_the_worker_else_that_of_the_record(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    assert found(run, summary)[0].named == "torch 2.15.0"
    for row in summary["cases"]:
        row["conditions"] = None
    run["machine"]["facts"]["torch"] = {"version": {"value": "2.6.0"}}
    assert [rate.named for rate in found(run, summary)] == ["torch 2.6.0", "numpy"]


def test_what_was_not_measured_has_no_rate(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["cases"]:
        if row["provider"] == "numpy":
            row["status"] = "failed"
    assert [rate.library for rate in found(run, summary)] == ["torch"]


def test_rates_and_shares_are_said_with_intervals(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    row = base(summary, "torch")
    set_rate(row, 120e9)
    text = said(run, summary, LIBRARIES)
    assert "In float32, torch 2.15.0 reaches 120 GFLOP/s in products of 1024 (95 % interval 119-121 GFLOP/s)" in text
    assert "; 51 % in numpy 2.4.6 of that." in text
    assert "In bfloat16, torch 2.15.0 reaches 240 GFLOP/s" in text
    assert "no other library was measured there" in text
    assert "intervals and no verdicts" in text


def test_verdicts_are_those_of_the_group_in_which_libraries_took_turns(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    row = next(row for row in summary["comparisons"] if (row["group"], row["case"]) == (GROUP, "numpy"))
    row.update(ratio=1.5, ci_low=1.4, ci_high=1.6, verdict="slower")
    assert "by the time it takes over that of torch: slower: numpy (1.50x, 1.40-1.60)." in said(run, summary, LIBRARIES)
    table = libraries.table(run, summary)
    assert table is not None
    lines = {line[0].text: [cell.text for cell in line[-3:]] for line in table.sections[0].rows}
    assert lines["numpy"][0::2] == ["torch", "slower"]
    assert lines["torch"][0] == "is the baseline"
    assert {line[-1].text for section in table.sections[1:] for line in section.rows} == {"\N{EN DASH}"}


def test_a_group_whose_control_failed_gives_no_verdict_in_words_and_a_marked_one_in_the_table(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        if row["group"] == GROUP:
            row.update(marked=True, verdict="slower")
    assert "in turns" not in said(run, summary, LIBRARIES)
    table = libraries.table(run, summary)
    assert table is not None
    assert "slower (!)" in [line[-1].text for line in table.sections[0].rows]
    assert libraries.compared(summary, "numpy", "torch", "cpu", "float32") is None


def test_libraries_side_by_side_are_no_odd_sizes(maker: Maker) -> None:
    _, summary = maker(crowded=True)
    for table in ("cases", "comparisons"):
        sizes = {row["group"] for row in rows.alignment(summary, table)}
        assert sizes
        assert GROUP not in sizes
        assert {row["group"] for row in rows.libraries(summary, table)} == {GROUP}


def test_without_products_there_is_no_table(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for name in ("cases", "comparisons"):
        summary[name] = [row for row in summary[name] if row["study"] == "throughput"]
    assert libraries.table(run, summary) is None
    assert said(run, summary, LIBRARIES) == ""
    assert 'id="libraries"' not in page.render(run, summary, [])
