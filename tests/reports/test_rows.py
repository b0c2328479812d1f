"""Picking rows out of a summary."""

from __future__ import annotations

import pytest

from reports import rows
from tests.reports.shown import Maker, Record


def test_the_slowest_end_of_a_time_is_the_lowest_end_of_a_rate() -> None:
    case = {"time_s": 2.0, "time_low": 1.0, "time_high": 4.0, "flop_rate": 100.0}
    assert rows.rate_bounds(case, "flop_rate") == (100.0, 50.0, 200.0)


@pytest.mark.parametrize("case", [{"time_s": None, "flop_rate": 1.0}, {"time_s": 1.0, "flop_rate": None}, {}])
def test_a_rate_that_was_not_measured_has_no_interval(case: Record) -> None:
    assert rows.rate_bounds(case, "flop_rate") is None


def test_an_unknown_end_is_the_value_itself() -> None:
    assert rows.bounds({"x": 2.0, "low": None, "high": float("nan")}, "x", "low", "high") == (2.0, 2.0, 2.0)


def test_a_ratio_comes_with_its_own_interval() -> None:
    row = {"ratio": 1.5, "ci_low": 1.4, "ci_high": 1.7, "low": 0.0, "high": 9.0}
    assert rows.ratio_bounds(row) == (1.5, 1.4, 1.7)
    assert rows.ratio_bounds(row | {"ratio": None}) is None


def test_what_a_variable_costs_is_no_odd_size(maker: Maker) -> None:
    _, summary = maker(steered=True)
    assert {row["case"] for row in rows.steering(summary)} == {"without OPENBLAS_CORETYPE"}
    for table in ("cases", "comparisons"):
        groups = {row["group"] for row in rows.alignment(summary, table)}
        assert groups
        assert not [group for group in groups if "steering" in group]


def test_implementations_are_named_in_one_order_everywhere(maker: Maker) -> None:
    _, summary = maker(crowded=True)
    names = rows.implementations(reversed(summary["cases"]))
    assert names[:7] == ["numpy_scratch", "torch_concise", "torch_scratch", "torch_manual", "torch_compile",
                         "jax_scratch", "jax_scratch:eager"]  # fmt: skip


def test_controls_are_left_out_unless_asked_for(records: tuple[Record, Record]) -> None:
    _, summary = records
    assert not any(row["control"] for row in rows.throughput(summary, "comparisons"))
    assert any(row["control"] for row in rows.throughput(summary, "comparisons", control=True))


def test_panels_hold_what_is_alike_in_all_but_the_width(records: tuple[Record, Record]) -> None:
    _, summary = records
    found = rows.panels(rows.throughput(summary, "cases"))
    assert [panel.depth for panel in found] == [1, 3]
    assert [row["width"] for row in next(iter(found.values()))][::5] == [16, 64, 256, 1024]


def test_a_fact_is_found_by_part_of_its_name_and_unknown_ones_are_passed_over() -> None:
    facts = {"numpy": {"architecture": {"value": None}, "blas_architecture": {"value": "Zen"}}}
    run = {"machine": {"facts": facts}}
    assert rows.fact_value(run, "numpy", "architecture") == "Zen"
    assert rows.fact_value(run, "torch", "architecture") is None
