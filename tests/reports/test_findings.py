"""The sentences of the first screen say what the summary says, and no more."""

from __future__ import annotations

import re

import pytest

from reports import tables
from reports.findings import FASTEST, FIRST, FIXED, MATTERS, MIND, ODD, findings
from reports.winners import winners
from tests.reports.shown import Maker, Record, lines, said


def row_of(summary: Record, group: str, case: str) -> Record:
    rows: list[Record] = summary["comparisons"]
    return next(row for row in rows if row["group"].startswith(group) and row["case"] == case)


def test_the_fastest_is_named_with_verdict_ratio_and_interval(maker: Maker) -> None:
    run, summary = maker()
    row_of(summary, "784-16-10", "numpy_scratch").update(ratio=0.5, ci_low=0.49, ci_high=0.51)
    assert (
        "at width 16, numpy_scratch is fastest: faster than torch_concise, taking 0.500x of its time "
        "(95 % interval 0.490-0.510)" in said(run, summary, FASTEST)
    )


def test_one_that_is_as_near_as_the_intervals_tell_is_named_beside_the_fastest(maker: Maker) -> None:
    _, summary = maker()
    row_of(summary, "784-16-10", "numpy_scratch").update(ratio=0.5, ci_low=0.49, ci_high=0.51)
    row_of(summary, "784-16-10", "torch_manual").update(ratio=0.52, ci_low=0.505, ci_high=0.53)
    first = next(one for one in winners(summary) if one.width == 16)
    assert (first.name, first.rivals) == ("numpy_scratch", ("torch_manual",))


def test_one_that_is_faster_but_for_the_verdict_stands_beside_the_baseline(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        row["verdict"] = "equivalent"
    row_of(summary, "784-16-10", "torch_scratch").update(verdict="inconclusive", ratio=0.94, ci_low=0.8, ci_high=1.1)
    row_of(summary, "784-16-10", "torch_manual").update(verdict="inconclusive", ratio=1.04, ci_low=0.9, ci_high=1.2)
    (first, *_) = [one for one in winners(summary) if one.width == 16]
    assert (first.name, first.row, first.rivals) == ("torch_concise", None, ("torch_scratch",))
    assert "torch_concise (or torch_scratch)" in [line[1] for line in lines(tables.answers(summary))]


def test_where_nothing_is_faster_the_baseline_stands(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        if row["study"] == "throughput":
            row["verdict"] = "equivalent"
    text = said(run, summary, FASTEST)
    assert "nothing is faster than torch_concise; equivalent: numpy_scratch" in text
    assert "is fastest" not in text


def test_an_inconclusive_ratio_below_one_makes_nobody_fastest(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        row.update(verdict="inconclusive", ratio=0.5)
    assert {one.name for one in winners(summary)} == {"torch_concise"}


def test_widths_with_the_same_winner_share_a_sentence(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        if row["study"] == "throughput" and row["depth"] == 1:
            row["verdict"] = "faster" if row["case"] == "torch_compile" else "slower"
    assert "at widths 16 to 1024, torch_compile is fastest" in said(run, summary, FASTEST)


def test_a_group_whose_control_failed_names_no_winner(maker: Maker) -> None:
    run, summary = maker()
    assert not re.search(r"(?<![\d.])64(?!\d)", said(run, summary, FASTEST))
    assert "In 784-64-10" in said(run, summary, MIND)


def test_when_all_cross_over_the_width_is_that_of_the_last(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row, width in zip(summary["crossovers"], (16, 64, 64, 256), strict=True):
        row["width"] = width
    assert "every implementation is equivalent to torch_concise (within ±2 %) from width 256 on" in said(
        run, summary, MATTERS
    ).replace("Every", "every")


def test_one_that_never_becomes_equivalent_is_said_with_its_verdict(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["crossovers"]:
        row["width"] = None if row["implementation"] == "numpy_scratch" else 64
    row_of(summary, "784-1024-10", "numpy_scratch").update(ratio=1.5, ci_low=1.4, ci_high=1.6, verdict="slower")
    assert "At 1024 numpy_scratch is slower (1.50x, 1.40-1.60)" in said(run, summary, MATTERS)


def test_equivalence_that_was_not_followed_to_the_widest_is_no_crossover(maker: Maker) -> None:
    """An implementation that failed at 1024 may have been equivalent at 256; that says nothing of wider ones."""
    run, summary = maker(flawed=False)
    for row in summary["crossovers"]:
        row["width"] = None
        if row["implementation"] == "numpy_scratch":
            row.update(width=64, widths=[16, 64, 256])
    assert "numpy_scratch is equivalent" not in said(run, summary, MATTERS)


def test_a_crossover_over_a_marked_group_is_hedged(maker: Maker) -> None:
    run, summary = maker()
    summary["crossovers"][0]["width"] = 16
    assert "This rests on width 64, where the control failed" in said(run, summary, MATTERS)


def test_fixed_costs_come_cheapest_first_with_intervals(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    text = said(run, summary, FIXED)
    assert text.startswith("62.0 µs (59.5-65.1 µs) in numpy_scratch")
    assert text.endswith("in torch_scratch.")


def test_odd_sizes_are_told_by_verdict(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        if row["group"] == "torch matmul float64 cpu" and not row["control"]:
            row["verdict"] = "slower" if row["case"] == "1025" else "equivalent"
    row_of(summary, "torch matmul float64", "1025").update(ratio=1.2, ci_low=1.15, ci_high=1.25)
    expected = "torch float64 — slower per unit of arithmetic than 1024: 1025 (1.20x, 1.15-1.25); "
    assert expected + "equivalent: 1026, 1028 and 1032." in said(run, summary, ODD)


def test_libraries_in_which_odd_sizes_cost_nothing_share_a_sentence(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        row["verdict"] = "equivalent"
    assert said(run, summary, ODD).count("equivalent") == 1


def test_a_variable_that_holds_numpy_back_comes_first_with_its_cost(maker: Maker) -> None:
    run, summary = maker(steered=True)
    row = next(row for row in summary["comparisons"] if row["group"] == "numpy steering cpu")
    row.update(ratio=0.4, ci_low=0.38, ci_high=0.42, verdict="faster")
    text = said(run, summary, FIRST)
    assert findings(run, summary)[0].question == FIRST
    assert "OPENBLAS_CORETYPE=Prescott is set" in text
    assert "faster, taking 0.40x of the time (95 % interval 0.38-0.42)" in text
    assert "without it: 2.50x (2.38-2.63)" in text
    assert "`unset OPENBLAS_CORETYPE`" in text


def test_a_variable_that_makes_no_difference_is_no_accusation(maker: Maker) -> None:
    run, summary = maker(steered=True)
    next(row for row in summary["comparisons"] if "steering" in row["group"])["verdict"] = "equivalent"
    assert "holds" not in said(run, summary, FIRST)


def test_a_variable_whose_comparison_was_disturbed_is_not_judged(maker: Maker) -> None:
    run, summary = maker(steered=True)
    next(row for row in summary["comparisons"] if "steering" in row["group"])["marked"] = True
    assert "cannot be said" in said(run, summary, FIRST)


def test_a_variable_that_was_not_measured_is_still_a_warning(maker: Maker) -> None:
    run, summary = maker(steered=True)
    summary["comparisons"] = [row for row in summary["comparisons"] if "steering" not in row["group"]]
    assert "was not measured here" in said(run, summary, FIRST)
    assert "kernels for Prescott" in said(run, summary, FIRST)


@pytest.mark.parametrize(
    ("architecture", "timed", "told"),
    [
        ("SkylakeX", True, "numpy_scratch@as-built runs without it, which shows beside numpy_scratch what it costs"),
        ("SkylakeX", False, "was not measured here"),
        (None, False, "was not measured here"),
        ("Prescott", True, ""),
    ],
)
def test_an_environment_without_the_variable_tells_what_it_costs_or_that_it_changes_nothing(
    maker: Maker, architecture: str | None, timed: bool, told: str
) -> None:
    run, summary = maker(steered=True, flawed=False)
    summary["comparisons"] = [row for row in summary["comparisons"] if "steering" not in row["group"]]
    run["environments"] = {
        "numpy": {"framework": "numpy", "variables": {}},
        "as-built": {"framework": "numpy", "variables": {"OPENBLAS_CORETYPE": None}},
        "torch-2": {"framework": "torch", "variables": {"OPENBLAS_CORETYPE": None}},
    }
    run["machine"]["facts"]["as-built"] = {"architecture": {"value": architecture}}
    if timed:
        row = next(row for row in summary["cases"] if row["case"] == "numpy_scratch")
        summary["cases"].append(row | {"implementation": "numpy_scratch@as-built", "environment": "as-built"})
    text = said(run, summary, FIRST)
    assert told in text
    assert bool(text) == bool(told)
    assert ("was not measured here" in text) == ("not measured" in told)


def test_without_steering_variables_nothing_precedes_the_answers(maker: Maker) -> None:
    run, summary = maker()
    assert findings(run, summary)[0].question == FASTEST


def test_synthetic_images_are_said(maker: Maker) -> None:
    run, summary = maker(synthetic=True)
    assert "The images are synthetic" in said(run, summary, MIND)
    assert "synthetic" not in said(*maker(), MIND)


def test_lost_cases_are_counted_by_kind(maker: Maker) -> None:
    run, summary = maker()
    assert "1 failed, 1 not equal and 1 skipped" in said(run, summary, MIND)


def test_a_single_run_is_one_run(maker: Maker) -> None:
    assert "A single run is one run" in said(*maker(), MIND)


def test_the_run_s_own_notes_are_passed_on(maker: Maker) -> None:
    run, summary = maker()
    summary["notes"] = ["throughput: 3 of 5 launches are complete"]
    assert "3 of 5 launches" in said(run, summary, MIND)


def test_a_group_without_its_baseline_says_why_it_has_no_verdicts(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    group = "784-16-10 batch 256 float32 cpu"
    summary["comparisons"] = [row for row in summary["comparisons"] if row["group"] != group]
    base = next(row for row in summary["cases"] if row["group"] == group and row["case"] == "torch_concise")
    base.update(status="failed", reason="out of memory")
    text = said(run, summary, MIND)
    assert "absolute figures but no verdicts: the baseline, torch_concise, is failed (out of memory)" in text


def test_without_any_comparison_the_page_says_so(maker: Maker) -> None:
    run, summary = maker()
    summary.update(comparisons=[], crossovers=[], fixed_costs=[])
    assert "There are no verdicts on this page" in said(run, summary, MIND)


def test_an_empty_summary_has_findings_all_the_same() -> None:
    assert [finding.question for finding in findings({}, {})] == [MIND]
